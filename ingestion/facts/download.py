"""Fetching the official mLAMA zip: resumed where it broke off, verified, renamed when whole.

Only transport and verification; the layout is ``mlama``'s business.
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
"""Called with the bytes at hand and the bytes in all (None while the server does not say)."""

_BLOCK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30.0
_FIRST_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class RemoteZip:
    """A zip in mLAMA's layout on a server, and how to know that it arrived whole."""

    url: str
    """Address, http or https."""
    content_digest: str
    """``mlama_content_digest`` of the right content. It covers name, size and CRC-32 of every
    jsonl file rather than the zip's own bytes, so a copy that was zipped again passes too."""
    attempts: int = 5
    """Attempts without a single new byte before giving up; any progress starts the count anew."""
    first_wait_seconds: float = _FIRST_WAIT_SECONDS
    """Wait after the first failed attempt; doubled after each further one."""

    @property
    def file_name(self) -> str:
        """Name of the finished file in the cache folder."""
        return self.url.rpartition("/")[2]


OFFICIAL_MLAMA = RemoteZip(
    url="http://cistern.cis.lmu.de/mlama/mlama1.1.zip",
    content_digest="93bd82f736590fcc4c0608f35a465de0d7f68480632673bdf2795def65d1c949",
)
"""mLAMA 1.1 as its authors publish it (CC BY-NC-SA 4.0)."""


def fetch_mlama(
    cache_folder: Path, remote: RemoteZip = OFFICIAL_MLAMA, on_progress: Progress | None = None
) -> Path:
    """Path of the verified zip in ``cache_folder``; downloaded if it is not there yet.

    The bytes go to ``<name>.part``, which a later call resumes (HTTP Range) and which becomes
    ``<name>`` only after its content was verified; so a file of that name is whole.

    Raises:
        FactsError: The folder cannot be written, the server cannot be reached or refuses, or the
            content is not what was expected (the partial file is then removed).
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
            "Choose a folder that can be written, or give the zip's own path under facts."
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
        "and the next run goes on from there. Or fetch the file by other means and give its path "
        "under facts."
    )


def _fetch_rest(url: str, part: Path, on_progress: Progress | None) -> bool:
    """One request for what is missing; whether the file is complete now."""
    have = part.stat().st_size
    # Identity: a transparently compressed body would have another length and other offsets.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(url, headers=headers)
    try:
        response: HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # Nothing after the last byte at hand: either all is here, or it is not the server's file.
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
    """Check names, sizes and CRC-32 against the expectation and the bytes; a bad file goes."""
    try:
        archive = open_archive(part)
        found = mlama_content_digest(archive)
        for _ in archive.read(archive.names):
            pass
    except FactsError as error:
        part.unlink()
        raise FactsError(
            f"the download of {remote.url} is damaged and was removed: {error}"
        ) from error
    if found != remote.content_digest:
        part.unlink()
        raise FactsError(
            f"{remote.url} does not hold what was expected (content digest {found[:16]}…, expected "
            f"{remote.content_digest[:16]}…); the download was removed. To use other data in "
            "mLAMA's layout on purpose, give its path under facts."
        )
