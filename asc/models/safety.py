"""Model files of others: what they may contain, and how much memory they may ask for.

A ``.keras`` file is a zip archive of a description of the layers (``config.json``) and
their weights in HDF5. Both are checked before Keras sees them: the classes by name, the
size of everything by building the model without memory for its weights.
"""

from __future__ import annotations

import io
import json
import os
import threading
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from asc.errors import AscError, InputError
from asc.files import open_regular
from asc.pipeline.tensorflow import keras, tf
from asc.registry import missing_modules
from asc.store.safety import check_weights
from asc.text import megabytes, printable

#: Bytes of weights that a model may have: 500 million in single precision.
MAX_WEIGHTS = 2 * 10**9
#: Bytes that a model may compute for one clip: so many times its input, but at least
#: and at most these. ResNet50 computes 800 times its input.
_TIMES_INPUT = 4000
_LEAST_COMPUTED, _MAX_COMPUTED = 128 * 10**6, 4 * 10**9
#: The state of a training has the weights three times, with Adam.
_MAX_FILE = 4 * MAX_WEIGHTS
_MAX_CONFIG = 16 * 10**6
_MAX_DEPTH = 200
#: Numbers hardly shrink when they are compressed.
_MAX_EXPANSION = 20
#: Seconds to build a model. A layer may be unrolled without end.
_PATIENCE = 120

_CONFIG, _WEIGHTS, _METADATA = "config.json", "model.weights.h5", "metadata.json"
#: Base classes of what a model consists of, in Keras' public name space.
_BASES = (
    *("Operation", "DTypePolicy", "initializers.Initializer", "losses.Loss"),
    *("regularizers.Regularizer", "constraints.Constraint", "metrics.Metric"),
    *("optimizers.Optimizer", "optimizers.schedules.LearningRateSchedule"),
    "random.SeedGenerator",
)
#: Layers that run code, or read other files, that the file names.
_REFUSED = (
    *("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"),
    *("StringLookup", "IntegerLookup", "TextVectorization"),
)
#: Modules of Keras whose functions a layer, a loss or a metric may use.
_FUNCTIONS = ("builtins", "keras.activations", "keras.losses", "keras.metrics")
_PLAIN_TYPES = ("float16", "float32", "float64", "int32", "int64", "bool", "bfloat16")


def load_model(
    path: Path,
    *,
    root: Path | None = None,
    compile: bool = False,
    modules: Sequence[str] = (),
) -> keras.Model:
    """Load an untrusted ``.keras`` file.

    Parameters
    ----------
    path : Path
    root : Path, optional
        See `asc.files.open_regular`.
    compile : bool
        With its optimizer.
    modules : sequence of str
        Names of modules that its layers may be from, for the message.

    Raises
    ------
    MissingInputError
        If it is not there.
    InputError
        If it is damaged, has more than layers of Keras and of imported modules, or asks
        for too much memory.
    """
    name = printable(str(path))
    with open_regular(path, root=root) as file:
        try:
            _check_file(file, modules)
            with warnings.catch_warnings():
                # Keras would leave what it skips at its initial values.
                warnings.filterwarnings("error", "Skipping ")
                return keras.saving.load_model(path, compile=compile, safe_mode=True)
        except AscError as error:
            raise InputError(f"{name} cannot be loaded: {error}") from error
        except Exception as error:  # noqa: BLE001 - damage ends in any of them
            raise InputError(
                f"{name} cannot be loaded ({first_line(error)}). Expected a file saved"
                " by Keras."
            ) from error


def check_weights_file(path: Path) -> None:
    """Check an HDF5 file of weights before Keras reads it.

    Raises
    ------
    InputError
        If it has more than plain arrays, such as links to other files, or is too large.
    """
    name = printable(str(path))
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            _check_size(size, _on_disk(file))
            check_weights(file, _MAX_FILE)
        except AscError as error:
            raise InputError(f"{name} cannot be read: {error}") from error
        except Exception as error:  # noqa: BLE001 - of HDF5
            raise InputError(
                f"{name} cannot be read ({first_line(error)}). Expected a file saved by"
                " Keras."
            ) from error


