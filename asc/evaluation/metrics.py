"""The figures of an evaluation: what they are, and whether they can be true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar

import numpy as np

from asc.errors import UsageError
from asc.evaluation.intervals import FEW_RECORDINGS
from asc.text import counted, interval, leakage_percent, percent
from asc.validation import check_number, check_text, check_whole

Interval = tuple[float, float]
T = TypeVar("T")

#: Files that were written before there were these have none of them.
_LATER = ("ci95_cautious", "ci95_class_accuracy", "ci95_clips", "store")
_OF_FOLDS = (
    "folds",
    "accuracy_mean",
    "accuracy_deviation",
    "tested_again",
    "never_tested",
)
#: How far a figure may be from the same one computed from counts.
_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class SceneMetrics:
    """The figures of one scene.

    Attributes
    ----------
    recall : float or None
        None if the scene does not occur.
    precision, f1 : float
    clips : int
        Clips of this scene.
    """

    recall: float | None
    precision: float
    f1: float
    clips: int

    def __post_init__(self) -> None:
        _set(self, "precision", _share(self, "precision"))
        _set(self, "f1", _share(self, "f1"))
        _set(self, "clips", check_whole("clips of a scene", self.clips))
        if self.recall is not None:
            _set(self, "recall", _share(self, "recall"))


@dataclass(frozen=True, kw_only=True)
class FoldMetrics:
    """The figures of one fold of several.

    Attributes
    ----------
    accuracy, class_accuracy : float
    clips : int
    leakage : float or None
    epochs : int
    seconds : float
    """

    accuracy: float
    class_accuracy: float
    clips: int
    leakage: float | None
    epochs: int
    seconds: float

    def __post_init__(self) -> None:
        for name in ("accuracy", "class_accuracy"):
            _set(self, name, _share(self, name))
        if self.leakage is not None:
            _set(self, "leakage", _share(self, "leakage"))
        _set(self, "clips", check_whole("clips of a fold", self.clips, 1))
        _set(self, "epochs", check_whole("epochs of a fold", self.epochs))
        _set(self, "seconds", check_number("seconds of a fold", self.seconds, 0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Metrics(Mapping[str, Any]):
    """The figures of an evaluation, checked.

    They are also a mapping with the keys of ``metrics.json``, in its plain types:
    ``metrics["per_scene"]["bus"]["recall"]``.

    Attributes
    ----------
    accuracy : float
        Share of clips that are right (the DCASE 2017 metric).
    class_accuracy : float
        Balanced accuracy: the mean of the recalls of scenes that occur.
    macro_f1, log_loss : float
    ci95 : (float, float)
        95 % CI of accuracy, a bootstrap over recordings
        (`asc.evaluation.intervals.recording_interval`).
    ci95_cautious : (float, float) or None
        The conservative one, for few recordings
        (`asc.evaluation.intervals.korn_graubard_interval`).
    ci95_class_accuracy : (float, float) or None
        95 % CI of balanced accuracy, a bootstrap over recordings.
    ci95_clips : (float, float) or None
        Naive 95 % CI of accuracy that ignores recordings: too narrow. Never show it
        without ``ci95``.
    clips : int
    recordings : int or None
        None if the corpus names no recordings; each clip then is its own.
    per_scene : dict of str to SceneMetrics
    confusion : tuple of tuples [shape=(scenes, scenes)], int
        Clips; rows are the truth.
    split, part : str
    leakage : float or None
        Share of clips whose recording the model was trained on; None if unknown.
    store : str or None
        File name of the store.
    model, feature, augment : str
    parameters, epochs, seed : int
    seconds : float
        Time of the training.
    folds : dict of str to FoldMetrics, optional
        Of a training of all folds. The other figures are of all their clips.
    accuracy_mean, accuracy_deviation : float, optional
        Mean and standard deviation (n - 1) of accuracy over folds. The deviation of
        a single fold is None.
    tested_again, never_tested : int, optional
        Clips that more than one fold tests, and that none does.

    Raises
    ------
    UsageError
        If a figure has the wrong type or is impossible, or if two of them
        contradict each other.
    """

    accuracy: float
    class_accuracy: float
    macro_f1: float
    log_loss: float
    ci95: Interval
    ci95_cautious: Interval | None = None
    ci95_class_accuracy: Interval | None = None
    ci95_clips: Interval | None = None
    clips: int
    recordings: int | None
    per_scene: Mapping[str, SceneMetrics]
    confusion: tuple[tuple[int, ...], ...]
    split: str
    part: str
    leakage: float | None
    store: str | None = None
    model: str
    feature: str
    augment: str
    parameters: int
    epochs: int
    seconds: float
    seed: int
    folds: Mapping[str, FoldMetrics] | None = None
    accuracy_mean: float | None = None
    accuracy_deviation: float | None = None
    tested_again: int | None = None
    never_tested: int | None = None

    def __post_init__(self) -> None:
        for name in ("accuracy", "class_accuracy", "macro_f1"):
            _set(self, name, _share(self, name))
        if self.leakage is not None:
            _set(self, "leakage", _share(self, "leakage"))
        for name in ("log_loss", "seconds"):
            _set(self, name, check_number(name, getattr(self, name), 0))
        for name in ("ci95", "ci95_cautious", "ci95_class_accuracy", "ci95_clips"):
            if name == "ci95" or getattr(self, name) is not None:
                _set(self, name, _checked_interval(name, getattr(self, name)))
        _set(self, "clips", check_whole("clips", self.clips, 1))
        if self.recordings is not None:
            recordings = check_whole("recordings", self.recordings, 1, self.clips)
            _set(self, "recordings", recordings)
        for name in ("parameters", "epochs", "seed"):
            value = check_whole(name, getattr(self, name), 0, 2**63 - 1)
            _set(self, name, value)
        for name in ("split", "part", "model", "feature", "augment"):
            check_text(name, getattr(self, name))
        if self.store is not None:
            check_text("store", self.store)
        per_scene = _each("per_scene", self.per_scene, SceneMetrics)
        _set(self, "per_scene", per_scene)
        _set(self, "confusion", _checked_confusion(self.confusion, self))
        self._check_folds()

    def _check_folds(self) -> None:
        if self.folds is None:
            for name in _OF_FOLDS:
                if getattr(self, name) is not None:
                    raise UsageError(
                        f"{name} is a figure of folds, and there are none."
                    )
            return
        _set(self, "folds", _each("folds", self.folds, FoldMetrics))
        _set(self, "accuracy_mean", _share(self, "accuracy_mean"))
        if self.accuracy_deviation is not None:
            _set(self, "accuracy_deviation", _share(self, "accuracy_deviation"))
        for name in ("tested_again", "never_tested"):
            _set(self, name, check_whole(name, getattr(self, name)))
        tested = sum(fold.clips for fold in self.folds.values())
        if tested != self.clips:
            raise UsageError(
                f"clips of all folds must be {self.clips} together. Got {tested}."
            )

    # A mapping with the keys of metrics.json

    def __iter__(self) -> Iterator[str]:
        for each in fields(self):
            if each.name in _OF_FOLDS:
                if self.folds is not None:
                    yield each.name
            elif each.name not in _LATER or getattr(self, each.name) is not None:
                yield each.name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, key: str) -> Any:
        if key not in list(self):
            raise KeyError(key)
        return _plain(getattr(self, key))

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values for JSON."""
        return dict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Metrics:
        """Return the figures that `to_dict` gave.

        Keys of later versions are ignored.

        Raises
        ------
        UsageError
            If a figure is missing or impossible.
        """
        return _built(cls, "metrics", values)

    # What an accuracy must never be shown without

    @property
    def few_recordings(self) -> bool:
        """Whether ``ci95_cautious`` is the interval to report."""
        return (
            self.ci95_cautious is not None
            and self.recordings is not None
            and self.recordings < FEW_RECORDINGS
        )

    def uncertainty(self) -> str:
        """Return the intervals of accuracy and the numbers that they are made from."""
        parts = [f"95 % CI {interval(self.ci95)}"]
        if self.few_recordings and self.ci95_cautious is not None:
            parts.append(f"conservative {interval(self.ci95_cautious)}")
        unit = "recordings unknown"
        if self.recordings is not None:
            unit = counted(self.recordings, "recording", "recordings")
        parts.append(f"{counted(self.clips, 'clip', 'clips')}, {unit}")
        return "; ".join(parts)

    def tested_on(self) -> str:
        """Return the split, with the part if that is not test."""
        return self.split if self.part == "test" else f"{self.split}, part {self.part}"

    def summary(self) -> str:
        """Return accuracy with its intervals, split and leakage, in one line."""
        return (
            f"accuracy {percent(self.accuracy)} [{self.uncertainty()}], split"
            f" {self.tested_on()}, leakage {leakage_percent(self.leakage)}"
        )


