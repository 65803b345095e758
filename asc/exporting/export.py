"""From a run to a model for other programs, compared with the run's own."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.disk import check_writable, writing_to
from asc.environment import cache_dir
from asc.errors import AscError, InputError, UsageError
from asc.evaluation.metrics import Metrics
from asc.exporting.card import model_card
from asc.exporting.exported import Exported
from asc.exporting.format import FORMATS, ExportFormat
from asc.exporting.parity import Clips, check_parity
from asc.exporting.record import model_record, public_recipe, runner_files
from asc.files import new_folder, read_bytes, replacing, write_json, write_text
from asc.kinds import BUNDLE_RECORD
from asc.models import multiply_adds, parameter_counts
from asc.prediction.ensemble import Ensemble
from asc.store import FeatureStore
from asc.text import printable
from asc.training.bundle import MEMBERS, load_run
from asc.training.run import Run
from asc.validation import check_flag, check_number, check_path, check_text

if TYPE_CHECKING:
    import keras

#: The format that becomes a zip file, in place of a folder.
BUNDLE = "bundle"


def export(
    run: Run | str | os.PathLike[str],
    to: str,
    output: str | os.PathLike[str] | None = None,
    *,
    store: FeatureStore | str | os.PathLike[str] | None = None,
    with_runner: bool = False,
    license: str = "",
    check: bool = True,
    max_difference: float | None = None,
    min_agreement: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """Export the best model of a run.

    Beside the model are ``asc-model.json`` (scenes, the whole feature spec, where it is
    from), ``labels.txt`` and ``README.md``, a model card. All forms take what the store
    holds, as 32-bit floats, and give probabilities; normalisation is in the model. Of a
    run of all folds, the model averages theirs. A model that was trained in mixed
    precision is exported, and compared, in 32-bit floats.

    Parameters
    ----------
    run : Run or path
        A run folder or a bundle.
    to : str
        Name of a format: ``keras``, ``savedmodel``, ``litert``, ``litert-int8``,
        ``onnx``, ``torch``, ``bundle``, or a registered one.
    output : path, optional
        A new folder, or the new zip file of a bundle. By default a name in
        ``cache/exports``. Nothing is ever overwritten.
    store : FeatureStore or path, optional
        The store of the run, if it is no longer where it was.
    with_runner : bool
        Also write a program that classifies audio files without TensorFlow and asc.
    license : str
        Licence of the weights for the model card, such as ``cc-by-nc-4.0``.
    check : bool
        Compare the exported model with the run's on at most 500 test clips.
    max_difference : float in [0, 1], optional
        Largest difference of a probability that is accepted; the format's own if not
        given: 0.001, or any if it quantises.
    min_agreement : float in [0, 1], optional
        Smallest share of clips with the same most probable scene that is accepted; the
        format's own if not given: 0.99, or 0.9 if it quantises.
    progress : callable(done, total), optional
        Called with clips.

    Returns
    -------
    Exported

    Raises
    ------
    UsageError
        For an unknown format, a place that is taken, and a model or feature that the
        format cannot have.
    InputError
        If the run or its store cannot be used, if a converter is not installed or
        fails, or if the exported model differs too much.

    Examples
    --------
    >>> found = asc.export("run", "keras", "exported", store="store.h5")
    >>> found.files, found.parity.agreement
    (('README.md', 'asc-model.json', 'labels.txt', 'model.keras'), 1.0)
    """
    export_format = FORMATS.get(check_text("to", to))()
    check_flag("with_runner", with_runner)
    check_flag("check", check)
    check_text("license", license)
    limits = {"max_difference": max_difference, "min_agreement": min_agreement}
    for name, limit in limits.items():
        if limit is not None:
            check_number(name, limit, 0, 1)
    run = load_run(run)
    path = _new_path(run, export_format, output)
    export_format.check_installed()
    files = runner_files(run, export_format) if with_runner else {}
    opened = None
    if check or export_format.calibrated:
        opened = run.open_store(store)
    ensemble = Ensemble.load(run)
    model = _prepared(ensemble.model)
    record = model_record(run, model, export_format, license)
    counts = parameter_counts(model)[0], multiply_adds(model)
    calibration = np.empty((0, *model.input_shape[1:]), np.float32)
    if opened is not None and export_format.calibrated:
        calibration = Clips.trained(run, opened).features()
    parity = latency = None
    with writing_to(path), _new_place(path, export_format) as folder:
        file = folder / export_format.file
        if opened is None or not check:
            _convert(export_format, model, file, calibration)
        else:
            clips = Clips.tested(run, opened)
            before = clips.probabilities(model.predict_on_batch, progress)
            _convert(export_format, model, file, calibration)
            exported = _loaded(export_format, file)
            parity = clips.parity(before, clips.probabilities(exported))
            check_parity(parity, export_format, **limits)
            latency = clips.latency(exported)
            record["parity"] = parity.to_dict()
        _write_beside(run, export_format, folder, record, files)
        names = tuple(sorted(entry.name for entry in folder.iterdir()))
        size = _size(file)
    return Exported(
        path,
        export_format.name,
        names,
        size,
        *counts,
        counts[0] * export_format.parameter_bytes,
        parity,
        latency,
        ensemble.notes,
    )


def _new_path(
    run: Run, export_format: ExportFormat, output: str | os.PathLike[str] | None
) -> Path:
    """Return where the export will be, if nothing is there yet."""
    if output is None:
        name, ending = run.path.resolve().name, f"-{export_format.name}"
        if export_format.name == BUNDLE:
            name, ending = name.removesuffix(".zip"), ".zip"
        path = cache_dir() / "exports" / f"{name}{ending}"
    else:
        path = check_path("output", output)
    if os.path.lexists(path):
        raise UsageError(
            f"{printable(str(path))} exists already. Name a new one with -o."
        )
    check_writable(path)
    return path


def _prepared(model: keras.Model) -> keras.Model:
    """Return a model as converters take it."""
    import keras

    if any(layer.compute_dtype != "float32" for layer in model._flatten_layers()):
        text = model.to_json()
        for policy in ("mixed_float16", "mixed_bfloat16"):
            text = text.replace(f'"{policy}"', '"float32"')
        weights = model.get_weights()
        model = keras.models.model_from_json(text)
        model.set_weights(weights)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            # As tensors they would become inputs of an ONNX graph.
            layer.mean, layer.variance = map(np.asarray, (layer.mean, layer.variance))
    return model


def _convert(
    export_format: ExportFormat,
    model: keras.Model,
    file: Path,
    calibration: np.ndarray,
) -> None:
    from asc.models.safety import first_line
    from asc.pipeline.tensorflow import quiet

    try:
        with quiet():
            export_format.write(model, file, calibration)
    except (AscError, OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - of any converter
        raise InputError(
            f"The model cannot be converted to {export_format.name}:"
            f" {first_line(error)}. Use another format."
        ) from error


def _loaded(
    export_format: ExportFormat, file: Path
) -> Callable[[np.ndarray], np.ndarray]:
    from asc.models.safety import first_line
    from asc.pipeline.tensorflow import quiet

    try:
        with quiet():
            return export_format.load(file)
    except (AscError, OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - of any runtime
        raise InputError(
            f"The model cannot be loaded as {export_format.name}: {first_line(error)}."
            " Use another format."
        ) from error


@contextmanager
def _new_place(path: Path, export_format: ExportFormat) -> Iterator[Path]:
    """Yield a folder to fill; it, or the zip file of it, is there after the block."""
    if export_format.name != BUNDLE:
        with new_folder(path) as folder:
            yield folder
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".asc-", dir=path.parent) as inner:
        yield Path(inner)
        with replacing(path) as tmp_path:
            _zip(Path(inner), tmp_path)


def _zip(folder: Path, path: Path) -> None:
    """Write a bundle: the same bytes for the same files."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in MEMBERS:
            file = folder / name
            if not file.is_file():
                continue
            member = zipfile.ZipInfo(name)  # of 1980
            if name != "model.keras":  # weights cannot be compressed
                member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            with open(file, "rb") as source, archive.open(member, "w") as target:
                while block := source.read(1 << 20):
                    target.write(block)


def _write_beside(
    run: Run,
    export_format: ExportFormat,
    folder: Path,
    record: dict[str, Any],
    runner: Mapping[str, bytes],
) -> None:
    """Write what describes the model, and the runner if there is one."""
    metrics = Metrics.of_run(run) if run.is_finished() else None
    name = run.path.resolve().name.removesuffix(".zip")
    card = model_card(name, run, record, metrics, export_format, runner=bool(runner))
    write_json(folder / BUNDLE_RECORD, record)
    write_text(folder / "labels.txt", "".join(f"{scene}\n" for scene in run.scenes))
    write_text(folder / "README.md", card)
    for file, data in runner.items():
        (folder / file).write_bytes(data)
    if export_format.name == BUNDLE:
        write_json(folder / "recipe.json", public_recipe(run))
        for file in ("metrics.json", "history.csv"):
            if (run.folder / file).is_file():
                data = read_bytes(
                    run.folder / file, limit=MEMBERS[file], root=run.folder
                )
                (folder / file).write_bytes(data)


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
