"""TUT Acoustic Scenes 2016 and 2017, development and evaluation sets.

A corpus folder has ``meta.txt`` (file, scene and, from 2017 on, recording;
tab separated, no header), ``audio/`` and ``evaluation_setup/`` with the
official lists: ``fold{k}_train.txt`` and ``fold{k}_evaluate.txt`` (file and
scene), ``fold{k}_test.txt`` (file only) in a development set; ``evaluate.txt``
and ``test.txt`` in an evaluation set. The latter may come without ``meta.txt``:
then ``evaluate.txt`` replaces it. Where a third column or its field is missing, the
recording is read from the file name, or from the original name in ``map.txt``.

Two facts of the 2017 development set look like mistakes and are not repaired:
recording b031 (home) is tested in folds 3 and 4, recording a036 (home) in
none.

References
----------
Mesaros, Heittola, Virtanen. "TUT database for acoustic scene classification
and sound event detection." EUSIPCO 2016.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from asc.corpus.base import Corpus
from asc.corpus.builder import CorpusBuilder, read_lines, value_of
from asc.corpus.reader import Reader, register_reader
from asc.corpus.tables import add_official_folds

_SETUP = "evaluation_setup"


@register_reader
class TutReader(Reader):
    """Reads a TUT corpus."""

    name = "tut"
    description = "a TUT folder with meta.txt or evaluation_setup/evaluate.txt"
    priority = 50

    def detect(self, path: Path) -> bool:
        """Return True if a file that names clips and scenes is there."""
        return _listing(path) is not None

    def read(self, path: Path) -> Corpus:
        """Read the folder."""
        builder = CorpusBuilder(path, self.name)
        recordings = _original_recordings(path)
        listing = _listing(path) or path / "meta.txt"
        for number, line in enumerate(read_lines(listing, path), start=1):
            if not line.strip():
                continue
            where = f"{listing.name} line {number}"
            fields = line.split("\t")
            if len(fields) not in (2, 3):
                builder.reject(
                    where, f"{len(fields)} tab-separated fields, expected 2 or 3."
                )
                continue
            recording = value_of(fields[2]) if len(fields) == 3 else ""
            if not recording:
                name = PurePosixPath(fields[0].strip())
                recording = _recording_of(name) or recordings.get(name.name, "")
            builder.add(where, fields[0], fields[1], recording)
        add_official_folds(builder, path / _SETUP)
        builder.note_unlisted()
        return builder.build()


def _listing(path: Path) -> Path | None:
    """Return the file that names clips and scenes."""
    files = (path / "meta.txt", path / _SETUP / "evaluate.txt")
    return next((file for file in files if os.path.lexists(file)), None)


def _original_recordings(path: Path) -> dict[str, str]:
    """Return the recordings of clips by their names, if there is such a list."""
    recordings: dict[str, str] = {}
    names_list = path / _SETUP / "map.txt"
    lines = read_lines(names_list, path) if os.path.lexists(names_list) else []
    for line in lines:
        # The original name is on either side of the new one.
        names = [PurePosixPath(name.strip()) for name in line.split("\t")]
        for one, other in zip(names, reversed(names), strict=True):
            recording = _recording_of(other)
            if recording:
                recordings[one.name] = recording
    return recordings


def _recording_of(path: PurePosixPath) -> str | None:
    """Return the recording that a file name starts with (``b020_90_100.wav``)."""
    name = re.fullmatch(r"(.+)_\d+_\d+", path.stem)
    return name.group(1) if name else None
