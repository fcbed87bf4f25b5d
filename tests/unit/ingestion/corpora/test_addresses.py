"""Corpora behind addresses: keys in them stay secret, and what the network does is said."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from ingestion.corpora.documents import Document, Tally
from ingestion.corpora.reading import file_shards, read_documents
from ingestion.corpora.settings import CorpusError, PlainText, corpus_digest, list_files
from ingestion.errors import FactrootsError, first_line, without_secrets

TEXT = b"Paris lies in France.\nBerlin lies in Germany.\n"
HEADERS = {
    "dated": {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"},
    "edited": {"Last-Modified": "Tue, 02 Jan 2024 00:00:00 GMT"},
    "tagged": {"ETag": "1", "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"},
    "tagged-later": {"ETag": "1", "Last-Modified": "Tue, 02 Jan 2024 00:00:00 GMT"},
}


class Host(BaseHTTPRequestHandler):
    """Sends the same text for each path, with what its first folder asks for."""

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(TEXT)

    def _answer(self, body: bytes) -> None:
        kind = self.path.split("/")[1]
        self.send_response(403 if kind == "forbidden" else 200)
        self.send_header("Content-Length", str(len(TEXT) * (3 if kind == "cut" else 1)))
        for name, value in HEADERS.get(kind, {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()


def read(address: str) -> list[Document]:
    settings, tally = PlainText(path=address), Tally()
    return [
        document
        for file in list_files(settings, "en")
        for shard in file_shards(settings, file)
        for document in read_documents(settings, shard, tally)
    ]


@pytest.mark.parametrize("address", ["http://HOST/plain/a.txt?X-Amz-Signature=S3CRET&b=1/2"])
def test_the_key_of_an_address_is_no_part_of_a_title(host: str, address: str) -> None:
    found = read(address.replace("HOST", host))
    assert [document.title for document in found] == ["a.txt:1", "a.txt:2"]


def test_an_address_that_is_signed_again_names_the_same_text(host: str) -> None:
    first, second = (
        corpus_digest(PlainText(path=f"http://{host}/tagged/a.txt?Signature={key}"), "en")
        for key in ("one", "two")
    )
    assert first == second


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://HOST/forbidden/a.txt?k=S3CRET", "no file matches 'http://HOST/forbidden/a.txt'"),
        ("http://u:S3CRET@127.0.0.1:1/a.txt", "no file matches 'http://127.0.0.1:1/a.txt'"),
        ("http://HOST/cut/a.txt?k=S3CRET", r"http://HOST/cut/a.txt cannot be read \(.*network"),
        ("odd://u:S3CRET@host/a.txt?k=S3CRET", r"odd://host/a.txt cannot be read \(.*odd\)"),
    ],
)
def test_what_cannot_be_read_is_named_without_its_key(host: str, address: str, said: str) -> None:
    with pytest.raises(CorpusError, match=said.replace("HOST", host)) as refused:
        read(address.replace("HOST", host))
    assert "S3CRET" not in str(refused.value)


def test_a_date_of_change_is_taken_where_there_is_no_checksum(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    digests = {
        kind: corpus_digest(PlainText(path=f"http://{host}/{kind}/a.txt"), "en")
        for kind in ("dated", "edited", "tagged", "tagged-later")
    }
    assert digests["dated"] != digests["edited"]
    assert digests["tagged"] == digests["tagged-later"]
    assert caplog.text == ""
    with caplog.at_level(logging.WARNING, "factroots"):
        corpus_digest(PlainText(path=f"http://{host}/plain/a.txt?k=S3CRET"), "en")
    assert "gives no checksum and no date of change" in caplog.text
    assert "S3CRET" not in caplog.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see s3://KEY:secret@bucket/a/b.txt, now", "see s3://bucket/a/b.txt, now"),
        ("url='https://h/a?sig=x/y&b=1', 403", "url='https://h/a', 403"),
        ("https://h/a#token=1 and http://g/b?k", "https://h/a and http://g/b"),
        ("HTTPS://user@h:80/a", "HTTPS://h:80/a"),
        ("https://h/mail@b/c.txt and d@e?f", "https://h/mail@b/c.txt and d@e?f"),
        ("what is http://? Is a://b?", "what is http:// Is a://b"),
        ("no address? a@b: c", "no address? a@b: c"),
    ],
)
def test_addresses_are_shown_without_users_and_queries(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert str(FactrootsError(text)) == shown
    assert first_line(ValueError(f"{text}\nmore")) == shown
