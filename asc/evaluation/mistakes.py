"""What a model gets wrong: pairs of scenes, and whole recordings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from asc.evaluation.evaluation import Evaluation


@dataclass(frozen=True)
class ConfusedPair:
    """A scene that is predicted as another.

    Attributes
    ----------
    truth, predicted : int
        Indices of the scenes.
    clips : int
        How many clips of the one are predicted as the other.
    share : float
        Of the clips of the true scene.
    most_confident : int
        The clip of the evaluation that is predicted so with the greatest probability.
    """

    truth: int
    predicted: int
    clips: int
    share: float
    most_confident: int


@dataclass(frozen=True)
class RecordingResult:
    """The results of the clips of one recording.

    Attributes
    ----------
    recording : str
    scenes : tuple of str
        True scenes of its clips: one, unless the corpus contradicts itself.
    clips, right : int
    predicted_as : tuple of (str, int)
        Wrong scenes with their clips, the most frequent first.
    """

    recording: str
    scenes: tuple[str, ...]
    clips: int
    right: int
    predicted_as: tuple[tuple[str, int], ...]

    @property
    def wrong(self) -> int:
        """How many clips were wrong."""
        return self.clips - self.right


def confusion_counts(evaluation: Evaluation) -> np.ndarray:
    """Return clips by true and predicted scene [shape=(scenes, scenes)], int."""
    count = len(evaluation.scenes)
    predicted = evaluation.predicted
    cells = np.bincount(evaluation.truth * count + predicted, minlength=count**2)
    return cells.reshape(count, count)


def confused_pairs(evaluation: Evaluation) -> list[ConfusedPair]:
    """Return every pair of scenes that is confused, the most clips first."""
    confusion = confusion_counts(evaluation)
    support = confusion.sum(axis=1)
    predicted = evaluation.predicted
    pairs = []
    for truth, label in np.argwhere(confusion):
        if truth == label:
            continue
        clips = np.flatnonzero((evaluation.truth == truth) & (predicted == label))
        most_confident = clips[evaluation.probabilities[clips, label].argmax()]
        share = len(clips) / support[truth]
        pairs.append(
            ConfusedPair(
                int(truth), int(label), len(clips), float(share), int(most_confident)
            )
        )
    return sorted(pairs, key=lambda p: (-p.clips, -p.share, p.truth, p.predicted))


def recording_results(evaluation: Evaluation) -> list[RecordingResult]:
    """Return every recording, the one with the most wrong clips first."""
    predicted = evaluation.predicted
    names, member = np.unique(np.asarray(evaluation.recordings), return_inverse=True)
    order = np.argsort(member, kind="stable")
    results = []
    for name, clips in zip(
        names, np.split(order, np.cumsum(np.bincount(member))[:-1]), strict=True
    ):
        truth, labels = evaluation.truth[clips], predicted[clips]
        wrong = Counter(evaluation.scenes[scene] for scene in labels[labels != truth])
        results.append(
            RecordingResult(
                str(name),
                tuple(evaluation.scenes[scene] for scene in np.unique(truth)),
                len(clips),
                int((labels == truth).sum()),
                tuple(sorted(wrong.items(), key=lambda item: (-item[1], item[0]))),
            )
        )
    return sorted(results, key=lambda one: (-one.wrong, one.right, one.recording))
