"""The page: what it must tell, what it must not break on, and what it replaces."""

from __future__ import annotations

import json
import shlex
import shutil

import numpy as np
import pytest
from reports import (
    Page,
    evaluation_of,
    finish_run,
    probabilities_of,
)

import asc
from asc.cli.recipe_options import take_recipe
from asc.cli.train import train
from asc.corpus import open_corpus
from asc.errors import InputError, UsageError
from asc.evaluation.anchors import SCENES
from asc.evaluation.evaluate import Evaluation
from asc.evaluation.intervals import mean_and_deviation
from asc.evaluation.significance import paired_test
from asc.experiments.comparison import Comparison
from asc.experiments.grid import Grid, run_name
from asc.reporting.details import details
from asc.reporting.facts import Subject, gather
from asc.reporting.html import tag
from asc.reporting.page import page
from asc.reporting.record import train_command
from asc.store import FeatureStore
from asc.training.recipe import Recipe
from asc.training.run import Run

SECTIONS = (
    "results",
    "leakage",
    "runs",
    "gallery",
    "augmentation",
    "data",
    "recipe",
    "environment",
    "repeat",
)
#: The folds of so few recordings leave nothing to validation.
FOLD = {"split": "fold1", "monitor": "loss"}
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "javascript:alert(1)",
    "</style></title><q>&amp;",
)


@pytest.fixture(scope="module")
def store(small_store):
    return FeatureStore(small_store)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, store):
    """A leaky and an honest run of one recipe; not to be changed."""
    folder = tmp_path_factory.mktemp("runs")
    finish_run(folder / "leaky", store, split="random", wrong=[0])
    finish_run(folder / "honest", store, split="recording", wrong=[0, 1, 2, 5])
    return folder


@pytest.fixture
def own_runs(tmp_path, runs):
    return shutil.copytree(runs, tmp_path / "runs")


def read(paths, tmp_path, **options) -> Page:
    target = asc.report(paths, tmp_path / "report.html", **options)
    found = Page(target.read_text("utf-8"))
    found.assert_harmless()
    return found


# What it tells


def test_every_section_is_there(runs, tmp_path):
    found = read([runs / "leaky", runs / "honest"], tmp_path)
    assert set(SECTIONS) <= set(found.values("id"))
    for heading in (
        "Training",
        "Scenes",
        "Confusion",
        "Most confused pairs",
        "Worst recordings",
        "Calibration",
    ):
        assert found.text.count(f" {heading} ") >= 2
    # Curves, reliability and spectrograms; of the gallery one for each feature.
    assert sum(name == "svg" for name, _ in found.tags) > 2 * 3 + 2 * 4
    assert "cafe/restaurant" in found.text


def test_no_accuracy_without_its_split_and_leakage(runs, tmp_path):
    found = read(runs / "leaky", tmp_path)
    metrics = json.loads((runs / "leaky" / "metrics.json").read_text())
    assert metrics["leakage"] > 0
    assert f"{100 * metrics['accuracy']:.2f} %" in found.text
    assert "Inflated by leakage" in found.text
    assert f"leaks {100 * metrics['leakage']:.0f} %" in found.text
    low, high = metrics["ci95"]
    assert f"{100 * low:.1f} to {100 * high:.1f}" in found.text
    low, high = metrics["ci95_cautious"]  # recordings are few
    assert f"{100 * low:.1f} to {100 * high:.1f} is safer to say" in found.text
    assert "split random" in found.text
    assert "no figure to quote" in found.text


def test_an_honest_run_is_not_accused(runs, tmp_path):
    found = read(runs / "honest", tmp_path)
    assert "Accuracy on new recordings" in found.text
    assert "Inflated" not in found.text
    assert "No result here leaks" in found.text


def test_the_gap_between_random_and_new_recordings(runs, tmp_path):
    found = read([runs / "leaky", runs / "honest"], tmp_path)
    leaky, honest = (
        json.loads((runs / name / "metrics.json").read_text())["accuracy"]
        for name in ("leaky", "honest")
    )
    assert leaky > honest
    assert f"+{100 * (leaky - honest):.1f} points" in found.text
    assert "has no counterpart" not in found.text


