"""``factroots ui``, started and ended by whoever looks at it: tests and scripts."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """A running ``factroots ui``."""

    process_group: int
    """Process group of the web server, the daemon, and all that they start."""
    port: int
    """Port on loopback."""
    token: str
    """What every request has to carry."""

    @property
    def address(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def first_address(self) -> str:
        """The address that is printed for a person to open."""
        return f"{self.address}/?token={self.token}"

    def request(
        self, path: str, body: bytes | None = None, **headers: str
    ) -> urllib.request.Request:
        """A request that carries the token; an underscore in a header's name stands for '-'."""
        own = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return urllib.request.Request(self.address + path, body, own | named)


@contextlib.contextmanager
def user_interface(study: Path | str, homes: Path) -> Iterator[Server]:
    """``factroots ui`` as a person starts it, from when the web server answers.

    What it prints is in ``ui.log`` among the homes.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["ui", study, "--home", homes, "--port", port]
    arguments = [sys.executable, "-m", "dagster_project.cli.main", *map(str, words)]
    logged = homes / "ui.log"
    logged.unlink(missing_ok=True)
    with logged.open("a") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log, start_new_session=True)
    try:
        while True:
            assert process.poll() is None, logged.read_text()
            found = re.search(r"[?]token=([\w-]+)", logged.read_text())
            server = Server(process.pid, port, found[1] if found else "")
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(server.request("/server_info"), timeout=60),
            ):
                break
            time.sleep(0.5)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
