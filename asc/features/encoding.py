"""From values to the numbers that a store keeps, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Codes of uint8. Code 0 never stands for data, so a zero is damage.
_FIRST_CODE, _LAST_CODE = 1, 255
#: Steps from the lowest to the highest value.
STEPS = _LAST_CODE - _FIRST_CODE


@dataclass(frozen=True)
class Encoding:
    """How a store keeps the values of a feature.

    Attributes
    ----------
    dtype : {'uint8', 'float16', 'float32'}
    scale, offset : float
        ``value = offset + scale * stored``: 1 and 0 for floating-point types.
    lowest, step : float
        Range of the uint8 codes: 254 steps from ``lowest`` up. Values outside are
        clipped to it.
    unit : str
    """

    dtype: str
    scale: float
    offset: float
    lowest: float
    step: float
    unit: str

    def encode(self, values: np.ndarray, *, overwrite: bool = False) -> np.ndarray:
        """Return values as a store keeps them: uint8 rounds to the nearest code.

        Parameters
        ----------
        values : np.ndarray, float32
        overwrite : bool
            Compute in this array, which is faster.
        """
        if self.dtype != "uint8":
            return values.astype(self.dtype)
        out = values if overwrite else None
        codes = np.subtract(values, np.float32(self.offset), out=out)
        codes *= np.float32(1 / self.scale)
        np.rint(codes, out=codes)
        np.clip(codes, _FIRST_CODE, _LAST_CODE, out=codes)
        return codes.astype(np.uint8)

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """Return stored numbers as values, float32."""
        return stored.astype(np.float32) * np.float32(self.scale) + np.float32(
            self.offset
        )