def test_runs_of_other_recipes_are_not_subtracted(tmp_path, runs, store):
    finish_run(tmp_path / "other", store, split="recording", learning_rate=0.01)
    found = read([runs / "leaky", tmp_path / "other"], tmp_path)
    assert " points" not in found.text
    assert "1 leaky result has no counterpart on new recordings" in found.text
    assert "asc-train small.h5 --split recording" in found.text


def test_clips_of_known_and_new_recordings_of_one_run(runs, tmp_path, store):
    found = read(runs / "leaky", tmp_path)
    (subject,) = gather([runs / "leaky"])
    split = store.split("random")
    names = np.array(store.recordings())
    known = np.isin(names[split.test], names[split.train])
    right = subject.evaluation.probabilities.argmax(1) == subject.evaluation.truth
    for kind in (known, ~known):
        if kind.any():
            told = f"{100 * right[kind].mean():.1f} % of {kind.sum()} clip"
            assert told in found.text


def test_seeds_are_one_cell_with_their_spread(tmp_path, store):
    wrongs = {0: [0], 1: [0, 1, 2]}
    for seed, wrong in wrongs.items():
        finish_run(tmp_path / f"s{seed}", store, **FOLD, seed=seed, wrong=wrong)
    found = read([tmp_path / "s0", tmp_path / "s1"], tmp_path)
    clips = len(store.split("fold1").test)
    values = [100 * (1 - len(wrong) / clips) for wrong in wrongs.values()]
    assert f"{np.mean(values):.2f} % ± {np.std(values, ddof=1):.1f}" in found.text


def test_what_was_typed_and_what_repeats_it(tmp_path, store):
    command = ["asc-train", "my store.h5", "--epochs", "7"]
    finish_run(tmp_path / "run", store, epochs=7, mixup_alpha=0.4, command=command)
    found = read(tmp_path / "run", tmp_path)
    assert "asc-train 'my store.h5' --epochs 7" in found.text
    assert "asc-train small.h5 --mixup-alpha 0.4 --epochs 7" in found.text
    (subject,) = gather([tmp_path / "run"])
    told = train_command(subject, split="fold1").split()
    assert told[:4] == ["asc-train", "small.h5", "--split", "fold1"]


def test_the_command_makes_the_recipe(tmp_path, store):
    """Every field of it: through the options that asc-train really has."""
    values = {"weight_decay": 0.1, "limit": 7, "jit": True, "imports": ("json",)}
    values |= {"split": "recording", "weights": "none", "ema": 0.5, "warmup": 2.0}
    recipe = Recipe(**values)
    subject = Subject("result-0", "run", recipe=recipe, fingerprints={"store": "a b"})
    name, *words = shlex.split(train_command(subject))
    assert name == "asc-train" and words[0] == "a b"
    context = train.make_context(name, words)
    _, given = take_recipe(context, dict(context.params))
    assert Recipe(**given) == recipe
    assert set(given) == set(values)


def test_the_augmented_examples_have_the_labels_that_training_saw(tmp_path, store):
    finish_run(tmp_path / "run", store, **FOLD, augment="both", seed=3)
    found = read(tmp_path / "run", tmp_path)
    settings = {"augment": "both", "seed": 3, "batch_size": len(store)}
    _, labels = next(iter(asc.dataset(store, "fold1", **settings)))
    labels = labels.numpy()
    even = labels[np.abs(labels.max(axis=1) - 0.5).argmin()]
    vector = " ".join(f"{value:.2g}" for value in even.astype(float))
    assert f"[{vector}]" in found.text


def test_waveforms_where_there_is_audio(runs, few_clips, tmp_path):
    without = read(runs / "honest", tmp_path)
    assert "There are no waveforms" in without.text
    found = read(runs / "honest", tmp_path, audio=few_clips)
    assert found.values("class").count("wave") == 4
    assert "There are no waveforms" not in found.text


