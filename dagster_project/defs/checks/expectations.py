"""Expectations on every lake table: generated from the contract, plus rules for single tables.

An expectation is a query that finds wrong rows, each with its ``problem`` in words. It reads views
named like the lake's tables; ``{batch}`` is the table to check, and ``groups_at_hand`` sums it up.
Rules follow column names, because
one name means the same in all tables, so a new table is checked as soon as it is in the contract.
Running the queries belongs in ``dagster_project.defs.checks.validation``, tests of marts in dbt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ingestion.contract import Column, LakeTable

__all__ = ["COMPLETENESS", "COUNT", "SPECIAL_RULES", "Expectation", "expectations", "summaries"]

COUNT = "found_count"
"""Column with the total number of rows that an expectation's query finds."""

_ROUNDING = 1e-4
"""Rounding can make the log-probability of a certain answer slightly greater than 0."""

_MODES = "mode_code in ('zero', 'zero_norm_held', 'amig', 'amig_mean', 'amig_code')"

SPECIAL_RULES = {
    "atlas_truth": (
        "is_planted = (planted_count > 0)",
        "not (is_planted and distractor_kind is not null)",
    ),
    "world_answers": (
        "arm_code in ('named', 'unnamed', 'bridged')",
        "stratum_code in ('nowhere', 'one', 'all_but_one', 'sparse', 'half', 'dense')",
        "plan_index >= 1",
        "is_right = (object_rank = 1)",
        "stating_language_count >= is_stated::integer",
    ),
    "corpus_sizes": (
        "page_count = document_count + redirect_count + other_namespace_count + empty_count "
        "+ broken_count",
        "(token_count is null) = (tokenizer_hash is null)",
        "(chunk_count is null) = (tokenizer_hash is null)",
        "problem_note is not null or not is_truncated",
    ),
    "models": (
        "objective in ('masked', 'causal')",
        "dtype in ('float32', 'bfloat16', 'float16')",
        "mask_counts in ('gold', 'all')",
        "least(layer_count, neuron_count, hidden_size, vocabulary_size, parameter_count) > 0",
        "is_imported or not (architecture is null or layer_count is null or neuron_count is null "
        "or hidden_size is null or vocabulary_size is null or parameter_count is null "
        "or tokenizer_hash is null or dtype is null or mask_counts is null)",
        "ignored_token_id between 0 and vocabulary_size - 1",
    ),
    "occurrences": (
        "text_unit in ('chunk', 'sentence', 'article')",
        "shared_count <= least(subject_count, object_count)",
        "separate_count <= shared_count",
        "evidence_text is null or shared_count > 0",
        "(evidence_document is null) = (evidence_text is null)",
        "(evidence_offset is null) = (evidence_text is null)",
        "(evidence_distance is null) = (evidence_text is null)",
    ),
    "predictions": (
        "mask_count >= 1",
        "prompt_code in ('whole', 'cut', 'no_subject', 'unasked')",
        "len(predicted_token_ids) = if(prompt_code = 'unasked', 0, mask_count)",
        "len(candidate_token_ids) = if(prompt_code = 'unasked', 0, mask_count)",
        "len(candidate_log_probs) = if(prompt_code = 'unasked', 0, mask_count)",
        f"list_max(flatten(candidate_log_probs)) <= {_ROUNDING}",
    ),
    "name_cues": (
        "object_letter_count = length(object_transliterated)",
        "common_letter_count <= object_letter_count",
        "other_common_letter_count <= other_object_letter_count",
        "(other_object_letter_count is null) = (other_fact_id is null)",
        "(other_common_letter_count is null) = (other_fact_id is null)",
        "other_fact_id != fact_id",
    ),
    "prompts": ("contains(template, '[X]') and contains(template, '[Y]')",),
    "wordings": (
        "contains(template, '[X]') and contains(template, '[Y]')",
        "template_id != '1'",
    ),
    "wording_predictions": (
        "mask_count >= 1",
        "template_id != '1'",
        "prompt_code in ('whole', 'cut', 'no_subject', 'unasked')",
        "len(predicted_token_ids) = if(prompt_code = 'unasked', 0, mask_count)",
        "(gold_rank is null) = (gold_log_prob is null)",
    ),
    "wording_neurons": ("neuron_score >= 0",),
    "active_neurons": ("neuron_score >= 0",),
    "neuron_profiles": ("contiguous_score >= 0", "strided_score >= 0"),
    "unscored_facts": ("reason_code in ('only_fact', 'no_contrast')",),
    "degenerate_sets": (
        "set_size >= 2",
        "len(neuron_ranks) = set_size",
        "len(layer_indexes) = set_size",
        "len(neuron_indexes) = set_size",
    ),
    "fact_checks": (
        "neuron_set_code in ('knowledge', 'degenerate')",
        "split in ('train', 'validation', 'test')",
        "(attribution_score is null) = (neuron_count = 0)",
        "(activation_score is null) = (neuron_count = 0)",
    ),
    "knowledge_neurons": (_MODES,),
    "attribution_quality": (
        _MODES,
        "least(object_token_count, baseline_count) >= 1",
        f"greatest(clean_probability, baseline_probability) <= object_token_count + {_ROUNDING}",
        "completeness_residual >= 0",
        "abs(completeness_residual - abs(attribution_sum - baseline_count "
        "* (clean_probability - baseline_probability))) < 0.000001",
    ),
    "object_rankings": (
        "score_code in ('sum', 'mean', 'less_prior')",
        "(object_rank is null) = (object_score is null)",
        "object_rank between 1 and candidate_count",
        "len(candidate_ids) = len(candidate_scores)",
        "len(candidate_ids) <= candidate_count",
        "object_rank != 1 or object_score = candidate_scores[1]",
        "candidate_scores = list_reverse_sort(candidate_scores)",
        f"score_code = 'less_prior' or candidate_scores[1] <= {_ROUNDING}",
    ),
    "continuations": (
        "token_count >= 0",
        "alias_offset >= 0",
        "object_offset is null or alias_offset <= object_offset",
    ),
    "subject_swaps": (
        "swap_code in ('masked', 'first_part', 'last_part', 'invented', 'other_subject')",
        "swap_index >= 0",
        "(object_log_prob is null) = (object_rank is null)",
        "object_rank >= 1",
        f"object_log_prob <= {_ROUNDING}",
    ),
    "interventions": (
        "edit_set_code in ('likn', 'own', 'own_subset', 'other', 'union', 'sequence', 'probeless')",
        "(neuron_language_code = 'all') = (edit_set_code in ('likn', 'union', 'sequence'))",
        "query_code in ('related', 'unrelated')",
        "(queried_fact_id = fact_id) = (query_code = 'related')",
        "not is_random or query_code = 'related'",
        "edit_factor >= 0",
        "neuron_count >= 1",
        f"greatest(log_prob_before, log_prob_after) <= {_ROUNDING}",
    ),
    "edit_propagations": (
        "query_code in ('edited', 'control')",
        "(queried_fact_id = fact_id) = (query_code = 'edited')",
        "step_count >= 0",
        "greatest(new_log_prob_before, new_log_prob_after, old_log_prob_before, "
        f"old_log_prob_after) <= {_ROUNDING}",
    ),
    "text_gradients": ("abs(gradient_score) <= 1.0001", "bm25_score >= 0"),
    "latent_languages": (
        "token_count >= 1",
        "is_same_name or name_language_code != language_code",
    ),
    "patches": (
        "position_code in ('subject', 'object', 'both')",
        "answer_code in ('own', 'source', 'source_name', 'control')",
        "source_fact_id != fact_id",
        "(answer_fact_id = fact_id) = (answer_code = 'own')",
        "(answer_fact_id = source_fact_id) = (answer_code in ('source', 'source_name'))",
        "answer_code != 'source_name' or source_language_code != language_code",
        f"greatest(log_prob_before, log_prob_after) <= {_ROUNDING}",
    ),
    "degenerate_pairs": (
        "1 <= neuron_rank_a and neuron_rank_a < neuron_rank_b",
        "(layer_index_a, neuron_index_a) != (layer_index_b, neuron_index_b)",
        "least(layer_index_a, neuron_index_a, layer_index_b, neuron_index_b) >= 0",
        f"greatest(log_prob_without_a, log_prob_without_b, log_prob_without_both) <= {_ROUNDING}",
    ),
}
"""Table → conditions on each row, beyond those of column names; null counts as true."""

