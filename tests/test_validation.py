"""Checks of arguments that name files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from asc.errors import UsageError
from asc.validation import check_path, one_or_several


@pytest.mark.parametrize("value", ["a/b.wav", b"a/b.wav", Path("a/b.wav")])
def test_one_path_is_not_a_list_of_letters(value):
    (only,) = one_or_several("audio", value)
    assert check_path("audio", only) == Path("a/b.wav")


def test_several_of_any_kind():
    paths = ["a", Path("b")]
    assert one_or_several("audio", paths) == paths
    assert one_or_several("audio", iter(paths)) == paths
    assert one_or_several("audio", {"a": 1}) == ["a"]
    assert one_or_several("numbers", 1, int) == [1]
    with pytest.raises(UsageError, match="audio must be one item or a list. Got 1"):
        one_or_several("audio", 1)


def test_a_name_that_is_not_utf8():
    assert os.fsencode(check_path("audio", b"caf\xe9.wav")) == b"caf\xe9.wav"


@pytest.mark.parametrize("value", ["", b"", None, 1, ["a"]])
def test_what_is_no_path(value):
    with pytest.raises(UsageError, match="^run must be "):
        check_path("run", value)
