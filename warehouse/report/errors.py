"""Defines the error of the report, without importing the drawing library, which takes a second."""

__all__ = ["ReportError"]


class ReportError(RuntimeError):
    """The report cannot be written; the message says what is missing and what to do."""
