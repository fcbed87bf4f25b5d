"""A study is a good guest in a Dagster instance that others use: it touches its own only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from dagster_project.defs import runs
from dagster_project.defs.instance import open_instance
from dagster_project.defs.partitions import study_partitions, sync_partitions
from dagster_project.defs.runs import (
    Owner,
    are_runs_at_work,
    home_tags,
    mark_orphaned_runs_failed,
)
from dagster_project.study.dagster_settings import settings_file, settings_text
from dagster_project.study.home import Home
from tests.helpers import studies

OURS = ("factroots", "__repository__")
KEYS = frozenset({dg.AssetKey(["lake", "facts"]), dg.AssetKey("report")})


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Owner:
    monkeypatch.setattr(runs, "_HANDOVER_SECONDS", 0.0)
    monkeypatch.setattr(runs, "_STARTUP_SECONDS", {})
    home = Home(tmp_path / "tiny")
    home.create()
    return Owner(home, OURS, KEYS)


def study(name: str, *models: str) -> SimpleNamespace:
    return SimpleNamespace(
        study=SimpleNamespace(name=name),
        models=[SimpleNamespace(id=model) for model in models],
        corpora=[SimpleNamespace(id="texts")],
        languages=("de", "en"),
    )


def add_run(
    instance: dg.DagsterInstance,
    job: str,
    *,
    location: tuple[str, str] | None = None,
    tags: dict[str, str] | None = None,
    assets: frozenset[dg.AssetKey] | None = None,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
) -> str:
    """A run that shows as being at work although no process works on it; returns its id."""
    origin = None
    if location is not None:
        code = ManagedGrpcPythonEnvCodeLocationOrigin(
            LoadableTargetOrigin(module_name="any"), location_name=location[0]
        )
        origin = RemoteJobOrigin(RemoteRepositoryOrigin(code, location[1]), job)
    run = dg.DagsterRun(
        job_name=job,
        run_id=str(uuid.uuid4()),
        status=status,
        tags=tags or {},
        remote_job_origin=origin,
        asset_selection=assets,
    )
    instance.add_run(run)
    return run.run_id


def test_partitions_of_others_and_of_another_study_stay(instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions("models", ["sales-forecast", "churn"])
    instance.add_dynamic_partitions("languages", ["python", "java"])
    sync_partitions(instance, study("one", "mbert"))  # type: ignore[arg-type]
    sync_partitions(instance, study("two", "xlmr", "gpt2"))  # type: ignore[arg-type]
    assert sync_partitions(instance, study("one", "bert")) == ["de", "en"]  # type: ignore[arg-type]
    assert set(instance.get_dynamic_partitions("models")) == {"sales-forecast", "churn"}
    assert set(instance.get_dynamic_partitions("languages")) == {"python", "java"}
    assert instance.get_dynamic_partitions("factroots_one_models") == ["bert"]
    assert set(instance.get_dynamic_partitions("factroots_two_models")) == {"xlmr", "gpt2"}


def test_partitions_have_the_prefix_in_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTROOTS_KEY_PREFIX", "team/mine")
    assert study_partitions("tiny").models.name == "factroots_team_mine_tiny_models"


@pytest.mark.parametrize(
    "foreign",
    [
        {"job": "nightly_load"},
        {"job": "nightly_load", "location": ("sales", "__repository__")},
        {"job": "build_marts", "location": ("sales", "__repository__")},
        {"job": "build_marts", "location": ("factroots", "another")},
        {"job": "nightly_load", "location": OURS},
        {"job": "__ASSET_JOB", "location": OURS, "assets": frozenset({dg.AssetKey("sales")})},
        {"job": "__ASSET_JOB", "location": OURS, "assets": KEYS | {dg.AssetKey("sales")}},
        {"job": "__ASSET_JOB", "location": OURS},
        {"job": "build_marts", "location": OURS, "tags": {"factroots/home": "another"}},
        {"job": "build_marts"},
    ],
)
def test_runs_of_others_are_neither_failed_nor_waited_for(
    instance: dg.DagsterInstance, owner: Owner, foreign: dict[str, object]
) -> None:
    ids = [
        add_run(instance, status=status, **foreign)  # type: ignore[arg-type]
        for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED)
    ]
    mark_orphaned_runs_failed(instance, owner)
    mark_orphaned_runs_failed(instance, owner, is_held=True)
    assert not are_runs_at_work(instance, owner)
    found = [instance.get_run_by_id(run_id) for run_id in ids]
    assert [run.status.value for run in found if run] == ["STARTED", "NOT_STARTED"]


@pytest.mark.parametrize(
    "own",
    [
        {"job": "build_marts", "location": OURS},
        {"job": "verify_lake", "location": OURS},
        {"job": "__ASSET_JOB", "location": OURS, "assets": frozenset({dg.AssetKey("report")})},
        {"job": "a_name_of_dagsters", "tags": "home"},
        {"job": "build_marts", "location": ("moved", "__repository__"), "tags": "home"},
    ],
)
def test_own_runs_whose_process_is_gone_are_failed(
    instance: dg.DagsterInstance, owner: Owner, own: dict[str, object]
) -> None:
    if own.get("tags") == "home":
        own = {**own, "tags": home_tags(owner.home)}
    run_id = add_run(instance, **own)  # type: ignore[arg-type]
    assert are_runs_at_work(instance, owner)
    mark_orphaned_runs_failed(instance, owner)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert not are_runs_at_work(instance, owner)


def test_a_command_that_holds_the_study_leaves_launched_runs_that_wait_for_it(
    instance: dg.DagsterInstance, owner: Owner
) -> None:
    waiting = add_run(instance, "build_marts", location=OURS)
    ended = add_run(instance, "any", tags=home_tags(owner.home))
    mark_orphaned_runs_failed(instance, owner, is_held=True)
    found = [instance.get_run_by_id(run_id) for run_id in (waiting, ended)]
    assert [run.status.value for run in found if run] == ["STARTED", "FAILURE"]


def definitions_of(study_file: Path, homes: Path, prefix: str) -> dict[str, list[str]]:
    """What a code location holds, read in a process of its own as Dagster does."""
    script = (
        f"import json, factroots; d = factroots.definitions({str(study_file)!r},"
        f" home={str(homes)!r}, key_prefix={prefix!r}); r = d.get_repository_def();"
        "print(json.dumps({'keys': sorted(k.to_user_string() for k in r.assets_defs_by_key),"
        " 'checks': sorted(k.asset_key.to_user_string() for k in"
        " r.asset_graph.asset_check_keys)}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.nightly
def test_all_assets_and_checks_of_a_location_have_its_prefix(
    tiny_study: Path, tmp_path: Path
) -> None:
    plain = definitions_of(tiny_study, tmp_path, "")
    prefixed = definitions_of(tiny_study, tmp_path, "team/mine")
    assert {"lake/facts", "report", "fct_predictions"} <= set(plain["keys"])
    for kind, names in plain.items():
        assert prefixed[kind] == sorted(f"team/mine/{name}" for name in names)


def test_own_settings_of_dagster_are_kept_and_ours_are_renewed(tmp_path: Path) -> None:
    home = Home(tmp_path / "tiny")
    home.create()
    file = settings_file(home)
    with open_instance(home) as instance:
        # Loading a study takes minutes where the machine has much else to do.
        assert instance.code_server_process_startup_timeout == 600
    assert file.read_text() == settings_text(home)
    theirs = settings_text(home).replace("max_retries: 2", "max_retries: 7")
    file.write_text(theirs)
    with open_instance(home) as instance:
        assert instance.run_retries_max_retries == 7
    assert file.read_text() == theirs
    elsewhere = settings_text(Home(tmp_path / "moved"))
    for ours in (elsewhere, "", "module: dagster._core.storage.noop_compute_log_manager\n"):
        file.write_text(ours)
        open_instance(home).dispose()
        assert file.read_text() == settings_text(home)


CRASH = """
import ctypes, os, sys, dagster as dg
from dagster_project.defs.instance import open_instance
from dagster_project.study.home import Home
from pathlib import Path

