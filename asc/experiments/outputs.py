"""The pictures and the evaluation that a training leaves in its run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asc import plots
from asc.evaluation.evaluate import evaluate_session
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.sentences import alternative_sentences
from asc.training.session import Session


def write_results(session: Session) -> Evaluation:
    """Evaluate a trained session once and write everything that follows from it."""
    run = session.run
    run.check_unchanged(session.store)
    if session.is_chief:
        draw_training(session)
    evaluation = evaluate_session(session, session.tested_part)
    run.check_unchanged(session.store)  # also while it was evaluated
    if session.is_chief:
        save_evaluation(evaluation, run.path)
        for sentence in (
            evaluation.title(),
            *alternative_sentences(evaluation.metrics),
        ):
            run.log(sentence)
    return evaluation


def save_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write an evaluation, with the picture of its confusion matrix.

    The picture comes first: a run with its metrics.json is finished.
    """
    confusion = np.array(evaluation.metrics.confusion)
    figure = plots.confusion_figure(
        confusion, evaluation.scenes, title=evaluation.title()
    )
    plots.save(figure, folder / "confusion.png", dpi=plots.FINE_DPI)
    evaluation.save(folder)


def draw_training(session: Session) -> None:
    """Draw the curves of a training and its first batch."""
    run, recipe = session.run, session.run.recipe
    history = run.history()
    best = max if recipe.monitor.endswith("accuracy") else min
    figure = plots.curves_figure(
        {name: [record[name] for record in history] for name in history[0]},
        best_epoch=int(best(history, key=lambda x: x[recipe.monitor])["epoch"]),
        title=session.summary(),
        augmented=recipe.augment != "none",
        levels={} if session.chance is None else {"chance": session.chance},
    )
    plots.save(figure, run.path / "curves.png", dpi=plots.FINE_DPI)
    features, labels, _ = session.training_batches()(epoch=0, index=0)
    drawing = session.store.drawing(recipe.feature)
    values = session.store.decode(recipe.feature, features)[..., 0]
    figure = plots.batch_sheet(
        [plots.Panel(each, drawing, run.spec.seconds) for each in values],
        labels,
        run.scenes,
        title=f"First batch, augmentation {recipe.augment}",
    )
    plots.save(figure, run.path / "batch.png", dpi=plots.FINE_DPI)
