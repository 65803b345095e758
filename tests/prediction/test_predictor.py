"""Prediction: the store's own numbers, windows of long audio, and bad files."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import soxr

from asc.errors import InputError, UsageError
from asc.evaluation.evaluate import evaluate
from asc.evaluation.temperature import apply_temperature
from asc.models import build_model
from asc.prediction import Prediction, predict, predictor, sources
from asc.store import FeatureStore
from asc.training.new_run import create_run
from asc.training.recipe import Recipe
from asc.training.run import Run

pytestmark = pytest.mark.usefixtures("mini_models")

RATE = 44100


def make_run(path, store, feature="mel"):
    """Make a run whose model was not trained, but tells clips apart."""
    from asc.pipeline.tensorflow import keras

    run = create_run(path, Recipe(model="dense", feature=feature), store)
    values = store.features(feature).astype(float)
    keras.utils.set_random_seed(0)
    model = build_model(
        "dense",
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
    starts = (0, RATE, 70_560)  # one after the other, and the last at the end
    windows = [long[start : start + RATE] for start in starts]
    assert len(long) == 70_560 + RATE
    files = [
        write(tmp_path / f"{number}.wav", window)
        for number, window in enumerate(windows)
    ]
    each = probabilities(run, *files)
    (found,) = predict(run, [write(tmp_path / "long.wav", long)])
    np.testing.assert_allclose(found.windows, each, atol=1e-6)
    np.testing.assert_allclose(found.start, [0, 1, 1.6])
    np.testing.assert_allclose(found.end, [1, 2, 2.6])
    assert found.seconds == pytest.approx(2.6)
    np.testing.assert_allclose(found.probabilities, each.mean(axis=0), atol=1e-6)
    assert np.ptp(each, axis=0).max() > 0.01


def test_batches_span_files(tmp_path, run, samples, monkeypatch):
    y = samples(5)
    lengths = [5, 1, 2, 1, 4]
    files = [
        write(tmp_path / f"{number}.wav", y[number : number + seconds * RATE])
        for number, seconds in enumerate(lengths)
    ]
    expected = list(predict(run, files))
    sizes = []
    load = Run.load_model

    def watched(run):
        model = load(run)
        ask = model.predict_on_batch
        model.predict_on_batch = lambda batch: (sizes.append(len(batch)), ask(batch))[1]
        return model

    monkeypatch.setattr(Run, "load_model", watched)
    monkeypatch.setattr(predictor, "_BATCH", 4)
    found = list(predict(run, files))
    assert sizes == [4, 4, 4, 1]
    assert [p.path for p in found] == files
    for given, before, seconds in zip(found, expected, lengths, strict=True):
        np.testing.assert_array_equal(given.start, np.arange(seconds))
        np.testing.assert_allclose(given.windows, before.windows, atol=1e-6)
    assert np.ptp(np.vstack([p.windows for p in found]), axis=0).max() > 0.01


def test_windows_that_overlap(tmp_path, run, samples):
    y = samples(2.0)
    (found,) = predict(run, write(tmp_path / "a.wav", y), hop=0.5)
    np.testing.assert_allclose(found.start, [0, 0.5, 1])
    np.testing.assert_allclose(found.end, [1, 1.5, 2])
    middle = probabilities(run, write(tmp_path / "b.wav", y[22_050:66_150]))
    np.testing.assert_allclose(found.windows[[1]], middle, atol=1e-6)


def test_a_window_shorter_than_a_clip_is_repeated(tmp_path, run, samples):
    y = samples(1.0)
    (found,) = predict(run, write(tmp_path / "a.wav", y), window=0.5)
    np.testing.assert_allclose(found.end, [0.5, 1])
    half = probabilities(run, write(tmp_path / "b.wav", y[22_050:]))
    np.testing.assert_allclose(found.windows[[1]], half, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"window": 0}, {"window": 1.1}, {"window": np.nan}, {"hop": 0}, {"hop": -1}],
)
def test_windows_that_are_not_possible(run, options):
    (name,) = options
    with pytest.raises(UsageError, match=f"^{name} must be a number in "):
        predict(run, "a.wav", **options)


@pytest.mark.parametrize("seconds", [1.0, 1.4])
def test_audio_of_about_a_clip_is_one_window(tmp_path, run, samples, seconds):
    y = samples(seconds)
    (found,) = predict(run, [write(tmp_path / "clip.wav", y)])
    assert len(found.windows) == 1
    start = probabilities(run, write(tmp_path / "start.wav", y[:RATE]))
    np.testing.assert_allclose([found.probabilities], start, atol=1e-6)


def test_short_audio_is_repeated(tmp_path, run, samples):
    y = samples(0.3)
    (found,) = predict(run, [write(tmp_path / "short.wav", y)])
    assert (len(found.windows), found.seconds) == (1, pytest.approx(0.3))
    assert (found.start[0], found.end[0]) == (0, pytest.approx(0.3))
    repeated = np.tile(y, (4, 1))[:RATE]
    expected = probabilities(run, write(tmp_path / "repeated.wav", repeated))
    np.testing.assert_allclose([found.probabilities], expected, atol=1e-6)


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
        assert (p.windows.shape, p.top(run.scenes, 3)) == ((0, 4), [])
    np.testing.assert_allclose(
        [found[1].probabilities, found[6].probabilities], probabilities(run, *good)
    )


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "there is not enough memory to read it."),
        (OverflowError("too large"), "it cannot be read (OverflowError: too large)."),
        (ValueError("odd"), "it cannot be read (ValueError: odd)."),
        (RuntimeError("libsndfile"), "it cannot be read (RuntimeError: libsndfile)."),
    ],
)
def test_no_error_of_one_file_stops_the_others(
    run, few_clips, monkeypatch, error, sentence
):
    good = sorted((few_clips / "audio").iterdir())[:3]
    stream_audio = sources.stream_audio

    def failing(path, spec, **options):
        if path == good[1]:
            raise error
        return stream_audio(path, spec, **options)

    monkeypatch.setattr(sources, "stream_audio", failing)
    found = list(predict(run, good))
    assert [p.error for p in found] == ["", sentence, ""]


def test_an_error_after_some_windows(run, few_clips, monkeypatch):
    good = sorted((few_clips / "audio").iterdir())[:2]
    stream_audio = sources.stream_audio

    def broken(blocks):
        yield from blocks
        yield from blocks_of_noise
        raise InputError("the file is damaged.")

    @contextmanager
    def failing(path, spec, **options):
        with stream_audio(path, spec, **options) as stream:
            blocks = broken(stream.blocks()) if path == good[0] else stream.blocks()
            yield SimpleNamespace(blocks=lambda: blocks, seconds=30.0, note="")

    blocks_of_noise = [np.ones((1, 30 * RATE), np.float32)]
    monkeypatch.setattr(sources, "stream_audio", failing)
    bad, one = predict(run, good)
    assert (bad.error, bad.windows.shape) == ("the file is damaged.", (0, 4))
    assert one.error == ""


def test_an_interruption_is_no_error_of_a_file(run, few_clips, monkeypatch):
    def interrupted(path, spec, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sources, "stream_audio", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(predict(run, few_clips))


def test_names_and_files_that_are_too_short_or_too_long(tmp_path, run, samples):
    y = samples(1.0)
    good = write(tmp_path / "good.wav", y)
    short = write(tmp_path / "short.wav", y[:1], rate=192_000)
    found = list(predict(run, ["x" * 5000, short, good]))
    assert "too long" in found[0].error and "too short" in found[1].error
    assert [bool(p.error) for p in found] == [True, True, False]
    with pytest.raises(UsageError, match=r"audio must be a path"):
        predict(run, [good, "a\0b"])


# The model


def save_model(run, outputs=4, *, factor=1.0, shape=(16, 16, 1)):
    """Put another model in place of that of a run."""
    from asc.pipeline.tensorflow import keras

    inputs = keras.Input(shape)
    dense = keras.layers.Dense(outputs, activation="softmax")
    model = keras.Model(inputs, dense(keras.layers.Flatten()(inputs)))
    model.set_weights([weights * factor for weights in model.get_weights()])
    model.save(run.path / "model.keras")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"outputs": 7}, r"its output does not fit .* \(None, 7\), .* \(None, 4\)"),
        ({"shape": (16, 8, 1)}, r"its input does not fit .* \(None, 16, 8, 1\)"),
    ],
)
def test_a_model_of_another_shape(tmp_path, store, few_clips, options, sentence):
    run = make_run(tmp_path / "run", store)
    save_model(run, **options)
    for ask in (lambda: predict(run, few_clips), lambda: evaluate(run, store=store)):
        with pytest.raises(
            InputError, match=rf"model\.keras cannot be used: {sentence}"
        ):
            ask()


def test_a_model_that_gives_no_numbers(tmp_path, store, few_clips):
    run = make_run(tmp_path / "run", store)
    save_model(run, factor=np.nan)
    found = list(predict(run, few_clips))
    assert {p.error for p in found} == {
        "the model's output for it is NaN or not in [0, 1]."
    }
    with pytest.raises(InputError, match="gives NaN .* for 24 of 24 clips"):
        evaluate(run, store=store, part="all")


def test_shifts_are_averaged_as_in_an_evaluation(run, few_clips):
    result = evaluate(run, tta=3)
    files = [few_clips / path for path in result.paths]
    given = [found.probabilities for found in predict(run, files, tta=3)]
    np.testing.assert_allclose(given, result.averaged.probabilities, atol=1e-5)
    assert not np.allclose(given, result.probabilities, atol=1e-3)
    with pytest.raises(UsageError, match=r"tta must be a whole number in \[1, 16\]"):
        predict(run, files, tta=17)


def test_probabilities_at_the_temperature_of_the_run(run, store, few_clips, tmp_path):
    temperature = evaluate(run).metrics.temperature.value
    files = sorted((few_clips / "audio").iterdir())[::5]
    plain = probabilities(run, *files)
    found = predict(run, files, calibrated=True)
    assert found.notes == (f"probabilities are at the temperature {temperature:.2f}.",)
    given = np.array([one.probabilities for one in found])
    expected = apply_temperature(plain, temperature)
    np.testing.assert_allclose(given, expected, atol=1e-5)
    assert (given.argmax(axis=1) == plain.argmax(axis=1)).all()
    lost = Run(run.path)
    lost.store = lost.store | {"path": str(tmp_path / "nowhere.h5")}
    with pytest.raises(InputError, match="has no temperature to calibrate with"):
        predict(lost, files, calibrated=True)


def make_folds(path, store, names=("fold1", "fold2", "fold10")):
    """Make a run of all folds whose models differ."""
    create_run(path, Recipe(model="dense", split="folds"), store)
    for number, name in enumerate(names):
        fold = make_run(path / name, store)
        save_model(fold, factor=number - 1.0)
    return Run(path)


def test_models_of_folds_are_averaged(tmp_path, store, few_clips):
    run = make_folds(tmp_path / "run", store)
    (run.path / "metrics.json").write_text("{}")
    files = sorted((few_clips / "audio").iterdir())[:3]
    each = [
        probabilities(run.path / name, *files) for name in ("fold1", "fold2", "fold10")
    ]
    found = predict(run.path, files)
    assert found.notes == (
        f"{run.path}: the probabilities of 3 models are averaged, one a fold.",
    )
    given = [p.probabilities for p in found]
    np.testing.assert_allclose(given, np.mean(each, axis=0), atol=1e-6)
    assert np.ptp(each, axis=0).max() > 0.01


def test_an_unfinished_run_of_folds(tmp_path, store, few_clips):
    run = make_folds(tmp_path / "run", store, ["fold1", "fold2"])
    (run.path / "fold2" / "model.keras").unlink()
    found = predict(run, few_clips / "audio" / "a000_0_1.wav")
    assert "not finished, 1 fold has a model so far" in found.notes[1]
    (run.path / "fold1" / "model.keras").unlink()
    with pytest.raises(InputError, match="no epoch of any fold was finished"):
        predict(run, few_clips)


def test_folds_of_another_training(tmp_path, store, few_clips):
    run = make_folds(tmp_path / "run", store, ["fold1", "fold2"])
    other = make_run(tmp_path / "other", store, "stft")
    shutil.rmtree(run.path / "fold2")
    (run.path / "fold2").symlink_to(other.path)  # not followed
    assert "of 1 models" in predict(run, few_clips).notes[0]
    (run.path / "fold2").unlink()
    shutil.copytree(other.path, run.path / "fold2")
    with pytest.raises(InputError, match="fold2 is not a fold of"):
        predict(run, few_clips)


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


def test_what_a_folder_holds_beside_audio_is_told(tmp_path, run, samples):
    folder = tmp_path / "audio"
    y = samples(1.0)
    write(folder / "a.wav", y)
    os.mkfifo(tmp_path / "pipe.wav")
    write(folder / ".ipynb_checkpoints" / "a-checkpoint.wav", y)
    (folder / "phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    (folder / "gone.wav").symlink_to("../annex/gone.wav")
    found = predict(run, folder)
    notes = "\n".join(found.notes)
    assert "1 .m4a" in notes and "ffmpeg -i phone.m4a phone.wav" in notes
    assert "ipynb_checkpoints" in notes
    good, gone = found
    assert (good.path, good.error) == (folder / "a.wav", "")
    assert gone.path == folder / "gone.wav"
    assert "missing" in gone.error or "not there" in gone.error
    phone, pipe = predict(run, [folder / "phone.m4a", tmp_path / "pipe.wav"])
    assert phone.error.endswith(f"ffmpeg -i {folder}/phone.m4a {folder}/phone.wav")
    assert "asc predict RUN - < PIPE" in pipe.error


def test_a_folder_without_audio_does_not_stop_the_others(tmp_path, run, samples):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("not audio")
    good = write(tmp_path / "good.wav", samples(1.0))
    none, other, one = predict(run, [empty, run.path, good])
    assert predict(run, run.path).notes == ()  # its files are no audio left out
    assert none.error == "there is no audio in this folder."
    assert other.error == f"{run.path} is a run folder, not a folder of audio."
    assert (one.path, one.error) == (good, "")


def test_another_kind_of_file_is_named(run, small_store):
    (found,) = predict(run, small_store)
    assert found.error == f"{small_store} is a store, not an audio file."


def test_swapped_arguments(run, few_clips):
    file = few_clips / "audio" / "a000_0_1.wav"
    with pytest.raises(InputError) as caught:
        predict(str(file), run.path)
    assert str(caught.value) == (
        f"{file} is an audio file, not a run folder. The run folder comes first: asc"
        " predict RUN AUDIO..."
    )


@pytest.mark.parametrize("source", ["", 5, [""], [5]])
def test_what_is_no_path(run, source):
    with pytest.raises(UsageError, match="^audio must be "):
        predict(run, source)


@pytest.mark.skipif(sys.platform == "darwin", reason="names must be UTF-8 there")
def test_a_name_that_is_not_utf8(tmp_path, run, samples):
    folder = tmp_path / "audio"
    path = folder / os.fsdecode(b"caf\xe9.wav")
    write(folder / "a.wav", samples(1.0)).rename(path)
    for source in (path, os.fsencode(path), folder):
        (found,) = predict(run, source)
        assert (found.path, found.error) == (path, "")


# Standard input


@pytest.fixture
def standard_input(monkeypatch):
    """Return the function that sends bytes to standard input."""

    def send(data):
        stream = io.TextIOWrapper(io.BytesIO(data))
        monkeypatch.setattr(sys, "stdin", stream)

    return send


def test_standard_input(tmp_path, run, samples, standard_input, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    file = write(tmp_path / "a.wav", samples(2.0))
    expected = probabilities(run, file)
    standard_input(file.read_bytes())
    (found,) = predict(run, "-")
    assert (str(found.path), found.seconds, len(found.windows)) == ("-", 2.0, 2)
    np.testing.assert_allclose([found.probabilities], expected, atol=1e-6)
    assert not list((tmp_path / "tmp").iterdir())


def test_standard_input_that_cannot_be_used(run, standard_input, monkeypatch):
    standard_input(b"")
    (found,) = predict(run, ["-"])
    assert found.error == "standard input is empty."
    standard_input(b"not audio")
    (found,) = predict(run, ["-"])
    assert "not readable" in found.error
    monkeypatch.setattr(sources, "_MOST_INPUT_BYTES", 5)
    standard_input(b"RIFF....")
    (found,) = predict(run, ["-"])
    assert "too large" in found.error
    monkeypatch.setattr(sys, "stdin", None)
    (found,) = predict(run, ["-"])
    assert "asc predict RUN -" in found.error


def test_what_is_no_run(tmp_path, few_clips):
    with pytest.raises(InputError, match="is not a run folder"):
        predict(tmp_path, [few_clips])


def test_a_run_without_a_model(tmp_path, small_store, few_clips):
    run = create_run(tmp_path / "run", Recipe(), FeatureStore(small_store))
    with pytest.raises(InputError, match="no epoch was finished"):
        predict(run, [few_clips])


# Results


def test_the_most_probable_scenes(tmp_path):
    windows = np.array([[0.1, 0.4, 0.1, 0.4], [0.1, 0.4, 0.1, 0.4]])
    given = Prediction(tmp_path, windows, np.arange(2), np.arange(1, 3))
    scenes = ("beach", "bus", "home", "tram")
    assert given.top(scenes, 3) == [("bus", 0.4), ("tram", 0.4), ("beach", 0.1)]
    assert len(given.top(scenes, 9)) == 4
    assert all(type(value) is float for _, value in given.top(scenes, 4))
