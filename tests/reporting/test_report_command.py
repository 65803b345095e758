"""asc report as a user runs it, and the page as a browser takes it."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from page_reader import Page
from world import finish_run, run_python

from asc.store import FeatureStore

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_store):
    folder = tmp_path_factory.mktemp("command")
    finish_run(folder / "run", FeatureStore(small_store), split="recording")
    return folder


def command(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    program = "import sys; from asc.cli.main import main\ntry: main()\nfinally: print("
    program += "'tensorflow' in sys.modules)"
    return run_python(program, "report", *arguments, cwd=cwd)


def test_a_report_by_command(folder):
    done = command("run", "-o", "page.html", "--no-baseline", cwd=folder)
    assert done.returncode == 0, done.stderr
    message, loaded = done.stdout.splitlines()
    assert message.startswith("page.html: ") and message.endswith("B")
    assert loaded == "False", "a report needs no TensorFlow"
    Page((folder / "page.html").read_text("utf-8")).assert_harmless()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nothing",), 3, "is not a run, comparison or evaluation"),
        ((), 2, "Missing argument"),
        (("run", "-o", "run/log.txt"), 2, "not a report"),
        (("run", "-o", "no/page.html"), 3, "does not exist"),
        (("run", "--audio", "no"), 3, "does not exist"),
        (("run", "--template", "no"), 3, "does not exist"),
        (("run", "--template", "bad.html"), 3, "bad.html, line 2"),
    ],
)
def test_an_error_is_one_sentence(folder, arguments, code, words):
    (folder / "run" / "log.txt").touch()
    (folder / "bad.html").write_text("\n{{ nothing }}")
    done = command(*arguments, cwd=folder)
    assert done.returncode == code, done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr


def test_examples_of_an_augmentation_of_a_user(folder, small_store):
    (folder / "lab.py").write_text(
        "import numpy as np, asc\n\n\n"
        "@asc.register_augmentation('gain')\n"
        "class Gain:\n"
        "    def draw(self, rng, rows, shape):\n"
        "        return {'codes': rng.uniform(-2, 2, len(rows))}\n\n"
        "    def apply(self, features, labels, codes):\n"
        "        features += codes[:, None, None, None]\n"
    )
    finish_run(
        folder / "own", FeatureStore(small_store), split="recording", augment="gain"
    )
    done = command("own", "--import", "lab", "-o", "own.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = Page((folder / "own.html").read_text("utf-8"))
    assert found.one("figure", data_transforms="gain")
    assert not found.find(data_unregistered="")


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
def test_a_browser_takes_the_page_without_a_word_or_a_request(folder):
    """It is served by HTTP, so that any request for something else would show."""
    assert command("run", "-o", "page.html", cwd=folder).returncode == 0
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore

        def log_message(self, form: str, *values: object) -> None:
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        done = subprocess.run(
            [
                str(BROWSER),
                *("--headless", "--no-sandbox", "--disable-gpu"),
                *("--enable-logging=stderr", "--v=0", "--dump-dom"),
                f"--user-data-dir={folder / 'profile'}",
                f"http://127.0.0.1:{server.server_port}/page.html",
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    # Browsers ask for an icon by themselves.
    assert set(asked) - {"/favicon.ico"} == {"/page.html"}
    # What the browser made of it is as it was written.
    assert Page(done.stdout).text == Page((folder / "page.html").read_text()).text
