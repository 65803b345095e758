"""Progress as a bar of tqdm: a widget in a notebook, a line on a terminal."""

from __future__ import annotations

from typing import Any


class ProgressBar:
    """A bar for the ``progress`` of asc's functions, which call it with done and total.

    Parameters
    ----------
    what : str
        Word in front of the bar.
    unit : str
        What is counted.
    **options
        Of tqdm.

    Examples
    --------
    >>> bar = asc.ProgressBar("verifying", "rows", disable=True)
    >>> asc.verify("store.h5", bar)
    []
    """

    def __init__(self, what: str = "", unit: str = "it", **options: Any) -> None:
        self._options = {"desc": what, "unit": f" {unit}", "dynamic_ncols": True}
        self._options |= options
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Show how far work is; the bar is closed when all is done."""
        self.show(done, total)
        if 0 < total <= done:
            self.close()

    def show(self, done: int, total: int, **values: str) -> None:
        """Show how far work is, with values behind the bar, and keep the bar."""
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, **self._options)
        self._bar.total = total
        if values:
            self._bar.set_postfix(values, refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the bar; the next call begins another one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
