"""Windows of a stream of audio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np


def cut_windows(
    blocks: Iterable[np.ndarray], length: int, hop: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Cut a signal into windows while it is read.

    A window begins every `hop` samples. Where they leave samples at the end, one more
    window ends there, so that all of the signal is covered. But what follows a single
    window is left out if it is shorter than half a window: so are clips cut.

    Parameters
    ----------
    blocks : iterable of np.ndarray [shape=(channels, n)]
        Pieces of the signal, of any lengths.
    length, hop : int > 0
        Length of a window and step between windows (in samples).

    Yields
    ------
    start : int
        Where the window begins (in samples).
    window : np.ndarray [shape=(channels, length)]
        Of a signal shorter than `length`, all of it.
    """
    # The pieces hold the signal from sample `first` to sample `total`.
    pieces: list[np.ndarray] = []
    first = total = start = end = 0
    for block in blocks:
        pieces.append(block)
        total += block.shape[1]
        if total < start + length:
            continue
        kept = np.concatenate(pieces, axis=1)
        while start + length <= total:
            yield start, kept[:, start - first : start - first + length]
            end = start + length
            start += hop
        # The last `length` samples may become the last window.
        unused = max(0, min(start, total - length) - first)
        pieces, first = [kept[:, unused:].copy()], first + unused
    if not total:
        return
    kept = np.concatenate(pieces, axis=1)
    if not end:
        yield 0, kept
    elif total > end and (end > length or 2 * (total - end) >= length):
        yield total - length, kept[:, total - length - first :]
