"""Evaluation: the right clips, the right names, and what must be said with them."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import unicodedata

import numpy as np
import pytest
from world import evaluation_of

from asc.corpus import open_corpus
from asc.errors import InputError, MissingInputError, SettingsMismatch, UsageError
from asc.evaluation.evaluate import evaluate
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.inference import time_shifts
from asc.evaluation.sentences import sample
from asc.experiments.outputs import save_evaluation
from asc.store import FeatureStore
from asc.training import trainer
from asc.training.parts import part_rows
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.session import Session

SCENES = ("beach", "bus", "cafe/restaurant", "home")
#: Clips of each part that the run uses, of 8 of 4 recordings.
LIMIT = 3


@pytest.fixture(scope="module")
def run(tmp_path_factory, store, mini_models):
    """A run on some clips of one recording a scene; not to be changed."""
    path = tmp_path_factory.mktemp("evaluated") / "run"
    recipe = Recipe(
        model="dense",
        split="recording",
        epochs=2,
        limit=LIMIT,
        augment="none",
        learning_rate=0.01,
        seed=3,
    )
    session = Session.create(store, recipe, path)
    trainer.fit(session)
    return session.run


@pytest.fixture(scope="module")
def probabilities(run, store):
    """Probabilities for all clips of the store, from the model alone."""
    values = store.features("mel").astype(np.float32)
    return np.asarray(run.load_model()(values, training=False))


@pytest.fixture
def corpus(few_clips):
    return open_corpus(few_clips)


def trained_on(store):
    """The rows that the run's recipe draws from the train part, by hand."""
    train = store.split("recording").train
    return np.sort(np.random.default_rng(3).permutation(train)[:LIMIT])


def leakage_by_hand(store, rows):
    recordings = store.recordings()
    known = {recordings[row] for row in trained_on(store)}
    return sum(recordings[row] in known for row in rows) / len(rows)


def assert_is_of(result, store, probabilities, rows):
    """Check that a result is that of some rows of the run's own store."""
    assert result.scenes == SCENES
    assert result.paths == [store.paths()[row] for row in rows]
    assert result.recordings == [store.recordings()[row] for row in rows]
    np.testing.assert_array_equal(result.truth, store.labels()[rows])
    np.testing.assert_allclose(result.probabilities, probabilities[rows], atol=1e-6)
    right = probabilities[rows].argmax(axis=1) == store.labels()[rows]
    assert result.metrics["accuracy"] == right.mean()
    assert result.metrics["clips"] == len(rows)
    assert result.metrics["leakage"] == leakage_by_hand(store, rows)


# Which clips


def test_the_test_part_of_the_runs_own_split(run, store, probabilities):
    result = evaluate(run)
    rows = part_rows(store, run.recipe)["test"]
    assert len(rows) == LIMIT
    assert_is_of(result, store, probabilities, rows)
    assert (result.metrics["split"], result.metrics["part"]) == ("recording", "test")
    assert result.metrics["leakage"] == 0


def test_a_path_is_as_good_as_a_run(run):
    assert evaluate(str(run.path)).metrics == evaluate(run).metrics


@pytest.mark.parametrize("part", ["train", "validation", "test"])
@pytest.mark.parametrize("split", ["random", "fold2"])
def test_another_split(run, store, probabilities, split, part):
    """Clips that the model was trained on may be among them, and leakage tells."""
    result = evaluate(run, split=split, part=part)
    rows = store.split(split).part(part)
    assert_is_of(result, store, probabilities, rows)
    assert (result.metrics["split"], result.metrics["part"]) == (split, part)


def test_another_part(run, store, probabilities):
    result = evaluate(run, part="train")
    assert_is_of(result, store, probabilities, trained_on(store))
    assert result.metrics["leakage"] == 1


def test_all_clips(run, store, probabilities):
    result = evaluate(run, part="all")
    assert_is_of(result, store, probabilities, np.arange(24))
    assert 0 < result.metrics["leakage"] < 1


def test_progress_counts_clips(run, store):
    told = []
    evaluate(run, part="all", progress=lambda *counts: told.append(counts))
    assert told == [(16, len(store)), (24, len(store))] and len(store) == 24


def test_the_runs_own_store_at_another_place(run, store, probabilities, own_store):
    result = evaluate(run, store=own_store)
    rows = part_rows(store, run.recipe)["test"]
    assert_is_of(result, store, probabilities, rows)
    assert result.metrics["store"] == "own.h5"


