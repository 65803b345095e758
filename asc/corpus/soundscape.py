"""The sound of a synthetic acoustic scene.

A scene is a smooth spectrum and a mix of sound sources with their rates. A
recording is one place of that scene: it leans by some share towards a
neighbouring scene (a park beside a road), and carries a spectrum, a level, hum
lines, a stereo image, a room and source pitches of its own. A clip repeats its
recording with fresh noise and event times, and drifts only a little. So, as in
real corpora, a model can know a clip by its recording, and does worse on
recordings that it never heard.

Every random draw is keyed by a digest of names, never by the order of work: the
same names give the same sound whatever else is written beside them.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.random import Generator, Philox
from numpy.typing import NDArray

#: Sampling rate in Hz.
RATE = 44_100
#: Peak of a clip, relative to full scale, above which it is turned down.
HEADROOM = 0.8
#: Levels of recordings stay between these, in dB relative to full scale (RMS).
LEVELS = (-44.0, -22.0)

#: Frequencies of ``Scene.spectrum`` in Hz.
ANCHORS = (25.0, 63.0, 160.0, 400.0, 1_000.0, 2_500.0, 6_300.0, 16_000.0)
# Envelopes live on this log-frequency grid (about 50 points an octave); the bins
# of a spectrum look their value up in it, which is cheaper than interpolating.
_GRID = np.linspace(np.log2(20.0), np.log2(RATE / 2), 512)
# Unit phasors to draw random phases from: a small table stays in the CPU cache.
_PHASORS = np.exp(2j * np.pi * np.arange(4096) / 4096).astype(np.complex64)

# Standard deviations in dB, and octaves between the knots of random curves. What
# a recording has of its own must exceed what its clips vary by, or nothing leaks.
_RECORDING_CURVES = ((3.0, 1.3), (0.35, 2.3))
_RECORDING_LEVEL = 4.0
_CLIP_CURVE = (1.5, 0.4)
_CLIP_LEVEL = 0.4
# Parameters of the beta distribution of the share of a neighbouring scene.
_LEANING = (0.7, 4.0)


class Source(NamedTuple):
    """Something heard now and then: its kind, pitch range, length and loudness."""

    kind: str  # tone or sweep (harmonic), click or burst (noise)
    low: float  # Hz
    high: float  # Hz
    seconds: float
    level: float  # dB above the background in the source's own band


class Scene(NamedTuple):
    """What the recordings of a scene have in common."""

    spectrum: tuple[float, ...]  # dB at ANCHORS, against a common falling slope
    level: float  # RMS in dB relative to full scale
    swing: float  # standard deviation of the slow level changes, in dB
    width: float  # share of the side channel in the background, 0 to 1
    room: float  # reverberation time in seconds
    near: tuple[str, ...]  # scenes that its recordings may lean towards
    rates: dict[str, float]  # events per second of each source


SOURCES: dict[str, Source] = {
    "voices": Source("tone", 120, 280, 0.6, 12),
    "music": Source("tone", 250, 700, 1.2, 10),
    "beeps": Source("tone", 900, 2_200, 0.15, 14),
    "squeal": Source("tone", 1_800, 4_500, 0.8, 12),
    "birds": Source("sweep", 2_500, 6_500, 0.25, 14),
    "gulls": Source("sweep", 1_200, 2_500, 0.5, 12),
    "footsteps": Source("click", 150, 900, 0.08, 14),
    "doors": Source("click", 80, 400, 0.25, 14),
    "rails": Source("click", 200, 1_200, 0.12, 12),
    "keys": Source("click", 1_500, 5_000, 0.03, 16),
    "cutlery": Source("click", 3_000, 9_000, 0.06, 16),
    "waves": Source("burst", 500, 5_000, 2.5, 6),
    "wind": Source("burst", 40, 300, 2.0, 7),
    "engine": Source("burst", 80, 600, 3.0, 7),
    "rustle": Source("burst", 2_000, 9_000, 0.3, 8),
}

SCENES: dict[str, Scene] = {
    "beach": Scene(
        (-4, 0, -4, -4, 4, 12, 14, 10), -32, 1.5, 0.30, 0.1, ("forest_path", "park"),
        {"waves": 0.3, "gulls": 0.2, "wind": 0.2, "voices": 0.1},
    ),
    "bus": Scene(
        (18, 16, 8, 0, -4, -8, -12, -12), -28, 0.9, 0.10, 0.2, ("car", "tram"),
        {"engine": 0.3, "rails": 0.4, "voices": 0.3, "beeps": 0.1, "doors": 0.1},
    ),
    "cafe/restaurant": Scene(
        (-16, -12, -2, 10, 14, 10, 6, 0), -32, 0.5, 0.25, 0.6,
        ("grocery_store", "city_center"),
        {"voices": 2.5, "cutlery": 1.0, "music": 0.3, "doors": 0.1},
    ),
    "car": Scene(
        (24, 18, 4, -8, -16, -20, -20, -16), -27, 0.7, 0.07, 0.1, ("bus", "train"),
        {"engine": 0.2, "rails": 0.2, "wind": 0.3},
    ),
    "city_center": Scene(
        (2, 8, 10, 6, 6, 4, 0, -4), -31, 0.9, 0.20, 0.3,
        ("residential_area", "cafe/restaurant"),
        {"engine": 0.5, "voices": 0.9, "footsteps": 1.2},
    ),
    "forest_path": Scene(
        (-6, -6, -10, -12, -4, 6, 12, 12), -38, 0.7, 0.30, 0.15, ("park", "beach"),
        {"footsteps": 1.5, "birds": 0.8, "rustle": 0.6, "wind": 0.1},
    ),
    "grocery_store": Scene(
        (-8, -4, 0, 6, 8, 10, 12, 6), -34, 0.4, 0.25, 0.7,
        ("cafe/restaurant", "metro_station"),
        {"beeps": 0.7, "voices": 0.9, "doors": 0.2, "rustle": 0.5, "music": 0.3},
    ),
    "home": Scene(
        (-12, -6, 0, -2, -6, -6, -2, 6), -40, 0.4, 0.15, 0.4, ("library", "office"),
        {"cutlery": 0.2, "doors": 0.2, "voices": 0.2, "rustle": 0.3},
    ),
    "library": Scene(
        (-8, -2, 2, -4, -8, -8, -2, 10), -40, 0.3, 0.17, 0.7, ("home", "office"),
        {"keys": 0.4, "rustle": 0.4, "footsteps": 0.4, "voices": 0.1},
    ),
    "metro_station": Scene(
        (4, 4, 6, 8, 8, 2, -4, -8), -31, 0.9, 0.25, 1.2, ("city_center", "train"),
        {"squeal": 0.2, "music": 0.2, "footsteps": 0.9, "voices": 0.6, "rails": 0.2},
    ),
    "office": Scene(
        (-4, 4, 6, -8, -12, -12, -4, 8), -40, 0.2, 0.12, 0.3, ("library", "home"),
        {"keys": 2.0, "rustle": 0.2, "voices": 0.2, "doors": 0.1},
    ),
    "park": Scene(
        (-4, -2, -4, -6, 2, 6, 4, 2), -36, 0.7, 0.28, 0.1,
        ("residential_area", "forest_path"),
        {"birds": 0.9, "footsteps": 0.5, "voices": 0.3, "wind": 0.2},
    ),
    "residential_area": Scene(
        (0, 4, 2, -4, 0, 2, 0, 0), -35, 0.8, 0.25, 0.2, ("park", "city_center"),
        {"birds": 0.5, "engine": 0.3, "footsteps": 0.3, "voices": 0.2, "wind": 0.2},
    ),
    "train": Scene(
        (14, 10, 4, 6, 0, -6, -4, -8), -30, 0.6, 0.15, 0.25, ("tram", "bus"),
        {"rails": 1.3, "voices": 0.3, "music": 0.1, "squeal": 0.1},
    ),
    "tram": Scene(
        (12, 10, 10, 8, 2, -2, 2, -4), -30, 0.8, 0.15, 0.25, ("train", "bus"),
        {"rails": 0.8, "squeal": 0.3, "beeps": 0.2, "voices": 0.3, "doors": 0.1},
    ),
}


def generator(*identity: object) -> Generator:
    """Return the random generator that belongs to some names and numbers."""
    digest = sha256(json.dumps(identity).encode()).digest()
    return Generator(Philox(key=int.from_bytes(digest[:16], "little")))


def _curve(rng: Generator, octaves: float, deviation: float) -> NDArray[np.float64]:
    """Return a smooth random curve in dB on the log-frequency grid."""
    knots = np.arange(_GRID[0], _GRID[-1] + octaves, octaves)
    # Knots fall elsewhere in every curve, else all curves would bend alike.
    return np.interp(
        _GRID, knots - octaves * rng.random(), rng.normal(0, deviation, knots.size)
    )


def scene(name: str) -> Scene:
    """Return a scene by name; an unknown name gets a scene drawn from its letters."""
    if name in SCENES:
        return SCENES[name]
    rng = generator("scene", name)
    sources = rng.choice(sorted(SOURCES), 4, replace=False)
    return Scene(
        tuple(rng.normal(0, 4, len(ANCHORS))),
        rng.uniform(-40, -28),
        rng.uniform(0.5, 2),
        rng.uniform(0.05, 0.3),
        rng.uniform(0.1, 0.8),
        tuple(rng.choice(sorted(SCENES), 2, replace=False)),
        {str(source): float(rng.uniform(0.1, 1.2)) for source in sources},
    )


def _leaning(this: Scene, other: Scene, share: float) -> Scene:
    """Return `this` scene with a `share` of the `other` mixed in."""
    spectrum, level, swing, width, room = (
        (1 - share) * np.asarray(a) + share * np.asarray(b)
        for a, b in zip(this[:5], other[:5])
    )
    rates = {
        name: (1 - share) * this.rates.get(name, 0.0) + share * other.rates.get(name, 0)
        for name in sorted({*this.rates, *other.rates})
    }
    return Scene(
        tuple(spectrum), float(level), float(swing), float(width), float(room), (), rates
    )


def _window(kind: str, size: int) -> NDArray[np.float32]:
    time = np.linspace(0, 1, size, dtype=np.float32)
    if kind == "click":
        return np.exp(-7 * time)
    if kind == "tone":  # syllables
        return np.sin(np.pi * time) * (0.6 + 0.4 * np.sin(14 * time))
    return np.sin(np.pi * time) ** 2


def _render(
    rng: Generator, source: Source, pitch: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return one waveform of about unit power for each pitch, shape (events, samples)."""
    size = int(source.seconds * RATE)
    pitch = pitch[:, np.newaxis]
    if source.kind in ("tone", "sweep"):
        time = np.arange(size, dtype=np.float32) / np.float32(RATE)
        if source.kind == "sweep":
            time = time + np.float32(0.004) * np.sin(time * np.float32(50))
        phase = np.float32(2 * np.pi) * pitch * time
        harmonics = (1, 2, 3, 4, 6) if source.kind == "tone" else (1, 2)
        wave = sum(np.sin(h * phase) / np.float32(h) for h in harmonics)
    else:
        size = scipy.fft.next_fast_len(size, real=True)
        hertz = np.maximum(np.arange(size // 2 + 1, dtype=np.float32), 1) * (RATE / size)
        band = np.exp(-((np.log2(hertz / pitch) / 0.6) ** 2)).astype(np.float32)
        band *= size / np.sqrt(2 * np.sum(band**2, axis=1, keepdims=True))
        wave = scipy.fft.irfft(band * _phases(rng, band.shape), size)
    return wave * _window(source.kind, size)


def _phases(rng: Generator, shape: tuple[int, ...]) -> NDArray[np.complex64]:
    return _PHASORS.take(rng.integers(0, _PHASORS.size, shape, dtype=np.uint16))


class Place:
    """One recording: everything that its clips share.

    Parameters
    ----------
    seed : int
        Seed of the corpus.
    scene_name, recording : str
        Names of the scene and of the recording.
    frames : int > 0
        Samples per channel of each clip.
    """

    def __init__(self, seed: int, scene_name: str, recording: str, frames: int) -> None:
        self.identity = (seed, scene_name, recording)
        self.frames = frames
        rng = generator("recording", *self.identity)
        this = scene(scene_name)
        other = scene(str(rng.choice(this.near)))
        self.scene = mix = _leaning(this, other, rng.beta(*_LEANING))

        octaves_above = np.maximum(_GRID - np.log2(60.0), 0)
        self.envelope = -5.5 * octaves_above + np.interp(
            _GRID, np.log2(ANCHORS), mix.spectrum
        )
        for octaves, deviation in _RECORDING_CURVES:
            self.envelope += _curve(rng, octaves, deviation)
        level = np.clip(mix.level + rng.normal(0, _RECORDING_LEVEL), *LEVELS)

        self.size = scipy.fft.next_fast_len(frames, real=True)
        hertz = np.arange(self.size // 2 + 1) * (RATE / self.size)
        octave = np.log2(np.maximum(hertz, 20.0))
        step = _GRID[1] - _GRID[0]
        self.lookup = np.rint((octave - _GRID[0]) / step).astype(np.intp)
        power = np.sum(10 ** (self.envelope[self.lookup] / 10))
        self.envelope += level - 10 * np.log10(2 * power / self.size**2)

        # Hum and whine: lines a few bins wide, some dB above what surrounds them.
        count = rng.integers(2, 6)
        lines = np.exp2(rng.uniform(np.log2(50), np.log2(9_000), count))
        bins = np.rint(lines * self.size / RATE).astype(np.intp)
        half = max(1, round(0.5 * self.size / RATE))
        self.lines = bins[:, np.newaxis] + np.arange(-half, half + 1)
        self.line_gain = 10 ** (rng.uniform(12, 26, (count, 1)) / 20)

        self.width = np.clip(mix.width * np.exp(rng.normal(0, 0.3)), 0.02, 0.45)
        balance = rng.normal(0, 1.0)
        self.balance = 10 ** (np.array([[balance], [-balance]]) / 20)
        self.room = self._room(rng, mix.room * np.exp(rng.normal(0, 0.4)))
        self.rates = {n: r * rng.lognormal(0, 0.5) for n, r in mix.rates.items()}
        self.pitches = {n: rng.random() for n in mix.rates}
        self.loudness = {n: rng.normal(0, 3) for n in mix.rates}

    def _room(self, rng: Generator, seconds: float) -> NDArray[np.complex64]:
        """Return the response of the room, shape (2, bins)."""
        size = min(self.size, int(seconds * RATE) + 1)
        decay = np.exp(-6.9 * np.arange(size, dtype=np.float32) / size)
        tail = rng.standard_normal((2, size), dtype=np.float32) * decay
        tail *= np.float32(0.6) / np.sqrt(np.sum(tail**2, axis=1, keepdims=True))
        tail[:, 0] = 1
        return scipy.fft.rfft(tail, self.size)

    def _events(self, rng: Generator) -> NDArray[np.float32]:
        """Return the dry events of a clip, shape (2, size)."""
        dry = np.zeros((2, self.size), np.float32)
        for name, rate in self.rates.items():
            source = SOURCES[name]
            length = int(source.seconds * RATE)
            count = rng.poisson(rate * (self.frames + length) / RATE)
            if not count:
                continue
            where = np.clip(self.pitches[name] + rng.normal(0, 0.12, count), 0, 1)
            pitch = source.low * (source.high / source.low) ** where
            waves = _render(rng, source, pitch.astype(np.float32))
            gain = self._band_level(pitch) + source.level + self.loudness[name]
            gain = 10 ** ((gain + rng.normal(0, 3, count)) / 20)
            pan = rng.uniform(0.15, 0.85, count) * (np.pi / 2)
            sides = np.stack([np.cos(pan), np.sin(pan)], axis=1) * gain[:, np.newaxis]
            # Events may have begun before the clip and may outlast it.
            for start, side, wave in zip(
                rng.integers(-length, self.frames, count), sides, waves
            ):
                heard = wave[max(0, -start) : self.size - start]
                begin = max(0, start)
                dry[:, begin : begin + heard.size] += (
                    side[:, np.newaxis].astype(np.float32) * heard
                )
        return dry

    def _band_level(self, hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the background's level in the octave around a frequency, in dB."""
        bins = hertz * 0.7 * self.size / RATE
        around = np.interp(np.log2(hertz), _GRID, self.envelope)
        return around + 10 * np.log10(np.maximum(bins, 1) * 2 / self.size**2)

    def clip(self, name: str) -> NDArray[np.int32]:
        """Return the samples of a clip, shape (frames, 2), 24 bits left-aligned."""
        rng = generator("clip", *self.identity, name)
        envelope = self.envelope + _curve(rng, *_CLIP_CURVE) + rng.normal(0, _CLIP_LEVEL)
        gains = (10 ** (envelope / 20)).astype(np.float32)[self.lookup]
        gains[0] = 0
        gains[self.lines] *= self.line_gain
        middle, side = _phases(rng, (2, gains.size))
        middle *= gains * np.float32(np.sqrt(1 - self.width))
        side *= gains * np.float32(np.sqrt(self.width))
        spectrum = scipy.fft.rfft(self._events(rng))
        spectrum *= self.room
        spectrum[0] += middle + side
        spectrum[1] += middle - side
        wave = scipy.fft.irfft(spectrum, self.size)[:, : self.frames]
        wave *= self._swing(rng) * self.balance.astype(np.float32)
        peak = float(max(wave.max(), -wave.min()))
        if peak > HEADROOM:
            wave *= np.float32(HEADROOM / peak)
        return (wave.T * np.float32(2**31)).astype(np.int32)

    def _swing(self, rng: Generator) -> NDArray[np.float32]:
        """Return the slow gain over the frames of a clip."""
        block = 64  # samples; a step between blocks is far below audibility
        times = np.arange(-(-self.frames // block)) * (block / RATE)
        knots = np.arange(0, times[-1] + 4, 2.0) - 2 * rng.random()
        level = np.interp(times, knots, rng.normal(0, self.scene.swing, knots.size))
        return np.repeat(10 ** (level / 20), block)[: self.frames].astype(np.float32)
