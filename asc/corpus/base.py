"""What a corpus is: clips with scenes and recordings, and official folds.

Every reader turns files on disk into one `Corpus` through a `CorpusBuilder`,
which checks each row on its way in. A row that cannot be used becomes a
`Problem` and the others are kept; whoever works with the corpus decides
whether problems stop the work.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from asc.errors import InputError
from asc.text import has_control_characters, printable

#: Endings (lower case) that libsndfile decodes and readers accept.
AUDIO_ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".w64")


@dataclass(frozen=True, order=True)
class Clip:
    """One audio file, which becomes one row of a store.

    Attributes
    ----------
    path : str
        Path relative to the corpus folder, with forward slashes.
    scene : str
        The label, spelled as in the metadata.
    recording : str
        Session that the clip was cut from: the unit of leakage.
    """

    path: str
    scene: str
    recording: str


@dataclass(frozen=True)
class Problem:
    """A row of the metadata, or a file, that cannot be used.

    Attributes
    ----------
    where : str
        File and line, or path of the clip.
    message : str
        What is wrong, as a sentence without the place.
    """

    where: str
    message: str

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
        recording, and leakage cannot be told.
    problems : tuple of Problem
        What was left out, and why.
    notes : tuple of str
        Things worth knowing that stop nothing.
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


class CorpusBuilder:
    """Collects rows of metadata, checks them, and makes the `Corpus`.

    Parameters
    ----------
    root : Path
        Folder that paths of clips are relative to. No path may leave it.
    format : str
        Name of the reader.
    name : str, optional
        Name of the corpus; that of the folder if not given.
    """

    def __init__(self, root: Path, format: str, name: str | None = None) -> None:
        self.root = root
        self.format = format
        self.name = name or root.resolve().name
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self._clips: dict[str, Clip] = {}
        self._first_seen: dict[str, str] = {}
        self._unnamed = 0
        self._folds: dict[str, Fold] = {}

    def reject(self, where: str, message: str) -> None:
        """Record a row that cannot be used."""
        self.problems.append(Problem(printable(where), printable(message)))

    def add(
        self, where: str, path: str, scene: str, recording: str | None
    ) -> str | None:
        """Check one row; keep it, or record why it cannot be kept.

        Returns
        -------
        str or None
            The path of the clip as it is kept; None if it is not.
        """
        clip_path = self._checked_path(where, path)
        scene, recording = scene.strip(), (recording or "").strip()
        if clip_path is None:
            pass
        elif not scene:
            self.reject(where, f"{clip_path} has no label.")
        elif has_control_characters(scene):
            self.reject(
                where, f"the label of {clip_path} has control characters in it."
            )
        elif clip_path in self._clips:
            same = self._clips[clip_path].scene == scene
            self.reject(
                where,
                f"{clip_path} was listed before ({self._first_seen[clip_path]})"
                + (", with the same label." if same else ", with another label."),
            )
        elif has_control_characters(recording):
            self.reject(
                where, f"the recording of {clip_path} has control characters in it."
            )
        else:
            self._unnamed += not recording
            self._clips[clip_path] = Clip(clip_path, scene, recording or clip_path)
            self._first_seen[clip_path] = where
            return clip_path
        return None

    def add_fold(
        self, name: str, train: Iterable[str] | None, test: Iterable[str]
    ) -> None:
        """Keep the official lists of a fold, as they are, in sorted order.

        Names that the metadata does not have are problems. So is a name that
        stands in both lists, and a fold that has nothing to train on or to test
        on, which is left out.

        Parameters
        ----------
        name : str
        train, test : iterables of paths
            The fold trains on all clips that it does not test on if ``train`` is
            None.
        """
        tested = self._known(f"{name} (test)", test)
        if train is None:
            trained = self._clips.keys() - tested
        else:
            trained = self._known(f"{name} (train)", train)
        for path in sorted(trained & tested):
            self.reject(name, f"{path} is in the train and in the test list.")
        for purpose, paths in (("train", trained), ("test", tested)):
            if not paths:
                self.reject(
                    name, f"there is no clip to {purpose} on; the fold is left out."
                )
        if trained and tested:
            self._folds[name] = Fold(tuple(sorted(trained)), tuple(sorted(tested)))

    def _known(self, where: str, paths: Iterable[str]) -> set[str]:
        """Return the paths of a list that the metadata has; report the others."""
        listed = set(map(_normalised, paths))
        unknown = sorted(listed - self._clips.keys())
        if len(unknown) == 1:
            self.reject(where, f"{unknown[0]} is not in the metadata.")
        elif unknown:
            # One sentence: lists of a shortened corpus name thousands of others.
            self.reject(
                where,
                f"{len(unknown):,} of {len(listed):,} files are not in the metadata,"
                f" such as {unknown[0]}.",
            )
        return listed - set(unknown)

    def build(self) -> Corpus:
        """Return the corpus.

        Raises
        ------
        InputError
            If not a single usable clip was found.
        """
        if not self._clips:
            first = f" First problem: {self.problems[0]}" if self.problems else ""
            raise InputError(
                f"No clips in {self.root} (read as format {self.format!r}).{first}"
                " Expected a TUT, TAU or ESC-50 folder, a folder with one folder of"
                " audio for each scene, or a .csv/.tsv table with columns path and"
                " label."
            )
        recordings_known = self._unnamed < len(self._clips)
        if self._unnamed and recordings_known:
            self.notes.append(
                f"{self._unnamed:,} of {len(self._clips):,} clips name no recording."
                " Each counts as a recording of its own, so leakage may be larger"
                " than it is said to be."
            )
        return Corpus(
            root=self.root,
            name=_plain(self.name),
            format=self.format,
            clips=tuple(sorted(self._clips.values())),
            folds=self._folds,
            recordings_known=recordings_known,
            problems=tuple(self.problems),
            notes=tuple(self.notes),
        )

    def _checked_path(self, where: str, path: str) -> str | None:
        """Return the normalised path, or None after recording what is wrong."""
        path = path.strip()
        if not path:
            self.reject(where, "the path is empty.")
        elif _normalised(path) == ".":
            self.reject(where, f"the path {path} names a folder.")
        elif has_control_characters(path):
            self.reject(where, f"the path {path!r} has control characters in it.")
        else:
            if not leads_outside(path):
                return _normalised(path)
            self.reject(where, f"the path {path} leaves the corpus folder.")
        return None


def read_lines(path: Path) -> list[str]:
    """Return the lines of a metadata file, whatever its line ends.

    Blank lines at the end are left out, so a blank file has no lines.

    Raises
    ------
    InputError
        If the file is missing, unreadable or not UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text ({error.reason} at byte {error.start})."
        ) from error
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error
    # Not splitlines(), which also ends lines at control characters in a label.
    return text.rstrip("\n").split("\n") if text.strip() else []


def leads_outside(path: str) -> bool:
    """Return True for a path of a clip that is not below the corpus folder."""
    path = _normalised(path)
    return (
        path.startswith("/")
        or re.match(r"[A-Za-z]:", path) is not None
        or path.split("/")[0] == ".."
    )


def _normalised(path: str) -> str:
    return posixpath.normpath(path.strip().replace("\\", "/"))


def _plain(name: str) -> str:
    """Return a name that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "corpus"
