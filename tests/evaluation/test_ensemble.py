"""Ensembles: the mean of runs, on clips that all test and none was trained on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from world import finish_run, probabilities_of

import asc
from asc import extraction
from asc.cli.evaluate import evaluate as command
from asc.corpus import open_corpus
from asc.errors import SettingsMismatch, UsageError
from asc.evaluation.ensemble import evaluate_ensemble
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.members import Members
from asc.store import FeatureStore
from asc.training.recipe import Recipe
from asc.training.run import Run


@pytest.fixture(scope="module")
def runs(tmp_path_factory, store):
    """Runs that were never trained, by split; ``folds`` holds one for each fold."""
    folder = tmp_path_factory.mktemp("runs")
    names = ("fold1", "fold2", "random", "randomb")
    made = {
        name: finish_run(
            folder / name, store, split=name.removesuffix("b"), monitor="loss"
        )
        for name in names
    }
    for name in ("folds", "foldsb"):
        made[name] = _folds(folder / name, store)
    return made


def _folds(path, store):
    from asc.training.new_run import create_run

    run = create_run(path, Recipe(split="folds", monitor="loss"), store)
    for name in ("fold1", "fold2"):
        finish_run(path / name, store, split=name, monitor="loss")
    return run


@pytest.fixture
def asked(monkeypatch):
    """Replace models by random numbers; return the rows that each was asked for."""
    rows_of: dict[str, list[int]] = {}

    def ask(self, model, rows, tta, progress):
        name = "/".join(model.run.path.parts[-2:])
        rows_of.setdefault(name, []).extend(rows.tolist())
        fact = {"model": "m", "feature": "mel", "augment": "none", "seed": 0}
        numbers = {"parameters": 5, "epochs": 2, "seconds": 1.5}
        self._facts.setdefault(model.run.path, fact | numbers)
        rng = np.random.default_rng(len(name) + sum(map(ord, name)))
        every = rng.dirichlet(np.ones(4), (tta, len(self._store)))
        progress(tta * len(rows), tta * len(rows))
        return every[:, rows].astype(np.float32)

    monkeypatch.setattr(Members, "_ask", ask)
    return rows_of


def by_path(evaluation):
    return dict(zip(evaluation.paths, evaluation.probabilities, strict=True))


def test_runs_of_one_split(runs, store, asked, tmp_path):
    found = evaluate_ensemble([runs["random"], runs["randomb"]])
    test = store.split("random").test
    result = found.evaluation
    assert result.paths == [store.paths()[row] for row in test]
    mean = np.mean([one.probabilities for one in found.members.values()], axis=0)
    np.testing.assert_allclose(result.probabilities, mean, atol=1e-6)
    assert list(found.members) == ["random", "randomb"]
    metrics = result.metrics
    leakage = store.split("random").leakage
    assert (metrics.leakage, metrics.split, metrics.part) == (leakage, "random", "test")
    assert metrics.parameters == 10 and metrics.ensemble.models == 2
    assert (metrics.ensemble.trained, metrics.ensemble.untested) == (0, 0)
    assert not found.notes
    for name, member in found.members.items():
        beside = metrics.ensemble.members[name]
        assert beside.accuracy == member.metrics.accuracy
        difference = metrics.accuracy - member.metrics.accuracy
        assert beside.paired.difference == pytest.approx(difference)
    # The temperature of the mean is from clips that all have in validation.
    assert metrics.temperature.clips == len(store.split("random").validation)
    result.save(tmp_path)
    assert Evaluation.load(tmp_path).metrics.to_dict() == metrics.to_dict()


def test_what_one_was_trained_on_is_never_tested(runs, store, asked):
    """Test parts overlap in part: only what is in both, and in no train part."""
    found = evaluate_ensemble([runs["fold1"], runs["random"]])
    one, other = store.split("fold1"), store.split("random")
    both = np.intersect1d(one.test, other.test)
    assert found.evaluation.paths == [store.paths()[row] for row in both]
    for name, split in (("runs", one), ("runs", other)):
        assert not np.isin(both, split.train).any(), name
    either = np.union1d(one.test, other.test)
    left = np.setdiff1d(either, both)
    trained = np.isin(left, [*one.train, *other.train])
    facts = found.evaluation.metrics.ensemble
    assert (facts.trained, facts.untested) == (trained.sum(), (~trained).sum())
    assert facts.trained > 0
    assert f"{len(left)} clips are left out" in found.notes[0]
    # A clip of a recording that one of the two knows leaks.
    names = store.origins().recordings
    known = np.isin(names[both], names[[*one.train, *other.train]])
    assert found.evaluation.metrics.leakage == known.mean() > 0


def test_no_clip_in_common(runs, asked):
    with pytest.raises(UsageError, match="no clip that all runs test and none was"):
        evaluate_ensemble([runs["fold1"], runs["fold2"]])
    assert not asked


def test_a_clip_is_given_by_the_fold_that_tests_it(runs, store, asked):
    found = evaluate_ensemble([runs["folds"], runs["foldsb"]], tta=2)
    for name in ("folds", "foldsb"):
        for fold in ("fold1", "fold2"):
            tested = store.split(fold)
            rows = asked[f"{name}/{fold}"]
            assert set(rows) == {*tested.test.tolist(), *tested.validation.tolist()}
            assert not set(rows) & set(tested.train.tolist())
    metrics = found.evaluation.metrics
    assert metrics.clips == len(store) and metrics.leakage == 0
    assert metrics.ensemble.models == 4 and metrics.tta.shifts == 2
    averaged = found.evaluation.averaged
    assert not np.allclose(averaged.probabilities, found.evaluation.probabilities)


def test_a_run_and_a_run_of_all_folds(runs, store, asked):
    found = evaluate_ensemble([runs["folds"], runs["fold2"]])
    assert found.evaluation.metrics.clips == len(store.split("fold2").test)
    # It counts as one, not as its folds.
    mine, other = map(by_path, found.members.values())
    for path, mean in by_path(found.evaluation).items():
        np.testing.assert_allclose(mean, (mine[path] + other[path]) / 2, atol=1e-6)
    assert "folds/fold1" not in asked


@pytest.fixture(scope="module")
def other_store(tmp_path_factory, tiny_corpus):
    """A store of 16 clips, of which 8 are in the store of the runs too."""
    corpus = open_corpus(tiny_corpus)
    clips = tuple(clip for clip in corpus.clips if clip.recording[-1] in "05")
    path = tmp_path_factory.mktemp("other") / "other.h5"
    corpus = replace(corpus, clips=clips, folds={})
    extraction.extract(extraction.plan(corpus, path, rows=16, columns=16), jobs=1)
    return FeatureStore(path)


def unknown_rows(other_store, store, *splits):
    """Return the rows of a store whose features are in no train part of another."""
    train = {row for name in splits for row in store.split(name).train}
    known = {store.digests("mel")[row].tobytes() for row in train}
    digests = enumerate(other_store.digests("mel"))
    return [row for row, digest in digests if digest.tobytes() not in known]


def test_another_store_without_copies_of_what_was_learned(
    runs, store, other_store, asked
):
    found = evaluate_ensemble([runs["fold1"], runs["random"]], store=other_store)
    rows = unknown_rows(other_store, store, "fold1", "random")
    assert 8 <= len(rows) < len(other_store) == 16
    assert found.evaluation.paths == [other_store.paths()[row] for row in rows]
    metrics = found.evaluation.metrics
    assert metrics.ensemble.trained == len(other_store) - len(rows)
    assert (metrics.split, metrics.part) == ("all clips", "all")
    assert metrics.temperature is None


def test_the_folds_of_one_run_on_another_store(runs, store, other_store, asked):
    with pytest.raises(UsageError, match="nothing to average. Name another store"):
        evaluate_ensemble(runs["folds"])
    found = evaluate_ensemble(runs["folds"].path, store=other_store)
    assert list(found.members) == ["fold1", "fold2"]
    rows = unknown_rows(other_store, store, "fold1", "fold2")
    assert found.evaluation.paths == [other_store.paths()[row] for row in rows]


def test_a_store_of_the_training_that_is_gone(runs, other_store, asked, tmp_path):
    """Nobody knows which clips were learned, and that is said."""
    gone = finish_run(tmp_path / "gone", other_store, split="random", monitor="loss")
    gone.store = gone.store | {"path": "/nowhere.h5", "digest": "another"}
    found = evaluate_ensemble([runs["fold1"], gone], store=other_store)
    assert found.evaluation.metrics.leakage is None
    assert any("is not there, so leakage is unknown" in note for note in found.notes)


def refused(runs, **options):
    with pytest.raises((UsageError, SettingsMismatch)) as caught:
        evaluate_ensemble(runs, **options)
    assert str(caught.value).endswith(".")
    return caught.value


def test_what_is_no_ensemble(runs, store, asked, tmp_path, other_store):
    one, two = runs["fold1"], runs["fold2"]
    assert "two runs or more" in str(refused([one]))
    assert "Got none" in str(refused([]))
    assert "given twice" in str(refused([one, Run(one.path.parent / "." / "fold1")]))
    assert "given twice" in str(refused([runs["folds"], runs["folds"].path / "fold1"]))
    assert "Leave out --split" in str(refused([one, two], split="fold1"))
    path = tmp_path / "elsewhere"
    elsewhere = finish_run(path, other_store, split="random", monitor="loss")
    error = refused([one, elsewhere])
    assert error.exit_code == 6 and "with --store" in str(error)
    assert not asked


def test_runs_of_other_scenes(runs, store, asked, tmp_path, monkeypatch):
    other = Run(runs["random"].path)
    other.scenes = ("beach", "bus", "cafe/restaurant", "house")
    monkeypatch.setattr("asc.evaluation.ensemble.check_fits", lambda *_: None)
    assert "different scenes" in str(refused([runs["fold1"], other], store=store))


def test_probabilities_are_in_the_order_of_the_first(runs, store, monkeypatch):
    from asc.evaluation import members as module

    found = probabilities_of(np.zeros(len(store), int), 4)
    monkeypatch.setattr(
        module, "predict_rows", lambda *_, tta, **__: np.stack([found] * tta)
    )
    monkeypatch.setattr(module, "training_facts", lambda *_: {})
    other = Run(runs["fold1"].path)
    monkeypatch.setattr(Run, "load_model", lambda self: None)
    monkeypatch.setattr("asc.training.machine.release_variables", lambda model: None)
    other.scenes = other.scenes[::-1]
    members = Members([runs["fold2"], other], store)
    model = members.models[1]
    given = members._ask(model, np.arange(len(store)), 1, lambda *_: None)
    np.testing.assert_array_equal(given[0], found[:, ::-1])


def test_the_command(runs, asked, tmp_path):
    words = [str(runs[name].path) for name in ("fold1", "random")]
    words += ["--ensemble", "--tta", "2"]

    def invoke(*more):
        return CliRunner().invoke(command, [*words, *more], standalone_mode=False)

    text = invoke().output
    for part in (
        "ensemble of 2 members: accuracy ",
        "  2 time shifts averaged: accuracy ",
        " clips are left out: a run was trained on ",
        "each member alone, on the same clips:\n  fold1: accuracy ",
        "difference from each member (paired permutation test over recordings, Holm",
    ):
        assert part in text
    written = invoke("--json", "-o", str(tmp_path / "out"))
    facts = json.loads(written.stdout)
    assert [member["run"] for member in facts["members"]] == ["fold1", "random"]
    for member in facts["members"]:
        difference = facts["accuracy"] - member["accuracy"]
        assert member["paired"]["difference"] == pytest.approx(difference)
    saved = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert saved == {key: facts[key] for key in saved}
    assert saved["ensemble"]["members"].keys() == {"fold1", "random"}
    # The report reads it as an evaluation.
    page = asc.report(tmp_path / "out", tmp_path / "page.html").read_text()
    assert "2 time shifts averaged" in page and "Ensemble" in page
