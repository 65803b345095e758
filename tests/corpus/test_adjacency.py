"""Neighbours in time, against a loop over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asc.corpus import Clip, Corpus
from asc.corpus.leakage import adjacent_share, positions
from asc.corpus.splits import make_splits


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("audio/b020_90_100.wav", (90, 100)),
        ("a_b_0_10.flac", (0, 10)),
        ("audio/airport-barcelona-0-13-a.wav", (13, 14)),
        ("street_traffic-paris-12-345-s3.wav", (345, 346)),
        ("b020_100_90.wav", (-1, -1)),
        ("b020_90_90.wav", (-1, -1)),
        ("_90_100.wav", (-1, -1)),
        ("20170101_123456.wav", (-1, -1)),
        ("1-100032-A-0.wav", (-1, -1)),
        ("b020_1_12345678901234567890.wav", (-1, -1)),
        ("b020_90_100.wav/clip.wav", (-1, -1)),
    ],
)
def test_positions_are_read_from_names(path, expected):
    assert positions([path]).tolist() == [list(expected)]


def test_no_positions():
    assert positions([]).shape == (0, 2)


def by_pairs(train, test, recordings, spans):
    """Compare every test clip with every clip of train."""
    if not len(test):
        return 0.0
    touching = 0
    for row in test:
        others = [other for other in train if recordings[row] == recordings[other]]
        if any(spans[one][0] < 0 for one in ([row] if others else []) + others):
            return None
        touching += any(
            recordings[row] == recordings[other]
            and spans[other][0] >= 0
            and spans[row][0] <= spans[other][1]
            and spans[other][0] <= spans[row][1]
            for other in train
        )
    return touching / len(test)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("rst"),
            st.integers(-1, 12),
            st.integers(1, 5),
            st.integers(0, 2),
        ),
        max_size=25,
    )
)
def test_it_is_what_a_loop_over_all_pairs_gives(clips):
    recordings = np.array([clip[0] for clip in clips], dtype=str)
    spans = np.array(
        [(start, start + length if start >= 0 else -1) for _, start, length, _ in clips]
    ).reshape(-1, 2)
    parts = np.array([clip[3] for clip in clips], int)
    train, test = np.flatnonzero(parts == 0), np.flatnonzero(parts == 2)
    expected = by_pairs(train, test, recordings, spans)
    assert adjacent_share(train, test, recordings, spans) == expected


def corpus(tmp_path, names, known=True):
    paths = {f"{name}.wav": name.split("_")[0] for name in names}
    clips = (Clip(path, "bus", r if known else path) for path, r in paths.items())
    return Corpus(tmp_path, "c", "tut", tuple(sorted(clips)))


def test_splits_tell_it(tmp_path):
    """Clips of 10 s without a gap: most test clips touch one that is trained on."""
    names = [f"r{r}_{10 * i}_{10 * i + 10}" for r in range(6) for i in range(10)]
    splits = make_splits(corpus(tmp_path, names))
    recordings = [name.split("_")[0] for name in sorted(names)]
    spans = [tuple(map(int, name.split("_")[1:])) for name in sorted(names)]
    random = splits["random"]
    assert random.adjacent == by_pairs(random.train, random.test, recordings, spans)
    assert 0.5 < random.adjacent <= 1
    assert splits["recording"].adjacent == 0


def test_gaps_do_not_touch(tmp_path):
    names = [f"r{r}_{20 * i}_{20 * i + 10}" for r in range(6) for i in range(10)]
    random = make_splits(corpus(tmp_path, names))["random"]
    assert random.leakage == 1
    assert random.adjacent == 0


def test_what_names_do_not_tell_is_not_known(tmp_path):
    names = [f"r{r}_{chr(97 + i)}" for r in range(6) for i in range(10)]
    splits = make_splits(corpus(tmp_path, names))
    assert splits["random"].adjacent is None
    assert splits["recording"].adjacent == 0  # no recording is in both
    for split in make_splits(corpus(tmp_path, names, known=False)).values():
        assert (split.leakage, split.adjacent) == (None, None)