def test_facts_of_the_training(run):
    metrics = evaluate(run).metrics
    assert metrics["parameters"] == 16 * 16 * 3 * 4 + 4
    assert (metrics["model"], metrics["feature"], metrics["augment"]) == (
        "dense",
        "mel",
        "none",
    )
    assert (metrics["epochs"], metrics["seed"]) == (2, 3)
    seconds = sum(record["seconds"] for record in run.history())
    assert metrics["seconds"] == pytest.approx(seconds, abs=0.051)


# Other stores


def test_a_store_with_some_of_the_scenes(run, store, probabilities, corpus, extract):
    """Its scenes have other numbers there; they are told by name."""
    kept = tuple(clip for clip in corpus.clips if clip.scene in ("bus", "home"))
    part = dataclasses.replace(corpus, clips=kept, folds={})
    other = FeatureStore(extract(part).store)
    assert other.scenes == ("bus", "home")
    result = evaluate(run, store=other)
    rows = [row for row, label in enumerate(store.labels()) if label in (1, 3)]
    assert_is_of(result, store, probabilities, rows)
    assert (result.metrics["split"], result.metrics["part"]) == ("all clips", "all")
    assert result.metrics["per_scene"]["beach"]["recall"] is None
    confusion = np.array(result.metrics["confusion"])
    assert confusion.shape == (4, 4)
    assert confusion.sum(axis=1).tolist() == [0, 6, 0, 6]


def test_a_split_of_another_store(run, store, probabilities, corpus, extract):
    kept = corpus.clips[:-1]
    part = dataclasses.replace(corpus, clips=kept, folds={})
    other = FeatureStore(extract(part).store)
    rows = other.split("random").test
    assert_is_of(evaluate(run, store=other, split="random"), store, probabilities, rows)
    with pytest.raises(UsageError, match="needs a split"):
        evaluate(run, store=other, part="test")


def test_a_store_with_a_scene_that_the_model_does_not_know(run, corpus, extract):
    renamed = tuple(
        dataclasses.replace(clip, scene="tram") if clip.scene == "bus" else clip
        for clip in corpus.clips
    )
    other = extract(dataclasses.replace(corpus, clips=renamed, folds={})).store
    with pytest.raises(
        UsageError, match="not trained on. Got tram, expected some of beach"
    ):
        evaluate(run, store=other)


def test_a_store_of_other_features(run, few_clips, extract):
    other = extract(few_clips, settings={"mel_floor": -120.0}).store
    with pytest.raises(SettingsMismatch, match=r"mel_floor +-145\.0 -> -120\.0") as it:
        evaluate(run, store=other)
    assert it.value.exit_code == 6


# What must be said


def test_leakage_is_unknown_without_names_of_recordings(run, corpus, extract):
    unnamed = tuple(
        dataclasses.replace(clip, recording=clip.path) for clip in corpus.clips
    )
    part = dataclasses.replace(corpus, clips=unnamed[:-1], folds={})
    result = evaluate(run, store=extract(part).store)
    assert result.metrics["leakage"] is None
    assert result.metrics["leakage_at_least"] == 0
    assert "leakage unknown" in result.title()
    assert "clips taken as independent, recordings unknown" in result.title()


def test_leakage_has_a_bound_where_some_recordings_are_known(run, corpus, extract):
    """Every second clip does not name its recording; the others are known to leak."""
    clips = tuple(
        dataclasses.replace(clip, recording=clip.path) if row % 2 else clip
        for row, clip in enumerate(corpus.clips)
    )
    part = dataclasses.replace(corpus, clips=clips, folds={})
    rows = Session.open(run).rows["train"]
    trained = {corpus.clips[row].recording for row in rows}
    known = [clip.recording in trained for clip in clips[::2]]
    metrics = evaluate(run, store=extract(part).store).metrics
    assert metrics.leakage is None
    assert metrics.leakage_at_least == pytest.approx(sum(known) / len(clips))
    assert metrics.without_recording == len(clips) // 2
    assert metrics.recordings == len({clip.recording for clip in clips[::2]})
    assert f"; {len(clips) // 2} without one taken as independent" in sample(metrics)


