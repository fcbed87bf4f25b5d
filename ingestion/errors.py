"""The base class of all errors that a user can fix, and how text of others is quoted.

Every package may import this module; what else of ``ingestion`` each may import, the import rule
lists (``tests/contract/test_architecture.py``). Errors that only show a fault of the code do not
belong here.
"""

import re

__all__ = ["FactrootsError", "first_line", "is_of_input", "printable", "without_secrets"]

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ADDRESS_SECRETS = re.compile(
    r"""(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?P<user>[^\s/?\#'"]*@)?
    (?P<place>[^\s?\#'"]*)(?P<query>[?\#][^\s'"]*)?""",
    re.VERBOSE | re.IGNORECASE,
)
_STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit)


def without_secrets(text: str) -> str:
    """Drop from addresses what can be a key: user and password, and all that follows a ``?``."""
    return _ADDRESS_SECRETS.sub(lambda found: found["scheme"] + found["place"], text)


class FactrootsError(Exception):
    """Something that a user can fix; the message says what is wrong and what to do.

    Args:
        parts: the message; the secrets of addresses in it are left out.
    """

    def __init__(self, *parts: object) -> None:
        super().__init__(*(without_secrets(p) if isinstance(p, str) else p for p in parts))


def first_line(error: BaseException) -> str:
    """Get the first line of an error's message, without secrets; its class name if it has none."""
    text = without_secrets(str(error).strip())
    return text.splitlines()[0] if text else type(error).__name__


def printable(text: str) -> str:
    """Show control characters by their numbers; a terminal would obey them."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def is_of_input(error: BaseException) -> bool:
    """Whether what was worked on caused an error, and not someone who stops this process.

    Rust libraries raise panics that are no ``Exception``; Dagster interrupts in the same way.
    """
    return not isinstance(error, _STOPS) and not type(error).__module__.startswith("dagster")
