"""Runs that were never trained, and a reader of pages that accepts no mistake."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from asc.corpus.leakage import leakage
from asc.evaluation.evaluate import Evaluation
from asc.evaluation.measure import measure
from asc.files import write_csv
from asc.store import FeatureStore
from asc.training.recipe import Recipe
from asc.training.run import Run
from asc.training.session import part_rows


def probabilities_of(
    truth: np.ndarray, scenes: int, wrong: Sequence[int] = (), seed: int = 0
) -> np.ndarray:
    """Return probabilities with which all clips but some are right."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 0.5, (len(truth), scenes))
    taken = np.array(truth)
    taken[list(wrong)] = (taken[list(wrong)] + 1) % scenes
    values[np.arange(len(truth)), taken] = rng.uniform(1, 4, len(truth))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def evaluation_of(
    truth: np.ndarray,
    probabilities: np.ndarray,
    recordings: Sequence[str],
    paths: Sequence[str],
    scenes: Sequence[str],
    **facts: Any,
) -> Evaluation:
    """Return an evaluation with all figures that a real one has."""
    known = {
        "split": "recording",
        "part": "test",
        "leakage": 0.0,
        "store": "small.h5",
        "model": "simple-cnn",
        "feature": "mel",
        "augment": "thirds",
        "parameters": 1234,
        "epochs": 3,
        "seconds": 5.0,
        "seed": 0,
    }
    truth = np.asarray(truth)
    metrics = measure(truth, probabilities, recordings, scenes, **known | facts)
    return Evaluation(
        metrics, tuple(scenes), list(paths), list(recordings), truth, probabilities
    )


def finish_run(
    path: Path,
    store: FeatureStore,
    *,
    wrong: Sequence[int] = (0, 1),
    command: Sequence[str] = ("asc-train", "small.h5"),
    **recipe: Any,
) -> Run:
    """Make the folder of a run as a training would leave it, without training."""
    wanted = Recipe(**recipe)
    run = Run.create(path, wanted, store)
    run.record_environment(command)
    names = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
    history = [(1, 2.0, 0.2, 2.1, 0.1, 1.5), (2, 1.5, 0.4, 1.7, 0.3, 1.5)]
    write_csv(path / "history.csv", names, history)
    rows = part_rows(store, wanted)
    every = store.recordings()
    recordings = [every[row] for row in rows["test"]]
    truth = store.labels()[rows["test"]]
    evaluation_of(
        truth,
        probabilities_of(truth, len(store.scenes), wrong, wanted.seed),
        recordings,
        [store.paths()[row] for row in rows["test"]],
        store.scenes,
        split=wanted.split,
        leakage=leakage([every[row] for row in rows["train"]], recordings),
        store=store.path.name,
        model=wanted.model,
        feature=wanted.feature,
        augment=wanted.augment,
        seed=wanted.seed,
    ).save(path)
    return run


class Page(HTMLParser):
    """A page that was read, or a failed test if it is not well-formed."""

    VOID = {"br", "img", "meta"}

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.style = ""
        self.feed(text)
        self.close()
        assert self.open == [], "elements are not closed"

    def handle_starttag(self, tag: str, attrs: list) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} is there twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"{tag} closes nothing"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words, with single spaces."""
        return re.sub(r"\s+", " ", " ".join(self.words)).replace("\u202f", " ")

    def values(self, attribute: str) -> list[str]:
        """Every value of an attribute."""
        return [str(a[attribute]) for _, a in self.tags if attribute in a]

    def assert_harmless(self) -> None:
        """Check that nothing is fetched, run or left open."""
        known = {tag for tag, _ in self.tags}
        assert not known & {"script", "iframe", "object", "embed", "link", "base"}
        ids = self.values("id")
        assert len(set(ids)) == len(ids)
        for _, attributes in self.tags:
            for name, value in attributes.items():
                assert not name.startswith("on"), name
                if name in ("href", "src", "srcset", "action", "xlink:href"):
                    assert value is not None
                    inside = value.startswith("#") and value[1:] in ids
                    assert inside or value.startswith("data:image/png;base64,")
                if name == "style":
                    assert value is not None and "url" not in value
        assert "url(" not in self.style and "@import" not in self.style
        policies = [
            attributes["content"]
            for tag, attributes in self.tags
            if attributes.get("http-equiv") == "Content-Security-Policy"
        ]
        assert policies == [
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        ]