def test_scenes_are_the_same_in_any_form_of_unicode(run, corpus, extract, tmp_path):
    """A store of an earlier version may have them decomposed, a run composed."""
    path = shutil.copytree(run.path, tmp_path / "run")
    record = json.loads((path / "recipe.json").read_text())
    assert record["scenes"][1] == "bus"
    record["scenes"][1] = unicodedata.normalize("NFC", "caf\u00e9")
    (path / "recipe.json").write_text(json.dumps(record))
    clips = tuple(
        dataclasses.replace(clip, scene="cafe\u0301") if clip.scene == "bus" else clip
        for clip in corpus.clips
    )
    other = extract(dataclasses.replace(corpus, clips=clips, folds={}))
    found = evaluate(path, store=other.store)
    assert found.metrics.per_scene["caf\u00e9"].clips == sum(
        clip.scene == "bus" for clip in corpus.clips
    )


def test_leakage_is_unknown_where_the_training_store_is_not(
    tmp_path, run, corpus, extract
):
    """On another machine, say: the figures are the same, and that is admitted."""
    path = tmp_path / "run"
    shutil.copytree(run.path, path)
    record = json.loads((path / "recipe.json").read_text())
    record["store"]["path"] = str(tmp_path / "elsewhere.h5")
    (path / "recipe.json").write_text(json.dumps(record))
    other = extract(dataclasses.replace(corpus, clips=corpus.clips[:-1], folds={}))
    here, there = (evaluate(it, store=other.store) for it in (run, path))
    unknown = {"leakage": None, "leakage_at_least": 0.0, "temperature": None}
    assert there.metrics == dataclasses.replace(here.metrics, **unknown)
    assert here.metrics["leakage"] > 0
    with pytest.raises(InputError, match="--store"):
        evaluate(path)


@pytest.mark.parametrize(
    ("part", "tested_on"), [("test", "random"), ("all", "random, part all")]
)
def test_accuracy_is_never_given_without_split_and_leakage(run, part, tested_on):
    result = evaluate(run, split="random", part=part)
    metrics = result.metrics
    (low, high), (least, most) = (
        [f"{100 * limit:.1f}" for limit in limits]
        for limits in (metrics.ci95, metrics.ci95_cautious)
    )
    assert result.title() == (
        f"accuracy {100 * metrics.accuracy:.1f} % [95 % CI {low}-{high}; conservative"
        f" {least}-{most}; {metrics.clips} clips, {metrics.recordings} recordings],"
        f" split {tested_on}, leakage {100 * metrics.leakage:.0f} %"
    )


