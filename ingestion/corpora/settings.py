"""Where a corpus lies: the settings of each kind, the files they name, and their digest.

What the files hold is read by ``ingestion.corpora.reading``; nothing is opened here but for the
digest. Paths may hold ``{language}``, ``~`` and globs, and may be URLs that fsspec understands.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import fsspec

from ingestion.lake import fingerprint

__all__ = [
    "CorpusError",
    "CorpusSettings",
    "JsonLines",
    "ParquetText",
    "PlainText",
    "SourceFile",
    "WikipediaDump",
    "corpus_digest",
    "list_files",
]

_WHOLE_DIGEST_BYTES = 64 << 20
_SAMPLE_BYTES = 1 << 20
_SAMPLES = 32


class CorpusError(ValueError):
    """A corpus is not what its settings say: names the file or pattern, and what to do."""


@dataclass(frozen=True)
class WikipediaDump:
    """MediaWiki XML (``pages-articles``), plain or packed with bzip2, gzip or xz."""

    path: str | tuple[str, ...]
    """File, glob or several of them; ``{language}`` stands for the language's code."""
    kind: Literal["wikipedia_dump"] = "wikipedia_dump"
    """Names this layout in a study file."""


@dataclass(frozen=True)
class ParquetText:
    """Parquet files with one document a row, such as ``wikimedia/wikipedia`` on the hub."""

    path: str | tuple[str, ...]
    """File, glob, or ``hf://datasets/…/*.parquet``; ``{language}`` stands for the code."""
    text_column: str = "text"
    """Column with the document's plain text."""
    title_column: str | None = "title"
    """Column that names a document in evidence; null names it by file and row."""
    kind: Literal["parquet"] = "parquet"
    """Names this layout in a study file."""


@dataclass(frozen=True)
class JsonLines:
    """One JSON object a line, plain or packed."""

    path: str | tuple[str, ...]
    """File, glob or several of them; ``{language}`` stands for the language's code."""
    text_key: str = "text"
    """Key of the document's plain text."""
    title_key: str | None = "title"
    """Key that names a document in evidence; null, or absent in a line: file and line number."""
    kind: Literal["jsonl"] = "jsonl"
    """Names this layout in a study file."""


@dataclass(frozen=True)
class PlainText:
    """UTF-8 text, plain or packed."""

    path: str | tuple[str, ...]
    """File, glob or several of them; ``{language}`` stands for the language's code."""
    document: Literal["line", "file"] = "line"
    """What one document is: each line, or each file."""
    kind: Literal["text"] = "text"
    """Names this layout in a study file."""


CorpusSettings = WikipediaDump | ParquetText | JsonLines | PlainText


@dataclass(frozen=True)
class SourceFile:
    """One file of a corpus."""

    path: str
    """Absolute path or URL."""
    size: int
    """Bytes as stored."""

    @property
    def name(self) -> str:
        """Last part of the path, for evidence and messages."""
        return self.path.rstrip("/").rsplit("/", 1)[-1]

    def open(self) -> BinaryIO:
        """The stored bytes, seekable."""
        if "://" in self.path:
            return cast(BinaryIO, fsspec.open(self.path, "rb").open())
        return Path(self.path).open("rb")


def list_files(
    settings: CorpusSettings, language: str, folder: Path | None = None
) -> tuple[SourceFile, ...]:
    """All files that the settings name for a language, each once, sorted by path.

    Args:
        settings: the corpus.
        language: Wikipedia code that replaces ``{language}``.
        folder: what relative paths are relative to; the working directory by default.

    Raises:
        CorpusError: a pattern matches no file; says what lies there instead.
    """
    patterns = (settings.path,) if isinstance(settings.path, str) else settings.path
    found: dict[str, int] = {}
    for template in patterns:
        pattern = template.replace("{language}", language)
        matches = _remote(pattern) if "://" in pattern else _local(pattern, folder or Path.cwd())
        if not matches:
            hint = _neighbours(pattern, folder)
            raise CorpusError(f"no file matches {pattern!r} (language {language!r}).{hint}")
        found.update(matches)
    return tuple(SourceFile(path, size) for path, size in sorted(found.items()))


def corpus_digest(settings: CorpusSettings, language: str, folder: Path | None = None) -> str:
    """Digest of a language's files and of how they are read, 32 hex digits.

    Taken over names, sizes and content, never over times, so that a copy of a corpus is the same
    corpus. Of local files beyond 64 MiB, 32 evenly spread MiB are read: a packed file differs
    nearly everywhere once it differs, an edit of equal length inside a plain file may go unseen.
    Remote files are told apart by what their host says of them, and not read.

    Raises:
        CorpusError: as ``list_files``.
    """
    entries = [
        (file.name, file.size, _content(file)) for file in list_files(settings, language, folder)
    ]
    reading = {key: value for key, value in asdict(settings).items() if key != "path"}
    return fingerprint(reading, sorted(entries))


def _content(file: SourceFile) -> str:
    if "://" in file.path:
        system, path = fsspec.url_to_fs(file.path)
        facts: dict[str, Any] = system.info(path)
        known = ("sha256", "blob_id", "etag", "ETag", "lfs", "md5", "oid")
        return fingerprint({key: str(facts[key]) for key in known if facts.get(key)})
    digest = hashlib.sha256()
    with file.open() as stream:
        if file.size <= _WHOLE_DIGEST_BYTES:
            digest.update(stream.read())
        else:
            for sample in range(_SAMPLES):
                stream.seek((file.size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
                digest.update(stream.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _local(pattern: str, folder: Path) -> dict[str, int]:
    absolute = folder / Path(pattern).expanduser()
    root = Path(absolute.anchor)
    paths = [absolute, *root.glob(str(absolute.relative_to(root)))]
    return {str(path.resolve()): path.stat().st_size for path in paths if path.is_file()}


def _remote(pattern: str) -> dict[str, int]:
    system, path = fsspec.url_to_fs(pattern)
    try:
        found = cast(dict[str, dict[str, Any]], system.glob(path, detail=True))
    except (OSError, ValueError) as error:
        raise CorpusError(f"cannot list {pattern!r}: {error}") from error
    return {
        system.unstrip_protocol(name): int(info["size"] or 0)
        for name, info in found.items()
        if info["type"] == "file"
    }


def _neighbours(pattern: str, folder: Path | None) -> str:
    if "://" in pattern:
        return " Check the address, and that this machine may reach it."
    parent = ((folder or Path.cwd()) / Path(pattern).expanduser()).parent
    while not parent.is_dir():
        if parent == parent.parent or any(sign in parent.name for sign in "*?["):
            return f" There is no folder {parent}."
        parent, pattern = parent.parent, str(Path(pattern).parent)
    names = sorted(path.name for path in parent.iterdir())
    close = difflib.get_close_matches(Path(pattern).name, names, n=3, cutoff=0.5)
    return f" In {parent} there is: {_few(close or names)}."


def _few(names: Sequence[str]) -> str:
    return (", ".join(names[:5]) + (", …" if len(names) > 5 else "")) or "nothing"
