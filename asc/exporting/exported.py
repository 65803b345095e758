"""What an export has made: files, size, cost and parity."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asc.exporting.parity import Parity
from asc.text import megabytes

#: Limits of DCASE's low-complexity tasks of 2023 and 2024: bytes of all parameters,
#: and multiply-adds.
DCASE_BYTES, DCASE_MULTIPLY_ADDS = 128_000, 30_000_000


@dataclass(frozen=True)
class Exported:
    """A model that was exported.

    Attributes
    ----------
    path : Path
        A new folder, or the zip file of a bundle.
    export_format : str
    files : tuple of str
        In the folder or bundle.
    model_bytes : int
        Size of the model alone.
    parameters, multiply_adds : int
        Of the model, for one clip.
    parameter_bytes : int
        Size of all parameters in this format.
    parity : Parity or None
        None if it was not asked for.
    latency : float or None
        Seconds for a single clip on this machine (median).
    notes : tuple of str
        Sentences for the user.
    """

    path: Path
    export_format: str
    files: tuple[str, ...]
    model_bytes: int
    parameters: int
    multiply_adds: int
    parameter_bytes: int
    parity: Parity | None
    latency: float | None
    notes: tuple[str, ...] = ()

    @property
    def within_dcase_limits(self) -> dict[str, bool]:
        """Whether the limits of DCASE's low-complexity task are met."""
        return {
            "parameter_bytes": self.parameter_bytes <= DCASE_BYTES,
            "multiply_adds": self.multiply_adds <= DCASE_MULTIPLY_ADDS,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return asdict(self) | {
            "path": str(self.path),
            "parity": self.parity and self.parity.to_dict(),
            "within_dcase_limits": self.within_dcase_limits,
        }

    def sentences(self) -> list[str]:
        """Return lines on size, cost, parity and limits."""
        lines = [
            f"model {megabytes(self.model_bytes)}; {self.parameters:,} parameters"
            f" ({megabytes(self.parameter_bytes)}), {_millions(self.multiply_adds)}"
            " multiply-adds a clip"
            + (f"; {1000 * self.latency:.1f} ms a clip here" if self.latency else "")
        ]
        if self.parity is not None:
            lines.append(self.parity.sentence())
        met = {
            name: "met" if within else "not met"
            for name, within in self.within_dcase_limits.items()
        }
        lines.append(
            "limits of DCASE's low-complexity task:"
            f" {megabytes(DCASE_BYTES)} of parameters {met['parameter_bytes']},"
            f" {_millions(DCASE_MULTIPLY_ADDS)} multiply-adds {met['multiply_adds']}"
        )
        return lines


def _millions(count: int) -> str:
    return f"{count / 1e6:,.3g} M" if count < 1e9 else f"{count / 1e6:,.0f} M"
