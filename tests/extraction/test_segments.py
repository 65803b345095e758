"""Segments: columns start and end of a table, from the corpus to the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc.audio import AudioFile
from asc.corpus import Clip, make_splits, open_corpus
from asc.corpus.duplicates import equal_files
from asc.corpus.headers import read_headers
from asc.corpus.leakage import Origins
from asc.corpus.segments import Span, segment_path, split_segment
from asc.corpus.summary import summarise
from asc.errors import InputError, SettingsMismatch
from asc.features import FeatureSpec, fit, read_audio, read_clip
from asc.features.audio import ClipAudio
from asc.store import FeatureStore
from asc.store.verification import verify

RATE = 8000


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    """Return noise whose level rises, so that each second is different."""
    rng = np.random.default_rng(seed)
    level = np.linspace(0.02, 0.5, round(seconds * RATE))
    return (level * rng.uniform(-1, 1, len(level))).astype(np.float32)


def table(root: Path, *rows: str, header: str = "path,label,start,end") -> Path:
    file = root / "t.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """Return a table of two files of 4 s, one in four segments, one as a whole."""
    soundfile.write(tmp_path / "day.flac", sound(4), RATE)
    soundfile.write(tmp_path / "whole.flac", sound(4, seed=1), RATE)
    rows = [f"day.flac,{'ab'[n % 2]},{n},{n + 1}" for n in range(4)]
    return table(tmp_path, *rows, "whole.flac,a,,")


# Paths


@pytest.mark.parametrize(
    ("span", "path"),
    [
        (Span(0, 10), "a/b.wav#t=0,10"),
        (Span(1.5, 2.25), "a/b.wav#t=1.5,2.25"),
        (Span(1 / 3, None), "a/b.wav#t=0.333333"),
        (None, "a/b.wav"),
    ],
)
def test_the_path_of_a_segment(span, path):
    assert segment_path("a/b.wav", span) == path
    file, found = split_segment(path)
    assert file == "a/b.wav"
    assert (found is None) == (span is None)
    assert found is None or found.start == pytest.approx(span.start, abs=1e-6)


def test_the_columns_of_a_table(tmp_path):
    corpus = open_corpus(
        table(
            tmp_path,
            "a.wav,x,0,2.50",
            "a.wav,y,2.5,4",
            "a.wav,y,2.5,4.0",
            "b.wav,y,3,",
            "c.wav,y,,1",
            "d.wav,y,,",
            "e.wav,y,4,4",
            "f.wav,y,00:01,2",
            "g.wav,y,-1,2",
            "h.wav,y,0,inf",
            "i.wav#t=0,y,,",
        )
    )
    assert corpus.clips == (
        Clip("a.wav#t=0,2.5", "x", "a.wav"),
        Clip("a.wav#t=2.5,4", "y", "a.wav"),
        Clip("b.wav#t=3", "y", "b.wav"),
        Clip("c.wav#t=0,1", "y", "c.wav"),
        Clip("d.wav", "y", "d.wav"),
    )
    assert [str(problem).split(": ", 1)[1] for problem in corpus.problems] == [
        "a.wav#t=2.5,4 was listed before (t.csv line 3), with the same label.",
        "e.wav: the segment from 4 to 4 s is empty.",
        "f.wav: the start '00:01' is not a number of seconds.",
        "g.wav: the start '-1' is not a number of seconds.",
        "h.wav: the end 'inf' is not a number of seconds.",
        "the path i.wav#t=0 ends as that of a segment does.",
    ]


@pytest.mark.parametrize("names", ["onset,offset", "start_time,end_time"])
def test_other_names_of_the_columns(tmp_path, names):
    file = table(tmp_path, "a.wav,x,1,2", header=f"path,label,{names}")
    assert open_corpus(file).clips[0].path == "a.wav#t=1,2"


def test_segments_of_one_file_are_one_recording(tmp_path):
    rows = [f"{f}.wav,{'xy'[f % 2]},{n},{n + 1}" for f in range(20) for n in range(5)]
    corpus = open_corpus(table(tmp_path, *rows))
    assert corpus.recordings == tuple(sorted(f"{f}.wav" for f in range(20)))
    splits = make_splits(corpus)
    assert splits["recording"].leakage == 0
    assert splits["random"].leakage > 0.9
    # Most segments in test touch one in train, and none of another file does.
    assert 0.5 < splits["random"].adjacent <= splits["random"].leakage


def test_segments_that_touch_in_time():
    paths = ["a#t=0,1.5", "a#t=1.5,2", "a#t=2.001,3", "b#t=3,4", "b#t=4", "b#t=9,10"]
    rows = np.arange(6)
    train, test = rows[[0, 3, 4]], rows[[1, 2, 5]]
    files = Origins([path[0] for path in paths], paths)
    assert files.split("s", train, rows[:0], test).adjacent == pytest.approx(2 / 3)
    # Of one recording in two files, the order in time is not known.
    together = Origins(["r"] * 6, paths)
    assert together.split("s", train, rows[:0], test).adjacent is None


def test_a_recording_that_the_table_names(tmp_path):
    header = "path,label,start,end,recording"
    corpus = open_corpus(table(tmp_path, "a.wav,x,0,1,r7", header=header))
    assert corpus.recordings == ("r7",)


# Audio


def read(path: Path, rate: int = RATE) -> ClipAudio:
    """Read a clip of half a second."""
    return read_clip(path, FeatureSpec.for_audio(rate, 0.5))


@pytest.mark.parametrize("rate", [RATE, 16_000])
@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_a_segment_is_what_the_whole_file_has_there(tmp_path, ending, rate):
    soundfile.write(tmp_path / f"x.{ending}", sound(4), RATE)
    audio = read(tmp_path / f"x.{ending}#t=1.5,2.25", rate)
    assert (audio.sample_rate, audio.seconds) == (RATE, 0.75)
    whole = read_audio(tmp_path / f"x.{ending}")
    part = whole.samples[round(1.5 * RATE) : round(2.25 * RATE)]
    expected = fit(replace(whole, samples=part), FeatureSpec.for_audio(rate, 0.5))
    atol = 1e-3 if ending == "mp3" else 1e-6  # a decoder that starts in the middle
    np.testing.assert_allclose(audio.y, expected, atol=atol)


def test_a_segment_decodes_no_more_than_its_samples(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "x.flac", sound(4), RATE)
    lengths = []
    decode = AudioFile.read

    def counting(self, count):
        samples = decode(self, count)
        lengths.append(len(samples))
        return samples

    monkeypatch.setattr(AudioFile, "read", counting)
    read(tmp_path / "x.flac#t=1,1.25")
    assert sum(lengths) == RATE // 4


@pytest.mark.parametrize("span", ["3,5", "4,5", "9"])
def test_a_segment_that_the_file_does_not_hold(tmp_path, span):
    soundfile.write(tmp_path / "x.wav", sound(4), RATE)
    corpus = open_corpus(table(tmp_path, f"x.wav,a,{span}{',' * ('9' in span)}"))
    (problem,) = read_headers(corpus)
    assert problem.message.startswith("the segment is ")
    assert problem.message.endswith(" s of a file of 4 s.")
    with pytest.raises(InputError, match="the segment is .* s of a file of 4 s"):
        read(tmp_path / f"x.wav#t={span}")


@pytest.mark.parametrize("ends", [True, False])
def test_a_segment_of_a_file_whose_length_only_decoding_tells(tmp_path, ends):
    """FLAC from a pipe has no length in its header."""
    soundfile.write(tmp_path / "x.flac", sound(4), RATE)
    data = bytearray((tmp_path / "x.flac").read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    (tmp_path / "x.flac").write_bytes(data)
    expected = sound(4)[3 * RATE : round(3.5 * RATE)]
    audio = read(tmp_path / ("x.flac#t=3,3.75" if ends else "x.flac#t=3"))
    np.testing.assert_allclose(audio.y[0], expected, atol=1e-4)
    assert audio.seconds == (0.75 if ends else 1.0)
    for span in ("3.8,5", "9,10", "9"):
        expected = "the segment is .* s of a file of (4 s|less)"
        with pytest.raises(InputError, match=expected):
            read(tmp_path / f"x.flac#t={span}")


def test_a_length_that_a_table_has_rounded_up(tmp_path):
    soundfile.write(tmp_path / "x.wav", sound(3.98), RATE)
    assert read(tmp_path / "x.wav#t=3,4").seconds == pytest.approx(0.98)


# Store


def test_a_store_of_segments(tmp_path, day, extract):
    """Its rows are those of the same audio in files of its own."""
    report = extract(day, settings={"seconds": 1.0})
    assert report.complete
    store = FeatureStore(report.store)
    assert store.paths() == [
        *(f"day.flac#t={n},{n + 1}" for n in range(4)),
        "whole.flac",
    ]
    assert store.recordings() == ["day.flac"] * 4 + ["whole.flac"]
    assert store.measured("seconds").tolist() == [1, 1, 1, 1, 4]
    parts = tmp_path / "parts"
    samples = read_audio(tmp_path / "day.flac").samples
    for n in range(4):
        (parts / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
        piece = samples[n * RATE : (n + 1) * RATE]
        soundfile.write(parts / "ab"[n % 2] / f"{n}.wav", piece, RATE, subtype="FLOAT")
    other = FeatureStore(extract(parts, parts / "s.h5").store)
    of_segment = {n: store.features("mel")[n] for n in range(4)}
    for path, row in zip(other.paths(), other.features("mel"), strict=True):
        np.testing.assert_array_equal(row, of_segment[int(Path(path).stem)])
    assert list(verify(store, audio=tmp_path, sample=5)) == []


def test_segments_of_a_file_that_has_changed_are_computed_again(
    tmp_path, day, extract, computed
):
    for _ in range(2):
        extract(day)
        assert len(computed) == 5
    soundfile.write(tmp_path / "day.flac", sound(4, seed=3), RATE)
    with pytest.raises(SettingsMismatch, match="4 source files have changed"):
        extract(day)
    extract(day, update=True)
    assert computed[5:] == [f"day.flac#t={n},{n + 1}" for n in range(4)]


def test_segments_are_equal_where_file_and_place_are(tmp_path):
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", sound(4), RATE)
    rows = [f"{name}.wav,x,{start},{start + 1}" for name in "ab" for start in (0, 1)]
    groups = equal_files(open_corpus(table(tmp_path, *rows)))
    assert groups[0] == groups[2] != groups[1] == groups[3]
    assert (groups >= 0).all()


def test_the_header_of_a_file_is_read_once(day, monkeypatch):
    seen = []
    facts = summarise(open_corpus(day), progress=lambda done, total: seen.append(total))
    assert seen == [2]
    assert facts["seconds"] == 8.0
    assert facts["clip_seconds"] == {"min": 1.0, "median": 1.0, "max": 4.0}
