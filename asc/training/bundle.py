"""A bundle: what others need of a run, in one file that holds no code.

It is a zip archive with these members and no others:

====================  ====================================================
``asc-model.json``    how audio becomes the input of the model, and what it knows
``labels.txt``        the scenes, one a line, in the order of the outputs
``recipe.json``       as in the run folder, as the next two
``metrics.json``      the evaluation on the test part, with split and leakage
``history.csv``       one row for each epoch
``README.md``         the model card
``model.keras``       the model
====================  ====================================================

`asc.exporting` writes it; the first three and the model must be there.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from asc.disk import check_free_space, disk_error
from asc.errors import InputError, MissingInputError
from asc.files import open_regular
from asc.kinds import BUNDLE_RECORD, Kind, kind_of, not_a
from asc.store import FeatureStore
from asc.text import megabytes, printable
from asc.training.run import MOST_HISTORY_BYTES, MOST_METRICS_BYTES, Run
from asc.validation import check_path

if TYPE_CHECKING:
    import keras

#: Members of a bundle in their order, and the most bytes that each may have.
MEMBERS = {
    BUNDLE_RECORD: 1 << 24,
    "labels.txt": 1 << 24,
    "recipe.json": 1 << 22,
    "metrics.json": MOST_METRICS_BYTES,
    "history.csv": MOST_HISTORY_BYTES,
    "README.md": 1 << 22,
    "model.keras": 1 << 31,
}
_NEEDED = {BUNDLE_RECORD, "labels.txt", "recipe.json", "model.keras"}
#: The end of a zip file: it tells how long the list of members is.
_END, _END_BYTES = b"PK\x05\x06", 22
_MOST_LIST_BYTES = 1 << 16
_ENCRYPTED = 1


def load_run(run: Run | str | os.PathLike[str]) -> Run:
    """Open a run folder or a bundle; a run that is open is returned as it is.

    Parameters
    ----------
    run : Run or path

    Raises
    ------
    InputError
        If it is neither, or damaged.

    Examples
    --------
    >>> asc.load_run("run")
    Run('run': tiny on mel, split fold1, finished)
    """
    if isinstance(run, Run):
        return run
    path = check_path("run", run)
    kind = kind_of(path)
    if kind in (Kind.MISSING, Kind.FILE):
        advice = "asc-train makes the one, asc export the other."
        raise MissingInputError(not_a("a run folder or a bundle", path, advice))
    return Bundle(path) if kind is Kind.BUNDLE else Run(path)


class Bundle(Run):
    """A bundle, opened as the run that it was made from.

    Its files are unpacked to a temporary folder, which is removed with the object.

    Raises
    ------
    InputError
        If it is damaged, or holds anything else than a bundle does.
    """

    def _read_recipe(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="asc-bundle-"))
        # Also when Python ends.
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        _unpack(self.path, self.folder)
        with self._named():
            super()._read_recipe()

    @property
    def has_folds(self) -> bool:
        """False: the models of folds are one in a bundle."""
        return False

    def open_store(
        self, store: FeatureStore | str | os.PathLike[str] | None = None
    ) -> FeatureStore:
        """Open the store of the run, which a bundle does not hold."""
        if store is None:
            raise MissingInputError(
                f"{printable(str(self.path))} is a bundle, which has no store. Name one"
                " with --store."
            )
        return super().open_store(store)

    def load_model(self) -> keras.Model:
        """Load the model; see `Run.load_model`."""
        with self._named():
            return super().load_model()

    def history(self) -> list[dict[str, float]]:
        """Return the rows of history.csv; see `Run.history`."""
        with self._named():
            return super().history()

    def metrics(self) -> dict[str, Any]:
        """Return metrics.json; see `Run.metrics`."""
        with self._named():
            return super().metrics()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the bundle in messages, in place of the temporary folder."""
        try:
            yield
        except InputError as error:
            message = str(error).replace(str(self.folder), printable(str(self.path)))
            raise type(error)(message) from error


def _unpack(path: Path, folder: Path) -> None:
    """Write the members of a bundle to a folder, after all have been checked."""
    name = printable(str(path))
    with open_regular(path) as file:
        try:
            _check_list_of_members(file)
            with zipfile.ZipFile(file) as archive:
                members = _checked_members(archive)
                check_free_space(folder, sum(one.file_size for one in members))
                for member in members:
                    with (
                        archive.open(member) as source,
                        open(folder / member.filename, "xb") as target,
                    ):
                        shutil.copyfileobj(source, target, 1 << 20)
        except InputError as error:
            raise InputError(f"{name} is not a bundle that can be read: {error}") from (
                error
            )
        except OSError as error:
            raise disk_error(folder, error) from error
        # What damage to a zip archive ends in.
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
            text = printable(str(error).rstrip("."))
            raise InputError(f"{name} is damaged: {text}.") from error
        except Exception as error:  # noqa: BLE001 - zlib.error is no ValueError
            text = printable(f"{type(error).__name__}: {error}".rstrip("."))
            raise InputError(f"{name} is damaged ({text}).") from error


def _check_list_of_members(file: BinaryIO) -> None:
    """Check the size of the list, which is read whole."""
    size = os.fstat(file.fileno()).st_size
    if size > (most := sum(MEMBERS.values())):
        raise InputError(
            f"it is too large. Got {megabytes(size)}, expected at most"
            f" {megabytes(most)}."
        )
    file.seek(max(0, size - _END_BYTES))
    end = file.read(_END_BYTES)
    if len(end) < _END_BYTES or not end.startswith(_END):
        raise InputError("it is not complete. Copy it again.")
    count, length = struct.unpack_from("<HI", end, 10)
    if count > len(MEMBERS) or length > _MOST_LIST_BYTES:
        raise InputError(f"it lists {count:,} files in {megabytes(length)}.")


def _checked_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = archive.infolist()
    names = [member.filename for member in members]
    if missing := sorted(_NEEDED - {*names}):
        raise InputError(f"it has no {missing[0]}.")
    for member in members:
        name = printable(member.filename[:80])
        if names.count(member.filename) > 1:
            raise InputError(f"it has {name} twice.")
        if member.filename not in MEMBERS:
            raise InputError(f"it has {name}. Expected {', '.join(MEMBERS)}.")
        if member.file_size > (most := MEMBERS[member.filename]):
            raise InputError(
                f"{name} has {megabytes(member.file_size)}, expected at most"
                f" {megabytes(most)}."
            )
        if member.flag_bits & _ENCRYPTED:
            raise InputError(f"{name} is encrypted.")
        # The model is as large as it is in the file: it cannot grow without end.
        if name == "model.keras" and member.compress_size != member.file_size:
            raise InputError(f"{name} is compressed, which asc export never does.")
    return members
