"""What Dagster gets: every lake table and dbt model is an asset that says what it is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_project.dbt import project
from dagster_project.dbt.lineage import kept_lineage, prepare_lineage
from dagster_project.dbt.project import prepare_manifest
from dagster_project.definitions import build_definitions
from dagster_project.runtime.workers import ThisProcess
from dagster_project.runtime.workspace import Workspace
from ingestion.contract import LAKE


@pytest.fixture(scope="module")
def specs(tiny_study: Path, undisturbed: Path) -> dict[str, dg.AssetSpec]:
    workspace = Workspace(str(tiny_study), undisturbed.parent)
    definitions = build_definitions(workspace, ThisProcess(), with_lineage=True)
    return {
        spec.key.to_user_string(): spec
        for asset in definitions.assets or ()
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.specs
    }


@pytest.fixture(scope="module")
def checks(tiny_study: Path, undisturbed: Path) -> dict[str, str | None]:
    definitions = build_definitions(Workspace(str(tiny_study), undisturbed.parent), ThisProcess())
    return {
        spec.name: spec.description
        for asset in definitions.assets or ()
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.check_specs
    }


def latest(
    home: Path, asset: str, partition: str | None = None
) -> Mapping[str, dg.MetadataValue[Any]]:
    """What Dagster shows of an asset's latest materialization."""
    wanted = dg.AssetRecordsFilter(
        dg.AssetKey.from_user_string(asset),
        asset_partitions=None if partition is None else [partition],
    )
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        (record,) = instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    return record.asset_materialization.metadata


def test_every_lake_table_is_an_asset_with_its_columns(specs: dict[str, dg.AssetSpec]) -> None:
    for name, table in LAKE.items():
        schema = specs[f"lake/{name}"].metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == table.schema.names


def test_every_dbt_model_is_an_asset(specs: dict[str, dg.AssetSpec], project: Path) -> None:
    models = {path.stem for path in (project / "dbt" / "models").rglob("*.sql")}
    assert models <= {key.rpartition("/")[2] for key in specs if not key.startswith("lake/")}


def test_every_asset_has_group_owner_kind_and_description(specs: dict[str, dg.AssetSpec]) -> None:
    bare = [
        key
        for key, spec in specs.items()
        if not (spec.group_name and spec.owners and spec.kinds and spec.description)
    ]
    assert bare == []


def test_groups_read_from_left_to_right(specs: dict[str, dg.AssetSpec]) -> None:
    before: dict[str, set[str]] = {}
    for spec in specs.values():
        groups = {specs[each.asset_key.to_user_string()].group_name for each in spec.deps}
        before.setdefault(str(spec.group_name), set()).update(map(str, groups - {spec.group_name}))
    order = list(TopologicalSorter(before).static_order())
    assert order[-1] == "published"
    assert order.index("lake_facts") < order.index("lake_views") < order.index("marts_roots")


def test_every_column_of_a_mart_is_described_with_its_type(specs: dict[str, dg.AssetSpec]) -> None:
    for key, spec in specs.items():
        if str(spec.group_name).startswith("marts_") and not key.startswith("int_"):
            columns = spec.metadata["dagster/column_schema"].columns
            assert columns, key
            bare = [each.name for each in columns if not each.description or each.type == "?"]
            assert bare == [], key


def test_every_column_that_staging_passes_on_has_the_words_of_the_lake(
    specs: dict[str, dg.AssetSpec],
) -> None:
    columns = specs["stg_lake__predictions"].metadata["dagster/column_schema"].columns
    described = {column.name: column.description.partition("\n")[0] for column in columns}
    contract = LAKE["predictions"].columns
    assert described == {column.name: column.description for column in contract}
    types = {column.name: column.type for column in columns}
    assert (types["fact_id"], types["gold_token_ids"]) == ("varchar", "integer[]")


@pytest.mark.parametrize(
    ("asset", "column", "origins"),
    [
        ("stg_lake__predictions", "gold_rank", {"lake/predictions.gold_rank"}),
        ("int_predictions", "is_full_match", {
            "int_language_facts.object_label",
            "stg_lake__models.ignored_token_id",
            "stg_lake__predictions.gold_token_ids",
            "stg_lake__predictions.predicted_text",
            "stg_lake__predictions.predicted_token_ids",
        }),
        ("p_at_1_by_language", "full_match_rate", {"fct_predictions.is_full_match"}),
        ("p_at_1_by_language", "fact_count", set()),
    ],
)  # fmt: skip
def test_a_column_names_what_it_is_computed_from(
    specs: dict[str, dg.AssetSpec], asset: str, column: str, origins: set[str]
) -> None:
    lineage = specs[asset].metadata["dagster/column_lineage"].deps_by_column[column]
    found = {f"{each.asset_key.to_user_string()}.{each.column_name}" for each in lineage}
    assert found == origins
    schema = specs[asset].metadata["dagster/column_schema"]
    (described,) = [each.description for each in schema.columns if each.name == column]
    assert all(f"/assets/{origin.rpartition('.')[0]})" in described for origin in origins)


