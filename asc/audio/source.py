"""The bytes of an audio file: small ones in memory, large ones as they are needed."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from asc.errors import InputError, MissingInputError
from asc.files import open_regular, reason

#: The message for a file that is missing.
MISSING = "the file is missing."

#: Larger files are not read as a whole: recordings of hours, of which clips are cut.
_MOST_IN_MEMORY = 1 << 24
#: Bytes at each end of a large file that its checksum covers.
_END = 1 << 20
#: Bytes of a large file that are searched at a time.
_SEARCHED = 1 << 22


class Source:
    """The bytes of a file.

    Parameters
    ----------
    path : path-like
    whole : bool
        Read a small file into memory; without it, read only what is asked for.

    Attributes
    ----------
    size : int
    checksum : int
        The first of `checksums`; 0 without `whole`.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is not a regular file, is empty or cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str], *, whole: bool = True) -> None:
        try:
            self._file = open_regular(path, name="the file")
        except MissingInputError as error:
            raise MissingInputError(MISSING) from error
        self._data: bytes | None = None
        self.checksum = 0
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            if not self.size:
                raise InputError("the file is empty (0 bytes).")
            if whole and self.size <= _MOST_IN_MEMORY:
                self._data = self.read(0, self.size)
                self._array = np.frombuffer(self._data, np.uint8)
                self.size, self.checksum = len(self._data), zlib.crc32(self._data)
            elif whole:
                self.checksum = zlib.crc32(self.read(0, _END))
                end = self.read(self.size - _END, _END)
                self.checksum = zlib.crc32(end, self.checksum)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def in_memory(self) -> bool:
        """True if the whole file is in memory."""
        return self._data is not None

    @property
    def descriptor(self) -> int:
        """The open file, for a library that reads it by itself."""
        return self._file.fileno()

    def read(self, start: int, count: int) -> bytes:
        """Return bytes from a place on; fewer at the end of the file."""
        start, count = self._inside(start, count)
        if self._data is not None:
            return self._data[start : start + count]
        parts = []
        try:
            # A call may return fewer, and none if the file was cut meanwhile.
            while count and (part := os.pread(self.descriptor, count, start)):
                parts.append(part)
                start, count = start + len(part), count - len(part)
        except OSError as error:
            raise InputError(f"the file cannot be read: {reason(error)}.") from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def array(self, start: int, count: int) -> np.ndarray:
        """Return bytes from a place on [shape=(n,)], uint8; of memory, a view."""
        start, count = self._inside(start, count)
        if self._data is not None:
            return self._array[start : start + count]
        return np.frombuffer(self.read(start, count), np.uint8)

    def _inside(self, start: int, count: int) -> tuple[int, int]:
        """Return what of a range is inside the file."""
        start = min(max(0, start), self.size)
        return start, min(max(0, count), self.size - start)

    def find(self, word: bytes, start: int) -> int:
        """Return the place of the first four such bytes from a place on; -1 if none."""
        step = self.size if self.in_memory else _SEARCHED
        value = np.frombuffer(word, "<u4")
        for begin in range(start, self.size - 3, step):
            data = self.array(begin, step + 3)
            found = [
                4 * int(places[0]) + offset
                for offset in range(min(4, len(data) - 3))
                # Much faster than bytes.find.
                if len(places := np.flatnonzero(_words(data, offset) == value))
            ]
            if found:
                return begin + min(found)
        return -1

    def open(self, start: int, end: int, prefix: bytes = b"") -> io.BufferedIOBase:
        """Return a part of the file, with other bytes in front, as a file."""
        if self.in_memory:
            return _Memory(prefix + self.read(start, end - start))
        return _Window(self, start, end, prefix)


def _words(data: np.ndarray, offset: int) -> np.ndarray:
    """Return the words of four bytes each that begin at an offset."""
    return np.frombuffer(data, "<u4", (len(data) - offset) // 4, offset)


def checksums(path: str | os.PathLike[str]) -> Iterator[int]:
    """Yield the CRC-32 of a file; raises as `Source`.

    Of a file of more than 16 MiB, that of the first and the last MiB comes first, and
    then that of all of it, which stores of earlier versions have.
    """
    with Source(path) as source:
        yield source.checksum
        if not source.in_memory:
            crc32 = 0
            for start in range(0, source.size, _SEARCHED):
                crc32 = zlib.crc32(source.read(start, _SEARCHED), crc32)
            yield crc32


class _Memory(io.BytesIO):
    """A file in memory that stays where it is when it is sent to a negative place.

    libsndfile does that with damaged files, and no error reaches it.
    """

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


class _Window(io.BufferedIOBase):
    """A part of a large file, which libsndfile calls back for."""

    def __init__(self, source: Source, start: int, end: int, prefix: bytes) -> None:
        self._source, self._start, self._prefix = source, start, prefix
        self._size = len(prefix) + end - start
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_CUR: self._position, os.SEEK_END: self._size}.get(whence, 0)
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._prefix[self._position : self._position + len(view)]
        if len(data) < len(view):
            begin = max(0, self._position - len(self._prefix))
            left = self._size - len(self._prefix) - begin
            count = max(0, min(len(view) - len(data), left))
            try:
                data += self._source.read(self._start + begin, count)
            except InputError:
                pass  # no error reaches libsndfile, which reports missing samples
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
