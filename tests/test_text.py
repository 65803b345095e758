"""Numbers and lists as people read them."""

from __future__ import annotations

import pytest

from asc.text import interval, listed, megabytes


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
