"""One run of a comparison: done with its evaluation, failed, or pending."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc.errors import InputError
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.metrics import Metrics
from asc.files import check_no_links
from asc.training.recipe import Recipe

DONE, FAILED, PENDING = "done", "failed", "pending"


@dataclass(frozen=True)
class Entry:
    """One run of a comparison.

    Attributes
    ----------
    recipe : Recipe
    path : Path
        The run folder, which may not exist yet. Of split ``folds`` it holds a run
        folder for each fold.
    status : {'done', 'failed', 'pending'}
    evaluation : Evaluation or None
        Predictions with their metrics; None unless done.
    error : str or None
        Why it failed.
    variant : str
        Name of the variant of the grid; empty if it has none.
    """

    recipe: Recipe
    path: Path
    status: str
    evaluation: Evaluation | None = None
    error: str | None = None
    variant: str = ""

    @classmethod
    def read(
        cls, path: Path, recipe: Recipe, error: str | None = None, variant: str = ""
    ) -> Entry:
        """Return a run from its folder and its last error.

        A run whose evaluation is damaged has failed, and one that is not in the
        folder of the comparison.
        """
        try:
            check_no_links(path, path.parents[1])
            if not os.path.exists(path / "metrics.json"):
                return cls(
                    recipe, path, FAILED if error else PENDING, None, error, variant
                )
            return cls(recipe, path, DONE, Evaluation.load(path), None, variant)
        except InputError as damage:
            return cls(recipe, path, FAILED, None, str(damage), variant)

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return self.path.name

    @property
    def metrics(self) -> Metrics | None:
        """The figures; None unless done."""
        return None if self.evaluation is None else self.evaluation.metrics

    def title(self) -> str:
        """Return accuracy with its intervals, split and leakage, or the status."""
        if self.evaluation is not None:
            return self.evaluation.title()
        return f"failed: {self.error}" if self.status == FAILED else self.status

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "name": self.name,
            "status": self.status,
            "error": self.error,
            "variant": self.variant,
            "recipe": self.recipe.to_dict(),
            "metrics": None if self.metrics is None else self.metrics.to_dict(),
        }
