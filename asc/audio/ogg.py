"""Ogg files: their pages, and streams that follow each other.

References
----------
RFC 3533, "The Ogg Encapsulation Format Version 0", section 6 (the page).
"""

from __future__ import annotations

from asc.audio.layout import Layout, Stream, check_stream_count
from asc.audio.source import Source

_MAGIC = b"OggS"
#: Bytes of the head of a page, and of the longest page.
_HEAD, _LONGEST = 27, 27 + 255 + 255 * 255
_FIRST, _LAST = 2, 4  # flags of a page
_CUT = "the file is truncated (its last Ogg page is missing)."


def find_streams(source: Source, start: int, *, quick: bool = False) -> Layout:
    """Return the streams of an Ogg file, of which each begins with its own header.

    Parameters
    ----------
    source : Source
    start : int
    quick : bool
        Look at the first and last pages alone, if they are of the same stream.
    """
    if quick:
        position = max(start, source.size - _LONGEST)
        tail = source.read(position, _LONGEST)
        last = tail.rfind(_MAGIC)
        if source.read(start + 14, 4) == tail[last + 14 : last + 18]:
            page = _page(source, position + last)
            doubt = "" if page and page[1] & _LAST else _CUT
            return Layout((Stream(start, source.size),), doubt)

    streams, doubt = [], ""
    begin = position = start
    following: dict[bytes, int] = {}  # serial number -> number of its next page
    ended: set[bytes] = set()
    in_headers = True
    while True:
        page = _page(source, position)
        if page is None:
            found = source.find(_MAGIC, position + 1)
            if found < 0:
                break
            position = found
            continue
        size, flags, serial, number = page
        if flags & _FIRST:
            if not in_headers:
                doubt = doubt or _doubt(following, ended)
                streams.append(Stream(begin, position))
                begin, following, ended = position, {}, set()
            in_headers = True
        else:
            in_headers = False
            if serial in following and number != following[serial]:
                doubt = doubt or "the file lacks some of its Ogg pages."
        following[serial] = number + 1
        if flags & _LAST:
            ended.add(serial)
        position += size
        check_stream_count(len(streams) + 1)
    streams.append(Stream(begin, source.size))
    return Layout(tuple(streams), doubt or _doubt(following, ended))


def _doubt(following: dict[bytes, int], ended: set[bytes]) -> str:
    return "" if following.keys() <= ended else _CUT


def _page(source: Source, position: int) -> tuple[int, int, bytes, int] | None:
    """Return size, flags, serial and number of a page; None if it is not whole."""
    head = source.read(position, _HEAD + 255)
    if len(head) < _HEAD or head[:4] != _MAGIC:
        return None
    size = _HEAD + head[26] + sum(head[_HEAD : _HEAD + head[26]])
    if position + size > source.size:
        return None
    return size, head[5], head[14:18], int.from_bytes(head[18:22], "little")
