"""Files of others, damaged at random: a right result or an error of asc, never another.

The seed is fixed and the counts are small. For more, set ``ASC_FUZZ`` to a factor.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from world import finish_run

from asc.corpus import open_corpus
from asc.corpus.splits import make_splits
from asc.disk import writing_to
from asc.errors import AscError
from asc.evaluation.evaluation import Evaluation
from asc.experiments.comparison import Comparison
from asc.experiments.grid import Grid, run_name
from asc.files import write_json
from asc.reporting.entries import gather
from asc.store import FeatureStore
from asc.text import has_control_characters
from asc.training.checkpoint import State
from asc.training.recipes import choose
from asc.training.run import Run
from asc.training.session import Session

FACTOR = int(os.environ.get("ASC_FUZZ", "1"))

#: Values in place of another one in JSON.
VALUES = (
    *(None, True, 0, -1, 1, 2**31, 2**63, 10**400, 1e308, -1e-300, 0.5),
    *("", "a", "../../x", "/", "\0", "\x1b[2J", "\ud800", "x" * 5000, "9" * 5000),
    *([], {}, [[]], [None], ["a", 1], {"a": {}}, {"": 0}),
    *("recording1of" + "9" * 5000, "fold" + "9" * 5000, "1e999", "NaN"),
)
#: Words in place of others in text.
WORDS = (
    *(b"", b"\0", b"\xff", b"\x1b[2J", b"\r", b"\n", b",", b'"', b"\t", b"-1", b"nan"),
    *(b"1e999", b"9" * 400, b"../../x", b"x" * 200_000, b"[" * 100_000),
    *(b"recording1of" + b"9" * 5000, "\u202ea".encode(), b"\xef\xbb\xbf"),
)


def damaged_json(rng: random.Random, value: Any) -> Any:
    """Return JSON of which one value is another, is missing or is there twice."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = rng.choice(keys)
        if rng.random() < 0.15:
            del value[key]
        elif rng.random() < 0.1 and isinstance(value, list):
            value.append(value[key])
        else:
            value[key] = damaged_json(rng, value[key])
        return value
    return rng.choice(VALUES)


def damaged_bytes(rng: random.Random, data: bytes) -> bytes:
    """Return bytes with a few changes: bits, words, cuts, repeats."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice((0, 1, 1, 2, 4, 20, 1000)))
        kind = rng.randrange(5)
        if kind == 0 and start < len(data):
            changed = bytearray(data)
            changed[start] ^= 1 << rng.randrange(8)
            data = bytes(changed)
        elif kind == 1:
            data = data[:start] + rng.choice(WORDS) + data[end:]
        elif kind == 2:
            data = data[:start] if rng.random() < 0.5 else data[end:]
        elif kind == 3:
            data = data[:end] + data[start:end] * 2 + data[end:]
        else:
            data = data[:start] + rng.randbytes(end - start) + data[end:]
    return data


def damage(rng: random.Random, root: Path) -> Path:
    """Damage a file below a folder, and return its path."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    path = rng.choice(files)
    data = path.read_bytes()
    kind = rng.random()
    if kind < 0.1:
        path.unlink()
        make = rng.choice((os.mkfifo, os.mkdir, _link, _dangling, lambda path: None))
        make(path)
    elif kind < 0.6 and path.suffix == ".json":
        value = damaged_json(rng, json.loads(data))
        path.write_text(json.dumps(value))
    elif kind < 0.65:
        os.truncate(path, rng.choice((0, 10**12)))
    else:
        path.write_bytes(damaged_bytes(rng, data))
    return path


def _link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def _dangling(path: Path) -> None:
    path.symlink_to("nothing")


def check(action: Callable[[], object], case: object) -> bool:
    """Run an action that may fail with an error of asc alone; return if it did."""
    try:
        action()
    except AscError as error:
        text = str(error).split("\n")[0]
        assert error.exit_code != 1, (case, text)
        assert text.strip(), case
        return True
    except Exception as error:
        raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error
    return False


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, store: FeatureStore) -> Path:
    """Return a folder with a run that has a state, and a comparison."""
    root = tmp_path_factory.mktemp("fuzz")
    run = finish_run(root / "run", store, split="recording")
    history = run.history()
    (run.path / "state").mkdir()
    state = {"epoch": len(history), "best_epoch": 1, "best_value": 2.1}
    state |= {"history": history, "stopped": False}
    write_json(run.path / "state" / "state.json", state)
    assert Session.open(run, store).statistics.clips
    grid = Grid(splits=("random", "recording"), settings={"epochs": 1}, baseline=False)
    facts = {"path": str(store.path), "fingerprint": store.fingerprint}
    facts["digest"] = store.digest
    for recipe in grid.recipes():
        values = recipe.to_dict()
        finish_run(root / "comparison" / "runs" / run_name(recipe), store, **values)
    record = {"grid": grid.to_dict(), "store": facts}
    write_json(root / "comparison" / "grid.json", record)
    Comparison.load(root / "comparison").save()
    return root


def test_run_folders(folders, tmp_path, store):
    def statistics(path: Path) -> None:
        with writing_to(path):  # they are computed again if they are damaged
            assert Session.open(Run(path), store).statistics.clips

    rng, refused = random.Random(1), 0
    actions: tuple[Callable[[Path], object], ...] = (
        lambda path: Run(path).history(),
        lambda path: Run(path).metrics(),
        lambda path: Run(path).folds(),
        lambda path: Evaluation.load(path).metrics.to_dict(),
        lambda path: State.load(Run(path)),
        statistics,
        lambda path: choose(path),
        lambda path: gather([path]),
    )
    for number in range(100 * FACTOR):
        path = tmp_path / "run"
        shutil.copytree(folders / "run", path)
        case = (number, damage(rng, path).name)
        for action in actions:
            refused += check(lambda: action(path), case)
        shutil.rmtree(path)
    assert refused > 100


def test_comparisons(folders, tmp_path):
    def read(path: Path) -> None:
        comparison = Comparison.load(path)
        comparison.to_dict()
        for entry in comparison.entries:
            assert not has_control_characters(entry.name)
            assert entry.path.parent == path / "runs"

    rng = random.Random(2)
    for number in range(40 * FACTOR):
        path = tmp_path / "comparison"
        shutil.copytree(folders / "comparison", path)
        places = (path, path, next((path / "runs").iterdir()))
        case = (number, damage(rng, rng.choice(places)).name)
        check(lambda: read(path), case)
        check(lambda: gather([path]), case)
        check(lambda: Grid.load(path / "grid.json"), case)
        shutil.rmtree(path)


TABLE = (
    "path,label,recording,fold\na/0.wav,bus,r0,1\na/1.wav,tram,r1,1\n"
    "a/2.wav,bus,r2,2\na/3.wav,tram,r3,2\n"
)


def test_tables(tmp_path, write_wav):
    rng = random.Random(3)
    for number in range(4):
        write_wav(tmp_path / "a" / f"{number}.wav", 0.01)
    table = tmp_path / "table.csv"

    def read() -> None:
        corpus = open_corpus(table)
        assert all(not os.path.isabs(clip.path) for clip in corpus.clips)
        make_splits(corpus)

    for number in range(300 * FACTOR):
        table.write_bytes(damaged_bytes(rng, TABLE.encode()))
        check(read, (number, table.read_bytes()[:300]))
