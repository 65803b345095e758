"""Corpus to store: a plan, parallel workers, one writer; resume and report."""

from asc.extraction.extractor import Report, extract
from asc.extraction.planning import Plan, plan
from asc.extraction.workers import seconds_per_clip

__all__ = ["Plan", "Report", "extract", "plan", "seconds_per_clip"]