@dg.asset
def harmed():
    print("before the crash")
    os.write(2, b"said by a library\\n")
    if "crash" in sys.argv:
        ctypes.string_at(0)

home = Home(Path(sys.argv[1]))
home.create()
result = dg.materialize([harmed], instance=open_instance(home))
print("after the run")
"""


def test_what_a_run_prints_is_kept_also_if_its_process_crashes(tmp_path: Path) -> None:
    logs = tmp_path / "tiny" / "dagster" / "logs"
    for word in ("well", "crash"):
        done = subprocess.run(
            [sys.executable, "-c", CRASH, tmp_path / "tiny", word],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is (word == "well")
        assert ("after the run" in done.stdout) is (word == "well")
        assert "before the crash" not in done.stdout
    texts = [
        (file.read_text(), file.with_suffix(".err").read_text()) for file in logs.rglob("*.out")
    ]
    assert len(texts) == 2
    assert all("before the crash" in out and "said by a library" in error for out, error in texts)
    (crashed,) = [error for _, error in texts if "Segmentation fault" in error]
    assert "harmed" in crashed


@pytest.mark.nightly
@pytest.mark.parametrize("command", [("check", "defs"), ("list", "defs")])
def test_dg_reads_the_project(project: Path, tmp_path: Path, command: tuple[str, str]) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("dg"), *command],
        cwd=project,
        env=os.environ | {"FACTROOTS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if command[0] == "list":
        assert "factroots_duckdb" in done.stdout


@pytest.mark.nightly
def test_a_study_runs_with_its_history_in_postgres(tmp_path: Path, postgres: str) -> None:
    """With settings of one's own, which stay, and with runs and partitions of others."""
    study_file = studies.write_study(tmp_path / "study")
    text = study_file.read_text()
    head, _, tail = text.partition("attribution:")
    lines = [line for line in tail[tail.index("models:") :].splitlines() if "./" not in line]
    lines.insert(1, "  - {id: first, source: ./first}")
    study_file.write_text(head + "\n".join(lines) + "\n")
    home = Home(tmp_path / "homes" / "tiny")
    home.create()
    theirs = f"storage:\n  postgres:\n    postgres_url: {postgres}\n"
    settings_file(home).write_text(theirs)
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        instance.add_dynamic_partitions("models", ["sales-forecast"])
        foreign = add_run(instance, "nightly_load", location=("sales", "__repository__"))
        dead = add_run(instance, "any", tags=home_tags(home))
    done = studies.factroots_process("run", study_file, "--home", tmp_path / "homes")
    assert done.returncode == 0, done.stderr
    assert home.published_file.exists()
    assert settings_file(home).read_text() == theirs
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        statuses = {run.run_id: run.status.value for run in instance.get_runs()}
        assert instance.get_dynamic_partitions("models") == ["sales-forecast"]
        assert instance.get_dynamic_partitions("factroots_tiny_models") == ["first"]
    assert (statuses.pop(foreign), statuses.pop(dead)) == ("STARTED", "FAILURE")
    assert set(statuses.values()) == {"SUCCESS"}
    assert not list(home.dagster.rglob("*.db"))
