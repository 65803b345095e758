"""asc: offline feature store and trainer for acoustic scene classification.

The public names below are loaded when they are first used, so that importing
asc costs nothing and extraction never loads TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

#: Public name -> module that defines it.
_PUBLIC = {
    "AscError": "asc.errors",
    "Augmentation": "asc.pipeline.augmentation",
    "Comparison": "asc.experiments.comparison",
    "Corpus": "asc.corpus",
    "DecibelFeature": "asc.features",
    "ExportFormat": "asc.exporting",
    "Feature": "asc.features",
    "FeatureSpec": "asc.features",
    "FeatureStore": "asc.store",
    "FrontEnd": "asc.features",
    "Grid": "asc.experiments.grid",
    "Listener": "asc.training.callback",
    "ProgressBar": "asc.progress",
    "Reader": "asc.corpus",
    "Recipe": "asc.training.recipe",
    "Run": "asc.training.run",
    "TrainingBar": "asc.training.callback",
    "TrainingCallback": "asc.training.callback",
    "build_model": "asc.models",
    "compare": "asc.experiments.compare",
    "dataset": "asc.pipeline.dataset",
    "download_corpus": "asc.transfer.corpora",
    "evaluate": "asc.evaluation.evaluate",
    "evaluate_ensemble": "asc.evaluation.ensemble",
    "export": "asc.exporting.export",
    "extract": "asc.extraction",
    "load_run": "asc.training.bundle",
    "make_splits": "asc.corpus.splits",
    "open_corpus": "asc.corpus",
    "open_store": "asc.store",
    "paired_test": "asc.evaluation.significance",
    "plan": "asc.extraction",
    "predict": "asc.prediction",
    "pull": "asc.transfer.stores",
    "push": "asc.transfer.stores",
    "register_augmentation": "asc.pipeline.transforms",
    "register_export": "asc.exporting",
    "register_feature": "asc.features",
    "register_model": "asc.models",
    "register_reader": "asc.corpus",
    "report": "asc.reporting",
    "resume": "asc.experiments.experiment",
    "row_statistics": "asc.pipeline.statistics",
    "train": "asc.experiments.experiment",
    "verify": "asc.store",
    "write_synthetic_corpus": "asc.synthetic.corpus",
}

__all__ = ["__version__", *_PUBLIC]

if TYPE_CHECKING:
    from asc.corpus import Corpus, Reader, open_corpus, register_reader
    from asc.corpus.splits import make_splits
    from asc.errors import AscError
    from asc.evaluation.ensemble import evaluate_ensemble
    from asc.evaluation.evaluate import evaluate
    from asc.evaluation.significance import paired_test
    from asc.experiments.compare import compare
    from asc.experiments.comparison import Comparison
    from asc.experiments.experiment import resume, train
    from asc.experiments.grid import Grid
    from asc.exporting import ExportFormat, register_export
    from asc.exporting.export import export
    from asc.extraction import extract, plan
    from asc.features import (
        DecibelFeature,
        Feature,
        FeatureSpec,
        FrontEnd,
        register_feature,
    )
    from asc.models import build_model, register_model
    from asc.pipeline.augmentation import Augmentation
    from asc.pipeline.dataset import dataset
    from asc.pipeline.statistics import row_statistics
    from asc.pipeline.transforms import register_augmentation
    from asc.prediction import predict
    from asc.progress import ProgressBar
    from asc.reporting import report
    from asc.store import FeatureStore, open_store, verify
    from asc.synthetic.corpus import write_synthetic_corpus
    from asc.training.bundle import load_run
    from asc.training.callback import Listener, TrainingBar, TrainingCallback
    from asc.training.recipe import Recipe
    from asc.training.run import Run
    from asc.transfer.corpora import download_corpus
    from asc.transfer.stores import pull, push


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("asc.environment").version()
    if name not in _PUBLIC:
        raise AttributeError(f"module 'asc' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
