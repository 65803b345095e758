"""A comparison as people read it: tables of accuracies and differences, and gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from asc.text import counted, percent

if TYPE_CHECKING:
    from asc.evaluation.significance import PairedTest
    from asc.experiments.comparison import Cell, Comparison, Gap
    from asc.experiments.differences import Difference

#: Columns of the tables, as people know them.
_COLUMNS = {"stft": "STFT", "mel": "MEL"}
_WIDTH = 32


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Yield the lines that tell what came out of a comparison."""
    from asc.corpus.splits import FOLDS
    from asc.evaluation.intervals import FEW_RECORDINGS

    features = [name for name in _COLUMNS if name in comparison.grid.features]
    differences, choices = comparison.differences(), comparison.choices()
    few = False
    for split, some in groupby(comparison.cells(), lambda cell: cell.split):
        cells = list(some)
        figures: dict[str, Callable[[Cell], str]] = {"": _accuracy}
        if split == FOLDS:
            figures["over folds"] = _over_folds
        if any((cell.recordings or FEW_RECORDINGS) < FEW_RECORDINGS for cell in cells):
            few = True
            figures["safer"] = _safer
        yield from ("", f"split {split}, {_leakage(cells)}")
        yield _row("model", "augment", [_COLUMNS[name] for name in features])
        for (model, augment), row in groupby(cells, lambda c: (c.model, c.augment)):
            by_feature = {cell.feature: cell for cell in row}
            for name, figure in figures.items():
                texts = [figure(by_feature[feature]) for feature in features]
                if name and set(texts) == {"-"}:
                    continue
                yield _row("" if name else model, name or augment, texts)
        yield from _gained(
            [each for each in differences if each.split == split], cells, features
        )
        yield from _brought([each for each in choices if each.split == split])
    told = "Accuracy in %, with its 95 % interval over recordings"
    if few:
        told += "; safer: the one to go by where these are so few"
    if len(comparison.grid.seeds) > 1:
        told += "; mean and standard deviation over seeds"
    if FOLDS in comparison.grid.splits:
        told += "; over folds: mean and standard deviation"
    yield from ("", f"{told}.")
    yield from _gaps(comparison.gaps())


def _row(first: str, second: str, texts: Sequence[str]) -> str:
    cells = "".join(f"{text:<{_WIDTH}}" for text in texts)
    return f"{first:<14}{second:<13}{cells}".rstrip()


# Accuracies


def _leakage(cells: Sequence[Cell]) -> str:
    known = [cell.leakage for cell in cells if cell.leakage is not None]
    return f"leakage {percent(max(known))}" if known else "leakage unknown"


def _accuracy(cell: Cell) -> str:
    if cell.mean is None:
        return "failed" if cell.failed else "-"
    told = f"{100 * cell.mean:.2f}"
    if cell.deviation is not None:
        told += f" ± {100 * cell.deviation:.2f}"
    told += f" {_limits(cell.ci95)}"
    done, missing = len(cell.accuracies), cell.failed + cell.pending
    return f"{told} ({done} of {done + missing})" if missing else told


def _over_folds(cell: Cell) -> str:
    if cell.fold_mean is None or cell.fold_deviation is None:
        return "-"
    return f"{100 * cell.fold_mean:.2f} ± {100 * cell.fold_deviation:.2f}"


def _safer(cell: Cell) -> str:
    return _limits(cell.ci95_cautious)


def _limits(limits: Sequence[float] | None, sign: str = "") -> str:
    if limits is None:
        return "-"
    return "[" + ", ".join(f"{100 * limit:{sign}.1f}" for limit in limits) + "]"


# Differences


def _gained(
    differences: Sequence[Difference], cells: Sequence[Cell], features: Sequence[str]
) -> Iterator[str]:
    """Yield what the best training gains on each of the others, as a table."""
    if not differences:
        return
    best = tuple(differences[0].first.values())
    tests = {tuple(each.second.values()): each.test for each in differences}
    name = " ".join([*best[:2], _COLUMNS.get(best[2], best[2])])
    yield f"what the best by these clips, {name}, gains on each:"
    for (model, augment), row in groupby(cells, lambda c: (c.model, c.augment)):
        trainings = {cell.feature: (model, augment, cell.feature) for cell in row}
        texts = [
            "the best" if training == best else _test(tests.get(training))
            for training in (trainings[feature] for feature in features)
        ]
        if set(texts) != {"-"}:
            yield _row(model, augment, texts)
    yield _note([each.test for each in differences])


def _brought(choices: Sequence[Difference]) -> Iterator[str]:
    """Yield what each choice brings, a line for each."""
    if not choices:
        return
    yield "each choice less the first of its kind, over all that has both:"
    for each in choices:
        ((kind, value),) = each.first.items()
        name = f"{value} less {each.second[kind]} ({each.pairs} pairs)"
        yield f"{name:<41}{_test(each.test)}"
    yield _note([each.test for each in choices])


def _test(test: PairedTest | Exception | None) -> str:
    from asc.evaluation.significance import PairedTest

    if not isinstance(test, PairedTest):
        return "-"
    limits = test.ci95_cautious if test.few_recordings else test.ci95
    told = f"{100 * test.difference:+.1f} {_limits(limits, '+')}"
    return f"{told} p {test.p:.3f}"


def _note(given: Sequence[PairedTest | Exception]) -> str:
    """Return what the tests of one block must be read with."""
    from asc.evaluation.significance import PairedTest

    tests = [test for test in given if isinstance(test, PairedTest)]
    if not tests:
        return f"  not tested: {given[0]}"
    told = f"  in points, p by Holm for {len(tests)}"
    count = tests[0].recordings
    if count is None:
        told += "; clip by clip, recordings unknown"
    else:
        told += f"; paired by {counted(count, 'recording', 'recordings')}"
    if tests[0].few_recordings:
        told += ", so few that intervals are cautious"
    if len(tests) < len(given):
        told += "; differences.csv tells why others were not tested"
    return told


def _gaps(gaps: Sequence[Gap]) -> Iterator[str]:
    for pair in sorted({(gap.leaking, gap.apart) for gap in gaps}):
        yield ""
        yield (
            f"Gap: split {pair[0]} minus split {pair[1]}, in percentage points."
            f" Split {pair[0]} tests on recordings that were trained on."
        )
        for gap in gaps:
            if (gap.leaking, gap.apart) == pair:
                feature = _COLUMNS.get(gap.feature, gap.feature)
                yield _row(gap.model, gap.augment, [f"{feature:<6}{gap.points:+.1f}"])
