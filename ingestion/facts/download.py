"""Downloads the official mLAMA zip: resumes a broken download and verifies the content.

Not done with pooch, which cannot resume a partial file, and which checks the bytes of the zip, not
its content. What does not belong here: the layout of the data (``mlama``).
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from ingestion.facts.archive import open_archive
from ingestion.facts.mlama import mlama_content_digest
from ingestion.facts.source import FactsError

__all__ = ["OFFICIAL_MLAMA", "Progress", "RemoteZip", "fetch_mlama"]

Progress = Callable[[int, int | None], None]
"""Called with the bytes received and the bytes in total (None if the server does not say)."""

_BLOCK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30.0
_FIRST_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class RemoteZip:
    """A zip in mLAMA's layout on a server, with the digest of its content."""

    url: str
    """Address, http or https."""
    content_digest: str
    """Expected ``mlama_content_digest``. It covers name, size and CRC-32 of every jsonl file, so a
    copy that was zipped again passes too."""
    attempts: int = 5
    """Failed attempts in a row before giving up; receiving bytes resets the count."""
    first_wait_seconds: float = _FIRST_WAIT_SECONDS
    """Seconds to wait after the first failed attempt; doubled after each further one."""

    @property
    def file_name(self) -> str:
        """Name of the complete file in the cache folder."""
        return self.url.rpartition("/")[2]


OFFICIAL_MLAMA = RemoteZip(
    url="http://cistern.cis.lmu.de/mlama/mlama1.1.zip",
    content_digest="93bd82f736590fcc4c0608f35a465de0d7f68480632673bdf2795def65d1c949",
)
"""mLAMA 1.1 as published by its authors (CC BY-NC-SA 4.0)."""


def fetch_mlama(
    cache_folder: Path, remote: RemoteZip = OFFICIAL_MLAMA, on_progress: Progress | None = None
) -> Path:
    """Download the zip into ``cache_folder`` unless it is there, and return its path.

    The bytes are written to ``<name>.part``, which a later call resumes (HTTP Range). It is renamed
    to ``<name>`` after its content was verified, so a file of that name is complete.

    Raises:
        FactsError: the folder cannot be written, the server cannot be reached or refuses, or the
            content is not the expected one (the partial file is then deleted).
    """
    target = cache_folder / remote.file_name
    if target.exists():
        return target
    part = target.with_name(target.name + ".part")
    try:
        cache_folder.mkdir(parents=True, exist_ok=True)
        part.touch()
    except OSError as error:
        raise FactsError(
            f"cannot write to the download folder {cache_folder}: {error.strerror}. "
            "Choose a writable folder, or specify the path of the zip under facts."
        ) from error
    _download(remote, part, on_progress)
    _verify(remote, part)
    part.replace(target)
    return target


def _download(remote: RemoteZip, part: Path, on_progress: Progress | None) -> None:
    failures = 0
    while True:
        before = part.stat().st_size
        try:
            if _fetch_rest(remote.url, part, on_progress):
                return
            problem = "the connection closed early"
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise _unreachable(remote, part, f"HTTP {error.code} {error.reason}") from error
            problem = f"HTTP {error.code} {error.reason}"
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            problem = str(getattr(error, "reason", error)) or type(error).__name__
        except OSError as error:
            raise FactsError(f"cannot write {part}: {error.strerror}.") from error
        failures = 1 if part.stat().st_size > before else failures + 1
        if failures >= remote.attempts:
            raise _unreachable(remote, part, problem)
        time.sleep(remote.first_wait_seconds * 2 ** (failures - 1))


def _unreachable(remote: RemoteZip, part: Path, problem: str) -> FactsError:
    return FactsError(
        f"cannot download {remote.url}: {problem}. {part.stat().st_size} bytes are kept in {part} "
        "and the next run resumes there. Or download the file yourself and give its path under "
        "facts."
    )


def _fetch_rest(url: str, part: Path, on_progress: Progress | None) -> bool:
    """Request the missing bytes once; return whether the file is complete now."""
    have = part.stat().st_size
    # Identity: a compressed body would have another length and other offsets.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(url, headers=headers)
    try:
        response: HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # No bytes after ours: either the file is complete, or it is not the server's file.
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return True
        part.write_bytes(b"")
        return False
    with response:
        resumed = response.status == 206
        start = have if resumed else 0
        if resumed and not _starts_at(response, start):
            part.write_bytes(b"")
            return False
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        with part.open("r+b") as file:
            file.seek(start)
            file.truncate()
            while block := response.read(_BLOCK_BYTES):
                file.write(block)
                if on_progress:
                    on_progress(file.tell(), total)
            return total is None or file.tell() == total


def _starts_at(response: HTTPResponse, start: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {start}-")


def _verify(remote: RemoteZip, part: Path) -> None:
    """Check the content digest and the CRC-32 of all bytes; delete a file that fails."""
    try:
        archive = open_archive(part)
        found = mlama_content_digest(archive)
        for _ in archive.read(archive.names):
            pass
    except FactsError as error:
        part.unlink()
        raise FactsError(
            f"the download of {remote.url} is damaged and was deleted: {error}"
        ) from error
    if found != remote.content_digest:
        part.unlink()
        raise FactsError(
            f"{remote.url} has other content than expected (content digest {found[:16]}…, expected "
            f"{remote.content_digest[:16]}…); the download was deleted. To use other data in "
            "mLAMA's layout, download it yourself and give its path under facts."
        )