@pytest.mark.nightly
def test_lineage_read_before_any_run_is_that_read_after_one(
    tiny_study: Path, undisturbed: Path, tmp_path: Path
) -> None:
    used = Workspace(str(tiny_study), undisturbed.parent)
    after = kept_lineage(used.home, prepare_manifest(used.study, used.home))
    new = Workspace(str(tiny_study), tmp_path).home
    new.create()
    assert prepare_lineage(new) == after
    assert after


@pytest.mark.nightly
def test_a_project_that_stands_elsewhere_is_parsed_again(
    tiny_study: Path, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workspace = Workspace(str(tiny_study), home.parent)
    places = [shutil.copytree(project.DBT_PROJECT, tmp_path / name) for name in ("old", "new")]
    for place in places:
        monkeypatch.setattr(project, "DBT_PROJECT", place)
        manifest = prepare_manifest(workspace.study, workspace.home)
        seeds = [node for node in manifest["nodes"].values() if node["resource_type"] == "seed"]
        assert {node["root_path"] for node in seeds} == {str(place)}


def test_dbt_tests_are_checks_with_their_claim(checks: dict[str, str | None]) -> None:
    assert checks["numbers_add_up"]
    assert [name for name, claim in checks.items() if not claim] == []


@pytest.mark.parametrize(
    ("asset", "partition", "first"),
    [
        ("lake/facts", None, {"relation_id": "P36"}),
        ("lake/predictions", "en|first", {"mask_count": 1}),
        ("fct_predictions", None, {"model_id": "first", "language_code": "de"}),
    ],
)
def test_the_latest_run_shows_the_first_rows_of_a_table(
    undisturbed: Path, asset: str, partition: str | None, first: dict[str, object]
) -> None:
    metadata = latest(undisturbed, asset, partition)
    shown = metadata["preview"]
    assert isinstance(shown, dg.TableMetadataValue)
    rows = metadata["dagster/row_count"].value
    assert len(shown.records) == min(rows, 10)
    assert first.items() <= shown.records[0].data.items()


def test_p_at_1_of_each_language_is_a_figure_to_be_drawn(undisturbed: Path) -> None:
    figures = latest(undisturbed, "p_at_1_by_language")
    names = {name for name in figures if name.startswith("P@1 ")}
    assert "P@1 first/en" in names
    assert len(names) == 9
    assert all(isinstance(figures[name].value, float) for name in names)


def test_data_flows_from_facts_to_the_published_file(specs: dict[str, dg.AssetSpec]) -> None:
    upstream, wanted = set(), ["factroots_duckdb"]
    while wanted:
        for dependency in specs[wanted.pop()].deps:
            key = dependency.asset_key.to_user_string()
            if key not in upstream:
                upstream.add(key)
                wanted.append(key)
    lake = {"lake/predictions", "lake/fact_labels", "lake/models", "lake/active_neurons"}
    assert lake | {"p_at_1_by_language"} <= upstream


def test_partitions_that_read_others_say_which(specs: dict[str, dg.AssetSpec]) -> None:
    """Else Dagster looks for the same key, and "Materialize all" ends in an error."""
    found = {}
    for name, spec in specs.items():
        for dep in spec.deps:
            read = specs.get(dep.asset_key.to_user_string())
            if read is None or not spec.partitions_def or not read.partitions_def:
                continue
            if read.partitions_def != spec.partitions_def:
                found[name, dep.asset_key.to_user_string()] = dep.partition_mapping
    assert found == {("lake/text_gradients", "lake/occurrences"): dg.AllPartitionMapping()}


def test_what_asks_for_all_parts_comes_after_all_lake_tables(
    specs: dict[str, dg.AssetSpec],
) -> None:
    lake = {f"lake/{table}" for table in LAKE}
    for name in ("stg_lake__parts", "operations/partition_runs", "lake/missing_models"):
        read = {dep.asset_key.to_user_string() for dep in specs[name].deps}
        assert lake - {name} <= read, name
