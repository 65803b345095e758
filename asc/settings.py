"""Files of settings that people write, such as recipes and grids: JSON or YAML."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from asc.environment import install_command
from asc.errors import InputError
from asc.files import parse_json, read_json, read_text, reason
from asc.text import printable

#: How the names of YAML files end.
_YAML = (".yaml", ".yml")
#: YAML is read a hundred times slower than JSON.
_MOST_YAML_BYTES = 1 << 17
#: YAML 1.1 takes 1e-3 for text: it wants a point.
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def read_settings(
    path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
) -> Any:
    """Read JSON, or YAML if the name ends so, as `asc.files.read_json` does.

    Raises
    ------
    InputError
        As `read_json`, if PyYAML is not installed, or if YAML holds what JSON cannot,
        such as dates. Anchors are refused: a few of them can stand for any size.
    """
    path = Path(path)
    if path.suffix.lower() not in _YAML:
        return read_json(path, root=root)
    text = read_text(path, limit=_MOST_YAML_BYTES, root=root)
    name = printable(str(path))
    try:
        import yaml
    except ImportError as error:
        raise InputError(
            f"{name} is YAML, for which PyYAML is not installed. Install it with:"
            f" {install_command('yaml')}, or write JSON."
        ) from error

    class Loader(yaml.SafeLoader):
        """Reads plain values alone."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.peek_event().anchor is not None:
                raise yaml.YAMLError("it has anchors (& or *), which are not read")
            return super().compose_node(parent, index)

    number = "tag:yaml.org,2002:float"
    Loader.add_implicit_resolver(number, re.compile(f"^{_NUMBER.pattern}$"), None)
    try:
        value = yaml.load(text, Loader)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        problem = " ".join(str(error).split()) or "it is nested too deeply"
        raise InputError(f"{name} is not YAML: {printable(problem)[:500]}.") from error
    try:
        return parse_json(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} holds a value that is not a text, number, list or object"
            f" ({reason(error)}). Put texts such as dates in quotes."
        ) from error
