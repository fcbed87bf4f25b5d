"""Sealed parts: written rows are read back, and damaged parts are named."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from ingestion.contract import LAKE
from ingestion.lake import (
    LakeError,
    Provenance,
    fingerprint,
    first_rows,
    part_path,
    prepare_lake,
    read_part,
    read_provenance,
    verify_part,
    write_part,
)

PROMPTS = pl.DataFrame(
    {
        "language_code": ["de", "de"],
        "relation_id": ["P19", "P36"],
        "template": ["[X] wurde in [Y] geboren .", "Die Hauptstadt von [X] ist [Y] ."],
        "is_template_changed": [False, False],
    }
)


def provenance(table: str = "prompts", rows: int = 2, **partition: str) -> Provenance:
    return Provenance.now(
        table,
        partition or {"language_code": "de"},
        fingerprint="f" * 32,
        code_version="1",
        duration_seconds=0.5,
        row_count=rows,
        details={"revision": "abc"},
    )


def test_a_part_comes_back_with_rows_and_provenance(tmp_path: Path) -> None:
    made_by = provenance()
    path = write_part(tmp_path, PROMPTS, made_by)
    assert path == tmp_path / "prompts" / "de.parquet"
    assert read_part(path).equals(PROMPTS)
    assert read_provenance(path) == made_by
    assert pq.read_schema(path).equals(LAKE["prompts"].schema)


def test_the_first_rows_of_a_part_are_those_that_were_written_first(tmp_path: Path) -> None:
    path = write_part(tmp_path, PROMPTS, provenance())
    assert first_rows(path, 1) == PROMPTS.head(1).to_dicts()
    assert first_rows(path, 10) == PROMPTS.to_dicts()
    none = write_part(tmp_path, PROMPTS.head(0), provenance(rows=0))
    assert first_rows(none, 10) == []


def test_sql_reads_the_provenance_from_the_footer(tmp_path: Path) -> None:
    write_part(tmp_path, PROMPTS, provenance())
    rows = duckdb.sql(
        f"select json_extract_string(decode(value), '$.details.revision') "
        f"from parquet_kv_metadata('{tmp_path}/prompts/*.parquet') "
        f"where decode(key) = 'factroots.provenance'"
    ).fetchall()
    assert rows == [("abc",)]


@pytest.mark.parametrize("damage", ["cut", "flipped", "rewritten", "empty"])
def test_damage_to_a_part_is_reported_by_name(tmp_path: Path, damage: str) -> None:
    path = write_part(tmp_path, PROMPTS, provenance())
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data[len(data) // 4] ^= 1
        path.write_bytes(data)
    elif damage == "rewritten":
        PROMPTS.write_parquet(path)
    else:
        path.write_bytes(b"")
    with pytest.raises(LakeError, match=r"prompts/de\.parquet.*Run again to recompute it"):
        verify_part(path)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (PROMPTS.drop("template"), "missing \\['template'\\]"),
        (PROMPTS.with_columns(extra=pl.lit(1)), "unknown \\['extra'\\]"),
        (
            PROMPTS.with_columns(template=pl.lit(None, dtype=pl.String)),
            "do not fit.*'template' with null",
        ),
        (PROMPTS.with_columns(language_code=pl.lit("fr")), "do not belong"),
        (PROMPTS.with_columns(relation_id=pl.lit("P19")), "share their key"),
        (PROMPTS.with_columns(template=pl.Series([[1], [2]])), "do not fit"),
    ],
)
def test_rows_that_break_the_contract_are_refused_and_leave_nothing(
    tmp_path: Path, frame: pl.DataFrame, message: str
) -> None:
    with pytest.raises(LakeError, match=message):
        write_part(tmp_path, frame, provenance())
    assert not list(tmp_path.rglob("*.parquet*"))


def test_a_failed_write_keeps_the_old_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_part(tmp_path, PROMPTS, provenance())

    def full_disk(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full_disk)
    with pytest.raises(LakeError, match=r"disk is full.*Finished parts are kept"):
        write_part(tmp_path, PROMPTS.head(1), provenance(rows=1))
    assert read_part(path).equals(PROMPTS)
    assert [p.name for p in path.parent.iterdir()] == ["de.parquet"]


def test_what_is_in_the_place_of_a_part_or_of_its_folder_is_to_be_deleted(tmp_path: Path) -> None:
    path = write_part(tmp_path, PROMPTS, provenance())
    path.unlink()
    path.mkdir()
    with pytest.raises(LakeError, match=r"de\.parquet: a folder is in its place: delete it"):
        write_part(tmp_path, PROMPTS, provenance())
    path.rmdir()
    path.parent.rmdir()
    path.parent.touch()
    with pytest.raises(LakeError, match=r"a file is in the place of one of its folders: delete"):
        write_part(tmp_path, PROMPTS, provenance())


def test_a_fresh_lake_can_be_globbed_and_leftovers_are_cleared(tmp_path: Path) -> None:
    leftover = tmp_path / "predictions" / "mbert" / ".en.parquet.123.tmp"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    prepare_lake(tmp_path)
    assert not leftover.exists()
    for table in LAKE.values():
        glob = f"{tmp_path}/{table.name}/**/*.parquet"
        assert duckdb.read_parquet(glob).columns == table.schema.names


def test_fingerprints_depend_on_values_and_not_on_key_order() -> None:
    assert fingerprint({"a": 1, "b": "é"}) == fingerprint({"b": "é", "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    assert fingerprint("a", "b") != fingerprint("ab")


@pytest.mark.parametrize("value", ["", "../x", "a/b", ".hidden", "_schema"])
def test_a_partition_value_cannot_leave_its_folder(tmp_path: Path, value: str) -> None:
    with pytest.raises(LakeError, match="cannot name a part"):
        part_path(tmp_path, "prompts", {"language_code": value})
