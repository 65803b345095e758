"""One line on a run: its scenes, test accuracy and confidence."""

from __future__ import annotations

from asc.errors import AscError, InputError
from asc.evaluation.evaluation import Evaluation
from asc.evaluation.metrics import Metrics
from asc.evaluation.sentences import accuracy_sentence
from asc.text import counted, percent, printable
from asc.training.run import Run


def heading(run: Run) -> str:
    """Return run, scenes, test accuracy with its leakage, and confidence, in one line.

    Mean confidence above accuracy is overconfidence.
    """
    name = printable(str(run.path))
    line = f"{name}: {counted(len(run.scenes), 'scene', 'scenes')}"
    try:
        result = Evaluation.load(run.folder)
    except InputError:
        return f"{line}; {_accuracy(run)}"
    confidence = float(result.probabilities.max(axis=1).mean())
    difference = round(confidence - result.metrics.accuracy, 3)
    verdict = "overconfident" if difference > 0 else "underconfident"
    return (
        f"{line}; {accuracy_sentence(result.metrics)}; mean confidence"
        f" {percent(confidence)}, {verdict if difference else 'calibrated on average'}"
    )


def _accuracy(run: Run) -> str:
    """Return the accuracy where the predictions are not there, as in a bundle."""
    try:
        return accuracy_sentence(Metrics.of_run(run))
    except AscError:
        return "not evaluated"
