"""Windows of a stream, whatever the blocks in which it comes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asc.prediction.windows import cut_windows


def blocks_of(y, sizes):
    """Cut a signal into blocks of these sizes, again and again."""
    start, number = 0, 0
    while start < y.shape[1]:
        size = sizes[number % len(sizes)]
        yield y[:, start : start + size]
        start, number = start + size, number + 1


def starts_of(length, window, hop, sizes=(7,)):
    y = np.arange(length)[None]
    found = list(cut_windows(blocks_of(y, sizes), window, hop))
    return [start for start, _ in found]


@pytest.mark.parametrize(
    ("length", "hop", "starts"),
    [
        (1, 50, [0]),
        (49, 50, [0]),
        (50, 50, [0]),
        (74, 50, [0]),  # as clips are cut
        (75, 50, [0, 25]),
        (100, 50, [0, 50]),
        (101, 50, [0, 50, 51]),
        (120, 25, [0, 25, 50, 70]),
        (400, 150, [0, 150, 300, 350]),  # with gaps
    ],
)
def test_starts(length, hop, starts):
    assert starts_of(length, 50, hop) == starts


@settings(derandomize=True)
@given(
    length=st.integers(1, 700),
    window=st.integers(1, 60),
    hop=st.integers(1, 130),
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=4),
    channels=st.integers(1, 2),
)
def test_windows_do_not_depend_on_blocks(length, window, hop, sizes, channels):
    y = np.arange(channels * length).reshape(channels, length)
    found = list(cut_windows(blocks_of(y, sizes), window, hop))
    (whole,) = [y] if length else []
    expected = list(cut_windows([whole], window, hop))
    assert [start for start, _ in found] == [start for start, _ in expected]
    for start, y_window in found:
        np.testing.assert_array_equal(y_window, y[:, start : start + window])
    starts = [start for start, _ in found]
    assert starts[0] == 0
    if hop <= window and (length >= 1.5 * window or len(starts) > 1):
        assert starts[-1] + window == length  # to the end
        assert np.diff(starts).max(initial=0) <= hop  # without a gap


def test_only_a_window_and_a_block_are_kept(monkeypatch):
    kept = []
    concatenate = np.concatenate

    def watched(pieces, axis):
        kept.append(sum(piece.shape[1] for piece in pieces))
        return concatenate(pieces, axis=axis)

    monkeypatch.setattr(np, "concatenate", watched)
    blocks = (np.zeros((1, 1000)) for _ in range(300))
    assert len(list(cut_windows(blocks, 2500, 2500))) == 120
    assert max(kept) <= 2500 + 2500 + 1000


def test_nothing_has_no_windows():
    assert list(cut_windows([], 50, 50)) == []
    assert list(cut_windows([np.empty((1, 0))], 50, 50)) == []
