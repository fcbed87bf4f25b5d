"""Shares finished parts between machines: a lake on object storage or in a shared folder.

Parts are computed into a local lake and read from there (``ingestion.lake``). The store holds a
copy of each under its fingerprint: ``<address>/<table>/<value>/…/<fingerprint>.parquet``. Files in
it are never changed or deleted, so any number of machines and versions can use it at once; a
damaged file is detected by its seal. Addresses are those of fsspec. Credentials come only from the
environment, through the storage library, and never appear in messages or files.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ingestion.files import temporary_file
from ingestion.lake import LakeError, read_provenance, verify_part
from ingestion.restricted import RestrictedError, copy_into, folder_files, open_file

__all__ = ["Store", "StoreError", "address_problem", "part_name"]

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

LOG = logging.getLogger("factroots")
_MARK = "_factroots.txt"
_PACKAGES = {"s3": "pip install 's3fs' (or 'factroots[s3]')"}
_FULL = (errno.ENOSPC, errno.EDQUOT)


class StoreError(LakeError):
    """A store cannot be used; the message says which, why, and what to do."""


def address_problem(address: str) -> str | None:
    """Explain why an address is not allowed, without repeating secrets in it; None if it is."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        return f"the address cannot be read ({error}): write one such as s3://bucket/prefix"
    if "@" in parts.netloc or parts.query:
        return (
            "an address must not contain a user name, key or password: remove what is before '@' "
            "and after '?', and put credentials into the environment (AWS_ACCESS_KEY_ID, …)"
        )
    if "://" in address and not (parts.netloc or parts.path.strip("/")):
        return f"{address!r} names no bucket or folder: write one such as s3://bucket/prefix"
    return None


