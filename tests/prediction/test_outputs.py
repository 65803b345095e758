"""Formats of predictions, and the files that they are written to."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from asc.errors import InputError, UsageError
from asc.features import FeatureSpec, FrontEnd
from asc.prediction import Prediction, Predictions
from asc.prediction.formats import TEXT_FORMATS
from asc.prediction.outputs import FORMATS, Outputs
from asc.prediction.pictures import spectrogram
from asc.prediction.sources import Source

SCENES = ("bus", "park", "tram")
WINDOWS = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.5, 0.4]], np.float32)
SPEC = FeatureSpec(sample_rate=44100, seconds=1.0, rows=8, columns=4)


def found_in(path="day/a.wav", **options):
    codes = np.arange(3, dtype=np.float16)[:, None, None] + np.ones((1, 8, 4))
    return Prediction(
        Path(path),
        WINDOWS,
        np.arange(3.0),
        np.arange(1.0, 4),
        3.0,
        name=Path(path).name,
        spectra=codes,
        **options,
    )


def bad(path="bad.wav"):
    empty = np.empty(0)
    return Prediction(Path(path), np.empty((0, 3)), empty, empty, error="no audio.")


def all_of(found):
    return Predictions(
        SCENES, len(found), (), "a run", FrontEnd(SPEC, "mel"), iter(found)
    )


def text_of(name, *found, **options):
    text = TEXT_FORMATS[name](SCENES, **options)
    return text.begin() + "".join(map(text.add, found)) + text.end()


def write(outputs, *found):
    predictions = all_of(found)
    with outputs.open(predictions, str) as add:
        for one in predictions:
            add(one)


# Formats


def test_tables_and_what_is_unsure():
    assert text_of("table", found_in(), top=2) == (
        "day/a.wav: bus 50.0 %  park 30.0 %\n"
    )
    lines = text_of(
        "table", found_in(), bad(), top=1, timeline=True, min_confidence=0.55
    )
    assert lines == (
        "day/a.wav: 0.00-1.00 s  bus 80.0 %\n"
        "day/a.wav: 1.00-2.00 s  bus 60.0 %\n"
        "day/a.wav: 2.00-3.00 s  unsure (park 50.0 %)\n"
    )


def test_csv_and_json_say_the_same():
    options = {"timeline": True, "min_confidence": 0.55}
    rows = list(csv.DictReader(text_of("csv", found_in(), **options).splitlines()))
    record, failure = json.loads(text_of("json", found_in(), bad(), **options))
    assert failure == {"path": "bad.wav", "error": "no audio."}
    assert [w["predicted"] for w in record["timeline"]] == ["bus", "bus", None]
    assert [row["predicted"] for row in rows] == ["bus", "bus", ""]
    assert record["predicted"] is None and record["seconds"] == 3
    for row, window in zip(rows, record["timeline"], strict=True):
        assert float(row["start"]) == window["start"]
        for scene in SCENES:
            assert np.float32(row[scene]) == np.float32(window["probabilities"][scene])
    lines = text_of("jsonl", found_in(), bad(), **options).splitlines()
    assert [json.loads(line) for line in lines] == [record, failure]
    assert json.loads(text_of("json")) == []


def test_labels_of_other_programs():
    assert text_of("audacity", found_in()) == (
        "0.000000\t2.000000\tbus 0.70\n2.000000\t3.000000\tpark 0.50\n"
    )
    header, first, second = text_of(
        "raven", found_in(), frequencies=(20, 4000)
    ).splitlines()
    assert header.split("\t")[:7] == [
        *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)"),
        *("Low Freq (Hz)", "High Freq (Hz)"),
    ]
    assert second.split("\t") == [
        *("2", "Spectrogram 1", "1", "2.000000", "3.000000", "20", "4000"),
        *("park", "0.5000", "day/a.wav"),
    ]


def test_a_path_does_not_get_what_smoothing_has_not_chosen():
    smoothed = found_in(labels=np.array([0, 0, 0]))
    assert text_of("audacity", smoothed) == "0.000000\t3.000000\tbus 0.50\n"
    last = text_of("table", smoothed, timeline=True).splitlines()[-1]
    assert last.endswith("bus 10.0 %  park 50.0 %  tram 40.0 %")


def test_names_cannot_forge_lines():
    forged = found_in("a\n2\tSpectrogram.wav")
    assert len(text_of("raven", forged).splitlines()) == 3
    assert len(text_of("csv", forged).splitlines()) == 2
    (line,) = text_of("jsonl", forged).splitlines()
    assert json.loads(line)["path"] == "a\n2\tSpectrogram.wav"


# Files


def test_a_folder_gets_files_for_each_recording(tmp_path):
    formats = [name for name in FORMATS if name not in ("pdf", "svg")]
    outputs = Outputs(tmp_path / "out", formats)
    name = "deep/a.wav"
    write(outputs, Prediction(**{**vars(found_in()), "name": name}), bad())
    files = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()]
    assert sorted(files) == sorted(
        f"out/deep/a.wav{end}"
        for end in (
            *(".txt", ".csv", ".json", ".jsonl", ".labels.txt", ".selections.txt"),
            ".png",
        )
    )
    assert (tmp_path / "out/deep/a.wav.png").read_bytes()[:4] == b"\x89PNG"


def test_what_is_there_is_left_out(tmp_path):
    a, b = (Source(Path(name), Path(name)) for name in ("a.wav", "b.wav"))
    outputs = Outputs(tmp_path, ["csv", "audacity"])
    write(outputs, found_in("a.wav"))
    again = Outputs(tmp_path, ["csv", "audacity"], skip_existing=True)
    assert [again.keep(a), again.keep(b), again.skipped] == [False, True, 1]
    (tmp_path / "a.wav.labels.txt").unlink()
    again = Outputs(tmp_path, ["csv", "audacity"], skip_existing=True)
    assert again.keep(a)


def test_two_recordings_of_one_name(tmp_path):
    outputs = Outputs(tmp_path)
    assert outputs.keep(Source(Path("x/a.wav"), Path("x/a.wav")))
    assert outputs.keep(Source(Path("x/a.wav"), Path("x/a.wav")))  # given twice
    with pytest.raises(UsageError, match=r"same output .* x/a\.wav and y/a\.wav"):
        outputs.keep(Source(Path("y/a.wav"), Path("y/a.wav")))


def test_a_file_is_whole_or_as_it_was(tmp_path):
    target = tmp_path / "all.jsonl"
    target.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        with Outputs(target).open(all_of([]), str) as add:
            add(found_in())
            raise KeyboardInterrupt
    assert target.read_text() == "before"
    write(Outputs(target), found_in(), bad())
    assert len(target.read_text().splitlines()) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["all.jsonl"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "csv"),
        ("a.JSONL", "jsonl"),
        ("a.labels.txt", "audacity"),
        ("a.selections.txt", "raven"),
        ("a.txt", "table"),
        ("a.svg", "svg"),
        ("a", "csv"),
    ],
)
def test_formats_by_the_ending(tmp_path, name, expected):
    assert Outputs(tmp_path / name).formats == (expected,)


@pytest.mark.parametrize(
    ("name", "formats", "options", "sentence"),
    [
        ("a.xyz", (), {}, "Name it with --format"),
        ("a.csv", ("csv", "json"), {}, "Several formats need a folder"),
        ("a.csv", ("png",), {}, "is not the name of a picture"),
        (None, ("png",), {}, "A picture needs a file"),
        (None, (), {"skip_existing": True}, "needs a folder"),
        ("a.wav", ("csv",), {}, "is an audio file, which would be replaced"),
        ("a.csv", ("cvs",), {}, "Did you mean 'csv'"),
    ],
)
def test_outputs_that_do_not_fit(tmp_path, name, formats, options, sentence):
    (tmp_path / "a.wav").write_bytes(b"RIFF....WAVE")
    with pytest.raises(UsageError, match=sentence):
        Outputs(tmp_path / name if name else None, formats, **options)


def test_labels_of_several_recordings_need_a_folder(tmp_path):
    outputs = Outputs(tmp_path / "a.labels.txt")
    outputs.keep(Source(Path("a.wav"), Path("a.wav")))
    with pytest.raises(UsageError, match="one recording in each file"):
        outputs.keep(Source(Path("b.wav"), Path("b.wav")))


def test_the_folder_of_a_file_is_made(tmp_path):
    target = tmp_path / "new" / "day" / "a.csv"
    write(Outputs(target), found_in())
    assert target.read_text().startswith("path,")


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Cannot write to"):
        Outputs(tmp_path / "file" / "a.csv")


# Pictures


def test_the_spectrogram_has_each_window_in_its_place():
    found = found_in()
    assert found.spectra is not None
    image = spectrogram(found, found.spectra, 1.0)
    assert image.shape == (8, 12)
    np.testing.assert_allclose(image[0], np.repeat([1, 2, 3], 4))
    # Of windows that overlap, each is drawn where it is nearest.
    overlapping = SimpleNamespace(
        start=np.array([0.0, 0.5]),
        end=np.array([1.0, 1.5]),
        seconds=1.5,
    )
    np.testing.assert_allclose(
        spectrogram(overlapping, found.spectra[:2], 1.0)[0],
        [1, 1, 1, 2, 2, 2],  # they meet at 0.75 s
    )
