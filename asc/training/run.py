"""The run folder: what was trained, how it went, and the results.

====================  ====================================================
``recipe.json``       the recipe and the sources of its values, the store, the
                      feature spec, the scenes
``environment.json``  versions, machine, git commit, command
``log.txt``           one line for each event, with the time
``history.csv``       one row for each epoch
``model.keras``       the model of the best epoch
``state/``            what ``--resume`` needs
``curves.png``        accuracy and loss over the epochs
``batch.png``         the first batch of the training, with its labels
``tensorboard/``      logs for TensorBoard, on request
``metrics.json``      the one evaluation on the test part
``predictions.csv``   truth, prediction and probabilities of every test clip
``confusion.csv``     the confusion matrix, also as ``confusion.png``
====================  ====================================================
"""

from __future__ import annotations

import csv
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc import environment
from asc.corpus.splits import FOLDS
from asc.display import Displayed, data_frame
from asc.errors import InputError, MissingInputError, StoreError, UsageError
from asc.features import FeatureSpec, registered
from asc.files import (
    check_no_links,
    damaged,
    log_line,
    read_json,
    read_lines,
    write_json,
)
from asc.kinds import Kind, kind_of, not_a
from asc.locking import locked
from asc.models.outputs import check_shapes
from asc.store import FeatureStore, check_unchanged, open_store
from asc.store.schema import is_name
from asc.text import leakage_percent, percent, printable
from asc.training.recipe import Recipe
from asc.validation import check_number, check_path

if TYPE_CHECKING:
    import keras

#: Folder of the logs for TensorBoard in a run folder, and those that it makes there.
TENSORBOARD = "tensorboard"
_FOLDERS_OF_TENSORBOARD = (f"{TENSORBOARD}/train", f"{TENSORBOARD}/validation")
#: Most bytes of a file that grows with epochs, and of one that grows with scenes.
MOST_HISTORY_BYTES, MOST_METRICS_BYTES = 1 << 24, 1 << 26
#: Folders of a run that are looked at.
_MOST_FOLDERS = 1000
_COLUMN = re.compile(r"\w{1,80}")


