"""Fixtures shared by all tests: where the checkout and the real data lie."""

from __future__ import annotations

import logging
import os
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_project.cli.process import collect_seldom

collect_seldom()

PROJECT = Path(__file__).resolve().parent.parent
NIGHTLY = {"modernbert", "eurobert", "olmo3", "apertus", "smollm3"}
"""Families of models whose tests run at night, except that of their block of the table."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first: it runs the tiny study once for all, so that none waits for it.

    Families that differ little from others are tested at night, all but their block of the table.
    """
    items.sort(key=lambda item: item.path.name != "test_run.py")
    for item in items:
        parameters = getattr(item, "callspec", None)
        named = {
            name
            for name in (parameters.params.values() if parameters else ())
            if isinstance(name, str)
        }
        if named & NIGHTLY and item.path.name != "test_families.py":
            item.add_marker(pytest.mark.nightly)


@pytest.fixture(scope="session")
def project() -> Path:
    """Root folder of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("FACTROOTS_REAL_DATA", PROJECT.parent / "shared" / "data"))
    if not (folder / "mlama1.1.zip").exists():
        pytest.skip(
            f"no real data in {folder}: point FACTROOTS_REAL_DATA at the folder that holds it"
        )
    return folder


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Address of an S3 server of this process, on loopback."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket of that server, which the environment has the keys of."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA7secretKeyId")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cretKeyOfTheStore")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"lake-{uuid.uuid4().hex}"
    made = urllib.request.Request(f"{s3_server}/{name}", method="PUT")
    urllib.request.urlopen(made, timeout=60).close()
    return name
