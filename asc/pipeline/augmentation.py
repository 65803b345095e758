"""Augmentation: which transforms are applied to which rows, and how strongly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from asc.errors import UsageError
from asc.pipeline.augmentations.mixup import Mixup
from asc.pipeline.augmentations.specaugment import SpecAugment
from asc.pipeline.transforms import TRANSFORMS, Transform
from asc.text import unknown_name
from asc.validation import check_text

_BOTH = ("mixup", "specaugment")
#: What happens to each third of the rows that ``thirds`` adds.
_THIRDS = (("mixup",), ("specaugment",), _BOTH)
#: Policies with a name of their own, and their transforms.
_POLICIES: dict[str, tuple[str, ...]] = {"none": (), "both": _BOTH, "thirds": _BOTH}


def augmentation_names() -> tuple[str, ...]:
    """Return the names that a policy may consist of."""
    return (*_POLICIES, *TRANSFORMS.names())


def _members(name: str) -> tuple[str, ...]:
    """Return the transforms of one name of a policy."""
    return _POLICIES.get(name, (name,))


@dataclass(frozen=True)
class Augmentation:
    """How training rows are augmented.

    Parameters
    ----------
    policy : str
        Names joined by ``+``, such as ``mixup+time-roll``. Each is a registered
        transform (`asc.register_augmentation`), which is applied to every row, or

        - ``none``: nothing;
        - ``both``: mixup and SpecAugment, applied to every row;
        - ``thirds``: every row as it is, and half as many added rows: a third of
          them by mixup, a third by SpecAugment and a third by both.

        The order in which transforms are applied is that of
        `asc.register_augmentation`, whatever the order of the names: mixing, rolling,
        masking. Those in NumPy follow, in the order of the names.
    mixup_alpha : float
        See `asc.pipeline.augmentations.mixup.Mixup`.
    freq_masks, freq_width, time_masks, time_width : int
        See `asc.pipeline.augmentations.specaugment.SpecAugment`.

    Raises
    ------
    UsageError
        If a strength is out of range. Names are looked up when they are used, since
        modules of a user may register more.

    Examples
    --------
    >>> augmentation = asc.Augmentation("mixup+time-roll", mixup_alpha=0.2)
    >>> augmentation.every_row
    ('mixup', 'time-roll')
    """

    policy: str = "thirds"
    mixup_alpha: float = Mixup.mixup_alpha
    freq_masks: int = SpecAugment.freq_masks
    freq_width: int = SpecAugment.freq_width
    time_masks: int = SpecAugment.time_masks
    time_width: int = SpecAugment.time_width

    def __post_init__(self) -> None:
        check_text("policy", self.policy)
        for transform in (Mixup, SpecAugment):
            self._make(transform)

    @property
    def every_row(self) -> tuple[str, ...]:
        """Names of the transforms that are applied to every row."""
        names = [name for name in self.policy.split("+") if name != "thirds"]
        return tuple(one for name in names for one in _members(name))

    @property
    def added_rows(self) -> tuple[tuple[str, ...], ...]:
        """Names of the transforms that are applied to each equal part of added rows."""
        return _THIRDS if "thirds" in self.policy.split("+") else ()

    def rows_per_epoch(self, clips: int) -> int:
        """Return the number of rows that an epoch of some clips has."""
        return clips + clips // 2 if self.added_rows else clips

    def transforms(self) -> dict[str, Transform]:
        """Return the transforms of the policy with their strengths, by name.

        Raises
        ------
        UsageError
            If a name is unknown, or a transform is named twice.
        """
        names = [one for name in self.policy.split("+") for one in _members(name)]
        for place, name in enumerate(names):
            if name not in TRANSFORMS:
                raise UsageError(
                    unknown_name("augmentation", name, augmentation_names())
                )
            if name in names[:place]:
                raise UsageError(
                    f"An augmentation can be applied once. Got {name!r} more than once"
                    f" in {self.policy!r}."
                )
        return {name: self._make(TRANSFORMS.get(name)) for name in names}

    def _make(self, factory: Callable[..., Transform]) -> Transform:
        """Make a transform; give it those of the strengths that it has."""
        own = {field.name for field in fields(self)[1:]}
        wanted = getattr(factory, "__dataclass_fields__", {})
        return factory(**{name: getattr(self, name) for name in own & {*wanted}})
