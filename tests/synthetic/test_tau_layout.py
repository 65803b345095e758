"""The synthetic corpus in the layout of TAU: cities, and devices that hear the same."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import soundfile

from asc.corpus import open_corpus
from asc.errors import SettingsMismatch, UsageError
from asc.synthetic.corpus import write_synthetic_corpus
from asc.synthetic.soundscape import RATE, Device, Place


def test_the_reader_of_tau_reads_it(tau_corpus):
    corpus = open_corpus(tau_corpus)
    assert corpus.format == "tau"
    assert (len(corpus.clips), corpus.problems, corpus.notes) == (24, (), ())
    assert len(corpus.recordings) == 8
    assert Counter(corpus.groups["device"]) == {"a": 8, "b": 8, "c": 8}
    assert Counter(corpus.groups["city"]) == {"barcelona": 12, "helsinki": 12}
    for clip in corpus.clips:
        assert clip.recording.startswith(clip.groups["city"] + "-")


def test_the_fold_tests_new_locations_and_a_new_device(tau_corpus):
    corpus = open_corpus(tau_corpus)
    by_path = {clip.path: clip for clip in corpus.clips}
    fold = corpus.folds["fold1"]
    train, test = ([by_path[path] for path in x] for x in (fold.train, fold.test))
    assert {clip.groups["device"] for clip in train} == {"a", "b"}
    assert {clip.groups["device"] for clip in test} == {"a", "b", "c"}
    assert {clip.groups["city"] for clip in test} == {"barcelona", "helsinki"}
    assert {clip.scene for clip in test} == set(corpus.scenes)
    assert not {c.recording for c in train} & {c.recording for c in test}


def test_names_have_neither_slash_nor_hyphen_of_a_scene(tmp_path):
    size = {"scenes": 7, "recordings": 2, "clips": 1, "seconds": 0.1}
    corpus = open_corpus(
        write_synthetic_corpus(tmp_path / "c", layout="tau", devices=1, **size)
    )
    assert "cafe/restaurant" in corpus.scenes
    assert len(corpus.clips) == 14 and corpus.problems == ()
    # One device is trained and tested on.
    assert all(corpus.folds["fold1"].train) and set(corpus.groups["device"]) == {"a"}


def spectrum(path) -> np.ndarray:
    return np.fft.rfft(soundfile.read(path)[0][:, 0])


def test_devices_record_the_same_sound_each_in_its_own_way(tau_corpus):
    """What a device does to a sound is its impulse response, whatever the sound."""
    seconds = 0.5
    hertz = np.fft.rfftfreq(round(seconds * RATE), 1 / RATE)
    middle = (hertz > 500) & (hertz < 5_000)
    ratios = {}
    for device in "bc":
        for clip in ("home-barcelona-0", "library-helsinki-1"):
            one, other = (
                spectrum(tau_corpus / f"audio/{clip}-0-{name}.wav")
                for name in ("a", device)
            )
            ratio = 20 * np.log10(np.abs(other[middle]) / np.abs(one[middle]))
            ratios[device, clip] = np.convolve(ratio, np.ones(100) / 100, "valid")
    for device in "bc":
        first, second = (r for key, r in ratios.items() if key[0] == device)
        assert np.abs(first - second).max() < 1.0
    first, second = (r for key, r in ratios.items() if "home" in key[1])
    assert np.abs(first - second).max() > 3.0


def test_an_impulse_response_is_short_and_causal():
    response = Device(0, "b").impulse_response
    assert response.shape == (1024,)
    energy = np.cumsum(response.astype(float) ** 2)
    assert energy[256] > 0.95 * energy[-1]  # most of it in 6 ms
    assert np.abs(response).argmax() < 64
    assert not np.array_equal(response, Device(0, "c").impulse_response)
    assert not np.array_equal(response, Device(1, "b").impulse_response)
    click = np.zeros((2, 2000), np.float32)
    click[:, 100] = 1
    heard = Device(0, "b").record(click)
    np.testing.assert_allclose(heard[0, 100:1124], response, atol=1e-6)
    np.testing.assert_allclose(heard[:, :100], 0, atol=1e-6)


def test_a_city_has_a_sound_and_no_city_none():
    places = [Place(0, "home", "x", 4410, city) for city in ("", "paris", "lyon")]
    plain, paris, lyon = (place.clip("c") for place in places)
    assert not np.array_equal(plain, paris) and not np.array_equal(paris, lyon)


def test_settings_are_kept_and_others_refused(tau_corpus, tmp_path):
    size = {"scenes": 2, "recordings": 4, "clips": 1, "seconds": 0.5, "cities": 2}
    before = (tau_corpus / "meta.csv").stat().st_mtime_ns
    marker = json.loads((tau_corpus / "synthetic.json").read_text())
    assert marker["layout"] == "tau" and marker["devices"] == 3
    with pytest.raises(SettingsMismatch, match="devices"):
        write_synthetic_corpus(tau_corpus, layout="tau", devices=2, **size)
    assert (tau_corpus / "meta.csv").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "options, said",
    [
        ({"devices": 2}, "for layout 'tau'"),
        ({"cities": 2}, "for layout 'tau'"),
        ({"layout": "dcase"}, "Unknown layout 'dcase'. Known: tut, tau"),
        ({"layout": "tau", "devices": 10}, r"devices must be a whole number in \[1, 9"),
        ({"layout": "tau", "cities": 0}, r"cities must be a whole number in \[1, 10"),
        ({"layout": "tau", "recordings": 2, "cities": 3}, r"in \[1, 2\]. Got 3"),
        ({"layout": "tau", "meta": "meta.txt"}, "meta is for layout 'tut'"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, said):
    with pytest.raises(UsageError, match=said):
        write_synthetic_corpus(tmp_path / "c", **options)
    assert not (tmp_path / "c").exists()
