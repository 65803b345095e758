"""The sound of one recording of a synthetic scene, clip by clip.

A recording is one place of its scene. It leans by some share towards a
neighbouring scene (a park beside a road), and it has a spectrum, a level, hum
lines, a stereo image, a room and source pitches of its own. A clip repeats its
recording with fresh noise and event times, and drifts only a little. So, as in
real corpora, a model can know a clip by its recording, and does worse on
recordings that it never heard.

Every draw is keyed by names (:func:`asc.synthetic.scenery.generator`), never by the
order of work: the same names give the same sound whatever is made beside them.
Bytes are equal on one machine with one set of libraries; others may round the
last bits differently.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.random import Generator
from numpy.typing import NDArray

from asc.synthetic import scenery

#: Sampling rate in Hz.
RATE = 44_100
#: Peak of a clip, relative to full scale, above which it is turned down.
HEADROOM = 0.8
#: Levels of recordings stay between these, RMS in dB relative to full scale.
LEVELS = (-44.0, -22.0)

# Envelopes live on this log-frequency grid, about 50 points an octave. The bins of
# a spectrum look their value up in it, which is far cheaper than interpolating.
_GRID = np.linspace(np.log2(20.0), np.log2(RATE / 2), 512)
# Unit phasors to draw random phases from: a small table stays in the CPU cache.
_PHASORS = np.exp(2j * np.pi * np.arange(4096) / 4096).astype(np.complex64)

# The spread of recordings against that of clips sets how much a split by clips
# leaks, and against that of scenes, how hard new recordings are. With the names of
# TUT 2017 a small CNN reached 99 % on a random split, and about 70 % on official folds.
# Curves: octaves between knots, standard deviation in dB.
_RECORDING_CURVES = ((3.0, 1.0), (0.35, 2.3))
_RECORDING_LEVEL = 4.0
_CLIP_CURVE = (1.5, 0.3)
_CLIP_LEVEL = 0.4
# That of all recordings of a city.
_CITY_CURVE = (2.0, 1.5)
# Devices: curve, limits of the lowest and highest frequency in Hz, slope beyond them in
# dB an octave, gain in dB, and length of the impulse response in samples.
_DEVICE_CURVE = (0.7, 3.0)
_DEVICE_BAND = ((60.0, 250.0), (6_000.0, 13_000.0))
_DEVICE_SLOPE, _DEVICE_GAIN, _DEVICE_LENGTH = 12.0, 3.0, 1_024
# Beta distribution of the share of a neighbouring scene, and its chance to be the
# nearest one.
_LEANING = (0.6, 4.0)
_NEAREST = 0.6


def _decibels(level: Any) -> Any:
    """Return the amplitude ratio of a level in dB."""
    return 10 ** (level / 20)


def _curve(rng: Generator, octaves: float, deviation: float) -> NDArray[np.float64]:
    """Return a smooth random curve in dB on the log-frequency grid."""
    knots = np.arange(_GRID[0], _GRID[-1] + 2 * octaves, octaves)
    # The knots of every curve fall elsewhere, else all curves would bend alike.
    start = knots - octaves * rng.random()
    return np.interp(_GRID, start, rng.normal(0, deviation, knots.size))


def _phases(rng: Generator, shape: tuple[int, ...]) -> NDArray[np.complex64]:
    return _PHASORS.take(rng.integers(0, _PHASORS.size, shape, dtype=np.uint16))


def _render(
    rng: Generator, source: scenery.Source, pitch: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return a waveform of roughly unit power for each pitch (events, samples).

    A pitch is the fundamental of harmonics, or the middle of a band of noise, in Hz.
    """
    size = scipy.fft.next_fast_len(int(source.seconds * RATE), real=True)
    share = np.linspace(0, 1, size, dtype=np.float32)
    pitch = pitch[:, np.newaxis]
    if source.kind in ("tone", "sweep"):
        time = np.arange(size, dtype=np.float32) / np.float32(RATE)
        if source.kind == "sweep":  # bend the pitch by a fifth, 8 times a second
            time += np.float32(0.004) * np.sin(time * np.float32(50))
            harmonics: tuple[int, ...] = (1, 2)
            shape = np.sin(np.pi * share) ** 2
        else:  # syllables
            harmonics = (1, 2, 3, 4, 6)
            shape = np.sin(np.pi * share) * (0.6 + 0.4 * np.sin(14 * share))
        phase = np.float32(2 * np.pi) * pitch * time
        waves = np.zeros_like(phase)
        for harmonic in harmonics:
            audible = (harmonic * pitch < 0.4 * RATE).astype(np.float32)
            waves += audible / harmonic * np.sin(harmonic * phase)
    else:
        hertz = np.fft.rfftfreq(size, 1 / RATE).astype(np.float32)
        octaves = np.log2(np.maximum(hertz, 1) / pitch)
        band = np.exp(-((octaves / np.float32(0.6)) ** 2))
        band *= size / np.sqrt(2 * np.sum(band**2, axis=1, keepdims=True))
        waves = scipy.fft.irfft(band * _phases(rng, band.shape), size)
        decays = source.kind == "click"
        shape = np.exp(-7 * share) if decays else np.sin(np.pi * share) ** 2
    return waves * shape


