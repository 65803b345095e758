"""The page: its sections, what it does not break on, and the file it is written to."""

from __future__ import annotations

import shutil
from importlib.resources import files

import numpy as np
import pytest
from page_reader import Page
from world import evaluation_of, finish_run, probabilities_of

import asc
from asc.corpus import open_corpus
from asc.errors import InputError, UsageError
from asc.reporting.entries import ReportEntry, gather
from asc.reporting.media import Media
from asc.reporting.page import page
from asc.store import FeatureStore

SECTIONS = (
    "results",
    "leakage",
    "significance",
    "runs",
    "gallery",
    "augmentation",
    "data",
    "recipe",
    "environment",
    "reproduce",
)
LONG = "n" * 256  # more is refused
HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "javascript:alert(1)",
    "</style></title></svg><q>&amp;{{ 7777 * 9 }}{% raw %}",
    LONG,
)


# What it has


def test_every_section_is_there(runs, read):
    found = read([runs / "leaky", runs / "disjoint"])
    assert [node.attributes["id"] for node in found.find("section")] == list(SECTIONS)
    links = found.find("a")
    for key in (*SECTIONS, "result-0", "result-1"):
        assert any(link.attributes["href"] == f"#{key}" for link in links)


def test_a_single_run_has_nothing_to_compare(runs, read):
    found = read(runs / "leaky")
    assert [node.attributes["id"] for node in found.find("section")] == [
        key for key in SECTIONS if key != "significance"
    ]
    assert found.one("h1").text == "leaky"


def test_the_figures_of_a_run(runs, read, store):
    found = read(runs / "disjoint")
    titles = [node.text for node in found.inside("result-0") if node.tag == "title"]
    assert titles[:2] == ["Accuracy over 2 epochs", "Loss over 2 epochs"]
    assert sum(title.startswith("Confusion matrix") for title in titles) == 1
    assert sum(title.startswith("Reliability diagram") for title in titles) == 1
    pairs = found.find(data_probability="")
    assert 0 < len(pairs) <= 4
    spectrograms = sum(title.startswith("Spectrogram of ") for title in titles)
    assert len(pairs) < spectrograms <= 2 * len(pairs)
    gallery = found.inside("gallery")
    scenes = [n.attributes.get("data-scene") for n in gallery if n.tag == "figure"]
    assert scenes == list(store.scenes)


def test_curves_have_the_leakage_of_validation(runs, store, read):
    names = np.array(store.recordings())
    for name, split in (("leaky", "random"), ("disjoint", "recording")):
        parts = store.split(split)
        charts = read(runs / name).one("div", data_epochs="2")
        assert charts.attributes["data-split"] == split
        expected = np.isin(names[parts.validation], names[parts.train]).mean()
        assert charts.number("leakage") == expected


def test_figures_have_words_for_those_who_cannot_see_them(runs, read):
    for node in read(runs / "leaky").nodes:
        if node.tag == "svg":
            assert node.attributes["role"] == "img"
        if node.tag == "img":
            assert node.attributes["alt"]
        if node.attributes.get("class", "").startswith("scroll"):
            assert node.attributes["tabindex"] == "0" and node.attributes["aria-label"]


def test_waveforms_where_there_is_audio(runs, few_clips, read):
    without = read(runs / "disjoint")
    assert not without.find(data_waveform="")
    assert "--audio" in without.one(id="gallery").text
    found = read(runs / "disjoint", audio=few_clips)
    assert len(found.find("figure", data_waveform="true")) == 4
    assert "--audio" not in found.one(id="gallery").text


def test_a_path_of_the_store_does_not_leave_the_audio(runs, tmp_path, few_clips):
    outside = tmp_path / "outside"
    outside.mkdir()
    entries = gather([runs / "disjoint"])
    (outside / "audio").symlink_to(few_clips / "audio")
    found = Page(page(entries, media=Media(outside)))
    assert not found.find(data_waveform="")
    assert found.one(data_unreadable="").number("unreadable") == 4


def test_the_augmented_examples_have_the_labels_that_training_saw(
    tmp_path, store, read
):
    recipe = {"split": "fold1", "monitor": "loss", "augment": "both", "seed": 3}
    finish_run(tmp_path / "run", store, **recipe)
    found = read(tmp_path / "run")
    settings = {"augment": "both", "seed": 3, "batch_size": len(store)}
    _, labels = next(iter(asc.dataset(store, "fold1", **settings)))
    labels = labels.numpy()
    even = labels[np.abs(labels.max(axis=1) - 0.5).argmin()]
    figure = found.one("figure", data_transforms="mixup+specaugment")
    shown = [float(value) for value in figure.attributes["data-vector"].split()]
    np.testing.assert_allclose(shown, even, atol=1e-3)
    assert sum(node.tag == "svg" for node in found.inside("augmentation")) == 1 + len(
        found.find("figure", data_transforms="")
    )  # and one scale of colours