COMPLETENESS = {
    "languages": """
        select 'the study has this language, the table has not' as problem, language_code
        from (select distinct language_code from parts where lake_table = 'fact_labels')
        anti join rows_at_hand using (language_code)
        union all
        select 'the table has this language, the study has not', language_code
        from rows_at_hand
        anti join (select language_code from parts where lake_table = 'fact_labels')
        using (language_code)
    """,
    "models": """
        select 'the study has this model, the table has not' as problem, model_id
        from (select distinct model_id from parts where lake_table = 'predictions')
        anti join rows_at_hand using (model_id)
        union all
        select 'the table has this model, the study has not', model_id
        from rows_at_hand
        anti join (select model_id from parts where lake_table = 'predictions') using (model_id)
        anti join left_out_models using (model_id)
    """,
    "facts": """
        select 'the fact has a label in no language' as problem, fact_id
        from rows_at_hand
        anti join fact_labels using (fact_id)
    """,
    "fact_labels": """
        select 'the language has no facts' as problem, language_code
        from sound_parts
        anti join rows_at_hand using (language_code)
    """,
    "prompts": """
        select distinct 'facts of this relation have no template' as problem,
            language_code, relation_id
        from fact_labels
        inner join facts using (fact_id)
        semi join sound_parts using (language_code)
        anti join rows_at_hand using (language_code, relation_id)
    """,
    "name_cues": """
        select 'the names of the fact are not compared' as problem, language_code, fact_id
        from sound_parts
        inner join fact_labels using (language_code)
        anti join rows_at_hand using (language_code, fact_id)
    """,
    "atlas_truth": """
        select 'the fact is neither planted nor left out' as problem,
            corpus_id, language_code, fact_id
        from sound_parts
        cross join (select language_code, fact_id from fact_labels)
        anti join rows_at_hand using (corpus_id, language_code, fact_id)
    """,
    "world_answers": """
        select 'the fact has no answer in a world' as problem,
            world_id, seed, language_code, fact_id
        from (select distinct world_id, seed from rows_at_hand)
        cross join (select language_code, fact_id from fact_labels)
        anti join rows_at_hand using (world_id, seed, language_code, fact_id)
    """,
    "predictions": """
        select 'the fact has no prediction' as problem, model_id, language_code, fact_id
        from sound_parts
        inner join fact_labels using (language_code)
        anti join rows_at_hand using (model_id, language_code, fact_id)
        union all
        select 'the model was asked, and the answer lacks a value', model_id, language_code, fact_id
        from rows_at_hand
        anti join (select model_id, language_code from imported) using (model_id, language_code)
        where mask_count is null or prompt_code is null or gold_token_ids is null
            or predicted_token_ids is null or candidate_token_ids is null
            or candidate_log_probs is null or (gold_rank is null) != (gold_log_prob is null)
    """,
    "object_rankings": """
        select 'the fact is not ranked by every score' as problem, model_id, language_code, fact_id
        from (
            select model_id, language_code, fact_id, score_code
            from sound_parts
            inner join fact_labels using (language_code)
            cross join unnest(['sum', 'mean', 'less_prior']) as scores (score_code)
        )
        anti join rows_at_hand using (model_id, language_code, fact_id, score_code)
    """,
    "continuations": """
        select 'the prompt of the fact was not continued' as problem,
            model_id, language_code, fact_id
        from sound_parts
        inner join models using (model_id)
        inner join fact_labels using (language_code)
        anti join rows_at_hand using (model_id, language_code, fact_id)
        where models.objective != 'masked'
    """,
    "wordings": """
        select 'the template is that of the facts, or of another wording' as problem,
            language_code, relation_id, template
        from (
            select language_code, relation_id, template from rows_at_hand
            union all
            select language_code, relation_id, template from prompts
        )
        semi join sound_parts using (language_code)
        group by all
        having count(*) > 1
    """,
    "wording_predictions": """
        select 'the fact is not asked in all wordings of its relation' as problem,
            model_id, language_code, fact_id
        from rows_at_hand
        inner join facts using (fact_id)
        group by model_id, language_code, relation_id, fact_id
        qualify count(distinct template_id) != max(count(distinct template_id)) over (
            partition by model_id, language_code, relation_id
        )
        union all
        select distinct 'the wording is not one of the relation', model_id, language_code, fact_id
        from rows_at_hand
        inner join facts using (fact_id)
        anti join wordings using (language_code, relation_id, template_id)
    """,
    "wording_neurons": """
        select 'ranks have gaps' as problem,
            model_id, language_code, template_id, fact_id, method_code
        from rows_at_hand
        group by all
        having max(neuron_rank) != count(*)
    """,
    "label_tokens": """
        select 'the fact has no pieces' as problem, model_id, language_code, fact_id
        from sound_parts
        inner join fact_labels using (language_code)
        anti join rows_at_hand using (model_id, language_code, fact_id)
    """,
    "corpus_sizes": """
        select 'the text has no size' as problem, corpus_id, language_code
        from sound_parts
        anti join rows_at_hand using (corpus_id, language_code)
    """,
    "occurrences": """
        select 'the text was read, and a count or its evidence is missing' as problem,
            corpus_id, language_code, text_unit, fact_id
        from rows_at_hand
        anti join (select corpus_id, language_code from imported) using (corpus_id, language_code)
        where subject_count is null or object_count is null or separate_count is null
            or (evidence_text is null) = (shared_count > 0)
        union all
        select 'nothing was looked for', corpus_id, language_code, null, null
        from sound_parts
        anti join rows_at_hand using (corpus_id, language_code)
        union all
        select 'the fact was not looked for', corpus_id, language_code, text_unit, fact_id
        from sound_parts
        semi join rows_at_hand using (corpus_id, language_code)
        inner join fact_labels using (language_code)
        cross join (select distinct text_unit from rows_at_hand)
        anti join rows_at_hand using (corpus_id, language_code, text_unit, fact_id)
        anti join (select corpus_id, language_code from imported) using (corpus_id, language_code)
    """,
    "active_neurons": """
        select 'ranks have gaps' as problem, model_id, language_code, fact_id, method_code
        from rows_at_hand
        group by all
        having max(neuron_rank) != count(*)
        union all
        select distinct 'a neuron has no score', model_id, language_code, fact_id, method_code
        from rows_at_hand
        anti join (select model_id, language_code from imported) using (model_id, language_code)
        where neuron_score is null
    """,
    "neuron_profiles": """
        select distinct 'the fact has a profile and no neurons' as problem,
            model_id, language_code, fact_id, method_code
        from groups_at_hand
        anti join (
            select distinct model_id, language_code, fact_id, method_code from active_neurons
        ) as active using (model_id, language_code, fact_id, method_code)
        union all
        select distinct 'the fact has neurons and no profile',
            model_id, language_code, fact_id, method_code
        from (
            select distinct model_id, language_code, fact_id, method_code from active_neurons
        ) as active
        anti join groups_at_hand using (model_id, language_code, fact_id, method_code)
        semi join sound_parts using (model_id, language_code)
        anti join (select model_id, language_code from imported) using (model_id, language_code)
    """,
    "unscored_facts": """
        select 'the fact has neurons all the same' as problem,
            model_id, language_code, fact_id, method_code
        from rows_at_hand
        semi join (
            select distinct model_id, language_code, fact_id, method_code from active_neurons
        ) as active using (model_id, language_code, fact_id, method_code)
    """,
    "degenerate_sets": """
        select 'sizes of sets have gaps' as problem, model_id, language_code, fact_id, is_random
        from rows_at_hand
        group by all
        having max(set_size) != count(*) + 1
    """,
    "fact_checks": """
        select 'the fact is not checked with both objects and all neurons' as problem,
            model_id, language_code, fact_id
        from rows_at_hand
        group by all
        having count(*) != 8
        union all
        select 'the wrong object is a true one of the subject', model_id, language_code, fact_id
        from (
            select distinct model_id, language_code, fact_id, candidate_object_id
            from rows_at_hand
            where not is_true
        )
        inner join facts using (fact_id)
        where (relation_id, subject_id, candidate_object_id) in (
            select (relation_id, subject_id, object_id) from facts
        )
        union all
        select 'facts of the subject are in two parts', model_id, language_code, min(fact_id)
        from rows_at_hand
        inner join facts using (fact_id)
        group by model_id, language_code, relation_id, subject_id
        having count(distinct split) > 1
    """,
    "knowledge_neurons": """
        select 'ranks have gaps' as problem, model_id, language_code, fact_id, mode_code
        from rows_at_hand
        group by all
        having max(neuron_rank) != count(*)
        union all
        select distinct 'the fact has neurons and no quality',
            model_id, language_code, fact_id, mode_code
        from rows_at_hand
        anti join attribution_quality using (model_id, language_code, fact_id, mode_code)
        anti join (select model_id, language_code from imported) using (model_id, language_code)
        union all
        select distinct 'a neuron has no attribution', model_id, language_code, fact_id, mode_code
        from rows_at_hand
        anti join (select model_id, language_code from imported) using (model_id, language_code)
        where attribution_score is null
    """,
    "attribution_quality": """
        select 'not every layer is there' as problem, model_id, language_code, fact_id, mode_code
        from rows_at_hand
        inner join models using (model_id)
        group by all
        having count(*) != any_value(models.layer_count)
        union all
        select distinct 'the fact has a quality and no neurons',
            model_id, language_code, fact_id, mode_code
        from rows_at_hand
        anti join knowledge_neurons using (model_id, language_code, fact_id, mode_code)
    """,
    "interventions": """
        select 'the fact was not asked after this edit, or not after its random control' as problem,
            model_id, language_code, fact_id, edit_set_code, neuron_language_code, edit_factor
        from rows_at_hand
        group by all
        having count(*) filter (where query_code = 'related') != 2
    """,
    "edit_propagations": """
        select 'the fact was not asked in the language of its change' as problem,
            model_id, language_code, fact_id
        from rows_at_hand
        group by all
        having not bool_or(query_code = 'edited' and target_language_code = language_code)
    """,
    "text_gradients": """
        select 'a query was not compared with all texts of its relation' as problem,
            model_id, language_code, fact_id, text_language_code
        from rows_at_hand
        inner join facts using (fact_id)
        group by model_id, language_code, fact_id, relation_id, text_language_code
        qualify count(*) != max(count(*)) over (
            partition by model_id, relation_id, text_language_code
        )
    """,
    "latent_languages": """
        select 'not every layer is there' as problem,
            model_id, language_code, fact_id, is_random, name_language_code
        from rows_at_hand
        inner join models using (model_id)
        group by all
        having count(*) != any_value(models.layer_count)
        union all
        select 'the object has no name in the asked language',
            model_id, language_code, fact_id, is_random, null
        from rows_at_hand
        group by all
        having not bool_or(name_language_code = language_code)
        union all
        select 'the last layer predicts otherwise than the model',
            model_id, language_code, fact_id, is_random, name_language_code
        from rows_at_hand
        inner join models using (model_id)
        inner join predictions using (model_id, language_code, fact_id)
        where not is_random
            and name_language_code = language_code
            and layer_index = models.layer_count - 1
            and models.dtype = 'float32'
            and abs(name_log_prob - gold_log_prob) > 0.001 * (1 + abs(gold_log_prob))
    """,
    "patches": """
        select 'not every layer is there' as problem,
            model_id, language_code, source_language_code, fact_id, position_code, answer_code
        from rows_at_hand
        inner join models using (model_id)
        group by all
        having count(*) != any_value(models.layer_count)
        union all
        select 'the answers of both facts are not there',
            model_id, language_code, source_language_code, fact_id, position_code, null
        from rows_at_hand
        group by all
        having count(distinct answer_code) filter (where answer_code in ('own', 'source')) != 2
    """,
    "degenerate_pairs": """
        select 'the fact has random pairs alone' as problem, model_id, language_code, fact_id
        from rows_at_hand
        group by all
        having bool_and(is_random)
    """,
}
"""Table → query for incomplete parts: missing facts of a language, gaps in ranks."""


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
        yield f"{name} <= {_ROUNDING}"
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
