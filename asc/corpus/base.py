"""What a corpus is: clips with scenes and recordings, and official folds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, order=True)
class Clip:
    """One audio file, which becomes one row of a store."""

    path: str  # relative to the corpus folder, with forward slashes
    scene: str  # the label, spelled as in the metadata
    recording: str  # session that the clip was cut from: the unit of leakage


@dataclass(frozen=True)
class Problem:
    """A row of the metadata, or a file, that cannot be used."""

    where: str  # file and line, or path of the clip
    message: str  # what is wrong, as a sentence without the place

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True)
class Fold:
    """Official lists of a fold, as paths of clips."""

    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """Labelled audio on disk.

    Attributes
    ----------
    root : Path
        Folder that clip paths are relative to.
    name : str
        Short name, used for default file names.
    format : str
        Name of the reader.
    clips : tuple of Clip
        Usable clips, sorted by path: the order of store rows.
    folds : dict of str to Fold
        Official folds by name (``fold1``...); may be empty.
    recordings_known : bool
        False if the metadata names no recordings. Each clip is then its own
        recording, and leakage is unknown.
    problems : tuple of Problem
        What was left out, and why.
    notes : tuple of str
        Remarks that do not prevent using the corpus.
    """

    root: Path
    name: str
    format: str
    clips: tuple[Clip, ...]
    folds: dict[str, Fold] = field(default_factory=dict)
    recordings_known: bool = True
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def scenes(self) -> tuple[str, ...]:
        """Labels in alphabetical order: the order of classes everywhere."""
        return tuple(sorted({clip.scene for clip in self.clips}))

    @property
    def recordings(self) -> tuple[str, ...]:
        """Names of the recordings, sorted."""
        return tuple(sorted({clip.recording for clip in self.clips}))