def test_augmentations_of_a_module_that_is_not_imported(tmp_path, store, read):
    recipe = {"split": "fold1", "augment": "mixup+not-registered", "monitor": "loss"}
    finish_run(tmp_path / "run", store, **recipe)
    found = read(tmp_path / "run")
    assert found.one("p", data_unregistered="mixup+not-registered")
    assert not found.find("figure", data_transforms="")


def test_what_a_store_holds(runs, read, store):
    found = read([runs / "leaky", runs / "disjoint"])
    data = found.inside("data")
    clips = {
        node.attributes["data-scene"]: node.number("clips")
        for node in data
        if "data-scene" in node.attributes
    }
    assert clips == dict(zip(store.scenes, np.bincount(store.labels()), strict=True))
    leakages = {
        node.attributes["data-split"]: node.attributes["data-leakage"]
        for node in data
        if "data-split" in node.attributes
    }
    for name in store.splits:
        leakage = store.split(name).leakage
        assert leakages[name] == ("unknown" if leakage is None else str(leakage))


# What is hostile


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
    command = ["asc-train", "<script>alert(2)</script>", "\u202egnp.exe\x1b[2J"]
    run = tmp_path / "<img src=x onerror=alert(3)>"
    finish_run(run, store, wrong=[0, 1, 2], command=command)
    text = asc.report(run, tmp_path / "report.html", baseline=False).read_text("utf-8")
    found = Page(text)
    found.assert_harmless()
    for scene in HOSTILE:
        assert scene == LONG or scene in found.text
        assert scene not in text or "<" not in scene
    assert "<u>" in found.text and "<s>" in found.text and "69993" not in found.text
    tags = {node.tag for node in found.nodes}
    assert not {"u", "q", "s", "script"} & tags
    assert not any("onerror" in node.attributes for node in found.nodes)
    assert "\u202e" not in text and "\x1b" not in text
    assert max(len(node.text) for node in found.find("th")) < 200


@pytest.mark.parametrize(
    "sign", ["\x00", "\x7f", "\u061c", "\u200f", "\u202e", "\ud800"]
)
def test_invisible_characters_are_replaced(sign):
    truth = np.arange(4) % 2
    evaluation = evaluation_of(
        truth,
        probabilities_of(truth, 2),
        [f"r{sign}{clip}" for clip in range(4)],
        [f"{sign}{clip}.wav" for clip in range(4)],
        [f"a{sign}b", "c"],
    )
    name = f"x{sign}y"
    text = page([ReportEntry("result-0", name, evaluation=evaluation)])
    assert sign not in text
    found = Page(text)
    found.assert_harmless()
    assert found.one("h1").text == "x\N{REPLACEMENT CHARACTER}y"
    assert found.find(data_scene="a\N{REPLACEMENT CHARACTER}b")


def test_no_built_in_template_switches_off_escaping():
    templates = files("asc.reporting").joinpath("templates")
    for file in templates.iterdir():
        text = file.read_text("utf-8")
        assert "safe" not in text.replace("unsafe-inline", ""), file.name
        assert "autoescape" not in text, file.name


# The file


def test_only_reports_are_replaced(runs, tmp_path):
    mine = tmp_path / "mine.html"
    mine.write_text("<html>my thesis</html>")
    with pytest.raises(UsageError, match="not a report"):
        asc.report(runs / "leaky", mine, baseline=False)
    assert mine.read_text() == "<html>my thesis</html>"
    target = asc.report(runs / "leaky", tmp_path / "report.html", baseline=False)
    before = target.read_text("utf-8")
    asc.report(runs / "disjoint", target, baseline=False)
    assert target.read_text("utf-8") != before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.html", "report.html"]


def test_what_cannot_be_reported(tmp_path, runs):
    with pytest.raises(InputError, match="is not a run, comparison or evaluation"):
        asc.report(tmp_path, tmp_path / "report.html", baseline=False)
    with pytest.raises(FileNotFoundError, match="no"):
        asc.report(runs / "leaky", tmp_path / "no" / "report.html", baseline=False)
    with pytest.raises(UsageError, match="at least one run"):
        asc.report([], tmp_path / "report.html", baseline=False)
    with pytest.raises(FileNotFoundError, match="audio"):
        asc.report(
            runs / "leaky",
            tmp_path / "report.html",
            audio=tmp_path / "no",
            baseline=False,
        )
    assert list(tmp_path.iterdir()) == []


def test_many_runs_are_collapsed_and_stay_small(tmp_path, store, read):
    folders = [tmp_path / f"run{number}" for number in range(6)]
    for number, folder in enumerate(folders):
        finish_run(folder, store, split="fold1", monitor="loss", seed=number)
    found = read(folders)
    collapsed = ["open" not in node.attributes for node in found.find("details")]
    assert collapsed == [False] + [True] * 5
    assert (tmp_path / "report.html").stat().st_size < 2_000_000


def test_two_runs_of_one_name_get_different_names(runs, tmp_path):
    for place in ("a", "b"):
        shutil.copytree(runs / "leaky", tmp_path / place / "leaky")
    paths = [tmp_path / place / "leaky" for place in ("a", "b")]
    assert [entry.name for entry in gather(paths)] == ["a/leaky", "b/leaky"]
