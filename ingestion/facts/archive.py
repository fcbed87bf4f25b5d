"""Reads the files of a zip or a folder through one interface.

Nothing is unpacked to disk, and a zip with unsafe entries is refused before anything is read. What
does not belong here: the content of the files.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from ingestion.facts.source import FactsError
from ingestion.restricted import open_file, read_bytes, require_inside

__all__ = ["Archive", "FolderArchive", "ZipArchive", "content_digest", "only_root", "open_archive"]

_MAX_DEPTH = 3
"""Folder levels that are searched (top/language/file), so a wrong path does not scan a disk."""

_MOST_ENTRIES = 20_000
"""mLAMA has 2,500 files, BMLAMA 2,700."""
_LARGEST_ENTRY = 16 << 20
"""Bytes of an entry below which its ratio is not looked at."""
_LARGEST_FILE = 1 << 30
"""Bytes of the largest entry: it is read as a whole, and the largest of mLAMA has 1 MB."""
_LARGEST_RATIO = 250
"""Facts pack 5 to 20 times, a bomb 1,000 times."""
_IS_ENCRYPTED = 0x1
"""Bit of a zip entry's flags."""


class Archive(Protocol):
    """Named files of a zip or a folder; names are relative and '/'-separated."""

    path: Path
    """The zip or the folder."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all regular files that are not hidden, sorted."""
        ...

    def fingerprint(self, name: str) -> tuple[int, int]:
        """Size in bytes and CRC-32 of a file."""
        ...

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Name and content of the files, in the given order.

        Raises:
            FactsError: a file is damaged or cannot be read.
        """
        ...


def open_archive(path: Path, within: Path | None = None) -> Archive:
    """Open a zip or a folder.

    Args:
        path: the zip or the folder.
        within: folder of a restricted study, which all files must lie in.

    Raises:
        RestrictedError: a file does not lie in ``within``.
        FactsError: ``path`` does not exist or is not a complete zip; or the zip has entries that
            point outside of it, are links, are encrypted, or share a name.
    """
    require_inside(path, within)
    if path.is_dir():
        return FolderArchive(path, within)
    if not path.exists():
        raise FactsError(f"{path} does not exist; specify a zip file or a folder.")
    return ZipArchive(path, within)


def content_digest(archive: Archive, names: Iterable[str], root: str = "") -> str:
    """SHA-256 over name (relative to ``root``), size and CRC-32 of the named files.

    It is the same for a zip, the same files zipped again, and the unpacked folder.
    """
    digest = hashlib.sha256()
    for name in sorted(names):
        size, crc = archive.fingerprint(name)
        digest.update(f"{name.removeprefix(root)}\0{size}\0{crc:08x}\n".encode())
    return digest.hexdigest()


def only_root(archive: Archive, roots: set[str], what: str) -> str:
    """Return the only folder ('' or ending in '/') in which a dataset was found.

    Raises:
        FactsError: it was found in no folder (``what`` explains it), or in several.
    """
    if not roots:
        raise FactsError(
            f"{archive.path} does not contain {what} was found in it. Specify the zip, its top "
            "folder, or the folder itself."
        )
    if len(roots) > 1:
        shown = ", ".join(repr(root or "./") for root in sorted(roots))
        raise FactsError(
            f"{archive.path} contains such data in several folders ({shown}); specify one of them."
        )
    return next(iter(roots))


def _is_hidden(name: str) -> bool:
    """Whether a file is a leftover of an operating system, such as ``.DS_Store``."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


