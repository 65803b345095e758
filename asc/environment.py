"""Versions, machine and default places."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

#: The name that pip installs asc by. On PyPI, `asc` is another project.
DISTRIBUTION = "acoustic-scenes"
#: Libraries whose version can change a feature's numbers.
DSP_LIBRARIES = ("librosa", "numpy", "scipy", "soundfile", "soxr")
#: Libraries that a training depends on.
TRAINING_LIBRARIES = ("h5py", "keras", "numpy", "scikit-learn", "tensorflow")


def version() -> str:
    """Return the version of asc, or ``"not installed"`` for a bare source folder."""
    return versions((DISTRIBUTION,))[DISTRIBUTION]


def install_command(extra: str) -> str:
    """Return the command that installs what an extra of asc needs."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


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


@contextmanager
def without_variables(*names: str) -> Iterator[None]:
    """Take variables out of the environment during the block."""
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


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
