"""The model of a run, or those of its folds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asc.errors import InputError, MissingInputError
from asc.evaluation.inference import time_shifts
from asc.evaluation.rows import open_session
from asc.evaluation.temperature import apply_temperature, run_temperature
from asc.text import counted, printable
from asc.training.run import Run

if TYPE_CHECKING:
    import keras

#: Most folds of a training: each model takes memory.
_MOST_FOLDS = 50


class Ensemble:
    """Models whose probabilities are averaged: one, or one for each fold.

    Averaging over the models of a cross-validation is what nnU-Net does by default.

    Attributes
    ----------
    scenes : tuple of str
    notes : tuple of str
        Sentences for the user.
    model : keras.Model
        Gives the averaged probabilities.

    References
    ----------
    Isensee et al. "nnU-Net: a self-configuring method for deep learning-based
    biomedical image segmentation." Nature Methods 18, 2021.
    """

    def __init__(
        self,
        model: keras.Model,
        scenes: tuple[str, ...],
        notes: Sequence[str] = (),
        *,
        tta: int = 1,
        temperature: float | None = None,
    ) -> None:
        self.scenes = scenes
        self.notes = tuple(notes)
        self.model = model
        self._shifts = time_shifts(tta, model.input_shape[2])
        self._temperature = temperature

    @classmethod
    def load(cls, run: Run, *, tta: int = 1, calibrated: bool = False) -> Ensemble:
        """Load the models of a run.

        Parameters
        ----------
        run : Run
        tta : int
            Number of time shifts to average.
        calibrated : bool
            Return probabilities at the temperature of the run; that of all folds is the
            geometric mean, on the mean of their probabilities.

        Raises
        ------
        InputError
            If there is none, or if one cannot be loaded or does not fit the run, or if
            it has no temperature.
        """
        temperature, notes = None, []
        if calibrated:
            temperature = _temperature(run)
            notes = [f"probabilities are at the temperature {temperature:.2f}."]
        options: dict[str, Any] = {"tta": tta, "temperature": temperature}
        if not run.has_folds:
            return cls(run.load_model(), run.scenes, notes, **options)
        folds = _trained_folds(run)
        name, count = printable(str(run.path)), len(folds)
        notes.append(
            f"{name}: the probabilities of {count} models are averaged, one a fold."
        )
        if not run.is_finished():
            notes.append(
                f"{name}: its training is not finished,"
                f" {counted(count, 'fold has', 'folds have')} a model so far."
            )
        model = _averaged([fold.load_model() for fold in folds])
        return cls(model, run.scenes, notes, **options)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities [shape=(n, scenes)] for features of n windows."""
        found = [
            self.model.predict_on_batch(np.roll(features, shift, axis=2))
            for shift in self._shifts
        ]
        mean = np.mean(found, axis=0) if len(found) > 1 else np.asarray(found[0])
        if self._temperature is None:
            return mean
        return apply_temperature(mean, self._temperature).astype(np.float32)


def _temperature(run: Run) -> float:
    """Return the temperature of a run, or the geometric mean of those of its folds."""
    runs = _trained_folds(run) if run.has_folds else [run]
    values = []
    for each in runs:
        # Opening the store takes time, and is of no use where the run has one.
        found = run_temperature(each, None)
        found = found or run_temperature(each, open_session(each))
        if found is None:
            raise InputError(
                f"{each.path} has no temperature to calibrate with: it has no"
                " validation part, or it is of an earlier version and its store is not"
                " there. Predict without --calibrated."
            )
        values.append(found.value)
    return float(np.exp(np.mean(np.log(values))))


def _averaged(models: Sequence[keras.Model]) -> keras.Model:
    """Return one model that gives the mean of several."""
    if len(models) == 1:
        return models[0]
    from asc.pipeline.tensorflow import keras

    inputs = keras.Input(models[0].input_shape[1:])
    for number, model in enumerate(models):
        model.name = f"model{number}"  # names of layers differ
    outputs = [model(inputs, training=False) for model in models]
    return keras.Model(inputs, keras.layers.Average()(outputs))


def _trained_folds(run: Run) -> list[Run]:
    """Return the runs of the folds that have a model, by number."""
    with os.scandir(run.path) as entries:
        names = [
            entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False)
            and Path(entry.path, "recipe.json").is_file()
            and Path(entry.path, "model.keras").is_file()
        ]
    if not names:
        raise MissingInputError(
            f"{run.path} has no model: no epoch of any fold was finished."
        )
    if len(names) > _MOST_FOLDS:
        raise InputError(
            f"{run.path} has too many folds. Got {len(names):,}, expected at most"
            f" {_MOST_FOLDS}. Name one of them, such as {run.path / min(names)}."
        )
    folds = [Run(run.path / name) for name in sorted(names, key=_by_number)]
    for fold in folds:
        same = fold.spec == run.spec and fold.scenes == run.scenes
        if not same or fold.recipe.feature != run.recipe.feature:
            raise InputError(
                f"{fold.path} is not a fold of {run.path}: its scenes or features"
                " differ."
            )
    return folds


def _by_number(name: str) -> tuple[int, str]:
    return len(name), name
