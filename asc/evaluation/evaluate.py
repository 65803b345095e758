"""A run's model on clips of a store: figures, predictions, pictures."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.corpus.leakage import PARTS, leakage
from asc.corpus.splits import FOLDS
from asc.errors import InputError, SettingsMismatch, StoreError, UsageError
from asc.evaluation.intervals import FEW_RECORDINGS, both_intervals
from asc.evaluation.measure import measure
from asc.evaluation.metrics import Metrics
from asc.files import write_csv, write_json
from asc.pipeline.batches import Batches
from asc.pipeline.stream import stream_batches
from asc.store import FeatureStore
from asc.text import describe_difference, unknown_name
from asc.training.run import Run
from asc.training.session import part_rows

if TYPE_CHECKING:
    import keras

#: Clips at a time.
_BATCH = 16


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes
    ----------
    metrics : Metrics
    scenes : tuple of str
    paths, recordings : list of str [length=clips]
    truth : np.ndarray [shape=(clips,)]
    probabilities : np.ndarray [shape=(clips, scenes)], float32
    """

    metrics: Metrics
    scenes: tuple[str, ...]
    paths: list[str]
    recordings: list[str]
    truth: np.ndarray
    probabilities: np.ndarray

    def title(self) -> str:
        """Return accuracy with what it must never be shown without."""
        return self.metrics.summary()

    def save(self, folder: Path) -> None:
        """Write metrics, predictions and the confusion matrix, with picture."""
        from asc import plots

        names = list(self.scenes)
        predicted = self.probabilities.argmax(axis=1)
        write_csv(
            folder / "predictions.csv",
            ["path", "recording", "scene", "predicted", *names],
            (
                [
                    self.paths[row],
                    self.recordings[row],
                    names[self.truth[row]],
                    names[predicted[row]],
                    # As many digits as tell every float32 from the next.
                    *(f"{value:.9g}" for value in self.probabilities[row]),
                ]
                for row in range(len(self.paths))
            ),
        )
        confusion = self.metrics.confusion
        write_csv(
            folder / "confusion.csv",
            ["truth", *names],
            ([name, *row] for name, row in zip(names, confusion, strict=True)),
        )
        figure = plots.confusion_figure(np.array(confusion), names, title=self.title())
        plots.save(figure, folder / "confusion.png")
        write_json(folder / "metrics.json", self.metrics.to_dict())

    @classmethod
    def load(cls, folder: Path) -> Evaluation:
        """Read back what `save` wrote, such as that of a finished run.

        Raises
        ------
        InputError
            If metrics.json or predictions.csv are missing or damaged.
        """
        try:
            metrics = Metrics.from_dict(
                json.loads((folder / "metrics.json").read_text("utf-8"))
            )
            file = folder / "predictions.csv"
            with file.open(newline="", encoding="utf-8") as lines:
                header, *rows = csv.reader(lines)
            scenes = tuple(header[4:])
            paths, recordings, truth, _ = map(list, zip(*(row[:4] for row in rows)))
            values = [row[4:] for row in rows]
            if scenes != tuple(metrics.per_scene):
                raise ValueError("the two files have different scenes")
            if metrics.clips != len(rows):
                raise ValueError(f"{len(rows)} predictions of {metrics.clips} clips")
            probabilities = np.array(values, dtype=np.float32)
            probabilities = probabilities.reshape(len(rows), len(scenes))
            # Probabilities are rounded when they are written.
            if not ((probabilities >= 0) & (probabilities <= 1 + 1e-6)).all():
                raise ValueError("a probability is not in [0, 1]")
            return cls(
                metrics,
                scenes,
                paths,
                recordings,
                np.array([scenes.index(scene) for scene in truth]),
                probabilities,
            )
        except FileNotFoundError as error:
            raise InputError(
                f"{folder} has no {Path(error.filename).name}: it was not evaluated"
                " to the end. Go on with it by asc-train --resume."
            ) from error
        except (
            OSError,
            LookupError,
            TypeError,
            ValueError,
            RecursionError,
        ) as error:
            raise InputError(
                f"The evaluation in {folder} is damaged ({type(error).__name__}:"
                f" {error}). Delete its metrics.json, and asc-train --resume evaluates"
                " the run again."
            ) from error


