"""Extraction that is killed, locked out, or runs out of space."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import namedtuple

import numpy as np
import pytest
from world import python_command

from asc.errors import AscError, Busy, StoreError
from asc.extraction import extractor
from asc.store import FeatureStore, partial_path, verify
from asc.store.schema import DONE

DRIVER = """
import sys, time
from asc import extraction
from asc.corpus import open_corpus
from asc.extraction import extractor, workers

extractor._COMMIT_SECONDS = 0.02
compute = workers._compute

def slow(*arguments):
    time.sleep(0.02)
    return compute(*arguments)

workers._compute = slow
plan = extraction.plan(
    open_corpus(sys.argv[1]), sys.argv[2], features=["stft"], rows=16, columns=16
)
extraction.extract(plan, jobs=1, progress=lambda done, total: print(done, flush=True))
"""


def test_killed_again_and_again(extract, few_clips, tmp_path, store, computed):
    """kill -9 at random moments; the rest gives the same bytes, and only the rest."""
    settings = {"features": ["stft"]}
    clean = extract(few_clips, tmp_path / "clean.h5", settings=settings)
    growing = partial_path(store)
    rng = random.Random(1)
    done_before = 0
    for _ in range(2):
        command = python_command(DRIVER, few_clips, store)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            for _ in range(rng.randrange(2, 6)):
                assert process.stdout.readline()
            time.sleep(rng.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
        assert not store.exists()
        partial = FeatureStore(growing, partial=True)
        assert verify(partial) == ["The store is not complete."]
        done = np.flatnonzero(partial.status() == DONE)
        assert len(done) > done_before
        done_before = len(done)
    computed.clear()
    report = extract(few_clips, store, settings=settings)
    assert (report.computed, report.kept) == (24 - len(done), len(done))
    paths = FeatureStore(store).paths()
    # What was in work when it was killed is computed in a process of its own.
    note = report.notes[-1]
    assert len(computed) == 24 - len(done) - 1
    apart = set(paths) - {paths[row] for row in done} - set(computed)
    assert [path for path in apart if path in note] == list(apart)
    assert store.read_bytes() == clean.store.read_bytes()
    assert not growing.exists()


def test_interrupted_between_clips(
    extract, few_clips, store, computed, small_store, stop_after
):
    """What was written is kept, even what no commit had vouched for yet."""
    with pytest.raises(KeyboardInterrupt):
        extract(few_clips, store, progress=stop_after(10))
    assert not store.exists()
    computed.clear()
    report = extract(few_clips, store)
    assert (report.computed, report.kept) == (14, 10)
    assert len(computed) == 14
    assert store.read_bytes() == small_store.read_bytes()


@pytest.mark.parametrize("leftover", ["store.h5.new.partial", "store.h5.partial.work"])
def test_leftovers_of_a_crash_do_not_matter(
    extract, few_clips, store, small_store, leftover
):
    """A crash while the file was laid out, and rows in work of another file."""
    store.with_name(leftover).write_bytes(b"?")
    assert extract(few_clips, store).complete
    assert store.read_bytes() == small_store.read_bytes()
    assert os.listdir(store.parent) == ["store.h5"]


@pytest.mark.parametrize(
    "place", ["asc.store.writer._seal", "asc.files.fsync_and_rename"]
)
def test_crash_before_the_last_rename(
    extract, few_clips, store, small_store, computed, monkeypatch, place
):
    """Before the file is sealed, and after that."""

    def crash(source, target=None):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        with pytest.raises(KeyboardInterrupt):

            def progress(done, total):
                if done == total:
                    patch.setattr(place, crash)

            extract(few_clips, store, progress=progress)
    assert partial_path(store).exists() and not store.exists()
    computed.clear()
    assert extract(few_clips, store).complete
    assert computed == []
    assert store.read_bytes() == small_store.read_bytes()


def test_damaged_growing_file(extract, few_clips, store, stop_after):
    """Not silently thrown away: the user says so."""
    with pytest.raises(KeyboardInterrupt):
        extract(few_clips, store, progress=stop_after(3))
    growing = partial_path(store)
    growing.write_bytes(growing.read_bytes()[:1000])
    with pytest.raises(StoreError, match="partial file of .*--overwrite"):
        extract(few_clips, store)
    assert extract(few_clips, store, overwrite=True).complete


# Two at a time, and full disks.

HOLDER = """
import sys
from pathlib import Path
from asc.locking import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_writer_at_a_time(extract, few_clips, store):
    """The other one is named; when it dies, even by force, its lock is void."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, store],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Busy) as caught:
            extract(few_clips, store)
        assert caught.value.exit_code == 7
        assert f"process {holder.pid} on {socket.gethostname()}" in str(caught.value)
        assert sorted(os.listdir(store.parent)) == ["store.h5.lock"]
        holder.kill()
    assert sorted(os.listdir(store.parent)) == ["store.h5.lock"]
    assert extract(few_clips, store).complete
    assert sorted(os.listdir(store.parent)) == ["store.h5"]


def test_too_little_space_is_told_before_work(
    extract, few_clips, store, monkeypatch, computed
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1000))
    with pytest.raises(AscError, match="Not enough space .* Got 1 kB free"):
        extract(few_clips, store)
    assert computed == []
    assert os.listdir(store.parent) == []


def test_disk_that_fills_up(extract, few_clips, store, small_store, monkeypatch):
    """What was written before is kept, and the same command goes on."""
    write, calls = os.pwrite, []

    def full(descriptor, data, offset):
        calls.append(offset)
        if len(calls) > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data, offset)

    monkeypatch.setattr(extractor, "_COMMIT_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises((OSError, AscError), match="No space left|full"):
            extract(few_clips, store)
    partial = FeatureStore(partial_path(store), partial=True)
    assert verify(partial) == ["The store is not complete."]
    kept = int((partial.status() == DONE).sum())
    assert 0 < kept < 24
    report = extract(few_clips, store)
    assert (report.computed, report.kept) == (24 - kept, kept)
    assert store.read_bytes() == small_store.read_bytes()
