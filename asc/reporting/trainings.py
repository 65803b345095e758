"""Trainings: results that differ in nothing but split and seed are one training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import mean

from asc.corpus.leakage import Leakage, pooled_leakage
from asc.evaluation.evaluation import Evaluation
from asc.reporting.entries import ReportEntry, evaluated
from asc.reporting.formats import setting
from asc.training.recipe import Recipe

#: Fields that the tables have columns or blocks for.
_SHOWN = ("model", "feature", "augment", "split", "seed")


@dataclass(frozen=True)
class Training:
    """What was trained.

    ``settings`` are the other fields of the recipe with their values, where these
    differ within the report, or the name of the variant that sets them.
    """

    model: str
    feature: str
    augment: str
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def choices(self) -> dict[str, str]:
        """The option of each kind; settings with their names."""
        chosen = {"model": self.model, "augment": self.augment, "feature": self.feature}
        return chosen | {name: f"{name} {value}" for name, value in self.settings}


def trainings(
    entries: Sequence[ReportEntry],
) -> list[tuple[Training, ReportEntry]]:
    """Return every evaluated entry with its training."""
    done = evaluated(entries)
    recipes = {
        entry.key: {
            name: str(setting(value))
            for name, value in entry.recipe.to_dict().items()
            if name not in entry.recipe.unused
        }
        for entry in done
        if entry.recipe is not None
    }
    differing = [
        field.name
        for field in fields(Recipe)
        if field.name not in _SHOWN
        and len({each[field.name] for each in recipes.values() if field.name in each})
        > 1
    ]
    found = []
    for entry in done:
        of, recipe = entry.metrics, recipes.get(entry.key, {})
        settings = tuple((name, recipe[name]) for name in differing if name in recipe)
        if entry.variant:  # a name in place of all that it sets
            named = entry.variant != of.model
            settings = (("variant", entry.variant),) if named else ()
        found.append((Training(of.model, of.feature, of.augment, settings), entry))
    return found


def evaluations(entries: Sequence[ReportEntry]) -> list[Evaluation]:
    """Return the evaluations of entries that have one."""
    return [entry.evaluation for entry in entries if entry.evaluation is not None]


def mean_accuracy(entries: Sequence[ReportEntry]) -> float:
    """Return the mean accuracy of evaluated entries."""
    return mean(entry.metrics.accuracy for entry in entries)


def mean_leakage(entries: Sequence[ReportEntry]) -> Leakage:
    """Return the mean leakage of evaluated entries; unknown if that of one is."""
    return pooled_leakage(
        [entry.known_leakage for entry in entries], [1] * len(entries)
    )
