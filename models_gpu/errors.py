"""The exception for errors that a user can fix: a wrong model, wrong settings, invalid facts."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from ingestion.errors import FactrootsError, first_line, is_of_input

__all__ = ["ModelError", "as_model_error"]

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class ModelError(FactrootsError, ValueError):
    """A model cannot be used as the study asks; the message says why, and what to do."""


@contextlib.contextmanager
def as_model_error(model_id: str) -> Iterator[None]:
    """Turn whatever a model's files make a library raise into an error that names the model.

    Raises:
        ModelError: anything was raised, other than a signal, a full disk, or an error of ours.
    """
    try:
        yield
    except BaseException as error:
        if not is_of_input(error) or isinstance(error, FactrootsError):
            raise
        if isinstance(error, OSError) and error.errno in _FULL_DISK:
            raise
        raise ModelError(
            f"model '{model_id}' cannot be used: its files are damaged, or not what its "
            f"config.json says ({type(error).__name__}: {first_line(error)}). Download or save it "
            "again, or leave it out."
        ) from error
