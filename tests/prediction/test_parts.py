"""What is read: features of windows, audio in memory and through ffmpeg, patterns."""

from __future__ import annotations

import itertools
import os
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from asc.errors import UsageError
from asc.features import FeatureSpec, FrontEnd, cut, read_audio, read_clip, resampled
from asc.prediction import parts
from asc.prediction.parts import compute_parts
from asc.prediction.reading import Reading, Windows
from asc.prediction.sources import Source, check_samples, find_sources

RATE = 44100
SPEC = FeatureSpec(sample_rate=RATE, seconds=0.5, rows=16, columns=16)
LENGTH = SPEC.samples
FRONTEND = FrontEnd(SPEC, "mel")


def feature(y):
    return FRONTEND(y)["mel"]


def noise(seconds, channels=1, rate=RATE, seed=0):
    values = np.random.default_rng(seed).normal(
        0, 0.05, (channels, int(seconds * rate))
    )
    return np.round(values * 2**15).astype(np.int16)  # nothing is rounded in a file


def write(path, y, rate=RATE, subtype="PCM_16"):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y.T, rate, subtype=subtype)
    return path


def features_of(*sources, hop=LENGTH):
    """Return the features of all windows of each source, and its prediction."""
    readings = [Reading(source, Windows(SPEC, LENGTH, hop)) for source in sources]
    found = {reading: {} for reading in readings}
    for reading, first, part in compute_parts(readings, feature):
        for number, each in enumerate(part, start=first):
            found[reading][number] = each
            reading.take(number, np.ones(1, np.float32))
    assert all(reading.finished for reading in readings)
    return [
        (np.array([found[r][n] for n in sorted(found[r])]), r.result(1))
        for r in readings
    ]


def of_file(path):
    return Source(path, path)


# The same features as in a store


def test_windows_have_the_features_that_clips_of_them_have(tmp_path):
    y = noise(8.2, channels=2)
    ((found, prediction),) = features_of(of_file(write(tmp_path / "long.wav", y)))
    assert len(found) == len(prediction.start) == 17
    for values, start in zip(found, prediction.start, strict=True):
        begin = round(start * RATE)
        clip = write(tmp_path / "clip.wav", y[:, begin : begin + LENGTH])
        np.testing.assert_array_equal(values, feature(read_clip(clip, SPEC).y))


