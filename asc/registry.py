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
from importlib.util import find_spec
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


def import_modules(modules: Any) -> tuple[str, ...]:
    """Import modules of the user that register readers, features, models, ...

    Only what the user names is imported (``--import``), never what a file names. Each
    is looked for on Python's path, then in the current folder, which is not added to
    the path: a file there must not become an optional import of a library.

    Parameters
    ----------
    modules : sequence of str
        Names such as ``"my_models"`` or ``"package.models"``.

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    UsageError
        If one of them is not the name of a module.
    InputError
        If a module does not exist, or fails.
    """
    names = check_modules("imports", modules)
    for name in names:
        if name not in sys.modules:
            _import_module(name)
        _IMPORTED[name] = None
    return names


#: Names of the modules that `import_modules` was given, in order.
_IMPORTED: dict[str, None] = {}


def imported_modules() -> tuple[str, ...]:
    """Return the modules that `import_modules` imported: workers need them too."""
    return tuple(_IMPORTED)


def missing_modules(names: Sequence[str]) -> str:
    """Return the sentence on those of some modules that are not imported.

    Parameters
    ----------
    names : sequence of str
        As a run or a recipe names them. They are not imported: the code of a module
        must be trusted first.

    Returns
    -------
    str
        What to do, or nothing if all are imported.
    """
    missing = [name for name in names if name not in sys.modules]
    if not missing:
        return ""
    options = " ".join(f"--import {name}" for name in missing)
    return (
        f"It names {' and '.join(missing)}, which asc does not import by itself. If you"
        f" trust that code, add {options} (in Python: import it first)."
    )


def _import_module(name: str) -> None:
    here, path = os.getcwd(), list(sys.path)
    top = name.partition(".")[0]
    try:
        if top not in sys.modules and find_spec(top) is None:
            sys.path.append(here)  # for its own imports; last, and only meanwhile
        import_module(name)
    except AscError:
        raise
    except Exception as error:  # noqa: BLE001 - code of a user
        raise InputError(
            f"The module {name!r} cannot be imported ({type(error).__name__}: {error})."
            " It is looked for on Python's path (PYTHONPATH) and in the current folder."
        ) from error
    finally:
        if here in sys.path and here not in path:
            sys.path.remove(here)
