"""What a format of an exported model is, and the registry of formats.

One class in one file of `asc.exporting.formats`, or in a module of a user
(``--import MODULE``), is all that a format needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np

from asc.environment import install_command
from asc.errors import InputError
from asc.registry import Registry

if TYPE_CHECKING:
    import keras

#: Programs that run a format without asc.
RUNNERS = Path(__file__).parent / "runners"


class ExportFormat(ABC):
    """A form of a model for other programs, registered by `asc.register_export`.

    Every form takes float32 values as the store holds them, [clips, rows, columns,
    channels], and gives probabilities, [clips, scenes]. Normalisation is inside.

    Attributes
    ----------
    name : str
        Lower-case letters, digits and single hyphens.
    description : str
        One line.
    file : str
        Name of the model in the exported folder; ``model.`` and its ending.
    modules : tuple of str
        Modules that it needs beside those of asc.
    extra : str
        The extra of asc that installs them.
    runner : Path, optional
        A module of Python with a class ``Model(path)``, called with features. It
        becomes the ``runtime.py`` of an exported folder, and imports no TensorFlow.
    requirements : tuple of str
        What pip installs for the runner, beside NumPy, SciPy and soundfile.
    calibrated : bool
        Whether `write` needs clips of the train part.
    parameter_bytes : int
        Bytes of a parameter.
    max_difference : float
        Largest difference of a probability from the run's model that is accepted.
    min_agreement : float
        Smallest share of clips with the same most probable scene that is accepted.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    file: ClassVar[str]
    modules: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    runner: ClassVar[Path | None] = None
    requirements: ClassVar[tuple[str, ...]] = ()
    calibrated: ClassVar[bool] = False
    parameter_bytes: ClassVar[int] = 4
    max_difference: ClassVar[float] = 1e-3
    min_agreement: ClassVar[float] = 0.99

    @abstractmethod
    def write(self, model: keras.Model, path: Path, calibration: np.ndarray) -> None:
        """Write a model.

        Parameters
        ----------
        model : keras.Model
        path : Path
            In a new folder, with the name `file`.
        calibration : np.ndarray [shape=(clips, rows, columns, channels)], float32
            Clips of the train part; none unless the format is `calibrated`.
        """

    def load(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        """Return what gives probabilities for features; by default the runner."""
        if self.runner is None:
            raise NotImplementedError(f"{type(self).__name__} needs load() or runner.")
        spec = spec_from_file_location(f"asc_runner_{self.name}", self.runner)
        if spec is None or spec.loader is None:
            raise ImportError(f"{self.runner} is not a module of Python.")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        found: Callable[[np.ndarray], np.ndarray] = module.Model(str(path))
        return found

    def check_installed(self) -> None:
        """Raise InputError if a module is missing that the format needs."""
        missing = [name for name in self.modules if find_spec(name) is None]
        if missing:
            names, are = ", ".join(missing), "is" if len(missing) == 1 else "are"
            install = f" Install: {install_command(self.extra)}" if self.extra else ""
            raise InputError(
                f"Format {self.name} needs {names}, which {are} not installed.{install}"
            )


FORMATS: Registry[type[ExportFormat]] = Registry(
    "export format", "asc.exporting.formats"
)

F = TypeVar("F", bound=type[ExportFormat])


def register_export(export_format: F, *, replace: bool = False) -> F:
    """Register a format under its name; a decorator of its class.

    Parameters
    ----------
    export_format : subclass of ExportFormat
    replace : bool
        Allow a name that is already taken.

    Raises
    ------
    UsageError
        If its name is malformed or taken.

    Examples
    --------
    In a module for ``asc export RUN --to half --import MODULE``:

    >>> import asc
    >>> from asc.exporting import FORMATS
    >>> @asc.register_export
    ... class Half(FORMATS.get("keras")):
    ...     name, description = "half", "a Keras model in half precision"
    ...     parameter_bytes, max_difference = 2, 0.05
    ...     def write(self, model, path, calibration):
    ...         half = [w.astype("float16") for w in model.get_weights()]
    ...         model.set_weights(half)
    ...         super().write(model, path, calibration)
    """
    FORMATS.add(getattr(export_format, "name", ""), export_format, replace=replace)
    return export_format
