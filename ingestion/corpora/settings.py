"""Defines the settings of each kind of corpus, lists their files and computes their digest.

Paths may contain ``{language}``, ``~`` and globs, and may be URLs of fsspec; those of a restricted
study are files of one folder. What does not belong here: reading documents
(``ingestion.corpora.reading``).
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import fsspec

from ingestion.errors import FactrootsError, first_line, without_secrets
from ingestion.lake import fingerprint
from ingestion.restricted import RestrictedError, find_files, open_file

__all__ = [
    "LARGEST_DOCUMENT",
    "CorpusError",
    "CorpusSettings",
    "JsonLines",
    "ParquetText",
    "PlainText",
    "SourceFile",
    "WikipediaDump",
    "as_corpus_error",
    "corpus_digest",
    "list_files",
    "too_large",
]

LARGEST_DOCUMENT = 64 << 20
"""Bytes of one page, row, line or file: MediaWiki allows 2 MB, the largest books have 10 MB.
Without a limit, a file without line breaks would fill the memory."""
_WHOLE_DIGEST_BYTES = 64 << 20
_SAMPLE_BYTES = 1 << 20
_SAMPLES = 32
_CHECKSUMS = ("sha256", "blob_id", "etag", "ETag", "lfs", "md5", "oid")
_OTHER_CHECKSUMS = ("Content-MD5", "Digest", "Last-Modified", "LastModified", "updated", "mtime")
"""What fsspec says of a file on hosts without the first ones; a date is better than nothing."""
LOG = logging.getLogger("factroots")


class CorpusError(FactrootsError, ValueError):
    """A corpus does not fit its settings; the message names the file and says what to do."""


@dataclass(frozen=True)
class WikipediaDump:
    """MediaWiki XML (``pages-articles``), plain or compressed with bzip2, gzip or xz."""

    path: str | tuple[str, ...]
    """File, glob or several of them; ``{language}`` stands for the language's code."""
    kind: Literal["wikipedia_dump"] = "wikipedia_dump"
    """Names this layout in a study file."""
    largest_document: int = LARGEST_DOCUMENT
    """Bytes above which a document is lost and counted as broken."""
    within: Path | None = None
    """Folder of a restricted study, which all files must lie in; None trusts the paths."""


@dataclass(frozen=True)
class ParquetText:
    """Parquet files with one document per row, such as ``wikimedia/wikipedia`` on the hub."""

    path: str | tuple[str, ...]
    """File, glob, or ``hf://datasets/…/*.parquet``; ``{language}`` stands for the code."""
    text_column: str = "text"
    """Column with the plain text of a document."""
    title_column: str | None = "title"
    """Column with the title of a document, shown in evidence. Null: use file and row number."""
    kind: Literal["parquet"] = "parquet"
    """Names this layout in a study file."""
    largest_document: int = LARGEST_DOCUMENT
    """Bytes above which a document is lost and counted as broken."""
    within: Path | None = None
    """Folder of a restricted study, which all files must lie in; None trusts the paths."""


@dataclass(frozen=True)
class JsonLines:
    """One JSON object per line, plain or compressed."""

    path: str | tuple[str, ...]
    """File, glob or several of them; ``{language}`` stands for the language's code."""
    text_key: str = "text"
    """Key of the plain text of a document."""
    title_key: str | None = "title"
    """Key of the title of a document, shown in evidence. Null or missing: file and line number."""
    kind: Literal["jsonl"] = "jsonl"
    """Names this layout in a study file."""
    largest_document: int = LARGEST_DOCUMENT
    """Bytes above which a document is lost and counted as broken."""
    within: Path | None = None
    """Folder of a restricted study, which all files must lie in; None trusts the paths."""


@dataclass(frozen=True)
class PlainText:
    """UTF-8 text, plain or compressed."""

    path: str | tuple[str, ...]
    """File, glob or several of them; ``{language}`` stands for the language's code."""
    document: Literal["line", "file"] = "line"
    """Whether each line or each file is a document."""
    kind: Literal["text"] = "text"
    """Names this layout in a study file."""
    largest_document: int = LARGEST_DOCUMENT
    """Bytes above which a document is lost and counted as broken."""
    within: Path | None = None
    """Folder of a restricted study, which all files must lie in; None trusts the paths."""


CorpusSettings = WikipediaDump | ParquetText | JsonLines | PlainText


@dataclass(frozen=True)
class SourceFile:
    """One file of a corpus."""

    path: str
    """Absolute path or URL."""
    size: int
    """Size in bytes, as stored."""
    within: Path | None = None
    """Folder of a restricted study, which the file must lie in."""

    @property
    def name(self) -> str:
        """Last component of the path, for evidence and messages; without the key of an address."""
        return without_secrets(self.path).rstrip("/").rsplit("/", 1)[-1]

    @property
    def is_remote(self) -> bool:
        """Whether it is behind an address; in a restricted study, all paths are of files."""
        return "://" in self.path and self.within is None

    def open(self) -> BinaryIO:
        """Open the stored bytes; the stream is seekable.

        Raises:
            RestrictedError: the file is no longer inside the folder of a restricted study.
        """
        if self.is_remote:
            return cast(BinaryIO, fsspec.open(self.path, "rb").open())
        return open_file(Path(self.path), self.within)


