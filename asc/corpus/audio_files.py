"""The audio files below a folder, and what beside them is left out.

Corpora and predictions find audio here alone. What is left out is counted and named:
a format that is not read would else be lost without a word.
"""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from asc.corpus.base import Problem
from asc.files import reason
from asc.text import counted, printable, some_of

#: File name endings (lower case) of the formats that libsndfile recognises by their
#: content. Those that are seldom audio are not here: .mat, .htk, .raw, .iff, .xi.
AUDIO_ENDINGS = (
    *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus"),
    *(".mp3", ".mp2", ".mp1", ".mpga", ".aif", ".aiff", ".aifc", ".au", ".snd"),
    *(".caf", ".sph", ".nist", ".voc", ".avr", ".paf", ".pvf", ".ircam", ".svx"),
)
#: Endings of audio and video that libsndfile does not read and ffmpeg converts.
CONVERTIBLE_ENDINGS = frozenset(
    ".3ga .3gp .aac .ac3 .adts .aiffc .alac .amr .ape .asf .avi .awb .dff .dsf .dts"
    " .eac3 .f4a .flv .gsm .m2ts .m4a .m4b .m4r .m4v .mka .mkv .mov .mp4 .mpc .mpeg"
    " .mpg .mts .oma .ra .rm .sd2 .shn .spx .tak .tta .vox .webm .wma .wmv .wv".split()
)


@dataclass(frozen=True)
class AudioFiles:
    """The audio files below a folder.

    Attributes
    ----------
    paths : tuple of str
        Files that end as audio does, relative to the folder, with forward slashes,
        sorted. They were not opened: one may be a link to a file that is gone.
    problems : tuple of Problem
        Folders that were not searched: links, and those that cannot be read.
    skipped : dict of str to int
        Number of other files by ending, the most frequent first.
    hidden : tuple of str
        Hidden folders, and hidden files that end as audio does; both are left out.
    convertible : str
        Path of a file in a format that is not read; empty if there is none.
    """

    paths: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    convertible: str = ""

    def notes(self) -> list[str]:
        """Return sentences on what was left out."""
        unread = {k: n for k, n in self.skipped.items() if k in CONVERTIBLE_ENDINGS}
        others = {k: n for k, n in self.skipped.items() if k not in unread}
        notes = []
        if unread:
            files = counted(sum(unread.values()), "file was", "files were")
            notes.append(
                f"{files} left out, in formats that are not read: {_counts(unread)}."
                f" {conversion_advice(self.convertible)}"
            )
        if others:
            files = counted(sum(others.values()), "other file was", "other files were")
            notes.append(f"{files} left out: {_counts(others)}.")
        if self.hidden:
            names = counted(len(self.hidden), "hidden name was", "hidden names were")
            notes.append(f"{names} left out: {some_of(self.hidden)}.")
        return notes


def find_audio(root: Path, *, with_convertible: bool = False) -> AudioFiles:
    """Return the audio files below a folder.

    Hidden files and folders (``.ipynb_checkpoints``, ``._x.wav``) are left out, and
    links to folders are not followed.

    Parameters
    ----------
    root : Path
    with_convertible : bool
        Also those that ffmpeg decodes.
    """
    endings = frozenset(AUDIO_ENDINGS)
    if with_convertible:
        endings |= CONVERTIBLE_ENDINGS
    paths: list[str] = []
    problems: list[Problem] = []
    skipped: Counter[str] = Counter()
    hidden: list[str] = []
    convertible = ""
    folders = [""]
    while folders:  # not recursive: folders may be nested deeper than Python's stack
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError as error:
            problems.append(
                Problem(printable(folder or "."), f"cannot be read: {reason(error)}.")
            )
            continue
        inner = []
        for entry in entries:
            path = folder + entry.name
            ending = ending_of(entry.name)
            if _is_folder(entry):
                if entry.name.startswith("."):
                    hidden.append(path)
                elif entry.is_symlink():
                    problems.append(
                        Problem(
                            printable(path),
                            "is a link to a folder, which is not followed. Put the"
                            " folder itself there.",
                        )
                    )
                else:
                    inner.append(path + "/")
            elif ending in endings:
                (hidden if entry.name.startswith(".") else paths).append(path)
            elif not entry.name.startswith("."):
                skipped[ending] += 1
                if ending in CONVERTIBLE_ENDINGS:
                    convertible = convertible or path
        folders += reversed(inner)
    return AudioFiles(
        tuple(sorted(paths, key=lambda path: path.split("/"))),
        tuple(problems),
        dict(skipped.most_common()),
        tuple(hidden),
        convertible,
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def ending_of(path: str) -> str:
    """Return the ending of a file name in lower case: ``.wav``; empty without one."""
    return PurePosixPath(path).suffix.lower()


def conversion_advice(path: str) -> str:
    """Return what to do with a file in a format that is not read.

    The sentence is empty for a file that does not end as audio or video does.
    """
    ending = ending_of(path)
    if ending not in CONVERTIBLE_ENDINGS:
        return ""
    names = [shlex.quote(name) for name in (path, path[: -len(ending)] + ".wav")]
    return printable(f"Convert it: ffmpeg -i {' '.join(names)}")


def _counts(endings: Mapping[str, int]) -> str:
    return some_of([f"{n:,} {name or 'without ending'}" for name, n in endings.items()])
