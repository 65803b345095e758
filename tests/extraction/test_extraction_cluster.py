"""Extraction on a cluster: real schedulers and workers as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import cloudpickle
import pytest
from world import run_command

from asc import environment
from asc.corpus import open_corpus
from asc.errors import AscError, InputError, UsageError
from asc.extraction import extract as extract_plan
from asc.extraction import plan, workers
from asc.parallel import cluster

SMALL = ("--rows", "16", "--columns", "16")


#: Makes a worker wait for a clip as long as there is a file of that name with ".held".
HOLD = """
import os, time
from asc.features import read_clip
from asc.extraction import workers
def read_when_released(path, *arguments, **options):
    while os.path.exists(f"{path}.held"):
        time.sleep(0.01)
    return read_clip(path, *arguments, **options)
workers.read_clip = read_when_released
"""


def asc_extract(*arguments):
    return run_command("asc-extract", *arguments, *SMALL)


class Dask:
    """A scheduler and two workers of one thread each."""

    def __init__(self, folder):
        self.file = folder / "scheduler.json"
        self.hold = folder / "hold.py"
        self.hold.write_text(HOLD)
        address = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.scheduler = self.start(
            "dask_scheduler", *address, "--scheduler-file", self.file
        )
        self.workers = [self.start_worker() for _ in range(2)]
        while not self.file.exists():
            assert self.scheduler.poll() is None
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, what, *arguments):
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{what}", *map(str, arguments)],
            cwd=self.file.parent,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"},
        )

    def start_worker(self):
        plain = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host")
        return self.start(
            "dask_worker",
            *(*plain, "127.0.0.1", "--scheduler-file", self.file),
            *("--preload", self.hold),
        )

    def kill_busy_worker(self):
        """Kill the one worker that computes something, and start another."""
        from distributed import Client

        self.workers.append(self.start_worker())
        with Client(self.address) as client:
            busy = {}
            while not busy:
                processing = client.processing().items()
                busy = {worker: keys for worker, keys in processing if keys}
            (pid,) = client.run(os.getpid, workers=list(busy)).values()
            os.kill(pid, signal.SIGKILL)
            while list(busy)[0] in client.processing():
                pass

    def stop(self):
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    cluster = Dask(tmp_path_factory.mktemp("dask"))
    yield cluster
    cluster.stop()


@pytest.fixture
def own_dask(tmp_path):
    """Return a cluster that a test may destroy."""
    cluster = Dask(tmp_path)
    yield cluster
    cluster.stop()


def test_a_dask_cluster_gives_the_same_bytes(dask, few_clips, store, small_store):
    result = asc_extract(
        few_clips, store, "--backend", "dask", "--scheduler", dask.address
    )
    assert result.returncode == 0, result.stderr
    # Nothing but progress: the cluster's own chatter is kept from the user.
    lines = result.stderr.splitlines()
    expected = ("extracting", "note: Split")
    assert [line for line in lines if not line.startswith(expected)] == []
    assert "24 computed" in result.stdout
    assert store.read_bytes() == small_store.read_bytes()


def test_ray_gives_the_same_bytes(few_clips, store, small_store):
    """On a cluster of its own; Ray is not among the packages of the tests."""
    pytest.importorskip("ray")
    result = asc_extract(few_clips, store, "--backend", "ray")
    assert result.returncode == 0, result.stderr
    assert store.read_bytes() == small_store.read_bytes()


@pytest.fixture
def stuck(own_corpus):
    """Hold the worker that gets a certain clip; return how to release it."""
    held = own_corpus / "audio" / "b001_0_1.wav.held"
    held.touch()
    return held.unlink


def when_one_is_left(act):
    """Return a progress function that acts when all clips but one are finished."""

    def progress(done: int, total: int) -> None:
        if done == total - 1:
            act()

    return progress


@pytest.fixture
def planned(monkeypatch, own_corpus, store):
    """Return the plan for a corpus of which workers get one clip at a time."""
    monkeypatch.setattr(workers, "_BATCH", 1)
    return plan(open_corpus(own_corpus), store, rows=16, columns=16)


def test_clips_of_a_lost_worker_are_computed_by_another(
    dask, planned, stuck, small_store
):
    def kill():
        dask.kill_busy_worker()
        stuck()

    report = extract_plan(
        planned,
        backend="dask",
        scheduler=dask.address,
        progress=when_one_is_left(kill),
    )
    assert report.complete and report.computed == 24
    assert report.store.read_bytes() == small_store.read_bytes()


def test_a_clip_that_kills_every_worker_is_named(dask, planned, stuck):
    def kill():
        for _ in range(2):
            dask.kill_busy_worker()

    with pytest.raises(AscError, match=r"at one of these clips: audio/b001_0_1\.wav"):
        extract_plan(
            planned,
            backend="dask",
            scheduler=dask.address,
            progress=when_one_is_left(kill),
        )
    stuck()
    report = extract_plan(planned, jobs=1)
    assert report.complete and (report.computed, report.kept) == (1, 23)


def test_a_scheduler_that_is_lost(own_dask, planned, stuck):
    with pytest.raises(AscError, match=rf"at {own_dask.address} does not answer"):
        extract_plan(
            planned,
            backend="dask",
            scheduler=own_dask.address,
            progress=when_one_is_left(own_dask.scheduler.kill),
        )
    stuck()
    report = extract_plan(planned, jobs=1)
    assert report.complete and (report.computed, report.kept) == (1, 23)


# Workers that are not fit


def task(root, **versions):
    def compute(batch):
        return [path.upper() for _, path in batch]

    versions = environment.dsp_versions() | versions
    checked = cluster._Checked(cloudpickle.dumps(compute), (root,), versions, ())
    return lambda batch: checked(cloudpickle.dumps(batch))


def test_a_worker_like_this_machine(tmp_path):
    assert task(tmp_path)([(0, "a.wav")]) == ["A.WAV"]


def test_a_worker_with_other_libraries(tmp_path):
    """It would compute other numbers than the store says."""
    with pytest.raises(AscError, match=r"has other versions .*: numpy .* of 1\.0\."):
        task(tmp_path, numpy="1.0")([(0, "a.wav")])


def test_a_worker_that_does_not_see_the_corpus(tmp_path):
    """Said once, not as a missing file for every clip."""
    with pytest.raises(InputError, match="does not see .*gone.* same path"):
        task(tmp_path / "gone")([(0, "a.wav")])


# Before work starts


def test_unknown_backend(extract, few_clips, store):
    with pytest.raises(UsageError, match="Did you mean 'dask'"):
        extract(few_clips, store, backend="dusk")


@pytest.mark.parametrize(
    ("backend", "package"), [("dask", "distributed"), ("ray",) * 2]
)
def test_a_backend_that_is_not_installed(
    extract, few_clips, store, monkeypatch, backend, package
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        UsageError, match=rf"pip install 'acoustic-scenes\[{backend}\]'"
    ):
        extract(few_clips, store, backend=backend)


def test_no_cluster_at_that_address(extract, few_clips, store, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = "tcp://127.0.0.1:%d" % free.getsockname()[1]
    with pytest.raises(AscError, match=f"dask cluster at {address} does not answer"):
        extract(few_clips, store, backend="dask", scheduler=address)
