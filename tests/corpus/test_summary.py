"""Headers, and the summary of a corpus with its text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from world import run_python

from asc.audio import MISSING
from asc.corpus import Clip, Corpus, Problem, open_corpus
from asc.corpus.description import describe
from asc.corpus.headers import Header, read_header, read_headers
from asc.corpus.summary import summarise
from asc.errors import InputError


def audio(
    path: Path,
    seconds: float = 0.5,
    rate: int = 8000,
    channels: int = 1,
    subtype: str = "PCM_16",
) -> Path:
    """Write silence; return the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.zeros((round(seconds * rate), channels))
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


@pytest.fixture
def corpus(tmp_path) -> Corpus:
    """Ten clips of 0.5 s in five recordings, and two others of a tram."""
    rows = ["path,label,recording,fold"]
    for number in range(10):
        audio(tmp_path / f"cafe{number}.wav")
        rows.append(f"cafe{number}.wav,cafe/restaurant,r{number // 2},{number % 2}")
    audio(tmp_path / "tram0.flac", 1.25, 44_100, 2, "PCM_24")
    audio(tmp_path / "tram1.flac", 60.0, 8000, 2, "PCM_24")
    rows += ["tram0.flac,tram,t0,0", "tram1.flac,tram,t1,1"]
    (tmp_path / "clips.csv").write_text("\n".join(rows))
    return open_corpus(tmp_path / "clips.csv")


def metadata_only(root: Path, clips: int) -> Corpus:
    root.mkdir(exist_ok=True)
    (root / "meta.txt").write_text(
        "".join(f"audio/r{n // 10}_{n}_{n + 1}.wav\tpark\n" for n in range(clips))
    )
    return open_corpus(root)


# Headers


def test_a_header(tmp_path):
    header = read_header(audio(tmp_path / "a.wav", 0.25, 48_000, 3, "FLOAT"))
    assert header == Header(48_000, 3, 12_000, "WAV FLOAT")
    assert header.seconds == 0.25


def test_headers_are_in_the_order_of_clips(corpus):
    headers = read_headers(corpus)
    assert [header.seconds for header in headers] == [0.5] * 10 + [1.25, 60.0]


def test_many_headers_and_their_progress(tmp_path):
    seen = []
    headers = read_headers(
        metadata_only(tmp_path, 150), progress=lambda done, total: seen.append(done)
    )
    assert seen == [64, 128, 150]
    assert len(headers) == 150


def test_why_there_is_no_header(tmp_path):
    (tmp_path / "text.wav").write_text("This is not audio.")
    (tmp_path / "text.raw").write_text("This is not audio.")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "folder.wav").mkdir()
    audio(tmp_path / "silent.wav", seconds=0)
    expected = {
        "empty.wav": "the file is empty (0 bytes).",
        "folder.wav": "the file is not a regular file.",
        "gone.wav": MISSING,
        "silent.wav": "the file has no samples.",
        "text.raw": "not readable as audio (",
        "text.wav": "not readable as audio (Format not recognised).",
    }
    corpus = Corpus(
        tmp_path, "bad", "table", tuple(Clip(name, "a", "r") for name in expected)
    )
    for problem, (name, message) in zip(
        read_headers(corpus), expected.items(), strict=True
    ):
        assert isinstance(problem, Problem)
        assert problem.where == name
        assert problem.message.startswith(message)
        with pytest.raises(InputError, match="file|audio"):
            read_header(tmp_path / name)


