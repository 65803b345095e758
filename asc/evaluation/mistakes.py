"""What a model gets wrong: pairs of scenes, and whole recordings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from asc.evaluation.evaluate import Evaluation


@dataclass(frozen=True)
class ConfusedPair:
    """A scene that is taken for another.

    Attributes
    ----------
    truth, predicted : int
        Indices of the scenes.
    clips : int
        How many clips of the one are taken for the other.
    share : float
        Of the clips of the true scene.
    surest : int
        Which clip of the evaluation is taken so with the greatest probability.
    """

    truth: int
    predicted: int
    clips: int
    share: float
    surest: int


@dataclass(frozen=True)
class RecordingResult:
    """How the clips of one recording did.

    Attributes
    ----------
    recording : str
    scenes : tuple of str
        True scenes of its clips: one, unless the corpus is in disorder.
    clips, right : int
    taken_for : tuple of (str, int)
        Wrong scenes with their clips, the most frequent first.
    """

    recording: str
    scenes: tuple[str, ...]
    clips: int
    right: int
    taken_for: tuple[tuple[str, int], ...]

    @property
    def wrong(self) -> int:
        """How many clips were wrong."""
        return self.clips - self.right


def confusion_counts(evaluation: Evaluation) -> np.ndarray:
    """Return clips by true and predicted scene [shape=(scenes, scenes)], int."""
    count = len(evaluation.scenes)
    predicted = evaluation.probabilities.argmax(axis=1)
    cells = np.bincount(evaluation.truth * count + predicted, minlength=count**2)
    return cells.reshape(count, count)


def confused_pairs(evaluation: Evaluation) -> list[ConfusedPair]:
    """Return every pair of scenes that is confused, the most clips first."""
    confusion = confusion_counts(evaluation)
    support = confusion.sum(axis=1)
    predicted = evaluation.probabilities.argmax(axis=1)
    pairs = []
    for truth, taken in np.argwhere(confusion):
        if truth == taken:
            continue
        clips = np.flatnonzero((evaluation.truth == truth) & (predicted == taken))
        surest = clips[evaluation.probabilities[clips, taken].argmax()]
        share = len(clips) / support[truth]
        pairs.append(
            ConfusedPair(int(truth), int(taken), len(clips), float(share), int(surest))
        )
    return sorted(pairs, key=lambda p: (-p.clips, -p.share, p.truth, p.predicted))


def recording_results(evaluation: Evaluation) -> list[RecordingResult]:
    """Return every recording, the one with the most wrong clips first."""
    predicted = evaluation.probabilities.argmax(axis=1)
    names, member = np.unique(np.asarray(evaluation.recordings), return_inverse=True)
    order = np.argsort(member, kind="stable")
    results = []
    for name, clips in zip(
        names, np.split(order, np.cumsum(np.bincount(member))[:-1]), strict=True
    ):
        truth, taken = evaluation.truth[clips], predicted[clips]
        wrong = Counter(evaluation.scenes[scene] for scene in taken[taken != truth])
        results.append(
            RecordingResult(
                str(name),
                tuple(evaluation.scenes[scene] for scene in np.unique(truth)),
                len(clips),
                int((taken == truth).sum()),
                tuple(sorted(wrong.items(), key=lambda item: (-item[1], item[0]))),
            )
        )
    return sorted(results, key=lambda one: (-one.wrong, one.right, one.recording))
