"""What a feature is: rows of weighted power, and how they become stored values.

One class in one file of `asc.features.representations`, or in a module of a user
(``--import MODULE``), is all that a feature needs.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from asc.errors import UsageError
from asc.features.encoding import Encoding
from asc.features.spec import FeatureSpec
from asc.registry import Registry
from asc.text import unknown_name
from asc.validation import one_or_several

if TYPE_CHECKING:
    import scipy.sparse


@dataclass(frozen=True, eq=False)
class Drawing:
    """The labels of a feature in plots and reports.

    Attributes
    ----------
    title : str
        Name of the feature.
    value_label, row_label : str
        Labels of the colour scale and of the axis of the rows.
    row_centres : np.ndarray [shape=(rows,)], optional
        As `Feature.row_centres`. Without them the rows are numbered.
    """

    title: str
    value_label: str
    row_label: str = "Row"
    row_centres: np.ndarray | None = None


class Feature(ABC):
    """A feature under a spec. Subclasses are registered by `asc.register_feature`.

    An instance is made wherever a store is opened. What takes time belongs into
    `weights`, which only extraction calls.

    Parameters
    ----------
    spec : FeatureSpec

    Attributes
    ----------
    name : str
        Lower-case letters, digits and single hyphens. Also the name of the dataset.
    title, description : str
        The name in plots and tables, and one line.
    quantity, unit : str
        What the values are, and their unit; it may be empty.
    row_label : str
        What the rows are, with their unit.
    defaults : dict
        Parameters of this feature. A subclass checks them in `check`.
    parameters : dict
        Their values under ``spec.parameters``.

    Raises
    ------
    UsageError
        If the spec sets an unknown parameter, or an impossible value.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    quantity: ClassVar[str]
    unit: ClassVar[str]
    row_label: ClassVar[str] = "Frequency (Hz)"
    defaults: ClassVar[Mapping[str, Any]] = {}

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
        """Raise UsageError if a parameter has an impossible value."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.spec.rows

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a clip: (rows, columns, channels)."""
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
        scale, offset = 1.0, 0.0
        if self.spec.dtype == "uint8":
            scale, offset = self.step, self.lowest - self.step
        return Encoding(
            self.spec.dtype, scale, offset, self.lowest, self.step, self.unit
        )

    @property
    def drawing(self) -> Drawing:
        """Its labels in plots and reports."""
        label = f"{self.quantity} ({self.unit})" if self.unit else self.quantity
        return Drawing(self.title, label, self.row_label, self.row_centres())

    @abstractmethod
    def weights(self) -> scipy.sparse.csr_matrix:
        """Return what the power of the FFT bins is multiplied with.

        Returns
        -------
        scipy.sparse.csr_matrix [shape=(rows, bins)], float32
            Columns are `FeatureSpec.bins`. No row may be empty.
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
            Reduces frames to columns by area averaging, of power or of values.
        full_scale : float
            Power of a full-scale sine wave at the centre of a bin.

        Returns
        -------
        np.ndarray [shape=(rows, columns)], float32
            The front end may overwrite it.
        """

    @abstractmethod
    def row_centres(self) -> np.ndarray:
        """Return the place of each row on the axis, ascending [shape=(rows,)].

        Usually its frequency (in Hz).
        """


class DecibelFeature(Feature):
    """A feature in dB relative to a full-scale sine wave, averaged as power."""

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
    """Register a feature under its name; a decorator of its class.

    Parameters
    ----------
    feature : subclass of Feature
    replace : bool
        Allow a name that is already taken.

    Raises
    ------
    UsageError
        If its name is malformed or taken.

    Examples
    --------
    In a module for ``asc extract --import MODULE``:

    >>> import asc
    >>> from asc.features import FEATURES
    >>> @asc.register_feature
    ... class QuietMel(FEATURES.get("mel")):
    ...     name, title = "quiet-mel", "Mel with a lower floor"
    ...     description = "Mel levels down to -200 dB"
    ...     lowest = -200.0
    """
    FEATURES.add(getattr(feature, "name", ""), feature, replace=replace)
    return feature


def make_features(
    spec: FeatureSpec, names: str | Iterable[str] | None = None
) -> dict[str, Feature]:
    """Return the features of a spec by name, or only the named ones.

    Raises
    ------
    UsageError
        If one is not registered, or cannot be computed under the spec.
    """
    found = {}
    chosen = spec.features if names is None else one_or_several("features", names)
    for name in chosen:
        if name not in FEATURES:
            raise UsageError(
                f"{unknown_name('feature', name, FEATURES.names())} If it is your own,"
                " name its module with --import."
            )
        found[name] = FEATURES.get(name)(spec)
    return found


def registered(spec: FeatureSpec) -> dict[str, Feature]:
    """Return those features of a spec, by name, whose classes are registered."""
    return make_features(spec, [name for name in spec.features if name in FEATURES])


def completed(spec: FeatureSpec) -> FeatureSpec:
    """Return a spec that has all parameters of its features.

    A store keeps this one, so that its numbers do not depend on defaults.
    """
    features = make_features(spec)
    parameters = {name: each.parameters for name, each in features.items()}
    return dataclasses.replace(spec, parameters=parameters)


def feature_title(name: str) -> str:
    """Return the title of a feature; the name if it is not registered."""
    return FEATURES.get(name).title if name in FEATURES else name


def drawing_of(name: str, spec: FeatureSpec, unit: str = "") -> Drawing:
    """Return the labels of a feature; by name and unit if it is not registered."""
    if name in FEATURES:
        return FEATURES.get(name)(spec).drawing
    return Drawing(name, f"Value ({unit})" if unit else "Value")