def test_an_interruption_does_not_wait_for_the_rest(tmp_path, monkeypatch):
    read = []

    def slow(path, **options):
        read.append(path)
        raise InputError(MISSING)

    def interrupt(done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr("asc.corpus.headers.read_header", slow)
    with pytest.raises(KeyboardInterrupt):
        read_headers(metadata_only(tmp_path, 20_000), progress=interrupt)
    assert len(read) < 20_000


# Summary


def test_summary(corpus):
    summary = summarise(corpus)
    splits = summary.pop("splits")
    assert summary == {
        "name": corpus.name,
        "format": "table",
        "root": str(corpus.root),
        "clips": 12,
        "scenes": {
            "cafe/restaurant": {"clips": 10, "recordings": 5, "seconds": 5.0},
            "tram": {"clips": 2, "recordings": 2, "seconds": 61.25},
        },
        "recordings": 7,
        "without_recording": 0,
        "groups": {},
        "seconds": 66.25,
        "clip_seconds": {"min": 0.5, "median": 0.5, "max": 60.0},
        "unknown_lengths": 0,
        "formats": [
            {"format": "WAV PCM_16", "sample_rate": 8000, "channels": 1, "clips": 10},
            {"format": "FLAC PCM_24", "sample_rate": 8000, "channels": 2, "clips": 1},
            {"format": "FLAC PCM_24", "sample_rate": 44100, "channels": 2, "clips": 1},
        ],
        "missing": 0,
        "unreadable": 0,
        "duplicates": None,
        "problems": [],
        "notes": [
            "Splits without a validation part, for too few clips or recordings of a"
            " scene: fold0, fold1. To train on one, use --monitor loss.",
            "Part validation of split recording has no clips of tram: there are too few"
            " recordings.",
        ],
        "skipped": {},
    }
    assert list(splits) == ["random", "recording", "fold0", "fold1"]
    assert splits["fold1"] == {
        "train": 6,
        "validation": 0,
        "test": 6,
        "leakage": pytest.approx(5 / 6),
        "leakage_at_least": pytest.approx(5 / 6),
        "adjacent": None,
        "duplicates": None,
    }


def test_a_summary_is_plain_json(corpus):
    summary = summarise(corpus)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_missing_files_are_one_problem(tmp_path):
    summary = summarise(metadata_only(tmp_path, 300))
    assert summary["missing"] == 300
    assert summary["seconds"] is None
    assert summary["problems"] == [
        "300 of 300 audio files are missing (the first is audio/r0_0_1.wav)."
    ]
    assert "300 audio files missing" in describe(summary)


def test_a_missing_file_is_missing_whatever_its_ending(tmp_path):
    """There is nothing to convert."""
    (tmp_path / "t.csv").write_text("path,label\nno.m4a,x\n")
    summary = summarise(open_corpus(tmp_path / "t.csv"))
    assert (summary["missing"], summary["unreadable"]) == (1, 0)


def test_unreadable_files_have_a_problem_each(corpus):
    (corpus.root / "cafe3.wav").unlink()
    (corpus.root / "cafe4.wav").write_bytes(b"")
    (corpus.root / "tram1.flac").write_text("text")
    with (corpus.root / "clips.csv").open("a") as file:
        file.write("\n../outside.wav,tram,t1,1\n")
    summary = summarise(open_corpus(corpus.root / "clips.csv"))
    assert (summary["missing"], summary["unreadable"]) == (1, 2)
    assert summary["seconds"] == 5.25
    assert summary["problems"] == [
        "clips.csv line 14: the path ../outside.wav leaves the corpus folder.",
        "1 of 12 audio files are missing (the first is cafe3.wav).",
        "cafe4.wav: the file is empty (0 bytes).",
        "tram1.flac: not readable as audio (Format not recognised).",
    ]


def test_progress_is_handed_on(corpus):
    seen = []
    summarise(corpus, progress=lambda *counts: seen.append(counts))
    assert seen == [(12, 12)]


# Text


def test_text(corpus):
    text = describe(summarise(corpus))
    table = """\
scene            clips  recordings  minutes
cafe/restaurant     10           5      0.1
tram                 2           2      1.0
2 scenes            12           7      1.1
"""
    assert table in text
    assert "10 clips: WAV PCM_16, 8,000 Hz, 1 channel\n" in text
    assert "1 clip: FLAC PCM_24, 44,100 Hz, 2 channels\n" in text
    assert "clip length: 0.50 to 60.00 s, median 0.50 s" in text
    assert "fold1          6           0     6   83.3 %         -\n" in text
    assert "Problems" not in text


def test_text_says_what_leaking_splits_measure(corpus):
    text = describe(summarise(corpus))
    assert "leakage: share of test clips whose recording is also in train" in text
    assert "Accuracy on random, fold0, fold1 measures recognition of recordings" in text


def test_text_is_silent_about_leakage_where_there_is_none(tmp_path):
    rows = [f"{n}.wav,{'ab'[n % 2]},r{n}" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["path,label,recording", *rows]))
    text = describe(summarise(open_corpus(tmp_path / "t.csv")))
    assert "0.0 %" in text
    assert "measures recognition" not in text


def test_text_without_recordings(tmp_path):
    for number in range(4):
        audio(tmp_path / "beach" / f"{number}.wav")
    summary = summarise(open_corpus(tmp_path))
    assert summary["recordings"] is None
    assert summary["scenes"]["beach"]["recordings"] is None
    assert summary["splits"]["random"]["leakage"] is None
    text = describe(summary)
    assert "Leakage cannot be computed" in text


@pytest.mark.parametrize("count, more", [(10, None), (11, "1 more"), (3000, "2,990")])
def test_text_lists_ten_problems(tmp_path, count, more):
    audio(tmp_path / "a.wav")
    rows = ["path,label", "a.wav,x", *["a.wav,x"] * count]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    text = describe(summarise(open_corpus(tmp_path / "t.csv")))
    assert f"Problems ({count:,})" in text
    assert text.count("was listed before") == 10
    assert ("... and" in text) == bool(more)
    assert (more or "") in text


def test_text_shows_control_characters(tmp_path):
    root = tmp_path / "tricky\x1b[31m\nname"
    audio(root / "beach" / "1.wav")
    audio(root / "loose.wav")
    text = describe(summarise(open_corpus(root)))
    assert "tricky\\x1b[31m\\nname" in text
    assert all(line.isprintable() for line in text.splitlines())


def test_the_import_is_cheap():
    code = (
        "import sys, asc.corpus.summary;"
        "sys.exit(bool({'soundfile', 'joblib', 'h5py', 'scipy'} & set(sys.modules)))"
    )
    assert run_python(code).returncode == 0
