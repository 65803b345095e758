"""Several machines that train one model: who they are, and the folder they share.

Every machine runs the same command and is a worker; the environment variable
``TF_CONFIG`` says which one, as for every program of `tf.distribute`. The run folder
is on a file system that all of them see. The chief writes it, the others only read.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asc.errors import MissingInputError, SettingsMismatch, UsageError
from asc.text import describe_difference, duration
from asc.training.new_run import exists_already
from asc.training.recipe import Recipe
from asc.training.run import Run

#: Seconds that a worker waits for a file of the chief.
WAIT_SECONDS = 600
#: Seconds between two looks.
_INTERVAL = 0.2
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:12345", "host1:12345"]},'
    ' "task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Cluster:
    """The workers of a training, and which of them this process is.

    Attributes
    ----------
    addresses : tuple of str
        ``HOST:PORT`` of every worker; the chief is the first.
    index : int
        Position of this process in `addresses`.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """True for the worker that writes the run folder."""
        return self.index == 0

    def name(self, index: int) -> str:
        """Return what messages call a worker."""
        role = "the chief" if index == 0 else f"worker {index}"
        return f"{role} ({self.addresses[index]})"

    def wait_for(self, file: Path, note: Callable[[str], object]) -> None:
        """Return when the chief has written a file.

        Parameters
        ----------
        file : Path
        note : callable
            Takes a sentence on what is waited for.

        Raises
        ------
        MissingInputError
            If it is not there in `WAIT_SECONDS`.
        """
        if file.exists():
            return
        note(f"waiting for {self.name(0)} to write {file}.")
        end = time.monotonic() + WAIT_SECONDS
        while not file.exists():
            if time.monotonic() > end:
                raise MissingInputError(
                    f"No {file} after {duration(WAIT_SECONDS)}. {self.name(0)} writes"
                    " it. Check that it is running with the same --run, and that the"
                    " folder is on a file system that all workers see."
                )
            time.sleep(_INTERVAL)

    def wait_for_run(
        self, path: Path, recipe: Recipe, note: Callable[[str], object]
    ) -> Run:
        """Return the new run of the chief.

        Parameters
        ----------
        path : Path
            The run folder.
        recipe : Recipe
            What the chief should train.
        note : callable
            See `wait_for`.

        Raises
        ------
        UsageError
            If the folder holds an older run, which the chief refuses as well.
        SettingsMismatch
            If the chief trains another recipe.
        """
        self.wait_for(path / "recipe.json", note)
        run = Run(path)
        if run.history() or run.is_finished():
            raise UsageError(exists_already(path))
        if run.recipe != recipe:
            raise SettingsMismatch(
                f"{self.name(0)} trains another recipe than this worker was given.\n"
                + describe_difference(run.recipe.to_dict(), recipe.to_dict())
            )
        return run


def read_cluster() -> Cluster:
    """Return the cluster that ``TF_CONFIG`` describes.

    Raises
    ------
    UsageError
        If the variable is not set, or does not describe a cluster with this process.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        roles = [role for role in ("chief", "worker") if role in cluster]
        tasks = [(role, place) for role in roles for place in range(len(cluster[role]))]
        index = tasks.index((task["type"], int(task["index"])))
        addresses = tuple(_check_address(x) for role in roles for x in cluster[role])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise UsageError(
            "TF_CONFIG does not describe the workers of --strategy multiworker. Got"
            f" {text!r}. Expected something like {_EXAMPLE!r}. Set it on every"
            " machine, with another index on each."
        ) from None
    return Cluster(addresses, index)


def _check_address(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not host or not 0 < int(port) < 2**16:
        raise ValueError(address)
    return address
