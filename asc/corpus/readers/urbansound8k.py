"""UrbanSound8K (Salamon 2014) as distributed.

A corpus folder has ``metadata/UrbanSound8K.csv`` (slice_file_name, fsID, start, end,
salience, fold, classID, class) and ``audio/fold1`` to ``audio/fold10``. Start and end
are places in the Freesound recording that a clip was cut from, not in the clip. The
recording, ``fsID``, is the leakage group; the official folds keep recordings apart.
File names repeat the facts (``fsID-classID-occurrence-slice.wav``), so folders without
the table are read too.

References
----------
Salamon, Jacoby, Bello. "A dataset and taxonomy for urban sound research." ACM MM 2014.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from asc.corpus.base import Corpus
from asc.corpus.builder import CorpusBuilder
from asc.corpus.parts import fold_of
from asc.corpus.places import names_in
from asc.corpus.reader import Reader, register_reader
from asc.corpus.tables import read_table

_TABLE = "UrbanSound8K.csv"
_COLUMNS = {
    "path": ("slice_file_name",),
    "label": ("class",),
    "recording": ("fsid",),
    "fold": ("fold",),
}
_KNOWN = ("start", "end", "salience", "classid")
_FILE_NAME = re.compile(r"(\d+)-(\d)-\d+-\d+\.\w+", re.ASCII)
#: Labels by classID.
_CLASSES = (
    *("air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling"),
    *("engine_idling", "gun_shot", "jackhammer", "siren", "street_music"),
)


@register_reader
class UrbanSound8KReader(Reader):
    """Reads UrbanSound8K, from its table or from its file names alone."""

    name = "urbansound8k"
    description = "an UrbanSound8K folder with metadata/UrbanSound8K.csv"
    priority = 25

    def detect(self, path: Path) -> bool:
        """Return True if the table is there, or folders of such file names."""
        return _table(path) is not None or _has_named_files(path)

    def read(self, path: Path) -> Corpus:
        """Read the folder."""
        table = _table(path)
        if table is None:
            return self._read_names(path)
        root = table.parent.parent if table.parent.name == "metadata" else table.parent
        builder = CorpusBuilder(root, self.name)
        audio = "audio/" if (root / "audio").is_dir() else ""
        read_table(
            table,
            builder,
            prefix=audio + "fold{fold}/",
            columns=_COLUMNS,
            known=_KNOWN,
            root=root,
        )
        builder.note_unlisted()
        return builder.build()

    def _read_names(self, path: Path) -> Corpus:
        builder = CorpusBuilder(path, self.name)
        for file in builder.find_audio().paths:
            *_, folder, name = ("", *file.split("/"))
            facts, fold = _FILE_NAME.fullmatch(name), fold_of(folder)
            if facts is None or fold is None:
                builder.reject(file, "is not named as UrbanSound8K names its files.")
            else:
                builder.add(file, file, _CLASSES[int(facts[2])], facts[1], fold=fold)
        return builder.build()


def _table(path: Path) -> Path | None:
    """Return the table of a corpus folder, or the path itself if it is the table."""
    if path.name == _TABLE:
        return path
    tables = (path / "metadata" / _TABLE, path / _TABLE)
    return next((table for table in tables if os.path.lexists(table)), None)


def _has_named_files(path: Path) -> bool:
    """Return True for folders ``fold1``... whose files are named as in the data set."""
    for root in (path, path / "audio"):
        for folder in names_in(root):
            if fold_of(folder) is not None:
                return any(map(_FILE_NAME.fullmatch, names_in(root / folder)))
    return False