def test_published_figures_are_beside_a_run_on_tut(tmp_path):
    truth = np.repeat(np.arange(15), 2)
    evaluation = evaluation_of(
        truth,
        probabilities_of(truth, 15),
        [f"a{clip // 2:03}" for clip in range(30)],
        [f"audio/{clip}.wav" for clip in range(30)],
        SCENES,
        split="random",
        leakage=1.0,
    )
    (tmp_path / "tut").mkdir()
    evaluation.save(tmp_path / "tut")
    found = read(tmp_path / "tut", tmp_path)
    for value in ("99.7 %", "39.1 %", "98.1 %", "80.1 %"):
        assert value in found.text
    assert "being above them means nothing" in found.text
    assert "DCASE2017-baseline-system" in found.text


def test_all_folds_as_one_result(tmp_path, store):
    """Of a folder with a run for each fold in it, and their pooled evaluation."""
    settings = FOLD | {"split": "folds"}
    run = Run.create(tmp_path / "all", Recipe(**settings), store)
    folds = {}
    for number, wrong in ((1, [0]), (2, [0, 1, 2])):
        fold = f"fold{number}"
        settings = FOLD | {"split": fold}
        finish_run(run.path / fold, store, **settings, wrong=wrong)
        folds[fold] = Evaluation.load(run.path / fold)
    first, second = folds.values()
    accuracies = [fold.metrics["accuracy"] for fold in folds.values()]
    kept = ("accuracy", "class_accuracy", "clips", "leakage", "epochs", "seconds")
    evaluation_of(
        np.concatenate([first.truth, second.truth]),
        np.concatenate([first.probabilities, second.probabilities]),
        first.recordings + second.recordings,
        first.paths + second.paths,
        first.scenes,
        split="folds",
        folds={
            name: {key: fold.metrics[key] for key in kept}
            for name, fold in folds.items()
        },
        accuracy_mean=np.mean(accuracies),
        accuracy_deviation=np.std(accuracies, ddof=1),
        tested_again=0,
        never_tested=0,
    ).save(run.path)
    found = read(run.path, tmp_path)
    for accuracy in accuracies:
        assert f" {100 * accuracy:.2f} % " in found.text
    assert f"standard deviation {100 * np.std(accuracies, ddof=1):.2f} points" in (
        found.text
    )
    assert found.text.count(" fold1 ") >= 2  # its figures and its curves
    assert "asc-train small.h5 --split folds" in found.text
    assert "These are from the first epoch of all." in found.text


@pytest.fixture
def comparison(tmp_path, store):
    """A comparison of which one run failed and one was not begun."""
    grid = Grid(features=("mel", "stft"), splits=("random", "recording"), seeds=(0, 1))
    folder = tmp_path / "grid"
    folder.mkdir()
    facts = {"path": str(store.path), "fingerprint": store.fingerprint}
    facts["digest"] = store.digest
    record = {"grid": grid.to_dict(), "store": facts}
    (folder / "grid.json").write_text(json.dumps(record))
    *done, failed, _ = grid.recipes()
    for number, recipe in enumerate(done):
        wrong = range(number % 4 + 1)
        finish_run(
            folder / "runs" / run_name(recipe), store, wrong=wrong, **recipe.to_dict()
        )
    entries = [{"name": run_name(failed), "error": "<b>no</b> memory."}]
    (folder / "results.json").write_text(json.dumps({"entries": entries}))
    return folder


def test_a_comparison(comparison, tmp_path):
    found = read(comparison, tmp_path)
    entries = Comparison.load(comparison).entries
    assert [entry.status for entry in entries[-2:]] == ["failed", "pending"]
    for entry in entries:
        assert f" {entry.name} " in found.text
    assert "failed: <b>no</b> memory." in found.text
    assert "No result, pending." in found.text
    assert f"{len(entries)} results" in found.text
    mean, deviation = mean_and_deviation(
        entry.metrics["accuracy"] for entry in entries[:2]
    )
    assert f"{100 * mean:.2f} % ± {100 * deviation:.1f}" in found.text
    gap, *_ = Comparison.load(comparison).gaps()
    assert f"{gap.points:+.1f} points".replace("-", "\N{MINUS SIGN}") in found.text