def first_line(error: BaseException) -> str:
    """Return the start of Keras' message, which may run over many lines."""
    lines = str(error).strip().splitlines() or [""]
    text = printable(lines[0].rstrip(".")[:200])
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"


def _check_file(file: BinaryIO, modules: Sequence[str]) -> None:
    # The list of its members is read whole, and may be as large as the file.
    size = os.fstat(file.fileno()).st_size
    _check_size(size, _on_disk(file))
    if size > _MAX_FILE + _MAX_CONFIG:
        raise InputError(f"it is too large. Got {megabytes(size)}.")
    archive = zipfile.ZipFile(file)
    members = {member.filename: member for member in archive.infolist()}
    if not {_CONFIG, _WEIGHTS} <= members.keys() or members.keys() - {
        *(_CONFIG, _WEIGHTS, _METADATA)
    }:
        found = ", ".join(map(printable, list(members)[:10])) or "nothing"
        raise InputError(f"Got {found}; expected {_CONFIG} and {_WEIGHTS}.")
    weights = members[_WEIGHTS]
    for member, most in ((members[_CONFIG], _MAX_CONFIG), (weights, _MAX_FILE)):
        if member.file_size > most:
            raise InputError(
                f"{member.filename} has {megabytes(member.file_size)}, expected at most"
                f" {megabytes(most)}."
            )
    _check_size(weights.file_size, min(weights.compress_size, _on_disk(file)))
    config = json.loads(archive.read(_CONFIG))
    own_layers = _check_config(config, modules)
    check_weights(_member(file, archive, weights), _MAX_FILE)
    try:
        _check_memory(config, weights.file_size)
    except AscError:
        raise
    except Exception:
        # Layers of the user need not be able to do without memory.
        if not own_layers:
            raise


def _on_disk(file: BinaryIO) -> int:
    """Return the bytes of a file on the disk: a sparse file has few."""
    return os.fstat(file.fileno()).st_blocks * 512


def _check_size(size: int, on_disk: int) -> None:
    if size > max(10**6, _MAX_EXPANSION * on_disk):
        raise InputError(
            f"{megabytes(size)} of it are {megabytes(on_disk)} on the disk. Weights"
            " cannot be compressed so far."
        )


