"""Results of a report: accuracies, intervals, leakage, significance, folds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from page_reader import Page
from world import evaluation_of, finish_run, probabilities_of

from asc.evaluation.calibration import calibration
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.gap import unpaired_difference
from asc.evaluation.intervals import both_intervals, mean_and_deviation
from asc.evaluation.published import SCENES
from asc.evaluation.significance import paired_test
from asc.experiments.comparison import Comparison
from asc.experiments.grid import Grid, run_name
from asc.reporting.entries import ReportEntry, gather
from asc.reporting.page import page
from asc.training.new_run import create_run
from asc.training.recipe import Recipe

#: The folds of so few recordings leave nothing to validation.
FOLD = {"split": "fold1", "monitor": "loss"}


def metrics_of(run):
    return json.loads((run / "metrics.json").read_text())


# Accuracy, its intervals and its leakage


def test_the_headline_of_a_leaky_run(runs, read):
    metrics = metrics_of(runs / "leaky")
    card = read(runs / "leaky").one("div", data_highest="")
    assert card.attributes["class"] == "card leaky"
    assert card.number("leakage") == metrics["leakage"] > 0
    assert card.attributes["data-split"] == "random"
    assert card.number("accuracy") == card.number("highest") == metrics["accuracy"]
    for limits in (metrics["ci95"], metrics["ci95_cautious"]):
        low, high = (f"{100 * limit:.1f}" for limit in limits)
        assert f"{low}-{high}" in card.text


def test_the_headline_of_a_disjoint_run(runs, read):
    found = read(runs / "disjoint")
    card = found.one("div", data_highest="")
    assert card.attributes["class"] == "card disjoint"
    assert card.number("leakage") == 0
    assert not found.find(class_="badge leaky", data_leakage="") and not found.find(
        data_gap=""
    )


def test_the_headline_of_several_runs(runs, read):
    cards = read([runs / "leaky", runs / "disjoint"]).find("div", data_highest="")
    assert [card.attributes["class"] for card in cards] == [
        "card disjoint",
        "card leaky",
    ]


def test_unknown_leakage_is_not_no_leakage():
    truth = np.arange(8) % 2
    evaluation = evaluation_of(
        truth,
        probabilities_of(truth, 2),
        [str(clip) for clip in range(8)],
        [f"{clip}.wav" for clip in range(8)],
        ["a", "b"],
        leakage=None,
    )
    found = Page(page([ReportEntry("result-0", "run", evaluation=evaluation)]))
    found.assert_accuracies_have_their_protocol()
    card = found.one("div", data_highest="")
    assert card.attributes["class"] == "card unknown"
    assert card.attributes["data-leakage"] == "unknown"
    assert not found.find(class_="badge disjoint")


def test_a_cell_has_both_intervals_where_recordings_are_few(runs, read):
    metrics = metrics_of(runs / "disjoint")
    cell = read(runs / "disjoint").one("td", data_feature="mel")
    assert cell.number("accuracy") == metrics["accuracy"]
    assert cell.numbers("low", "high") == metrics["ci95"]
    limits = cell.numbers("conservative-low", "conservative-high")
    assert limits == metrics["ci95_cautious"]


def test_the_naive_interval_is_only_shown_beside_the_real_one(runs, read):
    metrics = metrics_of(runs / "leaky")
    naive = read(runs / "leaky").one("span", data_naive_low="")
    assert naive.numbers("naive-low", "naive-high") == metrics["ci95_clips"]
    assert naive.parent.numbers("low", "high") == metrics["ci95"]


def test_seeds_are_one_cell_with_their_spread(tmp_path, store, read):
    wrongs = {0: [0], 1: [0, 1, 2]}
    for seed, wrong in wrongs.items():
        finish_run(tmp_path / f"s{seed}", store, **FOLD, seed=seed, wrong=wrong)
    cell = read([tmp_path / "s0", tmp_path / "s1"]).one("td", data_feature="mel")
    clips = len(store.split("fold1").test)
    values = [1 - len(wrong) / clips for wrong in wrongs.values()]
    mean, deviation = np.mean(values), np.std(values, ddof=1)
    assert cell.numbers("accuracy", "deviation") == pytest.approx([mean, deviation])
    seeds = [Evaluation.load(tmp_path / f"s{seed}") for seed in wrongs]
    right = [one.probabilities.argmax(axis=1) == one.truth for one in seeds]
    recordings = [name for one in seeds for name in one.recordings]
    interval, conservative = both_intervals(np.concatenate(right), recordings)
    assert tuple(cell.numbers("low", "high")) == tuple(interval)
    shown = cell.numbers("conservative-low", "conservative-high")
    assert tuple(shown) == tuple(conservative)


def test_stores_of_one_name_are_not_one_cell(tmp_path, store, read):
    for seed in (0, 1):
        finish_run(tmp_path / f"s{seed}", store, **FOLD, seed=seed, wrong=[seed])
    file = tmp_path / "s1" / "recipe.json"
    file.write_text(file.read_text().replace(store.digest, "0" * 64))
    found = read([tmp_path / "s0", tmp_path / "s1"])
    assert len(found.find("td", data_feature="mel")) == 2
    assert not found.find("td", data_deviation="")


def test_every_feature_has_its_column(tmp_path, store):
    """Also one that this version does not know."""
    truth = np.arange(8) % 2
    entries = [
        ReportEntry(
            f"result-{place}",
            feature,
            evaluation=evaluation_of(
                truth,
                probabilities_of(truth, 2, [0]),
                [str(clip // 2) for clip in range(8)],
                [f"{clip}.wav" for clip in range(8)],
                ["a", "b"],
                feature=feature,
            ),
        )
        for place, feature in enumerate(("pcen", "mel", "stft"))
    ]
    cells = Page(page(entries)).find("td", data_feature="")
    assert [cell.attributes["data-feature"] for cell in cells] == [
        "pcen",
        "mel",
        "stft",
    ]
    assert {cell.number("accuracy") for cell in cells} == {0.875}


# Leakage


def test_the_gap_between_a_random_and_a_disjoint_split(runs, read):
    found = read([runs / "leaky", runs / "disjoint"])
    leaky, disjoint = (
        metrics_of(runs / name)["accuracy"] for name in ("leaky", "disjoint")
    )
    assert leaky > disjoint
    row = found.one("tr", data_gap="")
    assert row.number("gap") == pytest.approx(leaky - disjoint)
    gap = unpaired_difference(
        *(Evaluation.load(runs / n) for n in ("leaky", "disjoint"))
    )
    assert row.numbers("low", "high") == list(gap.ci95)
    limits = gap.ci95_cautious
    assert limits in [
        tuple(node.numbers("conservative-low", "conservative-high"))
        for node in found.find("small", data_conservative_low="")
    ]
    assert not found.find(data_alone="")


def test_runs_of_other_recipes_are_not_subtracted(tmp_path, runs, store, read):
    finish_run(tmp_path / "other", store, split="recording", learning_rate=0.01)
    found = read([runs / "leaky", tmp_path / "other"])
    assert not found.find(data_gap="")
    alone = found.one("code", data_alone="1")
    assert alone.text == "asc-train small.h5 --split recording"
    rows = found.find("tr", data_model="")
    assert ["learning rate 0.001" in row.text for row in rows] == [False, True]
    assert "learning rate 0.01" in rows[0].text


def test_clips_of_seen_and_unseen_recordings_of_one_run(runs, store, read):
    found = read(runs / "leaky")
    (entry,) = gather([runs / "leaky"])
    split = store.split("random")
    names = np.array(store.recordings())
    seen = np.isin(names[split.test], names[split.train])
    right = entry.evaluation.probabilities.argmax(axis=1) == entry.evaluation.truth
    assert seen.any()
    for part, clips in (("seen", seen), ("unseen", ~seen)):
        cell = found.one("td", data_part=part)
        assert cell.number("clips") == clips.sum()
        if clips.any():
            assert cell.number("accuracy") == right[clips].mean()
        else:
            assert "data-accuracy" not in cell.attributes


# Scenes, recordings, calibration


def on_tut(**facts) -> Page:
    truth = np.repeat(np.arange(15), 2)
    evaluation = evaluation_of(
        truth,
        probabilities_of(truth, 15, [0, 7, 8]),
        [f"a{clip // 2:03}" for clip in range(30)],
        [f"audio/{clip}.wav" for clip in range(30)],
        SCENES,
        **facts,
    )
    found = Page(page([ReportEntry("result-0", "tut", evaluation=evaluation)]))
    found.assert_harmless()
    found.assert_accuracies_have_their_protocol()
    return found


def published(found: Page, scene: str) -> list[float]:
    (row,) = found.find("tr", data_scene=scene, data_correct="")
    cells = [node for node in found.find("td", data_published="") if node.parent is row]
    return [cell.number("published") for cell in cells]


@pytest.mark.parametrize("split", ["folds", "fold3", "recording", "random"])
def test_published_results_are_beside_a_run_on_tut(split):
    found = on_tut(split=split, leakage=float(split == "random"))
    assert found.one(data_published_protocol="").attributes[
        "data-published-protocol"
    ] == ("folds")
    assert published(found, "office") == [0.997, 0.971, 0.885]
    assert published(found, "park") == [0.702, 0.391, 0.593]
    assert published(found, "all") == [0.748, 0.741, 0.801]
    (total,) = found.find("tr", data_scene="all")
    assert total.numbers("correct", "clips") == [27, 30]
    # The table has three columns more than others, too many for half of a page.
    node, classes = total, []
    while "block" not in classes:
        node = node.parent
        classes = node.attributes.get("class", "").split()
    assert "full" in classes


def test_what_published_results_are_compared_with():
    """The words differ with what the result is of."""
    notes = {
        split: on_tut(split=split, leakage=float(split == "random"))
        .one(data_published_protocol="")
        .text
        for split in ("folds", "fold3", "recording", "random")
    }
    assert len(set(notes.values())) == 4
    assert "single fold" in notes["fold3"] and "another split" in notes["recording"]
    assert "leakage" in notes["random"] and "leakage" not in notes["recording"]


def test_an_evaluation_set_is_compared_with_its_own_results():
    found = on_tut(split="all clips", part="all")
    note = found.one(data_published_protocol="")
    assert note.attributes["data-published-protocol"] == "evaluation"
    assert published(found, "all") == [0.61]


def test_the_worst_recordings_are_first():
    found = on_tut()
    rows = found.find("tr", data_recording="")
    # Clips 0, 7 and 8 are wrong: one of each of three recordings.
    assert {row.attributes["data-recording"] for row in rows} == {
        "a000",
        "a003",
        "a004",
    }
    summary = found.one("p", data_recordings="")
    assert summary.numbers("recordings", "mostly-wrong") == [15, 0]


@pytest.mark.parametrize("scenes", [60, 61])
def test_a_matrix_of_very_many_scenes_is_left_out(scenes):
    truth = np.arange(scenes)
    names = [str(clip) for clip in range(scenes)]
    evaluation = evaluation_of(
        truth, probabilities_of(truth, scenes, [0]), names, names, names
    )
    found = Page(page([ReportEntry("result-0", "run", evaluation=evaluation)]))
    titles = [node.text for node in found.nodes if node.tag == "title"]
    images = [node.attributes["alt"] for node in found.find("img")]
    matrices = [text for text in titles + images if text.startswith("Confusion")]
    assert len(matrices) == (scenes == 60)
    assert len(found.find("tr", data_true="")) == 1


def test_confused_pairs_have_true_and_predicted_scene():
    rows = on_tut().find("tr", data_true="")
    pairs = {
        (row.attributes["data-true"], row.attributes["data-predicted"]) for row in rows
    }
    assert pairs == {
        (SCENES[0], SCENES[1]),
        (SCENES[3], SCENES[4]),
        (SCENES[4], SCENES[5]),
    }


def test_calibration_tells_over_from_underconfident():
    found = on_tut()
    truth = np.repeat(np.arange(15), 2)
    probabilities = probabilities_of(truth, 15, [0, 7, 8])
    shown = found.one("p", data_ece="")
    assert shown.number("ece") == calibration(truth, probabilities).error
    confidence = float(probabilities.max(axis=1).mean())
    assert shown.number("confidence") == pytest.approx(confidence)
    assert confidence < 0.9 and shown.attributes["data-verdict"] == "underconfident"


# Folds


def test_folds_have_their_spread_in_the_table():
    each = {"class_accuracy": 0.5, "clips": 15, "leakage": 0.0}
    each |= {"epochs": 1, "seconds": 1.0}
    deviation = 2**0.5 / 30
    found = on_tut(
        split="folds",
        folds={
            f"fold{k}": each | {"accuracy": right / 15}
            for k, right in ((1, 14), (2, 13))
        },
        accuracy_mean=0.9,
        accuracy_deviation=deviation,
        tested_again=0,
        never_tested=0,
    )
    for shown in (
        found.one("small", data_fold_mean=""),
        found.one("p", data_fold_mean=""),
    ):
        assert shown.numbers("fold-mean", "fold-deviation") == [0.9, deviation]


def test_all_folds_as_one_result(tmp_path, store, read):
    """Of a folder with a run for each fold in it, and their pooled evaluation."""
    settings = FOLD | {"split": "folds"}
    run = create_run(tmp_path / "all", Recipe(**settings), store)
    folds = {}
    for number, wrong in ((1, [0]), (2, [0, 1, 2])):
        fold = f"fold{number}"
        finish_run(run.path / fold, store, **FOLD | {"split": fold}, wrong=wrong)
        folds[fold] = Evaluation.load(run.path / fold)
    first, second = folds.values()
    accuracies = [fold.metrics.accuracy for fold in folds.values()]
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
    found = read(run.path)
    for name, fold in folds.items():
        (row,) = (
            n for n in found.find("tr", data_split=name) if n.near("id") == "result-0"
        )
        (cell,) = (n for n in found.find("td", data_accuracy="") if n.parent is row)
        assert cell.number("accuracy") == fold.metrics.accuracy
    assert found.one("p", data_fold_mean="").number("fold-deviation") == pytest.approx(
        np.std(accuracies, ddof=1)
    )
    assert len(found.find(data_epochs="2")) == 2  # each fold has its curves
    assert "asc-train small.h5 --split folds" in found.one(id="reproduce").text
    assert found.find("figure", data_transforms="")  # of the first fold


# Several trainings


@pytest.fixture
def comparison(tmp_path, store):
    """A comparison of which one run failed and one was not begun."""
    grid = Grid(features=("mel", "stft"), splits=("random", "recording"), seeds=(0, 1))
    folder = tmp_path / "grid"
    folder.mkdir()
    facts = {"path": str(store.path), "fingerprint": store.fingerprint}
    facts["digest"] = store.digest
    record = {"grid": grid.to_dict() | {"baseline": False}, "store": facts}
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


def test_a_comparison(comparison, read):
    found = read(comparison)
    entries = Comparison.load(comparison).entries
    assert [entry.status for entry in entries[-2:]] == ["failed", "pending"]
    for entry in entries:
        assert entry.name in found.text
    failed, pending = found.find(data_pending="")
    assert "<b>no</b> memory." in failed.text and entries[-1].name in pending.text
    assert str(len(entries)) in found.one("h1").text
    mean, deviation = mean_and_deviation(
        entry.metrics["accuracy"] for entry in entries[:2]
    )
    cells = found.find("td", data_feature="", data_deviation="")
    assert [mean, deviation] in [
        cell.numbers("accuracy", "deviation") for cell in cells
    ]
    gaps = {round(row.number("gap"), 9) for row in found.find("tr", data_gap="")}
    expected = {
        round(gap.points / 100, 9) for gap in Comparison.load(comparison).gaps()
    }
    assert gaps == expected


def test_variants_have_their_names(tmp_path, store, read):
    variants = {"first": {"recipe": "strong"}, "no EMA": {"recipe": "strong", "ema": 0}}
    grid = Grid(splits=("recording",), variants=variants, baseline=False)
    facts = {"path": str(store.path), "fingerprint": store.fingerprint}
    record = {"grid": grid.to_dict(), "store": facts | {"digest": store.digest}}
    (tmp_path / "grid").mkdir()
    (tmp_path / "grid" / "grid.json").write_text(json.dumps(record))
    for number, run in enumerate(grid.runs(), 1):
        path = tmp_path / "grid" / "runs" / run.name
        finish_run(path, store, wrong=range(number), **run.recipe.to_dict())
    found = read(tmp_path / "grid")
    shown = [cell.text for cell in found.find("small")]
    assert {f"variant {name}" for name in variants} <= set(map(str.strip, shown))
    differences = Comparison.load(tmp_path / "grid").differences()
    assert [list(each.second) for each in differences] == [["variant", "feature"]]


def test_differences_are_tested_over_recordings(tmp_path, runs, store, read):
    settings = {"split": "recording", "model": "complex-cnn"}
    finish_run(tmp_path / "worse", store, wrong=[0, 1, 2, 3, 5, 6], **settings)
    found = read([tmp_path / "worse", runs / "disjoint"])
    best, worse = map(Evaluation.load, (runs / "disjoint", tmp_path / "worse"))
    test = paired_test(best, worse)
    cell = found.one("td", data_difference="")
    assert cell.number("difference") == test.difference
    assert tuple(cell.numbers("low", "high")) == test.ci95
    (few,) = found.find("small", data_conservative_low="")
    limits = few.numbers("conservative-low", "conservative-high")
    assert tuple(limits) == test.ci95_cautious
    assert found.one("td", data_p="").number("p") == test.p_value
    verdict = found.one("td", data_verdict="").attributes["data-verdict"]
    assert verdict == ("not significant" if test.p_value >= 0.05 else "better")
    assert cell.near("data-split") == "recording" and cell.near("data-leakage") == "0.0"


def test_results_on_other_clips_are_not_tested(runs, read):
    assert not read([runs / "leaky", runs / "disjoint"]).find(data_difference="")


def test_options_are_tested_over_all_trainings(tmp_path, store, read):
    wrong = {("mel", "none"): [0], ("mel", "both"): [1, 2]}
    wrong |= {("stft", "none"): [0, 3, 4], ("stft", "both"): [3, 4, 5]}
    results = {}
    for (feature, augment), clips in wrong.items():
        folder = tmp_path / f"{feature}-{augment}"
        values = {"feature": feature, "augment": augment, "split": "recording"}
        finish_run(folder, store, wrong=clips, **values)
        results[feature, augment] = Evaluation.load(folder)
    found = read(sorted(tmp_path.iterdir()))
    sides = [[results[f, a] for a in ("none", "both")] for f in ("stft", "mel")]
    test = paired_test(*sides)
    # Folders are sorted, so mel comes first.
    row = found.one("tr", data_option="stft", data_reference="mel")
    (cell,) = (n for n in found.find("td", data_difference="") if n.parent is row)
    assert cell.number("difference") == test.difference
    assert found.find("tr", data_option="none", data_reference="both")
