"""Runs the expectations with Great Expectations: one context and one connection for all tables.

Which parts are checked comes from the plan, what must hold from ``expectations``. Nothing here
knows Dagster. Great Expectations takes seconds to import: import this module only to run it.
"""

from __future__ import annotations

import atexit
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import duckdb_engine
import great_expectations as gx
import pyarrow as pa
import pyarrow.parquet as pq
from great_expectations.core import ExpectationValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.core.unexpected_rows_expectation import (
    UnexpectedRowsExpectation,
)
from sqlalchemy import Connection
from sqlalchemy.dialects import registry

from dagster_project.defs.checks.expectations import COUNT, Expectation, expectations
from dagster_project.defs.checks.summaries import common_tables, summaries
from dagster_project.steps.plan import Part
from ingestion.contract import LAKE, LakeTable
from ingestion.lake import part_path, read_provenance

__all__ = ["Finding", "validate"]

_SCHEMA_FILE = "_schema.parquet"
_LISTED_ROWS = 10
_QUERY = "unexpected_rows_query"
_MADE_WITH = ("revision", "tokenizer_hash", "dtype", "imported_file")
"""What a part's provenance says that a check compares."""
_PART_COLUMNS = (
    *("lake_table", "part_name", "file_name", "is_there", "is_sound"),
    *("model_id", "corpus_id", "language_code", *_MADE_WITH),
)


@dataclass(frozen=True)
class Finding:
    """An expectation that does not hold."""

    table: str
    """Lake table."""
    expectation: Expectation
    """What must hold."""
    row_count: int
    """Rows that break it."""
    rows: tuple[Mapping[str, Any], ...]
    """Some of them, each with its ``problem``; problems take turns."""
    error: str | None = None
    """Why the query failed; None if it did not."""

    @property
    def summary(self) -> str:
        """One line for people: ``predictions, complete: 2 rows, such as …``."""
        place = f"{self.table}, {self.expectation.name}"
        if self.error is not None:
            return f"{place}: cannot be checked: {self.error}"
        first = ", ".join(f"{name} {value!r}" for name, value in self.rows[0].items() if value)
        return f"{place}: {self.row_count:,} rows, such as {first}"


def validate(
    lake: Path,
    parts: Iterable[Part],
    tables: Sequence[str],
    *,
    expects_all: bool = True,
    left_out: Collection[str] = (),
) -> dict[str, list[Finding]]:
    """Runs all expectations of these tables.

    Args:
        lake: root folder of a prepared lake.
        parts: the parts of the study; other files in the lake are ignored.
        tables: names of lake tables.
        expects_all: whether a missing part is a failure; otherwise only existing parts are
            checked.
        left_out: models of the study that ``parts`` does not contain.

    Returns:
        Table → the expectations that failed; empty where all passed.
    """
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_sql(
        "lake", connection_string="duckdb+auto:///:memory:", create_temp_table=False
    )
    engine = source.get_execution_engine().engine
    with closing(engine.connect()) as connection:
        _create_views(connection, lake, parts, expects_all)
        models = [{"model_id": model_id} for model_id in left_out]
        _create_table(connection, "left_out_models", models, ("model_id",))
        for name, query in common_tables():
            connection.exec_driver_sql(f"create table {name} as {query}")
    found = {}
    for name in tables:
        asset = source.add_query_asset(name, query=f"select * from {name}")
        batch = asset.add_batch_definition_whole_table("whole").get_batch()
        wanted = {each.query.rstrip(): each for each in expectations(LAKE[name])}
        suite = gx.ExpectationSuite(
            name=name,
            expectations=[
                _NoRows(description=each.sentence, unexpected_rows_query=query)
                for query, each in wanted.items()
            ],
        )
        with closing(engine.connect()) as connection, _summed_up(connection, LAKE[name]):
            outcome = batch.validate(suite, result_format="COMPLETE")
        found[name] = [
            _finding(name, wanted[result.expectation_config.kwargs[_QUERY]], result)
            for result in outcome.results
            if not result.success and result.expectation_config is not None
        ]
    engine.dispose()
    return found


@contextmanager
def _summed_up(connection: Connection, table: LakeTable) -> Iterator[None]:
    """Sums up the table's rows once, for all of its expectations."""
    names = []
    for name, query in summaries(table):
        connection.exec_driver_sql(f"create table {name} as {query}")
        names.append(name)
    yield
    for name in names:
        connection.exec_driver_sql(f"drop table {name}")


