"""Habits of the dbt project that its own tools do not check."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagster_project.defs.asset_specs import sql_type
from ingestion.contract import LAKE

PLAIN_NAMES = {
    "architecture", "content_hash", "dtype", "facts_version", "file_name", "fingerprint",
    "hidden_size", "lake_table", "language_a", "language_b", "language_branch", "language_family",
    "language_name", "latitude", "line_number", "line_text", "longitude", "mask_counts",
    "objective", "part_name", "predicted_text", "reason", "relation_name", "revision",
    "rows_per_second", "scope_kind", "script", "source", "source_file", "study_name", "template",
    "tokenizer_hash", "vocabulary_size", "duration_seconds", "code_version", "gold_log_prob",
    "subject_label", "object_label", "distractor_kind", "evidence_distance", "evidence_document",
    "evidence_offset", "evidence_text", "precision", "precision_low", "precision_high",
    "problem_note", "difference", "measured_precision", "measured_recall", "measured_value",
    "note", "printed_precision", "printed_recall",
    "layer_indexes", "neuron_ranks", "row_number", "set_size", "neuron_indexes",
    "edit_factor", "published_source", "published_tolerance", "published_value", "recall",
    "recall_low", "recall_high", "seed", "table_name", "text_unit", "subject_transliterated",
    "object_transliterated", "chat_message", "continuation_text", "commonest_answer",
    "fact_subject_label", "fact_object_label", "paper_reason", "maker_note", "key_columns",
}  # fmt: skip
GRAMMAR = re.compile(
    r"(is|has)_\w+|"
    r"\w+_(id|codes?|count|rate|rank|index|score|at|bytes|probability|probabilities|log_prob|residual|sum)(_[ab])?|"
    r"log_prob(_without_(a|b|both))?|\w+_(rate|score)_(low|high)|(\w+_)?p_value"
)


@pytest.fixture(scope="module")
def models(project: Path) -> Path:
    return project / "dbt" / "models"


def marts(models: Path) -> dict[str, dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text()) for path in models.glob("marts/*/*.yml")]
    return {model["name"]: model for document in documents for model in document.get("models", [])}


def test_every_mart_states_its_grain_and_describes_every_column(models: Path) -> None:
    described = marts(models)
    assert set(described) == {path.stem for path in models.glob("marts/*/*.sql")}
    for name, mart in described.items():
        assert mart["description"].startswith("One row per "), name
        assert any(rule["type"] == "primary_key" for rule in mart["constraints"]), name
        for column in mart["columns"]:
            assert column["description"].strip(), (name, column["name"])


def test_a_table_of_facts_has_its_key_in_the_list_of_those_without_an_index(project: Path) -> None:
    listed = (project / "dbt" / "macros" / "fact_keys.sql").read_text()
    declared = {}
    for name, mart in marts(project / "dbt" / "models").items():
        if name.startswith("fct_"):
            (declared[name],) = (
                rule["columns"] for rule in mart["constraints"] if rule["type"] == "primary_key"
            )
            required = {
                column["name"]
                for column in mart["columns"]
                if {"type": "not_null"} in column.get("constraints", ())
            }
            assert required >= set(declared[name]), name
    (keys,) = re.findall(r"return\((.*)\) -}}", listed, re.DOTALL)
    assert ast.literal_eval(keys.strip()) == declared


def test_every_model_is_described_in_a_file_of_its_own(models: Path) -> None:
    for path in models.glob("*/**/*.sql"):
        if path.parent.name != "generated":
            described = yaml.safe_load(path.with_suffix(".yml").read_text())["models"]
            assert [model["name"] for model in described] == [path.stem]


def test_column_names_follow_the_grammar(models: Path) -> None:
    names = {column["name"] for mart in marts(models).values() for column in mart["columns"]}
    assert {name for name in names - PLAIN_NAMES if not GRAMMAR.fullmatch(name)} == set()


def test_no_count_is_wider_than_bigint_and_only_counts_of_the_lake_are_narrower(
    models: Path,
) -> None:
    """HUGEINT and DECIMAL, the types of DuckDB's sums, become floats and objects in pandas."""
    types = {
        column["name"]: column["data_type"]
        for mart in marts(models).values()
        for column in mart["columns"]
    }
    assert set(types.values()) <= {
        "bigint", "boolean", "double", "double[]", "float", "integer", "integer[]", "timestamp",
        "varchar", "varchar[]",
    }  # fmt: skip
    lake = {field.name for table in LAKE.values() for field in table.schema}
    narrow = {n for n, kind in types.items() if n.endswith("_count") and kind == "integer"}
    assert narrow - lake == {"full_match_mask_count", "planted_neuron_count"}


def test_every_rate_shows_its_interval(models: Path) -> None:
    for name, mart in marts(models).items():
        columns = {column["name"] for column in mart["columns"]}
        for rate in (column for column in columns if column.endswith("_rate")):
            assert {f"{rate}_low", f"{rate}_high"} <= columns, (name, rate)


def test_staging_takes_each_column_of_the_contract_once_with_its_type(models: Path) -> None:
    for path in models.glob("staging/**/stg_lake__*.sql"):
        name = path.stem.removeprefix("stg_lake__")
        if name == "parts":  # Not a table of the lake: it reads the footers of all parts.
            continue
        selected = re.findall(r"^ +(\w+)::(\S+) as (\w+),$", path.read_text(), flags=re.MULTILINE)
        expected = [(f.name, sql_type(f.type), f.name) for f in LAKE[name].schema]
        assert selected == expected, name


def test_only_staging_reads_the_lake_and_every_model_ends_in_final(models: Path) -> None:
    for path in models.rglob("*.sql"):
        sql = path.read_text()
        if not path.stem.startswith("stg_lake__"):
            assert "source(" not in sql, path.name
        assert sql.endswith("\nselect * from final\n"), path.name


def test_the_dbt_folder_is_no_package(project: Path) -> None:
    """An ``__init__.py`` would make ``import dbt`` find this folder instead of dbt-core."""
    assert not list((project / "dbt").rglob("__init__.py"))
