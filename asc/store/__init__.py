"""The feature store: one HDF5 file with features, labels and splits."""

from asc.store.lock import writing
from asc.store.reader import FeatureStore
from asc.store.verification import verify
from asc.store.writer import StoreWriter, bytes_needed, partial_path

__all__ = [
    "FeatureStore",
    "StoreWriter",
    "bytes_needed",
    "partial_path",
    "verify",
    "writing",
]
