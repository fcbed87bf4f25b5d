"""Decompresses a stored file as a stream, if possible from the middle of the file.

Supports bzip2 (also with many streams), gzip, xz and plain bytes, recognised by their first bytes.
Not done with fsspec's compression, which goes by the file's name, cannot start in the middle, and
does not report where a damaged file ends. What does not belong here: the meaning of the bytes.
"""

from __future__ import annotations

import bz2
import codecs
import functools
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from ingestion.corpora.settings import CorpusError, SourceFile

__all__ = ["CutStreamError", "check_ratio", "is_divisible", "stream_blocks"]

_BLOCK_BYTES = 1 << 16
_UNPACKED_BYTES = 1 << 20
"""Bytes that are unpacked at once: a block of bzip2 alone can mean gigabytes."""
_LARGEST_RATIO = 250
"""Wikipedia packs 4 to 10 times, a log of one repeated line 100 times, a bomb 1,000 and more."""
_SMALL_BYTES = 64 << 20
"""Unpacked bytes below which the ratio is not looked at: small files may repeat one line."""
_UNPACKER_BYTES = 512 << 20
"""Memory for a file of xz: its strongest preset takes 65 MiB, a header can say 4 GiB."""
_BZ2_STREAM = re.compile(rb"BZh[1-9]1AY&SY")
_BZ2_STREAM_BYTES = 10


