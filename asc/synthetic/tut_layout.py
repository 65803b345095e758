"""The files of a synthetic corpus: clips, metadata and fold lists, but no sound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath

from asc.corpus.base import Clip
from asc.corpus.builder import CorpusBuilder, read_lines
from asc.errors import InputError
from asc.synthetic.scenery import SCENES


def grid(
    scenes: int, recordings: int, clips: int, seconds: float
) -> tuple[list[Clip], dict[str, bytes]]:
    """Return the clips of a regular corpus, and its lists.

    Parameters
    ----------
    scenes, recordings, clips : int >= 1
        Scenes, recordings of a scene, clips of a recording.
    seconds : float > 0
        Length of a clip; file names have it rounded up.

    Returns
    -------
    rows : list of Clip
        In the order of ``meta.txt``.
    lists : dict of str to bytes
        Content of ``meta.txt`` and of the lists of four folds (or as many as
        recordings), by path.
    """
    step = math.ceil(seconds)
    folds = min(4, recordings)
    rows: list[Clip] = []
    fold_of: dict[str, int] = {}
    for place, scene in enumerate(SCENES[:scenes]):
        for number in range(recordings):
            # Names do not depend on the counts, so neither does the sound.
            recording = f"s{number * len(SCENES) + place + 1:03d}"
            # Scenes begin with different folds, which evens out the odd recordings.
            fold_of[recording] = (number + place) % folds + 1
            for start in range(0, clips * step, step):
                path = f"audio/{recording}_{start}_{start + step}.wav"
                rows.append(Clip(path, scene, recording))

    lists = {"meta.txt": _table((row.path, row.scene, row.recording) for row in rows)}
    for fold in range(1, folds + 1):
        test = [row for row in rows if fold_of[row.recording] == fold]
        train = [row for row in rows if fold_of[row.recording] != fold]
        stem = f"evaluation_setup/fold{fold}"
        lists[f"{stem}_train.txt"] = _table((row.path, row.scene) for row in train)
        lists[f"{stem}_evaluate.txt"] = _table((row.path, row.scene) for row in test)
        lists[f"{stem}_test.txt"] = _table((row.path,) for row in test)
    return rows, lists


def _table(rows: Iterable[tuple[str, ...]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def from_meta(meta: Path) -> tuple[list[Clip], dict[str, bytes]]:
    """Return the clips that a ``meta.txt`` names, and the lists to copy with it.

    Parameters
    ----------
    meta : Path
        File, scene and perhaps recording, tab separated. The default recording is the
        file name up to the first underscore.

    Returns
    -------
    rows : list of Clip
    lists : dict of str to bytes
        Content of ``meta.txt`` and of ``evaluation_setup`` beside it, by path.

    Raises
    ------
    InputError
        If the file cannot be read, or a row of it cannot be used.
    """
    builder = CorpusBuilder(meta.parent, "tut")
    rows: list[Clip] = []
    for number, line in enumerate(read_lines(meta), start=1):
        fields = [field.strip() for field in line.split("\t")]
        if fields == [""]:
            continue
        where = f"{meta} line {number}"
        path = None
        if len(fields) not in (2, 3):
            builder.reject(where, "expected file, scene and recording, tab separated.")
        elif not fields[0].lower().endswith(".wav"):
            builder.reject(where, f"{fields[0]} does not end with .wav.")
        else:
            before = PurePosixPath(fields[0]).stem.split("_")[0]
            recording = (fields[2] if len(fields) == 3 else "") or before
            path = builder.add(where, fields[0], fields[1], recording)
        if path is None:
            raise InputError(f"Cannot write audio for {builder.problems[0]}")
        rows.append(Clip(path, fields[1], recording))
    if not rows:
        raise InputError(f"{meta} names no clips.")
    files = sorted(meta.parent.glob("evaluation_setup/*.txt"))
    lists = {f"evaluation_setup/{file.name}": file.read_bytes() for file in files}
    return rows, {**lists, "meta.txt": meta.read_bytes()}


def by_recording(rows: list[Clip], limit: int) -> Iterator[list[Clip]]:
    """Yield the clips in batches of one recording, at most `limit` in each."""
    rows = sorted(rows, key=lambda row: (row.scene, row.recording, row.path))
    for _, group in groupby(rows, key=lambda row: (row.scene, row.recording)):
        batch = list(group)
        for start in range(0, len(batch), limit):
            yield batch[start : start + limit]
