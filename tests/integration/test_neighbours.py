"""Two studies and definitions of others are code locations of one Dagster, side by side.

One study is a code server with environment variables, the other a file that Dagster loads.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from tests.helpers import studies

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

OTHERS = """\
import dagster as dg

models = dg.DynamicPartitionsDefinition(name="models")

@dg.asset(partitions_def=models)
def facts():
    return 1

@dg.asset
def report():
    return 2

defs = dg.Definitions(assets=[facts, report])
"""
SETTINGS = "telemetry: {enabled: false}\nnux: {enabled: false}\n"
PATIENCE_SECONDS = 1200.0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def process(log: Path, *words: str, **environment: str) -> Iterator[None]:
    """A command of Dagster that runs meanwhile, with all that it starts."""
    with log.open("a") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", *words],
            env=os.environ | environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        for sent in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(started.pid, sent)
                started.wait(60)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def wait(is_true: Callable[[], object], log: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_true():
        assert time.monotonic() < until, log.read_text()[-5_000:]
        time.sleep(2)


def ask(port: int, query: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        (found,) = json.load(answer)["data"].values()
    return found


def locations(port: int) -> dict[str, int]:
    """Code location → how many assets it has; empty while they are loaded."""
    query = (
        "{repositoriesOrError {... on RepositoryConnection"
        " {nodes {location {name} assetNodes {assetKey {path}}}}}}"
    )
    try:
        nodes = ask(port, query)["nodes"]
    except OSError:
        return {}
    return {node["location"]["name"]: len(node["assetNodes"]) for node in nodes}


def models(home: Path) -> list[str]:
    with duckdb.connect(home / "factroots.duckdb", read_only=True) as connection:
        rows = connection.execute("select model_id from dim_models order by all").fetchall()
    return [model for (model,) in rows]


def unfinished(folder: Path) -> list[str]:
    """Runs that show as queued or at work."""
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        runs = instance.get_runs(dg.RunsFilter(statuses=studies.UNFINISHED))
    return [run.run_id for run in runs]


def test_two_studies_and_others_work_side_by_side(
    tiny_study: Path, undisturbed: Path, tmp_path: Path
) -> None:
    log, instance_folder = tmp_path / "log", tmp_path / "instance"
    instance_folder.mkdir()
    (instance_folder / "dagster.yaml").write_text(SETTINGS)
    (tmp_path / "others.py").write_text(OTHERS)
    entries = [f"  - python_file: {{relative_path: {tmp_path}/others.py}}"]
    with dg.DagsterInstance.from_config(str(instance_folder)) as instance:
        instance.add_dynamic_partitions("models", ["sales-forecast", "churn"])
        theirs = dg.DagsterRun(
            "nightly_load", str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED
        )
        instance.add_run(theirs)
    shared = {"DAGSTER_HOME": str(instance_folder)}
    with ExitStack() as running:
        for name, taken_out in (("one", "second"), ("two", "third")):
            # Both studies are called tiny; only home and prefix differ.
            shutil.copytree(tiny_study.parent, tmp_path / name / "study")
            shutil.copytree(undisturbed, tmp_path / name / "homes" / "tiny")
            study = tmp_path / name / "study" / "tiny.yml"
            lines = study.read_text().splitlines(keepends=True)
            study.write_text("".join(line for line in lines if f"id: {taken_out}" not in line))
            if name == "two":
                file = tmp_path / name / "study.py"
                own = f"{str(study)!r}, home={str(tmp_path / name / 'homes')!r}, key_prefix='two'"
                file.write_text(f"import factroots\n\ndefs = factroots.definitions({own})\n")
                entries.append(f"  - python_file: {{relative_path: {file}, location_name: {name}}}")
                continue
            port = free_port()
            entries.append(f"  - grpc_server: {{port: {port}, location_name: {name}}}")
            command = ["dagster", "code-server", "start", "-m", "dagster_project.definitions"]
            own = {
                "FACTROOTS_STUDY": str(study),
                "FACTROOTS_HOME": str(tmp_path / name / "homes"),
                "FACTROOTS_KEY_PREFIX": name,
            }
            running.enter_context(process(log, *command, "--port", str(port), **shared, **own))
        (tmp_path / "workspace.yaml").write_text("load_from:\n" + "\n".join(entries) + "\n")
        page = free_port()
        command = ["dagster", "dev", "-w", str(tmp_path / "workspace.yaml"), "--port", str(page)]
        running.enter_context(process(log, *command, "--host", "127.0.0.1", **shared))
        wait(lambda: len(locations(page)) == 3, log)
        counts = locations(page)
        assert counts.pop("others.py") == 2
        assert counts["one"] == counts["two"] > 100
        homes = [tmp_path / name / "homes" / "tiny" for name in ("one", "two")]
        # Their sensors notice that a model left, and publish without it.
        wanted = [["first", "third"], ["first", "second"]]
        wait(lambda: [models(home) for home in homes] == wanted, log)
        wait(lambda: unfinished(instance_folder) == [theirs.run_id], log)
    with dg.DagsterInstance.from_config(str(instance_folder)) as instance:
        assert set(instance.get_dynamic_partitions("models")) == {"sales-forecast", "churn"}
        for name, left in zip(("one", "two"), wanted, strict=True):
            found = instance.get_dynamic_partitions(f"factroots_{name}_tiny_models")
            assert sorted(found) == left
        runs = {run.run_id: run for run in instance.get_runs()}
        assert runs.pop(theirs.run_id).status is dg.DagsterRunStatus.STARTED
        assert {run.status.value for run in runs.values()} == {"SUCCESS"}
        assert len({run.tags["factroots/home"] for run in runs.values()}) == 2
