"""What a feature is: rows of weighted power, and how they become stored values.

A feature is one class in one file of `asc.features.representations`, or in a module
of a user (``--import MODULE``). Everything else asks the class: the front end for
its weights and values, the store for its encoding, plots and reports for how it is
drawn.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np

from asc.errors import UsageError
from asc.features.drawing import Drawing
from asc.features.encoding import Encoding
from asc.features.spec import FeatureSpec
from asc.registry import Registry
from asc.text import unknown_name

if TYPE_CHECKING:
    import scipy.sparse


class Feature(ABC):
    """A feature under a spec. Subclasses are registered by `asc.register_feature`.

    An instance is made wherever a store is opened, so making one must be cheap: what
    takes time belongs into `weights`, which only extraction calls.

    Parameters
    ----------
    spec : FeatureSpec
        Its ``parameters`` may set some of `defaults` for this feature.

    Attributes
    ----------
    name : str
        Lower-case letters, digits and single hyphens. Also the name of the dataset.
    title : str
        The name in pictures and tables.
    description : str
        One line.
    quantity, unit : str
        What the values are, and their unit; it may be empty.
    row_label : str
        What the rows are, with their unit.
    defaults : dict of str to float
        The feature's own parameters; a subclass checks them in `check`.
    parameters : dict of str to float
        Their values under the spec.

    Raises
    ------
    UsageError
        If the spec sets a parameter that the feature does not have, or to a value
        that it cannot have.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    quantity: ClassVar[str]
    unit: ClassVar[str]
    row_label: ClassVar[str] = "Frequency (Hz)"
    defaults: ClassVar[Mapping[str, float]] = {}

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        given = spec.parameters.get(self.name, {})
        for parameter in given:
            if parameter not in self.defaults:
                raise UsageError(
                    unknown_name(
                        f"parameter of {self.name}", parameter, tuple(self.defaults)
                    )
                )
        self.parameters = {**self.defaults, **given}
        self.check()

    def check(self) -> None:  # noqa: B027 - most features have nothing to check
        """Raise UsageError if a parameter cannot have its value."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.spec.rows

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a stored clip: (rows, columns, channels)."""
        return self.rows, self.spec.columns, self.spec.channel_count

    @property
    @abstractmethod
    def lowest(self) -> float:
        """Lowest value that is kept."""

    @property
    @abstractmethod
    def step(self) -> float:
        """Step of the uint8 codes; they cover 254 steps from `lowest` up."""

    @property
    def encoding(self) -> Encoding:
        """How a store keeps the values."""
        return Encoding.of_range(self.spec.dtype, self.lowest, self.step, self.unit)

    @property
    def drawing(self) -> Drawing:
        """How the feature is drawn."""
        label = f"{self.quantity} ({self.unit})" if self.unit else self.quantity
        return Drawing(self.title, label, self.row_label, self.row_centres())

    @abstractmethod
    def weights(self) -> scipy.sparse.csr_matrix:
        """Return what the power of the FFT bins is multiplied with.

        Returns
        -------
        scipy.sparse.csr_matrix [shape=(rows, bins)], float32
            Columns are the bins of `FeatureSpec.bins`.

        Raises
        ------
        UsageError
            If a row would hold no data under this spec.
        """

    @abstractmethod
    def values(
        self,
        power: np.ndarray,
        average: Callable[[np.ndarray], np.ndarray],
        full_scale: float,
    ) -> np.ndarray:
        """Return the values of a clip.

        Parameters
        ----------
        power : np.ndarray [shape=(rows, frames)], float32
            The product of the weights and the power spectrogram. Not to be changed.
        average : callable
            Reduces frames to columns by area averaging. A feature calls it where
            averaging is right for it: on power, or after a step over time.
        full_scale : float
            Power of a full-scale sine wave at the centre of a bin.

        Returns
        -------
        np.ndarray [shape=(rows, columns)], float32
            The front end may overwrite it.
        """

    @abstractmethod
    def row_centres(self) -> np.ndarray:
        """Return what each row stands for, ascending, such as its frequency (in Hz).

        Returns
        -------
        np.ndarray [shape=(rows,)]
        """


