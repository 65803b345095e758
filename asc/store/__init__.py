"""The feature store: one HDF5 file with features, labels and splits."""

from asc.environment import variables

# HDF5 reads them when it is loaded. They are for files of other programs: a store is
# one file, and has a lock of its own.
with variables(
    dict.fromkeys(("HDF5_DRIVER", "HDF5_USE_FILE_LOCKING", "HDF5_VOL_CONNECTOR"))
):
    import h5py  # noqa: F401

from asc.store.reader import FeatureStore, PartialStore, open_store, partial_path
from asc.store.row_reader import RowReader
from asc.store.verification import check_unchanged, verify
from asc.store.writer import StoreWriter, bytes_needed

__all__ = [
    "FeatureStore",
    "PartialStore",
    "RowReader",
    "StoreWriter",
    "bytes_needed",
    "check_unchanged",
    "open_store",
    "partial_path",
    "verify",
]
