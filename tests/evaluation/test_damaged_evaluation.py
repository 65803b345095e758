"""Files of an evaluation that cannot be: one sentence that names the file, whatever."""

from __future__ import annotations

import copy
import csv
import json
import random

import numpy as np
import pytest
from world import evaluation_of, probabilities_of

from asc.errors import InputError
from asc.evaluation.evaluation import Evaluation

SCENES = ("beach", "bus", "home")


def result(scenes=SCENES, **facts):
    truth = np.arange(24) % 3
    names = [f"r{n // 3}" for n in range(24)]
    paths = [f"audio/{name}_{n}.wav" for n, name in enumerate(names)]
    given = probabilities_of(truth, 3, range(5))
    return evaluation_of(truth, given, names, paths, scenes, **facts)


@pytest.fixture
def folder(tmp_path):
    result().save(tmp_path)
    return tmp_path


def change(folder, values):
    (folder / "metrics.json").write_text(json.dumps(values))


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def refused(folder, name):
    with pytest.raises(InputError) as caught:
        Evaluation.load(folder)
    text = str(caught.value)
    assert text.startswith(f"{folder / name} ")
    assert len(text) < 1000 and text.isprintable()
    return text


IMPOSSIBLE = [
    ("accuracy", -1.0),
    ("accuracy", 1e300),
    ("accuracy", float("nan")),
    ("accuracy", 10**400),
    ("macro_f1", 0.99),
    ("log_loss", 1e302),
    ("seconds", 1e302),
    ("ci95", [0.0, 0.1]),
    ("ci95_cautious", [0.9, 1.0]),
    ("ci95_clips", [0.99, 1.0]),
    ("recordings", 7),
    ("recordings", None),
    ("without_recording", 2),
    ("leakage_at_least", 0.5),  # leakage is 0
    ("split", "random\x1b[2J"),
    ("model", "\u202e"),
    ("model", ["x" * 10**5]),
    ("per_scene", {"a" * 10**5: {}}),
    ("confusion", [[8, 0, 0], [0, 8, 0], [0, 0, 8]]),
    ("x", float("inf")),
]


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_impossible_figures(folder, name, value):
    change(folder, metrics(folder) | {name: value})
    by_clips = name in ("recordings", "without_recording")
    refused(folder, "predictions.csv" if by_clips else "metrics.json")


@pytest.mark.parametrize("figure", ["precision", "f1", "recall"])
def test_impossible_figures_of_a_scene(folder, figure):
    values = metrics(folder)
    values["per_scene"]["bus"][figure] = 0.123
    change(folder, values)
    assert f"{figure} of 'bus' must be" in refused(folder, "metrics.json")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "[" * 10**5, '{"accuracy": 1}', "\x00", '"\ud800"']
)
def test_what_is_no_metrics(folder, text):
    (folder / "metrics.json").write_bytes(text.encode(errors="surrogatepass"))
    refused(folder, "metrics.json")


def rows(folder):
    with open(folder / "predictions.csv", newline="") as file:
        return list(csv.reader(file))


def write(folder, table):
    with open(folder / "predictions.csv", "w", newline="") as file:
        csv.writer(file).writerows(table)


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        (0, 0, "file"),
        (0, 4, "bus"),
        (1, 0, ""),
        (1, 0, "a\x1b[2J.wav"),
        (1, 1, "r\n0"),
        (1, 2, "tram"),
        (1, 2, "bus"),  # the figures are of another truth
        (1, 3, "beach"),  # it was wrong
        (1, 4, "nan"),
        (1, 4, "-1"),
        (1, 4, "1e300"),
        (1, 4, "x" * 200_000),
        (2, 1, "r9"),
    ],
)
def test_predictions_that_cannot_be(folder, row, column, value):
    table = rows(folder)
    table[row][column] = value
    write(folder, table)
    refused(folder, "predictions.csv")


def test_predictions_that_are_no_table(folder):
    for text in ("", '"' + "x" * 300_000, "path\n", "\x00", "\ufffe"):
        (folder / "predictions.csv").write_text(text)
        refused(folder, "predictions.csv")
    (folder / "predictions.csv").write_bytes(b"\xff\xfe")
    refused(folder, "predictions.csv")


def test_any_damage_is_a_sentence_or_changes_nothing(folder):
    """Bytes that are changed, left out or repeated, in either file."""
    draw, whole = random.Random(13), Evaluation.load(folder)
    files = [folder / "metrics.json", folder / "predictions.csv"]
    texts = {file: file.read_bytes() for file in files}
    refusals = 0
    for number in range(300):
        file = files[number % 2]
        data = bytearray(texts[file])
        start = draw.randrange(len(data))
        end = min(len(data), start + draw.choice([1, 1, 2, 30]))
        kind = draw.randrange(3)
        part = bytes(draw.randrange(256) for _ in range(end - start))
        data[start:end] = (part, b"", data[start:end] * 2)[kind]
        file.write_bytes(data)
        try:
            found = Evaluation.load(folder)
        except InputError as error:
            assert str(file) in str(error) or "predictions.csv" in str(error)
            refusals += 1
        else:
            assert found.metrics.accuracy == pytest.approx(whole.metrics.accuracy)
            assert found.metrics.confusion == whole.metrics.confusion
        file.write_bytes(texts[file])
    assert refusals > 150


def test_a_file_that_is_too_large_is_not_read(folder):
    with open(folder / "metrics.json", "r+b") as file:
        file.truncate(1 << 33)
    assert "too large" in refused(folder, "metrics.json")


@pytest.mark.parametrize(
    "scenes", [("path", "predicted", "scene"), ("truth", "scene path", "path")]
)
def test_scenes_that_are_called_like_other_columns(tmp_path, scenes):
    """Each column has a name of its own, and the scenes keep theirs."""
    made = result(scenes)
    made.save(tmp_path)
    for name in ("predictions.csv", "confusion.csv"):
        with open(tmp_path / name, newline="") as file:
            header = next(csv.reader(file))
        assert len(set(header)) == len(header)
    found = Evaluation.load(tmp_path)
    assert found.scenes == scenes and found.metrics == made.metrics
    # As earlier versions wrote it.
    table = rows(tmp_path)
    write(tmp_path, [["path", "recording", "scene", "predicted", *scenes], *table[1:]])
    assert Evaluation.load(tmp_path).scenes == scenes


def test_clips_that_an_earlier_version_counted_as_recordings(folder):
    """The last six clips name no recording; the file says 0 % leakage of 12."""
    table, values = rows(folder), metrics(folder)
    for row in table[-6:]:
        row[1] = row[0]
    write(folder, table)
    change(folder, copy.deepcopy(values) | {"recordings": 6 + 6})
    found = Evaluation.load(folder).metrics
    assert (found.recordings, found.without_recording) == (6, 6)
    assert (found.leakage, found.leakage_at_least) == (None, 0.0)
    change(folder, values | {"recordings": 12, "leakage": 1.0})
    assert Evaluation.load(folder).metrics.leakage == 1.0