def test_differences_are_tested_recording_by_recording(tmp_path, runs, store):
    settings = {"split": "recording", "model": "complex-cnn"}
    finish_run(tmp_path / "worse", store, wrong=[0, 1, 2, 3, 5, 6], **settings)
    found = read([tmp_path / "worse", runs / "honest"], tmp_path)
    best, worse = map(Evaluation.load, (runs / "honest", tmp_path / "worse"))
    test = paired_test(best, worse)
    low, high = (f"{100 * limit:+.1f}" for limit in test.ci95)
    least, most = (f"{100 * limit:+.1f}" for limit in test.ci95_cautious)
    told = f"{100 * test.difference:+.1f} {low} to {high}"
    told += f" {test.recordings} recordings: safer {least} to {most}"
    told += f" {test.p_value:.4f}"
    assert told.replace("-", "\N{MINUS SIGN}") in found.text
    assert ("cannot be told apart" in found.text) == (test.p_value >= 0.05)


# What is missing or hostile


def test_the_store_is_gone(own_runs, tmp_path):
    record = json.loads((own_runs / "leaky" / "recipe.json").read_text())
    record["store"]["path"] = str(tmp_path / "gone" / "small.h5")
    (own_runs / "leaky" / "recipe.json").write_text(json.dumps(record))
    found = read(own_runs / "leaky", tmp_path)
    assert "no longer where it was" in found.text
    assert set(SECTIONS) <= set(found.values("id"))
    assert "Inflated by leakage" in found.text
    assert str(tmp_path / "gone") not in found.text


def test_a_run_that_is_not_finished(own_runs, tmp_path):
    (own_runs / "leaky" / "metrics.json").unlink()
    found = read([own_runs / "leaky", own_runs / "honest"], tmp_path)
    assert "was not evaluated to the end" in found.text
    assert "Accuracy on new recordings" in found.text
    alone = read(own_runs / "leaky", tmp_path)
    assert "No result yet" in alone.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", "<b>1</b>"),
        ("accuracy", 2.0),
        ("ci95", [0.1]),
        ("leakage", "none"),
        ("parameters", None),
        ("split", ["random"]),
        ("per_scene", None),
    ],
)
def test_damaged_figures_are_not_shown(own_runs, name, value):
    file = own_runs / "leaky" / "metrics.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    (subject,) = gather([own_runs / "leaky"])
    assert subject.evaluation is None
    assert "damaged" in " ".join(subject.missing)


@pytest.mark.parametrize("name", ["environment.json", "history.csv"])
@pytest.mark.parametrize("content", ["", "[]", "a,b\n<script>,2\n", '{"x": "<b>"}'])
def test_damaged_records_are_left_out(own_runs, name, content):
    (own_runs / "honest" / name).write_text(content)
    (subject,) = gather([own_runs / "honest"])
    assert subject.evaluation is not None
    if name == "history.csv":
        assert subject.histories == {}
    else:
        assert subject.environment == ({"x": "<b>"} if '"x"' in content else {})


@pytest.mark.parametrize(
    ("line", "charts"),
    [("1e300,1,0.5", 0), ("-1,1,0.5", 0), ("nan,1,0.5", 0), ("2,1e308,-1e308", 2)],
)
def test_a_history_that_no_axis_can_hold(own_runs, line, charts):
    names = "epoch,loss,accuracy,val_loss"
    told = f"{names}\n1,2,0.1,3\n{line},inf\n"
    (own_runs / "honest" / "history.csv").write_text(told)
    (subject,) = gather([own_runs / "honest"])
    drawn = str(details(subject, 0))
    assert drawn.count("over 2 epochs") == charts
    assert "nan" not in drawn and "inf" not in drawn


def test_hostile_names_are_text(tmp_path, write_wav, extract):
    lines = ["path,label,recording"]
    for number, scene in enumerate(HOSTILE):
        for clip in range(6):
            path = f'a"><s>{number}{clip}.wav'
            write_wav(tmp_path / "audio" / path, seed=10 * number + clip)
            quoted = [text.replace('"', '""') for text in (path, scene)]
            lines.append(f'"{quoted[0]}","{quoted[1]}",<u>{number}{clip // 2}</u>')
    table = tmp_path / "audio" / "clips.csv"
    table.write_text("\n".join(lines) + "\n")
    assert extract(open_corpus(table), tmp_path / "hostile.h5").complete
    store = FeatureStore(tmp_path / "hostile.h5")
    assert set(store.scenes) == set(HOSTILE)
    command = ["asc-train", "<script>alert(2)</script>"]
    run = tmp_path / "<img src=x onerror=alert(3)>"
    finish_run(run, store, wrong=[0, 1, 2], command=command)
    text = asc.report(run, tmp_path / "report.html").read_text("utf-8")
    found = Page(text)
    found.assert_harmless()
    for scene in HOSTILE:
        assert scene in "".join(found.words)
        assert scene not in text or "<" not in scene
    assert "<u>" in found.text and "<s>" in found.text
    assert not {"u", "q", "s", "script"} & {name for name, _ in found.tags}
    assert all(len(a) == 0 or "onerror" not in a for _, a in found.tags)