class _Part(io.RawIOBase):
    """A part of a file as a file of its own."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        count = max(0, min(len(buffer), self._size - self._at))
        data = os.pread(self._file.fileno(), count, self._start + self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _member(
    file: BinaryIO, archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> BinaryIO:
    """Return a member to read at any place; it is not read, as Keras stores it."""
    if member.compress_type != zipfile.ZIP_STORED:
        return io.BytesIO(archive.read(member))
    with archive.open(member):  # checks its header
        lengths = os.pread(file.fileno(), 4, member.header_offset + 26)
    name, extra = (int.from_bytes(lengths[at : at + 2], "little") for at in (0, 2))
    start = member.header_offset + 30 + name + extra
    return _Part(file, start, member.file_size)  # type: ignore[return-value]


def _check_config(config: Any, modules: Sequence[str]) -> bool:
    """Check the name of every class and function in the description of a model.

    Returns
    -------
    bool
        Whether some are from imported modules of the user.
    """
    if not isinstance(config, dict) or "class_name" not in config:
        raise InputError(f"{_CONFIG} does not describe a model.")
    found = [each for each in _dicts(config) if {"class_name", "config"} <= each.keys()]
    return any([_check_class(each, modules) for each in found])


def _dicts(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in JSON; not by recursion, which has an end."""
    waiting = [(config, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise InputError(f"{_CONFIG} is nested more than {_MAX_DEPTH} levels deep.")
        if isinstance(value, dict):
            yield value
            waiting += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]


def _check_class(each: dict[str, Any], modules: Sequence[str]) -> bool:
    """Check one class or function; return True if it is not Keras' own."""
    name, module, inner = each["class_name"], each.get("module"), each["config"]
    known = keras.saving.get_custom_objects()
    names = (each.get("registered_name", name), inner if name == "function" else None)
    if any(isinstance(one, str) and one in known for one in names):
        return True  # an imported module has registered it
    if name in ("__tensor__", "__numpy__"):
        allowed = isinstance(inner, dict) and inner.get("dtype") in _PLAIN_TYPES
    elif name in ("__keras_tensor__", "__slice__", "__ellipsis__", "__bytes__"):
        allowed = True
    elif name == "function":
        allowed = module in _FUNCTIONS and isinstance(inner, str)
    else:
        allowed = _is_of_keras(module, name)
    if not allowed:
        refused = inner if name == "function" else name
        text = f"{printable(str(refused)[:80])} of {printable(str(module)[:80])}"
        sentence = missing_modules(modules)
        raise InputError(
            f"it has {text}. Expected layers of Keras that run no code of the file, and"
            " those of modules that you name with --import."
            + (f" {sentence}" if sentence else "")
        )
    return False


def _is_of_keras(module: Any, name: Any) -> bool:
    """Return True for a class of Keras that a model may have."""
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    top, *rest = module.split(".")
    place: Any = keras
    for part in rest:
        place = vars(place).get(part)
        if not isinstance(place, ModuleType):
            return False
    found = vars(place).get(name) if top == "keras" else None
    refused = tuple(
        getattr(keras.layers, one) for one in _REFUSED if hasattr(keras.layers, one)
    )
    return (
        isinstance(found, type)
        and issubclass(
            found, tuple(reduce(getattr, b.split("."), keras) for b in _BASES)
        )
        and not issubclass(found, refused)
    )


def _check_memory(config: dict[str, Any], weights: int) -> None:
    """Build a model without memory for its weights, to learn what it would take.

    Parameters
    ----------
    config : dict
    weights : int
        Bytes that the file has for them.
    """
    failures: list[BaseException] = []

    def measure() -> None:
        try:
            _measure(json.loads(json.dumps(config)), weights)
        except BaseException as error:  # noqa: BLE001 - raised by the other thread
            failures.append(error)

    # Keras keeps variables without a value, and would give them one later. It keeps
    # them for each thread, so they end with this one.
    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if thread.is_alive():
        raise InputError(f"the model takes more than {_PATIENCE} s to build.")
    if failures:
        raise failures[0]


def _measure(config: dict[str, Any], weights: int) -> None:
    config["compile_config"] = None
    # In a graph nothing is computed, and without a state nothing is allocated.
    with tf.Graph().as_default() as graph:
        with keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(config, safe_mode=True)
        if not isinstance(model, keras.Model):
            raise InputError(f"{_CONFIG} does not describe a model.")
        variables = model.variables
        needed = sum(_bytes(value.shape, value.dtype) for value in variables)
        if needed > min(MAX_WEIGHTS, weights):
            raise InputError(
                f"it describes weights of {megabytes(needed)}, and holds"
                f" {megabytes(weights)}. Expected at most {megabytes(MAX_WEIGHTS)}."
            )
        values = [(v, tf.compat.v1.placeholder(v.dtype, v.shape)) for v in variables]
        inputs = [
            tf.compat.v1.placeholder(x.dtype, (1, *x.shape[1:])) for x in model.inputs
        ]
        given = sum(_bytes(x.shape, x.dtype) for x in inputs)
        before = len(graph.get_operations())
        with keras.StatelessScope(values, initialize_variables=False):
            model(inputs[0] if len(inputs) == 1 else inputs, training=False)
        computed = sum(
            _bytes(output.shape, output.dtype)
            for operation in graph.get_operations()[before:]
            for output in operation.outputs
        )
    most = min(max(_TIMES_INPUT * given, _LEAST_COMPUTED), _MAX_COMPUTED)
    if computed > most:
        raise InputError(
            f"it computes {megabytes(computed)} for one clip. Expected at most"
            f" {megabytes(most)} for its input of {megabytes(given)}."
        )


def _bytes(shape: Any, dtype: Any) -> int:
    """Return the bytes of a tensor; unknown sizes count as 1."""
    dimensions = tf.TensorShape(shape)
    if dimensions.rank is None:
        return 0
    sizes = [1 if size is None else int(size) for size in dimensions.as_list()]
    return reduce(int.__mul__, sizes, int(tf.as_dtype(dtype).size or 0))
