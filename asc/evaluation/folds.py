"""All folds of a corpus as one result, as DCASE evaluates.

A recipe whose split is ``folds`` is trained once for each official fold, and the
predictions of all test lists are pooled. Accuracy is the share of correct predictions
among all of them (the DCASE 2017 metric); mean and standard deviation over folds and
the balanced accuracy are reported alongside it. A corpus without official folds uses
``recording1of5`` to ``recording5of5``, or ``random1of5`` to ``random5of5`` if it names
no recordings.

The official lists are pooled as they are. In TUT 2017 the clips of one recording are
tested in two folds and those of another in none; `pool` counts such clips.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np

from asc.corpus.leakage import pooled_leakage
from asc.corpus.splits import FOLDS, OFFICIAL_FOLD
from asc.errors import InputError
from asc.evaluation.alternatives import with_shifts, with_temperature
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.measure import GroupColumn, leakage_facts, measure
from asc.evaluation.metrics import FoldMetrics, Metrics
from asc.evaluation.temperature import FittedTemperature, apply_temperature
from asc.store import FeatureStore
from asc.text import some_of
from asc.training.run import Run


def fold_names(store: FeatureStore) -> tuple[str, ...]:
    """Return the splits that are the folds of a store, in order."""
    official = [name for name in store.splits if OFFICIAL_FOLD.fullmatch(name)]
    if official:
        return tuple(sorted(official, key=lambda name: int(name[4:])))
    unit = "recording" if store.recordings_known else "random"
    return tuple(f"{unit}{number}of5" for number in range(1, 6))


def fold_runs(run: Run, store: FeatureStore | None) -> dict[str, Run]:
    """Return the runs of the folds of a run by the names of their splits, in order.

    Parameters
    ----------
    run : Run
    store : FeatureStore, optional
        The one that it was trained on, to know which folds there are. If it is not
        given, all folds that are finished.

    Raises
    ------
    InputError
        If a fold is not finished.
    """
    own = {
        name: fold
        for name, fold in run.folds().items()
        if fold.recipe == replace(run.recipe, split=name) and fold.is_finished()
    }
    names = sorted(own, key=lambda name: (len(name), name))
    if store is not None:
        names = list(fold_names(store))
    missing = [name for name in names if name not in own]
    if missing or not names:
        raise InputError(
            f"{run.path} is not finished: it has no result of"
            f" {some_of(missing) or 'any fold'}. Resume it with --resume."
        )
    return {name: own[name] for name in names}


def pool(folds: Mapping[str, Evaluation], store: FeatureStore) -> Evaluation:
    """Return the evaluations of all folds as one.

    Parameters
    ----------
    folds : mapping of str to Evaluation
        By the name of the split, in the order in which rows are joined.
    store : FeatureStore
        To count the clips that no fold tests.

    Returns
    -------
    Evaluation
        Its metrics are those of the pooled predictions, a clip counting as often
        as it is tested. Besides, ``folds`` holds accuracy, class_accuracy,
        clips, leakage, epochs and seconds of each fold, ``accuracy_mean`` and
        ``accuracy_deviation`` are over folds (deviation with n - 1; None for a
        single fold), ``tested_again`` and ``never_tested`` count clips, and
        ``temperature`` is that of the folds, each on its own clips at its own one.
        Leakage is the share of all pooled clips.

    Raises
    ------
    InputError
        If the folds are not of one kind: other scenes or another model.
    """
    results = list(folds.values())
    first = results[0]
    same = ("model", "feature", "augment", "seed", "part")
    for name, result in folds.items():
        if result.scenes != first.scenes or any(
            getattr(result.metrics, field) != getattr(first.metrics, field)
            for field in same
        ):
            raise InputError(f"Fold {name} is not of the same training as the others.")
    truth = np.concatenate([result.truth for result in results])
    probabilities = np.concatenate([result.probabilities for result in results])
    paths = [path for result in results for path in result.paths]
    recordings = [name for result in results for name in result.recordings]
    each = {name: _of_fold(result.metrics) for name, result in folds.items()}
    accuracies = [fold.accuracy for fold in each.values()]
    columns = _pooled_columns(results)
    times = Counter(paths)
    metrics = measure(
        truth,
        probabilities,
        recordings,
        first.scenes,
        named=np.concatenate([result.named for result in results]),
        groups=columns,
        split=FOLDS,
        **leakage_facts(
            pooled_leakage(
                [result.metrics.known_leakage for result in results],
                [len(result.paths) for result in results],
            )
        ),
        store=first.metrics.store,
        **{field: getattr(first.metrics, field) for field in same},
        parameters=first.metrics.parameters,
        epochs=sum(fold.epochs for fold in each.values()),
        seconds=round(sum(fold.seconds for fold in each.values()), 1),
        folds=each,
        accuracy_mean=np.mean(accuracies),
        accuracy_deviation=(
            np.std(accuracies, ddof=1) if len(accuracies) > 1 else None
        ),
        tested_again=len(paths) - len(times),
        never_tested=len(set(store.paths()) - set(times)),
    )
    pooled = Evaluation(
        metrics,
        first.scenes,
        paths,
        recordings,
        truth,
        probabilities,
        groups={name: column.values for name, column in columns.items()},
    )
    pooled = with_temperature(pooled, *_calibrated(results))
    shifts = {result.metrics.tta and result.metrics.tta.shifts for result in results}
    averaged = [result.averaged for result in results if result.averaged is not None]
    if len(averaged) < len(results) or len(shifts) > 1:
        return pooled
    together = np.concatenate([result.probabilities for result in averaged])
    return with_shifts(pooled, together, shifts.pop() or 1)


def _pooled_columns(results: Sequence[Evaluation]) -> dict[str, GroupColumn]:
    """Return the groups that all evaluations have, with the clips of all of them."""
    columns = [result.columns for result in results]
    return {
        name: GroupColumn(
            [value for each in columns for value in each[name].values],
            np.concatenate([each[name].seen for each in columns]),
        )
        for name in columns[0]
        if all(name in each for each in columns)
    }


def _calibrated(
    results: Sequence[Evaluation],
) -> tuple[FittedTemperature | None, np.ndarray | None]:
    """Return the mean temperature of folds, and the probabilities at each one's own."""
    found = [result.metrics.temperature for result in results]
    known = [temperature for temperature in found if temperature is not None]
    if len(known) < len(found):
        return None, None
    mean = float(np.exp(np.mean([np.log(temperature.value) for temperature in known])))
    calibrated = [
        apply_temperature(result.probabilities, temperature.value)
        for result, temperature in zip(results, known, strict=True)
    ]
    clips = sum(temperature.clips for temperature in known)
    return FittedTemperature(mean, clips), np.concatenate(calibrated)


def _of_fold(metrics: Metrics) -> FoldMetrics:
    kept = {each.name: getattr(metrics, each.name) for each in fields(FoldMetrics)}
    if metrics.temperature is not None:
        kept["temperature"] = metrics.temperature.value
    return FoldMetrics(**kept)
