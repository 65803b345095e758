"""Compiled functions: the same results with and without a cache on disk."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from asc.compiled import compiled


def double(values: np.ndarray) -> None:
    for i in range(len(values)):
        values[i] *= 2


def test_it_does_what_the_function_does():
    values = np.arange(5.0)
    compiled(double)(values)
    np.testing.assert_array_equal(values, 2 * np.arange(5.0))


def test_it_is_machine_code(monkeypatch):
    made = []
    compile_ = numba.njit

    def spy(**settings):
        made.append(settings)
        return compile_(**settings)

    monkeypatch.setattr(numba, "njit", spy)
    function = compiled(double)
    assert not made, "compiling waits for the first call"
    for _ in range(3):
        function(np.arange(3.0))
    (settings,) = made
    assert settings["nogil"] and settings["cache"]
    assert not settings.get("fastmath"), "rounding must be that of plain arithmetic"


def test_without_a_folder_for_the_cache(monkeypatch):
    compile_ = numba.njit

    def refuse(**settings):
        if settings.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return compile_(**settings)

    monkeypatch.setattr(numba, "njit", refuse)
    values = np.arange(5.0)
    compiled(double)(values)
    np.testing.assert_array_equal(values, 2 * np.arange(5.0))


def test_errors_come_through():
    with pytest.raises(Exception, match="[Tt]yp"):
        compiled(double)("text")
