"""Clips that end the process that reads them, and clips that happen to be in work."""

from __future__ import annotations

import os
import signal
import subprocess

import numpy as np
import pytest
import soundfile
from world import python_command, run_python

from asc.extraction import workers
from asc.extraction.workers import KILLED
from asc.features import FrontEnd
from asc.store import FeatureStore, partial_path

CLIP = "audio/b001_0_1.wav"


@pytest.fixture(autouse=True)
def several_processes(monkeypatch):
    monkeypatch.setattr(workers, "_CLIPS_WORTH_A_PROCESS", 1)
    monkeypatch.setattr(workers, "_BATCH", 2)


@pytest.fixture
def clean(own_corpus, extract, tmp_path):
    """Make one clip silent; return the bytes of the store without accidents."""
    soundfile.write(own_corpus / CLIP, np.zeros((44100, 2)), 44100)
    path = tmp_path / "own" / "clean.h5"
    assert extract(own_corpus, path).complete
    return path.read_bytes()


@pytest.fixture
def deadly(clean, monkeypatch, tmp_path):
    """Return what makes the silent clip kill as many of its next readers."""
    lives = tmp_path / "own" / "lives"

    class Deadly(FrontEnd):
        def __call__(self, y):
            if not y.any() and lives.stat().st_size:
                os.truncate(lives, lives.stat().st_size - 1)
                os.kill(os.getpid(), signal.SIGKILL)
            return super().__call__(y)

    def kill(count: int) -> None:
        lives.write_bytes(bytes(count))

    monkeypatch.setattr(workers, "FrontEnd", Deadly)
    return kill


def test_a_clip_that_kills_twice_is_a_failure_and_the_rest_goes_on(
    extract, own_corpus, store, deadly
):
    deadly(2)
    report = extract(own_corpus, store, jobs=2, backend="loky")
    (problem,) = report.failures
    assert problem.where == CLIP
    assert problem.message == f"{KILLED} (SIGKILL)."
    assert report.computed == 23 and not report.complete
    assert sorted(os.listdir(store.parent)) == ["own", "store.h5.partial"]


def test_a_clip_in_work_when_a_worker_is_killed_is_tried_again(
    extract, own_corpus, store, deadly, clean
):
    deadly(1)
    report = extract(own_corpus, store, jobs=2, backend="loky")
    assert report.complete and report.failures == []
    assert any(CLIP in note and "process was killed" in note for note in report.notes)
    assert store.read_bytes() == clean


def test_a_clip_that_killed_its_process_is_read_apart_from_then_on(
    extract, own_corpus, store, deadly, clean, computed
):
    """Also by threads, which it would end all."""
    deadly(2)
    extract(own_corpus, store, jobs=2, backend="loky")
    report = extract(own_corpus, store, jobs=2, backend="threading")
    assert computed == []
    assert report.complete and (report.computed, report.kept) == (1, 23)
    assert store.read_bytes() == clean


def test_a_store_without_a_clip_that_killed_its_process_is_left_alone(
    extract, own_corpus, store, deadly, computed, monkeypatch
):
    """It is not read in this process to find out whether it works now."""
    deadly(2)
    report = extract(own_corpus, store, jobs=2, backend="loky", allow_failures=True)
    assert report.complete and report.clips == 23
    again = extract(own_corpus, store, allow_failures=True)
    assert again.complete and (again.computed, again.kept) == (0, 23)
    assert computed == [] and len(FeatureStore(store)) == 23


CRASHING = """
import os, sys
from asc import extraction
from asc.corpus import open_corpus
from asc.extraction import extractor, workers

extractor._COMMIT_SECONDS = 0
compute = workers._compute

def crash(frontend, root, accept, clip):
    if clip[1] == sys.argv[3]:
        os.abort()  # as a fault in a decoder would
    return compute(frontend, root, accept, clip)

workers._compute = crash
plan = extraction.plan(open_corpus(sys.argv[1]), sys.argv[2], rows=16, columns=16)
extraction.extract(plan, jobs=2)
"""


def test_clips_in_work_when_threads_crashed_are_read_apart_by_the_next_run(
    extract, own_corpus, store, small_store, computed
):
    crashed = run_python(CRASHING, own_corpus, store, CLIP)
    assert crashed.returncode == -signal.SIGABRT
    assert not store.exists() and partial_path(store).exists()
    report = extract(own_corpus, store)
    assert report.complete
    assert CLIP not in computed  # but in a process of its own
    assert any(CLIP in note for note in report.notes)
    assert store.read_bytes() == small_store.read_bytes()
    assert sorted(os.listdir(store.parent)) == ["own", "store.h5"]


SLOW = """
import sys, time
from asc import extraction
from asc.corpus import open_corpus
from asc.extraction import extractor, workers

def slow(done, total):
    print(done, flush=True)
    time.sleep(0.1)

extractor._COMMIT_SECONDS, workers._CLIPS_WORTH_A_PROCESS, workers._BATCH = 0, 1, 2
plan = extraction.plan(open_corpus(sys.argv[1]), sys.argv[2], rows=16, columns=16)
extraction.extract(plan, jobs=2, backend=sys.argv[3], progress=slow)
"""


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_kill_9_of_the_parent_and_resume(
    extract, few_clips, store, small_store, backend
):
    """Workers may still write for a moment, and always the same bytes."""
    code = python_command(SLOW, few_clips, store, backend)
    with subprocess.Popen(code, stdout=subprocess.PIPE) as process:
        for _ in range(3):
            assert process.stdout.readline()
        process.kill()
    assert not store.exists()
    report = extract(few_clips, store, jobs=2, backend=backend)
    assert report.complete and 0 < report.kept < 24
    assert store.read_bytes() == small_store.read_bytes()
