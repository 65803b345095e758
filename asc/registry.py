"""Registries of readers, features, augmentations, models: a name for each entry.

All modules of a package are imported to register the built-in entries, so adding one
means adding a file. Modules of a user add others.
"""

from __future__ import annotations

import os
import pkgutil
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

from asc.errors import AscError, InputError, UsageError
from asc.text import unknown_name

T = TypeVar("T")

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Registry(Generic[T]):
    """Entries of one kind by name.

    Parameters
    ----------
    kind : str
        What an entry is called in messages, such as ``"model"``.
    package : str, optional
        Package whose modules register the built-in entries, imported at first use.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T, *, replace: bool = False) -> None:
        """Register an entry.

        Raises
        ------
        UsageError
            If the name is malformed, or taken and `replace` is not set.
        """
        check_name(self.kind, name)
        self._discover()
        if name in self._entries and not replace:
            raise UsageError(
                f"There already is a {self.kind} {name!r}. Use another name, or"
                " replace=True to replace it."
            )
        self._entries[name] = entry

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        self._discover()
        return tuple(sorted(self._entries))

    def get(self, name: str) -> T:
        """Return the entry of a name.

        Raises
        ------
        UsageError
            If there is none; the message offers the nearest name.
        """
        self._discover()
        if name not in self._entries:
            raise UsageError(unknown_name(self.kind, str(name), self.names()))
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._entries

    def __iter__(self) -> Iterator[T]:
        """Iterate over the entries, sorted by name."""
        return iter([self._entries[name] for name in self.names()])

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Undo, at the end of a ``with`` block, what was registered in it."""
        self._discover()
        before = dict(self._entries)
        try:
            yield
        finally:
            self._entries = before

    def _discover(self) -> None:
        """Import the modules of the built-in entries, once."""
        package, self._package = self._package, None
        if package is not None:
            for module in pkgutil.iter_modules(import_module(package).__path__):
                import_module(f"{package}.{module.name}")


def check_name(kind: str, name: Any) -> str:
    """Return a name that an entry can have, else raise UsageError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"Invalid name of a {kind}. Got {name!r}. Use lower-case letters, digits"
            " and single hyphens."
        )
    return name


def check_modules(name: str, modules: Any) -> tuple[str, ...]:
    """Return names of modules, without importing any; raise UsageError for others."""
    if not isinstance(modules, Sequence) or isinstance(modules, str):
        raise UsageError(f"{name} must be a list of modules. Got {modules!r}.")
    for module in modules:
        if not isinstance(module, str) or not all(
            word.isidentifier() for word in module.split(".")
        ):
            raise UsageError(
                f"{module!r} is not the name of a module. Give a name such as my_models"
                " or package.models, not a file."
            )
    return tuple(modules)


def import_modules(
    modules: Any, *, outside: str | os.PathLike[str] | None = None
) -> tuple[str, ...]:
    """Import modules of a user that register readers, features, models, ...

    They are looked for on Python's path and in the current folder.

    Parameters
    ----------
    modules : sequence of str
        Names such as ``"my_models"`` or ``"package.models"``.
    outside : path-like, optional
        A folder that none of them may be in: an untrusted run folder must not name
        code that lies in it.

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    UsageError
        If one of them is not the name of a module.
    InputError
        If a module does not exist, fails, or lies in that folder.
    """
    names = check_modules("imports", modules)
    for name in names:
        if name not in sys.modules:
            _import_module(name, outside)
    return names


def _import_module(name: str, outside: str | os.PathLike[str] | None) -> None:
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
    except Exception as error:  # noqa: BLE001 - code of a user
        raise InputError(
            f"The module {name!r} cannot be imported ({type(error).__name__}: {error})."
            " It is looked for on Python's path (PYTHONPATH) and in the current folder."
        ) from error
