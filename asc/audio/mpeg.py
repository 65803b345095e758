"""MP3 files: their frames, which are counted, and streams that follow each other.

Only some files tell how many frames they have, in a first frame without audio. Of
others a decoder estimates the length from their size and their first frames.

References
----------
ISO/IEC 11172-3 and 13818-3, section 2.4.2.3 (the header of a frame).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from asc.audio.layout import Layout, Stream, check_stream_count, truncated
from asc.audio.source import Source
from asc.compiled import compiled

#: Bit rates by index (in kbit/s): MPEG 1 layer I, II, III; MPEG 2 layer I, the others.
_BIT_RATES = (
    (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0),
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0),
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
)
_SAMPLE_RATES = (44100, 48000, 32000)  # of MPEG 1
#: Bytes that are examined at a time, and among which the next frame must be.
_WINDOW, _FIRST_WITHIN, _NEXT_WITHIN = 1 << 22, 1 << 16, 1 << 24
_PASSED_OVER = 1024
#: How a first frame that tells the length is marked, and what it may have.
_MARKS, _HAS_FRAMES, _HAS_BYTES = (b"Xing", b"Info"), 1, 2
#: Bytes that may follow the last frame: a tag of the oldest kind.
_SLACK = 256


def find_streams(source: Source, start: int, *, quick: bool = False) -> Layout | None:
    """Return the streams of an MP3 file, None if it is not one.

    Parameters
    ----------
    source : Source
    start : int
        Where it begins in the file, after a tag.
    quick : bool
        Believe a first frame that tells the length, if the size of the file fits.
    """
    streams: list[Stream] = []
    doubt = ""
    after = start
    begin = _next_frame(source, start, _FIRST_WITHIN)
    while begin >= 0:
        check_stream_count(len(streams) + 1)
        first = _First.read(source, begin)
        if quick and not streams and first.fits(source.size - begin):
            return Layout((Stream(begin, source.size),))
        position = begin + first.tells * len(first.data)
        end, count, constant = _count_frames(source, position)
        whole = end
        while first.frames is not None and count < first.frames:
            # Decoders pass over a little of something else.
            following = _next_frame(source, end, _PASSED_OVER)
            if following < 0 or _First.read(source, following).tells:
                break
            end, more, _ = _count_frames(source, following)
            count += more
        # A frame that the file does not have all of.
        size = frame_size(source.read(end, 4))
        cut = size > 0 and end + size > source.size
        if first.frames is not None:
            missing = first.frames - count
            # Some encoders count the frame that tells.
            cut = missing > 1 or missing == 1 and (cut or end > whole)
            found = truncated(count, first.frames, "MP3 frames")
        elif streams and begin > after and not first.tells:
            cut, found = True, "the file is damaged between its MP3 frames."
        else:
            found = "the file is truncated (its last MP3 frame is not whole)."
        doubt = doubt or (found if cut else "")
        if count:
            streams.append(first.stream(end, count, constant, cut))
        after = after_tags(source, end)
        begin = _next_frame(source, after, _NEXT_WITHIN)
    return Layout(tuple(streams), doubt) if streams else None


class _First(NamedTuple):
    """The first frame of a stream."""

    begin: int
    data: bytes
    tells: bool  # it tells the length in place of having audio
    frames: int | None  # of the stream, without this one
    bytes: int | None  # of the stream

    @classmethod
    def read(cls, source: Source, begin: int) -> _First:
        """Read the frame at a place."""
        data = source.read(begin, frame_size(source.read(begin, 4)))
        tag, frames, size = _tag_place(data), None, None
        marked = _layer(data) == 3 and data[tag : tag + 4] in _MARKS
        if marked:
            places = range(tag + 4, tag + 16, 4)
            flags, *facts = (int.from_bytes(data[i : i + 4], "big") for i in places)
            frames = facts.pop(0) if flags & _HAS_FRAMES else None
            size = facts.pop(0) if flags & _HAS_BYTES else None
        return cls(begin, data, marked or data[36:40] == b"VBRI", frames, size)

    def fits(self, there: int) -> bool:
        """Return True if the size that it tells is that of the bytes there."""
        return bool(self.frames) and abs(there - (self.bytes or 0)) <= _SLACK

    def stream(self, end: int, count: int, constant: bool, cut: bool) -> Stream:
        """Return the stream, with a first frame that tells the right length."""
        start = self.begin + self.tells * len(self.data)
        size = end - self.begin
        if self.frames is not None:
            if self.frames == count and self.bytes in (None, size):
                return Stream(self.begin, end)
            first = bytearray(self.data)
            if self.bytes is not None:
                place = _tag_place(first) + 12
                first[place : place + 4] = size.to_bytes(4, "big")
            count = self.frames if cut else count
        elif constant or _layer(self.data) != 3:
            # Decoders estimate this length right, or too long.
            return Stream(start, end, b"", count * _samples(self.data))
        else:
            # The same kind of frame, without a checksum and long enough.
            head = bytes((0xFF, self.data[1] | 1, self.data[2] & 0x0F | 0x90))
            head += self.data[3:4]
            first = bytearray(head + bytes(frame_size(head) - 4))
            tag = _tag_place(head)
            first[tag : tag + 8] = b"Info" + _HAS_FRAMES.to_bytes(4, "big")
        place = _tag_place(first) + 8
        first[place : place + 4] = count.to_bytes(4, "big")
        return Stream(start, end, bytes(first))


def id3_size(head: bytes) -> int:
    """Return the size of the ID3v2 tag that begins with some bytes; 0 if none does."""
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = 10 + sum(bits << 7 * (3 - i) for i, bits in enumerate(head[6:10]))
    return size + 10 * (head[5] >> 4 & 1)


def frame_size(head: Sequence[int]) -> int:
    """Return the bytes of the frame that begins with some bytes; 0 if none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, _layer(head)
    rate_index, padding = head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or not layer or rate_index == 3:
        return 0
    row = layer - 1 if version == 3 else 3 if layer == 1 else 4
    bit_rate = 1000 * _BIT_RATES[row][head[2] >> 4]
    rate = _SAMPLE_RATES[rate_index] >> (2, 1, 1, 0)[version]
    if not bit_rate:
        return 0
    if layer == 1:
        return 4 * (12 * bit_rate // rate + padding)
    return _samples(head) // 8 * bit_rate // rate + padding


def _layer(head: Sequence[int]) -> int:
    return -(head[1] >> 1) % 4


def _samples(head: Sequence[int]) -> int:
    """Return the samples of each channel of a frame."""
    if _layer(head) == 1:
        return 384
    return 576 if _layer(head) == 3 and head[1] >> 3 & 3 != 3 else 1152


def _tag_place(head: Sequence[int]) -> int:
    """Return where a frame tells the length: after what would describe its audio."""
    is_mono = head[3] >> 6 == 3
    if head[1] >> 3 & 3 == 3:
        return 4 + (17 if is_mono else 32)
    return 4 + (9 if is_mono else 17)


@cache
def _sizes() -> np.ndarray:
    """Return the size of a frame by its second and third byte [shape=(256, 256)]."""
    sizes = [[frame_size((255, b, c, 0)) for c in range(256)] for b in range(256)]
    return np.array(sizes, np.int32)


def _count_frames(source: Source, position: int) -> tuple[int, int, bool]:
    """Return where a row of frames of one kind ends, and how many there are.

    The last value is True if all have the same bit rate.
    """
    count, state = 0, np.zeros(3, np.int64)
    head = source.array(position, 4)
    if len(head) < 4:
        return position, 0, True
    tag = _tag_place(head.tolist())
    while True:
        data = source.array(position, source.size if source.in_memory else _WINDOW)
        _walk(data, head, tag, not count, _sizes(), state)
        position, count = position + int(state[0]), count + int(state[1])
        end_of_data = len(data) - int(state[0]) < _sizes().max() + 40
        if source.in_memory or not state[1] or not end_of_data:
            return position, count, not state[2]


@compiled
def _walk(
    data: np.ndarray,
    head: np.ndarray,
    tag: int,
    at_start: bool,
    sizes: np.ndarray,
    state: np.ndarray,
) -> None:
    """Write bytes and number of the whole frames of a kind that follow each other.

    Then 1 if their bit rates differ.

    A later frame that tells the length begins another stream.
    """
    place = count = 0
    while place + 4 <= len(data):
        second, third = data[place + 1], data[place + 2]
        same = (
            data[place] == 0xFF
            and second | 1 == head[1] | 1
            and third & 0x0C == head[2] & 0x0C
            and (data[place + 3] >> 6 == 3) == (head[3] >> 6 == 3)
        )
        size = sizes[second, third]
        if not same or size == 0 or place + size > len(data):
            break
        if count or not at_start:
            first, last = data[place + tag], data[place + tag + 3]
            middle = data[place + tag + 1]
            if (first, middle, last) == (88, 105, 103) or (first, middle, last) == (
                73,
                110,
                111,
            ):
                break
        if third >> 4 != head[2] >> 4:
            state[2] = 1
        place, count = place + size, count + 1
    state[0], state[1] = place, count


def _next_frame(source: Source, position: int, within: int) -> int:
    """Return the place of two frames of a kind in a row, or of a last one; else -1."""
    for count in (4096, within):
        data = source.array(position, count)
        if len(data) < 4:
            return -1
        sizes = _sizes()[data[1:-2], data[2:-1]] * (data[:-3] == 0xFF)
        for place in np.flatnonzero(sizes).tolist():
            following = position + place + int(sizes[place])
            head = source.read(following, 4)
            same = (
                len(head) == 4
                and frame_size(head)
                and (
                    head[1] | 1 == data[place + 1] | 1
                    and not (head[2] ^ data[place + 2]) & 12
                )
            )
            if same or following == source.size:
                return position + place
    return -1


def after_tags(source: Source, position: int) -> int:
    """Return the place after tags between two streams, or at the end."""
    while True:
        head = source.read(position, 32)
        if size := id3_size(head):
            position += size
        elif head[:3] == b"TAG":
            position += 128
        elif head[:8] == b"APETAGEX":
            position += 32 + int.from_bytes(head[12:16], "little")
        else:
            return position
