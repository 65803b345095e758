"""Augmentation: which transforms are applied to which rows, and how strongly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from asc.errors import UsageError
from asc.pipeline.augmentations.mixup import Mixup
from asc.pipeline.augmentations.specaugment import SpecAugment
from asc.pipeline.transforms import TRANSFORMS, Transform
from asc.registry import check_name
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


def parse_policy(policy: str) -> list[tuple[str, dict[str, float]]]:
    """Return the names of a policy, each with the strengths that it gives.

    Raises
    ------
    UsageError
        If it is malformed. The names are not looked up.
    """
    parts = []
    for part in check_text("policy", policy).split("+"):
        name, *given = part.split(":")
        check_name("policy", name)
        strengths: dict[str, float] = {}
        for text in given:
            key, equals, value = text.partition("=")
            try:
                strengths[key] = int(value) if value.isdecimal() else float(value)
            except ValueError:
                equals = ""
            if not (equals and key.isidentifier()):
                raise UsageError(
                    f"A strength must be NAME=NUMBER. Got {text!r} in {part!r}."
                    " Example: stretch:most=0.2"
                )
        parts.append((name, strengths))
    return parts


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
        transform (`asc.register_augmentation`), which is applied to every row, with
        its strengths behind colons, such as ``stretch:most=0.3``; or

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
        parse_policy(self.policy)
        for transform in (Mixup, SpecAugment):
            self._make(transform)

    @property
    def every_row(self) -> tuple[str, ...]:
        """Names of the transforms that are applied to every row."""
        names = [name for name, _ in parse_policy(self.policy) if name != "thirds"]
        return tuple(one for name in names for one in _members(name))

    @property
    def added_rows(self) -> tuple[tuple[str, ...], ...]:
        """Names of the transforms that are applied to each equal part of added rows."""
        names = [name for name, _ in parse_policy(self.policy)]
        return _THIRDS if "thirds" in names else ()

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
        made: dict[str, Transform] = {}
        for policy, strengths in parse_policy(self.policy):
            for name in _members(policy):
                if name not in TRANSFORMS:
                    raise UsageError(
                        unknown_name("augmentation", name, augmentation_names())
                    )
                if name in made:
                    raise UsageError(
                        "An augmentation can be applied once. Got"
                        f" {name!r} more than once in {self.policy!r}."
                    )
                own = strengths if name == policy else {}
                made[name] = self._make(TRANSFORMS.get(name), own)
            if strengths and policy in _POLICIES:
                raise UsageError(
                    f"{policy!r} has no strengths of its own. Got {strengths}. Name its"
                    " transforms instead: mixup and specaugment."
                )
        return made

    def _make(
        self,
        factory: Callable[..., Transform],
        strengths: Mapping[str, float] = MappingProxyType({}),
    ) -> Transform:
        """Make a transform; give it those of the strengths that it has."""
        own = {field.name for field in fields(self)[1:]}
        wanted = getattr(factory, "__dataclass_fields__", {})
        for name in strengths:
            if name not in wanted:
                kind = f"strength of {getattr(factory, '__name__', factory)}"
                raise UsageError(unknown_name(kind, name, tuple(wanted)))
        return factory(
            **{name: getattr(self, name) for name in own & {*wanted}} | dict(strengths)
        )
