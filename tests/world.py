"""What tests of several rooms use: commands and untrained runs.

Models for tests are in `mini_models`; fixtures for all tests are in `conftest`.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from asc import environment, registry
from asc.corpus.leakage import Origins, leakage
from asc.corpus.reader import READERS
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.measure import GroupColumn, measure, seen_in
from asc.exporting.format import FORMATS
from asc.features import FEATURES
from asc.files import write_csv
from asc.models.entries import MODELS
from asc.pipeline.transforms import TRANSFORMS
from asc.store import FeatureStore
from asc.training.new_run import create_run
from asc.training.parts import part_rows
from asc.training.recipe import Recipe
from asc.training.run import Run

#: A module of a user that registers the models for tests.
MINI_MODELS = Path(__file__).parent / "mini_models.py"

# Commands, as a user runs them

#: Command -> program of Python that runs it.
COMMANDS = {
    "asc": "from asc.cli.main import main; main()",
    "asc-extract": "from asc.cli.main import extract_main; extract_main()",
    "asc-train": "from asc.cli.main import train_main; train_main()",
}


def python_command(program: str, *arguments: object) -> list[str]:
    """Return the command that runs a program of Python in a process of its own."""
    return [sys.executable, "-c", program, *map(str, arguments)]


def run_python(
    program: str,
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program of Python to its end; `env` is added to the environment."""
    # Without it, messages of TensorFlow are kept from users.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        python_command(program, *arguments),
        cwd=cwd,
        env=environment | (env or {}),
        capture_output=True,
        text=True,
        timeout=300,
    )


def run_command(
    name: str, *arguments: object, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run one of `COMMANDS` to its end; no user may ever see a traceback."""
    done = run_python(COMMANDS[name], *arguments, **options)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def call_command(
    name: str,
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Do as `run_command` in this process, which saves the seconds of a start.

    For what a command does, prints and returns. Signals, what is imported, streams and
    settings of the environment need a process of their own.
    """
    from asc.cli.commands import run

    words = [name, *map(str, arguments)]
    with ExitStack() as stack:
        enter = stack.enter_context
        enter(chdir(cwd or "."))
        enter(patch.object(sys, "argv", words))
        enter(_process_settings())
        enter(patch.dict(os.environ, env or {}))
        streams = [enter(tempfile.TemporaryFile("w+")) for _ in range(2)]
        enter(patch.multiple(sys, stdout=streams[0], stderr=streams[1]))
        code = run(name)
        sys.stderr.flush()
        for stream in streams:
            stream.seek(0)
        printed, messages = (stream.read() for stream in streams)
    assert "Traceback" not in messages, messages
    return subprocess.CompletedProcess(words, code, printed, messages)


@contextmanager
def modules_of_a_user() -> Iterator[None]:
    """Forget afterwards which modules were named, and what they registered."""
    modules = set(sys.modules)
    with ExitStack() as stack:
        for entries in (FEATURES, FORMATS, MODELS, READERS, TRANSFORMS):
            stack.enter_context(entries.restored())
        stack.enter_context(patch.dict(registry._IMPORTED))
        try:
            yield
        finally:
            for name in set(registry._IMPORTED) - modules:
                sys.modules.pop(name, None)


@contextmanager
def _process_settings() -> Iterator[None]:
    """Undo what a command changes in its process, and what it imports for a user."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    handlers = [(number, signal.getsignal(number)) for number in numbers]
    with ExitStack() as stack:
        enter = stack.enter_context
        enter(modules_of_a_user())
        enter(patch.dict(environment._given))
        enter(patch.dict(os.environ))
        enter(patch.object(sys, "warnoptions", sys.warnoptions[:]))
        enter(warnings.catch_warnings())
        try:
            yield
        finally:
            for number, handler in handlers:
                signal.signal(number, handler)
            logging.disable(logging.NOTSET)


def wait_for(happened: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something has happened in another process."""
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        time.sleep(0.01)
    assert happened()


# Runs that were never trained


def probabilities_of(
    truth: np.ndarray, scenes: int, wrong: Sequence[int] = (), seed: int = 0
) -> np.ndarray:
    """Return probabilities with which all clips but some are right."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 0.5, (len(truth), scenes))
    taken = np.array(truth)
    taken[list(wrong)] = (taken[list(wrong)] + 1) % scenes
    values[np.arange(len(truth)), taken] = rng.uniform(1, 4, len(truth))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def evaluation_of(
    truth: np.ndarray,
    probabilities: np.ndarray,
    recordings: Sequence[str],
    paths: Sequence[str],
    scenes: Sequence[str],
    groups: Mapping[str, GroupColumn] | None = None,
    **facts: Any,
) -> Evaluation:
    """Return an evaluation with all figures that a real one has."""
    columns = groups or {}
    known = {
        "split": "recording",
        "part": "test",
        "leakage": 0.0,
        "store": "small.h5",
        "model": "simple-cnn",
        "feature": "mel",
        "augment": "thirds",
        "parameters": 1234,
        "epochs": 3,
        "seconds": 5.0,
        "seed": 0,
    }
    truth = np.asarray(truth)
    named = Origins(recordings, paths).named
    metrics = measure(
        truth,
        probabilities,
        recordings,
        scenes,
        named=named,
        groups=columns,
        **known | facts,
    )
    return Evaluation(
        metrics,
        tuple(scenes),
        list(paths),
        list(recordings),
        truth,
        probabilities,
        groups={name: column.values for name, column in columns.items()},
    )


def finish_run(
    path: Path,
    store: FeatureStore,
    *,
    wrong: Sequence[int] = (0, 1),
    command: Sequence[str] = ("asc-train", "small.h5"),
    **recipe: Any,
) -> Run:
    """Make the folder of a run as a training would leave it, without training."""
    wanted = Recipe(**recipe)
    run = create_run(path, wanted, store)
    run.record_environment(command)
    names = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
    history = [(1, 2.0, 0.2, 2.1, 0.1, 1.5), (2, 1.5, 0.4, 1.7, 0.3, 1.5)]
    write_csv(path / "history.csv", names, history)
    rows = part_rows(store, wanted)
    every = store.recordings()
    recordings = [every[row] for row in rows["test"]]
    truth = store.labels()[rows["test"]]
    groups = {}
    for name in store.groups:
        values, learned = (
            store.group(name)[rows[p]].tolist() for p in ("test", "train")
        )
        groups[name] = GroupColumn(values, seen_in(values, learned))
    evaluation_of(
        truth,
        probabilities_of(truth, len(store.scenes), wrong, wanted.seed),
        recordings,
        [store.paths()[row] for row in rows["test"]],
        store.scenes,
        groups,
        split=wanted.split,
        leakage=leakage([every[row] for row in rows["train"]], recordings).share,
        store=store.path.name,
        model=wanted.model,
        feature=wanted.feature,
        augment=wanted.augment,
        seed=wanted.seed,
    ).save(path)
    return run
