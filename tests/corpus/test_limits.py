"""Limits with a sentence, where a small table would exhaust memory or time."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
from corpus_files import write

from asc.corpus import builder, make_splits, open_corpus
from asc.corpus.splits import _recordings_of
from asc.errors import InputError


def test_a_sparse_list_of_gigabytes_is_refused_before_it_is_read(tmp_path):
    write(tmp_path / "meta.txt", "a.wav\tbus")
    os.truncate(tmp_path / "meta.txt", 3_000_000_000)
    tracemalloc.start()
    with pytest.raises(InputError) as caught:
        open_corpus(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
    assert str(caught.value).endswith(
        "meta.txt is too large. Got 3,000 MB, expected at most 134 MB."
    )


def test_too_many_labels(tmp_path):
    rows = [f"{n}.wav,label {n},r{n}" for n in range(builder.MOST_SCENES + 1)]
    file = write(tmp_path / "t.csv", "path,label,recording", *rows)
    with pytest.raises(InputError) as caught:
        open_corpus(file)
    assert "has 5,001 different labels, such as 'label 0'. Expected at most 5,000." in (
        str(caught.value)
    )


def test_as_many_labels_as_recordings_take_no_matrix():
    count = 20_000
    names = np.array([f"{n:05}" for n in range(count)])
    tracemalloc.start()
    member, scene, sizes = _recordings_of(names, names)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    assert (member == scene).all() and (sizes == 1).all()


def test_a_recording_counts_for_its_most_frequent_scene():
    scenes = np.array(["b", "a", "b", "c", "c", "a", "a"])
    recordings = np.array(["r", "r", "r", "s", "s", "t", "u"])
    member, scene, sizes = _recordings_of(scenes, recordings)
    assert member.tolist() == [0, 0, 0, 1, 1, 2, 3]
    assert scene.tolist() == [1, 2, 0, 0]
    assert sizes.tolist() == [3, 2, 1, 1]


def test_too_many_folds(tmp_path):
    rows = [f"{n}.wav,x,{n}" for n in range(builder.MOST_FOLDS + 1)]
    file = write(tmp_path / "t.csv", "path,label,fold", *rows)
    with pytest.raises(InputError, match="has 101 different folds. Expected at most"):
        open_corpus(file)
    write(file, "path,label,fold", *rows[:-1])
    assert len(make_splits(open_corpus(file))) == 1 + builder.MOST_FOLDS


def test_too_many_lists_of_folds(tmp_path):
    write(tmp_path / "meta.txt", "a.wav\tx", "b.wav\ty")
    for number in range(builder.MOST_FOLDS + 1):
        write(tmp_path / "evaluation_setup" / f"fold{number}_test.txt", "a.wav")
    with pytest.raises(InputError, match="too many folds. Expected at most 100"):
        open_corpus(tmp_path)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (f"{'y' * 1100}.wav,x,r", "the path has 1,104 characters. Expected at most"),
        (f"a.wav,{'y' * 300},r", "the label of a.wav has 300 characters. Expected at"),
        (f"a.wav,x,{'y' * 1100}", "the recording of a.wav has 1,100 characters."),
    ],
)
def test_text_that_would_widen_a_column_of_the_store(tmp_path, row, problem):
    file = write(tmp_path / "t.csv", "path,label,recording", row, "b.wav,x,r")
    corpus = open_corpus(file)
    assert [clip.path for clip in corpus.clips] == ["b.wav"]
    assert str(corpus.problems[0]).startswith(f"t.csv line 2: {problem}")


def test_problems_are_short_and_not_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "_MOST_PROBLEMS", 3)
    rows = [f"a.wav,{'y' * 9000},{n},{n}" for n in range(5)]
    file = write(tmp_path / "meta.txt", "ok.wav\tbus", *rows).parent
    write(file / "evaluation_setup" / "fold1_test.txt", "y" * 9000)
    corpus = open_corpus(file)
    assert len(corpus.problems) == 4
    assert str(corpus.problems[3]) == "...: there are 4 more problems."
    assert all(len(str(problem)) < 500 for problem in corpus.problems)


def test_too_many_clips(tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "MOST_CLIPS", 2)
    file = write(tmp_path / "t.csv", "path,label", "a,x", "b,x", "c,x")
    with pytest.raises(InputError, match="has too many clips. Expected at most 2"):
        open_corpus(file)


def test_a_table_with_very_many_columns(tmp_path):
    file = write(tmp_path / "t.csv", ",".join(f"column{n}" for n in range(5000)))
    with pytest.raises(InputError) as caught:
        open_corpus(file)
    assert "'column9', 4,990 more. Expected" in str(caught.value)