def too_large(largest: int) -> str:
    """Say why a document that is larger than the setting allows is lost."""
    return f"has more than {largest:,} bytes (largest_document in the study file)"


def list_files(
    settings: CorpusSettings, language: str, folder: Path | None = None
) -> tuple[SourceFile, ...]:
    """List all files of a corpus for a language, each once, sorted by path.

    Args:
        settings: the corpus.
        language: Wikipedia code that replaces ``{language}``.
        folder: base folder of relative paths; the working directory by default.

    Raises:
        CorpusError: a pattern matches no file; the message lists similar files.
        RestrictedError: with the language in its place, a path leads out of a restricted study's
            folder, or is an address.
    """
    patterns = (settings.path,) if isinstance(settings.path, str) else settings.path
    found: dict[str, int] = {}
    for template in patterns:
        pattern = template.replace("{language}", language)
        is_remote = "://" in pattern and settings.within is None
        base = folder or Path.cwd()
        matches = _remote(pattern) if is_remote else _local(pattern, base, settings.within)
        if not matches:
            hint = _similar_files(pattern, folder)
            raise CorpusError(f"no file matches {pattern!r} (language {language!r}).{hint}")
        found.update(matches)
    return tuple(SourceFile(path, size, settings.within) for path, size in sorted(found.items()))


def corpus_digest(settings: CorpusSettings, language: str, folder: Path | None = None) -> str:
    """Digest of a language's files and of the settings for reading them, 32 hex digits.

    It covers names, sizes and content, but not times, so a copy of a corpus has the same digest.
    Of a local file over 64 MiB only 32 evenly spaced MiB are read. This detects any change of a
    compressed file, but can miss an edit of equal length in a plain file. Remote files are not
    read: their host's metadata is used (such as the ETag, or else the date of the last change).

    Raises:
        CorpusError: as ``list_files``.
    """
    entries = [
        (file.name, file.size, _content(file)) for file in list_files(settings, language, folder)
    ]
    places = ("path", "within")
    reading = {key: value for key, value in asdict(settings).items() if key not in places}
    if settings.largest_document == LARGEST_DOCUMENT:
        # Corpora that were read before there was a limit are not read again.
        del reading["largest_document"]
    return fingerprint(reading, sorted(entries))


def _content(file: SourceFile) -> str:
    if file.is_remote:
        with as_corpus_error(file.path):
            system, path = fsspec.url_to_fs(file.path)
            facts: dict[str, Any] = system.info(path)
        for known in (_CHECKSUMS, _OTHER_CHECKSUMS):
            if found := {key: str(facts[key]) for key in known if facts.get(key)}:
                return fingerprint(found)
        LOG.warning(
            "%s: its host gives no checksum and no date of change, so an edit that keeps the size "
            "is not noticed; download the file to notice it",
            without_secrets(file.path),
        )
        return fingerprint({})
    digest = hashlib.sha256()
    with file.open() as stream:
        if file.size <= _WHOLE_DIGEST_BYTES:
            digest.update(stream.read())
        else:
            for sample in range(_SAMPLES):
                stream.seek((file.size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
                digest.update(stream.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _local(pattern: str, folder: Path, within: Path | None) -> dict[str, int]:
    try:
        files = find_files(pattern, folder, within)
        return {str(path.resolve()): path.stat().st_size for path in files}
    except RestrictedError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        raise CorpusError(f"cannot list {pattern!r}: {error}") from error


@contextlib.contextmanager
def as_corpus_error(address: str) -> Iterator[None]:
    """Translate the errors of an address; each kind of address has a library with its own errors.

    Raises:
        CorpusError: with the address and the reason.
    """
    try:
        yield
    except CorpusError:
        raise
    except Exception as error:
        raise CorpusError(
            f"{address} cannot be read ({type(error).__name__}: {first_line(error)}). "
            "Check the address and the network and run again, or download the file."
        ) from error


def _remote(pattern: str) -> dict[str, int]:
    with as_corpus_error(pattern):
        system, path = fsspec.url_to_fs(pattern)
        if "[" in path and system.isfile(path):
            found = {path: cast(dict[str, Any], system.info(path))}
        else:
            found = cast(dict[str, dict[str, Any]], system.glob(path, detail=True))
    return {
        system.unstrip_protocol(name): int(info["size"] or 0)
        for name, info in found.items()
        if info["type"] == "file"
    }


def _similar_files(pattern: str, folder: Path | None) -> str:
    if "://" in pattern:
        return " Check the address and the network."
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
