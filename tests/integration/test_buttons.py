"""Dagster's Materialize button: each asset alone does its work, and nothing stale is published."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from dagster_project.definitions import build_definitions
from dagster_project.defs.asset_specs import lake_key
from dagster_project.defs.assets import lake_assets
from dagster_project.defs.instance import open_instance
from dagster_project.defs.partitions import study_partitions, sync_partitions
from dagster_project.runtime.workers import ThisProcess
from dagster_project.runtime.workspace import Workspace
from ingestion.lake import prepare_lake
from tests.helpers import studies


def press(
    study: Path, home: Path, *keys: str, partition: str | None = None
) -> dg.ExecuteInProcessResult:
    """Materialise these assets and nothing else, as a run that a person asks for."""
    workspace = Workspace(str(study), home.parent)
    definitions = build_definitions(workspace, ThisProcess())
    assets = [each for each in definitions.assets or () if isinstance(each, dg.AssetsDefinition)]
    with open_instance(workspace.home) as instance:
        sync_partitions(instance, workspace.plan.study)
        return dg.materialize(
            assets,
            instance=instance,
            resources=definitions.resources,
            selection=[dg.AssetKey.from_user_string(key) for key in keys],
            partition_key=partition,
            raise_on_error=False,
        )


def why(result: dg.ExecuteInProcessResult) -> str:
    failures = result.filter_events(lambda event: event.is_step_failure)
    return " ".join(str(event.step_failure_data.user_failure_data) for event in failures)


def ask(file: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(file, read_only=True) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def own_study(tiny_study: Path, tmp_path: Path) -> Path:
    """A copy of the study that a test may edit; its inputs stay where they are."""
    study = tmp_path / "tiny.yml"
    text = tiny_study.read_text()
    for name in ("facts.csv", "./first", "./second", "./third", '"texts/'):
        own = name.strip('."/')
        text = text.replace(
            name,
            name[: name.index(own)].replace("./", "")
            + str(tiny_study.parent / own)
            + name[name.index(own) + len(own) :],
        )
    study.write_text(text)
    return study


@pytest.mark.nightly
def test_a_mart_is_built_alone_with_what_it_reads(tiny_study: Path, home: Path) -> None:
    build = home / "build" / "factroots.duckdb"
    assert press(tiny_study, home, "fct_fact_roots").success
    # Another home that is built in this process is not given this one's folders.
    assert not [name for name, value in os.environ.items() if str(home / "build") in value]
    before = ask(build, "select count(*) from fct_fact_roots")
    # The home was copied, so that views of the first build led to another lake.
    view = "select sql from duckdb_views() where view_name = 'stg_lake__predictions'"
    assert f"'{home}/build/lake/predictions/" in str(ask(build, view))
    shutil.rmtree(home / "build")
    result = press(tiny_study, home, "fct_fact_roots")
    assert result.success, why(result)
    assert ask(build, "select count(*) from fct_fact_roots") == before
    # Its file has what it reads, and no table that it does not read.
    tables = {name for (name,) in ask(build, "select table_name from duckdb_tables()")}
    assert {"fct_fact_roots", "dim_facts"} & tables
    assert "fact_types_overview" not in tables
    result = press(tiny_study, home, "factroots_duckdb")
    assert not result.success
    assert "build the marts first" in why(result)


def test_one_table_of_a_step_is_materialised_alone(tiny_study: Path, home: Path) -> None:
    (home / "lake" / "relations" / "relations.parquet").unlink()
    (home / "lake" / "corpus_sizes" / "texts" / "de.parquet").unlink()
    assert press(tiny_study, home, "lake/relations").success
    assert press(tiny_study, home, "lake/corpus_sizes", partition="texts|de").success
    assert "Nothing to do" in studies.factroots("run", tiny_study, "--home", home.parent).stdout


def test_a_table_that_the_study_has_no_rows_for_does_not_hold_up_what_reads_it(
    tiny_study: Path, tmp_path: Path
) -> None:
    workspace = Workspace(str(tiny_study), tmp_path)
    workspace.home.create()
    prepare_lake(workspace.home.lake)
    tables = {"atlas_truth", "world_answers"}

    @dg.asset(deps=[lake_key(table) for table in tables])
    def reader() -> None:
        pass

    chosen = {*(lake_key(table) for table in tables), reader.key}
    result = dg.materialize(
        [*lake_assets(study_partitions(workspace.study.name)), reader],
        instance=dg.DagsterInstance.ephemeral(),
        resources={"workspace": workspace, "workers": ThisProcess()},
        selection=list(chosen),
    )
    assert {event.asset_key for event in result.get_asset_materialization_events()} == chosen


@pytest.mark.nightly
def test_what_was_not_built_from_the_present_lake_is_not_published(
    own_study: Path, home: Path
) -> None:
    published = home / "factroots.duckdb"
    query = "select model_id from dim_models order by all"
    lines = own_study.read_text().splitlines(keepends=True)
    own_study.write_text("".join(line for line in lines if "id: third" not in line))
    result = press(own_study, home, "lake/models")
    assert result.success, why(result)
    result = press(own_study, home, "factroots_duckdb")
    assert not result.success
    assert "build the marts first" in why(result)
    assert ask(published, query) == [("first",), ("second",), ("third",)]
    status = studies.factroots("status", own_study, "--home", home.parent).stdout
    assert "not published in its present state" in status
    # One mart is not all: the others still have the model that left.
    assert press(own_study, home, "dim_models").success
    assert not press(own_study, home, "factroots_duckdb").success
    run = studies.factroots("run", own_study, "--home", home.parent)
    assert run.exit_code == 0, run.stderr
    assert ask(published, query) == [("first",), ("second",)]
    # The build file still has its working schemas, and may be published again.
    assert press(own_study, home, "factroots_duckdb").success
    assert ask(published, query) == [("first",), ("second",)]
    assert press(own_study, home, "fct_fact_roots").success
