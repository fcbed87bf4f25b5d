"""Conditions on the values of lake tables: those that a column's name implies, and special ones.

Rules follow column names, because one name means the same in all tables, so a new table is checked
as soon as it is in the contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from ingestion.contract import CODES, Column, LakeTable

__all__ = ["SPECIAL_RULES", "all_of", "value_rules"]

ROUNDING = 1e-4
"""Rounding can make the log-probability of a certain answer slightly greater than 0."""

_MODES = f"mode_code in {CODES['mode_code']}"

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
        f"text_unit in {CODES['text_unit']}",
        "shared_count <= least(subject_count, object_count)",
        "separate_count <= shared_count",
        "evidence_text is null or shared_count > 0",
        "(evidence_document is null) = (evidence_text is null)",
        "(evidence_offset is null) = (evidence_text is null)",
        "(evidence_distance is null) = (evidence_text is null)",
    ),
    "predictions": (
        "mask_count >= 1",
        f"prompt_code in {CODES['prompt_code']}",
        "len(predicted_token_ids) = if(prompt_code = 'unasked', 0, mask_count)",
        "len(candidate_token_ids) = if(prompt_code = 'unasked', 0, mask_count)",
        "len(candidate_log_probs) = if(prompt_code = 'unasked', 0, mask_count)",
        f"list_max(flatten(candidate_log_probs)) <= {ROUNDING}",
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
        f"prompt_code in {CODES['prompt_code']}",
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
        f"greatest(clean_probability, baseline_probability) <= object_token_count + {ROUNDING}",
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
        f"score_code = 'less_prior' or candidate_scores[1] <= {ROUNDING}",
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
        f"object_log_prob <= {ROUNDING}",
    ),
    "interventions": (
        "edit_set_code in ('likn', 'own', 'own_subset', 'other', 'union', 'sequence', 'probeless')",
        "(neuron_language_code = 'all') = (edit_set_code in ('likn', 'union', 'sequence'))",
        "query_code in ('related', 'unrelated')",
        "(queried_fact_id = fact_id) = (query_code = 'related')",
        "not is_random or query_code = 'related'",
        "edit_factor >= 0",
        "neuron_count >= 1",
        f"greatest(log_prob_before, log_prob_after) <= {ROUNDING}",
    ),
    "edit_propagations": (
        "query_code in ('edited', 'control')",
        "(queried_fact_id = fact_id) = (query_code = 'edited')",
        "step_count >= 0",
        "greatest(new_log_prob_before, new_log_prob_after, old_log_prob_before, "
        f"old_log_prob_after) <= {ROUNDING}",
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
        f"greatest(log_prob_before, log_prob_after) <= {ROUNDING}",
    ),
    "degenerate_pairs": (
        "1 <= neuron_rank_a and neuron_rank_a < neuron_rank_b",
        "(layer_index_a, neuron_index_a) != (layer_index_b, neuron_index_b)",
        "least(layer_index_a, neuron_index_a, layer_index_b, neuron_index_b) >= 0",
        f"greatest(log_prob_without_a, log_prob_without_b, log_prob_without_both) <= {ROUNDING}",
    ),
}
"""Table → conditions on each row, beyond those of column names; null counts as true."""

_BLANK = re.compile(r"^trim\((\w+)\) != ''$")
_QUICK_BLANK = r"case when \1 between '!' and '~' then true else trim(\1) != '' end"
"""The same; nothing is looked for in a name that begins with a visible character of ASCII."""


def value_rules(table: LakeTable, columns: Sequence[Column]) -> dict[str, str]:
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


def all_of(rules: Mapping[str, str]) -> str:
    """All conditions as one, for ``not`` and ``bool_and``, in which null counts as true."""
    return " and ".join(f"({_BLANK.sub(_QUICK_BLANK, rule)})" for rule in rules.values())


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
