"""Models for other programs: formats, the program that runs them, bundles.

A format is one class in one file (`asc.exporting.formats`).
"""

from asc.exporting.format import FORMATS, ExportFormat, register_export

__all__ = ["FORMATS", "ExportFormat", "register_export"]
