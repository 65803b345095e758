"""What the page shows of a model: a map of embeddings, and Grad-CAM."""

from __future__ import annotations

import shutil

import numpy as np
from page_reader import Page
from world import evaluation_of, finish_run, probabilities_of

from asc.errors import StoreError
from asc.evaluation.embeddings import embed_rows, neighbour_agreement
from asc.evaluation.grad_cam import GradCam
from asc.evaluation.mistakes import confused_pairs
from asc.reporting.confusion import examples_of
from asc.reporting.entries import gather
from asc.reporting.inspection import ModelViews, inspect_models
from asc.reporting.media import Media
from asc.reporting.page import page
from asc.training.new_run import create_run
from asc.training.recipe import Recipe
from asc.training.run import Run


def look(entry, questions=()):
    return inspect_models(entry, entry.evaluation, questions, Media(), lambda _: None)


def test_the_views_are_those_of_the_model(modelled, store):
    (entry,) = gather([modelled])
    evaluation, rows = entry.evaluation, np.array(entry.rows())
    pairs = examples_of(evaluation, confused_pairs(evaluation))
    questions = [each for pair in pairs for each in pair.questions]
    found = look(entry, questions)
    model = Run(modelled).load_model()
    embeddings = embed_rows(model, store, "mel", rows)
    assert found.embedding["clips"] == found.embedding["of"] == len(rows)
    assert found.embedding["neighbours"] == neighbour_agreement(
        embeddings, evaluation.truth, np.array(evaluation.recordings)
    )
    assert found.maps.keys() == set(questions) and len(questions) >= 2
    for (clip, scene), heat in found.maps.items():
        features = store.features("mel")[rows[clip]][None]
        expected = GradCam(model).maps(features, np.array([scene]))[0]
        np.testing.assert_allclose(heat, expected, atol=1e-5)


def test_the_page_explains_the_predicted_and_the_true_scene(modelled, read):
    found = read(modelled)
    assert found.one("div", data_neighbours="").number("clips") == 8
    maps = [node.attributes["data-explained"] for node in found.find(data_explained="")]
    pairs = [
        (node.attributes["data-predicted"], node.attributes["data-true"])
        for node in found.find("tr", data_predicted="")
    ]
    assert maps == [scene for pair in pairs for scene in pair]
    plain = read(modelled, inspect=False)
    assert not plain.find(data_neighbours="") and not plain.find(data_explained="")


def test_each_clip_is_explained_by_the_model_that_was_tested_on_it(
    modelled, store, tmp_path, monkeypatch
):
    rows = np.concatenate([store.split(fold).test for fold in ("fold1", "fold2")])
    truth = store.labels()[rows]
    create_run(tmp_path / "run", Recipe(split="folds"), store)
    evaluation_of(
        truth,
        probabilities_of(truth, len(store.scenes)),
        np.array(store.recordings())[rows].tolist(),
        np.array(store.paths())[rows].tolist(),
        store.scenes,
        split="folds",
    ).save(tmp_path / "run")
    for fold in ("fold1", "fold2"):
        finish_run(tmp_path / "run" / fold, store, split=fold, monitor="loss")
        shutil.copy(modelled / "model.keras", tmp_path / "run" / fold)
    (entry,) = gather([tmp_path / "run"])
    loaded = []
    load = Run.load_model
    monkeypatch.setattr(
        Run, "load_model", lambda run: loaded.append(run.path.name) or load(run)
    )
    questions = [(len(rows) - 1, 0)]
    found = look(entry, questions)
    assert loaded == ["fold1", "fold2"]
    assert found.embedding["fold"] == "fold1"
    assert found.embedding["of"] == len(store.split("fold1").test)
    assert list(found.maps) == questions


def test_a_damaged_model_leaves_the_rest_of_the_page(modelled, tmp_path, read):
    run = shutil.copytree(modelled, tmp_path / "run")
    (run / "model.keras").write_bytes(b"damaged")
    (entry,) = gather([run])
    found = look(entry)
    assert found.embedding is None and not found.maps
    assert "model.keras" in found.missing and str(tmp_path) not in found.missing
    assert read(run).find(data_accuracy="")


def test_a_store_that_cannot_be_read_is_named_without_its_folder(
    modelled, store, monkeypatch
):
    def fail(*_):
        raise StoreError(f"{store.path} was changed.")

    monkeypatch.setattr("asc.evaluation.embeddings.embed_rows", fail)
    (entry,) = gather([modelled])
    missing = look(entry).missing
    assert f"{store.path.name} was changed." in missing
    assert str(store.path.parent) not in missing


def test_large_tests_are_sampled_over_all_scenes(modelled, monkeypatch):
    monkeypatch.setattr("asc.reporting.inspection._MAX_CLIPS", 5)
    (entry,) = gather([modelled])
    found = look(entry)
    assert (found.embedding["clips"], found.embedding["of"]) == (5, 8)


def test_only_the_first_models_are_run(tmp_path, store):
    folders = [tmp_path / f"run{number}" for number in range(4)]
    for folder in folders:
        finish_run(folder, store, split="fold1", monitor="loss")
    asked = []

    def inspect(entry, evaluation, questions, media):
        asked.append(entry.name)
        return ModelViews(missing="nothing to see")

    text = page(gather(folders), inspect=inspect)
    assert asked == [folder.name for folder in folders[:3]]
    assert Page(text).text.count("nothing to see") == 3
