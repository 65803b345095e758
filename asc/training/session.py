"""A run with its store: every value that a training needs, made once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from asc.corpus.leakage import Leakage
from asc.corpus.splits import unseen_value
from asc.files import read_json, write_json
from asc.pipeline.batches import Batches
from asc.pipeline.statistics import Statistics, row_statistics
from asc.registry import missing_modules
from asc.store import FeatureStore
from asc.text import counted, leakage_percent, some_of
from asc.training.length import Length
from asc.training.new_run import create_run
from asc.training.parts import check_strengths, part_rows
from asc.training.recipe import MULTIWORKER, Recipe
from asc.training.run import Run
from asc.training.source import Source
from asc.validation import check_whole


@dataclass(frozen=True)
class Session:
    """A run with its store, the rows of each part and the statistics.

    Attributes
    ----------
    run : Run
    store : FeatureStore
    rows : dict of str to np.ndarray
        Store rows of the parts train, validation and test.
    """

    run: Run
    store: FeatureStore
    rows: Mapping[str, np.ndarray]

    @classmethod
    def create(
        cls,
        store: FeatureStore,
        recipe: Recipe,
        path: str | os.PathLike[str] | None = None,
        *,
        command: tuple[str, ...] = (),
        sources: Mapping[str, str] | None = None,
        source: Source | None = None,
    ) -> Session:
        """Make the run folder of a training (`asc.training.new_run.create_run`).

        Raises
        ------
        UsageError
            If recipe and store do not fit, or if the run folder exists.
        """
        check_strengths(store, recipe)
        rows = part_rows(store, recipe)
        run = create_run(
            *(path, recipe, store), command=command, sources=sources, source=source
        )
        return cls(run, store, rows)

    @classmethod
    def open(cls, run: Run, store: FeatureStore | None = None) -> Session:
        """Return the session of an existing run.

        Parameters
        ----------
        run : Run
        store : FeatureStore, optional
            The run's store, if it was opened already or has moved.

        Raises
        ------
        InputError
            If the store is missing.
        StoreError
            If it is another store.
        """
        if store is None:
            store = run.open_store()
        else:
            run.check_store(store)
        return cls(run, store, part_rows(store, run.recipe))

    @cached_property
    def is_chief(self) -> bool:
        """False on all workers but the first, which alone writes the run folder."""
        if self.run.recipe.strategy != MULTIWORKER:
            return True
        from asc.training.distributed.tf_config import read_cluster

        return read_cluster().is_chief

    @cached_property
    def length(self) -> Length:
        """Epochs, batches, and which epochs are validated."""
        return Length.of(self.run.recipe, len(self.rows["train"]))

    def log(self, line: str) -> None:
        """Add a line to the run's log."""
        if self.is_chief:
            self.run.log(line)

    @property
    def tested_part(self) -> str:
        """The part to evaluate: test, or validation where a split has no test part."""
        order = ("test", "validation", "train")
        return next(part for part in order if len(self.rows[part]))

    @property
    def statistics_file(self) -> Path:
        """The file of the statistics in the run folder."""
        return self.run.path / "state" / "statistics.json"

    @cached_property
    def statistics(self) -> Statistics:
        """The statistics of the train part, computed once for a run."""
        file = self.statistics_file
        rows = self.store.features(self.run.recipe.feature).shape[1]
        try:
            kept = read_json(file, root=self.run.path)
            mean, variance = np.array([kept["mean"], kept["variance"]], float)
            if mean.shape == (rows,) and (variance >= 0).all():
                clips = check_whole("clips", kept["clips"], 1)
                return Statistics(mean, variance, clips)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            pass  # not there yet, or damaged
        found = row_statistics(self.store, self.run.recipe.feature, self.rows["train"])
        file.parent.mkdir(exist_ok=True)
        values = {"mean": found.mean.tolist(), "variance": found.variance.tolist()}
        write_json(file, {"clips": found.clips} | values)
        return found

    @cached_property
    def validation_leakage(self) -> Leakage:
        """Share of validation clips with a recording in train.

        Metrics on validation are too optimistic by as much as this is high.
        """
        origins = self.store.origins()
        return origins.leakage(self.rows["train"], self.rows["validation"])

    @property
    def chance(self) -> float | None:
        """Accuracy of the best constant answer on validation, if it has clips."""
        labels = self.store.labels()[self.rows["validation"]]
        return float(np.bincount(labels).max() / len(labels)) if len(labels) else None

    def summary(self) -> str:
        """Return model, feature, split and leakage: the title of the curves."""
        recipe = self.run.recipe
        return (
            f"{recipe.model}, {recipe.feature}, split {recipe.split}, leakage of"
            f" validation {leakage_percent(*self.validation_leakage)}"
        )

    @cached_property
    def scene_weights(self) -> np.ndarray | None:
        """The sample weights by scene of a balanced training; None for others.

        All scenes of the train part have the same weight together, and the mean over
        its clips is 1.
        """
        if self.run.recipe.balance == "none":
            return None
        labels = self.store.labels()[self.rows["train"]]
        clips = np.bincount(labels, minlength=len(self.store.scenes))
        return len(labels) / (np.count_nonzero(clips) * np.maximum(clips, 1))

    def training_batches(self, in_memory: bool = False) -> Batches:
        """Return the batches of the train part, permuted and augmented.

        Parameters
        ----------
        in_memory : bool
            Copy the rows into memory first, as they are stored.
        """
        recipe = self.run.recipe
        return Batches.from_store(
            self.store,
            recipe.feature,
            self.rows["train"],
            batch_size=recipe.batch_size,
            augmentation=recipe.augmentation(),
            seed=recipe.seed,
            shuffle=True,
            fill=self.statistics.mean,
            scene_weights=self.scene_weights,
            in_memory=in_memory,
            mapped=False,
        )

    def plain_batches(self, part: str) -> Batches:
        """Return the batches of a part in row order, not augmented."""
        return Batches.from_store(
            self.store,
            self.run.recipe.feature,
            self.rows[part],
            batch_size=self.run.recipe.batch_size,
            mapped=False,
        )

    def tell_notes(self, note: Callable[[str], object]) -> None:
        """Log what is probably not intended, and pass it on."""
        for sentence in self.notes():
            self.log(f"note: {sentence}")
            note(sentence)

    def notes(self) -> list[str]:
        """Return sentences on what is allowed but probably not intended."""
        notes = []
        if modules := missing_modules(self.run.recipe.imports):
            notes.append(f"{self.run.path} was made with other code. {modules}")
        scenes, labels = self.store.scenes, self.store.labels()
        for part, rows in self.rows.items():
            missing = np.setdiff1d(np.arange(len(scenes)), labels[rows])
            if len(rows) and len(missing):
                names = some_of([scenes[label] for label in missing], most=10)
                notes.append(f"part {part} has no clips of {names}.")
        recipe = self.run.recipe
        notes += self._unseen_notes()
        if recipe.unused:
            notes.append(
                f"{recipe.model} is fitted to the whole train part at once: epochs,"
                " batches, optimizer and augmentation are not used."
            )
            return notes
        count = recipe.augmentation().rows_per_epoch(len(self.rows["train"]))
        if recipe.batch_size > count:
            notes.append(
                f"batch size {recipe.batch_size} is above the"
                f" {counted(count, 'row', 'rows')} of an epoch, so every epoch is one"
                " batch."
            )
        unit = self.store.encoding(recipe.feature).unit
        if "filter-augment" in recipe.augmentation().every_row and "dB" not in unit:
            notes.append(
                f"filter-augment is made for dB, and {recipe.feature} is"
                f" {f'in {unit}' if unit else 'not in dB'}. Its strengths, such as"
                " filter-augment:most=4, are in units of the feature. Lower them, or"
                " leave it out."
            )
        return notes

    def _unseen_notes(self) -> Iterator[str]:
        """Yield what a split of an unseen value does not test."""
        if unseen := unseen_value(self.run.recipe.split):
            clips = int((self.store.group(unseen[0]) == unseen[1]).sum())
            tested = len(self.store.split(self.run.recipe.split).test)
            if tested < clips:
                yield (
                    f"split {self.run.recipe.split} tests {tested:,} of {clips:,} clips"
                    f" of {unseen[0]} {unseen[1]}: those of recordings that are not in"
                    " train."
                )