# What cannot be


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"part": "tst"}, "Did you mean 'test'"),
        ({"split": "randm"}, "Did you mean 'random'"),
    ],
)
def test_unknown_names(run, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        evaluate(run, **options)


def test_a_part_without_clips(run, corpus, extract):
    """With one clip a scene, all of them are in train."""
    first = {clip.scene: clip for clip in reversed(corpus.clips)}
    few = dataclasses.replace(corpus, clips=tuple(sorted(first.values())), folds={})
    store = extract(few).store
    with pytest.raises(UsageError, match="Part test of split random has no clips"):
        evaluate(run, store=store, split="random")


def test_what_is_no_run(tmp_path):
    with pytest.raises(InputError, match="is not a run folder"):
        evaluate(tmp_path)


# Files


def test_files_agree_with_one_another(tmp_path, run):
    result = evaluate(run, part="all")
    result.save(tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert metrics == result.metrics
    with open(tmp_path / "predictions.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with open(tmp_path / "confusion.csv", newline="", encoding="utf-8") as file:
        header, *confusion = csv.reader(file)

    assert [row["path"] for row in rows] == result.paths
    assert [row["recording"] for row in rows] == result.recordings
    assert list(rows[0]) == ["path", "recording", "scene", "predicted", *SCENES]
    right = [row["scene"] == row["predicted"] for row in rows]
    assert np.mean(right) == metrics["accuracy"]
    for row in rows:
        given = [float(row[scene]) for scene in SCENES]
        assert sum(given) == pytest.approx(1, abs=1e-6)
        assert SCENES[int(np.argmax(given))] == row["predicted"]

    assert header == ["truth", *SCENES]
    assert [name for name, *_ in confusion] == list(SCENES)
    assert [list(map(int, row)) for _, *row in confusion] == metrics["confusion"]
    for name, *row in confusion:
        for predicted, count in zip(SCENES, map(int, row), strict=True):
            pair = (name, predicted)
            assert count == sum((r["scene"], r["predicted"]) == pair for r in rows)
    assert not (tmp_path / "confusion.png").exists()
    save_evaluation(result, tmp_path)
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_an_evaluation_leaves_the_run_alone(run):
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    evaluate(Run(run.path))
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before


def test_load_reads_back_what_save_wrote(tmp_path, run):
    result = evaluate(run)
    result.save(tmp_path)
    loaded = Evaluation.load(tmp_path)
    assert loaded.metrics == result.metrics
    assert loaded.scenes == result.scenes
    assert loaded.paths == result.paths
    assert loaded.recordings == result.recordings
    np.testing.assert_array_equal(loaded.truth, result.truth)
    np.testing.assert_array_equal(loaded.probabilities, result.probabilities)


def test_every_probability_survives_its_text(tmp_path, run):
    """Or an interrupted comparison would differ from another one in its last digits."""
    result = evaluate(run)
    rng = np.random.default_rng(0)
    values = rng.dirichlet(np.ones(4), len(result.paths)).astype(np.float32)
    made = evaluation_of(
        result.truth, values, result.recordings, result.paths, result.scenes
    )
    made.save(tmp_path)
    np.testing.assert_array_equal(Evaluation.load(tmp_path).probabilities, values)


@pytest.mark.parametrize("name", ["metrics.json", "predictions.csv"])
def test_load_refuses_what_is_missing_or_damaged(tmp_path, run, name):
    evaluate(run).save(tmp_path)
    (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match="damaged"):
        Evaluation.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(MissingInputError, match=f"no {name}"):
        Evaluation.load(tmp_path)


@pytest.mark.parametrize(
    ("column", "value"),
    [("scene", "tram"), ("bus", "1.5"), ("bus", "nan"), ("bus", "")],
)
def test_load_refuses_predictions_that_cannot_be(tmp_path, run, column, value):
    evaluate(run).save(tmp_path)
    file = tmp_path / "predictions.csv"
    header, first, *others = file.read_text("utf-8").splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = value
    file.write_text("\n".join([header, ",".join(cells), *others]) + "\n", "utf-8")
    with pytest.raises(InputError, match="damaged"):
        Evaluation.load(tmp_path)


def test_load_refuses_files_of_two_evaluations(tmp_path, run):
    evaluate(run).save(tmp_path)
    file = tmp_path / "predictions.csv"
    file.write_text(file.read_text("utf-8").replace("bus", "tram"), "utf-8")
    with pytest.raises(InputError, match="damaged"):
        Evaluation.load(tmp_path)


# Averaging over time shifts


def test_shifts_are_averaged_beside_the_plain_figures(run, store, probabilities):
    result = evaluate(run, part="all", tta=4)
    assert_is_of(result, store, probabilities, np.arange(24))
    values = store.features("mel").astype(np.float32)
    model = run.load_model()
    by_hand = [
        model(np.roll(values, by, axis=2), training=False) for by in (0, 4, 8, 12)
    ]
    mean = np.mean(by_hand, axis=0)
    np.testing.assert_allclose(result.averaged.probabilities, mean, atol=1e-6)
    tta = result.metrics.tta
    right = mean.argmax(axis=1) == result.truth
    assert (tta.shifts, tta.accuracy) == (4, right.mean())
    assert tta.paired.difference == pytest.approx(right.mean() - result.correct.mean())
    assert tta.paired.ci95[0] <= tta.paired.difference <= tta.paired.ci95[1]
    assert tta.accuracy == result.averaged.metrics.accuracy
    plain = evaluate(run, part="all").metrics.to_dict()
    assert {**result.metrics.to_dict()} == plain | {"tta": result.metrics["tta"]}


@pytest.mark.parametrize(
    ("count", "shifts"), [(1, [0]), (3, [0, 5, 11]), (16, [*range(16)])]
)
def test_shifts_are_spread_over_the_clip(count, shifts):
    assert time_shifts(count, 16) == shifts


@pytest.mark.parametrize("count", [0, 17, 2.0, True])
def test_shifts_that_are_refused(run, count):
    with pytest.raises(UsageError, match="tta must be a whole number in .*Got"):
        evaluate(run, tta=count)


def test_progress_counts_every_shift(run):
    told = []
    evaluate(run, part="all", tta=2, progress=lambda *counts: told.append(counts))
    assert told == [(16, 48), (24, 48), (40, 48), (48, 48)]
