"""Rows leave a method as the lake contract describes them, without the columns of the partition."""

from __future__ import annotations

import polars as pl

from ingestion.contract import LAKE
from models_gpu.lake_rows import lake_rows, lake_schema


def test_rows_are_typed_sorted_by_key_and_have_the_columns_of_the_contract_alone() -> None:
    frame = pl.DataFrame({"reason_code": "no_contrast", "fact_id": ["b", "a"], "more": [1, 2]})
    frames = [frame.with_columns(method_code=pl.lit("probeless"))]
    rows = lake_rows("unscored_facts", frames)
    assert rows.rows() == [("a", "probeless", "no_contrast"), ("b", "probeless", "no_contrast")]
    assert ["model_id", "language_code", *rows.columns] == LAKE["unscored_facts"].schema.names


def test_without_frames_the_table_is_empty_and_typed() -> None:
    assert lake_rows("degenerate_sets", []).schema == lake_schema("degenerate_sets")
