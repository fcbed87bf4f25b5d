"""Expectations on every lake table: generated from the contract, plus rules for single tables.

An expectation is a query that finds wrong rows, each with its ``problem`` in words. It reads views
named like the lake's tables; ``{batch}`` is the table to check, and ``groups_at_hand`` sums it up.
Rules follow column names, because one name means the same in all tables, so a new table is checked
as soon as it is in the contract. Rules of single tables are in ``rules`` and ``completeness``.
Running the queries belongs in ``dagster_project.defs.checks.validation``, tests of marts in dbt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from dagster_project.defs.checks.completeness import COMPLETENESS
from dagster_project.defs.checks.rules import ROUNDING, SPECIAL_RULES
from ingestion.contract import Column, LakeTable

__all__ = ["COUNT", "Expectation", "expectations", "summaries"]

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
    if {"layer_index", "layer_index_a"} & set(table.schema.names):
        found.append(_neurons(table))
    if table.name in COMPLETENESS:
        sentence = "Each part is complete and has nothing else."
        found.append(_expectation("complete", sentence, COMPLETENESS[table.name], table))
    return tuple(found)


def _expectation(name: str, sentence: str, body: str, table: LakeTable) -> Expectation:
    """Puts the table's rows and intact parts first, under names that every query can use."""
    partition = ", ".join(table.partition_by) or "file_name"
    query = f"""
        with rows_at_hand as not materialized (select * from {{batch}}),
        sound_parts as (
            select distinct {partition} from parts
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
    rules = _value_rules(table, table.columns)
    cases = ", ".join(
        f"case when not ({condition}) then '{problem.replace(chr(39), chr(39) * 2)}' end"
        for problem, condition in rules.items()
    )
    body = f"""
        select unnest(list_filter([{cases}], lambda problem: problem is not null)) as problem, *
        from {_suspects("values", _shared_key(table)[0])}
        where not ({_all_of(rules)})
    """
    return _expectation(
        "values",
        "Every value is in its range, and not null where the contract forbids null.",
        body,
        table,
    )


def _value_rules(table: LakeTable, columns: Sequence[Column]) -> dict[str, str]:
    """What is wrong with a value of these columns → the condition that it breaks.

    Rules of the table are among those of all columns.
    """
    rules = {
        f"{column.name} is null": f"{column.name} is not null"
        for column in columns
        if not column.is_nullable
    }
    conditions = [rule for column in columns for rule in _column_rules(column)]
    if len(columns) == len(table.columns):
        conditions += SPECIAL_RULES.get(table.name, ())
    for condition in conditions:
        rules[f"not so: {condition}"] = condition
    return rules


def _all_of(rules: dict[str, str]) -> str:
    return " and ".join(f"coalesce({condition}, true)" for condition in rules.values())


def _column_rules(column: Column) -> Iterator[str]:
    """Yields the conditions that a column's name and type imply."""
    name, (kind, _, unit) = column.name, column.name.rpartition("_")
    if pa.types.is_floating(column.type):
        yield f"isfinite({name})"
    if name.endswith("log_prob"):
        yield f"{name} <= {ROUNDING}"
    elif name.endswith("_rate"):
        yield f"{name} between 0 and 1"
    elif name.endswith("probability"):
        # Some are sums over an object's tokens and can exceed 1.
        yield f"{name} >= 0"
    elif name == "latitude":
        yield f"{name} between -90 and 90"
    elif name == "longitude":
        yield f"{name} between -180 and 180"
    elif unit in ("rank", "number") and pa.types.is_integer(column.type):
        yield f"{name} >= 1"
    elif unit in ("count", "bytes", "index", "size", "offset", "distance"):
        yield f"{name} >= 0"
    elif kind and unit in ("id", "code", "label") and pa.types.is_string(column.type):
        yield f"trim({name}) != ''"


def _shared_key(table: LakeTable) -> tuple[list[str], str]:
    """Columns that a group's rows share, and the last integer of the key, which tells them apart.

    No columns in tables without neurons, whose groups would have hardly more than a row.
    """
    numbers = [name for name in table.key if pa.types.is_integer(table.schema.field(name).type)]
    if not numbers or not _neuron_columns(table):
        return [], ""
    return [name for name in table.key if name != numbers[-1]], numbers[-1]


