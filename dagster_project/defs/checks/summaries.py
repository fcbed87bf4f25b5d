"""Tables that sum up a lake table once, so that its expectations look at few of its rows.

What belongs here: which rows can be wrong, decided from sums. What is wrong with a row, and how it
is said, belongs in ``expectations``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from dagster_project.defs.checks.rules import all_of, value_rules
from ingestion.contract import LakeTable

__all__ = [
    "LACKING",
    "common_tables",
    "group_columns",
    "is_beyond",
    "is_elsewhere",
    "lists_facts",
    "neuron_columns",
    "rows_to_look_at",
    "summaries",
    "sums_up_neurons",
]

LACKING = {
    "predictions": (
        "the model was asked, and the answer lacks a value",
        "(mask_count is null or prompt_code is null or gold_token_ids is null "
        "or predicted_token_ids is null or candidate_token_ids is null "
        "or candidate_log_probs is null or (gold_rank is null) != (gold_log_prob is null))",
    ),
    "occurrences": (
        "the text was read, and a count or its evidence is missing",
        "(subject_count is null or object_count is null or separate_count is null "
        "or (evidence_text is null) = (shared_count > 0))",
    ),
    "active_neurons": ("a neuron has no score", "neuron_score is null"),
    "knowledge_neurons": ("a neuron has no attribution", "attribution_score is null"),
}
"""Table → what its own rows lack, and the condition; imported rows may lack it."""


def common_tables() -> Iterator[tuple[str, str]]:
    """Yields names and queries of the tables that expectations on several lake tables read.

    ``labelled_facts``: each fact of each language once. ``labelled_sums``: their number in each
    language, and the sum of their hashes. ``active_facts``: what has active neurons.
    """
    yield "labelled_facts", "select distinct language_code, fact_id from fact_labels"
    yield (
        "labelled_sums",
        "select language_code, count(*) as row_count, sum(hash(fact_id)) as hash_sum "
        "from labelled_facts group by language_code",
    )
    yield (
        "active_facts",
        "select distinct model_id, language_code, fact_id, method_code from active_neurons",
    )


def summaries(table: LakeTable) -> Iterator[tuple[str, str]]:
    """Yields names and queries of the tables that sum up the rows of a table, in one scan.

    ``groups_at_hand``: the neurons of a fact, or the rows of a part. ``strays_at_hand``: partitions
    that are in a wrong part. ``complete_at_hand``: parts with each fact of their language once.
    ``suspects_at_hand``: where an expectation has to look at rows; mostly nowhere.
    """
    if not table.partition_by:
        return
    partition = ", ".join(table.partition_by)
    groups = _neuron_groups(table) if sums_up_neurons(table) else _part_groups(table)
    yield "groups_at_hand", groups
    yield (
        "strays_at_hand",
        f"""
        select distinct rows_at_hand.*
        from (select distinct file_name, {partition} from groups_at_hand) as rows_at_hand
        inner join parts as own using (file_name)
        where {is_elsewhere(table)}
        """,
    )
    if lists_facts(table):
        # As many facts with the same sum of hashes of 64 bits are the same facts. A group for each
        # text unit, and no other from a wrong part.
        unit = "text_unit" if "text_unit" in table.key else "0"
        yield (
            "complete_at_hand",
            f"""
            select {partition}
            from groups_at_hand
            left join labelled_sums using (language_code)
            group by {partition}
            having bool_and(
                    coalesce(groups_at_hand.row_count = labelled_sums.row_count, false)
                    and coalesce(groups_at_hand.hash_sum = labelled_sums.hash_sum, false)
                )
                and count({unit}) = count(*)
                and count(*) = (select count(distinct {unit}) from groups_at_hand)
            """,
        )
    yield "suspects_at_hand", " union all by name ".join(_suspects(table))


def _neuron_groups(table: LakeTable) -> str:
    """Sums up the neurons of each fact.

    The inner groups have 32 numbers of the key's last integer, which are the bits of one number: so
    keys that are there twice are found in little memory.
    """
    shared, number = _shared_key(table)
    names, largest = group_columns(table), neuron_columns(table)
    of_names = value_rules(table, [each for each in table.columns if each.name in names])
    of_shared = value_rules(table, [each for each in table.columns if each.name in shared])
    between = {problem: rule for problem, rule in of_shared.items() if problem not in of_names}
    own = {
        problem: rule
        for problem, rule in value_rules(table, table.columns).items()
        if problem not in of_shared
    }
    texts = ", ".join(names)
    return f"""
        select file_name, {texts},
            {"".join(f"max({name}) as {name}, " for name in largest)}
            sum(row_count) as row_count,
            sum(key_count) as key_count,
            sum(lacking_count) as lacking_count,
            bool_and({all_of({"values": "has_values", **between})}) as has_values
        from (
            select file_name, {", ".join(shared)},
                {"".join(f"max({name}) as {name}, " for name in largest if name not in shared)}
                count(*) as row_count,
                coalesce(bit_count(bit_or(1::bigint << ({number} & 31))), 1) as key_count,
                {_lacking_count(table)} as lacking_count,
                bool_and({all_of(own)}) as has_values
            from {table.name}
            group by file_name, {", ".join(shared)}, {number} >> 5
        )
        group by file_name, {texts}
    """


def _part_groups(table: LakeTable) -> str:
    """Sums up each part, by its text units; rows of another partition are a group of their own."""
    columns = ", ".join(("file_name", *group_columns(table)))
    return f"""
        select {columns},
            count(*) as row_count,
            {"sum(hash(fact_id)) as hash_sum," if lists_facts(table) else ""}
            {_lacking_count(table)} as lacking_count,
            bool_and({all_of(value_rules(table, table.columns))}) as has_values
        from {table.name}
        group by {columns}
    """


def _lacking_count(table: LakeTable) -> str:
    return f"count(*) filter (where {LACKING[table.name][1]})" if table.name in LACKING else "0"


def _suspects(table: LakeTable) -> Iterator[str]:
    """Yields queries for the groups at which an expectation has to look, one for each."""
    columns = ", ".join(_suspect_columns(table))
    found = f"select distinct '{{}}' as expectation, {columns} from groups_at_hand "
    rules = {"values": "has_values"}
    if sums_up_neurons(table):
        names = [each for each in table.columns if each.name in group_columns(table)]
        rules |= value_rules(table, names)
        # Rows of two parts can share a key only if one of them is in the wrong part.
        same = " and ".join(
            f"groups_at_hand.{name} is not distinct from strays_at_hand.{name}"
            for name in table.partition_by
        )
        yield found.format("key") + "where row_count > key_count"
        yield found.format("key") + f"semi join strays_at_hand on {same}"
        yield (
            found.format("neurons") + f"inner join models using (model_id) where {is_beyond(table)}"
        )
    if lists_facts(table):
        complete = f"anti join complete_at_hand using ({', '.join(table.partition_by)})"
        yield found.format("facts") + complete
    yield found.format("values") + f"where not ({all_of(rules)})"
    yield found.format("lacking") + "where lacking_count > 0"
    yield "select distinct 'partitions' as expectation, file_name from strays_at_hand"


def _suspect_columns(table: LakeTable) -> Sequence[str]:
    return group_columns(table) if sums_up_neurons(table) else ("file_name",)


def rows_to_look_at(table: LakeTable, expectation: str | None) -> str:
    """Query for the rows that an expectation has to look at; all where nothing sums them up.

    They have a column ``is_odd``, always true. A condition that reads it is evaluated after the
    join, which ends at once if nothing is odd; any other one would be evaluated on all rows before.
    """
    if expectation == "key" and lists_facts(table):
        expectation = "facts"
    has_sums = bool(table.partition_by) and (expectation != "key" or sums_up_neurons(table))
    if expectation is None or not has_sums:
        return "select *, true as is_odd from {batch}"
    names = ("file_name",) if expectation == "partitions" else _suspect_columns(table)
    same = " and ".join(f"whole.{name} is not distinct from odd.{name}" for name in names)
    return f"""
        select whole.*, odd.is_odd
        from {{batch}} as whole
        inner join (
            select distinct {", ".join(names)}, true as is_odd
            from suspects_at_hand where expectation = '{expectation}'
        ) as odd on {same}
    """


def lists_facts(table: LakeTable) -> bool:
    """Whether a part should have each fact of its language, once or once per text unit."""
    beside = set(table.key) - {*table.partition_by, "fact_id", "mask_count", "text_unit"}
    return (
        table.name != "fact_labels"
        and "language_code" in table.partition_by
        and "fact_id" in table.key
        and not beside
    )


def sums_up_neurons(table: LakeTable) -> bool:
    """Whether groups are facts with their neurons; otherwise they are parts."""
    return bool(_shared_key(table)[0])


def group_columns(table: LakeTable) -> list[str]:
    """Columns that tell apart the groups of a file."""
    shared, _ = _shared_key(table)
    if shared:
        return [name for name in shared if pa.types.is_string(table.schema.field(name).type)]
    return [*table.partition_by, *(["text_unit"] if "text_unit" in table.key else [])]


def _shared_key(table: LakeTable) -> tuple[list[str], str]:
    """Columns that a fact's neurons share, and the last integer of the key, which tells them apart.

    No columns in tables without neurons, whose groups would have hardly more than a row.
    """
    numbers = [name for name in table.key if pa.types.is_integer(table.schema.field(name).type)]
    if not numbers or not neuron_columns(table):
        return [], ""
    return [name for name in table.key if name != numbers[-1]], numbers[-1]


def is_elsewhere(table: LakeTable) -> str:
    """Condition: a row, ``rows_at_hand``, is in a part, ``own``, that is not its own."""
    return " or ".join(
        f"rows_at_hand.{column} is distinct from own.{column}" for column in table.partition_by
    )


def neuron_columns(table: LakeTable) -> list[str]:
    """Columns that say which neuron: its layer and its number there."""
    names = table.schema.names
    return [
        name
        for name in names
        if name.startswith(("layer_index", "neuron_index"))
        and not pa.types.is_list(table.schema.field(name).type)
    ]


def is_beyond(table: LakeTable) -> str:
    """Condition: a model, ``models``, has no such layer or neuron."""
    width = "models.neuron_count"
    if "method_code" in table.schema.names:
        width = (
            "case when method_code like 'probeless-layer%' then models.hidden_size "
            "else models.neuron_count end"
        )
    return " or ".join(
        f"{name} >= {'models.layer_count' if name.startswith('layer') else width}"
        for name in neuron_columns(table)
    )