@pytest.mark.parametrize("rate", [8000, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_windows_of_other_rates_are_those_of_the_whole(tmp_path, rate, channels):
    path = write(tmp_path / "a.flac", noise(3, channels, rate), rate, "PCM_24")
    ((found, prediction),) = features_of(of_file(path), hop=LENGTH // 2)
    whole = resampled(read_audio(path), SPEC)
    assert len(found) == 11
    for values, start in zip(found, prediction.start, strict=True):
        y = cut(whole, round(start * RATE), SPEC)
        np.testing.assert_array_equal(values, feature(y))


# Threads


def test_long_and_short_files_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(parts.environment, "usable_cores", lambda: 3)
    lengths = [6.0, 0.5, 0.2, 5.5, 1.0, 0.5]
    paths = [
        write(tmp_path / f"{number}.wav", noise(seconds, seed=number))
        for number, seconds in enumerate(lengths)
    ]
    together = features_of(*map(of_file, paths))
    for path, (found, prediction) in zip(paths, together, strict=True):
        ((alone, expected),) = features_of(of_file(path))
        np.testing.assert_array_equal(found, alone)
        np.testing.assert_array_equal(prediction.start, expected.start)
        assert prediction.seconds == expected.seconds


class Endless(Source):
    """A recording without an end."""

    read = 0

    @contextmanager
    def stream(self, spec, *, truncated):
        def blocks():
            while True:
                self.read += 1
                yield np.zeros((1, LENGTH), np.float32)

        yield SimpleNamespace(seconds=0.0, note="", blocks=blocks)


def test_memory_does_not_grow_with_a_recording(monkeypatch):
    monkeypatch.setattr(parts.environment, "usable_cores", lambda: 2)
    source = Endless(Path("a"), Path("a"))
    reading = Reading(source, Windows(SPEC, LENGTH, LENGTH))
    with closing(compute_parts([reading], lambda y: y[:, :1])) as found:
        windows = sum(len(part) for _, _, part in itertools.islice(found, 50))
        assert windows == 400
        most = parts._PART * (2 + parts._WAITING + 2)  # nobody has asked for more
        assert source.read - windows <= most


def test_features_that_fail_are_an_error_of_their_file(tmp_path):
    paths = [write(tmp_path / f"{n}.wav", noise(6, seed=n)) for n in range(2)]
    readings = [Reading(of_file(p), Windows(SPEC, LENGTH, LENGTH)) for p in paths]
    calls = itertools.count()

    def failing(y):
        if next(calls) == 3:
            raise MemoryError
        return y[:, :1]

    for reading, first, part in compute_parts(readings, failing):
        for number, _ in enumerate(part, start=first):
            reading.take(number, np.ones(1, np.float32))
    assert [reading.finished for reading in readings] == [True, True]
    errors = [reading.result(1).error for reading in readings]
    assert sorted(errors) == ["", "there is not enough memory to read it."]


def test_a_file_without_samples(tmp_path):
    ((found, prediction),) = features_of(of_file(write(tmp_path / "a.wav", noise(0))))
    assert (len(found), prediction.error) == (0, "the file has no samples.")


def test_a_task_takes_several_short_files(tmp_path, monkeypatch):
    monkeypatch.setattr(parts.environment, "usable_cores", lambda: 1)
    paths = [write(tmp_path / f"{n}.wav", noise(0.5, seed=n)) for n in range(20)]
    tasks = []
    in_threads = parts.parallel.in_threads

    def counted(compute, *arguments, **options):
        def watched(task):
            tasks.append(compute(task))
            return tasks[-1]

        return in_threads(watched, *arguments, **options)

    monkeypatch.setattr(parts.parallel, "in_threads", counted)
    found = features_of(*map(of_file, paths))
    assert [len(values) for values, _ in found] == [1] * 20
    windows = [sum(len(part) for _, _, part in task) for task in tasks]
    assert max(windows) == parts._PART and sum(windows) == 20 and len(tasks) < 6


# Audio in memory


def test_samples_in_memory_are_as_those_of_a_file(tmp_path):
    y = noise(1.2, channels=2)
    path = write(tmp_path / "a.wav", y)
    arrays = [y, soundfile.read(path)[0].T, soundfile.read(path, dtype="int32")[0].T]
    sources, _ = find_sources([*arrays, y[0]], RATE)
    ((expected, _),) = features_of(of_file(path))
    *found, (mono, _) = features_of(*sources)
    for values, prediction in found:
        np.testing.assert_array_equal(values, expected)
        assert prediction.seconds == pytest.approx(1.2)
    ((alone, _),) = features_of(of_file(write(tmp_path / "b.wav", y[:1])))
    np.testing.assert_array_equal(mono, alone)
    assert [str(source.path) for source in sources] == [
        f"array {number}" for number in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize(
    ("y", "rate", "sentence"),
    [
        (np.zeros((2, 2, 2)), RATE, "must have the shape"),
        (np.zeros(0), RATE, "must have the shape"),
        (np.zeros((RATE, 2)), RATE, "must have the shape"),  # as soundfile has them
        (np.zeros(9, complex), RATE, "must have the shape"),
        (np.zeros(9), None, "needs sample_rate"),
        (np.zeros(9), 0, "sample_rate must be"),
    ],
)
def test_arrays_that_are_no_audio(y, rate, sentence):
    with pytest.raises(UsageError, match=sentence):
        check_samples("audio", y, rate)


def test_samples_that_are_no_numbers():
    (source,), _ = find_sources([np.full(9, np.nan)], RATE)
    assert "NaN" in source.error


# Patterns


def test_patterns_of_paths(tmp_path):
    for name in ("b.wav", "a.wav", "x/c.wav", "[1].wav"):
        write(tmp_path / name, noise(0.1))

    def found(pattern):
        sources, _ = find_sources([tmp_path / pattern])
        return [str(source.path.relative_to(tmp_path)) for source in sources]

    assert found("?.wav") == ["a.wav", "b.wav"]
    assert found("**/c.*") == ["x/c.wav"]
    assert found("[1].wav") == ["[1].wav"]  # a file of that name
    assert found("z*.wav") == ["z*.wav"]  # reported as missing


# ffmpeg


@pytest.fixture
def fake_ffmpeg(tmp_path, monkeypatch):
    """Return a function that puts a shell script in the place of ffmpeg."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def install(script):
        program = folder / "ffmpeg"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return install


def test_ffmpeg_decodes_into_a_pipe(tmp_path, fake_ffmpeg):
    y = noise(1.3, channels=2, rate=48000)
    wav = write(tmp_path / "a.wav", y, 48000)
    decoded = tmp_path / "decoded.au"
    soundfile.write(decoded, y.T / 2**15, 48000, subtype="FLOAT", format="AU")
    phone = tmp_path / "phone" / "-a.m4a"
    phone.parent.mkdir()
    phone.write_bytes(b"\0\0\0\x20ftypM4A ")
    fake_ffmpeg(f'echo "$@" > {tmp_path}/given; cat {decoded}')
    (source,), notes = find_sources([phone.parent])
    assert (source.name, notes) == ("-a.m4a", [])
    ((expected, whole),) = features_of(of_file(wav))
    ((found, prediction),) = features_of(source)
    np.testing.assert_array_equal(found, expected)
    assert prediction.seconds == whole.seconds == 1.3
    given = (tmp_path / "given").read_text()
    assert f"-f mov -i file:{phone} " in given  # not an option, not a playlist


def test_damage_that_ffmpeg_reports(tmp_path, fake_ffmpeg):
    decoded = tmp_path / "decoded.au"
    soundfile.write(decoded, np.zeros(9000), RATE, subtype="FLOAT", format="AU")
    phone = tmp_path / "a.webm"
    phone.write_bytes(b"\x1aE\xdf\xa3")
    fake_ffmpeg(f"cat {decoded}; echo '[matroska @ 0x55] ended early.' >&2")
    ((_, prediction),) = features_of(of_file(phone))
    assert prediction.error.startswith("ffmpeg found damage (ended early). Add --acc")
    reading = Reading(of_file(phone), Windows(SPEC, LENGTH, LENGTH, True))
    reading.read(8)
    reading.take(0, np.ones(1, np.float32))
    accepted = reading.result(1)
    assert accepted.error == ""
    assert accepted.note == "ffmpeg found damage (ended early)."


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo no moov atom. >&2; exit 1", "ffmpeg cannot decode it (no moov atom)."),
        ("exit 0", "ffmpeg cannot decode it (no audio)."),
        ("head -c 5000 {}; echo damaged >&2; exit 1", "cannot decode it (damaged)."),
    ],
)
def test_what_ffmpeg_cannot_decode(tmp_path, fake_ffmpeg, script, sentence):
    decoded = tmp_path / "decoded.au"
    soundfile.write(decoded, np.zeros(9000), RATE, subtype="FLOAT", format="AU")
    phone = tmp_path / "a.m4a"
    phone.write_bytes(b"\0\0\0\x20ftypM4A ")
    fake_ffmpeg(script.replace("{}", str(decoded)))
    ((_, prediction),) = features_of(of_file(phone))
    assert prediction.error.endswith(sentence)
