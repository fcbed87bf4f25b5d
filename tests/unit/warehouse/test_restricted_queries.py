"""A query reads the warehouse and nothing else, unless it is allowed to."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import polars as pl
import pytest

from ingestion.errors import FactrootsError
from tests.helpers.small_files import write_file
from tests.helpers.watch import watched
from warehouse.connection import RestrictedQueryError, opened
from warehouse.query import QueryError, ask

PLACE = "OUT"
REFUSED = [
    "copy scores to 'OUT/new.csv'",
    "copy (select 1) to 'OUT/new.parquet'",
    "copy scores from 'OUT/secret.csv'",
    "export database 'OUT/new'",
    "import database 'OUT'",
    "from read_text('OUT/secret.csv')",
    "from read_blob('OUT/secret.csv')",
    "from read_csv('OUT/secret.csv')",
    "from read_json('OUT/secret.csv')",
    "from parquet_scan('OUT/secret.csv')",
    "from parquet_metadata('OUT/secret.csv')",
    "from sniff_csv('OUT/secret.csv')",
    "from glob('OUT/*')",
    "from 'OUT/secret.csv'",
    "select (select content from read_text('OUT/secret.csv')) from scores",
    "from query('from read_text(''OUT/secret.csv'')')",
    "attach 'OUT/new.duckdb'",
    "attach 'OUT/other.duckdb' (read_only)",
    "attach 'http://127.0.0.1:9/x.duckdb'",
    "from read_csv('http://127.0.0.1:9/x.csv')",
    "install httpfs",
    "load httpfs",
    "load 'OUT/x.duckdb_extension'",
    "create secret (type s3)",
    "create persistent secret (type http)",
    "set enable_external_access = true",
    "set allowed_directories = ['OUT']",
    "set lock_configuration = false",
    "reset lock_configuration",
    "set memory_limit = '100GB'",
    "set temp_directory = 'OUT'",
    "set file_search_path = 'OUT'",
    "pragma profiling_output = 'OUT/new.json'",
    "call enable_logging(storage = 'file', storage_path = 'OUT')",
    "from connection",
    "from published_file",
    "delete from scores",
    "create table extra as from scores",
    "select getenv('HOME')",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.csv").write_text("a\n1\n")
    write_file(tmp_path / "outside" / "other.duckdb")
    return write_file(tmp_path / "factroots.duckdb")


@pytest.mark.parametrize("query", REFUSED)
def test_what_is_not_in_the_warehouse_is_refused(file: Path, query: str) -> None:
    outside = file.parent / "outside"
    before = sorted(outside.rglob("*"))
    with watched(outside) as touched, pytest.raises(FactrootsError) as refused:
        ask(file, query.replace(PLACE, str(outside)), "csv")
    assert "a\n1" not in str(refused.value)
    assert touched == []
    assert sorted(outside.rglob("*")) == before


def test_the_message_says_how_to_write_an_answer_and_how_to_allow_files(file: Path) -> None:
    with pytest.raises(RestrictedQueryError, match=r"--output FILE; .*--allow-files"):
        ask(file, f"copy scores to '{file.parent}/new.csv'")


def test_files_can_be_allowed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask(file, f"from read_text('{file.parent}/outside/secret.csv')", "csv", allow_files=True)
    assert "a\n1" in capsys.readouterr().out
    ask(file, f"copy scores to '{file.parent}/new.parquet'", allow_files=True)
    assert pl.read_parquet(file.parent / "new.parquet").height == 3


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_the_answer_is_written_where_the_user_says(file: Path, form: str) -> None:
    output = file.parent / f"answer.{form}"
    output.write_text("before")
    ask(file, "select model_id, fact_count from scores order by all", form, output)
    read = {"csv": pl.read_csv, "json": pl.read_ndjson, "parquet": pl.read_parquet}[form]
    assert read(output).rows() == [("a", 1), ("m", 2), ("m", 3)]
    assert list(file.parent.glob(".*tmp")) == []


def test_an_answer_that_cannot_be_written_is_one_error(file: Path) -> None:
    with pytest.raises(QueryError, match="cannot write"):
        ask(file, "from scores", "csv", file.parent / "nowhere" / "answer.csv")


def test_variables_work_and_are_no_settings(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask(file, "select getvariable('a') as a", "csv", variables={"a": "x'y", "b": "1"})
    assert capsys.readouterr().out == "a\nx'y\n"


def test_a_query_has_a_limit_of_memory(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hungry = "select length(list(i)) as n from range(20000000) t(i)"
    with pytest.raises(RestrictedQueryError, match=r"needs more memory than 50MB.*--memory"):
        ask(file, hungry, "csv", memory="50MB")
    ask(file, hungry, "csv", memory="2GB")
    assert capsys.readouterr().out == "n\n20000000\n"


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_an_answer_has_a_largest_size(
    file: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr("warehouse.connection._LARGEST_ANSWER", 1 << 20)
    output = file.parent / f"long.{form}"
    long = "select range as r, hash(range) as h from range(1000000)"
    with pytest.raises(RestrictedQueryError, match=r"the answer is larger than .*--allow-files"):
        ask(file, long, form, output)
    assert not output.exists()
    # The limit is gone after the query, and a query that the user knows has none.
    ask(file, long, form, output, allow_files=True)
    assert output.stat().st_size > 1 << 20


@pytest.mark.parametrize("memory", ["", "much", "-1GB", "4", "'; select 1"])
def test_a_limit_that_is_none_is_refused(file: Path, memory: str) -> None:
    with pytest.raises(QueryError, match="no amount of memory"):
        ask(file, "from scores", memory=memory)


def test_a_query_of_the_code_is_restricted_as_well(file: Path) -> None:
    with opened(file) as published, pytest.raises(Exception, match="disabled by configuration"):
        published.connection.execute("from read_text('/etc/hostname')")


def test_no_other_module_opens_a_published_file_for_queries(project: Path) -> None:
    """Those left out read or write whole tables by SQL of their own, or are for people's Python."""
    whole = {
        "build_file.py",
        "connection.py",
        "fit_root_rule.py",
        "opened.py",
        "publish.py",
        "tables.py",
    }
    opening = {
        path.name
        for path in (project / "warehouse").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "duckdb.connect"
    }
    assert opening == whole


def test_saved_questions_and_the_report_need_no_files(project: Path) -> None:
    texts = [path.read_text() for path in (project / "warehouse" / "queries").rglob("*.sql")]
    assert texts
    assert not [text for text in texts if re.search(r"\b(read_\w+|copy|attach|glob)\s*\(", text)]