class Run(Displayed):
    """An existing run folder. Opening it runs no code that it names.

    Attributes
    ----------
    path : Path
        What messages name.
    folder : Path
        Where its files are.
    recipe : Recipe
    spec : FeatureSpec
        The features that the model was trained on.
    scenes : tuple of str
        Names of the model's outputs.
    store : dict
        Path, fingerprint and digest of the store.

    Raises
    ------
    InputError
        If it is not a run folder.

    Examples
    --------
    >>> run = asc.Run("run")
    >>> run.recipe.split, run.is_finished(), len(run.history())
    ('fold1', True, 3)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = check_path("run", path)
        self.folder = self.path
        self._check_lock: Callable[[], None] | None = None
        try:
            self._read_recipe()
        except MissingInputError as error:
            raise _not_a_run(self.path) from error

    def _read_recipe(self) -> None:
        file = self.folder / "recipe.json"
        record = read_json(file, root=self.folder)
        try:
            self.recipe = Recipe.from_dict(record["recipe"])
            self.spec = FeatureSpec.from_dict(record["spec"])
            self.scenes = _names(record["scenes"])
            keys = ("path", "fingerprint", "digest")
            values = _names([record["store"][key] for key in keys])
            self.store = dict(zip(keys, values, strict=True))
        except (LookupError, TypeError, ValueError) as error:
            raise damaged(file, error) from error

    def __repr__(self) -> str:
        recipe = self.recipe
        state = "finished" if self.is_finished() else "not finished"
        return (
            f"Run({str(self.path)!r}: {recipe.model} on {recipe.feature}, split"
            f" {recipe.split}, {state})"
        )

    def __fspath__(self) -> str:
        return str(self.path)

    def _facts(self) -> Mapping[str, Any]:
        recipe = self.recipe
        facts = {
            "folder": self.path,
            "store": self.store["path"],
            "scenes": f"{len(self.scenes):,}",
            "model": f"{recipe.model} on {recipe.feature}",
            "augmentation": recipe.augment,
            "split": recipe.split,
            "epochs": f"{len(self.history()):,} of at most {recipe.epochs:,}",
            "accuracy": "not finished",
        }
        if self.is_finished():
            metrics = self.metrics()
            accuracy = check_number("accuracy", metrics["accuracy"], 0, 1)
            known = metrics.get("leakage"), metrics.get("leakage_at_least")
            leakage = [
                None if each is None else check_number("leakage", each, 0, 1)
                for each in known
            ]
            text = leakage_percent(leakage[0], leakage[1] or 0)
            facts["accuracy"] = f"{percent(accuracy)}, leakage {text}"
        return facts

    def to_frame(self) -> Any:
        """Return the history as a `pandas.DataFrame` with a row for each epoch.

        Raises
        ------
        InputError
            If the history is damaged.
        UsageError
            If pandas is not installed.
        """
        return data_frame(self.history())

    @property
    def has_folds(self) -> bool:
        """Whether the models are those of its folds, in folders of their own."""
        return self.recipe.split == FOLDS

    def open_store(
        self, store: FeatureStore | str | os.PathLike[str] | None = None
    ) -> FeatureStore:
        """Open the store of the run, by default at the path of the training.

        Raises
        ------
        InputError
            If it is no longer there.
        StoreError
            If another store is there.
        """
        if store is None and not os.path.exists(self.store["path"]):
            raise MissingInputError(
                f"The store of {self.path} is no longer at {self.store['path']}. Give"
                " its path with --store, or as STORE before --resume."
            )
        opened = open_store(self.store["path"] if store is None else store)
        self.check_store(opened)
        return opened

    def check_store(self, store: FeatureStore) -> None:
        """Raise StoreError if a store is not the one that the run was trained on."""
        if not self.is_own(store):
            raise StoreError(
                f"{store.path} is not the store that {self.path} was trained on:"
                " features, labels or splits differ. Start a new run to train on it."
            )

    def check_unchanged(self, store: FeatureStore) -> None:
        """Raise an error if the file of a store is gone or holds something else.

        It costs nothing while nobody has touched the file.
        """
        if not store.is_current():
            self.check_store(FeatureStore(store.path))
            check_unchanged(store, (self.recipe.feature,))

    def is_own(self, store: FeatureStore) -> bool:
        """Return True for the store that the run was trained on, or a copy of it.

        The same features with other labels or splits are another store.
        """
        return (store.digest, store.fingerprint, store.scenes) == (
            self.store["digest"],
            self.store["fingerprint"],
            self.scenes,
        )

    def load_model(self) -> keras.Model:
        """Load the model of the best epoch.

        Raises
        ------
        InputError
            If it is missing or cannot be loaded.
        """
        file = self.folder / "model.keras"
        if not os.path.lexists(file):
            raise MissingInputError(
                f"{self.path} has no model.keras: no epoch was finished."
            )
        from asc.models import safety  # it imports TensorFlow

        model = safety.load_model(file, root=self.folder, modules=self.recipe.imports)
        try:
            check_shapes(model, self._feature_shape(), len(self.scenes))
        except InputError as error:
            raise InputError(f"{file} cannot be used: {error}") from error
        return model

    def _feature_shape(self) -> tuple[int, ...] | None:
        """Return the shape of the model's feature; None if it is not registered."""
        feature = registered(self.spec).get(self.recipe.feature)
        return None if feature is None else feature.shape

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the right to write the run folder.

        Raises
        ------
        Busy
            If another process writes it.
        InputError
            If it cannot be written, or if a link in it leads elsewhere.
        """
        with locked(self.path, lock_path=self.path / ".lock") as self._check_lock:
            # Files are replaced, so a link in place of one is not followed.
            for name in ("state", TENSORBOARD, *_FOLDERS_OF_TENSORBOARD):
                check_no_links(self.path / name, self.path)
            yield

    def check_in_place(self) -> None:
        """Raise InputError if the folder was removed or replaced since it is locked."""
        if self._check_lock is not None:
            self._check_lock()

    def log(self, line: str) -> None:
        """Add a line with the time to log.txt."""
        log_line(self.path / "log.txt", line)

    def record_environment(self, command: Sequence[str]) -> None:
        """Write environment.json: versions, machine, git commit and command.

        The commit is that of the repository that the command was run in.
        """
        facts = environment.describe() | environment.hardware()
        facts |= {
            "git_commit": environment.git_commit(),
            "command": list(command),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }
        write_json(self.path / "environment.json", facts)

    def history(self) -> list[dict[str, float]]:
        """Return the rows of history.csv; none before the first epoch.

        Raises
        ------
        InputError
            If it is damaged.
        """
        file = self.folder / "history.csv"
        lines = read_lines(file, limit=MOST_HISTORY_BYTES, root=self.folder)
        try:
            return [_epoch(row) for row in csv.DictReader(lines)]
        except MissingInputError:
            return []
        except InputError:
            raise
        except (csv.Error, TypeError, ValueError) as error:
            raise damaged(file, error) from error

    def folds(self) -> dict[str, Run]:
        """Return the runs of its folds by the names of their folders, sorted.

        Folders that are not runs, and links, are left out.
        """
        found = {}
        for name in sorted(self._folders()):
            with suppress(InputError):
                found[name] = Run(self.path / name)
        return found

    def _folders(self) -> list[str]:
        try:
            with os.scandir(self.path) as entries:
                folders = (e for e in entries if e.is_dir(follow_symlinks=False))
                return [entry.name for entry in islice(folders, _MOST_FOLDERS)]
        except OSError:
            return []

    def is_finished(self) -> bool:
        """Return True if the run was trained and evaluated to the end."""
        return (self.folder / "metrics.json").is_file()

    def metrics(self) -> dict[str, Any]:
        """Return metrics.json.

        Raises
        ------
        InputError
            If the run was not evaluated, or if its figures are damaged.
        """
        file = self.folder / "metrics.json"
        advice = f"Use asc evaluate {self.path} to compute the metrics again."
        try:
            metrics = read_json(file, limit=MOST_METRICS_BYTES, root=self.folder)
        except MissingInputError as error:
            raise MissingInputError(
                f"{self.path} has no metrics.json: its training was not finished."
                " Resume it with --resume, or use asc evaluate."
            ) from error
        except InputError as error:
            raise damaged(file, error, advice) from error
        if not isinstance(metrics, dict) or "accuracy" not in metrics:
            raise damaged(file, "it has no accuracy", advice)
        return metrics


def _not_a_run(path: Path) -> MissingInputError:
    """Return the error for a path that leads to something else than a run folder."""
    advice = "Name a folder that asc-train made, such as cache/runs/NAME."
    kind = kind_of(path)
    if kind is Kind.MODEL and (path.parent / "recipe.json").is_file():
        advice = f"Name the run folder that it is in, {printable(str(path.parent))}."
    elif kind is Kind.COMPARISON:
        advice = f"Name one of its runs, such as {printable(str(path))}/runs/NAME."
    elif kind is Kind.FOLDER:
        advice = f"It has no recipe.json. {advice}"
    return MissingInputError(not_a("a run folder", path, advice))


def _names(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not values or not all(map(is_name, values)):
        raise ValueError(f"expected a list of names. Got {values!r}")
    return tuple(values)


def read_environment(folder: Path) -> dict[str, Any]:
    """Return environment.json of a run folder; empty if missing or damaged."""
    try:
        found = read_json(folder / "environment.json", root=folder)
    except InputError:
        return {}
    return found if isinstance(found, dict) else {}


def check_column(name: Any) -> str:
    """Return a name that a figure of an epoch can have."""
    if not isinstance(name, str) or not _COLUMN.fullmatch(name):
        raise UsageError(f"{name!r} is not the name of a figure.")
    return name


def _epoch(row: Mapping[Any, Any]) -> dict[str, float]:
    """Return a row of history.csv as numbers."""
    record = {}
    for name, text in row.items():
        # A name that is None has the cells beyond the header.
        record[check_column(name)] = float(text)
    for name in ("epoch", "seconds"):
        if not 0 <= record.get(name, 0) < math.inf:
            raise ValueError(f"{record[name]} is not possible as {name}")
    return record
