"""A store of a million rows: how long it takes to open it and to print its facts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from asc.corpus import Clip, Corpus
from asc.corpus.splits import make_splits
from asc.features import FeatureSpec
from asc.store import FeatureStore, StoreWriter
from asc.store.fingerprint import provenance
from asc.store.schema import DONE

ROWS = 1_000_000


def measure(folder: Path, scratch: Path, rounds: int, clips: int) -> dict:
    """Return the rows of the start-up budgets."""
    store = sparse_store(scratch, ROWS)
    commands = {
        "asc store info, 1,000,000 rows, s": ("store", "info", str(store)),
        "asc-extract --help, s": ("extract", "--help"),
    }
    rows = {
        name: {
            "budget": "< 1" if "info" in name else "< 0.5",
            "values": [_seconds(command) for _ in range(rounds)],
        }
        for name, command in commands.items()
    }
    opening = []
    for _ in range(rounds):
        began = time.perf_counter()
        FeatureStore(store)
        opening.append(time.perf_counter() - began)
    return rows | {"opening 1,000,000 rows, s": {"budget": "< 1", "values": opening}}


def sparse_store(folder: Path, rows: int) -> Path:
    """Write a store whose feature data was never written, so it takes no room."""
    clips = tuple(
        Clip(
            f"audio/r{row // 20:06d}_{row % 20}.wav",
            f"scene{row // 20 % 15:02d}",
            f"r{row // 20:06d}",
        )
        for row in range(rows)
    )
    corpus = Corpus(folder, "sparse", "table", clips)
    spec = FeatureSpec.for_audio(44100, 10.0)
    growing = folder / "sparse.h5.partial"
    facts = provenance(spec, corpus)
    with StoreWriter.create(
        growing, spec, corpus, make_splits(corpus), facts, {}
    ) as writer:
        place = FeatureStore(growing, partial=True).row_arrays()["rows/status"].offset
        with open(growing, "r+b") as file:
            file.seek(place)
            file.write(np.full(rows, DONE, np.uint8).tobytes())
            os.fsync(file.fileno())
        return writer.finish(folder / "sparse.h5").path


def _seconds(arguments: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "asc.cli", *arguments], check=True, capture_output=True
    )
    return time.perf_counter() - began
