"""``factroots ui``, started and ended by whoever looks at it: tests and scripts."""

from __future__ import annotations

import contextlib
import os
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

    @property
    def address(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"


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
    with (homes / "ui.log").open("a") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log, start_new_session=True)
    try:
        while True:
            assert process.poll() is None, (homes / "ui.log").read_text()
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=60),
            ):
                break
            time.sleep(0.5)
        yield Server(process.pid, port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
