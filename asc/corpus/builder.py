"""Building a corpus from rows of metadata, each checked on its way in.

A row that cannot be used becomes a `Problem` and the others are kept; the caller
decides whether problems stop the work.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from pathlib import Path

from asc.corpus.base import Clip, Corpus, Fold, Problem
from asc.errors import InputError
from asc.text import has_control_characters, printable

#: What tables have in place of a value that is not known (as pandas reads them).
_NO_VALUE = frozenset(
    "NaN nan -NaN -nan NA <NA> N/A n/a #N/A NULL null None none - ?".split()
)


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
            The path under which the clip is kept; None if it is not.
        """
        path, scene, recording = path.strip(), scene.strip(), value_of(recording)
        problem = self._problem(path, scene, recording)
        if problem:
            self.reject(where, problem)
            return None
        path = _normalised(path)
        # A clip whose recording is its own path has none that is known.
        named = f"./{recording}" if recording == path else recording
        self._clips[path] = Clip(path, scene, named or path)
        self._first_seen[path] = where
        return path

    def _problem(self, path: str, scene: str, recording: str) -> str | None:
        """Return what is wrong with a row; None if it can be used."""
        clip_path = _normalised(path)
        if not path:
            return "the path is empty."
        if clip_path == ".":
            return f"the path {path} names a folder."
        if has_control_characters(path):
            return f"the path {path!r} has control characters in it."
        if leads_outside(path):
            return f"the path {path} leaves the corpus folder."
        if not scene:
            return f"{clip_path} has no label."
        if has_control_characters(scene):
            return f"the label of {clip_path} has control characters in it."
        if clip_path in self._clips:
            same = self._clips[clip_path].scene == scene
            return (
                f"{clip_path} was listed before ({self._first_seen[clip_path]}), with"
                f" {'the same' if same else 'another'} label."
            )
        if has_control_characters(recording):
            return f"the recording of {clip_path} has control characters in it."
        return None

    def add_fold(
        self, name: str, train: Iterable[str] | None, test: Iterable[str]
    ) -> None:
        """Keep the official lists of a fold, sorted.

        A path that is not in the metadata or in both lists is a problem. So is a fold
        without clips to train or test on, which is left out.

        Parameters
        ----------
        name : str
        train, test : iterables of paths
            If ``train`` is None, all clips that are not tested on.
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
        """Return the paths of a list that are in the metadata; report the others."""
        listed = set(map(_normalised, paths))
        unknown = sorted(listed - self._clips.keys())
        if len(unknown) == 1:
            self.reject(where, f"{unknown[0]} is not in the metadata.")
        elif unknown:
            # One problem: lists of a shortened corpus name thousands of other files.
            self.reject(
                where,
                f"{len(unknown):,} of {len(listed):,} files are not in the metadata,"
                f" such as {unknown[0]}.",
            )
        return listed - set(unknown)

    def build(self) -> Corpus:
        """Return the corpus, which may be without clips."""
        return Corpus(
            root=self.root,
            name=_plain(self.name),
            format=self.format,
            clips=tuple(sorted(self._clips.values())),
            folds=self._folds,
            problems=tuple(self.problems),
            notes=tuple(self.notes),
        )


def value_of(field: str | None) -> str:
    """Return the value of a field; empty if it stands for a value that is not known."""
    value = (field or "").strip()
    return "" if value in _NO_VALUE else value


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
