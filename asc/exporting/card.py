"""The model card: Markdown with the front matter that Hugging Face reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from asc.evaluation.metrics import Metrics
from asc.evaluation.sentences import accuracy_sentence, leakage_sentence
from asc.exporting.format import ExportFormat
from asc.text import percent, printable
from asc.training.run import Run

#: What could begin markup in Markdown.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def _line(text: object) -> str:
    """Return text that Markdown shows as it is, in one line."""
    return _MARKUP.sub(r"\\\1", printable(str(text)))


def _yaml(value: object) -> str:
    """Return a value for YAML, of which JSON is a part."""
    return json.dumps(value)


_FILTERS: dict[str, Callable[..., str]] = {
    "line": _line,
    "cell": _line,
    "yaml": _yaml,
    "percent": percent,
    "number": "{:g}".format,
}


def model_card(
    name: str,
    run: Run,
    record: dict[str, Any],
    metrics: Metrics | None,
    export_format: ExportFormat,
    *,
    runner: bool,
) -> str:
    """Return the model card of an exported model.

    Parameters
    ----------
    name : str
    run : Run
    record : dict
        Of `asc.exporting.record.model_record`.
    metrics : Metrics or None
        None if the run is not finished.
    export_format : ExportFormat
    runner : bool
        Whether the program that classifies audio is beside it.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("asc.exporting", "templates"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(_FILTERS)
    provenance = record["provenance"]
    return environment.get_template("card.md").render(
        name=name,
        format=export_format.name,
        description=export_format.description,
        file=export_format.file,
        runner=runner,
        license=record["license"],
        recipe=provenance["recipe"],
        store=provenance["store"],
        version=provenance["asc"],
        spec=record["spec"],
        shape=record["input"]["shape"][1:],
        scenes=run.scenes,
        metrics=metrics,
        sentence=metrics and accuracy_sentence(metrics),
        protocol=metrics and accuracy_sentence(metrics),
        tested_on=metrics and metrics.tested_on(),
        leakage_sentence=metrics and leakage_sentence(metrics),
    )
