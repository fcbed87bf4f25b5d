"""Watches what this process opens, lists, writes and connects to, by Python's audit events.

Libraries written in Rust or C++ open files without an event; what they may open is checked before.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PATHS = {
    "open": 1,
    "os.listdir": 1,
    "os.scandir": 1,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.link": 2,
    "os.symlink": 2,
    "os.truncate": 1,
    "shutil.copyfile": 2,
}
"""Audit event → how many of its first arguments are paths."""
_NETWORK = ("socket.connect", "socket.getaddrinfo", "urllib.Request")
_STATE: dict[str, Any] = {"forbidden": None, "seen": []}


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    forbidden = _STATE["forbidden"]
    if forbidden is None:
        return
    if event in _NETWORK:
        _STATE["seen"].append(f"{event} {arguments[-1]}")
    for path in arguments[: _PATHS.get(event, 0)]:
        if isinstance(path, str | bytes | os.PathLike):
            real = os.path.realpath(os.fsdecode(path))
            if Path(real).is_relative_to(forbidden):
                _STATE["seen"].append(f"{event} {real}")


@contextlib.contextmanager
def watched(forbidden: Path) -> Iterator[list[str]]:
    """Collect every event that touches a folder, and every use of the network, while it lasts."""
    if "hook" not in _STATE:
        sys.addaudithook(_hook)
        _STATE["hook"] = True
    _STATE.update(forbidden=forbidden.resolve(), seen=[])
    try:
        yield _STATE["seen"]
    finally:
        _STATE["forbidden"] = None