def test_a_path_of_the_store_does_not_leave_the_audio(runs, tmp_path, few_clips):
    outside = tmp_path / "outside"
    outside.mkdir()
    subjects = gather([runs / "honest"])
    store = subjects[0].store
    path = store.paths()[0]
    (outside / "audio").symlink_to(few_clips / "audio")
    found = Page(page(subjects, audio=outside))
    assert found.values("class").count("wave") == 0
    assert f"The audio of {len(store.scenes)} clips could not be read" in found.text
    assert path in found.text


# The file


def test_only_reports_are_replaced(runs, tmp_path):
    mine = tmp_path / "mine.html"
    mine.write_text("<html>my thesis</html>")
    with pytest.raises(UsageError, match="is no report"):
        asc.report(runs / "leaky", mine)
    assert mine.read_text() == "<html>my thesis</html>"
    target = asc.report(runs / "leaky", tmp_path / "report.html")
    before = target.read_text("utf-8")
    asc.report(runs / "honest", target)
    assert target.read_text("utf-8") != before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.html", "report.html"]


def test_what_cannot_be_reported(tmp_path, runs):
    with pytest.raises(InputError, match="neither a run nor an evaluation"):
        asc.report(tmp_path, tmp_path / "report.html")
    with pytest.raises(InputError, match="there is no folder"):
        asc.report(runs / "leaky", tmp_path / "no" / "report.html")
    with pytest.raises(UsageError, match="at least one run"):
        asc.report([], tmp_path / "report.html")
    with pytest.raises(InputError, match="no folder"):
        asc.report(runs / "leaky", tmp_path / "report.html", audio=tmp_path / "no")
    assert list(tmp_path.iterdir()) == []


def test_many_runs_are_folded_up_and_stay_small(tmp_path, store):
    folders = [tmp_path / f"run{number}" for number in range(6)]
    for number, folder in enumerate(folders):
        finish_run(folder, store, **FOLD, seed=number)
    found = read(folders, tmp_path)
    folded = [attributes for name, attributes in found.tags if name == "details"]
    assert ["open" in attributes for attributes in folded] == [True] + [False] * 5
    assert (tmp_path / "report.html").stat().st_size < 2_000_000


def test_two_runs_of_one_name_are_told_apart(runs, tmp_path):
    for place in ("a", "b"):
        shutil.copytree(runs / "leaky", tmp_path / place / "leaky")
    names = [
        s.name for s in gather([tmp_path / "a" / "leaky", tmp_path / "b" / "leaky"])
    ]
    assert names == ["a/leaky", "b/leaky"]


# Elements


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("script", {}),
        ("style", {}),
        ("iframe", {}),
        ("p onclick=x", {}),
        ("a", {"href": "https://example.org"}),
        ("a", {"href": "javascript:alert(1)"}),
        ("img", {"src": "picture.png"}),
        ("img", {"src": "data:image/svg+xml;base64,AAAA"}),
        ("p", {"onclick": "alert(1)"}),
        ("p", {"x y": "1"}),
    ],
)
def test_elements_that_could_do_something_are_refused(name, attributes):
    with pytest.raises(ValueError, match="page"):
        tag(name, **attributes)


def test_text_is_escaped_wherever_it_is():
    text = "<b>&\"'\u202e\x00"
    element = str(tag("p", text, [text, tag("b", 1)], None, title=text, hidden=True))
    safe = "&lt;b&gt;&amp;&quot;&#x27;\ufffd\ufffd"
    assert element == f'<p title="{safe}" hidden="hidden">{safe}{safe}<b>1</b></p>'
