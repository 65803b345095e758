"""The errors a user can meet.

Every class owns its exit code, and every message is one or two sentences that
say what failed, what was received, what was expected and what to do about it.
The command line prints the message alone; a traceback appears only with
``-v``, or for an exception from outside this tree (exit code 1).
"""

from __future__ import annotations

import errno


class AscError(Exception):
    """Base of all errors that asc raises on purpose."""

    exit_code = 1


class UsageError(AscError, ValueError):
    """An argument that cannot be meant: unknown name, value out of range."""

    exit_code = 2


class InputError(AscError):
    """Audio, metadata or another input that is missing or unreadable."""

    exit_code = 3


class StoreError(AscError):
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
#: Interrupted by the user; the same command goes on from there.
EXIT_INTERRUPTED = 130


def unknown_name(kind: str, received: str, known: list[str] | tuple[str, ...]) -> str:
    """Return the sentence for a name that does not exist, with the nearest one.

    Parameters
    ----------
    kind : str
        What was being named, such as ``"model"``.
    received : str
        The name that was given.
    known : sequence of str
        The names that exist.
    """
    from difflib import get_close_matches

    by_fold = {name.casefold(): name for name in known}
    close = get_close_matches(received.casefold(), by_fold, n=1, cutoff=0.5)
    hint = f" Did you mean {by_fold[close[0]]!r}?" if close else ""
    listed = ", ".join(known) if known else "none"
    return f"Unknown {kind} {received!r}.{hint} Known: {listed}."


def is_full_disk(error: BaseException) -> bool:
    """Return True for the error of a full disk, whatever wrote to it."""
    # HDF5 has no errno of its own, but tells the number in its message.
    return isinstance(error, OSError) and (
        error.errno == errno.ENOSPC or f"errno = {errno.ENOSPC}" in str(error)
    )


def counted(number: int, one: str, many: str) -> str:
    """Return a number with the words that fit it: ``1 clip``, ``2,000 clips``."""
    return f"{number:,} {one if number == 1 else many}"
