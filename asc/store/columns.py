"""The columns of a store: one entry for each clip, read by memory map.

HDF5 indexing is never used, as it is slower by far.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from asc.corpus import Problem
from asc.corpus.groups import MOST_VALUES
from asc.corpus.places import leads_outside
from asc.display import data_frame
from asc.errors import StoreError, UsageError
from asc.features import FeatureSpec
from asc.store import schema
from asc.store.row_reader import RowReader
from asc.text import printable, unknown_name

#: Clips that are looked at together.
_BLOCK = 1 << 16


class Columns:
    """What a store holds of its clips; `asc.store.FeatureStore` is one."""

    path: Path
    spec: FeatureSpec
    scenes: tuple[str, ...]
    groups: tuple[str, ...]
    complete: bool
    _note_count: int  # of a complete store
    _arrays: dict[str, schema.Array]

    def __len__(self) -> int:
        return self._arrays["rows/status"].shape[0]

    def labels(self) -> np.ndarray:
        """Return the scene of every clip as an index into `scenes`, int64."""
        return self._labels

    def paths(self) -> list[str]:
        """Return the path of every clip, relative to the corpus folder.

        Raises
        ------
        StoreError
            If one leads out of that folder, or has control characters in it.
        """
        return self._names("clips/path")

    def recordings(self) -> list[str]:
        """Return the recording of every clip; its own path if that is not known."""
        return self._names("clips/recording")

    def recordings_named(self) -> np.ndarray:
        """Return whether the recording of every clip is known, bool."""
        paths, names = self._array("clips/path"), self._array("clips/recording")
        return np.asarray(paths) != np.asarray(names)

    @cached_property
    def without_recording(self) -> int:
        """The number of clips whose recording is not known."""
        return int((~self.recordings_named()).sum())

    def group(self, name: str) -> np.ndarray:
        """Return the value of every clip in a group [shape=(clips,)], str.

        Parameters
        ----------
        name : str
            One of `groups`, such as ``device``. The value is empty if it is not known.

        Raises
        ------
        UsageError
            If there is no such group.
        StoreError
            If a value has control characters in it, or if there are too many.
        """
        values, codes = self._group_codes(name)
        return np.array(values, dtype=str)[codes]

    def group_counts(self, name: str) -> dict[str, int]:
        """Return the number of clips of each value in a group, in order of values.

        Clips whose value is not known are not counted. Errors are those of `group`.
        """
        values, codes = self._group_codes(name)
        counts = zip(values, np.bincount(codes).tolist(), strict=True)
        return dict(sorted((value, count) for value, count in counts if value))

    def _group_codes(self, name: str) -> tuple[list[str], np.ndarray]:
        """Return the values of a group, and for every clip the place of its own."""
        if not self.groups:
            raise UsageError(f"{self.path} has no groups. Got {name!r}.")
        if name not in self.groups:
            raise UsageError(unknown_name("group", name, self.groups))
        stored = self._array(f"groups/{name}")
        code_of: dict[bytes, int] = {}
        codes = np.empty(len(stored), np.int32)
        for start in range(0, len(stored), _BLOCK):
            block = stored[start : start + _BLOCK].tolist()
            codes[start : start + len(block)] = [
                code_of.setdefault(value, len(code_of)) for value in block
            ]
            if len(code_of) > MOST_VALUES + 1:
                raise StoreError(
                    f"{self.path}: /groups/{name} has too many values. Expected at most"
                    f" {MOST_VALUES}."
                )
        values = [value.decode(errors="replace") for value in code_of]
        for value in values:
            if value and not schema.is_name(value):
                raise StoreError(
                    f"{self.path}: /groups/{name} has the value {value!a}."
                )
        return values, codes

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each clip, in their order.

        Its columns are path, scene, recording (None where it is not known), groups,
        and what was measured of the file.

        Raises
        ------
        UsageError
            If pandas is not installed.
        """
        recordings = np.array(self.recordings(), dtype=object)
        recordings[~self.recordings_named()] = None
        return data_frame(
            {
                "path": self.paths(),
                "scene": np.array(self.scenes, dtype=object)[self.labels()],
                "recording": recordings,
            }
            | {name: self.group(name) for name in self.groups}
            | {name: self.measured(name) for name in schema.MEASURED}
        )

    def status(self) -> np.ndarray:
        """Return the status of every row (`asc.store.schema`)."""
        return np.array(self._array("rows/status"))

    def measured(self, name: str) -> np.ndarray:
        """Return a measured property of every source file, such as ``seconds``."""
        return np.array(self._array(f"clips/{name}"))

    def digests(self, feature: str) -> np.ndarray:
        """Return the SHA-256 of every row [shape=(clips, 32)], uint8."""
        return self._array(f"rows/digest_{feature}")

    def find(self, clip: str) -> int:
        """Return the row of a clip.

        Parameters
        ----------
        clip : str
            Row number, path, end of a path, or a scene for its first clip.

        Raises
        ------
        UsageError
            If there is no such clip, or more than one.
        """
        paths = self.paths()
        if clip.isdecimal():
            found = [int(clip)] if int(clip) < len(self) else []
        else:
            found = [row for row, path in enumerate(paths) if path == clip]
            found = found or [
                row for row, path in enumerate(paths) if path.endswith(clip)
            ]
        if not found and clip in self.scenes:
            label = self.scenes.index(clip)
            found = np.flatnonzero(self.labels() == label)[:1].tolist()
        if len(found) != 1:
            number = f"{len(found)} clip paths" if found else "No clip path"
            raise UsageError(
                f"{number} in {self.path} {'end' if found else 'ends'} in {clip!r}. Use"
                f" a row (0 to {len(self) - 1}), the end of one path, or a scene."
            )
        return found[0]

    def failures(self) -> list[Problem]:
        """Return what was left out and why: clips, and rows of metadata."""
        left_out = []
        where, messages = (
            self._array(f"failures/{name}") for name in ("where", "error")
        )
        for place, message in zip(where, messages, strict=True):
            if not place:
                raise StoreError(f"{self.path}: /failures/where names nothing.")
            left_out.append(Problem(_decoded(place), _decoded(message)))
        failed = np.flatnonzero(self.status() == schema.FAILED)
        if len(failed):
            paths, errors = self._array("clips/path"), self._array("rows/error")
            left_out += [
                Problem(_decoded(paths[row]), _decoded(errors[row])) for row in failed
            ]
        return left_out

    def notes(self) -> list[Problem]:
        """Return what a user must know of clips, such as that one is truncated."""
        if self.complete and not self._note_count:
            return []  # without reading a million rows
        errors = self._array("rows/error")
        noted = np.flatnonzero((errors != b"") & (self.status() == schema.DONE))
        paths = self._array("clips/path")
        return [Problem(_decoded(paths[row]), _decoded(errors[row])) for row in noted]

    def row_arrays(self) -> dict[str, schema.Array]:
        """Return the places of all arrays that are written row by row."""
        return {name: self._arrays[name] for name in schema.row_columns(self.spec)}

    def arrays(self) -> dict[str, schema.Array]:
        """Return the places of all arrays, by their path in the file."""
        return dict(self._arrays)

    @cached_property
    def _labels(self) -> np.ndarray:
        names = np.array([scene.encode() for scene in self.scenes])
        order = np.argsort(names)
        stored = self._array("clips/scene")
        labels = np.empty(len(stored), np.int64)
        # In blocks: an untrusted store may list far more clips than it has.
        for start in range(0, len(stored), _BLOCK):
            block = np.asarray(stored[start : start + _BLOCK])
            place = np.searchsorted(names[order], block)
            found = order[np.minimum(place, len(names) - 1)]
            if not (names[found] == block).all():
                raise StoreError(
                    f"{self.path} has clips of scenes that it does not list."
                )
            labels[start : start + _BLOCK] = found
        return labels

    def row_reader(self, feature: str) -> RowReader:
        """Return what reads rows of a feature into memory.

        Unlike `features`, which returns a memory map.
        """
        return self.reader_of(self._arrays[f"features/{feature}"])

    def reader_of(self, array: schema.Array) -> RowReader:
        """Return what reads rows of one of `arrays` into memory."""
        with self._open() as file:
            return RowReader(file, self.path, array)

    def _open(self) -> BinaryIO:
        raise NotImplementedError

    def _array(self, name: str) -> np.ndarray:
        with self._open() as file:
            return self._arrays[name].map(self.path, file)

    def _names(self, column: str) -> list[str]:
        names = []
        for row, text in enumerate(self._array(column)):
            name = bytes(text).decode(errors="replace")
            if not schema.is_name(name):
                raise StoreError(f"{self.path}: /{column} is {name!a} in row {row}.")
            if leads_outside(name) and column == "clips/path":
                raise StoreError(
                    f"{self.path}: the path {name!a} of row {row} leaves the corpus"
                    " folder."
                )
            names.append(name)
        return names


def _decoded(value: Any) -> str:
    # Text from a store reaches terminals and pages.
    return printable(bytes(value).decode(errors="replace"))
