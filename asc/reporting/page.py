"""The page: all sections in order, and the file they are written to."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from asc import environment
from asc.errors import AscError, InputError, UsageError
from asc.reporting.data import analysis
from asc.reporting.details import details
from asc.reporting.differences import differences_section
from asc.reporting.facts import Subject, gather
from asc.reporting.gallery import augmentation, gallery
from asc.reporting.html import GENERATOR, Child, Element, document, tag
from asc.reporting.leakage import leakage_section
from asc.reporting.record import (
    commands_section,
    environment_section,
    recipes_section,
)
from asc.reporting.results import headline, results_table
from asc.store import FeatureStore
from asc.text import counted

#: Confused pairs that are drawn, in all and of one result.
_PICTURES, _PICTURES_OF_ONE = 30, 4
#: With more results than this, all but the first are folded up.
_OPEN = 3
#: A report tells what it is within so many bytes.
_HEAD = 2000


def report(
    paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    output: str | os.PathLike[str] = "report.html",
    *,
    audio: str | os.PathLike[str] | None = None,
) -> Path:
    """Write a page about runs and comparisons: figures, pictures, how they were made.

    The page is one file that refers to nothing outside, so it can be read without
    a network, sent, printed and kept. What is missing, such as a store that is on
    another machine, is left out of it with a sentence.

    Parameters
    ----------
    paths : path, or sequence of paths
        Runs, comparisons, and folders that ``asc evaluate --output`` wrote.
    output : path
        File to write. A report of this name is replaced, any other file is not.
    audio : path, optional
        Folder of the corpus, for waveforms in the gallery.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If a path is none of these, or the audio folder does not exist.
    UsageError
        If there are no paths, or the output is there and is no report.

    Examples
    --------
    >>> asc.report(["cache/runs/leaky", "cache/runs/honest"])   # doctest: +SKIP
    PosixPath('report.html')
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    if not paths:
        raise UsageError("Name at least one run to report on.")
    target = Path(output)
    _check_output(target)
    folder = None if audio is None else Path(audio)
    if folder is not None and not folder.is_dir():
        raise InputError(f"There is no folder {folder} with the audio of the corpus.")
    _write(target, page(gather(paths), audio=folder))
    return target


def page(subjects: Sequence[Subject], *, audio: Path | None = None) -> str:
    """Return the page about some results as text."""
    stores: dict[str, FeatureStore] = {}
    for subject in subjects:
        if subject.store is not None:
            stores.setdefault(subject.store.digest, subject.store)
    pictures = min(_PICTURES_OF_ONE, max(1, _PICTURES // max(len(subjects), 1)))
    sections: list[tuple[str, str, list[Child]]] = [
        ("results", "Results", results_table(subjects)),
        ("leakage", "Random against new recordings", leakage_section(subjects)),
        *(
            [("differences", "Better or lucky", differences_section(subjects))]
            if len(subjects) > 1
            else []
        ),
        (
            "runs",
            "The runs" if len(subjects) > 1 else "The run",
            [_one(subject, len(subjects), pictures) for subject in subjects],
        ),
        ("gallery", "One clip of every scene", _galleries(stores, audio)),
        ("augmentation", "Augmentation", _augmentations(subjects)),
        ("data", "Data", _analyses(stores)),
        ("recipe", "Recipe", recipes_section(subjects)),
        ("environment", "Environment", environment_section(subjects)),
        (
            "repeat",
            "Doing it again",
            commands_section(subjects, [subject.name for subject in subjects]),
        ),
    ]
    title = subjects[0].name if len(subjects) == 1 else f"{len(subjects)} results"
    body = tag(
        "body",
        tag(
            "header",
            tag("p", "Acoustic scene classification", class_="kicker"),
            tag("h1", title),
            headline(subjects),
            tag(
                "nav",
                [tag("a", name, href=f"#{key}") for key, name, _ in sections],
                aria_label="Sections",
            ),
        ),
        tag(
            "main",
            [
                tag("section", tag("h2", name), content, id=key)
                for key, name, content in sections
            ],
        ),
        tag(
            "footer",
            f"asc {environment.version()}, {time.strftime('%Y-%m-%d %H:%M')}."
            " No accuracy"
            " is shown here without its split and leakage; please quote it so.",
        ),
    )
    style = files("asc.reporting").joinpath("page.css").read_text("utf-8")
    return document(f"{title}: asc report", style, body)


def _one(subject: Subject, count: int, pictures: int) -> Element:
    content = details(subject, pictures)
    name = tag("h3", subject.name)
    if count <= _OPEN:
        return tag("article", name, content, id=subject.key)
    return tag(
        "details",
        tag("summary", name),
        content,
        id=subject.key,
        open=subject.key == "result-0",
    )


def _galleries(stores: dict[str, FeatureStore], audio: Path | None) -> list[Child]:
    if not stores:
        return [_no_store()]
    first, *others = stores.values()
    content = gallery(first, audio)
    if others:
        told = counted(len(others), "other store is", "other stores are")
        content.append(
            tag("p", f"Of {first.path.name}; {told} not drawn.", class_="note")
        )
    return content


def _augmentations(subjects: Sequence[Subject]) -> list[Child]:
    augmented = [
        subject
        for subject in subjects
        if subject.recipe is not None and subject.recipe.augment != "none"
    ]
    if not augmented:
        return [tag("p", "Nothing was augmented in these trainings.")]
    with_store = [subject for subject in augmented if subject.store is not None]
    shown: dict[str, Subject] = {}
    for subject in with_store or augmented[:1]:
        if subject.recipe is not None:
            shown.setdefault(subject.recipe.augment, subject)
    return [augmentation(subject) for subject in shown.values()]


def _analyses(stores: dict[str, FeatureStore]) -> list[Child]:
    if not stores:
        return [_no_store()]
    return [analysis(store) for store in stores.values()]


def _no_store() -> Element:
    return tag(
        "p",
        "This needs the store that the runs were trained on, which is not where it"
        " was.",
        class_="note",
    )


def _check_output(target: Path) -> None:
    """Refuse to replace what is no report."""
    if not target.parent.is_dir():
        raise InputError(
            f"{target} cannot be written: there is no folder {target.parent}. Make it"
            " first, or choose another."
        )
    try:
        with open(target, "rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(
            f"{target} cannot be replaced ({error.strerror}). Name another file."
        ) from error
    if f'content="{GENERATOR}"'.encode() not in head:
        raise UsageError(
            f"{target} is there already and is no report, so it is not replaced. Name"
            " another file with --output."
        )


def _write(target: Path, text: str) -> None:
    """Write the page, whole or not at all."""
    growing = target.with_name(f".asc-{uuid.uuid4().hex}.html")
    try:
        growing.write_text(text, "utf-8")
        os.replace(growing, target)
    except OSError as error:
        raise AscError(f"{target} cannot be written ({error.strerror}).") from error
    finally:
        growing.unlink(missing_ok=True)
