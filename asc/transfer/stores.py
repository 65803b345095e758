"""Sharing stores: to and from folders, web servers and object stores.

A pulled file is untrusted until every row was checked: it grows as ``NAME.part`` and
takes its name in the cache only when it is known to be valid.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from asc.disk import writing_to
from asc.errors import AscError, InputError, MissingInputError, StoreError, UsageError
from asc.files import fsync_and_rename, write_text
from asc.locking import locked
from asc.store import FeatureStore, verify
from asc.store.safety import declared_end
from asc.transfer.cache import cache_limit, clean, discard, downloads, mark_used
from asc.transfer.download import (
    Progress,
    beside,
    download,
    open_part,
    read_record,
    recorded_version,
    remove_with_record,
    write_record,
)
from asc.transfer.locations import (
    Unreachable,
    cache_name,
    local_path,
    shown,
    with_suffix,
    without_login,
)
from asc.transfer.sources import CHUNK, Pace, Version, filesystem, source

#: What to do when a disk fails.
_KEPT = "Fix the problem and rerun the same command; completed parts are kept."
#: Bytes of a file that is not HDF5, which are kept to say what it is.
_MOST_WITHOUT_END = 1 << 20
#: Bytes of a ``.sha256`` file that are read, at most.
_CHECKSUM_BYTES = 200
_LOG = logging.getLogger(__name__)


def resolve(store: str | os.PathLike[str], *, progress: Progress | None = None) -> Path:
    """Return the local path of a store; a URL is pulled first (see `pull`)."""
    if not isinstance(store, str):
        return Path(store)
    path = local_path(store)
    return pull(store, progress=progress) if path is None else path


def pull(
    url: str | os.PathLike[str],
    *,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Download a store into the cache, checked row by row.

    An unchanged store that is there already is not downloaded again; an interrupted
    pull is resumed. Another process that pulls the same URL is waited for. Without a
    network, an existing copy is used, and a warning is logged.

    Parameters
    ----------
    url : str or path-like
        ``http(s)://``, a path, ``file://``; anything else (``s3://``,
        ``sftp://``...) through fsspec, the extra ``remote``. If there is a
        ``URL.sha256``, the file must match it.
    cache : path-like, optional
        Cache folder; by default the one of the environment. The environment
        variable ``ASC_CACHE_LIMIT``, such as ``20GB``, limits it.
    progress : callable(done, total), optional
        Called with bytes.

    Returns
    -------
    Path
        The copy, to be opened with `FeatureStore`.

    Raises
    ------
    InputError
        If the store cannot be read, or the copy not written.
    StoreError
        If the download is damaged; it was deleted.
    AscError
        If the disk has too little room.

    Examples
    --------
    >>> path = asc.pull(asc.push("store.h5", "shared/"), cache="cache")
    >>> asc.FeatureStore(path).digest == asc.FeatureStore("store.h5").digest
    True
    """
    url = os.fspath(url)
    limit = cache_limit()  # an invalid one is reported before hours of download
    origin = source(url)
    target = downloads(cache) / cache_name(url)
    try:
        version = origin.version()
    except Unreachable as error:
        if not (target.is_file() and read_record(target)):
            raise
        _LOG.warning("%s The copy in the cache is used; it may be outdated.", error)
        mark_used(target)
        return target
    if not _has(target, version):
        with writing_to(target, _KEPT):
            target.parent.mkdir(parents=True, exist_ok=True)
            with locked(target, wait=True):
                # Another process may have pulled it in the meantime.
                if not _has(target, version):
                    _install(url, version, target, progress)
        try:
            clean(limit, keep=target, cache=cache)
        except InputError as error:  # the store that was asked for is here
            _LOG.warning("%s", error)
    mark_used(target)
    return target


def _has(target: Path, version: Version) -> bool:
    """Return True if the cache has this version of a store."""
    size = read_record(target).get("size")
    same = recorded_version(target).is_surely(version)
    return same and target.is_file() and target.stat().st_size == size


def _install(
    url: str, version: Version, target: Path, progress: Progress | None
) -> None:
    """Download and check a store, and only then put it in place."""
    origin, part = source(url), beside(target, ".part")
    version = download(
        origin, part, version=version, size_from=_size_from, progress=progress
    )
    problem = _problem(part, _checksum(with_suffix(url, ".sha256")))
    if problem:
        discard(part)
        raise StoreError(
            f"The download of {origin} is damaged: {problem} It was deleted. Pull"
            " again; if that does not help, verify the store where it was pushed."
        )
    # The old record goes first: a new file without one is pulled again, but an old
    # file must never have the record of the new one.
    beside(target, ".json").unlink(missing_ok=True)
    size = part.stat().st_size
    fsync_and_rename(part, target)
    write_record(target, version, url=str(origin), size=size)
    remove_with_record(part)


def _size_from(start: bytes) -> int:
    """Return where a store ends by its own first bytes."""
    end = declared_end(start)
    return _MOST_WITHOUT_END if end is None else end


