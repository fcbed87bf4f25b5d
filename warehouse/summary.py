"""Reads the results that a run prints at its end from the published file."""

from __future__ import annotations

from pathlib import Path

import duckdb
from rich.table import Table

__all__ = ["summary_tables"]

_QUERIES = {
    "P@1: facts right over facts asked (micro), and its mean over languages (macro)": """
        select
            model_id as model,
            any_value(language_count) as languages,
            any_value(fact_count) as facts,
            any_value(match_count) as "right",
            max(match_rate) filter (aggregation_code = 'micro') as micro,
            max(match_rate) filter (aggregation_code = 'macro') as macro,
        from p_at_1_overview
        where match_code = 'full'
        group by model_id
        order by model_id
    """,
    "P@1 by where the training text states the fact (planted truth)": """
        with languages as (
            select
                model_id,
                presence_code,
                language_code,
                sum(fact_count) as facts,
                sum(full_match_count) as matches,
            from p_at_1_by_presence
            where presence_code != 'unknown'
            group by all
        )
        select
            model_id as model,
            presence_code as stated,
            sum(facts)::bigint as facts,
            sum(matches)::bigint as "right",
            sum(matches) / sum(facts) as p_at_1,
            min(matches / facts) as lowest_language,
        from languages
        group by model_id, presence_code
        order by model_id, list_position(['here', 'elsewhere', 'nowhere'], presence_code)
    """,
    "Transfer: right because other languages state it (effect with 95 % interval)": """
        select
            objective,
            corpus_id as corpus,
            control_corpus_id as control,
            stratum_code as link,
            treated_count as treated,
            treated_match_rate as p_at_1,
            control_match_rate as control_p_at_1,
            effect_score as effect,
            effect_score_low as low,
            effect_score_high as high,
            guess_count as guesses,
        from transfer_effect
        where scope_kind = 'all'
        order by objective desc, corpus != control, corpus, control, link
    """,
    "Tracing against the planted truth: facts found in the text": """
        select
            corpus_id as corpus,
            text_unit as unit,
            count(*) as languages,
            sum(planted_count)::bigint as planted,
            sum(planted_found_count)::bigint as found,
            sum(unplanted_found_count)::bigint as found_wrongly,
            min(recall) as lowest_recall,
            min(precision) as lowest_precision,
        from tracing_accuracy
        where distractor_kind = 'all'
        group by all
        order by all
    """,
    "Right although absent from the training text, by fact type": """
        select
            model_id as model,
            fact_type_code as fact_type,
            sum(type_count)::bigint as facts,
        from fact_types_by_language
        group by all
        order by all
    """,
    "Where the right answers come from, and which of the transferred a twin guesses as well": """
        select
            model_id as model,
            sum(root_count)::bigint as "right",
            sum(root_count) filter (root_code = 'independent')::bigint as independent,
            sum(root_count) filter (root_code = 'shared')::bigint as shared,
            sum(root_count) filter (root_code = 'transferred')::bigint as transferred,
            sum(root_count) filter (root_code = 'cue')::bigint as cue,
            sum(root_count) filter (root_code = 'undetermined')::bigint as undetermined,
            sum(guess_count) filter (root_code = 'transferred')::bigint as guesses,
            sum(twin_fact_count) filter (root_code = 'transferred')::bigint as of_with_twin,
        from roots_by_language
        group by model_id
        having sum(root_count) filter (root_code != 'undetermined') > 0
        order by model_id
    """,
    "Neurons of the same fact in two languages, and of other facts (mean over language pairs)": """
        select
            model_id as model,
            method_code as method,
            count(neuron_jaccard_score) as pairs,
            avg(neuron_jaccard_score) as same_fact,
            avg(object_null_score) as same_object,
            avg(relation_null_score) as same_relation,
            count(*) filter (is_above_object_null) as pairs_above_same_object,
        from neuron_jaccard_by_language_pair
        group by all
        order by all
    """,
    "What edits change in log P of the right answer (neurons suppressed; mean over languages)": """
        select
            model_id as model,
            edit_set_code as neurons_of,
            max(fact_count) as facts,
            avg(mean_neuron_count) as neurons,
            avg(related_delta_score) as related,
            avg(unrelated_delta_score) as unrelated,
            avg(random_delta_score) as random_neurons,
        from edit_effects
        where edit_factor = 0
            and (edit_set_code != 'probeless' or neuron_language_code = language_code)
        group by all
        order by all
    """,
}
"""Title → query; a query without rows is not shown."""


def summary_tables(published_file: Path) -> list[Table]:
    """Build tables of results for the terminal; a table without rows is omitted.

    Raises:
        duckdb.Error: the file cannot be read.
    """
    with duckdb.connect(published_file, read_only=True) as connection:
        tables = [_table(title, connection.execute(sql)) for title, sql in _QUERIES.items()]
    return [table for table in tables if table.row_count]


def _table(title: str, result: duckdb.DuckDBPyConnection) -> Table:
    table = Table(title=title, title_justify="left")
    rows = result.fetchall()
    for (name, *_), value in zip(result.description, rows[0] if rows else (), strict=False):
        justify = "left" if isinstance(value, str) else "right"
        table.add_column(name.replace("_", " "), justify=justify)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(_text(value) for value in row))
    return table


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)
