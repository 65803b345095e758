"""A synthetic corpus in the layout of TUT Acoustic Scenes 2017.

It stands in for the real audio (10.7 GB) in demos, tests and runs at full scale:
either a grid of scenes, recordings and clips, or audio for every name in a
``meta.txt`` that one has. The folder is made from its settings alone, so it can be
made again anywhere, and a writer that was stopped goes on where it was.

What it sounds like, and why recordings are recognisable, is told in
:mod:`asc.synthetic.soundscape`.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from numbers import Integral
from pathlib import Path
from typing import Any

import soundfile

from asc import parallel
from asc.corpus.base import Clip
from asc.environment import usable_cores
from asc.errors import AscError, SettingsMismatch, UsageError
from asc.files import locked
from asc.synthetic import scenery, tut_layout
from asc.synthetic.soundscape import RATE, Place

#: File that tells a synthetic corpus and its settings; bump the version whenever
#: the same settings no longer give the same sound.
MARKER = "synthetic.json"
VERSION = 1

_HEADER_BYTES = 44  # of a WAV file, before 2 channels x 3 bytes for every frame
_CLIPS_PER_TASK = 12  # of one recording, whose set-up costs a third of a clip


def write_synthetic_corpus(
    root: str | os.PathLike[str],
    *,
    scenes: int = len(scenery.SCENES),
    recordings: int = 12,
    clips: int = 6,
    seconds: float = 10.0,
    seed: int = 0,
    meta: str | os.PathLike[str] | None = None,
    jobs: int = -1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a synthetic corpus: 24-bit stereo WAV at 44.1 kHz, metadata and folds.

    The sound of a clip depends on its name, its recording, its scene, the seed and
    the length, and on nothing else. Complete files of an earlier, stopped call with
    the same settings are kept; ``meta.txt`` is written last.

    Parameters
    ----------
    root : path
        Folder to write: new, empty, or written before with the same settings.
    scenes : int in [1, 15]
        Number of scenes: the first of ``asc.synthetic.scenery.SCENES``, in which those
        that are easily confused come first.
    recordings : int in [2, 999]
        Recordings of each scene. There are four folds, or as many as recordings.
    clips : int in [1, 999]
        Clips of each recording.
    seconds : float in [0.1, 600]
        Length of each clip.
    seed : int >= 0
        Another seed gives other recordings of the same scenes.
    meta : path, optional
        A TUT ``meta.txt`` (file, scene and perhaps recording; tab separated). Audio
        is then written for its names, ``scenes``, ``recordings`` and ``clips`` are
        not used, and it is copied with the ``evaluation_setup`` folder beside it.
    jobs : int != 0
        Worker processes; -1 for one on each core.
    progress : callable, optional
        Called with the number of clips that are there and of all clips, first with
        what an earlier call left.

    Returns
    -------
    root : Path

    Raises
    ------
    UsageError, InputError
        If an argument is out of range; if `meta` cannot be used.
    SettingsMismatch
        If `root` holds anything else; nothing is touched.
    Busy, AscError
        If another process is writing it; if the disk is too small, or writing fails.
    """
    root = Path(root)
    counts = {
        "scenes": _whole("scenes", scenes, 1, len(scenery.SCENES)),
        "recordings": _whole("recordings", recordings, 2, 999),
        "clips": _whole("clips", clips, 1, 999),
    }
    seed = _whole("seed", seed, 0, 2**63 - 1)
    if not math.isfinite(seconds) or not 0.1 <= seconds <= 600:
        raise UsageError(f"seconds must be between 0.1 and 600. Received: {seconds}.")
    if jobs == 0:
        raise UsageError("jobs must be a number of processes, or -1. Received: 0.")
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file. Give a new or empty folder.")

    if meta is None:
        rows, lists = tut_layout.grid(seconds=seconds, **counts)
        origin: dict[str, Any] = dict(counts)
    else:
        rows, lists = tut_layout.from_meta(Path(meta))
        origin = {"meta": sha256(lists["meta.txt"]).hexdigest()}
    settings = {
        "format": "asc synthetic corpus",
        "version": VERSION,
        "seed": seed,
        "seconds": float(seconds),
        **origin,
    }
    _check_settings(root, settings)
    frames = round(seconds * RATE)
    size = _HEADER_BYTES + 6 * frames
    missing = [row for row in rows if not _is_complete(root / row.path, size)]
    _check_space(root, len(missing), size)

    with _claimed(root, settings):
        done = len(rows) - len(missing)
        batches = list(tut_layout.by_recording(missing, _CLIPS_PER_TASK))
        write = partial(_write_clips, root, seed, frames)
        if progress:
            progress(done, len(rows))
        for written in _in_parallel(write, batches, jobs):
            done += written
            if progress:
                progress(done, len(rows))
        for name in sorted(lists, key=lambda name: name == "meta.txt"):
            _write_bytes(root / name, lists[name])
    return root