def _checksum(url: str) -> str | None:
    """Return the SHA-256 in the file beside a store; None if there is none."""
    try:
        origin = source(url)
        pace, text = Pace(origin), b""
        with origin.open(0) as (_, _, chunks):
            for chunk in chunks:
                pace.add(len(chunk))
                text += chunk
                if len(text) >= _CHECKSUM_BYTES:
                    break
        match = re.match(rb"\s*([0-9a-fA-F]{64})\b", text)
    except MissingInputError:
        return None
    except InputError as error:
        # Servers refuse in many ways what they do not have.
        if isinstance(error, Unreachable) or local_path(url) is not None:
            raise
        return None
    return match[1].decode().lower() if match else None


def _problem(part: Path, expected: str | None) -> str | None:
    """Return what is wrong with a download; None if it is valid."""
    if expected is not None:
        with open(part, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            return f"its SHA-256 is {found[:16]}..., expected {expected[:16]}...."
    try:
        problems = verify(FeatureStore(part))
    except AscError as error:
        return str(error).replace(str(part), "the file")
    return problems[0] if problems else None


def push(
    store_path: str | os.PathLike[str],
    url: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
) -> str:
    """Copy a complete store to where others can pull it.

    It grows as ``NAME.part`` and takes its name when complete; then its SHA-256 is
    written beside it as ``NAME.sha256``. An interrupted push to a folder is resumed.

    Parameters
    ----------
    store_path : path-like
    url : str or path-like
        A path, ``file://``, or a URL for fsspec (the extra ``remote``). A
        folder, or anything that ends in ``/``, takes the store's own name.
    progress : callable(done, total), optional
        Called with bytes.

    Returns
    -------
    str
        The location of the copy, as `pull` takes it.

    Raises
    ------
    InputError
        If the store cannot be read, or the target not written.
    StoreError
        If the store is not complete or its digest is not that of its rows.
    UsageError
        If nothing can be pushed to that URL.

    Examples
    --------
    >>> asc.push("store.h5", "lab/")
    'lab/store.h5'
    """
    url = os.fspath(url)
    store = FeatureStore(store_path)
    if store.compute_digest() != store.digest:
        raise StoreError(
            f"{store.path} is damaged: its digest is not that of its rows. Run asc"
            " store verify, and extract it again."
        )
    path = local_path(url)
    if path is None:
        return _push_remotely(store.path, url, progress)
    if url.endswith("/") or path.is_dir():
        path = path / store.path.name
    if path.exists() and path.samefile(store.path):
        raise UsageError(f"{path} is the store itself. Push to another path.")
    with writing_to(path, _KEPT):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
            part = beside(path, ".part")
            digest = _copy(store.path, part, progress)
            # The checksum of an older store must not be found beside this one.
            beside(path, ".sha256").unlink(missing_ok=True)
            fsync_and_rename(part, path)
            write_text(beside(path, ".sha256"), f"{digest}  {path.name}\n")
    return str(path)


def _push_remotely(store: Path, url: str, progress: Progress | None) -> str:
    if urlsplit(url).scheme in ("http", "https"):
        raise UsageError(
            f"Cannot push to {shown(url)}: http takes no uploads. Push to a folder of"
            " the web server, or to another kind of URL, such as s3:// or sftp://."
        )
    system, path = filesystem(url)
    total, digest = store.stat().st_size, hashlib.sha256()
    try:
        if url.endswith("/") or system.isdir(path):
            url = f"{url.rstrip('/')}/{store.name}"
            path = f"{path.rstrip('/')}/{store.name}"
        if parent := path.rpartition("/")[0]:
            system.makedirs(parent, exist_ok=True)
        with open(store, "rb") as file, system.open(path + ".part", "wb") as copy:
            while chunk := file.read(CHUNK):
                copy.write(chunk)
                digest.update(chunk)
                if progress:
                    progress(file.tell(), total)
        if system.exists(path + ".sha256"):
            system.rm_file(path + ".sha256")
        system.mv(path + ".part", path)
        name = path.rpartition("/")[2]
        system.pipe_file(path + ".sha256", f"{digest.hexdigest()}  {name}\n".encode())
    except Exception as error:  # every backend raises errors of its own
        what = without_login(f"{type(error).__name__}: {error}")
        raise InputError(f"Cannot write {shown(url)} ({what!a}).") from error
    return url


def _copy(path: Path, part: Path, progress: Progress | None) -> str:
    """Copy a file, writing only what differs, and return its SHA-256."""
    total, digest, same = path.stat().st_size, hashlib.sha256(), True
    with open(path, "rb") as file, open_part(part) as copy:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            start = file.tell() - len(chunk)
            same = same and copy.read(len(chunk)) == chunk
            if not same:
                copy.seek(start)
                copy.write(chunk)
            if progress:
                progress(file.tell(), total)
        copy.truncate(file.tell())
    return digest.hexdigest()