def pooled_intervals(
    results: Sequence[Evaluation],
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return both intervals of a mean accuracy, such as that of several seeds.

    A drawn recording brings its clips of all evaluations.
    """
    right = [one.probabilities.argmax(axis=1) == one.truth for one in results]
    recordings = [name for one in results for name in one.recordings]
    return both_intervals(np.concatenate(right), recordings)


def few_recordings(metrics: Mapping[str, Any]) -> str:
    """Return what to add to an interval that recordings are too few for."""
    count = metrics["recordings"]
    if count is None or count >= FEW_RECORDINGS or "ci95_cautious" not in metrics:
        return ""
    low, high = metrics["ci95_cautious"]
    return f", so few that {100 * low:.1f} to {100 * high:.1f} is safer to say"


def evaluate(
    run: Run | str | os.PathLike[str],
    *,
    store: FeatureStore | str | os.PathLike[str] | None = None,
    split: str | None = None,
    part: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Evaluate the best model of a run.

    Parameters
    ----------
    run : Run or path
    store : FeatureStore or path, optional
        Another store of the same spec, such as that of an evaluation set. The
        store that the run was trained on if not given.
    split : str, optional
        The run's own if not given.
    part : {'train', 'validation', 'test', 'all'}, optional
        ``test`` of the run's own store or of a split that is named, ``all`` clips
        of another store.
    progress : callable(done, total), optional
        Called with clips.

    Returns
    -------
    Evaluation
        Its leakage is the share of these clips whose recording the model was
        trained on, whatever split they come from. Of a run of all folds it is
        the pooled one, as it was saved.

    Raises
    ------
    SettingsMismatch
        If the store was made with another spec.
    UsageError
        If split or part do not exist, if the store has scenes that the model
        does not know, or if a run of all folds is asked for anything but its own
        evaluation.
    """
    if not isinstance(run, Run):
        run = Run(run)
    if run.recipe.split == FOLDS:
        if store or split or part:
            raise UsageError(
                f"{run.path} has a model for each fold. Evaluate those one by one,"
                f" such as {run.path / 'fold1'}."
            )
        return Evaluation.load(run.path)
    if store is None:
        store = run.open_store()
    elif not isinstance(store, FeatureStore):
        store = FeatureStore(store)
    if store.spec != run.spec:
        raise SettingsMismatch(
            f"{store.path} has other features than {run.path} was trained on.\n"
            + describe_difference(run.spec.to_dict(), store.spec.to_dict())
        )
    unknown = sorted(set(store.scenes) - set(run.scenes))
    if unknown:
        raise UsageError(
            f"{run.path} cannot tell scenes that it was not trained on:"
            f" {', '.join(unknown)}. It knows {', '.join(run.scenes)}."
        )
    own = run.is_own(store)
    part = part or ("test" if own or split else "all")
    if part not in (*PARTS, "all"):
        raise UsageError(unknown_name("part", part, (*PARTS, "all")))
    if split is None and not own and part != "all":
        raise UsageError(f"Say which split of {store.path} part {part} belongs to.")
    name = split or (run.recipe.split if own else "all clips")
    if part == "all":
        rows = store.finished_rows()
    elif own and name == run.recipe.split:
        rows = part_rows(store, run.recipe)[part]
    else:
        rows = store.split(name).part(part)
    if not len(rows):
        raise UsageError(f"Part {part} of split {name} has no clips.")

    model = run.load_model()
    probabilities = _probabilities(model, store, run.recipe.feature, rows, progress)
    to_run = np.array([run.scenes.index(scene) for scene in store.scenes])
    truth = to_run[store.labels()[rows]]
    all_paths, all_recordings = store.paths(), store.recordings()
    recordings = [all_recordings[row] for row in rows]
    metrics = measure(
        truth,
        probabilities,
        recordings,
        run.scenes,
        recordings_known=store.recordings_known,
        split=name,
        part=part,
        leakage=_leakage(run, store, own, recordings),
        store=store.path.name,
        **_training_facts(run, model),
    )
    return Evaluation(
        metrics,
        run.scenes,
        [all_paths[row] for row in rows],
        recordings,
        truth,
        probabilities,
    )


def _probabilities(
    model: keras.Model,
    store: FeatureStore,
    feature: str,
    rows: np.ndarray,
    progress: Callable[[int, int], None] | None,
) -> np.ndarray:
    from asc.pipeline.tensorflow import keras

    total = len(rows)
    batches = Batches.from_store(
        store, feature, rows, batch_size=_BATCH, keep_pages=False
    )

    class Teller(keras.callbacks.Callback):
        """Tells how many clips are through."""

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            if progress is not None:
                progress(min((batch + 1) * _BATCH, total), total)

    return np.asarray(
        model.predict(stream_batches(batches), verbose=0, callbacks=[Teller()])
    )


def _leakage(
    run: Run, store: FeatureStore, own: bool, recordings: list[str]
) -> float | None:
    """Return the share of clips whose recording the model was trained on."""
    try:
        trained_on = store if own else run.open_store()
    except (InputError, StoreError):
        return None  # it may be on another machine
    if not (store.recordings_known and trained_on.recordings_known):
        return None
    names = trained_on.recordings()
    trained = [names[row] for row in part_rows(trained_on, run.recipe)["train"]]
    return leakage(trained, recordings)


def _training_facts(run: Run, model: keras.Model) -> dict[str, Any]:
    from asc.models import parameter_counts

    history = run.history()
    return {
        "model": run.recipe.model,
        "feature": run.recipe.feature,
        "augment": run.recipe.augment,
        "parameters": parameter_counts(model)[0],
        "epochs": len(history),
        "seconds": round(sum(record["seconds"] for record in history), 1),
        "seed": run.recipe.seed,
    }
