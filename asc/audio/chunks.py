"""Files of chunks: WAV, RF64, W64, AIFF, CAF; and those that tell but one size."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from asc.audio.layout import Layout, Samples, Stream, truncated
from asc.audio.mpeg import after_tags
from asc.audio.source import Source
from asc.errors import InputError

#: Sizes that programs leave which write to a pipe, some with the header (in bytes).
_UNKNOWN_SIZES = (
    *(0x7F000000, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF),
    *(1 << 63, (1 << 64) - 1),
)
_HEADER = 128
#: The most chunks before the samples, and bytes of the chunk that tells the encoding.
_MOST_CHUNKS, _DESCRIPTION = 1000, 64
#: How files begin that do not belong behind the samples of another one.
_FILES = (
    b"RIFF",
    b"RIFX",
    b"RF64",
    b"riff",
    b"FORM",
    b"caff",
    b".snd",
    b"fLaC",
    b"OggS",
)
#: Bytes of any content that are ignored behind the samples.
_MOST_IGNORED, _SEARCHED = 1024, 1 << 22
#: What the header of a WAV file can tell (in bytes).
_MOST_WAV = 0xFFFFFFFF - _HEADER


class _Kind(NamedTuple):
    """How a container of chunks is written."""

    data: bytes  # name of the chunk with the samples
    head: int  # bytes before the first chunk
    size_at: int  # place of the size of the file, 0 if there is none
    order: Literal["little", "big"] = "little"
    width: int = 4  # bytes of a size
    name: int = 4  # bytes of the name of a chunk
    align: int = 2
    counted: int = 0  # bytes of the head of a chunk that its size includes
    left_out: int = 8  # bytes of the file that its size leaves out


_WAV = _Kind(b"data", 12, 4)
_KINDS = {
    b"RIFF": _WAV,
    b"RF64": _WAV,
    b"RIFX": _WAV._replace(order="big"),
    b"FORM": _Kind(b"SSND", 12, 4, "big"),
    b"riff": _Kind(b"data", 40, 16, "little", 8, 16, 8, 24, 0),
    b"caff": _Kind(b"data", 8, 0, "big", 8, align=1),
}


class _Chunk(NamedTuple):
    start: int
    size: int


def find_samples(source: Source, start: int) -> Layout | None:
    """Return the layout of a file of chunks, None if it is not one.

    Parameters
    ----------
    source : Source
    start : int
        Where it begins in the file, after a tag.
    """
    head = source.read(start, 40)
    if head[:4] == b".snd":
        return _find_au(source, start, head)
    if end := _declared_end(source, start, head):
        cut = end > source.size
        doubt = truncated(source.size, end, "bytes") if cut else ""
        # libsndfile takes what follows for more samples.
        return Layout((Stream(start, min(end, source.size)),), doubt)
    kind = _KINDS.get(head[:4])
    if kind is None or kind is _WAV and head[8:12] != b"WAVE":
        return None
    found: dict[bytes, _Chunk] = {}
    for name, chunk in _chunks(source, start, kind):
        found.setdefault(name, chunk)  # the first of each name counts
    size_at = kind.size_at
    outer = int.from_bytes(head[size_at : size_at + kind.width], kind.order)
    data = found.get(kind.data)
    size = data.size if data is not None else 0
    if head[:4] == b"RF64" and b"ds64" in found:
        sizes = source.read(found[b"ds64"].start, 16)
        outer = int.from_bytes(sizes[:8], "little")
        if size == 0xFFFFFFFF:
            size = int.from_bytes(sizes[8:], "little")
    # Where the file ends by its first size, if it has one.
    end = start + outer + kind.left_out if size_at else 0
    if data is None:
        cut = end > source.size and not _is_unknown(outer)
        doubt = truncated(source.size, end, "bytes") if cut else ""
        return Layout((Stream(start, source.size),), doubt)

    there, doubt = source.size - data.start, ""
    description = found.get(b"fmt ", _Chunk(0, 0))
    text = source.read(description.start, min(description.size, _DESCRIPTION))
    whole = end == source.size
    if size == 0 and whole and _are_chunks(source, data.start, kind):
        pass  # there are no samples
    elif size == 0 or size > there and _is_unknown(size):
        doubt, size = _half_frame(text, there), there
    elif size > there and outer and not _is_unknown(outer):
        if not whole:  # else the size of the chunk is wrong
            expected = max(end, data.start + size)
            doubt = truncated(source.size, expected, "bytes")
        size = there
    elif size > there:
        doubt, size = _half_frame(text, there), there
    elif not _check_rest(source, _after_chunks(source, data.start, size, kind, end)):
        doubt, size = _more(size, there), there
    is_w64 = head[:4] == b"riff"  # in which what follows is taken for samples, too
    stream = Stream(start, data.start + size if is_w64 else source.size)
    if size != data.size and data.start + size - start <= _MOST_WAV:
        stream = _corrected(source, start, kind, data, size)
    samples = Samples(data.start, size) if kind is _WAV else None
    return Layout((stream,), doubt, samples)


def _chunks(source: Source, start: int, kind: _Kind) -> Iterator[tuple[bytes, _Chunk]]:
    """Yield the names and contents of chunks up to the samples."""
    position = start + kind.head
    for _ in range(_MOST_CHUNKS):
        head = source.read(position, kind.name + kind.width)
        if len(head) < kind.name + kind.width:
            return
        size = int.from_bytes(head[kind.name :], kind.order) - kind.counted
        name, begin = head[:4], position + len(head)
        if size < 0 or not (name.isascii() and name.decode().isprintable()):
            return  # damaged: what libsndfile makes of it counts
        yield name, _Chunk(begin, size)
        if name == kind.data:
            return
        position = begin + size
        padded = position + -size % kind.align
        # Some writers forget to pad a chunk of an odd size.
        position = position if source.read(position, 4) == kind.data else padded


def _are_chunks(source: Source, position: int, kind: _Kind) -> bool:
    """Return True if nothing but whole chunks are left of a file."""
    rest = _chunks(source, position - kind.head, kind)
    end = max((chunk.start + chunk.size for _, chunk in rest), default=position)
    return source.size - kind.align < end <= source.size


def _check_rest(source: Source, start: int) -> bool:
    """Return False if what follows the samples may be samples, too.

    A recorder that stops without closing its file leaves a header of some time ago.

    Parameters
    ----------
    source : Source
    start : int
        Where the samples and known chunks end.

    Raises
    ------
    InputError
        If another audio file follows.
    """
    start = after_tags(source, start)
    if source.read(start, 4) in _FILES:
        raise InputError("another audio file follows in the same file. Split it.")
    rest = source.read(start, _SEARCHED)
    # Programs fill files up with one value.
    return len(rest) <= _MOST_IGNORED or not rest.strip(rest[:1])


def _more(declared: int, there: int) -> str:
    return f"its header tells {declared:,} bytes of samples, but {there:,} are there."


def _after_chunks(source: Source, begin: int, size: int, kind: _Kind, end: int) -> int:
    """Return the place after the samples and whole chunks that follow them.

    Parameters
    ----------
    source : Source
    begin, size : int
        The samples.
    kind : _Kind
    end : int
        Where the file ends by its first size; a chunk may be cut before that.
    """
    places = [begin + size, begin + size + -size % kind.align]  # some forget to pad
    for place in tuple(places):
        for name, chunk in _chunks(source, place - kind.head, kind):
            after = chunk.start + chunk.size
            if name in _FILES or after > max(source.size, end):
                break
            places.append(after + -chunk.size % kind.align)
    return max(places)


def _is_unknown(size: int) -> bool:
    """Return True for a size of a writer that could not know it."""
    return size == 0 or any(abs(size - one) <= _HEADER for one in _UNKNOWN_SIZES)


def _half_frame(description: bytes, size: int) -> str:
    """Return the sentence for samples of a WAV file that end within a frame."""
    frame = int.from_bytes(description[12:14], "little")
    is_pcm = description[:2] in (b"\1\0", b"\3\0", b"\xfe\xff")
    # A chunk of an odd size is padded.
    if not is_pcm or not frame or not size % frame or not (size - 1) % frame:
        return ""
    return truncated(size, size + frame - size % frame, "bytes of samples")


def _corrected(
    source: Source, start: int, kind: _Kind, data: _Chunk, size: int
) -> Stream:
    """Return the stream with a header that tells the right sizes."""
    head = bytearray(source.read(start, data.start - start))

    def put(place: int, value: int) -> None:
        head[place : place + kind.width] = value.to_bytes(kind.width, kind.order)

    put(len(head) - kind.width, size + kind.counted)
    if kind.size_at:
        put(kind.size_at, len(head) + size - kind.left_out)
    if head[:4] == b"RF64":  # it is short enough for a plain WAV file
        head[:4] = b"RIFF"
        head = head.replace(b"ds64", b"JUNK", 1)
    return Stream(data.start, data.start + size, bytes(head))


def _find_au(source: Source, start: int, head: bytes) -> Layout:
    offset, size = (int.from_bytes(head[i : i + 4], "big") for i in (4, 8))
    end, there = start + offset + size, max(0, source.size - start - offset)
    stream, doubt = Stream(start, source.size), ""
    declared = head[:8] + min(there, 0xFFFFFFFF).to_bytes(4, "big")
    whole = Stream(start + 12, source.size, declared)
    if _is_unknown(size):
        stream = whole  # libsndfile knows but one of these sizes
    elif end > source.size:
        doubt = truncated(source.size, end, "bytes")
    elif not _check_rest(source, end):
        doubt, stream = _more(size, there), whole
    return Layout((stream,), doubt)


def _declared_end(source: Source, start: int, head: bytes) -> int:
    """Return where a NIST, VOC or AVR file ends by its header; 0 for any other."""
    if head[:7] == b"NIST_1A":
        text = source.read(start, 1024).decode("latin-1")
        begin = re.match(r"NIST_1A\s+(\d{1,9})\s", text)
        facts = dict(re.findall(r"(\w+) -i (\d{1,12})\b", text))
        wanted = "sample_count", "channel_count", "sample_n_bytes"
        size = math.prod(int(facts.get(name, 0)) for name in wanted)
        return start + int(begin[1]) + size if begin and size else 0
    if head[:19] == b"Creative Voice File":
        block = start + int.from_bytes(head[20:22], "little")
        return block + 4 + int.from_bytes(source.read(block + 1, 3), "little")
    if head[:4] == b"2BIT":
        channels = 2 if head[12:14] == b"\xff\xff" else 1
        width = int.from_bytes(head[14:16], "big") // 8
        return start + 128 + int.from_bytes(head[26:30], "big") * channels * width
    return 0
