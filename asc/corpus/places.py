"""Where paths of metadata lie: in the folder of the corpus, or not.

A corpus is untrusted. Its paths and links must not lead out of its folder: what
lies elsewhere could be private, and a line of it would reach the screen and the store.
"""

from __future__ import annotations

import os
import posixpath
import stat
import unicodedata
from pathlib import Path

from asc.errors import InputError
from asc.files import reason

#: What to do with a link that leads out.
_ADVICE = "Put the file itself there, or name a corpus folder that holds both."


class CorpusFolder:
    """The folder that paths of clips are relative to.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = os.path.realpath(root)
        self._real_folders: dict[str, str] = {}
        self._spellings: dict[str, dict[str, str]] = {}

    def relative(self, path: str) -> str:
        """Return a path of metadata relative to the folder, with forward slashes.

        Raises
        ------
        InputError
            If it is not below the folder, or if a link in it leads out.
        """
        plain = normalised(path)
        if plain.startswith("/"):
            plain = self._below(plain)
        if _is_outside(plain):
            raise InputError(f"the path {path} leaves the corpus folder.")
        plain = self._spelled(plain)
        self._check_links(plain)
        return plain

    def _below(self, path: str) -> str:
        """Return an absolute path relative to the folder; itself if it is elsewhere."""
        folder, name = posixpath.split(path)
        for place in (folder, os.path.realpath(folder)):
            for root in (os.path.abspath(self.root), self._real):
                inside = posixpath.relpath(composed(place), composed(root))
                if inside != ".." and not inside.startswith("../"):
                    return posixpath.normpath(posixpath.join(inside, name))
        return path

    def _spelled(self, path: str) -> str:
        """Return a path as it is spelled on the disk.

        The same characters can be composed (NFC) or not (NFD): file systems and
        programs differ in what they write.
        """
        if path.isascii() or os.path.lexists(self.root / path):
            return path
        found = ""
        for name in path.split("/"):
            spelling = self._names(found).get(composed(name))
            if spelling is None:
                return path
            found = posixpath.join(found, spelling)
        return found

    def _names(self, folder: str) -> dict[str, str]:
        """Return the names in a folder by their composed form."""
        if folder not in self._spellings:
            try:
                names = os.listdir(self._real_folder(folder))
            except (OSError, InputError):
                names = []
            self._spellings[folder] = {composed(name): name for name in names}
        return self._spellings[folder]

    def _check_links(self, path: str) -> None:
        folder, name = posixpath.split(path)
        place = posixpath.join(self._real_folder(folder), name)
        try:
            is_link = stat.S_ISLNK(os.lstat(place).st_mode)
        except (OSError, ValueError):
            return  # a missing file is a failure of the extraction
        if is_link and not self._holds(os.path.realpath(place)):
            raise InputError(
                f"{path} is a link that leads out of the corpus folder. {_ADVICE}"
            )

    def _real_folder(self, folder: str) -> str:
        """Return a folder without links in its path, if it is below the corpus's."""
        if folder not in self._real_folders:
            self._real_folders[folder] = os.path.realpath(self.root / folder)
        real = self._real_folders[folder]
        if not self._holds(real):
            raise InputError(
                f"the folder {folder} leads out of the corpus folder by a link."
                f" {_ADVICE}"
            )
        return real

    def _holds(self, real: str) -> bool:
        return real == self._real or real.startswith(self._real.rstrip("/") + "/")


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, sorted; none if it is not there.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {reason(error)}.") from error


def without_links(path: Path, root: Path) -> tuple[Path, Path]:
    """Return the file that a path leads to, and the folder, without links in them.

    Raises
    ------
    InputError
        If it is not below the folder.
    """
    real, real_root = (Path(os.path.realpath(place)) for place in (path, root))
    if not real.is_relative_to(real_root):
        raise InputError(f"{path} is a link that leads out of {root}. {_ADVICE}")
    return real, real_root


def leads_outside(path: str) -> bool:
    """Return True for a path of a clip that is not below the corpus folder."""
    return _is_outside(normalised(path))


def _is_outside(path: str) -> bool:
    return path[:1] == "/" or path[1:2] == ":" or path == ".." or path[:3] == "../"


def normalised(path: str) -> str:
    """Return a path with forward slashes and without detours."""
    return posixpath.normpath(path.strip().replace("\\", "/"))


def composed(text: str) -> str:
    """Return text with composed characters (NFC): equal for what looks the same."""
    return unicodedata.normalize("NFC", text)
