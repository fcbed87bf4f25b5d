"""The base class of all errors that a user can fix, and how the errors of libraries are quoted.

Every package may import this module; what else of ``ingestion`` each may import, the import rule
lists (``tests/contract/test_architecture.py``). Errors that only show a fault of the code do not
belong here.
"""

__all__ = ["FactrootsError", "first_line", "is_of_input"]

_STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit)


class FactrootsError(Exception):
    """Something that a user can fix; the message says what is wrong and what to do."""


def first_line(error: BaseException) -> str:
    """Get the first line of an error's message; its class name if there is no message."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def is_of_input(error: BaseException) -> bool:
    """Whether what was worked on caused an error, and not someone who stops this process.

    Rust libraries raise panics that are no ``Exception``; Dagster interrupts in the same way.
    """
    return not isinstance(error, _STOPS) and not type(error).__module__.startswith("dagster")
