"""A run's model on audio files of any sample rate and length."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asc.corpus.audio_files import AUDIO_ENDINGS
from asc.errors import AscError, MissingInputError
from asc.features import FeatureSpec, FrontEnd, cut, read_audio, resampled
from asc.training.run import Run

#: Windows per batch.
_BATCH = 16


@dataclass(frozen=True)
class Prediction:
    """The prediction for one file.

    Attributes
    ----------
    path : Path
    probabilities : np.ndarray [shape=(scenes,)] or None
        Mean over the windows; None if the file cannot be used.
    windows : int
        Number of windows of the clip length.
    seconds : float
        Length of the file.
    error : str
        Why the file cannot be used; empty if it can.
    """

    path: Path
    probabilities: np.ndarray | None
    windows: int = 0
    seconds: float = 0.0
    error: str = ""

    def top(self, scenes: Sequence[str], count: int) -> list[tuple[str, float]]:
        """Return the most probable scenes with their probabilities."""
        if self.probabilities is None:
            return []
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(scenes[index], float(self.probabilities[index])) for index in order]


def predict(
    run: Run | str | os.PathLike[str],
    sources: Sequence[str | os.PathLike[str]],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Prediction]:
    """Predict the scenes of audio files.

    Audio is read, resampled and transformed as for the run's store, so a clip of the
    nominal length gets the values of its row there. Longer audio is cut into windows
    of the clip length, spread evenly from start to end, and their probabilities are
    averaged; audio shorter than one and a half clip lengths is one window.

    Parameters
    ----------
    run : Run or path
    sources : sequence of paths
        Audio files, or folders to search for audio.
    progress : callable(done, total), optional

    Yields
    ------
    Prediction
        In the order of the sources. A file that cannot be used has an error and does
        not stop the others.

    Raises
    ------
    InputError
        If a folder has no audio, or the run cannot be used.

    Examples
    --------
    >>> (found,) = asc.predict("run", ["corpus/audio/s001_0_1.wav"])
    >>> found.windows, found.probabilities.shape
    (1, (3,))
    """
    if not isinstance(run, Run):
        run = Run(run)
    files = list(_files(sources))
    model = run.load_model()
    frontend = FrontEnd(run.spec, (run.recipe.feature,))
    for done, file in enumerate(files, start=1):
        try:
            audio = read_audio(file)
            windows = cut_windows(resampled(audio, run.spec), run.spec)
            features = [frontend(y)[run.recipe.feature] for y in windows]
            probabilities = np.concatenate(
                [
                    model.predict_on_batch(
                        np.stack(features[start : start + _BATCH]).astype(np.float32)
                    )
                    for start in range(0, len(features), _BATCH)
                ]
            ).mean(axis=0)
            yield Prediction(file, probabilities, len(windows), audio.seconds)
        except AscError as error:
            yield Prediction(file, None, error=str(error))
        if progress:
            progress(done, len(files))


def cut_windows(y: np.ndarray, spec: FeatureSpec) -> list[np.ndarray]:
    """Return windows of the spec's length that cover a signal.

    Parameters
    ----------
    y : np.ndarray [shape=(channels, n)]
    spec : FeatureSpec

    Returns
    -------
    list of np.ndarray [shape=(channels, spec.samples)]
        One if the signal is shorter than one and a half clip lengths; otherwise as
        many as cover all of it.
    """
    length = y.shape[1]
    count = -(-length // spec.samples) if 2 * length >= 3 * spec.samples else 1
    starts = np.linspace(0, max(0, length - spec.samples), count).round().astype(int)
    return [cut(y, int(start), spec) for start in starts]


def _files(sources: Sequence[str | os.PathLike[str]]) -> Iterator[Path]:
    for source in map(Path, sources):
        if source.is_dir():
            found = sorted(
                file
                for file in source.rglob("*")
                if file.suffix.lower() in AUDIO_ENDINGS
                and not file.name.startswith(".")
                and file.is_file()
            )
            if not found:
                raise MissingInputError(
                    f"No audio in {source}. Expected files that end in"
                    f" {', '.join(AUDIO_ENDINGS)}."
                )
            yield from found
        else:
            yield source  # a missing file is reported when its turn comes
