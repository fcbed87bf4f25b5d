"""What Dagster is told: every lake table and dbt model is an asset that says what it is."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dagster_project.definitions import build_definitions
from dagster_project.workspace import Workspace
from ingestion.contract import LAKE


@pytest.fixture(scope="module")
def specs(tiny_study: Path, finished: Path) -> dict[str, dg.AssetSpec]:
    definitions = build_definitions(Workspace(str(tiny_study), finished.parent))
    return {
        spec.key.to_user_string(): spec
        for asset in definitions.assets or ()
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.specs
    }


def test_every_lake_table_is_an_asset_with_its_columns(specs: dict[str, dg.AssetSpec]) -> None:
    for name, table in LAKE.items():
        schema = specs[f"lake/{name}"].metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == table.schema.names


def test_every_dbt_model_is_an_asset(specs: dict[str, dg.AssetSpec], project: Path) -> None:
    models = {path.stem for path in (project / "dbt" / "models").rglob("*.sql")}
    assert models <= {key.rpartition("/")[2] for key in specs if not key.startswith("lake/")}


def test_every_asset_has_group_owner_and_description(specs: dict[str, dg.AssetSpec]) -> None:
    bare = [
        key
        for key, spec in specs.items()
        if not (spec.group_name and spec.owners and spec.description)
    ]
    assert bare == []


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
