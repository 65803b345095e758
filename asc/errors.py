"""The errors that asc raises.

Each has an exit code, and inherits the built-in exception that a caller would catch.
Messages say what failed, what was received, what was expected and what to do. The
command line prints them without a traceback, unless ``-v`` is given.
"""

from __future__ import annotations


class AscError(Exception):
    """Base of all errors that asc raises on purpose."""

    exit_code = 1


class UsageError(AscError, ValueError):
    """An invalid argument: an unknown name, or a value out of range."""

    exit_code = 2


class InputError(AscError, ValueError):
    """Audio, metadata or another input that is missing or unreadable."""

    exit_code = 3


class MissingInputError(InputError, FileNotFoundError):
    """An input that is not there."""


class StoreError(AscError, ValueError):
    """A store that is incomplete, corrupt or fails verification."""

    exit_code = 5


class SettingsMismatch(AscError):
    """Something on disk was made with other settings; nothing was touched."""

    exit_code = 6


class Busy(AscError):
    """Another process is writing the same thing."""

    exit_code = 7


#: Finished, but some clips or runs failed and are recorded.
EXIT_PARTIAL = 4
#: Interrupted by the user; the same command resumes.
EXIT_INTERRUPTED = 130
