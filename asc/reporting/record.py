"""What would be needed to do it again: recipes, environments, command lines."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from asc.reporting.facts import Subject
from asc.reporting.html import Child, Element, tag
from asc.reporting.tables import table
from asc.reporting.wording import abridged
from asc.training.recipe import Recipe

_DEFAULTS = {field.name: field.default for field in fields(Recipe)}


def train_command(subject: Subject, **changes: Any) -> str:
    """Return the command line that trains the recipe of a result.

    Parameters
    ----------
    subject : Subject
    **changes
        Fields of the recipe to have otherwise.
    """
    values = {} if subject.recipe is None else subject.recipe.to_dict()
    words = ["asc-train", subject.fingerprints.get("store", "STORE")]
    for name, value in (values | changes).items():
        option = "--" + name.replace("_", "-")
        if name == "imports":
            words += [word for module in value for word in ("--import", str(module))]
        elif value is True:
            words.append(option)
        elif value != _DEFAULTS[name]:
            words += [option, str(value)]
    return shlex.join(words)


def recipes_section(subjects: Sequence[Subject]) -> list[Child]:
    """Return every field of every recipe, with what differs first."""
    known = [subject for subject in subjects if subject.recipe is not None]
    if not known:
        return [tag("p", "No recipe is known of these results.", class_="note")]
    values = {s.key: s.recipe.to_dict() for s in known if s.recipe is not None}
    same = {
        name: value
        for name, value in values[known[0].key].items()
        if all(other[name] == value for other in values.values())
    }
    differing = [name for name in _DEFAULTS if name not in same]
    content: list[Child] = []
    if differing:
        rows = [
            [tag("a", s.name, href=f"#{s.key}")]
            + [_shown(values[s.key][name]) for name in differing]
            for s in known
        ]
        columns = [("Run", ""), *((_spelled(name), "") for name in differing)]
        content += [
            tag("h3", "What differs"),
            table(columns, rows),
            tag("h3", "What all have in common"),
        ]
    content.append(listing({_spelled(name): _shown(v) for name, v in same.items()}))
    return content


def environment_section(subjects: Sequence[Subject]) -> list[Child]:
    """Return versions and machines, once for those that are the same."""
    groups: dict[str, tuple[dict[str, str], list[Subject]]] = {}
    for subject in subjects:
        if subject.environment:
            facts = _flat(subject.environment)
            groups.setdefault(str(facts), (facts, []))[1].append(subject)
    if not groups:
        return [tag("p", "No environment was recorded.", class_="note")]
    content: list[Child] = []
    for facts, some in groups.values():
        if len(groups) > 1:
            content.append(tag("h3", ", ".join(subject.name for subject in some)))
        content.append(listing(facts))
    return content


def commands_section(subjects: Sequence[Subject], names: Sequence[str]) -> list[Child]:
    """Return command lines that train and report the same again."""
    stores = {}
    for subject in subjects:
        if "digest" in subject.fingerprints:
            stores[subject.fingerprints["digest"]] = subject.fingerprints
    lines = [
        train_command(subject) + f" --run {shlex.quote(subject.name)}"
        for subject in subjects
        if subject.recipe is not None
    ]
    lines.append(shlex.join(["asc", "report", *names, "-o", "report.html"]))
    content: list[Child] = [tag("code", "\n".join(lines), class_="block")]
    for facts in stores.values():
        content.append(listing(facts))
    typed = [
        (subject.name, abridged(shlex.join(map(str, command)), 2000))
        for subject in subjects
        if isinstance(command := subject.environment.get("command"), list) and command
    ]
    if typed:
        content += [
            tag("h3", "As they were typed"),
            listing({name: tag("code", line) for name, line in typed}),
        ]
    content.append(
        tag(
            "p",
            "The same store, recipe and seed give the same batches. Weights can differ"
            " in their last digits between machines and versions of TensorFlow.",
            class_="note",
        )
    )
    return content


def listing(facts: Mapping[str, Child]) -> Element:
    """Return names with their values."""
    return tag(
        "dl", [tag("div", tag("dt", name), tag("dd", v)) for name, v in facts.items()]
    )


def _flat(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return an environment as lines, without what differs between any two runs."""
    lines = {}
    for name, value in environment.items():
        if name in ("command", "started"):
            continue
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {version}" for key, version in value.items())
        lines[abridged(str(name))] = abridged(str(value), 1000)
    return lines


def _spelled(name: str) -> str:
    return name.replace("_", " ")


def _shown(value: Any) -> str:
    return "\N{EN DASH}" if value is None else str(value)