class _NoRows(UnexpectedRowsExpectation):
    """The query finds no rows. Great Expectations' own class would run it twice, to count."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        rows = metrics["unexpected_rows_query.table"]
        return {"success": not rows, "result": {"details": {"unexpected_rows": rows}}}


class _Dialect(duckdb_engine.Dialect):
    """DuckDB's dialect, without transactions.

    Great Expectations rolls back whenever it closes a connection; in DuckDB that drops the result
    that is being read.
    """

    supports_statement_cache = False

    def do_begin(self, dbapi_connection: Any) -> None:
        """Nothing is written."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Nothing is written."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Nothing is written."""


registry.register("duckdb.auto", __name__, _Dialect.__name__)
# SQLAlchemy never releases the hooks of this module, and they keep DuckDB's objects. Without this,
# DuckDB prints at exit that they were not freed.
atexit.register(vars(duckdb_engine).clear)


def _finding(table: str, expectation: Expectation, result: ExpectationValidationResult) -> Finding:
    """Converts the result of an expectation that failed or could not be run."""
    said = result.exception_info
    causes = [said] if "raised_exception" in said else list(said.values())
    errors = {str(cause["exception_message"]) for cause in causes if cause["raised_exception"]}
    if errors:
        return Finding(table, expectation, 0, (), "; ".join(sorted(errors)))
    rows = result.result["details"]["unexpected_rows"]
    count = rows[0][COUNT]
    listed = [{name: row[name] for name in row if name != COUNT} for row in rows]
    # First one row of each problem, then a second one.
    told = Counter[str]()
    turns = []
    for row in listed:
        turns.append(told[row["problem"]])
        told[row["problem"]] += 1
    order = sorted(range(len(listed)), key=turns.__getitem__)[:_LISTED_ROWS]
    return Finding(table, expectation, count, tuple(listed[place] for place in order))


def _create_views(
    connection: Connection, lake: Path, parts: Iterable[Part], expects_all: bool
) -> None:
    """Creates a view per lake table over its intact parts, and tables that describe all parts."""
    described = [_describe(part.table, part.partition, lake) for part in parts]
    planned = {row["lake_table"] for row in described}
    for table in LAKE.values():
        if table.name not in planned and not table.partition_by:
            described.append(_describe(table.name, {}, lake))
    faults = [
        {"lake_table": row["lake_table"], "part_name": row["part_name"], "problem": problem}
        for row in described
        if row["is_there"] or (expects_all and row["lake_table"] in planned)
        for problem in row.pop("problems")
    ]
    connection.exec_driver_sql("set parquet_metadata_cache = true")
    _create_table(connection, "faults", faults, ("lake_table", "part_name", "problem"))
    _create_table(connection, "parts", described, _PART_COLUMNS)
    for name in LAKE:
        files = [str(lake / name / _SCHEMA_FILE)]
        files += [r["file_name"] for r in described if r["lake_table"] == name and r["is_sound"]]
        listed = ", ".join(_quoted(_escaped(file)) for file in files)
        connection.exec_driver_sql(
            f"create view {name} as select * from read_parquet([{listed}], "
            "filename = 'file_name', hive_partitioning = false)"
        )


def _describe(table: str, partition: Mapping[str, str], lake: Path) -> dict[str, Any]:
    """Row of ``parts``; ``problems`` lists what is wrong with the part as a whole."""
    path = part_path(lake, table, partition)
    problems = ["the part is not there"]
    details: Mapping[str, str] = {}
    if is_there := path.exists():
        try:
            problems = list(_schema_problems(LAKE[table], pq.read_schema(path)))
        except (OSError, pa.ArrowException) as error:
            problems = [f"the part cannot be read: {error}"]
        made_by = read_provenance(path)
        details = made_by.details if made_by else {}
    return {
        "lake_table": table,
        "part_name": "/".join(partition.values()) or table,
        "file_name": str(path),
        "is_there": is_there,
        "is_sound": not problems,
        "problems": problems,
        **{name: partition.get(name) for name in ("model_id", "corpus_id", "language_code")},
        **{name: details.get(name) for name in _MADE_WITH},
    }


def _schema_problems(table: LakeTable, schema: pa.Schema) -> Iterator[str]:
    wanted = {column.name: column.type for column in table.columns}
    for name in schema.names:
        if name not in wanted:
            yield f"the contract has no column {name}"
    for name, kind in wanted.items():
        if name not in schema.names:
            yield f"there is no column {name}"
        elif schema.field(name).type != kind:
            yield f"{name} is {schema.field(name).type}, the contract says {kind}"


def _create_table(
    connection: Connection, name: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> None:
    types = {column: "BOOLEAN" if column.startswith("is_") else "VARCHAR" for column in columns}
    text = json.dumps([{column: row[column] for column in columns} for row in rows])
    connection.exec_driver_sql(
        f"create table {name} as select unnest(from_json({_quoted(text)}, "
        f"{_quoted(json.dumps([types]))}), recursive := true)"
    )


def _escaped(file: str) -> str:
    """Escapes wildcards in a file's name."""
    return file.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
