"""Transforms of training rows: what one is, their registry, their random streams."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from asc.errors import UsageError
from asc.registry import Registry

if TYPE_CHECKING:
    import numpy as np


class Transform(Protocol):
    """One way to change a row of the train part. See `register_augmentation`."""

    def draw(
        self, rng: np.random.Generator, rows: np.ndarray, shape: tuple[int, int]
    ) -> Mapping[str, np.ndarray]:
        """Draw what happens to each row of an epoch."""


#: What makes each transform, by name.
TRANSFORMS: Registry[Callable[..., Transform]] = Registry(
    "augmentation", "asc.pipeline.augmentations"
)


def register_augmentation(name: str, *, replace: bool = False) -> Callable:
    """Register a transform of training rows; a decorator for its class.

    The class is called without arguments; dataclass fields that are named like a
    strength of `asc.Augmentation` get its value. It has up to two methods:

    ``draw(rng, rows, shape)``
        Draw what happens to each row of an epoch. `rng` is a `numpy.random.Generator`
        that depends on the name of the transform, the seed and the number of the
        epoch alone; `rows`, of shape (count,), are the store rows that the epoch shows,
        each row of the part once or more; `shape` is (rows, columns) of the feature.
        Return a dict of arrays with one entry for each of `rows`, whether or not the
        transform is applied to it.

    ``apply(features, labels, **drawn)``
        Change rows of a batch in place: `features`, float32 of shape (batch, rows,
        columns, channels) in units of the store, and `labels`, float32 of shape
        (batch, scenes), whose rows add up to 1. The arrays of ``draw`` come by their
        names, cut to the same rows. What happens to a row may not depend on the
        other rows of its batch. Several threads may call it at a time.

    Arrays with these names are applied by asc in one compiled pass over the batch, in
    this order, and do not reach ``apply``, which comes after the pass and is not needed
    if there are no others:

    ``mixup_rows`` (count,), ``mixup_lambda`` (count,)
        The row becomes ``lambda * row + (1 - lambda) * other``, and so does its
        label. The other is one of `rows`, lambda in [0, 1].
    ``time_shift`` (count,)
        By how many columns the row is rolled along time, as by `numpy.roll`.
    ``freq_spans``, ``time_spans`` (count, masks, 2)
        First and past-the-end row or column of masks, which are filled with the mean
        of each row band over the part.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and single hyphens.
    replace : bool
        Allow a name that is already taken.

    Returns
    -------
    callable
        A decorator, which returns the class unchanged.

    Raises
    ------
    UsageError
        If the name is malformed or taken, or the class has no ``draw``.

    Examples
    --------
    >>> import asc
    >>> @asc.register_augmentation("gain")
    ... class Gain:
    ...     def draw(self, rng, rows, shape):
    ...         return {"codes": rng.uniform(-12, 12, len(rows))}
    ...
    ...     def apply(self, features, labels, codes):
    ...         features += codes[:, None, None, None]
    >>> asc.Augmentation("mixup+gain").every_row
    ('mixup', 'gain')
    """

    def register(factory: Any) -> Any:
        if not callable(factory) or not hasattr(factory, "draw"):
            raise UsageError(
                f"Augmentation {name!r} has no method draw(rng, rows, shape). Got"
                f" {factory!r}."
            )
        TRANSFORMS.add(name, factory, replace=replace)
        return factory

    return register


def random_stream(name: str, seed: int, epoch: int) -> np.random.Generator:
    """Return the random numbers of one purpose in one epoch.

    Philox is a counter-based generator (Salmon et al. 2011). Its key is the seed and
    the epoch, and the upper half of its counter is a hash of the name. So no stream
    depends on what else is drawn, or overlaps with another one.
    """
    import numpy as np

    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    counter = np.zeros(4, np.uint64)
    counter[2:] = np.frombuffer(digest, "<u8")
    key = np.array([seed, epoch], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
