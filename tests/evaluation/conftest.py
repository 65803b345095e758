"""What the tests of pictures share."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_mathtext(monkeypatch):
    """Make the parser of formulas fail the test."""
    from matplotlib import mathtext

    def parse(*args, **kwargs):
        raise AssertionError("a label was read as a formula")

    monkeypatch.setattr(mathtext.MathTextParser, "parse", parse)
