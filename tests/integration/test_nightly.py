"""The real daemon and web server on loopback: a changed study is computed automatically.

One session serves all tests of this file, because it takes almost two minutes. It is killed once
and continues. Then one edit of the study file adds a model and a broken model, removes a model, and
changes the weights of another.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest
from safetensors.torch import load_file, save_file

from tests.helpers import studies
from tests.helpers.user_interface import Server, user_interface

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

PATIENCE_SECONDS = 1800.0
LOST = "predictions/second/it.parquet"


@dataclass(frozen=True)
class Night:
    """Results of the session."""

    study: Path
    """Study file, as it was edited."""
    home: Path
    """Home of the study."""
    before: dict[str, int]
    """Part of the lake → time of its last change before the edit."""
    found_again: pl.DataFrame
    """Rows of the part that was lost, and being computed when everything was killed."""
    runs_of_it: list[str]
    """States of the runs that were to compute it, in the order in which they were asked for."""
    server: Server
    """The web server."""
    version: str
    """What the web server answered when it was asked for its version."""

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Read rows from the published file."""
        with duckdb.connect(self.home / "factroots.duckdb", read_only=True) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def night(
    tiny_study: Path, finished: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    shutil.copytree(tiny_study.parent, folder / "study")
    shutil.copytree(finished, folder / "tiny")
    study, home = folder / "study" / "tiny.yml", folder / "tiny"
    study.write_text(without_knowledge(study.read_text()))
    published = home / "factroots.duckdb"
    lost = home / "lake" / LOST
    lost.unlink()
    with user_interface(study, folder) as killed:
        wait(lambda: runs(home, [dg.DagsterRunStatus.STARTED]))
        os.killpg(killed.process_group, signal.SIGKILL)
    with user_interface(study, folder) as server:
        wait(lambda: lost.exists() and not runs(home, studies.UNFINISHED))
        found_again = pl.read_parquet(lost)
        runs_of_it = [run.status.value for run in reversed(runs(home, None)) if is_of_it(run)]
        before = parts(home)
        was_published = published.stat().st_mtime_ns
        edit(study)
        wait(lambda: published.stat().st_mtime_ns != was_published)
        wait(lambda: not runs(home, studies.UNFINISHED))
        version = ask_server(server, "{version}")["version"]
        yield Night(study, home, before, found_again, runs_of_it, server, version)


def without_knowledge(text: str) -> str:
    """The study with PROBELESS only, which saves one Dagster run per model."""
    head, _, tail = text.partition("  integrated_gradients:")
    return head + tail[tail.index("models:") :]


def edit(study: Path) -> None:
    """Add a model and one that does not exist, remove one, and change the weights of one."""
    studies.save_model(study.parent / "fourth", "distilbert")
    weights = study.parent / "first" / "model.safetensors"
    doubled = {name: tensor * 2 for name, tensor in load_file(weights).items()}
    save_file(doubled, weights, metadata={"format": "pt"})
    lines = [line for line in study.read_text().splitlines(keepends=True) if "second" not in line]
    new = "  - {id: fourth, source: ./fourth}\n  - {id: fifth, source: ./nowhere}\ncorpora:\n"
    study.write_text("".join(lines).replace("corpora:\n", new))


def wait(is_true: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < until, "it does not come"
        time.sleep(0.5)


def runs(home: Path, statuses: list[dg.DagsterRunStatus] | None) -> list[dg.DagsterRun]:
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        return list(instance.get_runs(dg.RunsFilter(statuses=statuses)))


def is_of_it(run: dg.DagsterRun) -> bool:
    return run.tags.get("factroots/stage") == "model second"


def parts(home: Path) -> dict[str, int]:
    lake = home / "lake"
    return {
        path.relative_to(lake).as_posix(): path.stat().st_mtime_ns
        for path in lake.rglob("*.parquet")
        if not path.name.startswith("_")
    }


def ask_server(server: Server, query: str) -> dict[str, str]:
    request = server.request("/graphql", json.dumps({"query": query}).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        data: dict[str, str] = json.load(answer)["data"]
    return data


def test_what_was_at_work_when_all_was_killed_is_computed_by_itself(
    night: Night, finished: Path
) -> None:
    assert night.runs_of_it[0] == "FAILURE"
    assert night.runs_of_it[-1] == "SUCCESS"
    assert night.found_again.equals(pl.read_parquet(finished / "lake" / LOST))


def test_a_model_added_to_the_study_is_published_with_no_hand_on_it(night: Night) -> None:
    query = "select model_id, count(*) from fct_predictions group by all order by all"
    assert night.ask(query) == [("first", 40), ("fourth", 40), ("third", 40)]


def test_a_model_taken_out_leaves_the_marts_and_keeps_its_parquet(night: Night) -> None:
    assert night.ask("select model_id from dim_models where model_id = 'second'") == []
    assert {LOST, "active_neurons/second/it.parquet"} <= parts(night.home).keys()
    status = studies.factroots("status", night.study, "--home", night.home.parent).stdout
    assert "second left the study" in " ".join(status.split())


def test_a_model_that_is_broken_is_named_in_the_warehouse_and_in_status(night: Night) -> None:
    (row,) = night.ask("from operations.missing_models")
    assert row[:3] == ("fifth", "./nowhere", None)
    assert "there is no folder" in str(row[3])
    status = studies.factroots("status", night.study, "--home", night.home.parent).stdout
    assert "model 'fifth': there is no folder" in " ".join(status.split())


def test_only_what_depends_on_a_change_is_computed_again(night: Night) -> None:
    tables = ("predictions", "active_neurons", "neuron_profiles", "unscored_facts", "label_tokens")
    of_first = {
        name for name in night.before if "/first/" in name and name.partition("/")[0] in tables
    }
    changed = {name for name in of_first if not name.startswith("label_tokens/")}
    new = {name.replace("/first/", "/fourth/") for name in of_first}
    described = {"models/models.parquet", "missing_models/missing_models.parquet"}
    after = parts(night.home)
    computed = {name for name, written in after.items() if night.before.get(name) != written}
    assert computed == changed | new | described


MUTATION = json.dumps({"query": "mutation {reloadWorkspace {__typename}}"}).encode()
FOREIGN = {"Origin": "http://evil.example"}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/graphql", MUTATION, FOREIGN, 403),
        ("/graphql", MUTATION, {"Host": "evil.example"}, 403),
        ("/graphql", MUTATION, {"Authorization": ""}, 401),
        ("/graphql?query=mutation%7BreloadWorkspace%7B__typename%7D%7D", None, {}, 405),
        ("/report_asset_materialization/lake/facts", b"{}", FOREIGN, 403),
        ("/graphql", MUTATION, {}, 200),
        ("/report_asset_materialization/lake/facts", b"{}", {"Authorization": ""}, 401),
        ("/", None, {"Authorization": ""}, 401),
        ("/", None, {}, 200),
    ],
)
def test_the_web_server_answers_nobody_but_its_own_pages(
    night: Night, path: str, body: bytes | None, headers: dict[str, str], status: int
) -> None:
    request = night.server.request(path, body, **headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            found, sent = answer.status, answer.headers
    except urllib.error.HTTPError as error:
        found, sent = error.code, error.headers
    assert found == status
    assert sent["X-Frame-Options"] == "DENY"


def test_the_web_server_listens_on_this_machine_only(night: Night) -> None:
    assert night.version
    addresses = socket.getaddrinfo(socket.gethostname(), night.server.port, socket.AF_INET)
    outside = {str(address[4][0]) for address in addresses}
    outside = {address for address in outside if not address.startswith("127.")}
    if not outside:
        pytest.skip("this machine has no address but loopback")
    refused = pytest.raises(ConnectionRefusedError)
    with refused, socket.create_connection((outside.pop(), night.server.port), timeout=5):
        pass
