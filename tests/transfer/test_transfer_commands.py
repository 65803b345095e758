"""Sharing by command."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import call_command

from asc.store import FeatureStore


@pytest.fixture
def server(tmp_path: Path, small_store: Path) -> Iterator[str]:
    """Serve a folder with `small_store`, on the loopback device."""
    (tmp_path / "web").mkdir()
    shutil.copy(small_store, tmp_path / "web" / "s.h5")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path / "web"))
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=web.serve_forever, args=(0.02,)).start()
    yield f"http://127.0.0.1:{web.server_port}"
    web.shutdown()
    web.server_close()


def asc(*words: object, cwd: Path) -> subprocess.CompletedProcess:
    env = {"NO_PROXY": "127.0.0.1", "ASC_CACHE": "cache"}
    return call_command("asc", *words, cwd=cwd, env=env)


def test_pull_then_info_of_a_url(server, tmp_path, small_store):
    pulled = asc("store", "pull", server + "/s.h5", cwd=tmp_path)
    assert (pulled.returncode, pulled.stderr) == (0, "")
    info = asc("store", "info", server + "/s.h5", "--json", cwd=tmp_path)
    facts = json.loads(info.stdout)
    assert facts["digest"] == FeatureStore(small_store).digest
    assert facts["path"] == pulled.stdout.strip()
    missing = asc("store", "verify", server + "/none.h5", cwd=tmp_path)
    assert missing.returncode == 3
    assert "404" in missing.stderr


def test_push_pull_list_and_clean(tmp_path, small_store):
    assert asc("store", "push", small_store, "disk/", cwd=tmp_path).returncode == 0
    result = asc("store", "pull", "disk/small.h5", "--json", cwd=tmp_path)
    path = json.loads(result.stdout)["path"]
    listed = json.loads(asc("cache", "list", "--json", cwd=tmp_path).stdout)
    assert [entry["path"] for entry in listed["stores"]] == [path]
    assert listed["bytes"] == small_store.stat().st_size
    assert asc("cache", "clean", cwd=tmp_path).returncode == 2
    cleaned = asc("cache", "clean", "--all", "--json", cwd=tmp_path)
    assert [e["path"] for e in json.loads(cleaned.stdout)["removed"]] == [path]
    assert not (tmp_path / path).exists()
