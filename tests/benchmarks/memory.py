"""The greatest memory of a trainer and of an extraction's parent."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from asc import extraction
from asc.corpus import open_corpus
from asc.models import register_model
from asc.store import FeatureStore
from asc.training import trainer
from asc.training.recipe import Recipe
from asc.training.session import Session
from tests.benchmarks.extraction import corpus_of
from tests.benchmarks.scale import sparse_store

#: Clips of the smaller store; 0.5 GB of Mel. The other has four times as many.
ROWS = 8000


def measure(folder: Path, scratch: Path, rounds: int, clips: int) -> dict:
    """Return the rows of the memory budgets."""
    stores = []
    for number, rows in enumerate((ROWS, 4 * ROWS)):
        (scratch / str(number)).mkdir()
        stores.append(sparse_store(scratch / str(number), rows))
    corpora = [corpus_of(folder, count) for count in (clips // 4, clips)]
    training, extracting, held, megabytes = [], [], [], []
    for number in range(rounds):
        runs = [scratch / f"run-{number}-{name}" for name in ("small", "large", "held")]
        few, many = (_peak(train, *pair) for pair in zip(stores, runs, strict=False))
        megabytes.append(many)
        training.append(many / few)
        held.append((_peak(train, stores[0], runs[2], True) - few) / _part(stores[0]))
        few, many = (_peak(extract, corpus, scratch / "e.h5") for corpus in corpora)
        extracting.append(many / few)
    return {
        "trainer, peak MB": {"budget": None, "values": megabytes},
        "trainer, peak of 4 N clips / N": {"budget": "<= 1.05", "values": training},
        "in memory, added / bytes of the part": {"budget": "<= 1.1", "values": held},
        "extraction's parent, peak of 4 N clips / N": {
            "budget": "<= 1.05",
            "values": extracting,
        },
    }


def train(store: Path, run: Path, in_memory: bool = False) -> None:
    """Train an epoch of a network that takes next to no memory of its own."""
    register_model("least", least)
    recipe = Recipe(model="least", epochs=1)
    trainer.fit(Session.create(FeatureStore(store), recipe, run), in_memory=in_memory)


def least(x, scenes):
    """Build a network of one layer behind means over squares."""
    from asc.pipeline.tensorflow import keras

    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(32)(x))
    return keras.layers.Dense(scenes, activation="softmax")(x)


def extract(corpus: Path, store: Path) -> None:
    """Extract a corpus, and remove the store."""
    extraction.extract(extraction.plan(open_corpus(corpus), store))
    store.unlink()


def _part(store: Path) -> float:
    """Return the megabytes of the train part."""
    opened = FeatureStore(store)
    rows = opened.features("mel")
    return len(opened.split("random").train) * rows[:1].nbytes / 1e6


def _peak(work, *arguments) -> float:
    """Return the greatest resident memory of a process that does something, in MB."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        other.submit(work, *arguments).result()
        return other.submit(_greatest).result()


def _greatest() -> float:
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1000
