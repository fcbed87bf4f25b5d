"""Defines the error of the report, without importing the drawing library, which takes a second."""

from ingestion.errors import FactrootsError

__all__ = ["ReportError"]


class ReportError(FactrootsError):
    """The report cannot be written; the message says what is missing and what to do."""
