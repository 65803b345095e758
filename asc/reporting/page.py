"""The page: its sections in order, and the file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from asc import environment, plots
from asc.disk import check_writable, writing_to
from asc.errors import MissingInputError, UsageError
from asc.files import open_regular, write_text
from asc.reporting.augmentation import augmentation_section
from asc.reporting.baselines import linear_entries
from asc.reporting.data import data_section
from asc.reporting.details import runs_section
from asc.reporting.entries import ReportEntry, gather
from asc.reporting.gallery import gallery_section
from asc.reporting.inspection import ModelViews, inspect_models
from asc.reporting.leakage import leakage_section
from asc.reporting.media import Media
from asc.reporting.record import (
    environment_section,
    recipe_section,
    reproduce_section,
)
from asc.reporting.results import headline, results_section
from asc.reporting.significance import significance_section
from asc.reporting.templating import GENERATOR, HEAD, check_template, render
from asc.text import counted
from asc.validation import check_choice, check_path, one_or_several

#: Formats of files of figures.
FORMATS = tuple(suffix[1:] for suffix in plots.SUFFIXES)


@dataclass(frozen=True)
class Section:
    """A section: its anchor (and template, ``KEY.html``), title and values."""

    key: str
    title: str
    values: dict[str, Any]


def report(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str] = "report.html",
    *,
    audio: str | os.PathLike[str] | None = None,
    players: bool = False,
    template: str | os.PathLike[str] | None = None,
    baseline: bool = True,
    inspect: bool = True,
    figures: str | os.PathLike[str] | None = None,
    figure_format: str = "pdf",
    note: Callable[[str], object] | None = None,
) -> Path:
    """Write a page about runs and comparisons: results, figures, how to reproduce them.

    The page is one file that refers to nothing outside, so it can be read without a
    network, sent, printed and archived. It names what is missing, such as a store that
    is on another machine.

    Parameters
    ----------
    paths : path, or iterable of paths
        Runs, comparisons, and folders that ``asc evaluate --output`` wrote.
    output : path
        File to write. A report of this name is replaced, any other file is not.
    audio : path, optional
        Folder of the corpus, for waveforms of the example clips.
    players : bool
        Let the example clips be played: their audio becomes part of the page.
    template : path, optional
        A Jinja2 file to use in place of the built-in ``page.html``, or a folder of
        files that replace the built-in templates of the same name. They can extend
        the built-in ones: ``{% extends "asc/page.html" %}``.
    baseline : bool
        Compare with the linear model. Where the paths do not have it and the store is
        at hand, it is trained first, in seconds, and kept in the cache.
    inspect : bool
        Run the models of the first three runs, where these and their stores are at
        hand: a map of embeddings, and Grad-CAM of confused clips.
    figures : path, optional
        Folder for every figure of the page as a file.
    figure_format : {'pdf', 'svg', 'png'}
    note : callable, optional
        Takes a sentence on what is waited for.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If a path is none of these, if the audio folder or the template does not
        exist, or if the template fails.
    UsageError
        If there are no paths, if the output exists and is not a report, if players
        are wanted without audio, or for an unknown format.
    AscError
        If the page cannot be written.

    Examples
    --------
    >>> asc.report(["run", "comparison"], "report.html")
    PosixPath('report.html')
    """
    paths = [check_path("report", path) for path in one_or_several("report", paths)]
    if not paths:
        raise UsageError("A report needs at least one run. Got none.")
    target = check_path("output", output)
    _check_output(target)
    check_choice("figure_format", figure_format, FORMATS)
    media = Media(
        None if audio is None else Path(audio),
        players=players,
        figures=None if figures is None else Path(figures),
        figure_format=figure_format,
    )
    own = None if template is None else Path(template)
    if own is not None:
        check_template(own)  # before the linear model is trained
    entries = gather(paths)
    notify = note or (lambda _: None)
    linear = linear_entries(entries, notify) if baseline else []
    look = partial(inspect_models, note=notify) if inspect else None
    text = page(entries, linear, media=media, template=own, inspect=look)
    with writing_to(target):
        write_text(target, text)
    if figures is not None:
        notify(f"{counted(media.written, 'figure', 'figures')} written to {figures}.")
    return target


def page(
    entries: Sequence[ReportEntry],
    linear: Sequence[ReportEntry] = (),
    *,
    media: Media | None = None,
    template: Path | None = None,
    inspect: Callable[..., ModelViews] | None = None,
) -> str:
    """Return the page as text; `linear` are entries to compare with."""
    media = media or Media()
    several = len(entries) > 1
    values = {
        "title": f"{len(entries)} results" if several else entries[0].name,
        "entries": entries,
        "cards": headline(entries),
        "sections": sections(entries, linear, media, inspect),
        "palette": Markup(plots.palette_css()),
        "version": environment.version(),
        "time": time.strftime("%Y-%m-%d %H:%M"),
    }
    return render(values, template, players=media.players)


def sections(
    entries: Sequence[ReportEntry],
    linear: Sequence[ReportEntry],
    media: Media,
    inspect: Callable[..., ModelViews] | None = None,
) -> list[Section]:
    """Return the sections of a page, in order."""
    several = len(entries) > 1
    by_digest = {entry.store.digest: entry.store for entry in entries if entry.store}
    stores = list(by_digest.values())
    splits, tests = "Random split vs. recording-disjoint split", []
    if several:
        title = "Statistical significance"
        tests = [Section("significance", title, significance_section(entries))]
    runs = runs_section(entries, linear, media, inspect)
    return [
        Section("results", "Results", results_section([*linear, *entries])),
        Section("leakage", splits, leakage_section(entries)),
        *tests,
        Section("runs", "Runs" if several else "Run", runs),
        Section("gallery", "Example clips", gallery_section(stores, media)),
        Section("augmentation", "Augmentation", augmentation_section(entries, media)),
        Section("data", "Data", data_section(stores)),
        Section("recipe", "Recipe", recipe_section(entries)),
        Section("environment", "Environment", environment_section(entries)),
        Section("reproduce", "Reproduce", reproduce_section(entries)),
    ]


def _check_output(target: Path) -> None:
    """Refuse to replace a file that is not a report."""
    if not target.parent.is_dir():
        raise MissingInputError(
            f"{target} cannot be written: the folder {target.parent} does not exist."
            " Create it, or choose another."
        )
    check_writable(target)
    if target.is_dir():
        raise UsageError(f"{target} is a folder. Name a file with --output.")
    try:
        with open_regular(target) as file:
            head = file.read(4 * HEAD).decode(errors="replace")[:HEAD]
    except MissingInputError:
        return
    if GENERATOR not in head:
        raise UsageError(
            f"{target} exists and is not a report, so it is not replaced. Name another"
            " file with --output."
        )
