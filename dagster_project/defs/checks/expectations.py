"""Expectations on every lake table: generated from the contract, plus rules for single tables.

An expectation is a query that finds wrong rows, each with its ``problem`` in words. It reads views
named like the lake's tables; ``{batch}`` is the table to check, and ``summaries`` say which rows
can be wrong. Rules of values and of single tables are in ``rules`` and ``completeness``. Running
the queries belongs in ``dagster_project.defs.checks.validation``, tests of marts in dbt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dagster_project.defs.checks.completeness import COMPLETENESS
from dagster_project.defs.checks.rules import all_of, value_rules
from dagster_project.defs.checks.summaries import (
    LACKING,
    group_columns,
    is_beyond,
    is_elsewhere,
    lists_facts,
    neuron_columns,
    rows_to_look_at,
    sums_up_neurons,
)
from ingestion.contract import LakeTable

__all__ = ["COUNT", "Expectation", "expectations"]

COUNT = "found_count"
"""Column with the total number of rows that an expectation's query finds."""


@dataclass(frozen=True)
class Expectation:
    """One rule that a table must follow."""

    name: str
    """Short name; the same kind of expectation has the same name in all tables."""
    sentence: str
    """The rule in words."""
    query: str
    """Finds the rows that break it, with a column ``problem``."""


def expectations(table: LakeTable) -> tuple[Expectation, ...]:
    """Makes all expectations of a lake table, cheapest first."""
    found = [
        _expectation(
            "parts",
            "Every part that the study needs exists, with the contract's columns and types.",
            "select problem, part_name from faults where lake_table = '{table}'",
            table,
        ),
        _values(table),
        _key(table),
    ]
    if table.partition_by:
        found.append(_partitions(table))
    if "model_id" in table.partition_by:
        found.append(_makers(table))
    for column in ("fact_id", "relation_id"):
        found += _references(table, column)
    if neuron_columns(table):
        found.append(_neurons(table))
    if table.name in COMPLETENESS:
        found.append(_complete(table))
    return tuple(found)


def _expectation(
    name: str, sentence: str, body: str, table: LakeTable, looks_at: str | None = None
) -> Expectation:
    """Puts the table's rows and intact parts first, under names that every query can use.

    Args:
        looks_at: what is asked of the rows that the query may look at; None: it looks at all.
    """
    partition = ", ".join(table.partition_by) or "file_name"
    unknown = f"anti join complete_at_hand using ({partition})" if lists_facts(table) else ""
    query = f"""
        with rows_at_hand as not materialized ({rows_to_look_at(table, looks_at)}),
        sound_parts as (
            select distinct {partition} from parts {unknown}
            where lake_table = '{table.name}' and is_sound
        ),
        imported as (
            select * from parts
            where lake_table = '{table.name}' and imported_file is not null
        ),
        found as ({body.replace("{table}", table.name)})
        select *, count(*) over () as {COUNT} from found
    """
    return Expectation(name, sentence, query)


def _values(table: LakeTable) -> Expectation:
    rules = value_rules(table, table.columns)
    cases = ", ".join(
        f"case when not ({condition}) then '{problem.replace(chr(39), chr(39) * 2)}' end"
        for problem, condition in rules.items()
    )
    body = f"""
        select unnest(list_filter([{cases}], lambda problem: problem is not null)) as problem,
            * exclude (is_odd)
        from rows_at_hand
        where case when is_odd then not ({all_of(rules)}) end
    """
    return _expectation(
        "values",
        "Every value is in its range, and not null where the contract forbids null.",
        body,
        table,
        "values",
    )


def _key(table: LakeTable) -> Expectation:
    """No key twice, in one part or in two."""
    key = ", ".join(table.key)
    body = f"""
        select count(*) || ' rows share this key' as problem, {key}
        from rows_at_hand
        group by {key}
        having count(*) > 1
    """
    return _expectation("key", f"No two rows have the same {key}.", body, table, "key")


def _partitions(table: LakeTable) -> Expectation:
    key = ", ".join(f"rows_at_hand.{column}" for column in table.key)
    body = f"""
        select 'the row belongs to another part than ' || own.part_name as problem, {key}
        from rows_at_hand
        inner join parts as own on rows_at_hand.file_name = own.file_name
        where {is_elsewhere(table)}
    """
    sentence = "Every row is in the part of its partition."
    return _expectation("partitions", sentence, body, table, "partitions")


def _makers(table: LakeTable) -> Expectation:
    cases = ", ".join(
        f"case when own.{name} != models.{name} then '{name} ' || own.{name} || ' made the part, "
        f"the study has ' || models.{name} end"
        for name in ("revision", "tokenizer_hash", "dtype")
    )
    body = f"""
        select unnest(list_filter([{cases}], lambda problem: problem is not null)) as problem,
            own.part_name
        from parts as own
        inner join models using (model_id)
        where own.lake_table = '{table.name}'
    """
    sentence = "Every part was made with its model's revision, tokenizer and dtype."
    return _expectation("makers", sentence, body, table)


def _references(table: LakeTable, column: str) -> Iterator[Expectation]:
    """A fact must exist in the facts of its language; without a language, in all facts."""
    home = {"fact_id": "facts", "relation_id": "relations"}[column]
    names = table.schema.names
    if column not in names or table.name == home:
        return
    keys, shown = column, home
    if column == "fact_id" and "language_code" in names and table.name != "fact_labels":
        # Atlas plants its facts in all its languages, also those that a study leaves out.
        if "language_code" not in table.partition_by:
            return
        keys, home, shown = "language_code, fact_id", "labelled_facts", "fact_labels"
    has_all = sums_up_neurons(table) and set(keys.split(", ")) <= set(group_columns(table))
    body = f"""
        select distinct '{column} is not in {shown}' as problem, {keys}
        from {"groups_at_hand" if has_all else "rows_at_hand"}
        anti join {home} using ({keys})
    """
    sentence = f"Every {keys} is in {shown}."
    looks_at = "facts" if lists_facts(table) and column == "fact_id" else None
    yield _expectation(f"{column} in {shown}", sentence, body, table, looks_at)


def _neurons(table: LakeTable) -> Expectation:
    """Bounds of indexes: layer outputs have ``hidden_size`` units, FFN layers ``neuron_count``."""
    shown = ", ".join(dict.fromkeys((*table.key, *neuron_columns(table))))
    body = f"""
        select 'the model has no such neuron' as problem, {shown}
        from rows_at_hand
        inner join models using (model_id)
        where {is_beyond(table)}
    """
    sentence = "Every layer and neuron exists in the model."
    return _expectation("neurons", sentence, body, table, "neurons")


def _complete(table: LakeTable) -> Expectation:
    body = COMPLETENESS[table.name]
    if table.name in LACKING:
        problem, condition = LACKING[table.name]
        columns = dict.fromkeys((*group_columns(table), "fact_id"))
        body += f"""
        union all by name
        select distinct '{problem}' as problem, {", ".join(columns)}
        from ({rows_to_look_at(table, "lacking")}) as lacking
        anti join imported using ({", ".join(table.partition_by)})
        where case when is_odd then {condition} end
        """
    sentence = "Each part is complete and has nothing else."
    return _expectation("complete", sentence, body, table, "facts" if lists_facts(table) else None)
