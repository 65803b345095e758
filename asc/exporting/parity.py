"""Whether an exported model gives what the run's model gives, on clips of the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from asc.corpus.leakage import Leakage
from asc.corpus.splits import FOLDS
from asc.errors import InputError
from asc.exporting.format import ExportFormat
from asc.models.outputs import are_probabilities
from asc.store import FeatureStore, RowReader
from asc.text import counted, leakage_percent, percent
from asc.training.run import Run
from asc.training.session import Session

#: Takes features [clips, rows, columns, channels], gives probabilities.
Model = Callable[[np.ndarray], np.ndarray]

#: Clips at a time, and calls that are timed.
_BATCH, _TIMED = 16, 20
#: Most clips that models are compared on, and that quantisation is calibrated on.
_MOST_TESTED, _MOST_TRAINED = 500, 200


@dataclass(frozen=True)
class Parity:
    """How an exported model compares with the run's model.

    Attributes
    ----------
    clips : int
    split, part : str
        What they are of.
    leakage : Leakage
        Share of these clips whose recording the model was trained on.
    largest_difference : float
        Of any probability.
    agreement : float
        Share of clips with the same most probable scene.
    accuracy_before, accuracy_after : float
        Of the run's model and of the exported one, on these clips.
    """

    clips: int
    split: str
    part: str
    leakage: Leakage
    largest_difference: float
    agreement: float
    accuracy_before: float
    accuracy_after: float

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for JSON; ``leakage_at_least`` as in metrics.json."""
        share, at_least = self.leakage
        known = {"leakage": share, "leakage_at_least": at_least}
        return vars(self) | known

    def sentence(self) -> str:
        """Return all of it in one line."""
        clips = counted(self.clips, "clip", "clips")
        return (
            f"parity on {clips} ({self.part} of split {self.split}, leakage"
            f" {leakage_percent(*self.leakage)}): largest difference"
            f" {self.largest_difference:.2g}, same scene for {percent(self.agreement)},"
            f" accuracy {percent(self.accuracy_before)} before and"
            f" {percent(self.accuracy_after)} after"
        )


@dataclass(frozen=True)
class Clips:
    """Clips of a store that models are compared on.

    Attributes
    ----------
    reader : RowReader
    rows : np.ndarray [shape=(clips,)]
        Store rows.
    truth : np.ndarray [shape=(clips,)]
        Their scenes.
    split, part : str
    leakage : Leakage
    """

    reader: RowReader
    rows: np.ndarray
    truth: np.ndarray
    split: str
    part: str
    leakage: Leakage

    @classmethod
    def tested(cls, run: Run, store: FeatureStore) -> Clips:
        """Return the clips that a run is tested on."""
        if run.recipe.split == FOLDS:  # every clip is tested by one model of several
            rows, part = store.finished_rows(), "all"
            known = Leakage(1.0, 1.0)
        else:
            session = Session.open(run, store)
            part = session.tested_part
            rows = session.rows[part]
            known = store.origins().leakage(session.rows["train"], rows)
        return cls._some(store, run, rows, _MOST_TESTED, part, known)

    @classmethod
    def trained(cls, run: Run, store: FeatureStore) -> Clips:
        """Return clips that a run was trained on."""
        if run.recipe.split == FOLDS:
            rows = store.finished_rows()
        else:
            rows = Session.open(run, store).rows["train"]
        return cls._some(store, run, rows, _MOST_TRAINED, "train", Leakage(1.0, 1.0))

    @classmethod
    def _some(
        cls,
        store: FeatureStore,
        run: Run,
        rows: np.ndarray,
        most: int,
        part: str,
        known: Leakage,
    ) -> Clips:
        """Return at most so many of some rows, spread evenly over them."""
        count = min(most, len(rows))
        chosen = rows[np.arange(count) * len(rows) // count]
        reader, truth = store.row_reader(run.recipe.feature), store.labels()[chosen]
        return cls(reader, chosen, truth, run.recipe.split, part, known)

    def features(self, start: int = 0, count: int | None = None) -> np.ndarray:
        """Return the features of clips as a model takes them, float32."""
        stop = None if count is None else start + count
        return self.reader[self.rows[start:stop]].astype(np.float32)

    def probabilities(
        self, model: Model, progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        """Return what a model gives [shape=(clips, scenes)]."""
        found = []
        for start in range(0, len(self.rows), _BATCH):
            found.append(np.asarray(model(self.features(start, _BATCH))))
            if progress is not None:
                progress(min(start + _BATCH, len(self.rows)), len(self.rows))
        return np.concatenate(found)

    def parity(self, before: np.ndarray, after: np.ndarray) -> Parity:
        """Compare the probabilities of two models [shape=(clips, scenes)].

        Raises
        ------
        InputError
            If the second ones are none.
        """
        if after.shape != before.shape or not are_probabilities(after).all():
            raise InputError(
                "The exported model does not give probabilities. Got shape"
                f" {after.shape}, expected {before.shape} with values in [0, 1]."
            )
        scene_before, scene_after = before.argmax(axis=1), after.argmax(axis=1)
        return Parity(
            len(self.rows),
            self.split,
            self.part,
            self.leakage,
            float(np.abs(after - before).max()),
            float((scene_after == scene_before).mean()),
            float((scene_before == self.truth).mean()),
            float((scene_after == self.truth).mean()),
        )

    def latency(self, model: Model) -> float:
        """Return the seconds that a model takes for a single clip: the median."""
        clip, seconds = self.features(0, 1), []
        model(clip)  # the first call prepares what the others use
        for _ in range(_TIMED):
            began = time.perf_counter()
            model(clip)
            seconds.append(time.perf_counter() - began)
        return median(seconds)


def check_parity(
    found: Parity,
    export_format: ExportFormat,
    max_difference: float | None,
    min_agreement: float | None,
) -> None:
    """Raise InputError if an exported model differs too much.

    Parameters
    ----------
    found : Parity
    export_format : ExportFormat
    max_difference, min_agreement : float or None
        None for those of the format.
    """
    if max_difference is None:
        max_difference = export_format.max_difference
    if min_agreement is None:
        min_agreement = export_format.min_agreement
    if found.largest_difference > max_difference:
        raise InputError(
            f"The exported model differs too much: {found.sentence()}. Expected a"
            f" difference of at most {max_difference:g}. Use another format, or accept"
            " it with --max-difference."
        )
    if found.agreement < min_agreement:
        raise InputError(
            f"The exported model differs too much: {found.sentence()}. Expected the"
            f" same scene for at least {percent(min_agreement)}. Use another format,"
            " or accept it with --min-agreement."
        )
