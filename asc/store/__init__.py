"""The feature store: one HDF5 file with features, labels and splits."""

from asc.store.columns import release_pages
from asc.store.reader import FeatureStore, PartialStore, partial_path
from asc.store.verification import verify
from asc.store.writer import StoreWriter, bytes_needed

__all__ = [
    "FeatureStore",
    "PartialStore",
    "StoreWriter",
    "bytes_needed",
    "partial_path",
    "release_pages",
    "verify",
]