# First bytes of layouts that cannot be read: its name, and what to do.
_UNREADABLE = (
    *((mark, "packed twice", "unpack it once") for mark in (b"BZh", b"\x1f\x8b", b"\xfd7zXZ\x00")),
    (b"\x28\xb5\x2f\xfd", "zstd", "unpack it with zstd -d"),
    *(
        (bytes([kind]) + b"\x2a\x4d\x18", "zstd", "unpack it with zstd -d")
        for kind in range(80, 96)
    ),
    *((b"PK" + mark, "a zip", "unpack it with unzip") for mark in (b"\3\4", b"\5\6", b"\7\x08")),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it with 7z x"),
    (b"Rar!", "a rar archive", "unpack it with unrar x"),
    (b"\x04\x22\x4d\x18", "lz4", "unpack it with lz4 -d"),
    (b"\x02\x21\x4c\x18", "lz4", "unpack it with lz4 -d"),
    (b"LZIP", "lzip", "unpack it with lzip -d"),
    (b"\x89LZO", "lzop", "unpack it with lzop -d"),
    (b"\x5d\x00\x00", "lzma without a header", "unpack it with xz --format=lzma -d"),
    (b"PAR1", "Parquet", "write kind: parquet in the study file"),
    (b"ARROW1", "Arrow", "write it as Parquet"),
    (b"\xff\xff\xff\xff", "a stream of Arrow", "write it as Parquet"),
    (b"FEA1", "Feather", "write it as Parquet"),
    (b"ORC", "ORC", "write it as Parquet"),
    (b"Obj\x01", "Avro", "write it as Parquet"),
    (b"SQLite format 3", "a SQLite database", "write its text as Parquet"),
    (b"\x89HDF", "HDF5", "write its text as Parquet"),
    (b"\x1f\x9d", "a file of compress", "unpack it with uncompress"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy", "unpack it with snzip -d"),
    (b"\xd0\xcf\x11\xe0", "an Office document", "save its text in UTF-8"),
    (b"{\\rtf", "rich text", "save its text in UTF-8"),
    (b"%PDF", "PDF", "extract its text"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file with git lfs pull"),
)
_TAR_MARK, _TAR_PLACE = b"ustar", 257
_HTML = re.compile(
    rb"(?:\s++|<\?xml[^>]*>|<!--.*?-->)*+<(?:!doctype\s+html|html[\s>]|head[\s>]|error>)",
    re.IGNORECASE | re.DOTALL,
)
_MOST_ZEROS = 0.1
"""Share of zero bytes from which a file is not text: UTF-16 without a byte order mark has more."""


class CutStreamError(Exception):
    """A file ends or becomes unreadable before its end."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """gzip with the interface of the other two."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self._is_full = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return self._inner.eof or not (self._inner.unconsumed_tail or self._is_full)

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        found = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._is_full = len(found) == max_length
        return found


def _decompressor(head: bytes) -> Callable[[], _Decompressor] | None:
    if head.startswith(b"BZh"):
        return bz2.BZ2Decompressor
    if head.startswith(b"\x1f\x8b"):
        return _Gzip
    if head.startswith(b"\xfd7zXZ\x00"):
        return functools.partial(lzma.LZMADecompressor, memlimit=_UNPACKER_BYTES)
    return None


def is_divisible(file: SourceFile) -> bool:
    """Whether reading can begin in the middle: plain UTF-8, or bzip2 (at any of its streams)."""
    with file.open() as raw:
        head = raw.read(_BLOCK_BYTES)
    is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return not is_utf16 and _decompressor(head) in (None, bz2.BZ2Decompressor)


def stream_blocks(
    file: SourceFile, start: int = 0, end: int | None = None
) -> Iterator[tuple[bytes, bool]]:
    """Read a file from ``start`` to its end as decompressed UTF-8.

    Args:
        file: the file.
        start: first stored byte; in bzip2, reading begins at the first stream at or after it.
        end: first stored byte of the next shard; None at the end of the file.

    Yields:
        Bytes, and whether they belong to ``[start, end)``. Bytes after ``end`` are needed only to
        complete a page that begins before it; the caller stops when the page is complete.

    Raises:
        CorpusError: the file has a layout that is not supported; the message says what to do.
        CutStreamError: the file is damaged; raised after all readable bytes.
    """
    with file.open() as raw:
        head = raw.read(_BZ2_STREAM_BYTES)
        decompressor = _decompressor(head)
        raw.seek(start)
        limit = file.size if end is None else end
        if decompressor is None:
            blocks = _plain(raw, start, limit)
        elif decompressor is bz2.BZ2Decompressor:
            blocks = _bz2_streams(raw, start, limit, file.path)
        else:
            blocks = ((block, True) for block, _ in _decompress(raw, decompressor, 0, file.path))
        for index, (block, is_ours) in enumerate(_utf8(blocks)):
            if index == 0 and start == 0:
                _refuse_unreadable(block, file)
            yield block, is_ours


def _refuse_unreadable(head: bytes, file: SourceFile) -> None:
    """Raise ``CorpusError`` if a file that was decompressed is no text."""
    for mark, layout, remedy in _UNREADABLE:
        if head.startswith(mark):
            raise CorpusError(f"{file.path} is {layout}, which cannot be read here: {remedy}.")
    if head.startswith(_TAR_MARK, _TAR_PLACE):
        raise CorpusError(f"{file.path} is a tar archive: unpack it with tar -xf.")
    if _HTML.match(head.removeprefix(codecs.BOM_UTF8)):
        raise CorpusError(
            f"{file.path} is an HTML page or an error message and no corpus: look whether the "
            "download failed, or extract the text of your pages."
        )
    if head.count(0) > _MOST_ZEROS * len(head):
        raise CorpusError(
            f"{file.path} is not UTF-8: {head.count(0):,} of its first {len(head):,} bytes are "
            "zero. UTF-16 without a byte order mark looks so; convert it with "
            "iconv -f UTF-16LE -t UTF-8."
        )


def _plain(raw: BinaryIO, start: int, limit: int) -> Iterator[tuple[bytes, bool]]:
    while start < limit:
        block = raw.read(min(_BLOCK_BYTES, limit - start))
        if not block:
            return
        start += len(block)
        yield block, True
    while block := raw.read(_BLOCK_BYTES):
        yield block, False


def _bz2_streams(raw: BinaryIO, start: int, limit: int, path: str) -> Iterator[tuple[bytes, bool]]:
    if start > 0:
        first = _next_bz2_stream(raw, start, limit)
        if first is None:
            return
        start = first
        raw.seek(start)
    for block, stream_start in _decompress(raw, bz2.BZ2Decompressor, start, path):
        yield block, stream_start < limit


def _next_bz2_stream(raw: BinaryIO, start: int, limit: int) -> int | None:
    """Position in [start, limit) at which the first bzip2 stream begins; None if there is none."""
    window, base = b"", start
    while base < limit:
        block = raw.read(_BLOCK_BYTES)
        if not block:
            return None
        window += block
        if found := _BZ2_STREAM.search(window):
            position = base + found.start()
            return position if position < limit else None
        keep = _BZ2_STREAM_BYTES - 1
        base += max(0, len(window) - keep)
        window = window[-keep:]
    return None


def _decompress(
    raw: BinaryIO, decompressor: Callable[[], _Decompressor], position: int, path: str
) -> Iterator[tuple[bytes, int]]:
    """Decompressed blocks, each with the stored byte at which its stream begins.

    Raises:
        CorpusError: far more is unpacked than text can be.
        CutStreamError: the file is damaged.
    """
    current, stream_start, is_fresh = decompressor(), position, True
    stored = unpacked = 0
    while block := raw.read(_BLOCK_BYTES):
        position += len(block)
        stored += len(block)
        while block or (not is_fresh and not current.needs_input):
            # Streams may be followed by zeros as padding.
            if is_fresh and not (block := block.lstrip(b"\0")):
                break
            if is_fresh:
                stream_start = position - len(block)
            try:
                data = current.decompress(block, _UNPACKED_BYTES)
            except (OSError, lzma.LZMAError, zlib.error, EOFError) as error:
                raise CutStreamError(f"unreadable near stored byte {position:,}: {error}") from None
            is_fresh, block = False, b""
            unpacked += len(data)
            check_ratio(path, stored, unpacked)
            if data:
                yield data, stream_start
            if current.eof:
                block, current, is_fresh = current.unused_data, decompressor(), True
    if not is_fresh:
        raise CutStreamError(f"ends before its {position:,} stored bytes are complete")


def check_ratio(path: str, stored: int, unpacked: int) -> None:
    """Refuse bytes that unpack to far more than text can be.

    Raises:
        CorpusError: they do.
    """
    if unpacked > _SMALL_BYTES and unpacked > _LARGEST_RATIO * stored:
        raise CorpusError(
            f"{path}: {stored:,} bytes unpack to more than {unpacked:,}. Text does not pack "
            f"{_LARGEST_RATIO} times, so this is no corpus."
        )


def _utf8(blocks: Iterator[tuple[bytes, bool]]) -> Iterator[tuple[bytes, bool]]:
    """Convert to UTF-8 if a byte order mark says UTF-16."""
    decoder: codecs.IncrementalDecoder | None = None
    for index, (block, is_ours) in enumerate(blocks):
        if index == 0 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
        yield (decoder.decode(block).encode() if decoder else block), is_ours