def _whole(name: str, value: int, low: int, high: int) -> int:
    if not isinstance(value, Integral) or not low <= value <= high:
        raise UsageError(
            f"{name} must be a whole number from {low} to {high}. Received: {value}."
        )
    return int(value)


def _check_settings(root: Path, settings: dict[str, Any]) -> None:
    """Raise SettingsMismatch unless the folder is free or has these settings."""
    if not (root / MARKER).exists():
        if root.is_dir() and any(root.iterdir()):
            raise SettingsMismatch(
                f"{root} is not empty and no synthetic corpus; nothing was touched."
                " Give a new or empty folder."
            )
        return
    try:
        found = dict(json.loads((root / MARKER).read_bytes()))
    except (OSError, ValueError, TypeError):
        found = {}
    differences = [
        f"{key} is {found.get(key, 'not set')} there and {settings.get(key, 'not set')}"
        " here"
        for key in {**found, **settings}
        if found.get(key) != settings.get(key)
    ]
    if differences:
        raise SettingsMismatch(
            f"{root} holds a synthetic corpus with other settings:"
            f" {'; '.join(differences)}. Nothing was touched."
            " Give the same settings, or another folder."
        )


def _check_space(root: Path, clips: int, size: int) -> None:
    folder = next(path for path in (root, *root.absolute().parents) if path.is_dir())
    needed, free = clips * size, shutil.disk_usage(folder).free
    if needed > free:
        raise AscError(
            f"Writing {clips:,} clips to {root} needs {needed / 1e9:.1f} GB, and"
            f" {free / 1e9:.1f} GB are free. Make space, give another folder, or ask"
            " for fewer or shorter clips."
        )


@contextmanager
def _claimed(root: Path, settings: dict[str, Any]) -> Iterator[None]:
    """Mark the folder, and keep other writers out until the block is left."""
    marker = root / MARKER
    if not marker.exists():
        _write_bytes(marker, (json.dumps(settings, indent=2) + "\n").encode())
    with locked(root, lock_path=root / ".lock"):
        for leftover in root.rglob(".*.partial"):
            leftover.unlink(missing_ok=True)
        yield


def _is_complete(path: Path, size: int) -> bool:
    # Files get their names when they are whole, so a look at the size is enough.
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _write_clips(root: Path, seed: int, frames: int, batch: list[Clip]) -> int:
    """Write clips of one recording; return how many."""
    place = Place(seed, batch[0].scene, batch[0].recording, frames)
    for clip in batch:
        samples = place.clip(clip.path)
        with _replaced(root / clip.path) as temporary:
            soundfile.write(temporary, samples, RATE, "PCM_24", format="WAV")
    return len(batch)


def _in_parallel(
    write: Callable[[list[Clip]], int], batches: list[list[Clip]], jobs: int
) -> Iterator[int]:
    jobs = max(1, min(jobs if jobs > 0 else usable_cores(), len(batches)))
    return parallel.in_threads(write, dict(enumerate(batches)), jobs=jobs)


def _write_bytes(path: Path, content: bytes) -> None:
    with _replaced(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """Give a temporary name, and rename it to `path` when all went well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except (OSError, soundfile.SoundFileError) as error:
        raise AscError(
            f"Cannot write {path}: {error}. Call again when that is mended: complete"
            " clips are kept."
        ) from error
