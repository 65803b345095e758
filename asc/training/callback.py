"""The callback through which a training reports its progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc.progress import ProgressBar

if TYPE_CHECKING:
    from asc.training.run import Run
    from asc.training.session import Session


class TrainingCallback:
    """Callback for training progress. Does nothing; override what you need.

    Attributes
    ----------
    session : Session
        Run, store and rows of the training; set before `start`.

    Examples
    --------
    >>> class Losses(asc.TrainingCallback):
    ...     def epoch(self, record, best):
    ...         print(f"epoch {record['epoch']}: loss {record['loss']:.2f}")
    """

    session: Session

    def start(self, run: Run, batches: int, epochs: int, first: int) -> None:
        """Training starts.

        Parameters
        ----------
        run : Run
        batches, epochs : int
            Batches of an epoch, and the maximum number of epochs.
        first : int
            Number of epochs that were finished before.
        """

    def batch(self, done: int, loss: float) -> None:
        """A batch is finished: the number of batches of this epoch, and its loss."""

    def epoch(self, record: dict[str, float], best: bool) -> None:
        """An epoch is finished: its row of the history, and if it is the best one."""

    def note(self, sentence: str) -> None:
        """Something about the training is unusual; it continues."""


class TrainingBar(TrainingCallback):
    """Shows a training as a bar of all its batches; a widget in a notebook.

    Examples
    --------
    >>> bar = asc.TrainingBar()  # for asc.train("store.h5", listener=bar)
    """

    def start(self, run: Run, batches: int, epochs: int, first: int) -> None:
        self._bar = ProgressBar(run.path.name, "batch")
        self._batches, self._total = batches, batches * epochs
        self._before, self._values = first * batches, {"epoch": f"{first + 1}"}
        self._bar.show(self._before, self._total)

    def batch(self, done: int, loss: float) -> None:
        values = self._values | {"loss": f"{loss:.3f}"}
        self._bar.show(self._before + done, self._total, **values)

    def epoch(self, record: dict[str, float], best: bool) -> None:
        self._before += self._batches
        self._values["epoch"] = f"{record['epoch'] + 1:.0f}"
        if "val_accuracy" in record:
            self._values["val_accuracy"] = f"{record['val_accuracy']:.3f}"
        self._bar(self._before, self._total)


#: The name of earlier versions.
Listener = TrainingCallback
