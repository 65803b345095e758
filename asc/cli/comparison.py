"""A comparison as people read it: tables of accuracies and differences, and gaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from asc.text import counted, interval, leakage_percent, percent, printable, table

if TYPE_CHECKING:
    from asc.evaluation.significance import PairedTest
    from asc.experiments.cells import Cell, Gap
    from asc.experiments.comparison import Comparison
    from asc.experiments.differences import Difference

#: Values of a group, such as devices, that make a table.
_MOST_VALUES = 8


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Yield the lines of a comparison, split by split."""
    cells = comparison.cells()
    differences, choices = comparison.differences(), comparison.choices()
    baselines = comparison.baselines()
    for split, some in groupby(cells, lambda cell: cell.split):
        block = list(some)
        leakages = {
            leakage_percent(cell.leakage, cell.leakage_at_least)
            for cell in block
            if cell.accuracies
        }
        chance = {percent(cell.chance) for cell in block if cell.chance is not None}
        yield from (
            "",
            f"split {split}, leakage {_one_of(leakages) or 'unknown'}"
            + f", chance {_one_of(chance)}" * bool(chance),
        )
        yield from _accuracies(
            block,
            [d for d in differences if d.split == split],
            [d for d in baselines if d.split == split],
        )
        yield from _options([d for d in choices if d.split == split])
        yield from _groups(block)
    yield ""
    yield from _legend(cells, comparison.grid.seeds)
    yield from _gaps(comparison.gaps())


def _accuracies(
    cells: Sequence[Cell],
    differences: Sequence[Difference],
    baselines: Sequence[Difference],
) -> Iterator[str]:
    """Yield a row for each training, with its difference to the best and the linear."""
    tests = {_name(each.second): each.test for each in differences}
    linear = {_name(each.first): each for each in baselines}
    best = _name(differences[0].first) if differences else None
    columns = {
        "accuracy %": [_accuracy(cell) for cell in cells],
        "95 % CI": [_limits(cell.ci95) for cell in cells],
        "conservative CI": [
            _limits(cell.ci95_cautious if cell.few_recordings else None)
            for cell in cells
        ],
        "over folds": [_mean(cell.fold_mean, cell.fold_deviation) for cell in cells],
        "best minus it": [
            _difference(str(cell.training), best, tests) for cell in cells
        ],
        "p": [_p(tests.get(str(cell.training))) for cell in cells],
        "minus linear": [_verdict(linear.get(str(cell.training))) for cell in cells],
    }
    filled = {
        name: texts
        for name, texts in columns.items()
        if name == "accuracy %" or {*texts} != {"-"}
    }
    rows = [(*map(printable, cell.training.options().values()),) for cell in cells]
    values = zip(*filled.values(), strict=True)
    yield from table(
        [
            (*cells[0].training.options(), *filled),
            *(row + each for row, each in zip(rows, values, strict=True)),
        ]
    )
    if best is not None:
        name = printable(best)
        yield (
            f"best minus it: difference to the best model ({name}, selected on these"
            " clips), percentage points"
        )
        yield from _note([each.test for each in differences])
    if baselines:
        yield (
            "minus linear: difference to the linear model on the same feature,"
            " percentage points, and whether it is significant (p < 0.05)"
        )
        yield from _note([each.test for each in baselines])


def _options(choices: Sequence[Difference]) -> Iterator[str]:
    """Yield the effect of each option, a row for each."""
    if not choices:
        return
    rows: list[tuple[str, ...]] = [("option", "minus", "pairs", "difference", "p")]
    for each in choices:
        ((kind, value),) = each.first.items()
        names = map(printable, (value, each.second[kind]))
        rows.append((*names, f"{each.pairs}", _test(each.test), _p(each.test)))
    yield from ("", "effect of each option (paired over otherwise identical runs):")
    yield from table(rows, "<<>")
    yield from _note([each.test for each in choices])


