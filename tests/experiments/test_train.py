"""What a training does with a store that does not fit what is asked for."""

from __future__ import annotations

import json
import shutil

import pytest

import asc
from asc.training.callback import TrainingCallback


@pytest.mark.usefixtures("mini_models")
def test_without_recordings_the_split_recording_is_not_claimed(
    few_clips, extract, tmp_path
):
    for line in (few_clips / "meta.txt").read_text().splitlines():
        path, scene, _ = line.split("\t")
        folder = tmp_path / "corpus" / scene.replace("/", " ")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(few_clips / path, folder)
    store = extract(tmp_path / "corpus").store
    told = []

    class Listener(TrainingCallback):
        def note(self, sentence):
            told.append(sentence)

    recipe = asc.Recipe(
        model="dense", split="recording", epochs=1, freq_width=4, time_width=4
    )
    run, evaluation = asc.train(store, recipe, tmp_path / "run", listener=Listener())
    assert run.recipe.split == evaluation.metrics["split"] == "random"
    assert evaluation.metrics["leakage"] is None
    (note,) = [sentence for sentence in told if "no split recording" in sentence]
    assert note in (run.path / "log.txt").read_text()
    record = json.loads((run.path / "metrics.json").read_text())
    assert (record["split"], record["leakage"]) == ("random", None)
