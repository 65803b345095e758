"""Downloading into the cache: resumed, checked, and placed when sound."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from asc.errors import AscError, InputError, StoreError
from asc.store.reader import FeatureStore
from asc.store.verification import verify
from asc.transfer.cache import beside, discard, read_record, write_record
from asc.transfer.sources import Facts, Source, Unreachable, sync

Progress = Callable[[int, int], None]

#: Connections that one pull makes before it gives up; the next one goes on.
_TRIES = 5
_FACTS = ("etag", "modified", "bytes")


def fetch(
    origin: Source, facts: Facts, target: Path, progress: Progress | None
) -> None:
    """Download, check, and only then put in place."""
    part = beside(target, ".part")
    facts = _download(origin, facts, part, progress)
    problem = _problem(part, origin.beside(".sha256"))
    if problem:
        discard(part)
        raise StoreError(
            f"What {origin} sent is damaged: {problem} The download was deleted. Pull"
            " again; if that does not help, verify the store where it was pushed."
        )
    # The old record goes first: a new file with it, or none, is fetched again,
    # but an old file must never have the record of the new one.
    beside(target, ".json").unlink(missing_ok=True)
    size = part.stat().st_size
    os.replace(part, target)
    sync(target.parent)
    write_record(target, facts | {"url": str(origin), "size": size})
    beside(part, ".json").unlink(missing_ok=True)


def _download(
    origin: Source, facts: Facts, part: Path, progress: Progress | None
) -> Facts:
    """Fill a part file; return the facts about what is in it."""
    for left in reversed(range(_TRIES)):
        total = facts["bytes"]
        held = part.stat().st_size if part.exists() else None
        if held is None or held > (total or held) or not _same(facts, part):
            part.write_bytes(b"")
            write_record(part, facts | {"url": str(origin)})
            held = 0
        if held == total:
            return facts
        if total is not None and shutil.disk_usage(part.parent).free < total - held:
            raise InputError(
                f"{origin} takes {total:,} bytes, more than is free for {part.parent}."
                " Make room (asc cache clean), or set ASC_CACHE to another disk."
            )
        try:
            sent, start, chunks = origin.open(held)
            if any(facts[k] and sent[k] and facts[k] != sent[k] for k in _FACTS):
                facts = sent
                if start:
                    continue
                write_record(part, facts | {"url": str(origin)})
                total = facts["bytes"]
            with open(part, "ab") as file:
                file.truncate(start)
                for chunk in chunks:
                    file.write(chunk)
                    if progress:
                        progress(file.tell(), total or file.tell())
                file.flush()
                os.fsync(file.fileno())
                if total is None or file.tell() == total:
                    return facts
                # It ended early, or goes on growing where it comes from.
                facts = origin.facts()
        except Unreachable as error:
            if not left:
                raise Unreachable(
                    f"{error} What was sent is kept: the same command goes on."
                ) from error
    raise InputError(f"{origin} changes while it is pulled. Pull it when it is whole.")


def _problem(part: Path, checksum: bytes | None) -> str | None:
    """Return what is wrong with a download; None if it is sound."""
    expected = re.match(rb"\s*([0-9a-fA-F]{64})\b", checksum or b"")
    if expected:
        with open(part, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        wanted = expected[1].decode().lower()
        if found != wanted:
            return f"its SHA-256 is {found[:16]}..., expected {wanted[:16]}...."
    try:
        problems = verify(FeatureStore(part))
    except AscError as error:
        return str(error).replace(str(part), "the file")
    return problems[0] if problems else None


def _same(facts: Facts, path: Path) -> bool:
    """Return True if the record of a copy is surely about this version of a file."""
    record = read_record(path)
    known = facts["etag"] or facts["modified"]
    return bool(known) and all(record.get(key) == facts[key] for key in _FACTS)


def holds(target: Path, facts: Facts) -> bool:
    """Return True if the cache has this version of a file."""
    size = read_record(target).get("size")
    return _same(facts, target) and target.is_file() and target.stat().st_size == size
