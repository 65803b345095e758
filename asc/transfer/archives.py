"""Archives from elsewhere: a transfer that can be resumed, and safe unpacking.

An archive is data from strangers, also with a matching sum: no entry may leave the
folder, and what it unpacks to is limited before a byte is written.
"""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile, ZipInfo

from asc.errors import InputError
from asc.text import printable

if TYPE_CHECKING:
    import requests

_CHUNK = 2**16  # bytes; a cut loses less than one chunk
_TIMEOUT = (15, 60)  # seconds to connect, and between two pieces of data
_KEPT = "What is there is kept: call again to go on."


def fetch(url: str, part: Path, most: int, show: Callable[[int], None]) -> None:
    """Download a file, going on behind the bytes that `part` has.

    Parameters
    ----------
    url : str
    part : Path
        File of the bytes so far. It stays whatever happens.
    most : int
        Bytes at which the transfer is refused.
    show : callable
        Called with the number of bytes that are there.

    Raises
    ------
    InputError
        If there is no connection, or the server refuses.
    """
    import requests

    while True:
        before = _size(part)
        try:
            if _transfer(url, part, before, most, show):
                return
            reason = "the server sent less than it announced"
        except requests.RequestException as error:
            reason = _reason(error)
        # Lines drop in hours of transfer, so go on for as long as that helps.
        if _size(part) <= before:
            raise InputError(f"Cannot download {url}: {reason}. {_KEPT}")


def _transfer(
    url: str, part: Path, have: int, most: int, show: Callable[[int], None]
) -> bool:
    """Append what is missing; return whether the file is whole."""
    import requests

    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else -1
        if have and answer.status_code in (206, 416):
            said = answer.headers.get("Content-Range", "")
            span = re.fullmatch(r"bytes (\*|\d+)(?:-\d+)?/(\d+)", said)
            total = int(span[2]) if span else -1
            if answer.status_code == 416 and total == have:
                return True
            if not span or span[1] != str(have):  # the part is of another file
                part.unlink()
                return _transfer(url, part, 0, most, show)
        answer.raise_for_status()
        if answer.status_code != 206:
            have = 0  # a server without ranges begins again
        with part.open("ab" if have else "wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                have += len(chunk)
                if max(have, total) > most:
                    break
                file.write(chunk)
                show(have)
    if max(have, total) > most:
        part.unlink()
        raise InputError(
            f"{url} is larger than {most:,} bytes, which is more than it can be;"
            " what came was deleted. See whether the address is right."
        )
    return total < 0 or have == total


def _reason(error: requests.RequestException) -> str:
    """Return the cause in words; the library's own are for programmers."""
    import requests

    if error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}".rstrip()
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the secure connection failed"
    if isinstance(error, requests.ConnectionError):
        return "there is no connection to the server"
    return printable(str(error)).rstrip(".") or type(error).__name__


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def unpack(archive: Path, root: Path, top: str, most: int) -> list[str]:
    """Unpack a zip archive into a folder; files that are there are replaced.

    Parameters
    ----------
    archive, root : Path
    top : str
        Folder inside the archive that is left out of paths.
    most : int
        Bytes that all entries together may declare.

    Returns
    -------
    list of str
        Paths of the files, relative to `root`.

    Raises
    ------
    InputError
        If it is damaged, an entry leaves `root`, or it is too large.
        Names and sizes are checked before anything is written.
    """
    try:
        with ZipFile(archive) as opened:
            files = {_inside(archive, one, top): one for one in opened.infolist()}
            files.pop("", None)
            # An entry never gives more than it declares: zipfile stops there.
            if sum(one.file_size for one in files.values()) > most:
                raise InputError(
                    f"{archive} would unpack to more than {most:,} bytes, which cannot"
                    " be; nothing was unpacked. Delete it and see where it came from."
                )
            for path, one in files.items():
                target = root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                partial = target.with_name(f".{target.name}.partial")
                with opened.open(one) as source, partial.open("wb") as file:
                    shutil.copyfileobj(source, file, 2**20)
                os.replace(partial, target)
    except InputError:
        raise
    # RuntimeError: an entry with a password; NotImplementedError: odd compression.
    except (BadZipFile, EOFError, RuntimeError, ValueError, zlib.error) as error:
        raise InputError(
            f"{archive} cannot be unpacked: {printable(str(error)).rstrip('.')}."
            " Delete it and call again."
        ) from error
    return list(files)


def _inside(archive: Path, entry: ZipInfo, top: str) -> str:
    """Return the path of an entry without the top folder; none for what is skipped."""
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    parts = path.parts[1:] if path.parts[:1] == (top,) else path.parts
    name = "/".join(parts)
    if path.is_absolute() or ".." in parts or ":" in name or name != printable(name):
        raise InputError(
            f"{archive} has an entry that could be written outside of the corpus:"
            f" {printable(entry.filename)!r}. Nothing was unpacked."
            " Delete it and see where it came from."
        )
    # Hidden files are left by desktops that pack archives, and one is our own state.
    hidden = any(part.startswith(".") for part in parts)
    return "" if entry.is_dir() or hidden else name
