"""What a corpus is: clips with scenes and recordings, and official folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from asc.corpus.segments import Span, split_segment
from asc.display import Displayed, data_frame
from asc.text import counted, some_of

#: What millions of clips share that are in no group.
_NO_GROUPS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, order=True)
class Clip:
    """One audio file or a segment of one, which becomes one row of a store."""

    path: str  # relative to the corpus folder, with /; a segment's ends in #t=START,END
    scene: str  # the label, spelled as in the metadata
    recording: str  # session it was cut from: the unit of leakage; `path` if unknown
    #: Values to report by, such as that of ``device``. Unknown ones are left out.
    groups: Mapping[str, str] = field(default_factory=lambda: _NO_GROUPS, hash=False)

    @property
    def recording_known(self) -> bool:
        """False if the recording is not known: it is then the clip's own path."""
        return self.recording != self.path

    @property
    def file(self) -> str:
        """The file that the clip is in, relative to the corpus folder."""
        return split_segment(self.path)[0]

    @property
    def span(self) -> Span | None:
        """Where in its file a segment is; None if the clip is the whole file."""
        return split_segment(self.path)[1]


@dataclass(frozen=True)
class Problem:
    """A row of the metadata, or a file, that cannot be used."""

    where: str  # file and line, or path of the clip
    message: str  # what is wrong, as a sentence without the place

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True)
class Fold:
    """Lists of a fold or of a given split, as paths of clips.

    Where there is no validation list, validation is taken from train.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Corpus(Displayed):
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
        Official folds by name (``fold1``...), and the split that the corpus gives
        (``given``); may be empty.
    problems : tuple of Problem
        What was left out, and why.
    notes : tuple of str
        Remarks that do not prevent using the corpus.
    skipped : dict of str to int
        Number of files by ending that are in the folder and were left out, if the
        folder itself is the list of clips.
    """

    root: Path
    name: str
    format: str
    clips: tuple[Clip, ...]
    folds: dict[str, Fold] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Corpus({str(self.root)!r}: {self._counts()}, format {self.format})"

    def _counts(self) -> str:
        clips = counted(len(self.clips), "clip", "clips")
        return f"{clips} of {counted(len(self.scenes), 'scene', 'scenes')}"

    def _facts(self) -> Mapping[str, Any]:
        recordings = f"{len(self.recordings):,}" if self.recordings_known else "unknown"
        return {
            "folder": self.root,
            "format": self.format,
            "clips": self._counts(),
            "recordings": recordings,
            "scenes": some_of(self.scenes, 20),
            "groups": ", ".join(self.groups) or "none",
            "folds": some_of(sorted(self.folds)) or "none",
            "left out": counted(len(self.problems), "clip or row", "clips or rows"),
            "notes": " ".join(self.notes) or "none",
        }

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` of the clips: path, scene, recording, groups.

        The recording is None where it is not known.

        Raises
        ------
        UsageError
            If pandas is not installed.
        """
        return data_frame(
            {
                "path": [clip.path for clip in self.clips],
                "scene": [clip.scene for clip in self.clips],
                "recording": [
                    clip.recording if clip.recording_known else None
                    for clip in self.clips
                ],
            }
            | self.groups
        )

    @property
    def scenes(self) -> tuple[str, ...]:
        """Labels in alphabetical order: the order of classes everywhere."""
        return tuple(sorted({clip.scene for clip in self.clips}))

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """The value of every clip by group, such as ``device``; empty if unknown."""
        names = sorted({name for clip in self.clips for name in clip.groups})
        return {
            name: tuple(clip.groups.get(name, "") for clip in self.clips)
            for name in names
        }

    @property
    def recordings(self) -> tuple[str, ...]:
        """Names of the recordings that are known, sorted."""
        return tuple(
            sorted({clip.recording for clip in self.clips if clip.recording_known})
        )

    @property
    def recordings_known(self) -> bool:
        """False if no recording is known: leakage is then unknown."""
        return any(clip.recording_known for clip in self.clips)

    @property
    def without_recording(self) -> int:
        """The number of clips whose recording is not known."""
        return sum(not clip.recording_known for clip in self.clips)
