"""Wrong uses, and the sentences that answer them."""

from __future__ import annotations

import os

import click
import pytest
from click.testing import CliRunner
from world import finish_run

from asc.cli.commands import PROGRAMS
from asc.errors import AscError


@pytest.fixture(scope="module")
def places(tmp_path_factory, small_store, few_clips, store):
    """Return a folder with one thing of each kind."""
    folder = tmp_path_factory.mktemp("places")
    os.link(small_store, folder / "s.h5")
    os.symlink(few_clips, folder / "corpus")
    os.link(next((few_clips / "audio").iterdir()), folder / "a.wav")
    (folder / "text.txt").write_text("not a store")
    (folder / "empty").mkdir()
    finish_run(folder / "run", store, split="recording")
    return folder


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("asc-extract s.h5 corpus", 3, "s.h5 is a store. The corpus comes first:"),
        ("asc-extract a.wav o.h5", 3, "a.wav is an audio file, not a corpus."),
        ("asc-extract run o.h5", 3, "run is a run folder, not a corpus."),
        ("asc-extract corpus text.txt", 2, "text.txt exists and is not a store, so"),
        ("asc-extract corpus run", 2, "run is a folder."),
        ("asc-extract corpus a.wav/o.h5", 3, "Cannot write to a.wav/o.h5:"),
        ("asc-train run", 2, "To continue this run: asc-train --resume run"),
        ("asc-train a.wav", 5, "a.wav is an audio file, not a store."),
        ("asc-train --show none.h5", 3, "There is no store at none.h5"),
        ("asc-train s.h5 --split fold9", 2, "To train all folds, use folds."),
        ("asc-train s.h5 --freq-width 1000", 2, "freq_width must be in [0, 16]. Got"),
        ("asc-train s.h5 --time-width 17", 2, "time_width must be in [0, 16]. Got 17"),
        ("asc-train s.h5 --monitor accuracy_val", 2, "Did you mean 'val_accuracy'?"),
        ("asc-train --resume s.h5", 3, "s.h5 is a store, not a run folder."),
        ("asc-train --resume=", 2, "--resume must be the path of a file or folder."),
        ("asc store info run", 3, "run is a run folder, not a store."),
        ("asc store preview s.h5 --clip Rooster", 2, "No clip path in s.h5 ends in"),
        ("asc corpus info empty", 3, "There is no audio in empty."),
        ("asc corpus download", 2, "Known: tut2017-development, tut2017-evaluation."),
        ("asc cache clean", 2, "--limit SIZE to keep that much, or --all to remove"),
        ("asc runs list s.h5", 3, "s.h5 is a store, not a folder of runs."),
        ("asc evaluate a.wav", 3, "a.wav is an audio file, not a run folder."),
        ("asc evaluate run --ensemble", 2, "An ensemble needs two runs or more, or"),
        ("asc evaluate run run --ensemble", 2, "run is given twice. Name every run"),
        ("asc evaluate run --tta 17", 2, "tta must be a whole number in [1, 16]. Got"),
    ],
)
def test_what_was_received_is_named(places, monkeypatch, words, code, sentence):
    monkeypatch.chdir(places)
    before = sorted(places.iterdir())
    program, *arguments = words.split()
    command = PROGRAMS[program]
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    error = result.exception
    assert isinstance(error, (AscError, click.ClickException)), error
    message = getattr(error, "message", None) or str(error)
    assert (error.exit_code, sentence in message) == (code, True), message
    assert "clips" not in result.stdout  # nothing before the refusal
    assert sorted(places.iterdir()) == before


def test_an_empty_argument_is_not_the_current_folder():
    for words in (["", "o.h5"], ["corpus", ""]):
        result = CliRunner().invoke(PROGRAMS["asc-extract"], words)
        assert "must be the path of a file or folder. Got ''." in str(result.exception)


def test_what_can_be_downloaded_is_listed_without_a_name():
    words = ["corpus", "download", "--list"]
    told = CliRunner().invoke(PROGRAMS["asc"], words).stdout
    assert "tut2017-development: 4,680 clips" in told
    assert "tut2017-evaluation: 1,620 clips" in told
