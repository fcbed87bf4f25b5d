"""The guard around the web server of Dagster: who is answered, and how a browser must treat it."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from dagster_project.cli.dagster_dev import guarded_arguments
from dagster_project.cli.guard import Guard

TOKEN = "the-token"
HOST = {"host": "127.0.0.1:3000"}
COOKIE = {"cookie": f"other=1; factroots_3000={TOKEN}"}
OWN = {**HOST, **COOKIE, "origin": "http://127.0.0.1:3000", "content-type": "application/json"}
MUTATION = "query=mutation%7BreloadWorkspace%7B__typename%7D%7D"


async def inner(scope: Any, receive: Any, send: Any) -> None:
    """Stands for Dagster's web server: answers everybody, and lets every origin read."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    headers = [(b"access-control-allow-origin", b"*"), (b"x-inner", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"answered"})


def ask(
    method: str = "GET",
    path: str = "/",
    headers: dict[str, str] | None = None,
    kind: str = "http",
) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of one request; of a web socket 101 or its closing code."""
    sent: list[Any] = []
    place, _, query = path.partition("?")
    pairs = HOST if headers is None else headers
    scope = {
        "type": kind,
        "method": method,
        "path": place,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs.items()],
        "server": ("127.0.0.1", 3000),
    }

    async def receive() -> Any:
        return {"type": f"{kind}.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Guard(inner, TOKEN)(scope, receive, send))
    if kind == "websocket":
        first = sent[0]
        return (101 if first["type"] == "websocket.accept" else first["code"]), {}, ""
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, sent[1]["body"].decode()


def test_the_printed_address_gives_a_cookie_and_then_pages() -> None:
    status, headers, _ = ask("GET", f"/runs?token={TOKEN}&view=all")
    assert (status, headers["location"]) == (303, "/runs?view=all")
    name, _, attributes = headers["set-cookie"].partition("; ")
    assert name == f"factroots_3000={TOKEN}"
    assert {"HttpOnly", "SameSite=Strict"} <= set(attributes.split("; "))
    status, _, body = ask("GET", "/runs?view=all", {**HOST, "cookie": name})
    assert (status, body) == (200, "answered")


def test_a_path_in_the_printed_address_leads_to_no_other_host() -> None:
    _, headers, _ = ask("GET", f"//evil.example/x?token={TOKEN}")
    assert headers["location"] == "/evil.example/x"


@pytest.mark.parametrize(
    "headers",
    [
        HOST,
        {**HOST, "cookie": "factroots_3000=wrong"},
        {**HOST, "cookie": f"factroots_3001={TOKEN}"},
        {**HOST, "cookie": "factroots_3000=é; ="},
        {**HOST, "authorization": "Bearer wrong"},
        {**HOST, "authorization": f"Basic {TOKEN}"},
    ],
)
def test_without_the_token_nobody_is_answered(headers: dict[str, str]) -> None:
    for method, path in (("GET", "/"), ("POST", "/graphql"), ("GET", "/server_info")):
        content = {"content-type": "application/json"}
        status, _, body = ask(method, path, {**headers, **content})
        assert status == 401
        assert "the address that factroots ui printed" in body
    assert ask("GET", "/?token=wrong", headers)[0] == 401
    assert ask(path="/graphql", headers=headers, kind="websocket")[0] == 1008


def test_a_program_sends_the_token_as_a_header() -> None:
    headers = {**HOST, "authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    assert ask("POST", "/graphql", headers)[0] == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example:3000",
        "http://127.0.0.1:3001",
        "http://127.0.0.1",
        "http://localhost:3000",
        "http://127.0.0.1:3000.evil.example",
        "http://evil.example/127.0.0.1:3000",
        "null",
        "",
        "file://",
    ],
)
def test_a_foreign_origin_is_refused_even_with_the_token(origin: str) -> None:
    headers = {**OWN, "origin": origin}
    for method in ("GET", "POST", "OPTIONS", "DELETE"):
        for path in ("/graphql", "/report_asset_materialization/lake/facts", "/"):
            assert ask(method, path, headers)[0] == 403
    assert ask(path="/graphql", headers=headers, kind="websocket")[0] == 1008


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "0.0.0.0:3000", "", "[::2]:1"],
)
def test_a_foreign_host_is_refused_even_with_the_token(host: str) -> None:
    headers = {**COOKIE, "host": host}
    assert ask("GET", "/", headers)[0] == 403
    assert ask("GET", "/", {**headers, "origin": f"http://{host}"})[0] == 403
    assert ask("GET", f"/?token={TOKEN}", {"host": host})[0] == 403


def test_a_request_without_host_is_refused() -> None:
    assert ask("GET", "/", COOKIE)[0] == 403


@pytest.mark.parametrize("host", ["localhost:3000", "LOCALHOST:8080", "[::1]:3000", "127.0.0.1"])
def test_all_names_of_this_machine_are_answered_with_their_own_origin(host: str) -> None:
    headers = {**COOKIE, "host": host, "origin": f"http://{host}"}
    assert ask("POST", "/graphql", {**headers, "content-type": "application/json"})[0] == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_can_open_a_page_and_nothing_else(site: str) -> None:
    fetched = {**HOST, **COOKIE, "sec-fetch-site": site}
    opened = {**fetched, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert ask("GET", "/runs", opened)[0] == 200
    assert ask("GET", "/runs", fetched)[0] == 403
    assert ask("GET", "/runs", {**opened, "sec-fetch-dest": "iframe"})[0] == 403
    assert ask("POST", "/runs", opened)[0] == 403
    assert ask("GET", "/x.png", {**fetched, "sec-fetch-mode": "no-cors"})[0] == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_is_changed_by_a_get(method: str) -> None:
    for path in ("/graphql", "/graphql/", "/prefix/graphql"):
        assert ask(method, f"{path}?{MUTATION}", {**HOST, **COOKIE})[0] == 405
    assert ask("GET", "/graphql", {**HOST, **COOKIE})[0] == 200


@pytest.mark.parametrize("content", [{}, {"content-type": "text/plain"}, {"content-type": ""}])
def test_what_a_plain_form_can_send_is_no_query(content: dict[str, str]) -> None:
    assert ask("POST", f"/graphql?{MUTATION}", {**HOST, **COOKIE, **content})[0] == 415


def test_no_answer_can_be_framed_or_read_by_another_origin() -> None:
    for status, headers, _ in (
        ask("GET", "/", OWN),
        ask("GET", f"/?token={TOKEN}"),
        ask("GET", "/"),
        ask("GET", "/", {"host": "evil.example"}),
    ):
        assert headers["x-frame-options"] == "DENY", status
        assert headers["content-security-policy"] == "frame-ancestors 'none'"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert not [name for name in headers if name.startswith("access-control")]
    assert ask("GET", "/", OWN)[1]["x-inner"] == "1"


def test_a_web_socket_of_the_own_page_is_accepted() -> None:
    assert ask(path="/graphql", headers=OWN, kind="websocket")[0] == 101


def test_only_the_web_server_of_dagster_dev_is_exchanged() -> None:
    words = [sys.executable, "-m", "dagster_webserver", "--port", "3000"]
    name = "dagster_project.cli.dagster_dev"
    assert guarded_arguments(words) == [sys.executable, "-m", name, "webserver", "--port", "3000"]
    daemon = [sys.executable, "-m", "dagster._daemon", "run"]
    assert guarded_arguments(daemon) == daemon
    with pytest.raises(RuntimeError, match="without the guard"):
        guarded_arguments(["dagster_webserver", "--port", "3000"])
