"""Several machines that train one model: who they are, and how they meet.

Every machine runs the same command and is a worker; which one, the environment
variable ``TF_CONFIG`` says. Worker 0 has the run folder. The others get a copy of
what is in it, and do with the copy what worker 0 does with the run: so all agree
on the recipe, on the epoch to go on from and on when to stop, and nobody needs a
disk that is shared.

They meet here before TensorFlow connects them, because TensorFlow waits deaf to
Ctrl-C, and as long for a worker that has failed as for one that is on its way.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from asc import environment
from asc.errors import AscError, SettingsMismatch, UsageError
from asc.text import describe_difference
from asc.training.recipe import Recipe
from asc.training.run import Run

#: Seconds in which a worker that connects has to say who it is.
_PATIENCE = 10
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:12345", "host1:12345"]},'
    ' "task": {"type": "worker", "index": 0}}'
)


@cache
def team() -> Team:
    """Return the workers that ``TF_CONFIG`` names, with this process among them.

    Raises
    ------
    UsageError
        If it is not set, or if no worker can be made out in it.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        kinds = [kind for kind in ("chief", "worker") if kind in cluster]
        members = [
            (kind, place) for kind in kinds for place in range(len(cluster[kind]))
        ]
        index = members.index((task["type"], int(task["index"])))
        addresses = [_address(text) for kind in kinds for text in cluster[kind]]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UsageError(
            "--strategy multiworker goes by the environment variable TF_CONFIG, the"
            f" same on every machine but for the index. Got {text!r}. Expected"
            f" something like {_EXAMPLE!r}."
        ) from None
    return Team(addresses, index)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not 0 < int(port) < 2**16:
        raise ValueError(f"expected HOST:PORT, got {text!r}")
    return host.strip("[]"), int(port)


