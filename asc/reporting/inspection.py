"""What the model of a run makes of its clips: a map of embeddings, and Grad-CAM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from asc import plots
from asc.errors import AscError
from asc.evaluation.evaluation import Evaluation
from asc.reporting.entries import ReportEntry, private_message
from asc.reporting.media import Media
from asc.training.session import Session

if TYPE_CHECKING:
    import keras

#: Clips of a map, at most, and multiplications of the model for all of them: some ten
#: seconds of two processors.
_MAX_CLIPS, _MAX_MULTIPLY_ADDS = 800, 5 * 10**11
_MIN_CLIPS = 40

#: A clip of an evaluation, and the scene whose score is explained.
Question = tuple[int, int]


@dataclass(frozen=True)
class ModelViews:
    """What a page shows of a model.

    Attributes
    ----------
    embedding : dict, optional
        ``figure``, ``method``, ``clips`` (number of those in it), ``of`` (of all that
        were tested), ``fold``, ``recordings`` (whether they are known) and
        ``neighbours`` (see `neighbour_agreement`).
    maps : mapping of (clip, scene) to np.ndarray
        Grad-CAM of clips of the evaluation.
    missing : str
        What is not there, and why.
    """

    embedding: dict[str, Any] | None = None
    maps: Mapping[Question, np.ndarray] = field(default_factory=dict)
    missing: str = ""


def inspect_models(
    entry: ReportEntry,
    evaluation: Evaluation,
    questions: Sequence[Question],
    media: Media,
    note: Callable[[str], object],
) -> ModelViews:
    """Run the models of an entry on clips that they were tested on.

    Of a run of folds, the map is that of the first fold, since embeddings of two models
    cannot be compared; Grad-CAM is of the model that the clip was tested with.

    Parameters
    ----------
    entry : ReportEntry
    evaluation : Evaluation
    questions : sequence of (int, int)
    media : Media
    note : callable
        Takes a sentence on what is waited for.

    Returns
    -------
    ModelViews
        Empty without the store.
    """
    rows = entry.rows()
    if rows is None or not entry.sessions:
        return ModelViews()
    sessions = {
        fold: session
        for fold, session in entry.sessions.items()
        if (session.run.folder / "model.keras").is_file()
    }
    if not sessions:
        return ModelViews(
            missing="No map of embeddings and no Grad-CAM: there is no model.keras."
        )
    note(
        f"running the model of {entry.name} for a map of embeddings and Grad-CAM."
        " --no-inspect leaves them out."
    )
    try:
        return _inspect(entry, evaluation, sessions, rows, questions, media)
    except AscError as error:
        message = str(error)
        for session in sessions.values():
            message = private_message(message, session.run.path, entry.name)
            store = session.store.path
            message = private_message(message, store, store.name)
        return ModelViews(missing=f"No map of embeddings and no Grad-CAM: {message}")


def _inspect(
    entry: ReportEntry,
    evaluation: Evaluation,
    sessions: Mapping[str, Session],
    rows: Sequence[int],
    questions: Sequence[Question],
    media: Media,
) -> ModelViews:
    from asc.evaluation.grad_cam import GradCam

    fold_of = _fold_of_clips(sessions, rows)
    embedding: dict[str, Any] | None = None
    maps: dict[Question, np.ndarray] = {}
    missing = ""
    for number, (fold, session) in enumerate(sessions.items()):
        own = [each for each in questions if fold_of.get(each[0]) == fold]
        if number and not own:
            continue
        model = session.run.load_model()
        if not number:
            clips = np.array([clip for clip, name in fold_of.items() if name == fold])
            drawn = clips[_spread(model, evaluation, clips)]
            drawn_map = _map(entry, evaluation, session, model, drawn, rows, media)
            embedding = drawn_map | {"fold": fold, "of": len(clips)}
        explained = GradCam(model)
        if explained.shape is None:
            missing = "No Grad-CAM: no convolution of the model keeps rows or columns."
        elif own:
            features = session.store.features(session.run.recipe.feature)
            found = explained.maps(
                np.stack([features[rows[clip]] for clip, _ in own]),
                np.array([scene for _, scene in own]),
            )
            maps |= dict(zip(own, found, strict=True))
    return ModelViews(embedding, maps, missing)


def _fold_of_clips(
    sessions: Mapping[str, Session], rows: Sequence[int]
) -> dict[int, str]:
    """Return the fold of each clip: the first one that it is tested in."""
    if list(sessions) == [""]:
        return dict.fromkeys(range(len(rows)), "")
    fold_of_row: dict[int, str] = {}
    for fold, session in sessions.items():
        for row in session.rows[session.tested_part].tolist():
            fold_of_row.setdefault(row, fold)
    return {
        clip: fold_of_row[row] for clip, row in enumerate(rows) if row in fold_of_row
    }


def _spread(
    model: keras.Model, evaluation: Evaluation, clips: np.ndarray
) -> np.ndarray:
    """Return which clips to draw: all, or as many as time allows of every scene."""
    from asc.models.cost import multiply_adds

    most = _MAX_MULTIPLY_ADDS // max(multiply_adds(model), 1)
    most = min(max(most, _MIN_CLIPS), _MAX_CLIPS, len(clips))
    recordings = np.asarray(evaluation.recordings)[clips]
    order = np.lexsort((recordings, evaluation.truth[clips]))
    return np.sort(order[np.linspace(0, len(clips) - 1, most).round().astype(int)])


def _map(
    entry: ReportEntry,
    evaluation: Evaluation,
    session: Session,
    model: keras.Model,
    clips: np.ndarray,
    rows: Sequence[int],
    media: Media,
) -> dict[str, Any]:
    from asc.evaluation.embeddings import embed_rows, neighbour_agreement, project

    feature = session.run.recipe.feature
    embeddings = embed_rows(model, session.store, feature, np.asarray(rows)[clips])
    found = project(embeddings)
    truth, names = evaluation.truth[clips], np.asarray(evaluation.recordings)[clips]
    known = entry.metrics.recordings is not None
    figure = plots.embedding_figure(
        found.points,
        truth,
        evaluation.scenes,
        recordings=names.tolist() if known else None,
        correct=evaluation.correct[clips],
    )
    alt = f"Map of the embeddings of {len(clips)} clips by {found.method}"
    return {
        "figure": media.embed(
            figure, f"{entry.name}-embeddings", alt=alt, limit=90_000
        ),
        "method": found.method,
        "clips": len(clips),
        "recordings": known,
        "neighbours": neighbour_agreement(embeddings, truth, names),
    }