class FolderArchive:
    """Files below a folder."""

    def __init__(self, path: Path, within: Path | None = None) -> None:
        self.path = path
        self._within = within

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all regular files that are not hidden, sorted."""
        return tuple(sorted(self._walk(self.path, "", _MAX_DEPTH)))

    def _walk(self, folder: Path, prefix: str, depth: int) -> Iterator[str]:
        require_inside(folder, self._within)
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise FactsError(f"cannot list the folder {folder}: {error.strerror}.") from error
        for entry in entries:
            if _is_hidden(entry.name):
                continue
            require_inside(Path(entry.path), self._within)
            if entry.is_dir():
                if depth > 1:
                    yield from self._walk(Path(entry.path), f"{prefix}{entry.name}/", depth - 1)
            elif entry.is_file():
                yield prefix + entry.name

    def fingerprint(self, name: str) -> tuple[int, int]:
        """Size in bytes and CRC-32 of a file."""
        ((_, content),) = self.read([name])
        return len(content), zlib.crc32(content)

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Name and content of the files, in the given order."""
        for name in names:
            try:
                yield name, read_bytes(self.path / name, self._within)
            except OSError as error:
                raise FactsError(f"cannot read {self.path / name}: {error.strerror}.") from error


class ZipArchive:
    """Entries of a zip file; their names are checked when it is opened.

    The file stays open. So its directory of thousands of entries is parsed once, and the content
    belongs to the checked directory even if another file replaces the zip in the meantime.
    """

    def __init__(self, path: Path, within: Path | None = None) -> None:
        self.path = path
        with self._translate_errors():
            self._zip = zipfile.ZipFile(open_file(path, within))
        entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        self._refuse(entries)
        self._entries = {
            name: entry for entry in entries if not _is_hidden(name := _normal_name(entry))
        }

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise FactsError(
                f"{self.path} is not a complete zip file ({error}); "
                "copy or download it again, or specify the unpacked folder."
            ) from error
        except NotImplementedError as error:
            raise FactsError(f"{self.path} has an unknown compression: {error}.") from error
        except OSError as error:
            raise FactsError(f"cannot read {self.path}: {error.strerror or error}.") from error

    def _refuse(self, entries: list[zipfile.ZipInfo]) -> None:
        if len(entries) > _MOST_ENTRIES:
            raise FactsError(
                f"{self.path} is refused: it has {len(entries):,} entries, more than "
                f"{_MOST_ENTRIES:,}. Specify the unpacked folder of one data set."
            )
        counts = Counter(_normal_name(entry) for entry in entries)
        problems = {
            "point outside of it": [e for e in entries if _points_outside(_normal_name(e))],
            "are links": [e for e in entries if stat.S_ISLNK(e.external_attr >> 16)],
            "are encrypted": [e for e in entries if e.flag_bits & _IS_ENCRYPTED],
            "unpack to far more than text can be": [e for e in entries if _is_bomb(e)],
            "share a name": [e for e in entries if counts[_normal_name(e)] > 1],
        }
        for problem, refused in problems.items():
            if refused:
                shown = ", ".join(repr(name) for name in sorted({e.filename for e in refused})[:5])
                raise FactsError(
                    f"{self.path} is refused: {len(refused)} of its entries {problem}: {shown}."
                )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all regular files that are not hidden, sorted."""
        return tuple(sorted(self._entries))

    def fingerprint(self, name: str) -> tuple[int, int]:
        """Size in bytes and CRC-32 of a file, from the central directory."""
        entry = self._entries[name]
        return entry.file_size, entry.CRC

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Name and content of the files, in the given order; each is checked by its CRC-32."""
        for name in names:
            with self._translate_errors():
                content = self._zip.read(self._entries[name])
            yield name, content


def _normal_name(entry: zipfile.ZipInfo) -> str:
    """Name with '/' as separator; some zip programs on Windows write backslashes."""
    return entry.filename.replace("\\", "/").removeprefix("./")


def _is_bomb(entry: zipfile.ZipInfo) -> bool:
    return entry.file_size > _LARGEST_ENTRY and (
        entry.file_size > _LARGEST_RATIO * entry.compress_size or entry.file_size > _LARGEST_FILE
    )


def _points_outside(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/") or bool(re.match(r"[A-Za-z]:", name))
