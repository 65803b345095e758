"""Unpacking zip archives safely.

An archive is untrusted, also with a matching checksum: no entry may leave the folder,
and what it unpacks to is limited before a byte is written.
"""

from __future__ import annotations

import lzma
import shutil
import stat
import struct
import zlib
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from asc.errors import InputError
from asc.files import replacing
from asc.text import printable

#: More than any package of a corpus has.
_MOST_FILES = 200_000
#: What damage ends in. RuntimeError: an entry with a password, odd compression.
_DAMAGE = (
    *(BadZipFile, EOFError, RuntimeError, ValueError, zlib.error, lzma.LZMAError),
    struct.error,
)


def unpack(archive: Path, root: Path, top: str, most: int) -> list[str]:
    """Unpack a zip archive into a folder; files that are there are replaced.

    Names and sizes are checked before anything is written.

    Parameters
    ----------
    archive, root : Path
    top : str
        Folder inside the archive that is left out of paths.
    most : int
        Largest size of all entries together, in bytes.

    Returns
    -------
    list of str
        Paths of the files, relative to `root`.
    """
    try:
        with ZipFile(archive) as opened:
            files = {_inside(archive, one, top): one for one in opened.infolist()}
            files.pop("", None)
            if len(files) > _MOST_FILES:
                raise InputError(
                    f"{archive} has {len(files):,} files, expected at most"
                    f" {_MOST_FILES:,}. Nothing was unpacked."
                )
            # An entry never gives more than it declares: zipfile stops there.
            if sum(one.file_size for one in files.values()) > most:
                raise InputError(
                    f"{archive} is too large to unpack. Expected at most {most:,}"
                    " bytes. Nothing was unpacked; delete it and check where it came"
                    " from."
                )
            for path, one in files.items():
                target = root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(one) as source, replacing(target) as tmp_path:
                    with tmp_path.open("wb") as file:
                        shutil.copyfileobj(source, file, 2**20)
    except InputError:  # a ValueError, too
        raise
    except OSError as error:
        if error.errno:
            raise
        raise _damaged(archive, error) from error  # of bzip2
    except _DAMAGE as error:
        raise _damaged(archive, error) from error
    return list(files)


def _damaged(archive: Path, error: Exception) -> InputError:
    return InputError(
        f"{archive} cannot be unpacked: {printable(str(error)).rstrip('.')}. Delete it"
        " and rerun."
    )


def _inside(archive: Path, entry: ZipInfo, top: str) -> str:
    """Return the path of an entry without the top folder; empty to skip it."""
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    parts = path.parts[1:] if path.parts[:1] == (top,) else path.parts
    name = "/".join(parts)
    # Unix writes the kind of a file into the upper half: 0 is unknown.
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(
            f"{archive} has an entry that is a link or a device. Got"
            f" {printable(entry.filename)!r}. Nothing was unpacked; delete the archive"
            " and check where it came from."
        )
    if path.is_absolute() or ".." in parts or ":" in name or name != printable(name):
        raise InputError(
            f"{archive} has an entry that could be written outside of the corpus."
            f" Got {printable(entry.filename)!r}. Nothing was unpacked; delete the"
            " archive and check where it came from."
        )
    # Desktops add hidden files to archives, and `.download` is asc's own.
    hidden = any(part.startswith(".") for part in parts)
    return "" if entry.is_dir() or hidden else name
