"""A synthetic corpus in the layout of TUT Acoustic Scenes 2017, or of TAU.

It replaces the real audio (10.7 GB) in demos, tests and runs at full scale: a grid of
scenes, recordings and clips, or audio for every name in a given ``meta.txt``. That of
TAU has cities, and several devices that record the same.
:mod:`asc.synthetic.soundscape` describes how it sounds, and why recordings can be
recognised.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import soundfile

from asc import files, parallel
from asc.corpus.base import Clip
from asc.disk import check_free_space, writing_to
from asc.environment import usable_cores
from asc.errors import AscError, SettingsMismatch, UsageError
from asc.locking import locked
from asc.synthetic import scenery, tau_layout, tut_layout
from asc.synthetic.soundscape import RATE, Device, Place
from asc.text import describe_difference
from asc.validation import check_choice, check_number, check_whole

#: File that marks a synthetic corpus and has its settings. Raise the version
#: whenever the same settings no longer give the same sound.
MARKER = "synthetic.json"
VERSION = 1

LAYOUTS = ("tut", "tau")
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
    layout: str = "tut",
    devices: int | None = None,
    cities: int | None = None,
    jobs: int = -1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a synthetic corpus: 24-bit stereo WAV at 44.1 kHz, metadata and folds.

    The sound of a clip depends on its name, its recording, its scene, the seed and
    the length, and on nothing else. Complete files of an earlier, stopped call with
    the same settings are kept; ``meta.txt``, or ``meta.csv``, is written last.

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
    layout : {'tut', 'tau'}
        In that of TAU, recordings are locations in cities, and every clip is recorded
        by several devices. Its one fold trains on all devices but the last one.
    devices : int in [1, 9], optional
        Devices of layout ``tau``, each with its own impulse response; 3 if not given.
    cities : int in [1, 10], optional
        Cities of layout ``tau``, at most the recordings of a scene; 3 if not given,
        or as many as recordings.
    jobs : int != 0
        Threads; -1 for one on each core.
    progress : callable, optional
        ``progress(done, total)``, with the numbers of clips; first with those that an
        earlier call has left.

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

    Examples
    --------
    >>> asc.write_synthetic_corpus("made", scenes=2, recordings=2, clips=1, seconds=1)
    PosixPath('made')
    >>> asc.open_corpus("made").scenes
    ('home', 'library')
    """
    root = Path(root)
    counts = {
        "scenes": check_whole("scenes", scenes, 1, len(scenery.SCENES)),
        "recordings": check_whole("recordings", recordings, 2, 999),
        "clips": check_whole("clips", clips, 1, 999),
    }
    seed = check_whole("seed", seed, 0, 2**63 - 1)
    seconds = check_number("seconds", seconds, 0.1, 600)
    if jobs != -1:
        check_whole("jobs", jobs, 1, advice="Use -1 for one on each core.")
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file. Give a new or empty folder.")

    origin: dict[str, Any] = dict(counts)
    if check_choice("layout", layout, LAYOUTS) == "tau":
        if meta is not None:
            raise UsageError("meta is for layout 'tut'. Leave out one of the two.")
        most = min(counts["recordings"], len(tau_layout.CITIES))
        cities = min(3, most) if cities is None else cities
        devices = 3 if devices is None else devices
        origin |= {
            "devices": check_whole("devices", devices, 1, len(tau_layout.DEVICES)),
            "cities": check_whole("cities", cities, 1, most),
        }
        rows, lists = tau_layout.grid(**origin)
        origin["layout"] = layout
    elif (devices, cities) != (None, None):
        raise UsageError("devices and cities are for layout 'tau'. Got layout 'tut'.")
    elif meta is None:
        rows, lists = tut_layout.grid(seconds=seconds, **counts)
    else:
        rows, lists = tut_layout.from_meta(Path(meta))
        origin = {"meta": sha256(lists["meta.txt"]).hexdigest()}
    settings = {
        "format": "asc synthetic corpus",
        "version": VERSION,
        "seed": seed,
        "seconds": seconds,
        **origin,
    }
    _check_settings(root, settings)
    frames = round(seconds * RATE)
    size = _HEADER_BYTES + 6 * frames
    missing = [row for row in rows if not _is_complete(root / row.path, size)]
    check_free_space(root, len(missing) * size)

    with _claimed(root, settings):
        done = len(rows) - len(missing)
        batches = list(tut_layout.by_recording(missing, _CLIPS_PER_TASK))
        write = partial(_write_clips, root, seed, frames)
        jobs = max(1, min(jobs if jobs > 0 else usable_cores(), len(batches)))
        if progress:
            progress(done, len(rows))
        for written in parallel.in_threads(write, dict(enumerate(batches)), jobs=jobs):
            done += written
            if progress:
                progress(done, len(rows))
        # The table of all clips last: only a complete corpus can be read.
        for name in sorted(lists, key=lambda name: name.startswith("meta.")):
            _write_bytes(root / name, lists[name])
    return root


def _check_settings(root: Path, settings: dict[str, Any]) -> None:
    """Raise SettingsMismatch unless the folder is free or has these settings."""
    if not (root / MARKER).exists():
        if root.is_dir() and any(root.iterdir()):
            raise SettingsMismatch(
                f"{root} is not empty and not a synthetic corpus. Nothing was touched."
                " Give a new or empty folder."
            )
        return
    try:
        found = dict(json.loads((root / MARKER).read_bytes()))
    except (OSError, ValueError, TypeError):
        found = {}
    if found != settings:
        raise SettingsMismatch(
            f"{root} holds a synthetic corpus with other settings. Nothing was touched."
            f" Give the same settings, or another folder.\n"
            + describe_difference(found, settings)
        )


@contextmanager
def _claimed(root: Path, settings: dict[str, Any]) -> Iterator[None]:
    """Mark the folder, and keep other writers out during the block."""
    if not (root / MARKER).exists():
        _write_bytes(root / MARKER, (json.dumps(settings, indent=2) + "\n").encode())
    with locked(root, lock_path=root / ".lock"):
        yield


def _is_complete(path: Path, size: int) -> bool:
    # A file gets its name when it is complete; only a damaged copy has another size.
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _write_clips(root: Path, seed: int, frames: int, batch: list[Clip]) -> int:
    """Write clips of one recording; return how many."""
    first = batch[0]
    city = first.groups.get("city", "")
    place = Place(seed, first.scene, first.recording, frames, city)
    for clip in batch:
        name, device = clip.path, None
        if letter := clip.groups.get("device"):
            name = name.removesuffix(f"-{letter}.wav")  # all devices record the same
            if letter != tau_layout.DEVICES[0]:
                device = Device(seed, letter)
        samples = place.clip(name, device)
        with _replacing(root / clip.path) as tmp_path:
            soundfile.write(tmp_path, samples, RATE, "PCM_24", format="WAV")
    return len(batch)


def _write_bytes(path: Path, content: bytes) -> None:
    with _replacing(path) as tmp_path:
        tmp_path.write_bytes(content)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Write a file by `asc.files.replacing`, with its folder and a sentence."""
    advice = "Fix the problem and rerun the same command; completed files are kept."
    with writing_to(path, advice):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with files.replacing(path, sync=False) as tmp_path:
                yield tmp_path
        except soundfile.SoundFileError as error:  # it has no number
            raise AscError(f"Cannot write to {path}: {error}. {advice}") from error
