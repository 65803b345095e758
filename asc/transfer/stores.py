"""Sharing: a store to and from folders, web servers and object stores.

What is pulled is a stranger's file until every row was checked: it grows as
``NAME.part`` and takes its name in the cache when it is known to be sound.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from asc.errors import InputError, StoreError, UsageError
from asc.files import locked
from asc.store.reader import FeatureStore
from asc.transfer.cache import (
    beside,
    cache_limit,
    clean,
    downloads,
    mark_used,
    read_record,
)
from asc.transfer.download import Progress, fetch, holds
from asc.transfer.sources import (
    CHUNK,
    Unreachable,
    cache_name,
    filesystem,
    local_path,
    shown,
    source,
    sync,
)

_LOG = logging.getLogger(__name__)


def resolve(store: str | os.PathLike[str], *, progress: Progress | None = None) -> Path:
    """Return the local path of a store: a path as it is, a URL after a `pull`.

    Parameters
    ----------
    store : path-like or str
        A path, a ``file://`` URL, or any URL that `pull` takes.
    progress : callable(done, total), optional
        Called with bytes.
    """
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
    """Bring a store into the cache, checked row by row.

    An unchanged store that is there already is not sent again; an interrupted
    pull goes on where it stopped. Another process that pulls the same URL is
    waited for. Without a network, a copy that is there is used, and a warning
    is logged.

    Parameters
    ----------
    url : str or path-like
        ``http(s)://``, a path, ``file://``; anything else (``s3://``,
        ``sftp://``...) through fsspec, the extra ``asc[remote]``. If there is a
        ``URL.sha256``, the file must fit it.
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
        If what was sent is damaged; it was deleted.
    """
    url = os.fspath(url)
    limit = cache_limit()  # a mistake in it is told before hours of download
    origin = source(url)
    target = downloads(cache) / cache_name(url)
    try:
        facts = origin.facts()
    except Unreachable as error:
        if not (target.is_file() and read_record(target)):
            raise
        _LOG.warning("%s The copy in the cache is used, as old as it is.", error)
        mark_used(target)
        return target
    if not holds(target, facts):
        with _writing_to(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with locked(target, wait=True):
                # Whoever had the lock before may have brought it.
                if not holds(target, facts):
                    fetch(origin, facts, target, progress)
        try:
            clean(limit, keep=target, cache=cache)
        except InputError as error:  # the store that was asked for is here
            _LOG.warning("%s", error)
    mark_used(target)
    return target


def push(
    store_path: str | os.PathLike[str],
    url: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
) -> str:
    """Copy a complete store to where others can pull it.

    It grows as ``NAME.part`` and takes its name when whole; then its SHA-256 is
    written beside it as ``NAME.sha256``. To a folder, an interrupted push goes
    on where it stopped.

    Parameters
    ----------
    store_path : path-like
    url : str or path-like
        A path, ``file://``, or a URL for fsspec (the extra ``asc[remote]``). A
        folder, or anything that ends in ``/``, takes the store's own name.
    progress : callable(done, total), optional
        Called with bytes.

    Returns
    -------
    str
        Where the store is now, as `pull` takes it.

    Raises
    ------
    InputError
        If the store cannot be read, or the target not written.
    StoreError
        If the store is not complete or its digest is not that of its rows.
    UsageError
        If the target cannot be one.
    """
    url = os.fspath(url)
    store = FeatureStore(store_path)
    if store.compute_digest() != store.digest:
        raise StoreError(
            f"{store.path} is damaged: its digest is not that of its rows. Run asc"
            " store verify, and extract again."
        )
    path = local_path(url)
    if path is None:
        return _push_remotely(store.path, url, progress)
    if url.endswith("/") or path.is_dir():
        path = path / store.path.name
    if path.exists() and path.samefile(store.path):
        raise UsageError(f"{path} is the store itself; name another place.")
    with _writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
            part = beside(path, ".part")
            digest = _copy_on(store.path, part, progress)
            # The checksum of an older store must not be found beside this one.
            beside(path, ".sha256").unlink(missing_ok=True)
            os.replace(part, path)
            beside(path, ".sha256").write_text(f"{digest}  {path.name}\n", "utf-8")
            sync(path.parent)
    return str(path)


def _push_remotely(store: Path, url: str, progress: Progress | None) -> str:
    if urlsplit(url).scheme in ("http", "https"):
        raise UsageError(
            f"Cannot push to {shown(url)}: http takes no uploads. Push to a folder that"
            " a web server shows, or to another kind of URL, such as s3:// or sftp://."
        )
    system, path = filesystem(url)
    total, digest = store.stat().st_size, hashlib.sha256()
    try:
        if url.endswith("/") or system.isdir(path):
            url = f"{url.rstrip('/')}/{store.name}"
            path = f"{path.rstrip('/')}/{store.name}"
        if parent := path.rpartition("/")[0]:
            system.makedirs(parent, exist_ok=True)
        with open(store, "rb") as given, system.open(path + ".part", "wb") as taken:
            while chunk := given.read(CHUNK):
                taken.write(chunk)
                digest.update(chunk)
                if progress:
                    progress(given.tell(), total)
        if system.exists(path + ".sha256"):
            system.rm_file(path + ".sha256")
        system.mv(path + ".part", path)
        name = path.rpartition("/")[2]
        system.pipe_file(path + ".sha256", f"{digest.hexdigest()}  {name}\n".encode())
    except Exception as error:  # every backend raises errors of its own
        what = re.sub(r"(://)[^/?#\s]*@", r"\1", f"{type(error).__name__}: {error}")
        raise InputError(f"Cannot write {shown(url)} ({what!a}).") from error
    return url


def _copy_on(given: Path, part: Path, progress: Progress | None) -> str:
    """Copy a file, keep what of it is there already, and return its SHA-256."""
    total, digest, same = given.stat().st_size, hashlib.sha256(), True
    with open(given, "rb") as read, open(part, "r+b" if part.exists() else "w+b") as w:
        while chunk := read.read(CHUNK):
            digest.update(chunk)
            place = read.tell() - len(chunk)
            same = same and w.read(len(chunk)) == chunk
            if not same:
                w.seek(place)
                w.write(chunk)
            if progress:
                progress(read.tell(), total)
        w.truncate(read.tell())
        w.flush()
        os.fsync(w.fileno())
    return digest.hexdigest()


@contextmanager
def _writing_to(path: Path) -> Iterator[None]:
    """Turn the errors of a disk into a sentence."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}. What was copied is kept;"
            " run the same command again when it can be written."
        ) from error
