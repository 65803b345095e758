"""Settings that are meant for other programs, and numbers that are none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings

import pytest
from world import run_python

from asc import environment
from asc.errors import UsageError


def test_variables_are_set_for_a_block_and_then_as_before(monkeypatch):
    monkeypatch.setenv("ASC_A", "before")
    monkeypatch.delenv("ASC_B", raising=False)
    with pytest.raises(KeyError), environment.variables({"ASC_A": None, "ASC_B": "1"}):
        assert "ASC_A" not in os.environ and os.environ["ASC_B"] == "1"
        raise KeyError
    assert os.environ["ASC_A"] == "before" and "ASC_B" not in os.environ


@pytest.mark.parametrize("value", ["abc", "-4", "1.5", ""])
def test_numbers_that_are_none_are_named(monkeypatch, value):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", value)
    with pytest.raises(UsageError, match="TF_NUM_INTRAOP_THREADS must be a whole"):
        environment.check_number_variables("TF_NUM_INTRAOP_THREADS")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    environment.check_number_variables("TF_NUM_INTRAOP_THREADS", "ASC_NOT_SET")


def test_a_command_takes_over_what_it_needs_and_names_the_rest(monkeypatch):
    for name, value in environment._NEEDED.items():
        monkeypatch.setenv(name, "other")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "0\x1b")
    monkeypatch.setattr(environment, "_given", {})
    monkeypatch.setattr(sys, "warnoptions", ["error", "ignore"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        environment.take_over_settings()
        assert "error" not in {action for action, *_ in warnings.filters}
    assert sys.warnoptions == ["ignore"]
    assert os.environ["MPLBACKEND"] == "agg" and "LOKY_PICKLER" not in os.environ
    named = environment.settings_of_libraries()
    assert "NUMBA_NUM_THREADS=0\\x1b" in named
    assert not [text for text in named if text.startswith(("MPLBACKEND", "LOKY"))]


def test_keras_that_runs_on_something_else_already_is_told():
    program = (
        "import sys, types\n"
        "sys.modules['keras'] = keras = types.ModuleType('keras')\n"
        "keras.config = types.SimpleNamespace(backend=lambda: 'jax')\n"
        "sys.modules['tensorflow'] = tf = types.ModuleType('tensorflow')\n"
        "tf.config = types.SimpleNamespace(list_physical_devices=list)\n"
        "try:\n import asc.pipeline.tensorflow\n"
        "except ValueError as error:\n print(type(error).__name__, error)\n"
    )
    done = run_python(program, env={"KERAS_BACKEND": "jax"})
    assert done.stdout == (
        "UsageError Keras runs on jax in this process; asc needs TensorFlow. Set"
        " KERAS_BACKEND=tensorflow before Keras is imported.\n"
    )


def test_settings_of_keras_that_it_cannot_use_are_named(tmp_path):
    (tmp_path / "keras.json").write_text('{"epsilon": 1}')
    program = (
        "try:\n import asc.pipeline.tensorflow\n"
        "except ValueError as error:\n print(type(error).__name__, error)\n"
    )
    done = run_python(program, env={"KERAS_HOME": str(tmp_path)})
    assert done.stdout.startswith(
        "UsageError Keras cannot be imported: Invalid `epsilon`"
    )
    assert f"{tmp_path}/keras.json; correct them" in done.stdout
    (tmp_path / "keras.json").unlink()
    os.mkfifo(tmp_path / "keras.json")
    done = run_python(program, env={"KERAS_HOME": str(tmp_path)})
    assert done.stdout == f"InputError {tmp_path}/keras.json is not a regular file.\n"


def test_secrets_of_other_programs_are_not_shown(monkeypatch):
    settings = {"TF_VAR_password": "x", "TF_TOKEN_a": "y", "TF_NUM_THREADS": "2"}
    monkeypatch.setattr(environment, "_given", settings)
    assert environment.settings_of_libraries() == ["TF_NUM_THREADS=2"]


def test_a_record_has_processor_and_memory():
    facts = environment.hardware()
    assert facts["cpu"] and facts["memory_bytes"] > 1 << 20
    assert isinstance(facts["gpus"], list)


def test_the_commit_of_a_repository_and_whether_files_changed(tmp_path):
    def git(*words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path))
        subprocess.run(["git", *identity, *words], check=True, capture_output=True)

    assert environment.git_commit(tmp_path) is None
    git("init")
    assert environment.git_commit(tmp_path) is None
    (tmp_path / "code.py").write_text("1")
    git("add", "code.py")
    git("commit", "-m", "one")
    commit = environment.git_commit(tmp_path)
    assert re.fullmatch("[0-9a-f]{40}", commit)
    (tmp_path / "code.py").write_text("2")
    assert environment.git_commit(tmp_path) == commit + "-dirty"


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert environment.git_commit() is None
