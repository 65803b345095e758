"""What the tests of pictures share."""

from __future__ import annotations

import pytest

from asc.models import register_model, registry


@pytest.fixture
def no_mathtext(monkeypatch):
    """Make the parser of formulas fail the test."""
    from matplotlib import mathtext

    def parse(*args, **kwargs):
        raise AssertionError("a label was read as a formula")

    monkeypatch.setattr(mathtext.MathTextParser, "parse", parse)


@pytest.fixture(scope="module")
def linear():
    """Register the smallest model, ``linear``, and one that fails, ``broken``."""

    def linear(x, scenes):
        from asc.pipeline.tensorflow import keras

        x = keras.layers.Flatten()(x)
        return keras.layers.Dense(scenes, activation="softmax")(x)

    def broken(x, scenes):
        raise ValueError("no layers\nat all")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_entries", dict(registry._entries))
        register_model("linear", linear)
        register_model("broken", broken)
        yield
