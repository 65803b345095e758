"""asc: offline feature store and trainer for acoustic scene classification.

The public names below are loaded when they are first used, so that importing
asc costs nothing and extraction never loads TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: Public name -> module that defines it.
_PUBLIC = {
    "AscError": "asc.errors",
    "Augmentation": "asc.pipeline.augmentation",
    "Comparison": "asc.evaluation.comparison",
    "Corpus": "asc.corpus",
    "FeatureSpec": "asc.features",
    "FeatureStore": "asc.store",
    "FrontEnd": "asc.features",
    "Grid": "asc.evaluation.grid",
    "Listener": "asc.training.trainer",
    "Recipe": "asc.training.recipe",
    "Run": "asc.training.run",
    "build_model": "asc.models",
    "compare": "asc.evaluation.compare",
    "dataset": "asc.pipeline.dataset",
    "download_corpus": "asc.corpus.download",
    "evaluate": "asc.evaluation.evaluate",
    "extract": "asc.extraction",
    "make_splits": "asc.corpus",
    "open_corpus": "asc.corpus",
    "paired_test": "asc.evaluation.significance",
    "plan": "asc.extraction",
    "predict": "asc.prediction",
    "pull": "asc.store.transfer",
    "push": "asc.store.transfer",
    "register_model": "asc.models",
    "report": "asc.evaluation.report",
    "resume": "asc.evaluation.experiment",
    "row_statistics": "asc.pipeline.statistics",
    "train": "asc.evaluation.experiment",
    "verify": "asc.store",
    "write_synthetic_corpus": "asc.corpus.synthetic",
}

__all__ = ["__version__", *_PUBLIC]

if TYPE_CHECKING:
    from asc.corpus import Corpus, make_splits, open_corpus
    from asc.corpus.download import download_corpus
    from asc.corpus.synthetic import write_synthetic_corpus
    from asc.errors import AscError
    from asc.evaluation.compare import compare
    from asc.evaluation.comparison import Comparison
    from asc.evaluation.evaluate import evaluate
    from asc.evaluation.experiment import resume, train
    from asc.evaluation.grid import Grid
    from asc.evaluation.report import report
    from asc.evaluation.significance import paired_test
    from asc.extraction import extract, plan
    from asc.features import FeatureSpec, FrontEnd
    from asc.models import build_model, register_model
    from asc.pipeline.augmentation import Augmentation
    from asc.pipeline.dataset import dataset
    from asc.pipeline.statistics import row_statistics
    from asc.prediction import predict
    from asc.store import FeatureStore, verify
    from asc.store.transfer import pull, push
    from asc.training.recipe import Recipe
    from asc.training.run import Run
    from asc.training.trainer import Listener


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'asc' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
