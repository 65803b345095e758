"""Published results on TUT Acoustic Scenes 2017, to compare a run with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

#: The 15 scenes, as the corpus's meta.txt spells them.
SCENES = (
    "beach",
    "bus",
    "cafe/restaurant",
    "car",
    "city_center",
    "forest_path",
    "grocery_store",
    "home",
    "library",
    "metro_station",
    "office",
    "park",
    "residential_area",
    "train",
    "tram",
)


@dataclass(frozen=True)
class PublishedResult:
    """A published system with its recall of every scene.

    Attributes
    ----------
    name : str
    protocol : {'folds', 'evaluation'}
        The four official folds of the development set, or trained on all of it
        and tested on the evaluation set.
    accuracy : float
        Share of all segments that are right.
    recalls : dict of str to float
        Scene to its recall.
    source : str
    """

    name: str
    protocol: str
    accuracy: float
    recalls: dict[str, float]
    source: str


def _published(
    name: str, protocol: str, source: str, overall: float, *percents: float
) -> PublishedResult:
    shares = [round(percent / 100, 4) for percent in percents]
    recalls = dict(zip(SCENES, shares, strict=True))
    return PublishedResult(name, protocol, round(overall / 100, 4), recalls, source)


_BASELINE = (
    "Official DCASE 2017 baseline, tut-arg.github.io/DCASE2017-baseline-system,"
    " page Applications"
)
_EVALUATION = "Official DCASE 2017 baseline on the evaluation set of the challenge"
_PICZAK = (
    "K. J. Piczak, DCASE 2017: predictions in github.com/karolpiczak/paper-2017-DCASE"
    " (plain inference; the paper's 82.4 % were predicted in training mode)"
)

PUBLISHED = (
    # fmt: off
    _published(
        "baseline MLP", "folds", _BASELINE, 74.8,
        75.3, 71.8, 57.7, 97.1, 90.7, 79.5, 58.7, 68.6, 57.1, 91.7, 99.7, 70.2, 64.1,
        58.0, 81.7,
    ),
    _published(
        "baseline GMM", "folds", _BASELINE, 74.1,
        75.0, 84.3, 81.7, 91.0, 91.0, 73.4, 67.9, 71.4, 63.5, 81.4, 97.1, 39.1, 74.7,
        41.0, 79.2,
    ),
    _published(
        "Piczak's CNN", "folds", _PICZAK, 80.1,
        79.8, 86.5, 64.7, 93.9, 93.3, 91.0, 83.0, 75.8, 66.0, 98.1, 88.5, 59.3, 69.9,
        68.6, 83.7,
    ),
    _published(
        "baseline MLP", "evaluation", _EVALUATION, 61.0,
        40.7, 38.9, 43.5, 64.8, 79.6, 85.2, 49.1, 79.9, 30.6, 93.5, 73.1, 32.4, 77.8,
        72.2, 57.4,
    ),
    # fmt: on
)


def published_results(
    scenes: Collection[str], protocol: str = "folds"
) -> tuple[PublishedResult, ...]:
    """Return the published results that a result can be compared with.

    Parameters
    ----------
    scenes : collection of str
        Of the result. Only those of TUT 2017 have any.
    protocol : {'folds', 'evaluation'}
    """
    if set(scenes) != set(SCENES):
        return ()
    return tuple(each for each in PUBLISHED if each.protocol == protocol)
