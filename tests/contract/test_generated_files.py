"""Files in git that are written from the code say what the code says now."""

from __future__ import annotations

from dagster_project.dbt.generate_sources import (
    SOURCES_FILE,
    STAGING,
    render_sources,
    render_staging,
)
from dagster_project.study.reference import REFERENCE_FILE, render_reference
from ingestion.contract import LAKE


def test_dbt_sources_are_those_of_the_lake_contract() -> None:
    assert SOURCES_FILE.read_text(encoding="utf-8") == render_sources(), "run: make generate"


def test_staging_models_that_only_cast_are_those_of_the_lake_contract() -> None:
    found = {path: path.read_text(encoding="utf-8") for path in STAGING.iterdir()}
    assert found == render_staging(), "run: make generate"


def test_the_page_of_the_study_file_has_its_keys_and_sentences() -> None:
    assert REFERENCE_FILE.read_text(encoding="utf-8") == render_reference(), "run: make generate"


def test_every_lake_table_and_column_is_described() -> None:
    for table in LAKE.values():
        assert table.description.endswith("."), table.name
        assert set(table.key) <= set(table.schema.names), table.name
        assert set(table.partition_by) <= set(table.key), table.name
        for column in table.columns:
            assert column.description.endswith("."), f"{table.name}.{column.name}"
