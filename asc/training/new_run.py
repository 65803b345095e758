"""Making the folder of a new run."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from asc.disk import writing_to
from asc.environment import cache_dir
from asc.errors import UsageError
from asc.files import write_json
from asc.store import FeatureStore
from asc.text import file_name
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.source import Source


def create_run(
    path: str | os.PathLike[str] | None,
    recipe: Recipe,
    store: FeatureStore,
    *,
    command: tuple[str, ...] = (),
    sources: Mapping[str, str] | None = None,
    source: Source | None = None,
) -> Run:
    """Make a new run folder with its records.

    Parameters
    ----------
    path : path-like or None
        Folder to make; under ``cache/runs`` if None.
    recipe : Recipe
    store : FeatureStore
    command : tuple of str
        For the record of the environment.
    sources : mapping, optional
        Where each value of the recipe comes from (`asc.training.recipes.choose`).

    source : Source, optional
        The model to start from.

    Raises
    ------
    UsageError
        If the folder exists and is not empty: runs are never overwritten.
    """
    folder = _new_folder(store, recipe) if path is None else Path(path)
    with writing_to(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise FileExistsError
            # Of two processes that start at once, the one that makes this file wins.
            (folder / "log.txt").touch(exist_ok=False)
        except FileExistsError:
            raise UsageError(exists_already(folder)) from None
    values, default = recipe.to_dict(), Recipe().to_dict()
    made_in_python = {
        name: "default" if value == default[name] else "given"
        for name, value in values.items()
    }
    record = {
        "recipe": values,
        "sources": dict(sources or made_in_python),
        "store": store_record(store),
        "spec": store.spec.to_dict(),
        "scenes": list(store.scenes),
    }
    if source is not None:
        record["init_from"] = source.record
    with writing_to(folder):
        if source is not None:
            source.copy_to(folder)
        write_json(folder / "recipe.json", record)
        run = Run(folder)
        run.record_environment(command)
    return run


def store_record(store: FeatureStore) -> dict[str, str]:
    """Return what identifies a store, for the record of what is trained on it."""
    return {
        "path": str(store.path.resolve()),
        "fingerprint": store.fingerprint,
        "digest": store.digest,
    }


def exists_already(folder: Path) -> str:
    """Return the message for a run folder that exists."""
    return (
        f"{folder} exists already; a run is never overwritten. Give another folder with"
        " --run, or resume this one with --resume."
    )


def _new_folder(store: FeatureStore, recipe: Recipe) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    split = file_name(recipe.split)
    name = "-".join((store.path.stem, recipe.model, recipe.feature, split, stamp))
    folder = cache_dir() / "runs"
    path, number = folder / name, 1
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                path.mkdir()
                return path
            except FileExistsError:
                number += 1
                path = folder / f"{name}-{number}"
