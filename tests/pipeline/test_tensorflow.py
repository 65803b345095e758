"""How TensorFlow is imported: the garbage collector meanwhile."""

from __future__ import annotations

import gc

import pytest

from asc.pipeline import tensorflow


@pytest.mark.parametrize("command", [False, True])
def test_only_a_command_keeps_what_it_imports_from_the_collector(monkeypatch, command):
    monkeypatch.setattr(tensorflow, "is_command", lambda: command)
    frozen = gc.get_freeze_count()
    try:
        with tensorflow._without_collector():
            assert not gc.isenabled()
            made: list[list] = [[] for _ in range(1000)]
        assert gc.isenabled() and len(made) == 1000
        more = gc.get_freeze_count() - frozen
    finally:
        gc.unfreeze()
    assert more >= 1000 if command else more == 0


def test_an_import_that_fails_leaves_the_collector_as_it_was():
    frozen = gc.get_freeze_count()
    with pytest.raises(ImportError), tensorflow._without_collector():
        raise ImportError
    assert gc.isenabled() and gc.get_freeze_count() == frozen
