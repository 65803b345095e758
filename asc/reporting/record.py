"""What is needed to reproduce results: recipes, environments, command lines."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from asc.reporting.entries import ReportEntry
from asc.reporting.formats import abridged, setting
from asc.store import FeatureStore
from asc.text import megabytes
from asc.training.recipe import Recipe

#: Fields of a spec that asc-extract has options for.
_OF_EXTRACTION = (
    *("sample_rate", "seconds", "channels", "n_fft", "hop_length", "fmin", "fmax"),
    *("rows", "columns", "dtype"),
)
_DEFAULTS = {field.name: field.default for field in fields(Recipe)}


def train_command(entry: ReportEntry, **changes: Any) -> str:
    """Return the command line that trains the recipe of an entry with changes."""
    values = {} if entry.recipe is None else entry.recipe.to_dict()
    words = ["asc-train", entry.store_facts.get("store", "STORE")]
    for name, value in (values | changes).items():
        option = "--" + name.replace("_", "-")
        if name == "imports":
            words += [word for module in value for word in ("--import", str(module))]
        elif value is True:
            words.append(option)
        elif value != _DEFAULTS[name]:
            words += [option, str(value)]
    return shlex.join(words)


def extract_command(store: FeatureStore) -> str:
    """Return the command line that extracts the features of a store from its corpus."""
    spec = store.spec
    words = ["asc-extract", "CORPUS", store.path.name]
    defaults = {each.name: each.default for each in fields(spec)}
    for name in _OF_EXTRACTION:
        if (value := getattr(spec, name)) != defaults[name]:
            number = f"{value:.12g}" if isinstance(value, float) else str(value)
            words += ["--" + name.replace("_", "-"), number]
    if spec.features != defaults["features"]:
        words += [word for name in spec.features for word in ("--feature", name)]
    for feature, values in spec.parameters.items():
        for name, value in values.items():
            words += ["--parameter", f"{feature}.{name}={json.dumps(value)}"]
    return shlex.join(words)


def recipe_section(entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return every field of every recipe.

    Returns
    -------
    dict
        ``differing`` (names of fields), ``rows`` (entries with the values of these
        fields) and ``shared`` (the other fields with their values).
    """
    values = {entry: entry.recipe.to_dict() for entry in entries if entry.recipe}
    first: dict[str, Any] = next(iter(values.values()), {})
    shared = {
        name: value
        for name, value in first.items()
        if all(other[name] == value for other in values.values())
    }
    differing = [name for name in first if name not in shared]
    return {
        "differing": differing,
        "rows": [
            (entry, [recipe[name] for name in differing])
            for entry, recipe in values.items()
        ],
        "shared": {name.replace("_", " "): value for name, value in shared.items()},
    }


def environment_section(entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return versions and machines: ``groups``, a list of (names, facts)."""
    groups: dict[tuple, list[str]] = {}
    for entry in entries:
        if entry.environment:
            facts = tuple(_flat(entry.environment).items())
            groups.setdefault(facts, []).append(entry.name)
    return {"groups": [(names, dict(facts)) for facts, names in groups.items()]}


def reproduce_section(entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return the command lines that reproduce the results.

    Returns
    -------
    dict
        ``commands`` (list of str), ``stores`` (facts of each store) and ``original``
        (name of an entry to the command that made it).
    """
    known = {entry.store.digest: entry.store for entry in entries if entry.store}
    extractions = [extract_command(store) for store in known.values()]
    commands = [
        f"{train_command(entry)} --run {shlex.quote(entry.name)}"
        for entry in entries
        if entry.recipe
    ]
    report = ["asc", "report", *(entry.name for entry in entries), "-o", "report.html"]
    stores = {
        entry.store_facts["digest"]: entry.store_facts
        for entry in entries
        if "digest" in entry.store_facts
    }
    return {
        "commands": [*extractions, *commands, shlex.join(report)],
        "stores": list(stores.values()),
        "original": {
            entry.name: abridged(shlex.join(map(str, command)), 2000)
            for entry in entries
            if isinstance(command := entry.environment.get("command"), list) and command
        },
    }


def _flat(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return an environment as lines, without facts that differ in every run."""
    lines = {}
    for name, value in environment.items():
        if name in ("command", "started"):
            continue
        if name.endswith("_bytes") and isinstance(value, int):
            name, value = name.removesuffix("_bytes"), megabytes(value)
        lines[abridged(name.replace("_", " "))] = abridged(setting(value), 1000)
    return lines
