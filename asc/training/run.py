"""The run folder: what a training was, what happened, and what came out.

====================  ====================================================
``recipe.json``       the recipe and the sources of its values, the store, the
                      feature spec, the scenes
``environment.json``  versions, machine, command
``log.txt``           one line for everything that happened
``history.csv``       one row for each epoch
``model.keras``       the model of the best epoch
``state/``            what `--resume` goes on from
``curves.png``        accuracy and loss over the epochs
``batch.png``         the first batch of the training, with its labels
``tensorboard/``      logs for TensorBoard, if they were asked for
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc import environment
from asc.errors import InputError, StoreError, UsageError
from asc.features import FeatureSpec
from asc.files import write_json
from asc.registry import import_modules
from asc.store import FeatureStore
from asc.store.schema import is_name
from asc.training.recipe import Recipe

if TYPE_CHECKING:
    import keras


class Run:
    """A run folder that is there.

    Parameters
    ----------
    path : path-like
    place : str, optional
        Where people find it, if that is another folder than ``path``.

    Attributes
    ----------
    path : Path
    place : str
    recipe : Recipe
    spec : FeatureSpec
        The front end that the model was trained behind.
    scenes : tuple of str
        What the model's outputs stand for.
    store : dict
        Path, fingerprint and digest of the store.

    Raises
    ------
    InputError
        If it is not a run folder.
    """

    def __init__(self, path: str | os.PathLike[str], place: str | None = None) -> None:
        self.path = Path(path)
        self.place = place or str(path)
        try:
            record = json.loads((self.path / "recipe.json").read_text("utf-8"))
            imports = dict(record["recipe"]).get("imports", ())
            import_modules(imports, outside=self.path)
            self.recipe = Recipe.from_dict(record["recipe"])
            self.spec = FeatureSpec.from_dict(record["spec"])
            self.scenes = _names(record["scenes"])
            kept = ("path", "fingerprint", "digest")
            values = _names([record["store"][name] for name in kept])
            self.store = dict(zip(kept, values, strict=True))
        except FileNotFoundError as error:
            raise InputError(
                f"{self.path} is not a run folder: it has no recipe.json."
            ) from error
        except (OSError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise InputError(
                f"{self.path} is not a run folder that can be used:"
                f" {type(error).__name__}: {error}"
            ) from error

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str] | None,
        recipe: Recipe,
        store: FeatureStore,
        *,
        sources: Mapping[str, str] | None = None,
    ) -> Run:
        """Make a new run folder, under ``cache/runs`` if no path is given.

        Raises
        ------
        UsageError
            If the folder is there and not empty: runs are never overwritten.
        """
        folder = _new_folder(store, recipe) if path is None else Path(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise FileExistsError
            # Whoever makes this file has the folder, if two begin at once.
            (folder / "log.txt").touch(exist_ok=False)
        except (FileExistsError, NotADirectoryError):
            raise UsageError(
                f"{folder} is there already and a run is never overwritten. Name"
                " another folder with --run, or go on with it by --resume."
            ) from None
        write_json(
            folder / "recipe.json",
            {
                "recipe": recipe.to_dict(),
                "sources": dict(sources or _sources(recipe)),
                "store": {
                    "path": str(store.path.resolve()),
                    "fingerprint": store.fingerprint,
                    "digest": store.digest,
                },
                "spec": store.spec.to_dict(),
                "scenes": list(store.scenes),
            },
        )
        return cls(folder)

    def open_store(self, path: str | os.PathLike[str] | None = None) -> FeatureStore:
        """Open the store of the run, by default where it was.

        Raises
        ------
        InputError
            If it is not there any more.
        StoreError
            If what is there is another store.
        """
        if path is None and not Path(self.store["path"]).exists():
            raise InputError(
                f"The store of {self.path} is no longer at {self.store['path']}. Name"
                " it with --store, or as STORE before --resume."
            )
        store = FeatureStore(path or self.store["path"])
        self.check_store(store)
        return store

    def check_store(self, store: FeatureStore) -> None:
        """Raise StoreError if a store is not the one that the run was trained on."""
        if not self.is_own(store):
            raise StoreError(
                f"{store.path} is not the store that {self.path} was trained on:"
                " features, labels or splits differ. Train on it in a new run."
            )

    def check_unchanged(self, store: FeatureStore) -> None:
        """Raise an error if the file of a store was replaced since it was opened.

        Raises
        ------
        StoreError
            If it is another one.
        InputError
            If it is gone.
        """
        if store.is_current():
            return
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
        if not file.is_file():
            raise InputError(
                f"{self.path} has no model.keras: no epoch of it was finished."
            )
        from asc.pipeline.tensorflow import keras

        try:
            return keras.saving.load_model(file, compile=False, safe_mode=True)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"Cannot load {file}: {error}") from error

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
        """Return the rows of history.csv; none if there is no such file."""
        try:
            with open(self.path / "history.csv", newline="", encoding="utf-8") as file:
                return [
                    {name: float(value) for name, value in row.items()}
                    for row in csv.DictReader(file)
                ]
        except FileNotFoundError:
            return []

    def is_finished(self) -> bool:
        """Return True if the training was concluded with its evaluation."""
        return (self.path / "metrics.json").is_file()

    def metrics(self) -> dict[str, Any]:
        """Return metrics.json.

        Raises
        ------
        InputError
            If the run was not evaluated, or if its figures are damaged.
        """
        try:
            metrics = json.loads((self.path / "metrics.json").read_text("utf-8"))
            if not isinstance(metrics, dict) or "accuracy" not in metrics:
                raise ValueError("there is no accuracy in it")
            return metrics
        except FileNotFoundError as error:
            raise InputError(
                f"{self.path} has no metrics.json: its training was not finished."
                " Go on with it by --resume, or use asc evaluate."
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(
                f"{self.path / 'metrics.json'} is damaged ({error}). The run is whole"
                f" without it: asc evaluate {self.path} gives its figures again."
            ) from error


def _new_folder(store: FeatureStore, recipe: Recipe) -> Path:
    """Make a folder that is named for a run and that nobody else has made."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    name = "-".join(
        (store.path.stem, recipe.model, recipe.feature, recipe.split, stamp)
    )
    folder = environment.cache_dir() / "runs"
    path, number = folder / name, 1
    while True:
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            number += 1
            path = folder / f"{name}-{number}"


def _sources(recipe: Recipe) -> dict[str, str]:
    """Return what can be said of the values of a recipe that was made by code."""
    default = Recipe()
    return {
        name: "default" if value == getattr(default, name) else "given"
        for name, value in recipe.to_dict().items()
    }


def _names(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not values or not all(map(is_name, values)):
        raise ValueError(f"expected names, got {values!r}")
    return tuple(values)
