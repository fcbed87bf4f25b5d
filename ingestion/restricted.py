"""Finds and opens the files that a study names; those of a restricted study lie in one folder.

One function decides which files a name means (``find_files``), one opens them (``open_file``), and
one writes them (``copy_into``). The checks before a run and the readers use the same functions, so
that they cannot disagree. ``within`` is the folder of a restricted study, with links resolved; None
trusts the study. Each file is checked by its real path when it is opened, and opened from
``within`` down without following a link, so that nothing can be exchanged between both.

What does not belong here: what the files contain.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import shutil
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from ingestion.errors import FactrootsError

__all__ = [
    "RestrictedError",
    "copy_into",
    "find_files",
    "folder_files",
    "open_file",
    "plain_name_problem",
    "read_bytes",
    "require_inside",
]

_WILDCARD = re.compile(r"[*?\[]")
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY
_NEW = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_CREAT | os.O_EXCL


class RestrictedError(FactrootsError, ValueError):
    """A restricted study reaches out of its folder; the message names the path and the folder."""


def require_inside(path: Path, within: Path | None) -> Path:
    """Return the real path of a file or folder, which need not exist.

    Raises:
        RestrictedError: it lies outside of ``within``, or its links lead in a circle.
    """
    if within is None:
        return path
    try:
        real = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise RestrictedError(f"'{path}' cannot be resolved: {error}") from error
    if not real.is_relative_to(within):
        raise RestrictedError(f"'{path}' leads out of {within}")
    return real


def find_files(pattern: str, folder: Path, within: Path | None = None) -> list[Path]:
    """List all files that a name means: the file of this name, and those that it matches as a glob.

    A folder of exactly the name of a part (``study[2]``) is taken, otherwise the part is a pattern;
    ``**`` stands for any folders. Links to files are followed, links to folders only where the
    pattern names them.

    Args:
        pattern: path or glob; may begin with ``~``.
        folder: base folder of relative patterns.
        within: folder of a restricted study.

    Returns:
        Paths of existing files, sorted; empty if there is none.

    Raises:
        RestrictedError: a file, or a folder that would have to be listed, is not inside ``within``.
    """
    if within is not None and ("\0" in pattern or "://" in pattern):
        raise RestrictedError(f"{pattern!r} is an address: only files of {within}")
    absolute = folder / Path(pattern).expanduser()
    start = Path(absolute.anchor)
    found = set()
    for path in _matches(start, absolute.parts[1:], within):
        # Asked before the file is looked at: a link may lead to a pipe or to another machine.
        require_inside(path, within)
        if path.is_file():
            found.add(path)
    return sorted(found)


def _matches(folder: Path, parts: tuple[str, ...], within: Path | None) -> Iterator[Path]:
    if not parts:
        yield folder
        return
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _matches(folder, rest, within)
        for entry in _entries(folder, within):
            if entry.is_dir(follow_symlinks=False):
                yield from _matches(folder / entry.name, parts, within)
        return
    if not _WILDCARD.search(first):
        yield from _matches(folder / first, rest, within)
        return
    require_inside(folder, within)
    if rest and (folder / first).is_dir():
        yield from _matches(folder / first, rest, within)
        return
    for entry in _entries(folder, within):
        if entry.name == first or fnmatch.fnmatchcase(entry.name, first):
            yield from _matches(folder / entry.name, rest, within)


def _entries(folder: Path, within: Path | None) -> list[os.DirEntry[str]]:
    """List a folder; empty where there is none or it cannot be read."""
    require_inside(folder, within)
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def folder_files(folder: Path, within: Path | None) -> list[Path]:
    """List all files below a folder, also behind links to folders, each of them checked.

    Raises:
        RestrictedError: something in it leads out of ``within``.
    """
    found: list[Path] = []
    seen: set[Path] = set()

    def visit(current: Path) -> None:
        real = require_inside(current, within)
        if real in seen:
            return
        seen.add(real)
        for entry in _entries(current, within):
            path = current / entry.name
            require_inside(path, within)
            if entry.is_dir():
                visit(path)
            else:
                found.append(path)

    visit(folder)
    return found


def open_file(path: Path, within: Path | None = None) -> BufferedReader:
    """Open a file for reading bytes.

    Raises:
        OSError: it is not there or cannot be read.
        RestrictedError: it is not inside ``within``, or no file: a pipe would never end.
    """
    if within is None:
        return path.open("rb")
    real = require_inside(path, within)
    with _opened_folder(real.parent, within) as folder:
        descriptor = os.open(real.name, _READ, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RestrictedError(f"'{path}' is no file")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, within: Path | None = None) -> bytes:
    """Read a whole file.

    Raises:
        OSError, RestrictedError: as ``open_file``.
    """
    with open_file(path, within) as file:
        return file.read()


def copy_into(source: BinaryIO, target: Path, within: Path) -> None:
    """Copy an open file to a place inside ``within``, where it appears when it is complete.

    Folders are made; a file of this name is replaced, a link of this name is not followed.

    Raises:
        OSError: it cannot be read or written.
        RestrictedError: the place is not inside ``within``.
    """
    parent = require_inside(target.parent, within)
    temporary = f".{target.name}.{os.getpid()}.tmp"
    with _opened_folder(parent, within, is_made=True) as folder:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        with os.fdopen(os.open(temporary, _NEW, 0o666, dir_fd=folder), "wb") as written:
            shutil.copyfileobj(source, written)
        os.replace(temporary, target.name, src_dir_fd=folder, dst_dir_fd=folder)


@contextlib.contextmanager
def _opened_folder(real: Path, within: Path, *, is_made: bool = False) -> Iterator[int]:
    """Open a folder step by step from ``within``; a step that has become a link is an error."""
    descriptor = os.open(within, _FOLDER)
    try:
        for part in real.relative_to(within).parts:
            if is_made:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            below = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def plain_name_problem(name: object) -> str | None:
    """Explain why a value in a file cannot name another file of its folder; None if it can."""
    if not isinstance(name, str) or not name:
        return f"{name!r} is no file name"
    if "://" in name:
        return f"{name!r} is an address"
    if "/" in name or "\\" in name or "\0" in name or name in (".", ".."):
        return f"{name!r} leads to another folder"
    return None