@dataclass(frozen=True)
class Store:
    """The shared lake of one study."""

    address: str
    """``s3://bucket/prefix/study``, any other address that fsspec understands, or a folder."""
    within: Path | None = None
    """Folder of a restricted study, which the store must lie in; None trusts the address."""

    def names(self) -> set[str]:
        """List all files in the store, relative to its address.

        A new store gets a marker file, so a store without write permission is detected before
        anything is computed.

        Raises:
            StoreError: the store cannot be reached or read, or a new store cannot be written.
        """
        with self._translate_errors():
            system, root = self._opened
            system.invalidate_cache()
            names = {name.removeprefix(root).lstrip("/") for name in system.find(root)}
            if _MARK not in names:
                text = "Parts of a lake of factroots, each named by what it was computed from.\n"
                system.pipe_file(f"{root}/{_MARK}", text.encode())
        return names - {_MARK}

    def fetch(self, lake: Path, path: Path, fingerprint: str) -> bool:
        """Copy a part from the store into the local lake.

        Args:
            lake: root folder of the local lake.
            path: path of the part in it.
            fingerprint: digest of the part's inputs.

        Returns:
            Whether the store has the part, undamaged.

        Raises:
            StoreError: the store cannot be reached or read.
        """
        return self._fetch(part_name(lake, path, fingerprint), path, fingerprint)

    def fetch_newest(self, lake: Path, path: Path) -> bool:
        """Copy the newest version of a part from the store into the local lake.

        Returns:
            Whether the store has the part, undamaged.

        Raises:
            StoreError: the store cannot be reached or read.
        """
        with self._translate_errors():
            system, root = self._opened
            system.invalidate_cache()
            folder = f"{root}/{part_name(lake, path, '').rpartition('/')[0]}"
            newest = max(system.find(folder), key=system.modified, default=None)
        return newest is not None and self._fetch(newest.removeprefix(root).lstrip("/"), path)

    def upload(self, lake: Path, path: Path, fingerprint: str) -> None:
        """Copy a finished part of the local lake into the store.

        Raises:
            StoreError: the store cannot be reached or written; the local part is unchanged.
        """
        with self._translate_errors():
            system, root = self._opened
            target = f"{root}/{part_name(lake, path, fingerprint)}"
            if not isinstance(system, _InsideFolder) and "file" in _protocols(system):
                # An object in a bucket appears when it is complete; a file in a folder at once.
                temporary = f"{target}.{os.getpid()}.tmp"
                system.put_file(str(path), temporary)
                system.mv(temporary, target)
            else:
                system.put_file(str(path), target)

    def _fetch(self, name: str, path: Path, fingerprint: str | None = None) -> bool:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(path) as temporary:
            with self._translate_errors():
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
                LOG.warning("%s/%s is damaged and will be recomputed", self.address, name)
                return False
            temporary.replace(path)
            return True

    @cached_property
    def _opened(self) -> tuple[AbstractFileSystem | _InsideFolder, str]:
        """File system of fsspec for the address, and the address without its protocol."""
        if self.within is not None:
            return _InsideFolder(self.within), self.address.rstrip("/")
        # Imported late: it is slow, and most studies have no store.
        import fsspec

        try:
            system, root = fsspec.url_to_fs(
                self.address, use_listings_cache=False, skip_instance_cache=True
            )
        except ValueError as error:
            raise StoreError(
                f"the lake {self.address}: unknown kind of address; use one such as "
                "s3://bucket/prefix, or a folder"
            ) from error
        if "file" in _protocols(system):
            system.auto_mkdir = True
        return system, str(root).rstrip("/")

    def __getstate__(self) -> dict[str, object]:
        """Pickle the address only: a connection cannot move to another process."""
        return {"address": self.address, "within": self.within}

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Turn errors of the storage library into a ``StoreError`` with a remedy and no secrets."""
        try:
            yield
        except (LakeError, RestrictedError):
            raise
        except ImportError as error:
            scheme = urlsplit(self.address).scheme
            remedy = _PACKAGES.get(scheme, f"install fsspec's package for {scheme}://")
            raise StoreError(f"the lake {self.address} needs a package: {remedy}") from error
        except FileNotFoundError as error:
            raise StoreError(
                f"the lake {self.address} does not exist: create its bucket or folder, or correct "
                f"the address. {_KEPT}"
            ) from error
        except PermissionError as error:
            remedy = (
                "put credentials that may list, read and write it into the environment "
                "(AWS_ACCESS_KEY_ID, …)"
                if "://" in self.address
                else "change its permissions"
            )
            raise StoreError(
                f"no permission to use the lake {self.address}: {remedy}. {_KEPT}"
            ) from error
        # Every storage library has its own exceptions; few of them are an OSError.
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise
            raise StoreError(
                f"the lake {self.address} cannot be reached ({type(error).__name__}): check the "
                "address, the network, and credentials and AWS_ENDPOINT_URL in the environment. "
                f"{_KEPT}"
            ) from error


_KEPT = "Finished parts are kept locally; the next run uploads them and continues."


def part_name(lake: Path, path: Path, fingerprint: str) -> str:
    """Name of a part in a store: its path in the lake, then its fingerprint."""
    place = path.relative_to(lake).as_posix().removesuffix(".parquet")
    return f"{place}/{fingerprint}.parquet"


@dataclass(frozen=True)
class _InsideFolder:
    """What a store needs of a file system of fsspec, inside the folder of a restricted study."""

    within: Path
    protocol: tuple[str, ...] = ("restricted",)

    def invalidate_cache(self) -> None:
        """Do nothing: nothing is cached."""

    def find(self, folder: str) -> list[str]:
        """List all files below a folder."""
        return [str(path) for path in folder_files(Path(folder), self.within)]

    def modified(self, name: str) -> float:
        """Time of the last change, in seconds."""
        return Path(name).stat().st_mtime

    def pipe_file(self, name: str, content: bytes) -> None:
        """Write a file."""
        copy_into(io.BytesIO(content), Path(name), self.within)

    def put_file(self, source: str, name: str) -> None:
        """Copy a file into the store, where it appears when it is complete."""
        with Path(source).open("rb") as file:
            copy_into(file, Path(name), self.within)

    def get_file(self, name: str, target: str) -> None:
        """Copy a file out of the store."""
        with open_file(Path(name), self.within) as file, Path(target).open("wb") as written:
            shutil.copyfileobj(file, written)


def _protocols(system: AbstractFileSystem | _InsideFolder) -> tuple[str, ...]:
    return (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)