class DecibelFeature(Feature):
    """A feature whose values are the level of its rows.

    Levels are in dB relative to a full-scale sine wave. Averaging is done on power,
    never on dB.
    """

    unit = "dB re full scale"
    quantity = "Level"

    @property
    def step(self) -> float:
        """Step of the uint8 codes (in dB)."""
        return self.spec.step

    def values(
        self,
        power: np.ndarray,
        average: Callable[[np.ndarray], np.ndarray],
        full_scale: float,
    ) -> np.ndarray:
        """Return the level of the mean power of every column, not below `lowest`."""
        least = np.float32(full_scale * 10 ** (self.lowest / 10))
        level = np.maximum(average(power), least)
        np.log10(level, out=level)
        level *= np.float32(10)
        level -= np.float32(10 * np.log10(full_scale))
        return level


FEATURES: Registry[type[Feature]] = Registry("feature", "asc.features.representations")

F = TypeVar("F", bound=type[Feature])


def register_feature(feature: F, *, replace: bool = False) -> F:
    """Make a feature known under its name; a decorator of its class.

    Parameters
    ----------
    feature : subclass of Feature
    replace : bool
        Allow a name that is already taken.

    Returns
    -------
    type
        The class, unchanged.

    Raises
    ------
    UsageError
        If its name is malformed or taken.

    Examples
    --------
    A feature of a module that ``asc extract --import MODULE`` names:

    >>> @asc.register_feature                              # doctest: +SKIP
    ... class Loudest(asc.DecibelFeature):
    ...     name, title = "loudest", "Loudest bin"
    ...     description = "level of the loudest bin of each row"
    ...     ...  # lowest, weights, values, row_centres
    """
    FEATURES.add(getattr(feature, "name", ""), feature, replace=replace)
    return feature


def make_features(
    spec: FeatureSpec, names: Iterable[str] | None = None
) -> dict[str, Feature]:
    """Return the features of a spec by name.

    Parameters
    ----------
    spec : FeatureSpec
    names : iterable of str, optional
        Only these of them.

    Raises
    ------
    UsageError
        If one is not registered, or cannot be computed under the spec.
    """
    wanted = spec.features if names is None else tuple(names)
    known = registered(spec)
    for name in wanted:
        if name not in known:
            raise UsageError(
                f"{unknown_name('feature', name, FEATURES.names())} If it is your own,"
                " name its module with --import."
            )
    return {name: known[name] for name in wanted}


def registered(spec: FeatureSpec) -> dict[str, Feature]:
    """Return those features of a spec, by name, whose classes are registered."""
    return {
        name: FEATURES.get(name)(spec) for name in spec.features if name in FEATURES
    }


def completed(spec: FeatureSpec) -> FeatureSpec:
    """Return a spec that spells out all parameters of its features.

    A store keeps this one, so that its numbers do not depend on defaults.

    Raises
    ------
    UsageError
        If a feature is not registered, or cannot be computed under the spec.
    """
    parameters = {
        name: feature.parameters
        for name, feature in make_features(spec).items()
        if feature.parameters
    }
    return dataclasses.replace(spec, parameters=parameters)


def feature_title(name: str) -> str:
    """Return the name for pictures and tables; the class need not be registered."""
    return FEATURES.get(name).title if name in FEATURES else name


def drawing_of(name: str, spec: FeatureSpec, unit: str = "") -> Drawing:
    """Return how a feature is drawn; its class need not be registered.

    Parameters
    ----------
    name : str
    spec : FeatureSpec
    unit : str
        Unit of the values, for a feature that is not registered.
    """
    if name in FEATURES:
        return FEATURES.get(name)(spec).drawing
    return Drawing(name, f"Value ({unit})" if unit else "Value")
