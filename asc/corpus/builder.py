"""Building a corpus from rows of metadata, each checked on its way in.

A row that cannot be used becomes a `Problem` and the others are kept; the caller
decides whether problems stop the work.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from asc import files
from asc.corpus.audio_files import AudioFiles, find_audio
from asc.corpus.base import Clip, Corpus, Fold, Problem
from asc.corpus.groups import MOST_GROUPS, MOST_VALUES, is_group_name
from asc.corpus.parts import GIVEN
from asc.corpus.places import CorpusFolder, composed, normalised, without_links
from asc.corpus.segments import Span, segment_path, split_segment
from asc.errors import InputError, UsageError
from asc.text import counted, has_control_characters, printable

#: What tables have in place of a value that is not known (as pandas reads them).
_NO_VALUE = frozenset(
    "NaN nan -NaN -nan NA <NA> N/A n/a #N/A NULL null None none - ?".split()
)
#: Limits, far beyond what corpora have, for tables that would exhaust the memory.
MOST_BYTES, MOST_CLIPS, MOST_SCENES, MOST_FOLDS = 1 << 27, 4_000_000, 5_000, 100
_MOST_PROBLEMS, _MOST_MESSAGE = 10_000, 400
#: Bytes of a path and of a label: a column of a store is as wide as its longest text.
_MOST_PATH, _MOST_LABEL = 1024, 256


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
        self.skipped: Mapping[str, int] = {}
        self._folder = CorpusFolder(root)
        self._clips: dict[str, Clip] = {}
        self._first_seen: dict[str, str] = {}
        self._folds: dict[str, Fold] = {}
        self._fold_of: dict[str, int] = {}
        self._part_of: dict[str, str] = {}
        self._groups: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
        self._more_problems = 0

    def reject(self, where: str, message: str) -> None:
        """Record a row that cannot be used."""
        if len(self.problems) >= _MOST_PROBLEMS:
            self._more_problems += 1
            return
        self.problems.append(Problem(*map(_brief, (where, message))))

    def add(
        self,
        where: str,
        path: str,
        scene: str,
        recording: str | None,
        *,
        span: Span | None = None,
        part: str | None = None,
        fold: int | None = None,
        groups: Mapping[str, str] | None = None,
    ) -> str | None:
        """Check one row; keep it, or record why it cannot be kept.

        Parameters
        ----------
        where : str
            The place of the row, for messages.
        path : str
            Relative to the corpus folder, or absolute and in it.
        scene : str
        recording : str or None
            Empty or None if it is not known. Segments of one file then are of one
            recording.
        span : Span, optional
            Where in the file the clip is, if it is a segment.
        part : {'train', 'validation', 'test'}, optional
            Part of the split that the corpus gives.
        fold : int, optional
            Number of the official fold that tests the clip and no other one does.
        groups : mapping of str to str, optional
            Values to report by, such as that of ``device``; empty if it is not known.
            Names are of lower-case letters, digits and ``_``.

        Returns
        -------
        str or None
            The path under which the clip is kept; None if it is not.

        Raises
        ------
        UsageError
            If a group cannot have its name.
        """
        try:
            clip = self._clip(path, scene, value_of(recording), span, groups or {})
        except InputError as error:
            self.reject(where, str(error))
            return None
        self._clips[clip.path] = clip
        self._first_seen[clip.path] = where
        if part is not None:
            self._part_of[clip.path] = part
        if fold is not None:
            self._fold_of[clip.path] = fold
        if len(self._clips) > MOST_CLIPS:
            raise InputError(
                f"{self.root} has too many clips. Expected at most {MOST_CLIPS:,}."
            )
        return clip.path

    def _known_groups(self, path: str, groups: Mapping[str, str]) -> Mapping[str, str]:
        """Return the values that are known, checked: one object for all equal ones."""
        known = {}
        for name, value in sorted(groups.items()):
            if not is_group_name(name):
                raise UsageError(
                    f"{name!r} cannot be the name of a group. Expected lower-case"
                    " letters, digits and _, and not the name of another column."
                )
            if value := composed(value_of(value)):
                _check_text(f"{name} of {path}", value, _MOST_LABEL)
                known[name] = value
        return self._groups.setdefault(tuple(known.items()), known)

    def _clip(
        self,
        path: str,
        scene: str,
        recording: str,
        span: Span | None,
        groups: Mapping[str, str],
    ) -> Clip:
        """Return the clip of a row; raise InputError if it cannot be used."""
        path, scene = path.strip(), composed(scene.strip())
        recording = composed(recording)
        if not path:
            raise InputError("the path is empty.")
        if not is_utf8(path):
            raise InputError(
                f"the path {path!r} is not UTF-8. Rename the file, for example with"
                " convmv."
            )
        if has_control_characters(path):
            raise InputError(f"the path {path!r} has control characters in it.")
        if split_segment(path)[1] is not None:
            raise InputError(f"the path {path} ends as that of a segment does.")
        _check_length("path", path, _MOST_PATH)
        file = self._folder.relative(path)
        if file == ".":
            raise InputError(f"the path {path} names a folder.")
        path = segment_path(file, span)
        if not scene:
            raise InputError(f"{path} has no label.")
        for name, text, most in (
            ("label", scene, _MOST_LABEL),
            ("recording", recording, _MOST_PATH),
        ):
            _check_text(f"{name} of {path}", text, most)
        if path in self._clips:
            same = self._clips[path].scene == scene
            raise InputError(
                f"{path} was listed before ({self._first_seen[path]}), with"
                f" {'the same' if same else 'another'} label."
            )
        if recording == path:  # which would stand for one that is not known
            recording = f"./{recording}"
        return Clip(path, scene, recording or file, self._known_groups(path, groups))

    def give(self, path: str, part: str) -> None:
        """Put a clip that is kept into a part of the split that the corpus gives."""
        self._part_of[path] = part

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
        if len(self._folds) >= MOST_FOLDS:
            raise InputError(
                f"{self.root} has too many folds. Expected at most {MOST_FOLDS}."
            )
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
        known, unknown = set(), set()
        for path in paths:
            clip = self._clips.get(normalised(path)) or self._find(path)
            if clip is None:
                unknown.add(path)
            else:
                known.add(clip.path)  # not a copy of the text: folds share it
        if len(unknown) == 1:
            self.reject(where, f"{unknown.pop()} is not in the metadata.")
        elif unknown:
            # One problem: lists of a shortened corpus name thousands of other files.
            self.reject(
                where,
                f"{len(unknown):,} of {len(known) + len(unknown):,} files are not in"
                f" the metadata, such as {min(unknown)}.",
            )
        return known

    def _find(self, path: str) -> Clip | None:
        """Return the clip of a path that may be spelled otherwise."""
        try:
            return self._clips.get(self._folder.relative(path))
        except InputError:
            return None

    def _add_numbered_folds(self) -> None:
        """Add the folds that test the clips with one number each."""
        numbers = sorted(set(self._fold_of.values()))
        if len(numbers) > MOST_FOLDS:
            raise InputError(
                f"{self.root} has {len(numbers):,} different folds. Expected at most"
                f" {MOST_FOLDS}. Rename the column if it is something else."
            )
        for number in numbers:
            self.add_fold(
                f"fold{number}",
                train=[
                    path for path, other in self._fold_of.items() if other != number
                ],
                test=[path for path, other in self._fold_of.items() if other == number],
            )

    def _leave_out_identifiers(self) -> None:
        """Leave out columns that have too many values to be a group, with a note."""
        values: dict[str, set[str]] = defaultdict(set)
        for groups in self._groups.values():
            for name, value in groups.items():
                values[name].add(value)
        if len(values) > MOST_GROUPS:
            raise InputError(
                f"{self.root} has {len(values):,} groups. Expected at most"
                f" {MOST_GROUPS}. Rename columns that are something else."
            )
        for name, found in values.items():
            if len(found) > MOST_VALUES:
                for path, clip in self._clips.items():
                    kept = {k: v for k, v in clip.groups.items() if k != name}
                    same = self._groups.setdefault(tuple(kept.items()), kept)
                    self._clips[path] = replace(clip, groups=same)
                self.notes.append(
                    f"Group {name} is not used: it has {len(found):,} different values,"
                    f" and a group has at most {MOST_VALUES}."
                )

    def _add_given_split(self) -> None:
        lists: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
        for path, part in sorted(self._part_of.items()):
            lists[part].append(path)
        counts = [f"{part} {len(found):,}" for part, found in lists.items() if found]
        if lists["train"] and len(counts) > 1:
            self._folds[GIVEN] = Fold(**{k: tuple(paths) for k, paths in lists.items()})
            self.notes.append(
                f"The corpus gives a split ({', '.join(counts)} clips), which is named"
                f" {GIVEN!r}."
            )
        elif counts:
            self.notes.append(
                f"The corpus gives no split, but a part of one: {counts[0]} clips."
            )

    def find_audio(self) -> AudioFiles:
        """Return the audio files of the folder; note what beside them is left out."""
        found = find_audio(self.root)
        self.problems += found.problems
        self.notes += found.notes()
        self.skipped = found.skipped
        return found

    def note_unlisted(self) -> None:
        """Note the audio in the corpus folder that no row has named."""
        named = {clip.file for clip in self._clips.values()}
        others = [path for path in find_audio(self.root).paths if path not in named]
        if others:
            count = counted(len(others), "audio file", "audio files")
            self.notes.append(
                f"The metadata does not list {count} of the folder, such as"
                f" {printable(others[0])}."
            )

    def build(self) -> Corpus:
        """Return the corpus, which may be without clips.

        Raises
        ------
        InputError
            If it has more labels or folds than any corpus has.
        """
        self._add_numbered_folds()
        self._add_given_split()
        self._leave_out_identifiers()
        if self._more_problems:
            self.problems.append(
                Problem("...", f"there are {self._more_problems:,} more problems.")
            )
            self._more_problems = 0
        corpus = Corpus(
            root=self.root,
            name=_plain(self.name),
            format=self.format,
            clips=tuple(sorted(self._clips.values())),
            folds=self._folds,
            problems=tuple(self.problems),
            notes=(*self.notes, *_look_alikes(self._clips.values())),
            skipped=self.skipped,
        )
        scenes = corpus.scenes
        if len(scenes) > MOST_SCENES:
            raise InputError(
                f"{self.root} has {len(scenes):,} different labels, such as"
                f" {scenes[0]!r}. Expected at most {MOST_SCENES:,}. Is it the right"
                " column?"
            )
        return corpus


def _look_alikes(clips: Iterable[Clip]) -> list[str]:
    """Return notes on labels that a reader would take for one."""
    alike: dict[str, set[str]] = defaultdict(set)
    for scene in {clip.scene for clip in clips}:
        shown = "".join(c for c in scene.casefold() if c.isprintable())
        alike[re.sub(r"[\s_-]+", "", shown)].add(scene)
    return [
        f"Labels that look alike count as different: {str(group)[1:-1]}."
        for group in sorted(map(sorted, alike.values()))
        if len(group) > 1
    ]


def value_of(field: str | None) -> str:
    """Return the value of a field; empty if it stands for a value that is not known."""
    value = (field or "").strip()
    return "" if value in _NO_VALUE else value


def read_lines(path: Path, root: Path | None = None) -> list[str]:
    """Return the lines of a metadata file, whatever its line ends.

    Blank lines at the end are left out, so a blank file has no lines.

    Parameters
    ----------
    path : Path
    root : Path, optional
        The folder of the corpus. A link that leads out of it is refused.

    Raises
    ------
    InputError
        If the file is missing, unreadable, not UTF-8 text, or larger than 134 MB.
    """
    if root is not None:
        path, root = without_links(path, root)
    text = files.read_text(path, limit=MOST_BYTES, root=root)
    # Not splitlines(), which also ends lines at control characters in a label.
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    return text.split("\n") if text.strip() else []


def is_utf8(text: str) -> bool:
    """Return False for a file name whose bytes are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_text(what: str, text: str, most: int) -> None:
    if has_control_characters(text):
        raise InputError(f"the {what} has control characters in it.")
    _check_length(what, text, most)


def _check_length(what: str, text: str, most: int) -> None:
    if len(text.encode(errors="replace")) > most:
        raise InputError(
            f"the {what} has {len(text):,} characters. Expected at most {most:,} bytes."
        )


def _brief(text: str) -> str:
    text = printable(text)
    if len(text) <= _MOST_MESSAGE:
        return text
    return f"{text[: _MOST_MESSAGE - 50]}... {text[-40:]}"


def _plain(name: str) -> str:
    """Return a name that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "corpus"
