"""Keeps Dagster's pages to the person who started them: an ASGI application around another one.

Dagster's web server answers everybody who can reach its port: every page that this machine's
browser opens, and every user of this machine. What is checked here, before a request reaches it:
the address that the browser used (Host), the page that asks (Origin), the method, and a token.
Needs nothing of Dagster.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

__all__ = ["TOKEN_VARIABLE", "Guard"]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_VARIABLE = "FACTROOTS_UI_TOKEN"
"""Environment variable with the token; an argument would show in the list of processes."""

_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_READING = ("GET", "HEAD")
_HEADERS = (
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    # The first address has the token.
    (b"referrer-policy", b"same-origin"),
)
_CORS = b"access-control-"


@dataclass(frozen=True)
class _Refusal:
    status: int
    reason: str


class Guard:
    """Refuses requests from elsewhere, and passes all others on.

    Args:
        app: the application that answers.
        token: what a request must carry: in the address that ``factroots ui`` prints, afterwards in
            a cookie; or as ``Authorization: Bearer …``.
    """

    def __init__(self, app: Application, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = _refusal(scope) or self._without_token(scope)
        if refusal is not None:
            await _refuse(scope, receive, send, refusal)
        elif scope["type"] == "http" and "token" in _query(scope):
            await self._keep_token(scope, send)
        else:
            await self._app(scope, receive, _with_headers(send))

    def _without_token(self, scope: Scope) -> _Refusal | None:
        """Why a request may not be answered, as it does not carry the token."""
        given = [_query(scope).get("token", "")] if scope["type"] == "http" else []
        given += [value[7:] for value in _values(scope, b"authorization") if value[:7] == "Bearer "]
        given += _cookies(scope, _cookie_name(scope))
        if any(hmac.compare_digest(self._token.encode(), each.encode()) for each in given):
            return None
        return _Refusal(401, "open the address that factroots ui printed: it has a token")

    async def _keep_token(self, scope: Scope, send: Send) -> None:
        """Moves the token from the address into a cookie, which no other site's request carries."""
        rest = {name: value for name, value in _query(scope).items() if name != "token"}
        # A path that begins with two slashes would be another host.
        place = "/" + scope["path"].lstrip("/\\") + (f"?{urlencode(rest)}" if rest else "")
        cookie = f"{_cookie_name(scope)}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"location", place.encode()), (b"set-cookie", cookie.encode()), *_HEADERS]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _refusal(scope: Scope) -> _Refusal | None:
    """Why a request may not be answered, whatever token it carries; None if it may."""
    hosts = _values(scope, b"host")
    if len(hosts) != 1 or _host_name(hosts[0]) not in _HOSTS:
        return _Refusal(403, f"this is a local service: open it at {' or '.join(_HOSTS[:2])}")
    origins = _values(scope, b"origin")
    if any(urlsplit(origin).netloc.lower() != hosts[0].lower() for origin in origins):
        return _Refusal(403, "a page of another origin asks, which is not answered")
    is_page = scope["type"] == "http" and scope["method"] in _READING
    is_page = is_page and _values(scope, b"sec-fetch-mode") == ["navigate"]
    sites = set(_values(scope, b"sec-fetch-site"))
    is_opened = is_page and _values(scope, b"sec-fetch-dest") in ([], ["document"])
    if sites - {"same-origin", "none"} and not is_opened:
        return _Refusal(403, "a page of another site asks, which is not answered")
    if scope["type"] == "http" and scope["path"].rstrip("/").endswith("/graphql"):
        return _graphql_refusal(scope)
    return None


def _graphql_refusal(scope: Scope) -> _Refusal | None:
    if scope["method"] in _READING and "query" in _query(scope):
        return _Refusal(405, "GraphQL is asked by POST: a GET must not change anything")
    contents = _values(scope, b"content-type")
    if scope["method"] == "POST" and not any("application/" in each for each in contents):
        return _Refusal(415, "GraphQL is asked with Content-Type: application/json")
    return None


def _host_name(host: str) -> str:
    """A Host header without its port, which differs behind ``ssh -L``."""
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdigit() else host.lower()


def _values(scope: Scope, wanted: bytes) -> list[str]:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value.decode("latin-1") for name, value in headers if name.lower() == wanted]


def _query(scope: Scope) -> dict[str, str]:
    text = scope.get("query_string", b"").decode("latin-1")
    return dict(parse_qsl(text, keep_blank_values=True))


def _cookie_name(scope: Scope) -> str:
    """Name of the cookie: browsers send a host's cookies to all of its ports."""
    _, port = scope.get("server") or ("", 0)
    return f"factroots_{port}"


def _cookies(scope: Scope, name: str) -> list[str]:
    found = []
    for header in _values(scope, b"cookie"):
        try:
            jar = SimpleCookie(header)
        except CookieError:
            continue
        if name in jar:
            found.append(jar[name].value)
    return found


def _with_headers(send: Send) -> Send:
    """Adds the headers that forbid framing, and removes those that allow other origins to read."""

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            kept = [
                (name, value)
                for name, value in message.get("headers", ())
                if not name.lower().startswith(_CORS)
            ]
            message = {**message, "headers": [*kept, *_HEADERS]}
        await send(message)

    return sending


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: _Refusal) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
        return
    body = f"{refusal.reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
