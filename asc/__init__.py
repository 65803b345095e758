"""asc: offline feature store and trainer for acoustic scene classification."""

from __future__ import annotations

__version__ = "0.1.0"
