"""Exported tables: order, format and data package."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from tests.helpers.small_files import write_file
from warehouse.export import export
from warehouse.tables import WarehouseError


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_file(tmp_path_factory.mktemp("warehouse") / "factroots.duckdb")


@pytest.fixture(scope="module")
def exported(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export(file, folder, ("parquet", "csv"))
    return folder


def test_rows_are_in_the_order_of_the_key_lists_are_json_and_nulls_are_nothing(
    exported: Path,
) -> None:
    assert (exported / "scores.csv").read_text().splitlines() == [
        "model_id,language_code,fact_count,score,names",
        "a,en,1,1e-09,",
        "m,de,2,,[]",
        'm,en,3,0.5,"[""a"",""b, \\""c\\""""]"',
    ]
    found = duckdb.read_parquet(str(exported / "scores.parquet")).fetchall()
    assert [row[:2] for row in found] == [("a", "en"), ("m", "de"), ("m", "en")]
    assert found[2][4] == ["a", 'b, "c"']


def test_the_order_of_insertion_leaves_no_trace(exported: Path, tmp_path: Path) -> None:
    other = write_file(
        tmp_path / "other.duckdb",
        "create table again as from scores order by all desc; delete from scores; "
        "insert into scores from again; drop table again;",
    )
    export(other, tmp_path / "out", ("csv", "parquet"))
    for path in sorted(exported.iterdir()):
        if path.name != "datapackage.json":
            assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes(), path.name


def test_the_data_package_has_types_keys_descriptions_and_licences(exported: Path) -> None:
    package = json.loads((exported / "datapackage.json").read_text())
    resources = {resource["name"]: resource for resource in package["resources"]}
    assert {resource["path"] for resource in resources.values()} == {
        f"{table}.{form}"
        for table in ("dim_languages", "scores", "strays")
        for form in ("csv", "parquet")
    }
    languages = resources["dim_languages.csv"]
    assert languages["description"] == "One row per language."
    assert languages["schema"]["fields"][1]["description"] == "English name of the language."
    schema = resources["scores.parquet"]["schema"]
    assert [field["type"] for field in schema["fields"]] == [
        "string", "string", "integer", "number", "array",
    ]  # fmt: skip
    assert schema["primaryKey"] == ["model_id", "language_code"]
    assert schema["foreignKeys"] == [
        {
            "fields": ["language_code"],
            "reference": {"resource": "dim_languages.parquet", "fields": ["language_code"]},
        }
    ]
    # 'xx' is no language of the file: a link that does not hold is not claimed.
    assert "foreignKeys" not in resources["strays.csv"]["schema"]
    assert [licence["name"] for licence in package["licenses"]] == ["CC-BY-4.0"]
    assert [source["title"] for source in package["sources"]] == [
        "corpus: texts (licence not known)",
        "facts: Some facts (CC-BY-4.0)",
    ]


def test_only_wanted_tables_are_written_and_a_wrong_name_gets_close_matches(
    file: Path, tmp_path: Path
) -> None:
    written = export(file, tmp_path, tables=["operations.materials"])
    names = [path.name for path in written]
    assert names == ["operations.materials.parquet", "datapackage.json"]
    with pytest.raises(
        WarehouseError, match="no table 'score' in the warehouse; did you mean scores"
    ):
        export(file, tmp_path, tables=["score"])
    with pytest.raises(WarehouseError, match="folder of a study that was run"):
        export(tmp_path / "none.duckdb", tmp_path)
