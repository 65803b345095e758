"""Prediction: the store's own numbers, windows of long audio, and bad files."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from asc import prediction
from asc.errors import InputError
from asc.evaluation.evaluate import evaluate
from asc.features import FeatureSpec
from asc.models import build_model
from asc.prediction import Prediction, cut_windows, predict
from asc.store import FeatureStore
from asc.training.new_run import create_run
from asc.training.recipe import Recipe
from asc.training.run import Run

pytestmark = pytest.mark.usefixtures("mini_models")

RATE = 44100


def make_run(path, store, feature="mel"):
    """Make a run whose model was not trained, but tells clips apart."""
    from asc.pipeline.tensorflow import keras

    run = create_run(path, Recipe(model="linear", feature=feature), store)
    values = store.features(feature).astype(float)
    keras.utils.set_random_seed(0)
    model = build_model(
        "linear",
        input_shape=store.spec.shape,
        num_scenes=len(store.scenes),
        mean=values.mean(axis=(0, 2, 3)),
        variance=values.var(axis=(0, 2, 3)),
    )
    model.save(path / "model.keras")
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_store, mini_models):
    return make_run(tmp_path_factory.mktemp("runs") / "run", FeatureStore(small_store))


def probabilities(run, *sources):
    found = list(predict(run, sources))
    assert [p.error for p in found] == [""] * len(found)
    return np.array([p.probabilities for p in found])


def write(path, samples, rate=RATE):
    """Write samples that are 16-bit numbers already, so that nothing is rounded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


@pytest.fixture
def samples(write_wav, tmp_path):
    """Return a function that gives 16-bit samples of some length."""

    def make(seconds):
        path = tmp_path / "samples.wav"
        write_wav(path, seconds=seconds, seed=77)
        return soundfile.read(path, dtype="int16")[0]

    return make


# The same numbers as in the store


@pytest.mark.parametrize("feature", ["mel", "stft"])
def test_clips_of_the_store_get_what_their_rows_get(
    tmp_path, small_store, few_clips, feature
):
    run = make_run(tmp_path / "run", FeatureStore(small_store), feature)
    result = evaluate(run, part="all")
    files = [few_clips / path for path in result.paths]
    given = probabilities(run, *files)
    assert given.shape == (24, 4)
    np.testing.assert_allclose(given, result.probabilities, atol=1e-5)
    assert len(set(given.argmax(axis=1))) > 1  # the model does tell them apart


def test_a_path_is_as_good_as_a_run(run, few_clips):
    file = few_clips / "audio" / "a000_0_1.wav"
    np.testing.assert_array_equal(
        probabilities(str(run.path), str(file)), probabilities(run, file)
    )


@pytest.mark.parametrize("rate", [48000, 96000])
def test_another_sample_rate_hardly_matters(tmp_path, run, few_clips, rate):
    files = sorted((few_clips / "audio").iterdir())[::4]
    others = []
    for file in files:
        y, _ = soundfile.read(file)
        path = tmp_path / file.name
        soundfile.write(path, soxr.resample(y, RATE, rate), rate, subtype="FLOAT")
        others.append(path)
    expected = probabilities(run, *files)
    given = probabilities(run, *others)
    np.testing.assert_allclose(given, expected, atol=0.05)
    assert np.ptp(expected, axis=0).max() > 0.2  # far more than that


# Windows


def test_long_audio_is_the_mean_of_its_windows(tmp_path, run, samples):
    long = samples(2.6)
    # Three windows of a second, evenly from the start to the end.
    windows = [long[start : start + RATE] for start in (0, 35_280, 70_560)]
    assert len(long) == 70_560 + RATE
    files = [
        write(tmp_path / f"{number}.wav", window)
        for number, window in enumerate(windows)
    ]
    each = probabilities(run, *files)
    (found,) = predict(run, [write(tmp_path / "long.wav", long)])
    assert found.windows == 3
    assert found.seconds == pytest.approx(2.6)
    np.testing.assert_allclose(found.probabilities, each.mean(axis=0), atol=1e-6)
    assert np.ptp(each, axis=0).max() > 0.01


def test_many_windows_go_through_the_model_a_few_at_a_time(
    tmp_path, run, samples, monkeypatch
):
    file = write(tmp_path / "long.wav", samples(5))
    expected = probabilities(run, file)
    sizes = []
    load = Run.load_model

    def watched(run):
        model = load(run)
        ask = model.predict_on_batch
        model.predict_on_batch = lambda batch: (sizes.append(len(batch)), ask(batch))[1]
        return model

    monkeypatch.setattr(Run, "load_model", watched)
    monkeypatch.setattr(prediction, "_BATCH", 2)
    np.testing.assert_allclose(probabilities(run, file), expected, atol=1e-6)
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("seconds", [1.0, 1.4])
def test_audio_of_about_a_clip_is_one_window(tmp_path, run, samples, seconds):
    y = samples(seconds)
    (found,) = predict(run, [write(tmp_path / "clip.wav", y)])
    assert found.windows == 1
    start = probabilities(run, write(tmp_path / "start.wav", y[:RATE]))
    np.testing.assert_allclose([found.probabilities], start, atol=1e-6)


