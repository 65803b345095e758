"""Objects in a notebook: one line, a small table, and frames of pandas."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import asc
from asc.display import Displayed, html_table
from asc.errors import InputError, UsageError
from asc.evaluation.evaluation import Evaluation
from asc.prediction import Prediction, Predictions

FORMAT1 = Path(__file__).parent / "resources" / "format1"
RUN, COMPARISON = FORMAT1 / "run", FORMAT1 / "comparison"


@pytest.fixture
def frames(monkeypatch):
    """pandas in place of which a frame is what it was made of."""
    module = SimpleNamespace(DataFrame=lambda data: data)
    monkeypatch.setitem(sys.modules, "pandas", module)


def predictions_of(scenes, found):
    facts = {"notes": (), "heading": "", "frontend": None}
    return Predictions(scenes, len(found), found=iter(found), **facts)


@pytest.fixture
def everything(few_clips, small_store, tmp_path):
    """One object of each kind, with words that its line and its table have."""
    corpus = asc.open_corpus(few_clips)
    plan = asc.plan(corpus, tmp_path / "new.h5", rows=16, columns=16)
    predictions = predictions_of(("bus", "home"), [None] * 3)
    return [
        (corpus, "24 clips of 4 scenes", "cafe/restaurant"),
        (plan, "24 clips, mel, stft", "n_fft"),
        (asc.open_store(small_store), "24 clips, 4 scenes, mel, stft", "leakage"),
        (asc.load_run(RUN), "split fold1, finished", "accuracy"),
        (asc.load_run(FORMAT1 / "interrupted"), "not finished", "not finished"),
        (Evaluation.load(RUN), "95 % CI", "recall of"),
        (asc.Comparison.load(COMPARISON), "2 runs, 2 done", "95 % CI"),
        (predictions, "3 files", None),
    ]


def test_each_has_one_line_and_a_table(everything):
    for thing, in_line, in_table in everything:
        line = repr(thing)
        assert line.startswith(f"{type(thing).__name__}(") and in_line in line
        assert len(line) < 300 and "\n" not in line
        if in_table is not None:
            table = thing._repr_html_()
            assert table.count("<table>") == 1 and in_table in table


def test_nothing_in_a_table_is_markup():
    table = html_table(["<b>"], [["a & <script>", 3, "\x1b[2J"]] * 200)
    assert "<script>" not in table and "a &amp; &lt;script&gt;" in table
    assert "\x1b" not in table and "and 100 more" in table


def test_damage_is_shown_in_place_of_facts(tmp_path):
    run = asc.load_run(shutil.copytree(RUN, tmp_path / "run"))
    (run.path / "metrics.json").write_text('{"accuracy": "<i>"}')
    assert "must be a number" in run._repr_html_()
    (run.path / "history.csv").write_text("epoch,loss\nx,y\n")
    assert "is damaged" in run._repr_html_() and "<i>" not in run._repr_html_()

    class Lost(Displayed):
        def _facts(self):
            raise InputError("lost & gone")

    assert "lost &amp; gone" in Lost()._repr_html_()


def test_clips_become_a_frame(frames, few_clips, small_store):
    corpus, store = asc.open_corpus(few_clips), asc.open_store(small_store)
    of_corpus, of_store = corpus.to_frame(), store.to_frame()
    for name in ("path", "scene", "recording"):
        values = [getattr(clip, name) for clip in corpus.clips]
        assert list(of_corpus[name]) == list(of_store[name]) == values
    assert set(of_store["sample_rate"]) == {44100}


def test_unknown_recordings_are_none(frames, tmp_path, write_wav):
    for scene in ("bus", "home"):
        write_wav(tmp_path / scene / "a.wav")
    assert asc.open_corpus(tmp_path).to_frame()["recording"] == [None, None]


def test_results_become_frames(frames):
    assert asc.load_run(RUN).to_frame()[0]["epoch"] == 1
    result = Evaluation.load(RUN)
    frame = result.to_frame()
    assert list(frame)[:4] == ["path", "recording", "scene", "predicted"]
    assert np.mean(frame["scene"] == frame["predicted"]) == result.metrics.accuracy
    rows = asc.Comparison.load(COMPARISON).to_frame()
    header = (COMPARISON / "results.csv").read_text().splitlines()[0].split(",")
    assert len(rows) == 2 and all(set(header) <= set(row) for row in rows)


def test_predictions_become_a_frame(frames):
    windows = np.array([[0.2, 0.8], [0.4, 0.6]], np.float32)
    spans = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    none = np.empty((0, 2), np.float32), np.empty(0), np.empty(0)
    found = [
        Prediction(Path("a.wav"), windows, *spans, seconds=2.0),
        Prediction(Path("b.wav"), *none, error="it is empty."),
    ]
    good, bad = predictions_of(("bus", "path"), found).to_frame()
    assert (good["path"], good["scene"]) == ("a.wav", "path")
    assert good["scene path"] == pytest.approx(0.7)
    assert (bad["scene"], bad["bus"], bad["error"]) == (None, None, "it is empty.")


def test_without_pandas_a_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match=r"pandas.*pip install '.*\[notebook\]'"):
        asc.load_run(RUN).to_frame()


def test_objects_go_where_paths_go(tmp_path):
    run, store = asc.load_run(RUN), asc.open_store(FORMAT1 / "store.h5")
    assert asc.load_run(run) is run and asc.open_store(store) is store
    assert asc.verify(store) == asc.verify(FORMAT1 / "store.h5") == []
    page = asc.report([run, asc.Comparison.load(COMPARISON)], tmp_path / "page.html")
    assert page.is_file()
    assert asc.Run(run).path == RUN
