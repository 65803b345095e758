"""The page in a browser: nothing overflows, all is decoded, nothing is amiss."""

from __future__ import annotations

import http.server
import json
import queue
import shutil
import subprocess
import threading

import pytest
from page_reader import Page

import asc

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
#: A page that measures the report in frames of two widths, and sends what it finds.
HARNESS = """<!doctype html><meta charset="utf-8"><title>test</title><body><script>
const outside = (doc, width) => [...doc.querySelectorAll("body *")]
  .filter(e => !e.closest("svg") && !e.parentElement.closest(".scroll"))
  .filter(e => e.getBoundingClientRect().right > width + 1)
  .map(e => `${e.tagName} ${e.className}: ${e.textContent.slice(0, 40)}`);
const undecoded = async doc => {
  const images = [...doc.querySelectorAll("img")].map(e => e.src)
    .concat([...doc.querySelectorAll("svg image")].map(e => e.href.baseVal));
  const found = await Promise.allSettled(images.map(src => {
    const image = new Image();
    image.src = src;
    return image.decode();
  }));
  return [found.length, found.filter(each => each.status === "rejected").length];
};
const seconds = doc => Promise.all([...doc.querySelectorAll("audio")].map(
  e => new Promise(done => {
    e.onloadedmetadata = () => done(e.duration);
    e.onerror = () => done(0);
    e.preload = "metadata";
    e.load();
  })));
async function measure(width) {
  const frame = document.createElement("iframe");
  frame.style.cssText = `border: 0; height: 900px; width: ${width}px`;
  const loaded = new Promise(done => { frame.onload = done; });
  frame.src = "page.html";
  document.body.append(frame);
  await loaded;
  const doc = frame.contentDocument;
  const text = doc.documentElement.outerHTML;
  doc.querySelectorAll("details").forEach(e => { e.open = true; });
  const style = frame.contentWindow.getComputedStyle(doc.querySelector(".blocks"));
  return {
    width, text,
    across: doc.documentElement.scrollWidth,
    outside: outside(doc, width),
    scrolling: [...doc.querySelectorAll(".scroll")]
      .filter(e => e.querySelector(".scenes") && e.scrollWidth > e.clientWidth + 1)
      .map(e => e.getAttribute("aria-label")),
    columns: style.gridTemplateColumns.split(" ").length,
    images: await undecoded(doc),
    seconds: await seconds(doc),
  };
}
Promise.all([390, 1440].map(measure)).catch(String).then(
  found => fetch("/found", {method: "POST", body: JSON.stringify(found)}));
</script></body>"""


@pytest.fixture
def measured(tmp_path):
    """Return the function that measures a page; its folder is served by HTTP.

    So a request for anything but the page would show.
    """
    asked: list[str] = []
    found: queue.Queue = queue.Queue()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))  # type: ignore

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            found.put(json.loads(self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, form: str, *values: object) -> None:
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def measure() -> list[dict]:
        (tmp_path / "harness.html").write_text(HARNESS)
        log = tmp_path / "browser.log"
        with log.open("w") as stderr:
            browser = subprocess.Popen(
                [
                    str(BROWSER),
                    *("--headless", "--no-sandbox", "--disable-gpu"),
                    *("--hide-scrollbars", "--enable-logging=stderr", "--v=0"),
                    *("--remote-debugging-port=0", "--window-size=1500,1000"),
                    f"--user-data-dir={tmp_path / 'profile'}",
                    f"http://127.0.0.1:{server.server_port}/harness.html",
                ],
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
            try:
                results = found.get(timeout=120)
            finally:
                browser.terminate()
                browser.wait(timeout=60)
        assert isinstance(results, list), results
        assert "CONSOLE" not in log.read_text(errors="replace"), log.read_text()
        # Browsers ask for an icon by themselves.
        expected = {"/harness.html", "/page.html", "/found"}
        assert set(asked) - {"/favicon.ico"} == expected
        return results

    yield measure
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
def test_a_browser_shows_the_page_at_the_width_of_a_phone_and_of_a_desktop(
    modelled, few_clips, tmp_path, measured
):
    target = tmp_path / "page.html"
    asc.report(modelled, target, audio=few_clips, players=True, baseline=False)
    written = Page(target.read_text("utf-8"))
    phone, desktop = measured()
    for found in (phone, desktop):
        # What the browser made of it is as it was written.
        assert Page("<!doctype html>" + found["text"]).text == written.text
        assert found["across"] <= found["width"]
        assert found["outside"] == []
        assert found["images"][0] > 8 and found["images"][1] == 0
        assert len(found["seconds"]) == len(written.find("audio")) > 4
        assert found["seconds"] == pytest.approx([1.0] * len(found["seconds"]), abs=0.1)
    assert phone["scrolling"] == []
    assert (phone["columns"], desktop["columns"]) == (1, 2)
