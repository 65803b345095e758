"""The feature store: one HDF5 file with features, labels and splits."""

from asc.store.pages import let_go
from asc.store.reader import FeatureStore, partial_path
from asc.store.verification import verify
from asc.store.writer import StoreWriter, bytes_needed

__all__ = [
    "FeatureStore",
    "StoreWriter",
    "bytes_needed",
    "let_go",
    "partial_path",
    "verify",
]
