"""TUT and TAU Urban Acoustic Scenes (2018 and later).

A corpus folder has ``meta.csv`` (tab separated: filename, scene_label,
identifier, source_label), ``audio/``, and ``evaluation_setup/`` with
``fold{k}_train.csv`` and ``fold{k}_evaluate.csv`` or ``fold{k}_test.csv`` (in
2018 with the ending .txt and without a header). The identifier, CITY-NUMBER, is the
recording location, which makes it the recording: the unit of leakage. City and device
(source_label) are groups.

References
----------
Mesaros, Heittola, Virtanen. "A multi-device dataset for urban acoustic scene
classification." DCASE 2018.
"""

from __future__ import annotations

import os
from pathlib import Path

from asc.corpus.base import Corpus
from asc.corpus.builder import CorpusBuilder
from asc.corpus.reader import Reader, register_reader
from asc.corpus.tables import add_official_folds, read_table

#: scene-city-location-segment-device: the identifier is city-location.
_FILE_NAME = r"[^-]+-([^-]+-\d+)-\d+-\w+\.\w+"
_IDENTIFIER = r"(?P<city>.+)-\d+"


@register_reader
class TauReader(Reader):
    """Reads a TAU corpus."""

    name = "tau"
    description = "a TAU folder with meta.csv"
    priority = 40

    def detect(self, path: Path) -> bool:
        """Return True if the table is there."""
        return os.path.lexists(path / "meta.csv")

    def read(self, path: Path) -> Corpus:
        """Read the folder."""
        builder = CorpusBuilder(path, self.name)
        read_table(
            path / "meta.csv",
            builder,
            recording_in_name=_FILE_NAME,
            groups_in_recording=_IDENTIFIER,
            root=path,
        )
        add_official_folds(builder, path / "evaluation_setup")
        builder.note_unlisted()
        return builder.build()