# Checks


def _set(figures: Any, name: str, value: Any) -> None:
    object.__setattr__(figures, name, value)


def _share(figures: Any, name: str) -> float:
    return check_number(name, getattr(figures, name), 0, 1)


def _checked_interval(name: str, limits: Any) -> Interval:
    if not isinstance(limits, (list, tuple)) or len(limits) != 2:
        raise UsageError(f"{name} must be two limits. Got {limits!r}.")
    low = check_number(name, limits[0], 0, 1)
    return low, check_number(f"upper limit of {name}", limits[1], low, 1)


def _checked_confusion(given: Any, metrics: Metrics) -> tuple[tuple[int, ...], ...]:
    """Return the confusion matrix, if the other figures agree with it."""
    scenes = metrics.per_scene
    try:
        cells = np.asarray(given)
    except ValueError:  # rows of different lengths
        cells = np.zeros(0)
    if (
        cells.shape != (len(scenes), len(scenes))
        or cells.dtype.kind not in "iu"
        or cells.min() < 0
    ):
        raise UsageError(
            f"confusion must be whole numbers of {len(scenes)} x {len(scenes)} scenes."
        )
    support = [scene.clips for scene in scenes.values()]
    right = np.diag(cells)
    if cells.sum(axis=1).tolist() != support or sum(support) != metrics.clips:
        raise UsageError(
            f"confusion, per_scene and clips do not agree. Got {cells.sum()},"
            f" {sum(support)} and {metrics.clips} clips."
        )
    recalls = [
        count / clips if clips else None
        for count, clips in zip(right.tolist(), support, strict=True)
    ]
    for (name, scene), recall in zip(scenes.items(), recalls, strict=True):
        if not _agree(scene.recall, recall):
            raise UsageError(
                f"The recall of {name!r} must be {recall}, from the confusion matrix."
                f" Got {scene.recall}."
            )
    known = [recall for recall in recalls if recall is not None]
    for name, value in (
        ("accuracy", right.sum() / metrics.clips),
        ("class_accuracy", sum(known) / len(known)),
    ):
        if not _agree(getattr(metrics, name), value):
            raise UsageError(
                f"{name} must be {value:.6g}, from the confusion matrix. Got"
                f" {getattr(metrics, name)}."
            )
    return tuple(map(tuple, cells.tolist()))


def _agree(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= _ROUNDING


# Plain values for JSON, and back


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (SceneMetrics, FoldMetrics)):
        return vars(value).copy()
    return value


def _each(name: str, given: Any, kind: type[T]) -> dict[str, T]:
    """Return figures by name, built from plain values where they are such."""
    if not isinstance(given, Mapping) or not given:
        raise UsageError(f"{name} must be figures by name. Got {given!r}.")
    return {
        check_text(f"a name in {name}", key): (
            value if isinstance(value, kind) else _built(kind, f"{name} {key!r}", value)
        )
        for key, value in given.items()
    }


def _built(kind: type[T], name: str, values: Any) -> T:
    if not isinstance(values, Mapping):
        raise UsageError(f"{name} must be figures by name. Got {values!r}.")
    known = fields(kind)  # type: ignore[arg-type]
    missing = [
        each.name
        for each in known
        if each.default is MISSING and each.name not in values
    ]
    if missing:
        raise UsageError(f"{name} must have the figures {', '.join(missing)}.")
    return kind(
        **{each.name: values[each.name] for each in known if each.name in values}
    )
