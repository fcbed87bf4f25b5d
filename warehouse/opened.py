"""A published file that is open for questions from Python: what ``factroots.open`` returns.

What does not belong here: printing and writing answers (``warehouse.query``), and metrics
(``dbt/models``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import duckdb

from warehouse.explain import explain
from warehouse.explanation import Explanation
from warehouse.questions import find_question
from warehouse.sql import identifier
from warehouse.tables import PublishedTable, WarehouseError, known_names, published_tables

__all__ = ["Explanation", "Warehouse"]


class Warehouse:
    """The published tables of a study, read-only.

    A run that publishes the study again does not disturb it; open it again to see the new tables.
    Also a context manager, which closes the file at its end.

    Args:
        path: the published DuckDB file.

    Raises:
        WarehouseError: there is no such file, or it is no DuckDB file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise WarehouseError(f"{path} does not exist yet: create it with factroots.run")
        try:
            self.connection = duckdb.connect(path, read_only=True)
        except duckdb.Error as error:
            raise WarehouseError(f"{path} cannot be opened: {error}") from error
        [(self._catalogue,)] = self.connection.sql("select current_database()").fetchall()

    def sql(
        self, query: str, parameters: Mapping[str, object] | Sequence[object] | None = None
    ) -> duckdb.DuckDBPyRelation:
        """Ask a question in SQL.

        Args:
            query: one statement that returns rows; ``from table`` alone is enough.
            parameters: values for ``?``, or by name for ``$name``.

        Returns:
            The answer, computed when it is read: ``.pl()`` for polars, ``.df()`` for pandas,
            ``.arrow()``, ``.fetchall()``, ``.show()``.

        Raises:
            WarehouseError: the query is wrong; with DuckDB's reason.
        """
        try:
            values = dict(parameters) if isinstance(parameters, Mapping) else parameters
            relation = self.connection.sql(query, params=values)
        except duckdb.Error as error:
            raise WarehouseError(str(error)) from error
        if relation is None:
            raise WarehouseError("the statement returns no rows: ask a question, such as 'from …'")
        return relation

    def table(self, name: str) -> duckdb.DuckDBPyRelation:
        """All rows of a table, as ``sql`` returns them.

        Raises:
            WarehouseError: there is no such table; the message suggests close matches.
        """
        tables = self.tables
        if name not in tables:
            raise WarehouseError(f"no table '{name}' in {self.path}; {known_names(name, tables)}")
        return self.sql(f"from {tables[name].within(self._catalogue)}")

    @property
    def tables(self) -> dict[str, PublishedTable]:
        """Every table by name, with its description, columns and key."""
        return published_tables(self.connection, self._catalogue)

    def question(self, name: str, **variables: str) -> duckdb.DuckDBPyRelation:
        """Ask a saved question, as ``factroots sql --saved NAME --set NAME=VALUE``.

        Raises:
            QuestionError: there is no such question, or it has no such variable.
        """
        query = find_question(name, variables).sql
        for variable, value in variables.items():
            self.connection.execute(f"set variable {identifier(variable)} = ?", [value])
        return self.sql(query)

    def explain(self, model: str, fact: str, *languages: str) -> Explanation:
        """One fact in several languages: answers, roots, active neurons and their overlaps.

        Args:
            model: id of a model of the study.
            fact: id of a fact, or text to find in the subjects' names.
            languages: codes of languages, at least one.

        Raises:
            ExplainError: unknown model, fact or language; the message says what exists.
        """
        return explain(self.path, model, fact, languages)

    def close(self) -> None:
        """Close the file; answers that were not read yet are lost."""
        self.connection.close()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Warehouse({str(self.path)!r})"
