"""The sound of synthetic recordings: levels, and how recognisable they are."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from asc.synthetic import scenery, soundscape, tut_layout


@pytest.mark.parametrize("scene", [*scenery.SCENES, "airport"])
def test_level_and_stereo(scene: str) -> None:
    place = soundscape.Place(0, scene, "s001", 44_100)
    samples = place.clip("audio/s001_0_1.wav")
    assert samples.shape == (44_100, 2) and samples.dtype == np.int32
    wave = np.asarray(samples / 2**31)
    assert np.max(np.abs(wave)) <= soundscape.HEADROOM + 1e-6
    assert -50 < 10 * np.log10(np.mean(wave**2)) < -15
    assert abs(np.mean(wave)) < 1e-3
    assert 0 < np.asarray(np.corrcoef(wave.T))[0, 1] < 0.999
    power = np.asarray(np.abs(np.fft.rfft(wave, axis=0)) ** 2).mean(axis=1)
    assert np.mean(power[40:400]) > 100 * np.mean(power[10_000:20_000])


@pytest.mark.parametrize("frames", [4_410, 44_101, 441_001])
def test_any_length(frames: int) -> None:
    assert soundscape.Place(0, "tram", "s1", frames).clip("a").shape == (frames, 2)


def test_very_loud_clips_are_turned_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundscape, "LEVELS", (0.0, 6.0))
    samples = soundscape.Place(0, "car", "s1", 44_100).clip("a")
    assert np.max(np.abs(samples)) / 2**31 == pytest.approx(soundscape.HEADROOM, 1e-4)


def bands(samples: np.ndarray) -> np.ndarray:
    """Return mean levels in 40 bands, evenly spaced over log-frequency, in dB."""
    mono = np.asarray(samples / 2**31).mean(axis=1)
    power = np.abs(np.fft.rfft(mono)) ** 2
    edges = np.geomspace(40, 16_000, 41) * len(samples) / soundscape.RATE
    sums = np.add.reduceat(power, edges.astype(int))[:-1]
    return 10 * np.log10(sums / np.diff(edges))


@pytest.fixture(scope="module")
def nearest() -> SimpleNamespace:
    """Distances between clips: 6 scenes x 6 recordings x 4 clips, and labels."""
    labels, features = [], []
    rows, _ = tut_layout.grid(scenes=6, recordings=6, clips=4, seconds=1.0)
    for batch in tut_layout.by_recording(rows, 4):
        place = soundscape.Place(0, batch[0].scene, batch[0].recording, 44_100)
        features += [bands(place.clip(clip.path)) for clip in batch]
        labels += [(clip.scene, clip.recording) for clip in batch]
    points = np.array(features)
    distance = np.linalg.norm(points[:, np.newaxis] - points, axis=2)
    np.fill_diagonal(distance, np.inf)
    scene, recording = np.array(labels).T
    return SimpleNamespace(distance=distance, scene=scene, recording=recording)


def test_a_recording_has_a_signature(nearest: SimpleNamespace) -> None:
    same = nearest.recording[:, np.newaxis] == nearest.recording
    siblings = (nearest.scene[:, np.newaxis] == nearest.scene) & ~same
    np.fill_diagonal(same, False)
    within = np.median(nearest.distance[same])
    between = np.median(nearest.distance[siblings])
    assert between > 1.7 * within


def test_recordings_leak_into_a_split_by_clips(nearest: SimpleNamespace) -> None:
    """The nearest clip knows the scene, far less so if from another recording."""
    same = nearest.recording[:, np.newaxis] == nearest.recording
    anywhere = np.argmin(nearest.distance, axis=1)
    elsewhere = np.argmin(np.where(same, np.inf, nearest.distance), axis=1)
    leaky = np.mean(nearest.scene[anywhere] == nearest.scene)
    honest = np.mean(nearest.scene[elsewhere] == nearest.scene)
    assert leaky > 0.85
    assert 0.4 < honest < leaky - 0.15
