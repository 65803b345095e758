"""The linear model beside the results of a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from asc.environment import cache_dir
from asc.errors import AscError
from asc.experiments import experiment
from asc.experiments.baseline import baseline_recipe
from asc.models.entries import LINEAR
from asc.reporting.entries import ReportEntry, evaluated, read_run
from asc.store import FeatureStore
from asc.store.fingerprint import canonical_json
from asc.training.recipe import Recipe


def linear_entries(
    entries: Sequence[ReportEntry], note: Callable[[str], object]
) -> list[ReportEntry]:
    """Return the linear model on the clips and feature of entries that lack it.

    Where a store is at hand, it is trained in seconds, and kept in the cache for the
    next report. Where that fails, the report does without.

    Parameters
    ----------
    entries : sequence of ReportEntry
    note : callable
        Takes a sentence on what is waited for.
    """
    known = {place(entry) for entry in entries if is_linear(entry)}
    found = []
    for entry in evaluated(entries):
        recipe, store = entry.recipe, entry.store
        if recipe is None or store is None or place(entry) in known:
            continue
        if entry.metrics.tested_on() != recipe.split:
            continue
        known.add(place(entry))
        with suppress(AscError):
            found.append(_entry(store, baseline_recipe(recipe), note))
    return found


def is_linear(entry: ReportEntry) -> bool:
    """Return True for a run of the linear model."""
    return entry.recipe is not None and entry.recipe.model == LINEAR


def place(entry: ReportEntry) -> tuple:
    """Return on which clips and which feature a run was tested."""
    if entry.recipe is None:
        return ()
    recipe = baseline_recipe(entry.recipe)
    return entry.store_facts.get("digest"), recipe


def _entry(
    store: FeatureStore, recipe: Recipe, note: Callable[[str], object]
) -> ReportEntry:
    folder = _folder(store, recipe)
    if not (folder / "metrics.json").is_file():
        note(
            f"training the linear model on {recipe.feature}, split {recipe.split}, to"
            " compare with. --no-baseline leaves it out."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    experiment.finish(store, recipe, folder)
    entry = read_run("", "linear model", folder, {str(store.path.resolve()): store})
    return replace(entry, missing=())


def _folder(store: FeatureStore, recipe: Recipe) -> Path:
    values = [recipe.to_dict(), store.fingerprint, store.digest, list(store.scenes)]
    number = sha256(canonical_json(values).encode()).hexdigest()[:12]
    return cache_dir() / "baselines" / f"{store.path.stem}-{number}"
