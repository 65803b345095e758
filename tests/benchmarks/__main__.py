"""bin/bench: measures the budgets and prints them as JSON.

Every row is a ratio of two things measured in the same round, since machines
are shared and drift; several rounds are made and the median is given with the
extremes. Nothing here is part of the test suite.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from asc.environment import cache_dir, describe
from tests.benchmarks import (
    extraction,
    memory,
    pipeline,
    prediction,
    scale,
    training,
)

BENCHMARKS: dict[str, Callable] = {
    "extraction": extraction.measure,
    "pipeline": pipeline.measure,
    "training": training.measure,
    "predict": prediction.measure,
    "scale": scale.measure,
    "memory": memory.measure,
}


def main() -> None:
    """Run the chosen benchmarks."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument(
        "--clips", type=int, default=2400, help="clips extracted (default: 2400)"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    folder = cache_dir() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for name in arguments.names or BENCHMARKS:
            for key, row in BENCHMARKS[name](
                folder, Path(scratch), arguments.rounds, arguments.clips
            ).items():
                values = row.pop("values")
                if not values:  # the row says why
                    rows[key] = row
                    continue
                rows[key] = row | {
                    "median": round(statistics.median(values), 3),
                    "lowest": round(min(values), 3),
                    "highest": round(max(values), 3),
                    "rounds": len(values),
                }
    json.dump({"machine": describe(), "rows": rows}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
