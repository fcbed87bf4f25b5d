"""The error of the report; apart from the drawing library, which takes a second to import."""

__all__ = ["ReportError"]


class ReportError(RuntimeError):
    """The report cannot be made; the message says what is missing and what to do."""
