"""What a page shows beside text: figures, also as files, and the audio of clips."""

from __future__ import annotations

import base64
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asc import plots
from asc.corpus.segments import split_segment
from asc.disk import writing_to
from asc.errors import AscError, MissingInputError, UsageError
from asc.features import read_clip
from asc.kinds import not_a
from asc.store import FeatureStore

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Seconds of a clip that are played, and bytes of all audio of a page.
_MAX_SECONDS, _MAX_BYTES = 30, 16_000_000
#: Sample rates of MP3 (in Hz).
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_MAX_NAME = 80


class Media:
    """Figures and audio of one page.

    Parameters
    ----------
    audio : Path, optional
        Folder of the corpus.
    players : bool
        Let clips be played: their audio becomes part of the page.
    figures : Path, optional
        Folder for all figures as files; it is made if need be.
    figure_format : str
        Of these files: png, pdf or svg.

    Attributes
    ----------
    left_out : int
        Clips without a player, because the page would be too large.
    written : int
        Files of figures.

    Raises
    ------
    InputError
        If the folder of the corpus does not exist, or that of figures cannot be made.
    UsageError
        If players are wanted without a folder of the corpus, or if that of figures is
        something else.
    """

    def __init__(
        self,
        audio: Path | None = None,
        *,
        players: bool = False,
        figures: Path | None = None,
        figure_format: str = "pdf",
    ) -> None:
        if audio is not None and not audio.is_dir():
            raise MissingInputError(not_a("a folder of audio", audio))
        if players and audio is None:
            raise UsageError(
                "Players need the audio: a store holds none. Give the folder of the"
                " corpus with --audio."
            )
        self.audio, self.players = audio, players
        self.left_out = self.written = 0
        self._bytes_left = _MAX_BYTES
        self._figures, self._suffix = figures, f".{figure_format}"
        self._names: set[str] = set()
        if figures is not None:
            with writing_to(figures):
                if figures.exists() and not figures.is_dir():
                    raise UsageError(not_a("a folder for figures", figures))
                figures.mkdir(parents=True, exist_ok=True)

    def embed(
        self, figure: Figure, name: str, *, alt: str, limit: int = 30_000
    ) -> plots.Embedded:
        """Return a figure as an element of the page, and write its file if asked for.

        Parameters
        ----------
        figure : Figure
        name : str
            Of the file; names of runs and scenes in it are untrusted.
        alt, limit
            As for `asc.plots.embed`.
        """
        if self._figures is not None:
            file = self._figures / (self._free(name) + self._suffix)
            plots.save(figure, file, dpi=plots.FINE_DPI)
            self.written += 1
        return plots.embed(figure, alt=alt, limit=limit)

    def _free(self, name: str) -> str:
        """Return a name for a file that no other figure has."""
        plain = re.sub(r"[^A-Za-z0-9_.+-]+", "_", name).strip("._")[:_MAX_NAME] or "_"
        number, free = 1, plain
        while free.lower() in self._names:
            number += 1
            free = f"{plain}-{number}"
        self._names.add(free.lower())
        return free

    def samples(self, store: FeatureStore, path: str) -> np.ndarray | None:
        """Return the audio of a clip as its features were computed from it.

        Returns
        -------
        np.ndarray [shape=(n,)] or None
            The first channel. None without a folder, and if it cannot be read.
        """
        if self.audio is None:
            return None
        root = Path(os.path.realpath(self.audio))
        # Not resolve(), which raises RuntimeError where symbolic links form a loop.
        file = Path(os.path.realpath(root / split_segment(path)[0]))
        # The path is untrusted: a store could name any file.
        if not file.is_relative_to(root):
            return None
        try:
            return read_clip(root / path, store.spec, accept_truncated=True).y[0]
        except AscError:
            return None

    def player(self, store: FeatureStore, samples: np.ndarray | None) -> str | None:
        """Return audio as a data URI; None if it is not wanted, or not to be had."""
        if not self.players or samples is None:
            return None
        uri = audio_uri(samples, store.spec.sample_rate)
        if len(uri) > self._bytes_left:
            self.left_out += 1
            return None
        self._bytes_left -= len(uri)
        return uri


def audio_uri(samples: np.ndarray, sample_rate: int) -> str:
    """Return audio as a data URI that every browser plays: MP3, its first 30 s.

    Where libsndfile (before 1.1) cannot write MP3, it is WAV, of ten times the size.

    Parameters
    ----------
    samples : np.ndarray [shape=(n,)]
    sample_rate : int
        In Hz. Audio of a rate that MP3 does not have is resampled.
    """
    import soundfile
    import soxr

    samples = np.clip(samples[: _MAX_SECONDS * sample_rate], -1, 1)
    kind = "MP3" if "MP3" in soundfile.available_formats() else "WAV"
    if sample_rate not in _MP3_RATES:
        rate = min((r for r in _MP3_RATES if r > sample_rate), default=_MP3_RATES[-1])
        samples, sample_rate = soxr.resample(samples, sample_rate, rate), rate
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate, format=kind)
    name = "mpeg" if kind == "MP3" else "wav"
    return f"data:audio/{name};base64,{base64.b64encode(file.getvalue()).decode()}"