def _groups(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the accuracy of each training by device, city, ... where that is short."""
    done = [cell for cell in cells if cell.per_group]
    for name in dict.fromkeys(name for cell in done for name in cell.per_group):
        some = [cell for cell in done if name in cell.per_group]
        values = {v: f for c in some for v, f in c.per_group[name].values.items()}
        if len(values) > _MOST_VALUES:
            shown = printable(name)
            yield from ("", f"by {shown}: {len(values)} values, in results.json")
            continue
        names = (f"{v}{'*' * (f.seen is False)} ({f.clips})" for v, f in values.items())
        rows = [(*some[0].training.options(), *map(printable, names))]
        for cell in some:
            figures = cell.per_group[name].values
            rows.append(
                (
                    *map(printable, cell.training.options().values()),
                    *(
                        (
                            _mean(figures[value].accuracy, None)
                            if value in figures
                            else "-"
                        )
                        for value in values
                    ),
                )
            )
        unseen = any(each.seen is False for each in values.values())
        note = ", not in train: *" * unseen
        yield from ("", f"accuracy % by {printable(name)} (test clips{note}):")
        yield from table(rows)


def _legend(cells: Sequence[Cell], seeds: Sequence[int]) -> Iterator[str]:
    """Yield the meaning of the columns of accuracies."""
    from asc.corpus.splits import FOLDS
    from asc.evaluation.intervals import FEW_RECORDINGS
    from asc.evaluation.sentences import sample

    done = [cell for cell in cells if cell.accuracies]
    yield "chance: always answering the most frequent scene"
    yield "95 % CI: bootstrap over recordings"
    if any(cell.recordings is None or cell.without_recording for cell in done):
        yield f"  {_one_of({sample(cell) for cell in done})}"
    if any(cell.few_recordings for cell in cells):
        yield f"conservative CI: use it below {FEW_RECORDINGS} recordings"
    if len(seeds) > 1:
        yield "±: standard deviation over seeds"
    if any(cell.split == FOLDS for cell in cells):
        yield "over folds: mean ± standard deviation"


def _gaps(gaps: Sequence[Gap]) -> Iterator[str]:
    for pair in sorted({(gap.leaking, gap.apart) for gap in gaps}):
        yield from (
            "",
            f"gap: split {pair[0]} minus split {pair[1]}, percentage points. Split"
            f" {pair[0]} tests on recordings seen in training.",
        )
        few = any(gap.few_recordings for gap in gaps)
        limits = "conservative 95 % CI" if few else "95 % CI"
        rows: list[tuple[str, ...]] = [(*gaps[0].training.options(), "gap")]
        for gap in gaps:
            if (gap.leaking, gap.apart) == pair:
                training = map(printable, gap.training.options().values())
                low, high = gap.ci95_cautious if few else gap.ci95
                between = interval((low / 100, high / 100), signed=True)
                rows.append((*training, f"{gap.points:+.1f} [{between}]"))
        yield from table(rows)
        yield (
            f"  {limits}: the two have other test clips, so it is unpaired, over the"
            " recordings of both"
        )


def _name(options: Mapping[str, str]) -> str:
    """Return the text of a training by its options."""
    return " ".join(options.values())


# The text of a figure; a dash where there is none


def _accuracy(cell: Cell) -> str:
    if cell.mean is None:
        return "failed" if cell.failed else "-"
    text = _mean(cell.mean, cell.deviation)
    done, missing = len(cell.accuracies), cell.failed + cell.pending
    every = counted(done + missing, "run", "runs")
    return f"{text} ({done} of {every})" if missing else text


def _mean(mean: float | None, deviation: float | None) -> str:
    if mean is None:
        return "-"
    spread = "" if deviation is None else f" ± {100 * deviation:.1f}"
    return f"{100 * mean:.1f}{spread}"


def _one_of(texts: set[str]) -> str:
    return " or ".join(sorted(texts))


def _limits(limits: Sequence[float] | None) -> str:
    return "-" if limits is None else interval(limits)


def _difference(
    training: str, best: str | None, tests: dict[str, PairedTest | Exception]
) -> str:
    return "best" if training == best else _test(tests.get(training))


def _test(test: PairedTest | Exception | None) -> str:
    if test is None or isinstance(test, Exception):
        return "-"
    limits = test.ci95_cautious if test.few_recordings else test.ci95
    return f"{100 * test.difference:+.1f} [{interval(limits, signed=True)}]"


def _verdict(difference: Difference | None) -> str:
    """Return the difference to the linear model, and what to make of it."""
    if difference is None:
        return "-"
    return " ".join(filter(None, (_test(difference.test), difference.verdict)))


def _p(test: PairedTest | Exception | None) -> str:
    return "-" if test is None or isinstance(test, Exception) else f"{test.p:.3f}"


def _note(tests: Sequence[PairedTest | Exception]) -> Iterator[str]:
    """Yield what the tests of one table must be read with."""
    done = [test for test in tests if not isinstance(test, Exception)]
    if not done:
        yield f"  not tested: {tests[0]}"
        return
    limits = "conservative 95 % CI" if done[0].few_recordings else "95 % CI"
    from asc.evaluation.sentences import sample

    yield (
        f"  paired permutation test over recordings ({sample(done[0])}), {limits},"
        f" Holm-corrected p ({counted(len(done), 'test', 'tests')})"
    )
    if len(done) < len(tests):
        yield "  differences.csv has the reason why others were not tested"
