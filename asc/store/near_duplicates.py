"""Near-duplicates: clips of the same audio that differ in level, length or encoding.

A model remembers a test clip whose near-duplicate is in train, whatever recordings the
metadata name. Clips of equal audio have equal digests (`asc.corpus.duplicates`); the
events of near-duplicates happen at the same times.

References
----------
Haitsma, Kalker. "A highly robust audio fingerprinting system." ISMIR 2002 (differences
of neighbouring bands and times, which neither level nor equaliser change).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from asc.errors import UsageError
from asc.features.representations.mel import Mel

if TYPE_CHECKING:
    from asc.store.reader import FeatureStore

#: Similarity from which two clips count as near-duplicates. Measured on ESC-10 and TAU:
#: of 80,000 pairs of different recordings the most similar have 0.18, except five whose
#: Freesound sources are in fact the same sound (0.25 to 0.90). Copies at -12 and -30 dB
#: have 0.97 to 1; at the lowest quality of MP3 and Vorbis 0.62 to 0.96; cut by up to a
#: tenth of their length 0.48 to 0.95 (nine in ten in ESC-10).
NEAR = 0.35
#: Frequency range that lossy encoders keep (in Hz), and the number of bands in it.
_RANGE, _BANDS = (100.0, 4000.0), 32
#: Levels are limited to this range below the loudest, changes to this size (in dB).
_DYNAMICS, _LARGEST = 60.0, 6.0
#: Columns between the two times of a difference.
_STEP = 2
#: Clips whose spectra are kept in memory, and clips that are compared at a time.
_KEPT, _BLOCK = 1024, 256
_FEWEST_BANDS, _FEWEST_COLUMNS = 8, 64


@dataclass(frozen=True)
class NearDuplicate:
    """Two clips that seem to be of the same audio."""

    similarity: float  # in [0, 1]; 1 for equal clips
    first: int  # row
    second: int  # a later row


def find_near_duplicates(
    store: FeatureStore,
    *,
    threshold: float = NEAR,
    progress: Callable[[int, int], None] | None = None,
) -> list[NearDuplicate]:
    """Compare all clips of a store with one another, by the times of their events.

    Parameters
    ----------
    store : FeatureStore
        With Mel features of 64 columns or more.
    threshold : float
    progress : callable(done, total), optional
        Called with pairs of clips.

    Returns
    -------
    list of NearDuplicate
        The most similar first.

    Raises
    ------
    UsageError
        If the features are too coarse.

    Notes
    -----
    Mel levels between 100 Hz and 4 kHz become differences of neighbouring bands and
    of times, limited to 6 dB so that no single loud event decides. Similarity is their
    largest correlation over all circular shifts in time. Time grows with the square
    of the number of clips; memory does not grow.
    """
    bands = _band_edges(store)
    rows = store.finished_rows()
    total, done = len(rows) * (len(rows) - 1) // 2, 0
    found: list[NearDuplicate] = []
    for start in range(0, len(rows), _KEPT):
        kept = rows[start : start + _KEPT]
        spectra = np.concatenate(
            [_spectra(store, block, bands) for block in _blocks(kept)]
        )
        for others in _blocks(rows[start:]):
            compared = _spectra(store, others, bands)
            for offset in range(0, len(kept), _BLOCK):
                block = kept[offset : offset + _BLOCK]
                if block[0] > others[-1]:
                    continue
                similarity = _similarity(
                    spectra[offset : offset + _BLOCK], compared, store
                )
                later = block[:, None] < others
                done += int(later.sum())
                for i, j in zip(*np.nonzero((similarity >= threshold) & later)):
                    found.append(
                        NearDuplicate(
                            float(similarity[i, j]), int(block[i]), int(others[j])
                        )
                    )
            if progress is not None:
                progress(done, total)
    return sorted(found, key=lambda pair: (-pair.similarity, pair.first, pair.second))


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


def _band_edges(store: FeatureStore) -> np.ndarray:
    """Return the first Mel row of each band, and the end of the last one."""
    spec = store.spec
    usable = Mel.name in spec.features and spec.columns >= _FEWEST_COLUMNS
    edges = np.zeros(0, int)
    if usable:
        first, end = np.searchsorted(Mel(spec).row_centres(), _RANGE)
        edges = np.unique(np.linspace(first, end, _BANDS + 1).astype(int))
    if len(edges) <= _FEWEST_BANDS:
        raise UsageError(
            f"The features of {store.path} are too coarse to find near-duplicates."
            f" Expected Mel features with {_FEWEST_COLUMNS} columns and {_FEWEST_BANDS}"
            f" rows between {_RANGE[0]:g} and {_RANGE[1]:g} Hz."
        )
    return edges


def _spectra(store: FeatureStore, rows: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the spectra over time of the changes in clips.

    Returns
    -------
    np.ndarray [shape=(clips, frequencies, bands - 1)], complex64
        Of unit length, or zero where nothing changes.
    """
    levels = store.decode(Mel.name, store.row_reader(Mel.name)[rows][..., 0])
    loudest = levels.max(axis=(1, 2), keepdims=True)
    levels = np.maximum(levels, loudest - np.float32(_DYNAMICS))[:, : edges[-1]]
    bands = np.add.reduceat(levels, edges[:-1], axis=1)
    bands /= np.diff(edges).astype(np.float32)[:, None]
    tilt = bands[:, :-1] - bands[:, 1:]
    change = np.clip(tilt - np.roll(tilt, _STEP, axis=2), -_LARGEST, _LARGEST)
    size = np.sqrt((change**2).sum(axis=(1, 2), keepdims=True))
    change /= np.maximum(size, np.float32(1e-6))
    return np.ascontiguousarray(fft.rfft(change, axis=2).transpose(0, 2, 1))


def _similarity(a: np.ndarray, b: np.ndarray, store: FeatureStore) -> np.ndarray:
    """Return the largest correlation over all shifts of each pair of clips."""
    products = np.matmul(a.transpose(1, 0, 2), b.conj().transpose(1, 2, 0))
    over_shifts = fft.irfft(products, store.spec.columns, axis=0, overwrite_x=True)
    return np.minimum(over_shifts.max(axis=0), 1)