def summaries(table: LakeTable) -> Iterator[tuple[str, str]]:
    """Yields names and queries of the tables that sum up the rows of a table, in two scans at most.

    ``groups_at_hand``: the rows of one key without its last integer, and of 64 of that integer's
    numbers, which are the bits of one number: so keys that are there twice are found in little
    memory. ``strays_at_hand``: partitions that are in a wrong part. ``suspects_at_hand``: where an
    expectation has to look at rows; mostly nowhere.
    """
    shared, number = _shared_key(table)
    rules, suspects = _value_rules(table, table.columns), []
    if shared:
        columns = ", ".join(shared)
        largest = [name for name in _neuron_columns(table) if name not in shared]
        common = _value_rules(table, [column for column in table.columns if column.name in shared])
        own = {problem: rule for problem, rule in rules.items() if problem not in common}
        yield (
            "groups_at_hand",
            f"""
            select file_name, {columns},
                {"".join(f"max({name}) as {name}, " for name in largest)}
                count(*) as row_count,
                coalesce(bit_count(bit_or(1::ubigint << ({number} & 63))), 1) as key_count,
                bool_and({_all_of(own)}) as has_values
            from {table.name}
            group by file_name, {columns}, {number} >> 6
            """,
        )
        suspects = [
            f"select 'values' as expectation, null as file_name, {columns} from groups_at_hand "
            f"where not (has_values and {_all_of(common)})",
            f"select 'key', null, {columns} from groups_at_hand where row_count > key_count",
            f"select 'neurons', null, {columns} from groups_at_hand "
            f"inner join models using (model_id) where {_is_beyond(table)}",
        ]
    if table.partition_by:
        partition = ", ".join(table.partition_by)
        source = "groups_at_hand" if shared else table.name
        yield (
            "strays_at_hand",
            f"select distinct rows_at_hand.* "
            f"from (select distinct file_name, {partition} from {source}) as rows_at_hand "
            f"inner join parts as own using (file_name) where {_is_elsewhere(table)}",
        )
        nulls = "".join(f", null as {name}" for name in shared)
        suspects.append(f"select 'partitions' as expectation, file_name{nulls} from strays_at_hand")
        if shared:
            # Rows of two parts can share a key only if one of them is in the wrong part.
            same = " and ".join(
                f"groups_at_hand.{name} is not distinct from strays_at_hand.{name}"
                for name in table.partition_by
            )
            suspects.append(
                f"select 'key', null, {columns} from groups_at_hand "
                f"semi join strays_at_hand on {same}"
            )
    if suspects:
        yield "suspects_at_hand", " union all ".join(suspects)


def _suspects(expectation: str, columns: Collection[str]) -> str:
    """The rows that an expectation has to look at; all rows where nothing sums them up."""
    if not columns:
        return "rows_at_hand"
    same = " and ".join(f"rows_at_hand.{name} is not distinct from odd.{name}" for name in columns)
    return f"""rows_at_hand
        semi join (
            select {", ".join(columns)} from suspects_at_hand where expectation = '{expectation}'
        ) as odd on {same}"""


def _key(table: LakeTable) -> Expectation:
    """No key twice, in one part or in two."""
    key = ", ".join(table.key)
    body = f"""
        select count(*) || ' rows share this key' as problem, {key}
        from {_suspects("key", _shared_key(table)[0])}
        group by {key}
        having count(*) > 1
    """
    return _expectation("key", f"No two rows have the same {key}.", body, table)


def _partitions(table: LakeTable) -> Expectation:
    key = ", ".join(f"rows_at_hand.{column}" for column in table.key)
    body = f"""
        select 'the row belongs to another part than ' || own.part_name as problem, {key}
        from {_suspects("partitions", ["file_name"])}
        inner join parts as own on rows_at_hand.file_name = own.file_name
        where {_is_elsewhere(table)}
    """
    return _expectation("partitions", "Every row is in the part of its partition.", body, table)


def _is_elsewhere(table: LakeTable) -> str:
    return " or ".join(
        f"rows_at_hand.{column} is distinct from own.{column}" for column in table.partition_by
    )


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
    keys = column
    if column == "fact_id" and "language_code" in names and table.name != "fact_labels":
        # Atlas plants its facts in all its languages, also those that a study leaves out.
        if "language_code" not in table.partition_by:
            return
        home, keys = "fact_labels", "language_code, fact_id"
    has_all = set(keys.split(", ")) <= set(_shared_key(table)[0])
    source = "groups_at_hand" if has_all else "rows_at_hand"
    body = f"""
        select distinct '{column} is not in {home}' as problem, {keys}
        from {source}
        anti join {home} using ({keys})
    """
    yield _expectation(f"{column} in {home}", f"Every {keys} is in {home}.", body, table)


def _neuron_columns(table: LakeTable) -> list[str]:
    """Columns that say which neuron: its layer and its number there."""
    names = table.schema.names
    return [
        name
        for name in names
        if name.startswith(("layer_index", "neuron_index"))
        and not pa.types.is_list(table.schema.field(name).type)
    ]


def _neurons(table: LakeTable) -> Expectation:
    """Bounds of indexes: layer outputs have ``hidden_size`` units, FFN layers ``neuron_count``."""
    shown = ", ".join(dict.fromkeys((*table.key, *_neuron_columns(table))))
    body = f"""
        select 'the model has no such neuron' as problem, {shown}
        from {_suspects("neurons", _shared_key(table)[0])}
        inner join models using (model_id)
        where {_is_beyond(table)}
    """
    sentence = "Every layer and neuron exists in the model."
    return _expectation("neurons", sentence, body, table)


def _is_beyond(table: LakeTable) -> str:
    width = "models.neuron_count"
    if "method_code" in table.schema.names:
        width = (
            "case when method_code like 'probeless-layer%' then models.hidden_size "
            "else models.neuron_count end"
        )
    return " or ".join(
        f"{name} >= {'models.layer_count' if name.startswith('layer') else width}"
        for name in _neuron_columns(table)
    )
