"""Reads the column lineage while Dagster starts, and then lets Dagster load it.

Run as a module, in a process of its own: compiling the dbt project takes longer than all else that
``factroots ui`` does before people can look at their study.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from dagster_project.cli.guard import TOKEN_VARIABLE
from dagster_project.cli.process import log_to_stderr
from dagster_project.dbt.lineage import prepare_lineage
from dagster_project.study.home import Home

__all__ = ["LOCATION", "start_reading"]

LOCATION = "dagster_project.definitions"
"""Module of the definitions, and Dagster's name of the code location."""
_RELOAD = (
    "mutation($name: String!) "
    "{reloadRepositoryLocation(repositoryLocationName: $name) {__typename}}"
)
_SECONDS_BETWEEN = 1.0


def start_reading(home: Home, port: int) -> None:
    """Starts to read the lineage, for the web server that this process will be or start.

    The environment holds the token of the web server.
    """
    arguments = [sys.executable, "-m", "dagster_project.cli.lineage_ahead", str(home.root)]
    subprocess.Popen([*arguments, str(port)], stdin=subprocess.DEVNULL)


def _read(home: Home, port: int) -> None:
    """Reads the lineage, and asks the web server for a reload as soon as it answers.

    Ends without it if the process that started this one is gone.
    """
    starter = os.getppid()
    # Dagster's own start is what a person waits for.
    os.nice(10)
    prepare_lineage(home)
    while os.getppid() == starter and not _is_reloaded(port):
        time.sleep(_SECONDS_BETWEEN)


def _is_reloaded(port: int) -> bool:
    """Asks the web server to load the definitions again; returns whether it answered."""
    content = json.dumps({"query": _RELOAD, "variables": {"name": LOCATION}})
    token = os.environ[TOKEN_VARIABLE]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    # No proxy of the environment is asked, as urllib would.
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("POST", "/graphql", content, headers)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    # Ctrl-C is for all processes of the UI, and ends this one without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    log_to_stderr(logging.INFO)
    _read(Home(Path(sys.argv[1])), int(sys.argv[2]))
