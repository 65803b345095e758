"""What the bytes of an audio file hold: its streams, and whether some may be missing.

Decoders believe the header of a file, and return what is there of a truncated one
without an error. So the length that the header tells is compared with the bytes.
"""

from __future__ import annotations

from asc.audio import chunks, mpeg, ogg
from asc.audio.layout import Layout, Stream, check_stream_count, truncated
from asc.audio.source import Source

#: How a FLAC stream begins: with facts about it, of 34 bytes.
_FLAC = b"fLaC\x00\x00\x00\x22"
#: Bytes of a FLAC stream up to its length, and the fewest of a frame.
_FLAC_HEAD, _FLAC_FRAME = 26, 8
_MOST_TAGS = 100
#: Files that are not read, whatever they are called: place of some bytes, and the kind.
_NOT_READ = (
    (4, b"ftyp", "MP4 or M4A, which ffmpeg converts"),
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska, which ffmpeg converts"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA, which ffmpeg converts"),
    (0, b"\xff\xf1", "AAC, which ffmpeg converts"),
    (0, b"\xff\xf9", "AAC, which ffmpeg converts"),
    (0, b"#!AMR", "AMR, which ffmpeg converts"),
    (0, b"version https://git-lfs", "a pointer of Git LFS; run: git lfs pull"),
)


def find_streams(source: Source, *, quick: bool = False) -> Layout:
    """Return the layout of a file: a single stream if its kind is not known here.

    Parameters
    ----------
    source : Source
    quick : bool
        Don't read files as a whole, where most of what they hold is known without.
    """
    start = 0
    for _ in range(_MOST_TAGS):
        # Tags of MP3 players are found in front of files of all kinds.
        size = mpeg.id3_size(source.read(start, 10))
        if not size:
            break
        start += size
    head = source.read(start, 4)
    if head == b"OggS":
        return ogg.find_streams(source, start, quick=quick)
    if head == _FLAC[:4]:
        return _flac(source, start, quick)
    layout = chunks.find_samples(source, start)
    if layout is None and (start or mpeg.frame_size(head)):
        layout = mpeg.find_streams(source, start, quick=quick)
    return layout or Layout((Stream(start, source.size),))


def kind_not_read(source: Source) -> str:
    """Return what a file is that is not read, by its first bytes; empty if unknown."""
    head = source.read(0, 32)
    kinds = (kind for at, word, kind in _NOT_READ if head[at:].startswith(word))
    return next(kinds, "")


def _flac(source: Source, start: int, quick: bool) -> Layout:
    """Return the streams of a FLAC file.

    Decoders stop where the header tells that the stream ends. They get one that tells
    nothing, so that it is seen whether they are then at the end.
    """
    begins = [start]
    if not quick:
        begin = _after_metadata(source, start)
        while (begin := source.find(_FLAC[:4], begin)) >= 0:
            if source.read(begin + 5, 3) == _FLAC[5:]:
                begins.append(begin)
                begin = _after_metadata(source, begin)
            else:
                begin += 4
            check_stream_count(len(begins))
    streams, doubt = [], ""
    for begin, end in zip(begins, [*begins[1:], source.size], strict=True):
        head = source.read(begin, _FLAC_HEAD)
        samples = int.from_bytes(head[21:], "big") & (1 << 36) - 1
        # Each frame has at most so many samples, and at least a few bytes.
        most = int.from_bytes(head[10:12], "big") * ((end - begin) // _FLAC_FRAME)
        if samples > most and not doubt:
            doubt = truncated(most, samples, "frames at most")
        if quick or not samples or len(head) < _FLAC_HEAD:
            streams.append(Stream(begin, end))
        else:
            head = head[:21] + bytes([head[21] & 0xF0]) + bytes(4)
            streams.append(Stream(begin + _FLAC_HEAD, end, head, samples))
    return Layout(tuple(streams), doubt)


def _after_metadata(source: Source, start: int) -> int:
    """Return the place after the metadata of a FLAC stream, which may be any bytes."""
    position = start + 4
    while len(head := source.read(position, 4)) == 4:
        position += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            break
    return min(position, source.size)
