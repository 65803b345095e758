"""The run whose weights a training starts from (``init_from``).

Its model is copied into the new run, which does not need the source again. The
statistics of normalisation are those of the new store's train part: they belong to the
audio that a model hears, and are not weights.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from asc.corpus.splits import FOLDS
from asc.errors import InputError, MissingInputError, SettingsMismatch, UsageError
from asc.features import FeatureSpec
from asc.files import open_regular, read_json, replacing
from asc.store import FeatureStore
from asc.text import counted, describe_difference
from asc.training.bundle import load_run
from asc.training.parts import part_rows
from asc.training.recipe import Recipe
from asc.training.run import Run

#: The copy in a run folder, until the first epoch is finished.
_COPY = "state/init.keras"
#: Most bytes of a model.
_MOST_BYTES = 1 << 32


@dataclass(frozen=True)
class Source:
    """A model to start from.

    Attributes
    ----------
    run : Run
        The run or the bundle that it is in.
    file : Path
    record : dict
        Provenance, for ``recipe.json``: the run, the SHA-256 of its model, its store
        and scenes, and where it started from itself.
    """

    run: Run
    file: Path
    record: dict[str, Any]

    @classmethod
    def find(cls, recipe: Recipe, store: FeatureStore) -> Source | None:
        """Return the source of a recipe; None if it starts from none.

        Raises
        ------
        MissingInputError
            If it is not a run, or has no model.
        SettingsMismatch
            If model, feature or spec are others.
        UsageError
            If it is a run of all folds, or has been trained on clips to be tested.
        """
        if recipe.init_from is None:
            return None
        run = load_run(recipe.init_from)
        check_source(run, recipe, store)
        file = run.folder / "model.keras"
        digest = sha256()
        with open_regular(file, root=run.folder) as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
        record = {
            "run": str(run.path.resolve()),
            "digest": digest.hexdigest(),
            "store": run.store,
            "scenes": list(run.scenes),
            "init_from": _record(run),
        }
        return cls(run, file, record)

    @classmethod
    def of_folds(cls, run: Run) -> Source | None:
        """Return the source of the folds of a run: the copy that this run has."""
        record = _record(run)
        return None if record is None else cls(run, run.folder / _COPY, record)

    def copy_to(self, folder: Path) -> None:
        """Copy the model into a new run folder."""
        target = folder / _COPY
        target.parent.mkdir(exist_ok=True)
        with open_regular(self.file, root=self.run.folder) as model:
            if model.seek(0, 2) > _MOST_BYTES:
                raise InputError(f"{self.file} is too large for a model.")
            model.seek(0)
            with replacing(target) as tmp_path, open(tmp_path, "wb") as copy:
                shutil.copyfileobj(model, copy)


def check_source(run: Run, recipe: Recipe, store: FeatureStore) -> None:
    """Check that the model of a run fits a recipe on a store (`Source.find`)."""
    if run.recipe.split == FOLDS:
        one = f"such as --init-from {run.path / 'fold1'}"
        raise UsageError(
            f"{run.path} has a model for each fold. Give"
            f" {f'one of them, {one}' if run.has_folds else 'the run of one of them'}."
        )
    found, wanted = _facts(run.recipe, run.spec), _facts(recipe, store.spec)
    if found != wanted:
        raise SettingsMismatch(
            f"The weights of {run.path} do not fit this training on {store.path};"
            " nothing was made. They differ in:\n" + describe_difference(found, wanted)
        )
    if not (run.folder / "model.keras").is_file():
        raise MissingInputError(f"{run.path} has no model.keras to start from.")
    if run.is_own(store) and recipe.split != FOLDS:
        _check_unseen(run, recipe, store)


def _facts(recipe: Recipe, spec: FeatureSpec) -> dict[str, Any]:
    """Return what must be equal: the model and every setting of the feature."""
    settings = spec.to_dict()
    own = settings.pop("parameters", None) or {}
    del settings["features"]
    settings["parameters"] = own.get(recipe.feature, {})
    return {"model": recipe.model, "feature": recipe.feature, "spec": settings}


def _check_unseen(run: Run, recipe: Recipe, store: FeatureStore) -> None:
    """Refuse a model that was trained on recordings that are to be tested."""
    rows, learned = part_rows(store, recipe), part_rows(store, run.recipe)["train"]
    test, origins = rows["test"], store.origins()
    both = np.union1d(learned, rows["train"])
    seen, own = (origins.leakage(each, test).at_least for each in (both, rows["train"]))
    again = len(np.intersect1d(learned, test))
    if again or seen > own:
        count = max(again, round((seen - own) * len(test)))
        raise UsageError(
            f"{run.path} was trained on recordings of"
            f" {counted(count, 'clip', 'clips')} in the test part of split"
            f" {recipe.split}. Start from a run on the same split, or on another store."
        )


def initial_model(run: Run) -> tuple[Path, bool]:
    """Return the copy of the source's model, and whether its last layer is kept.

    It is kept for the same scenes, and new for others.
    """
    record, file = _record(run), run.path / _COPY
    if record is None or not file.is_file():
        raise MissingInputError(
            f"{run.path} cannot be resumed: {file} is missing. Start a new run."
        )
    return file, record.get("scenes") == list(run.scenes)


def drop_copy(run: Run) -> None:
    """Remove the copy, when an epoch is finished."""
    (run.path / _COPY).unlink(missing_ok=True)


def _record(run: Run) -> dict[str, Any] | None:
    found = read_json(run.folder / "recipe.json", root=run.folder).get("init_from")
    return found if isinstance(found, dict) else None
