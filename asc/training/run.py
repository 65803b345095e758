"""The run folder: what was trained, how it went, and the results.

====================  ====================================================
``recipe.json``       the recipe and the sources of its values, the store, the
                      feature spec, the scenes
``environment.json``  versions, machine, command
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
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc import environment
from asc.errors import AscError, InputError, MissingInputError, StoreError
from asc.features import FeatureSpec, registered
from asc.files import write_json
from asc.kinds import Kind, kind_of, not_a
from asc.models.outputs import check_shapes
from asc.store import FeatureStore
from asc.store.schema import is_name
from asc.text import printable
from asc.training.recipe import Recipe
from asc.validation import check_path

if TYPE_CHECKING:
    import keras


class Run:
    """An existing run folder. Opening it runs no code that it names.

    Attributes
    ----------
    path : Path
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
        file = self.path / "recipe.json"
        try:
            record = json.loads(file.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _not_a_run(self.path) from error
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{file} cannot be read ({error}).") from error
        try:
            self.recipe = Recipe.from_dict(record["recipe"])
            self.spec = FeatureSpec.from_dict(record["spec"])
            self.scenes = _names(record["scenes"])
            keys = ("path", "fingerprint", "digest")
            values = _names([record["store"][key] for key in keys])
            self.store = dict(zip(keys, values, strict=True))
        except AscError as error:
            raise InputError(f"{file} is damaged: {error}") from error
        except (LookupError, TypeError, ValueError, RecursionError) as error:
            raise InputError(
                f"{file} is damaged ({type(error).__name__}: {error})."
            ) from error

    def open_store(self, path: str | os.PathLike[str] | None = None) -> FeatureStore:
        """Open the store of the run, by default at the path of the training.

        Raises
        ------
        InputError
            If it is no longer there.
        StoreError
            If another store is there.
        """
        if path is None and not Path(self.store["path"]).exists():
            raise MissingInputError(
                f"The store of {self.path} is no longer at {self.store['path']}. Give"
                " its path with --store, or as STORE before --resume."
            )
        store = FeatureStore(path or self.store["path"])
        self.check_store(store)
        return store

    def check_store(self, store: FeatureStore) -> None:
        """Raise StoreError if a store is not the one that the run was trained on."""
        if not self.is_own(store):
            raise StoreError(
                f"{store.path} is not the store that {self.path} was trained on:"
                " features, labels or splits differ. Start a new run to train on it."
            )

    def check_unchanged(self, store: FeatureStore) -> None:
        """Raise an error if the file of a store was replaced by another, or is gone."""
        if not store.is_current():
            self.check_store(FeatureStore(store.path))

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
        file = self.path / "model.keras"
        if not os.path.lexists(file):
            raise MissingInputError(
                f"{self.path} has no model.keras: no epoch was finished."
            )
        from asc.models import safety  # it imports TensorFlow

        model = safety.load_model(file, root=self.path, modules=self.recipe.imports)
        try:
            check_shapes(model, self._feature_shape(), len(self.scenes))
        except InputError as error:
            raise InputError(f"{file} cannot be used: {error}") from error
        return model

    def _feature_shape(self) -> tuple[int, ...] | None:
        """Return the shape of the model's feature; None if it is not registered."""
        feature = registered(self.spec).get(self.recipe.feature)
        return None if feature is None else feature.shape

    def log(self, line: str) -> None:
        """Add a line with the time to log.txt."""
        with open(self.path / "log.txt", "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")

    def record_environment(self, command: Sequence[str]) -> None:
        """Write environment.json: versions, machine and command."""
        facts = environment.describe() | {
            "command": list(command),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }
        write_json(self.path / "environment.json", facts)

    def history(self) -> list[dict[str, float]]:
        """Return the rows of history.csv; none before the first epoch."""
        try:
            with open(self.path / "history.csv", newline="", encoding="utf-8") as file:
                return [
                    {name: float(value) for name, value in row.items()}
                    for row in csv.DictReader(file)
                ]
        except FileNotFoundError:
            return []

    def is_finished(self) -> bool:
        """Return True if the run was trained and evaluated to the end."""
        return (self.path / "metrics.json").is_file()

    def metrics(self) -> dict[str, Any]:
        """Return metrics.json.

        Raises
        ------
        InputError
            If the run was not evaluated, or if its figures are damaged.
        """
        file = self.path / "metrics.json"
        try:
            metrics = json.loads(file.read_text("utf-8"))
            if not isinstance(metrics, dict) or "accuracy" not in metrics:
                raise ValueError("it has no accuracy")
            return metrics
        except FileNotFoundError as error:
            raise MissingInputError(
                f"{self.path} has no metrics.json: its training was not finished."
                " Resume it with --resume, or use asc evaluate."
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(
                f"{file} is damaged ({error}). Use asc evaluate {self.path} to compute"
                " the metrics again."
            ) from error


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
