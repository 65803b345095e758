"""Training takes as much memory from a large store as from a small one."""

from __future__ import annotations

import gc
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.scale import sparse_store

from asc.errors import UsageError
from asc.pipeline import batches, dataset, statistics
from asc.pipeline.augmentation import Augmentation
from asc.pipeline.stream import stream_batches
from asc.pipeline.tensorflow import tf
from asc.store import FeatureStore
from asc.training import start, trainer
from asc.training.callback import TrainingCallback
from asc.training.recipe import Recipe
from asc.training.session import Session

#: Trains, then tries the same in memory, with no more of it than is told.
PROGRAM = """
import resource, sys
import mini_models
from asc.errors import AscError
from asc.store import FeatureStore
from asc.training import start, trainer
from asc.training.recipe import Recipe
from asc.training.session import Session

store, limit, *runs = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_DATA, (int(limit), int(limit)))
recipe = Recipe(model="pooled", epochs=1, batches_per_epoch=2)
store = FeatureStore(store)
for run, in_memory in zip(runs, (False, True)):
    try:
        trainer.fit(Session.create(store, recipe, run), in_memory=in_memory)
    except AscError as error:
        sys.exit(str(error))
"""
needs_smaps = pytest.mark.skipif(
    not Path("/proc/self/smaps").exists(), reason="no /proc/self/smaps here"
)


def mapped(path):
    """Return the bytes of a file that this process has in its memory."""
    total, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0]:
            inside = line.endswith(str(path))
        elif inside and line.startswith("Rss:"):
            total += 1024 * int(line.split()[1])
    return total


@pytest.fixture(scope="module")
def large_store(tmp_path_factory):
    """Return a store of 1.3 GB that takes no room on disk."""
    return FeatureStore(sparse_store(tmp_path_factory.mktemp("large"), 20_000))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_a_store_larger_than_the_memory_can_be_trained_from(large_store, tmp_path):
    limit = 2**30
    assert large_store.path.stat().st_size > 1.2 * limit
    runs = [tmp_path / "streamed", tmp_path / "held"]
    # Threads set aside as much as they may have as a stack.
    command = 'ulimit -s 1024 && exec "$0" "$@"'
    arguments = [sys.executable, "-c", PROGRAM, large_store.path, limit, *runs]
    done = subprocess.run(
        ["sh", "-c", command, *map(str, arguments)], capture_output=True, text=True
    )
    assert (runs[0] / "model.keras").exists(), done.stderr
    assert done.returncode == 1
    assert done.stderr.endswith(
        "The part's 14,000 clips take 0.9 GB, and there is not as much memory. Leave"
        " out --in-memory: they are then read as they are needed.\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="counts pages of Linux")
def test_memory_of_tensors_is_used_again():
    """The system clears every page that it gives; a step shall not ask for new ones."""
    tf.ones([2**24]) + 1  # 64 MB, twice
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        tf.ones([2**24]) + 1
    given = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert given * resource.getpagesize() < 2**26


@needs_smaps
def test_statistics_leave_nothing_mapped(large_store):
    statistics.row_statistics(large_store, "mel", np.arange(0, 20_000, 10))
    assert mapped(large_store.path) == 0


@needs_smaps
@pytest.mark.parametrize("is_mapped", [False, True])
def test_what_a_pass_over_a_part_leaves_mapped(large_store, is_mapped):
    """Of 262 MB, or all the 1,300 of the file: Linux maps 2 MB around a row."""
    rows, seen, megabytes = np.arange(0, 20_000, 5), 0, []
    part = batches.Batches.from_store(
        large_store,
        "mel",
        rows,
        batch_size=16,
        augmentation=Augmentation("thirds"),
        fill=np.zeros(256),
        mapped=is_mapped,
    )
    for features, _ in stream_batches(part):
        seen += len(features)
        if seen % 320 == 0:
            megabytes.append(mapped(large_store.path) / 2**20)
    assert seen == 6000
    if is_mapped:
        assert min(megabytes[-6:]) > 200, megabytes
    else:
        assert max(megabytes) == 0, megabytes


@needs_smaps
def test_a_dataset_that_is_gone_holds_no_rows(small_store, tmp_path):
    own = shutil.copy(small_store, tmp_path / "own.h5")
    part = dataset.dataset(own, augment="none")
    assert len(list(part)) == len(part)
    assert mapped(own) > 0
    del part
    gc.collect()
    assert mapped(own) == 0


@needs_smaps
def test_training_maps_no_part(large_store, mini_models, tmp_path):
    """Neither train, of which 40 MB are read, nor validation with its 200."""

    class Watch(TrainingCallback):
        def epoch(self, record, best):
            seen.append(mapped(large_store.path))

    seen = []
    recipe = Recipe(model="pooled", epochs=1, batches_per_epoch=40)
    session = Session.create(large_store, recipe, tmp_path / "run")
    trainer.fit(session, listener=Watch())
    assert seen and max(seen) < 2**20


@needs_smaps
def test_rows_in_memory_are_there_once_as_they_are_stored(large_store):
    data, rows = large_store.row_reader("mel"), np.arange(0, 6000, 10)
    copied = batches._copy_rows(data, rows)
    assert (copied.dtype, copied.shape) == (np.uint8, (600, 256, 256, 1))
    assert mapped(large_store.path) < 2**20


def test_a_part_larger_than_the_machine(small_store, monkeypatch):
    monkeypatch.setattr(batches, "usable_memory", lambda: 4000)
    with pytest.raises(UsageError, match="16 clips take 0.0 GB.*--in-memory"):
        dataset.dataset(small_store, in_memory=True)


@pytest.mark.parametrize("strategy", ["none", "mirrored"])
def test_a_training_that_is_over_holds_no_weights(
    large_store, mini_models, tmp_path, monkeypatch, strategy
):
    """TensorFlow keeps variables, and would keep those of every fold."""

    def kept(*arguments):
        models.append(make(*arguments))
        return models[0]

    make, models = start.new_model, []
    monkeypatch.setattr(start, "new_model", kept)
    recipe = Recipe(model="pooled", epochs=1, limit=16, strategy=strategy)
    session = Session.create(large_store, recipe, tmp_path / "run")
    assert trainer.fit(session)
    held = [*models[0].variables, *models[0].optimizer.variables]
    assert len(held) > 5
    assert not any(int(tf.size(variable.value.read_value())) for variable in held)
    assert session.run.load_model().count_params() > 0
