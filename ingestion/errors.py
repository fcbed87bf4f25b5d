"""The base class of all errors that a user can fix.

Every package may import this module; what else of ``ingestion`` each may import, the import rule
lists (``tests/contract/test_architecture.py``). Errors that only show a fault of the code do not
belong here.
"""

__all__ = ["FactrootsError"]


class FactrootsError(Exception):
    """Something that a user can fix; the message says what is wrong and what to do."""
