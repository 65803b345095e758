"""Modules of a user's own that register models."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from asc.errors import AscError, InputError, UsageError


def import_models(
    modules: Any, *, outside: str | os.PathLike[str] | None = None
) -> tuple[str, ...]:
    """Import modules that call `register_model`.

    They are looked for as Python does for a script: on its path, and in the current
    folder. A module that is imported already is not imported again.

    Parameters
    ----------
    modules : sequence of str
        Names such as ``"my_models"`` or ``"package.models"``.
    outside : path-like, optional
        A folder that none of them may be in: what names its own code and came
        from somewhere else should not get to run it.

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    UsageError
        If they are no names of modules.
    InputError
        If a module does not exist, fails, or lies in that folder.
    """
    if not isinstance(modules, Sequence) or isinstance(modules, str):
        raise UsageError(f"imports must be a list of modules. Got {modules!r}.")
    for name in modules:
        if not isinstance(name, str) or not all(
            word.isidentifier() for word in name.split(".")
        ):
            raise UsageError(
                f"{name!r} is not the name of a module, such as my_models or"
                " package.models (not a file)."
            )
        if name not in sys.modules:
            _import(name, outside)
    return tuple(modules)


def _import(name: str, outside: str | os.PathLike[str] | None) -> None:
    # Last, so that a file there cannot stand in for an installed module.
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    if outside is not None:
        from importlib.util import find_spec

        spec = find_spec(name.partition(".")[0])
        places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
        for place in filter(None, places):
            if Path(place).resolve().is_relative_to(Path(outside).resolve()):
                raise InputError(
                    f"{outside} names the module {name!r}, which lies in that folder"
                    " itself. Code from there is not run; if it is yours, move it."
                )
    try:
        import_module(name)
    except AscError:
        raise
    except Exception as error:  # it is somebody else's code
        raise InputError(
            f"The module {name!r} cannot be imported ({type(error).__name__}: {error})."
            " It is looked for on Python's path (PYTHONPATH) and in the current folder."
        ) from error
