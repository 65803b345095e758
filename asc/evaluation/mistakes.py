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
    clips, wrong : int
    predicted_as : tuple of (str, int)
        Wrong scenes with their clips, the most frequent first.
    """

    recording: str
    scenes: tuple[str, ...]
    clips: int
    wrong: int
    predicted_as: tuple[tuple[str, int], ...]

    @property
    def right(self) -> int:
        """How many clips were right."""
        return self.clips - self.wrong


def confused_pairs(evaluation: Evaluation) -> list[ConfusedPair]:
    """Return every pair of scenes that is confused, the most clips first."""
    labels = np.stack([evaluation.truth, evaluation.predicted], axis=1)
    support = np.bincount(evaluation.truth).tolist()
    pairs = []
    for truth, predicted in np.unique(labels[~evaluation.correct], axis=0).tolist():
        clips = np.flatnonzero((labels == (truth, predicted)).all(axis=1))
        most = clips[evaluation.probabilities[clips, predicted].argmax()]
        share = len(clips) / support[truth]
        pairs.append(ConfusedPair(truth, predicted, len(clips), share, int(most)))
    return sorted(pairs, key=lambda p: (-p.clips, -p.share, p.truth, p.predicted))


def recording_results(evaluation: Evaluation) -> list[RecordingResult]:
    """Return every recording, the one with the most wrong clips first."""
    scenes, predicted = evaluation.scenes, evaluation.predicted
    clips_of: dict[str, list[int]] = {}
    for clip, name in enumerate(evaluation.recordings):
        clips_of.setdefault(name, []).append(clip)
    results = []
    for name, clips in clips_of.items():
        truth, labels = evaluation.truth[clips], predicted[clips]
        wrong = Counter(scenes[label] for label in labels[labels != truth])
        results.append(
            RecordingResult(
                name,
                tuple(scenes[label] for label in np.unique(truth)),
                len(clips),
                wrong.total(),
                tuple(sorted(wrong.items(), key=lambda item: (-item[1], item[0]))),
            )
        )
    return sorted(results, key=lambda one: (-one.wrong, one.right, one.recording))