class Device:
    """A recording device: the impulse response of its microphone.

    Its frequency response is rippled, and falls at both ends as that of a phone does.

    Parameters
    ----------
    seed : int
        Seed of the corpus.
    name : str
    """

    def __init__(self, seed: int, name: str) -> None:
        rng = scenery.generator("device", seed, name)
        low, high = (np.log2(rng.uniform(*limits)) for limits in _DEVICE_BAND)
        outside = np.maximum(low - _GRID, 0) + np.maximum(_GRID - high, 0)
        response = _curve(rng, *_DEVICE_CURVE) - _DEVICE_SLOPE * outside
        response += rng.normal(0, _DEVICE_GAIN)
        # A minimum phase follows from the magnitude: the cepstrum is made causal.
        size = 4 * _DEVICE_LENGTH
        hertz = np.fft.rfftfreq(size, 1 / RATE)
        levels = np.interp(np.log2(np.maximum(hertz, 20)), _GRID, response)
        cepstrum = scipy.fft.irfft(levels * np.log(10) / 20, size)
        cepstrum[1 : size // 2] *= 2
        cepstrum[size // 2 + 1 :] = 0
        response = scipy.fft.irfft(np.exp(scipy.fft.rfft(cepstrum)), size)
        self.impulse_response = response[:_DEVICE_LENGTH].astype(np.float32)

    def record(self, wave: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the device makes of a sound, shape (channels, frames)."""
        frames = wave.shape[1]
        size = scipy.fft.next_fast_len(frames + _DEVICE_LENGTH, real=True)
        spectrum = scipy.fft.rfft(wave, size)
        spectrum *= scipy.fft.rfft(self.impulse_response, size)
        return scipy.fft.irfft(spectrum, size)[:, :frames]


class Place:
    """One recording: everything that its clips share.

    Parameters
    ----------
    seed : int
        Seed of the corpus.
    scene, recording : str
    frames : int > 0
        Samples per channel of each clip.
    city : str, optional
        What the recordings of a city have in common is added.
    """

    def __init__(
        self, seed: int, scene: str, recording: str, frames: int, city: str = ""
    ) -> None:
        self.identity = (seed, scene, recording)
        self.frames = frames
        self.size = scipy.fft.next_fast_len(frames, real=True)
        rng = scenery.generator("recording", *self.identity)
        this = scenery.scene(scene)
        other = scenery.scene(this.near[int(rng.random() > _NEAREST)])
        mix = scenery.lean(this, other, rng.beta(*_LEANING))

        hertz = np.arange(self.size // 2 + 1) * (RATE / self.size)
        points = (np.log2(np.maximum(hertz, 20)) - _GRID[0]) / (_GRID[1] - _GRID[0])
        self.lookup = np.rint(points).astype(np.intp)
        slope = -5.5 * np.maximum(_GRID - np.log2(60), 0)  # dB an octave, as outdoors
        self.envelope = slope + np.interp(_GRID, np.log2(scenery.ANCHORS), mix.spectrum)
        for curve in _RECORDING_CURVES:
            self.envelope += _curve(rng, *curve)
        if city:
            self.envelope += _curve(scenery.generator("city", seed, city), *_CITY_CURVE)
        level = np.clip(mix.level + rng.normal(0, _RECORDING_LEVEL), *LEVELS)
        power = 2 * np.sum(_decibels(self.envelope[self.lookup]) ** 2) / self.size**2
        self.envelope += level - 10 * np.log10(power)

        # Hum and whine: lines about a hertz wide that stand out of the background.
        lines = np.exp2(rng.uniform(np.log2(50), np.log2(9_000), rng.integers(2, 6)))
        half = max(1, round(0.5 * self.size / RATE))
        centre = np.rint(lines * self.size / RATE).astype(np.intp)
        self.lines = centre[:, np.newaxis] + np.arange(-half, half + 1)
        self.line_gains = _decibels(rng.uniform(12, 26, (lines.size, 1)))

        # Sounds reach both ears alike at low frequencies, and less so higher up.
        rise = np.interp(_GRID, np.log2([80, 8_000]), [0.5, 2.0])
        self.width = np.clip(rise * mix.width * rng.lognormal(0, 0.3), 0, 0.6)
        self.balance = _decibels(rng.normal(0, 1) * np.array([[1], [-1]]))
        self.room = self._room(rng, mix.room * rng.lognormal(0, 0.4))
        self.swing = mix.swing
        self.rates = {n: r * rng.lognormal(0, 0.5) for n, r in mix.rates.items()}
        self.pitches = {name: rng.random() for name in mix.rates}
        self.loudness = {name: rng.normal(0, 3) for name in mix.rates}

    def _room(self, rng: Generator, seconds: float) -> NDArray[np.complex64]:
        """Return the transfer function of the room, shape (2, bins)."""
        size = min(self.size, int(seconds * RATE) + 1)
        tail = rng.standard_normal((2, size), dtype=np.float32)
        tail *= np.exp(np.linspace(0, -6.9, size, dtype=np.float32))  # by 60 dB
        tail *= np.float32(0.6) / np.sqrt(np.sum(tail**2, axis=1, keepdims=True))
        tail[:, 0] = 1
        return scipy.fft.rfft(tail, self.size)

    def clip(self, name: str, device: Device | None = None) -> NDArray[np.int32]:
        """Return a clip as 24-bit samples in the upper bits of 32, shape (frames, 2).

        All that differs between clips depends on the name. Several devices can record
        the same.
        """
        rng = scenery.generator("clip", *self.identity, name)
        drift = _curve(rng, *_CLIP_CURVE) + rng.normal(0, _CLIP_LEVEL)
        grid = _decibels(self.envelope + drift)
        middle, side = _phases(rng, (2, self.lookup.size))
        gains = (grid * np.sqrt(1 - self.width)).astype(np.float32)[self.lookup]
        gains[0] = 0
        gains[self.lines] *= self.line_gains
        middle *= gains
        side *= (grid * np.sqrt(self.width)).astype(np.float32)[self.lookup]
        side[0] = 0
        spectrum = scipy.fft.rfft(self._events(rng))
        spectrum *= self.room
        spectrum[0] += middle
        spectrum[0] += side
        spectrum[1] += middle
        spectrum[1] -= side
        wave = scipy.fft.irfft(spectrum, self.size)[:, : self.frames]
        wave *= self._levels(rng)
        wave *= self.balance.astype(np.float32)
        if device is not None:
            wave = device.record(wave)
        peak = float(max(wave.max(), -wave.min()))
        wave *= np.float32(2**31 * min(1.0, HEADROOM / peak))
        samples = np.empty((self.frames, 2), np.int32)
        np.copyto(samples, wave.T, casting="unsafe")
        return samples

    def _events(self, rng: Generator) -> NDArray[np.float32]:
        """Return the events of a clip without the room, shape (2, size)."""
        dry = np.zeros((2, self.size), np.float32)
        for name, rate in self.rates.items():
            source = scenery.SOURCES[name]
            # Events may have begun before the clip and may outlast it.
            lead = int(source.seconds * RATE)
            count = rng.poisson(rate * (self.frames + lead) / RATE)
            if not count:
                continue
            place = np.clip(self.pitches[name] + rng.normal(0, 0.12, count), 0, 1)
            pitch = source.low * (source.high / source.low) ** place
            level = source.level + self.loudness[name] + rng.normal(0, 3, count)
            gains = self._background(pitch) * _decibels(level)
            pan = rng.uniform(0.15, 0.85, count) * (np.pi / 2)
            sides = (gains * np.stack([np.cos(pan), np.sin(pan)])).astype(np.float32)
            starts = rng.integers(-lead, self.frames, count)
            waves = _render(rng, source, pitch.astype(np.float32))
            for start, side, wave in zip(starts, sides.T, waves):
                heard = wave[max(0, -start) : self.size - start]
                begin = max(0, start)
                dry[:, begin : begin + heard.size] += side[:, np.newaxis] * heard
        return dry

    def _background(self, hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the amplitude of the background in octaves around frequencies."""
        density = _decibels(np.interp(np.log2(hertz), _GRID, self.envelope))
        bins = np.maximum(0.7 * hertz * self.size / RATE, 1)
        return density * np.sqrt(2 * bins) / self.size

    def _levels(self, rng: Generator) -> NDArray[np.float32]:
        """Return the slow level changes of a clip as gains, shape (frames,)."""
        block = 64  # samples; the step from one block to the next is inaudible
        times = np.arange(-(-self.frames // block)) * (block / RATE)
        knots = np.arange(0, times[-1] + 4, 2.0) - 2 * rng.random()
        level = np.interp(times, knots, rng.normal(0, self.swing, knots.size))
        return np.repeat(_decibels(level).astype(np.float32), block)[: self.frames]
