"""The download from a local server that breaks off, ignores ranges, or sends wrong data."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ingestion.facts import FactsError, FactsSettings, open_facts
from ingestion.facts.archive import open_archive
from ingestion.facts.download import RemoteZip, fetch_mlama
from ingestion.facts.mlama import mlama_content_digest


@dataclass
class Server:
    """What the local server sends and how it fails; it records the requests."""

    body: bytes
    cut_after: list[int] = field(default_factory=list)
    """Bytes after which the connection drops, one item per request; none left: served whole."""
    has_ranges: bool = True
    statuses: list[int] = field(default_factory=list)
    """Error statuses to answer first, one per request."""
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""

    def remote(self, digest: str) -> RemoteZip:
        return RemoteZip(self.url, digest, attempts=3, first_wait_seconds=0.0)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            server.ranges.append(asked)
            if server.statuses:
                self.send_error(server.statuses.pop(0))
                return
            start = int(asked[len("bytes=") : -1]) if asked and server.has_ranges else 0
            size = len(server.body)
            if start >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            self.send_header("Content-Length", str(size - start))
            self.end_headers()
            count = server.cut_after.pop(0) if server.cut_after else size
            self.wfile.write(server.body[start : start + count])

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}/mlama1.1.zip"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def official(tmp_path: Path) -> tuple[bytes, str]:
    """A small zip in mLAMA's layout, and its content digest."""
    path = tmp_path / "made.zip"
    with zipfile.ZipFile(path, "w") as zip_file:
        zip_file.writestr("mlama1.1/en/templates.jsonl", '{"relation":"P1","template":"[X][Y]"}')
        noise = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(200))
        zip_file.writestr("mlama1.1/en/P1.jsonl", noise.hex())
    return path.read_bytes(), mlama_content_digest(open_archive(path))


def test_a_broken_download_goes_on_where_it_stopped(
    tmp_path: Path, official: tuple[bytes, str]
) -> None:
    body, digest = official
    seen: list[tuple[int, int | None]] = []

    def note(have: int, total: int | None) -> None:
        seen.append((have, total))

    with serving(Server(body, cut_after=[1000, 500])) as server:
        path = fetch_mlama(tmp_path / "cache", server.remote(digest), note)
    assert server.ranges == [None, "bytes=1000-", "bytes=1500-"]
    assert path.read_bytes() == body
    assert seen[-1] == (len(body), len(body))
    assert seen == sorted(seen)
    assert [file.name for file in path.parent.iterdir()] == ["mlama1.1.zip"]


def test_a_server_without_ranges_is_read_from_the_start(
    tmp_path: Path, official: tuple[bytes, str]
) -> None:
    body, digest = official
    with serving(Server(body, cut_after=[1000], has_ranges=False)) as server:
        path = fetch_mlama(tmp_path, server.remote(digest))
    assert server.ranges == [None, "bytes=1000-"]
    assert path.read_bytes() == body


def test_a_later_run_resumes_what_an_earlier_one_left(
    tmp_path: Path, official: tuple[bytes, str]
) -> None:
    body, digest = official
    with serving(Server(body, cut_after=[700, 0, 0, 0, 0])) as server:
        with pytest.raises(FactsError, match=r"700 bytes are kept in .*mlama1\.1\.zip\.part"):
            fetch_mlama(tmp_path, server.remote(digest))
        assert not (tmp_path / "mlama1.1.zip").exists()
        server.cut_after.clear()
        server.ranges.clear()
        fetch_mlama(tmp_path, server.remote(digest))
        assert server.ranges == ["bytes=700-"]


def test_a_part_that_is_already_whole_is_taken(tmp_path: Path, official: tuple[bytes, str]) -> None:
    body, digest = official
    (tmp_path / "mlama1.1.zip.part").write_bytes(body)
    with serving(Server(body)) as server:
        assert fetch_mlama(tmp_path, server.remote(digest)).read_bytes() == body


def test_a_part_longer_than_the_file_is_downloaded_again(
    tmp_path: Path, official: tuple[bytes, str]
) -> None:
    body, digest = official
    (tmp_path / "mlama1.1.zip.part").write_bytes(body + b"more")
    with serving(Server(body)) as server:
        assert fetch_mlama(tmp_path, server.remote(digest)).read_bytes() == body


def test_a_server_in_trouble_is_asked_again_and_a_missing_file_is_not(
    tmp_path: Path, official: tuple[bytes, str]
) -> None:
    body, digest = official
    with serving(Server(body, statuses=[503])) as server:
        assert fetch_mlama(tmp_path / "1", server.remote(digest)).exists()
    with serving(Server(body, statuses=[404])) as server:
        with pytest.raises(FactsError, match="HTTP 404"):
            fetch_mlama(tmp_path / "2", server.remote(digest))
        assert len(server.ranges) == 1


def test_other_content_is_removed_and_never_gets_the_final_name(
    tmp_path: Path, official: tuple[bytes, str]
) -> None:
    body, _ = official
    with (
        serving(Server(body)) as server,
        pytest.raises(FactsError, match="has other content than expected"),
    ):
        fetch_mlama(tmp_path / "cache", server.remote("0" * 64))
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_flipped_byte_inside_is_found(tmp_path: Path, official: tuple[bytes, str]) -> None:
    body, digest = official
    damaged = bytearray(body)
    damaged[len(body) // 2] ^= 1
    with serving(Server(bytes(damaged))) as server, pytest.raises(FactsError, match="is damaged"):
        fetch_mlama(tmp_path / "cache", server.remote(digest))
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_is_in_the_cache_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "mlama1.1.zip").write_bytes(b"here")
    nowhere = RemoteZip("http://127.0.0.1:9/mlama1.1.zip", "")
    assert fetch_mlama(tmp_path, nowhere).read_bytes() == b"here"


def test_a_server_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    nowhere = RemoteZip("http://127.0.0.1:9/mlama1.1.zip", "", 2, 0.0)
    with pytest.raises(FactsError, match=r"cannot download http://127\.0\.0\.1:9.* give its path"):
        fetch_mlama(tmp_path, nowhere)


def test_a_cache_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FactsError, match="cannot write to the download folder"):
        open_facts(FactsSettings("mlama", None, 0.0), cache_folder=tmp_path / "file" / "cache")
