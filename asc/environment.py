"""Versions, machine, default places, and settings that are meant for other programs."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from asc.errors import UsageError
from asc.text import printable

#: The name that pip installs asc by. On PyPI, `asc` is another project.
DISTRIBUTION = "acoustic-scenes"
#: Libraries whose version can change a feature's numbers.
DSP_LIBRARIES = ("librosa", "numpy", "scipy", "soundfile", "soxr")
#: Seconds that git gets to look for changed files.
_GIT_SECONDS = 5.0
#: Libraries that a training depends on.
TRAINING_LIBRARIES = ("h5py", "keras", "numpy", "scikit-learn", "tensorflow")


def version() -> str:
    """Return the version of asc, or ``"not installed"`` for a bare source folder."""
    return versions((DISTRIBUTION,))[DISTRIBUTION]


def install_command(extra: str) -> str:
    """Return the command that installs what an extra of asc needs."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def missing_package(error: ModuleNotFoundError) -> str | None:
    """Return the package to install; None for a module of an installed one."""
    name = error.name or "."
    packages = {"keras": "tensorflow", "sklearn": "scikit-learn", "PIL": "pillow"}
    return None if "." in name or name == "asc" else packages.get(name, name)


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """Return versions without importing anything, or ``"not installed"``."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def dsp_versions() -> dict[str, str]:
    """Return versions of what decodes and transforms audio."""
    import soundfile

    return versions(DSP_LIBRARIES) | {"libsndfile": soundfile.__libsndfile_version__}


def describe() -> dict[str, Any]:
    """Return facts about this machine and installation, for records."""
    names = sorted({*DSP_LIBRARIES, *TRAINING_LIBRARIES, "click"})
    return {
        "asc": version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": usable_cores(),
        "libraries": versions(tuple(names)),
    }


def hardware() -> dict[str, Any]:
    """Return the processor, the memory and the NVIDIA GPUs of this machine."""
    found: dict[str, Any] = {
        "cpu": platform.processor(),
        "memory_bytes": usable_memory(),
        "gpus": [],
    }
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        found["cpu"] = next(filter(None, _values(lines, "model name")), found["cpu"])
        for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
            lines = file.read_text("utf-8", "replace").splitlines()
            found["gpus"] += _values(lines, "Model")
    except OSError:
        pass  # another operating system
    return found


def _values(lines: list[str], name: str) -> list[str]:
    """Return the values of lines ``NAME : VALUE``."""
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for key, _, value in pairs if key.strip() == name]


def git_commit(folder: str | os.PathLike[str] = ".") -> str | None:
    """Return the commit of the git repository that a folder is in.

    It ends in ``-dirty`` if files were changed since. None if the folder is in no
    repository, or if git is not installed.
    """
    command = ("describe", "--always", "--exclude=*", "--abbrev=40", "--dirty")
    try:
        done = subprocess.run(
            ["git", "-C", folder, *command],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def usable_cores() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def usable_memory() -> int:
    """Return the bytes of memory of the machine, or of the container if less."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = Path("/sys/fs/cgroup", name)
        if limit.is_file() and (text := limit.read_text().strip()).isdecimal():
            found.append(int(text))
    return min(found)


def cache_dir() -> Path:
    """Return the default home of stores, downloads and runs (``ASC_CACHE``)."""
    return Path(os.environ.get("ASC_CACHE") or "cache")


# Settings that other programs make for the libraries below asc

#: What a command needs whatever other programs need: a notebook names its own backend
#: for drawing. None unsets a variable.
_NEEDED = {
    "MPLBACKEND": "agg",
    "LIBROSA_CACHE_DIR": None,
    "LIBROSA_CACHE_LEVEL": None,
    "JOBLIB_MULTIPROCESSING": None,
    "JOBLIB_START_METHOD": None,
    "LOKY_PICKLER": None,
    "NUMBA_CACHE_LOCATOR_CLASSES": None,
    "PYTHONWARNINGS": None,
}
_PREFIXES = (
    *("CUDA_", "DASK_", "HDF5_", "JOBLIB_", "KERAS_", "LIBROSA_", "LOKY_", "MKL_"),
    *("MPL", "MATPLOTLIB", "NPY_", "NUMBA_", "OMP_", "OPENBLAS_", "RAY_", "SCIPY_"),
    *("SKLEARN_", "TF_", "TF2_", "TQDM_", "XLA_"),
)
#: Those of Terraform, some of which are secret.
_OTHERS = (
    *("TF_CLI_", "TF_DATA_DIR", "TF_IN", "TF_LOG", "TF_PLUGIN_", "TF_REGISTRY_"),
    *("TF_TOKEN_", "TF_VAR_", "TF_WORKSPACE"),
)
_given: dict[str, str] = {}


def take_over_settings() -> None:
    """Set what a command needs, before any library reads the environment.

    For a process of asc's own; within Python the environment is the caller's.
    """
    _given.update(os.environ)
    _set(_NEEDED)
    # A matplotlibrc, which pictures do not use, may have values that are none.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    # Warnings are for the developers of libraries; none may end a command.
    sys.warnoptions[:] = [text for text in sys.warnoptions if text[:5] != "error"]
    filters: Any = warnings.filters
    filters[:] = [each for each in filters if each[0] != "error"]


def is_command() -> bool:
    """Return True in a process of asc's own; False in a user's Python."""
    return bool(_given)


def settings_of_libraries() -> list[str]:
    """Return ``NAME=VALUE`` of variables that still reach a library, for a message."""
    return [
        f"{name}={printable(value)}"
        for name, value in sorted(_given.items())
        if name.startswith(_PREFIXES)
        and not name.startswith(_OTHERS)
        and name not in _NEEDED
    ]


@contextmanager
def variables(values: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables for the time of a block; None unsets one."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def check_number_variables(*names: str) -> None:
    """Raise UsageError for variables that a library would take for wrong numbers."""
    for name in names:
        text = os.environ.get(name, "0")
        if not text.isdecimal():
            raise UsageError(
                f"The environment variable {name} must be a whole number of at least 0."
                f" Got {text!r}. Change or unset it."
            )
