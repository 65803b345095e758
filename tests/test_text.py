"""Numbers and lists as people read them."""

from __future__ import annotations

import pytest

from asc.text import file_name, interval, listed, megabytes, unknown_name


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 kB"),
        (52_300, "52 kB"),
        (1_250_000, "1.2 MB"),
        (615_000_000, "615 MB"),
        (9_999_000_000, "9,999 MB"),
        (10_740_000_000, "10.7 GB"),
    ],
)
def test_sizes(size, text):
    assert megabytes(size) == text


def test_intervals():
    assert interval((0.92055, 1)) == "92.1-100.0"
    assert interval((-0.01234, 0.0341), signed=True) == "-1.2 to +3.4"
    assert interval((-0.0001, 0.0), signed=True) == "+0.0 to +0.0"


def test_a_list_is_cut():
    assert listed([]) == []
    assert listed(["a", 2], most=2) == ["  a", "  2"]
    assert listed(range(3000), most=1) == ["  0", "  ... and 2,999 more"]


@pytest.mark.parametrize(
    ("received", "nearest"),
    [
        ("accuracy_val", "val_accuracy"),
        ("Val-Accuracy", "val_accuracy"),
        ("acuracy", "accuracy"),
        ("cnn simple", "simple-cnn"),
    ],
)
def test_the_nearest_name_has_the_same_words(received, nearest):
    known = ("val_loss", "val_accuracy", "loss", "accuracy", "simple-cnn")
    assert f"Did you mean {nearest!r}?" in unknown_name("name", received, known)


def test_an_unknown_name_is_a_sentence_of_some_length():
    names = [f"name{number}" for number in range(1000)]
    text = unknown_name("split", "x" * 10_000, names)
    assert len(text) < 600 and text.endswith(" and 960 more.")
    assert "mean" not in unknown_name("split", "zzz", ("a", "b"))


def test_a_file_name_is_readable_short_and_another_for_every_text():
    assert file_name("recording1of5") == "recording1of5"
    assert file_name("unseen-device:s1") == "unseen-device=s1"
    names = ["a/b", "a:b", "a=b", "a b", "..", "é", "x" * 300, "x" * 299 + "y"]
    found = [file_name(name) for name in names]
    assert len(set(found)) == len(names)
    assert all("/" not in name and len(name) <= 100 for name in found)