class Team:
    """The workers of a training, and this process among them.

    Parameters
    ----------
    addresses : list of (str, int)
        Host and port of each. TensorFlow uses the ports, too, but later.
    index : int
        Which one this is.
    """

    def __init__(self, addresses: list[tuple[str, int]], index: int) -> None:
        self.addresses = addresses
        self.index = index
        self._others: dict[int, Connection] = {}

    @property
    def leads(self) -> bool:
        """True for the worker that has the run folder."""
        return self.index == 0

    def invite(self, run: Run, tell: Callable[[str], Any]) -> None:
        """As worker 0, wait for the others and give each a copy of a run.

        Parameters
        ----------
        run : Run
        tell : callable
            Takes sentences for people on what is waited for.

        Raises
        ------
        UsageError
            If the own port is taken.
        """
        missing = {*range(1, len(self.addresses))}
        with self._listen() as server:
            if missing:
                tell(f"waiting for {self._named(*sorted(missing))}.")
            while missing:
                other = Connection(server.accept()[0].detach())
                try:
                    index = self._greet(other, missing, tell)
                    if index is not None:
                        _send_run(other, run)
                        self._others[index] = other
                        missing.remove(index)
                except (ConnectionError, EOFError, ValueError, LookupError, TypeError):
                    continue  # nobody that belongs here, or it has left again

    def join(self, recipe: Recipe | None, tell: Callable[[str], Any]) -> Run:
        """As another worker, wait for worker 0 and return a copy of its run.

        The copy is in a temporary folder, which goes when it is no longer used.

        Parameters
        ----------
        recipe : Recipe, optional
            What worker 0 is expected to train.
        tell : callable
            See `invite`.

        Raises
        ------
        UsageError
            If worker 0 refuses, or the own port is taken.
        SettingsMismatch
            If worker 0 trains another recipe.
        AscError
            If worker 0 is gone before all is told.
        """
        self._listen().close()  # better known now than when the others count on it
        lead = self._reach(tell)
        with self._talking(0):
            lead.send_bytes(_json(self._introduction()))
            refusal = lead.recv_bytes().decode()
            if refusal:
                raise UsageError(refusal)
            run = _receive_run(lead)
        if recipe is not None and recipe != run.recipe:
            raise SettingsMismatch(
                f"{self._named(0)} trains another recipe than this one was given.\n"
                + describe_difference(run.recipe.to_dict(), recipe.to_dict())
            )
        self._others[0] = lead
        return run

    def start(self, facts: Mapping[str, Any]) -> None:
        """Return when all workers have come this far.

        Parameters
        ----------
        facts : mapping
            What has to be the same for all, or they could not go on together.

        Raises
        ------
        UsageError
            If it is not.
        AscError
            If one of them is gone.
        """
        others, self._others = self._others, {}
        ours, different = json.loads(_json(facts)), {}
        for index, other in others.items():
            with self._talking(index):
                if not self.leads:
                    other.send_bytes(_json(facts))
                theirs = json.loads(other.recv_bytes())
            if theirs != ours:
                different[index] = theirs
        if self.leads:  # with worker 0 all go on, or none
            for index in different or others:
                with self._talking(index):
                    others[index].send_bytes(_json(facts))
        for index, theirs in different.items():
            raise UsageError(
                f"{self._named(index)} cannot train together with this one:\n"
                + describe_difference(theirs, facts)
            )
        for other in others.values():
            other.close()

    def _named(self, *indices: int) -> str:
        """Return workers as a person would call them."""
        names = [
            f"worker {index} ({self.addresses[index][0]}:{self.addresses[index][1]})"
            for index in indices
        ]
        return ", ".join(names)

    def _introduction(self) -> dict[str, Any]:
        libraries = environment.versions(("keras", "tensorflow"))
        return {
            "index": self.index,
            "workers": [list(address) for address in self.addresses],
            "versions": libraries | {"asc": environment.describe()["asc"]},
        }

    def _greet(
        self, other: Connection, missing: set[int], tell: Callable[[str], Any]
    ) -> int | None:
        """Return which worker a connection is of; None if it cannot take part."""
        if not other.poll(_PATIENCE):
            return None
        theirs, ours = json.loads(other.recv_bytes(2**20)), self._introduction()
        index = theirs.pop("index")
        del ours["index"]
        refusal = ""
        if theirs != ours:
            refusal = (
                f"Worker {index} cannot train together with {self._named(0)}:\n"
                + describe_difference(ours, theirs)
            )
        elif index not in missing:
            refusal = (
                f"{self._named(0)} knows a worker {index} already, or none of that"
                " index. TF_CONFIG has to have another index on each machine."
            )
        other.send_bytes(refusal.encode())
        if not refusal:
            return int(index)
        tell(refusal)
        return None

    def _listen(self) -> socket.socket:
        """Return a socket that hears whoever comes to the address of this worker."""
        port = self.addresses[self.index][1]
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        try:
            return socket.create_server(("", port), family=family, dualstack_ipv6=both)
        except OSError as error:
            raise UsageError(
                f"Port {port}, which TF_CONFIG gives to {self._named(self.index)},"
                f" cannot be used here: {error.strerror}."
            ) from None

    def _reach(self, tell: Callable[[str], Any]) -> Connection:
        """Return a connection to worker 0, however long that takes."""
        told = False
        while True:
            try:
                found = socket.create_connection(self.addresses[0], _PATIENCE)
                found.settimeout(None)
                return Connection(found.detach())
            except OSError:
                if not told:
                    tell(f"waiting for {self._named(0)}.")
                told = True
                time.sleep(0.2)

    @contextmanager
    def _talking(self, index: int) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError) as error:
            raise AscError(
                f"{self._named(index)} has left before the training began. What it"
                " says there tells why; then start all again."
            ) from error


def _send_run(other: Connection, run: Run) -> None:
    """Send what `_receive_run` makes a copy of."""
    other.send_bytes(run.place.encode())
    files = [run.path / "recipe.json", run.path / "model.keras"]
    files += (run.path / "state").iterdir()
    for file in files:
        if file.exists() and ".new" not in file.name:  # left behind when written
            other.send_bytes(str(file.relative_to(run.path)).encode())
            other.send_bytes(file.read_bytes())
    other.send_bytes(b"")


def _receive_run(lead: Connection) -> Run:
    folder = Path(tempfile.mkdtemp(prefix="asc-"))
    try:
        place = lead.recv_bytes().decode()
        (folder / "state").mkdir()
        while name := lead.recv_bytes().decode():
            # Wherever it says that it was, it goes into this folder.
            path = Path(name)
            inside = folder / "state" if path.parent.name == "state" else folder
            (inside / path.name).write_bytes(lead.recv_bytes())
        run = Run(folder, place)
    except BaseException:
        shutil.rmtree(folder)
        raise
    weakref.finalize(run, shutil.rmtree, folder, ignore_errors=True)
    return run


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
