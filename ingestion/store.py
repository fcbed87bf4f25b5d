"""A lake that machines share: finished parts on object storage, or in a folder that all can see.

Parts are computed into a local lake and read from there (``ingestion.lake``); the store holds a
copy of each under its fingerprint: ``<address>/<table>/<value>/…/<fingerprint>.parquet``. Nothing
in it is changed or taken away, so any number of machines, of any version, may use it at once; what
was cut or edited there is told by its seal. Addresses are those that fsspec understands. Keys of a
store come from the environment alone, as its library reads them, and are told to nobody.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ingestion.lake import LakeError, read_provenance, verify_part

__all__ = ["Store", "StoreError", "address_problem", "part_name"]

LOG = logging.getLogger("factroots")
_MARK = "_factroots.txt"
_PACKAGES = {"s3": "pip install 's3fs' (or 'factroots[s3]')"}
_FULL = (errno.ENOSPC, errno.EDQUOT)


class StoreError(LakeError):
    """A store cannot be used: says which, why, and what to do."""


def address_problem(address: str) -> str | None:
    """Why an address cannot be a store's, in words that do not repeat what is secret in it."""
    parts = urlsplit(address)
    if "@" in parts.netloc or parts.query:
        return (
            "an address holds no name, key or password: leave out what stands before '@' and "
            "after '?', and put keys into the environment (AWS_ACCESS_KEY_ID, …)"
        )
    if "://" in address and not (parts.netloc or parts.path.strip("/")):
        return f"{address!r} names no bucket or folder: write one such as s3://bucket/prefix"
    return None


@dataclass(frozen=True)
class Store:
    """The shared lake of one study."""

    address: str
    """``s3://bucket/prefix/study``, any other address that fsspec understands, or a folder."""

    def names(self) -> set[str]:
        """Everything that the store holds, by names below its address.

        A store that is used for the first time gets a mark, so that one that cannot be written is
        found out before anything is computed.

        Raises:
            StoreError: it cannot be reached, read or, for the first time, written.
        """
        with self._told():
            system, root = self._opened
            system.invalidate_cache()
            names = {name.removeprefix(root).lstrip("/") for name in system.find(root)}
            if _MARK not in names:
                text = "Parts of a lake of factroots, each named by what it was computed from.\n"
                system.pipe_file(f"{root}/{_MARK}", text.encode())
        return names - {_MARK}

    def fetch(self, lake: Path, path: Path, fingerprint: str) -> bool:
        """Put a part that the store has into the local lake; whether it had it, whole.

        Args:
            lake: root folder of the local lake.
            path: the part's place in it.
            fingerprint: digest of what the part is computed from.

        Raises:
            StoreError: the store cannot be reached or read.
        """
        return self._fetch(part_name(lake, path, fingerprint), path, fingerprint)

    def fetch_newest(self, lake: Path, path: Path) -> bool:
        """Put the part that was written last, of those with this place, into the local lake.

        Raises:
            StoreError: the store cannot be reached or read.
        """
        with self._told():
            system, root = self._opened
            system.invalidate_cache()
            folder = f"{root}/{part_name(lake, path, '').rpartition('/')[0]}"
            newest = max(system.find(folder), key=system.modified, default=None)
        return newest is not None and self._fetch(newest.removeprefix(root).lstrip("/"), path)

    def upload(self, lake: Path, path: Path, fingerprint: str) -> None:
        """Copy a finished part of the local lake into the store.

        Raises:
            StoreError: the store cannot be reached or written; the local part is untouched.
        """
        with self._told():
            system, root = self._opened
            target = f"{root}/{part_name(lake, path, fingerprint)}"
            if "file" in _protocols(system):
                # A bucket shows an object once it is whole; a folder would show half of it.
                temporary = f"{target}.{os.getpid()}.tmp"
                system.put_file(str(path), temporary)
                system.mv(temporary, target)
            else:
                system.put_file(str(path), target)

    def _fetch(self, name: str, path: Path, fingerprint: str | None = None) -> bool:
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._told():
                system, root = self._opened
                try:
                    system.get_file(f"{root}/{name}", str(temporary))
                except FileNotFoundError:
                    return False
            made_by = read_provenance(temporary)
            try:
                verify_part(temporary)
            except LakeError:
                made_by = None
            if made_by is None or fingerprint not in (None, made_by.fingerprint):
                LOG.warning("%s/%s is damaged: it is computed again", self.address, name)
                return False
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return True

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """fsspec's system for the address, and the address as that system writes it."""
        # Slow to import, and most studies have no store.
        import fsspec

        try:
            system, root = fsspec.url_to_fs(
                self.address, use_listings_cache=False, skip_instance_cache=True
            )
        except ValueError as error:
            raise StoreError(
                f"the lake {self.address}: there is no such kind of address; write one such as "
                "s3://bucket/prefix, or a folder"
            ) from error
        if "file" in _protocols(system):
            system.auto_mkdir = True
        return system, str(root).rstrip("/")

    def __getstate__(self) -> dict[str, str]:
        """Connections stay where they were made."""
        return {"address": self.address}

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """One sentence for whatever the store's library raises, with the remedy and no secrets."""
        try:
            yield
        except LakeError:
            raise
        except ImportError as error:
            scheme = urlsplit(self.address).scheme
            remedy = _PACKAGES.get(scheme, f"install fsspec's package for {scheme}://")
            raise StoreError(f"the lake {self.address} needs a package: {remedy}") from error
        except FileNotFoundError as error:
            raise StoreError(
                f"the lake {self.address} is not there: make its bucket or folder, or mend the "
                f"address. {_KEPT}"
            ) from error
        except PermissionError as error:
            remedy = (
                "put keys that may list, read and write it into the environment "
                "(AWS_ACCESS_KEY_ID, …)"
                if "://" in self.address
                else "change its permissions"
            )
            raise StoreError(
                f"the lake {self.address} may not be used: {remedy}. {_KEPT}"
            ) from error
        # Every library has exceptions of its own, few of them an OSError.
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise
            raise StoreError(
                f"the lake {self.address} cannot be reached ({type(error).__name__}): check the "
                "address, the network, and the keys and AWS_ENDPOINT_URL in the environment. "
                f"{_KEPT}"
            ) from error


_KEPT = "What was finished is kept here; the next run copies it there and goes on."


def part_name(lake: Path, path: Path, fingerprint: str) -> str:
    """A part's name in a store: its place in the lake, then its fingerprint."""
    place = path.relative_to(lake).as_posix().removesuffix(".parquet")
    return f"{place}/{fingerprint}.parquet"


def _protocols(system: Any) -> tuple[str, ...]:
    return (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)
