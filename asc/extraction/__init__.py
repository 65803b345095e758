"""Corpus to store: a plan, parallel workers, one writer; resume and report."""

from asc.extraction.extractor import Report, extract
from asc.extraction.planning import ExtractionPlan, plan
from asc.extraction.workers import seconds_per_clip

__all__ = ["ExtractionPlan", "Report", "extract", "plan", "seconds_per_clip"]
