"""Reports: one page about runs that needs nothing but a browser."""

from asc.reporting.page import report

__all__ = ["report"]