def test_short_audio_is_repeated(tmp_path, run, samples):
    y = samples(0.3)
    (found,) = predict(run, [write(tmp_path / "short.wav", y)])
    assert (found.windows, found.seconds) == (1, pytest.approx(0.3))
    repeated = np.tile(y, (4, 1))[:RATE]
    expected = probabilities(run, write(tmp_path / "repeated.wav", repeated))
    np.testing.assert_allclose([found.probabilities], expected, atol=1e-6)


SPEC = FeatureSpec(1000, 0.05, n_fft=64, hop_length=16, fmax=500.0)


@settings(derandomize=True, deadline=None)
@given(length=st.integers(1, 700), channels=st.integers(1, 2))
def test_windows_leave_nothing_out(length, channels):
    y = np.arange(channels * length).reshape(channels, length)
    windows = cut_windows(y, SPEC)
    assert {window.shape for window in windows} == {(channels, 50)}
    if length < 50:
        np.testing.assert_array_equal(windows, [[np.resize(row, 50) for row in y]])
        return
    starts = [int(window[0, 0]) for window in windows]
    for start, window in zip(starts, windows, strict=True):
        np.testing.assert_array_equal(window, y[:, start : start + 50])
    assert starts[0] == 0
    if length < 75:
        assert starts == [0]
        return
    assert starts[-1] + 50 == length
    steps = np.diff(starts)
    assert steps.max() <= 50  # no gap
    assert steps.max() - steps.min() <= 1  # evenly
    assert (len(windows) - 1) * 50 < length  # and not one more than needed


# Bad files


def test_a_bad_file_is_reported_and_the_others_go_on(tmp_path, run, few_clips):
    good = sorted((few_clips / "audio").iterdir())[:2]
    text, empty = tmp_path / "text.wav", tmp_path / "empty.wav"
    text.write_text("not audio")
    empty.touch()
    cut = tmp_path / "cut.wav"
    cut.write_bytes(good[0].read_bytes()[:20_000])
    nan = tmp_path / "nan.wav"
    soundfile.write(nan, np.full((RATE, 2), np.nan), RATE, subtype="FLOAT")
    sources = [text, good[0], tmp_path / "missing.wav", empty, cut, nan, good[1]]
    heard = []
    found = list(predict(run, sources, progress=lambda *done: heard.append(done)))
    assert [p.path for p in found] == sources
    assert heard == [(done, 7) for done in range(1, 8)]
    bad = [p for p in found if p.probabilities is None]
    assert [p.path for p in bad] == [text, sources[2], empty, cut, nan]
    for p, word in zip(
        bad, ["not readable", "missing", "empty", "truncated", "NaN"], strict=True
    ):
        assert word in p.error
        assert (p.windows, p.top(run.scenes, 3)) == (0, [])
    np.testing.assert_allclose(
        [found[1].probabilities, found[6].probabilities], probabilities(run, *good)
    )


def test_mid_and_side_need_two_channels(tmp_path, few_clips, extract, samples):
    report = extract(few_clips, settings={"channels": "midside"})
    run = make_run(tmp_path / "run", FeatureStore(report.store))
    y = samples(1.0)
    stereo = write(tmp_path / "stereo.wav", y)
    mono = write(tmp_path / "mono.wav", y[:, 0])
    one, other = predict(run, [mono, stereo])
    assert "two channels" in one.error
    assert other.probabilities.shape == (4,)


# Sources


def test_folders_are_searched(tmp_path, run, samples):
    y = samples(1.0)
    names = ["b.wav", "A.WAV", "deep/er/c.flac", "deep/d.aiff"]
    for name in names:
        path = tmp_path / "audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, y, RATE)
    (tmp_path / "audio" / "notes.txt").write_text("not audio")
    (tmp_path / "audio" / "folder.wav").mkdir()
    (tmp_path / "audio" / "._b.wav").write_text("what macOS leaves beside a file")
    single = write(tmp_path / "single.wav", y)
    found = list(predict(run, [single, tmp_path / "audio"]))
    paths = [str(p.path.relative_to(tmp_path)) for p in found]
    assert paths[0] == "single.wav"
    assert paths[1:] == sorted(f"audio/{name}" for name in names)
    for p in found:
        np.testing.assert_allclose(p.probabilities, found[0].probabilities, atol=1e-6)


def test_a_folder_without_audio(tmp_path, run):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("not audio")
    with pytest.raises(InputError, match=r"No audio in .*empty.*\.wav"):
        list(predict(run, [tmp_path / "empty"]))


def test_what_is_no_run(tmp_path, few_clips):
    with pytest.raises(InputError, match="is not a run folder"):
        list(predict(tmp_path, [few_clips]))


def test_a_run_without_a_model(tmp_path, small_store, few_clips):
    run = create_run(tmp_path / "run", Recipe(), FeatureStore(small_store))
    with pytest.raises(InputError, match="no epoch was finished"):
        list(predict(run, [few_clips]))


# Results


def test_the_most_probable_scenes(tmp_path):
    given = Prediction(tmp_path, np.array([0.1, 0.4, 0.1, 0.4]))
    scenes = ("beach", "bus", "home", "tram")
    assert given.top(scenes, 3) == [("bus", 0.4), ("tram", 0.4), ("beach", 0.1)]
    assert len(given.top(scenes, 9)) == 4
    assert all(type(value) is float for _, value in given.top(scenes, 4))
