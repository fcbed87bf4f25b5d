"""Reads the list of facts: each model's answer in each language, its root and its evidence.

What belongs here: the rows of the list. What does not: searching and showing them, which the page
does in the browser.
"""

from __future__ import annotations

from typing import Any

import duckdb

from warehouse.explanation import SIGNALS

__all__ = ["EVIDENCE_BUDGET", "EVIDENCE_CHARACTERS", "read_facts", "without_passages"]

EVIDENCE_CHARACTERS = 240
"""Largest number of characters of a passage in the list; the warehouse has the whole passage."""
EVIDENCE_BUDGET = 8_000_000
"""Largest number of characters of all passages, which keeps the page below 15 MB. Passages are cut
shorter if there are more."""

_SIGNALS = ", ".join(f"round({name}_log_odds_score, 1)" for name in SIGNALS)
_QUERY = """
with right_somewhere as (
    select distinct fact_id from fct_predictions where is_full_match
),

presence as (
    select
        language_code,
        fact_id,
        bool_or(is_present) as is_present,
        case
            when bool_and(is_present) then 'stated'
            when bool_or(is_present)
                then 'stated in ' || string_agg(corpus_id, ', ' order by corpus_id)
                    filter (is_present)
            else 'not stated'
        end as stated,
        any_value(evidence_document order by corpus_id) filter (is_present) as evidence_document,
        any_value(evidence_text order by corpus_id) filter (is_present) as evidence_text,
    from fct_fact_presence
    where text_unit = (select min(text_unit) from fct_fact_presence)
    group by language_code, fact_id
),

answers as (
    select
        fct_predictions.language_code,
        fct_predictions.fact_id,
        list({
            'model': fct_predictions.model_id,
            'text': if(is_full_match, null, predicted_text),
            'root': paper.root_code,
            'shared': paper.shared_language_codes,
            'likely': calibrated.root_code,
            'probability': round(calibrated.root_probability, 2),
            'sources': calibrated.source_language_codes[:3],
            'signals': [<signals>],
        } order by fct_predictions.model_id) as answers,
        bool_or(is_full_match) as is_right,
    from fct_predictions
    join right_somewhere using (fact_id)
    left join fct_fact_roots as paper
        on paper.rule_code = 'paper'
        and paper.model_id = fct_predictions.model_id
        and paper.language_code = fct_predictions.language_code
        and paper.fact_id = fct_predictions.fact_id
    left join fct_fact_roots as calibrated
        on calibrated.rule_code = 'calibrated'
        and calibrated.model_id = fct_predictions.model_id
        and calibrated.language_code = fct_predictions.language_code
        and calibrated.fact_id = fct_predictions.fact_id
    left join fct_root_probabilities as probabilities
        on probabilities.model_id = fct_predictions.model_id
        and probabilities.language_code = fct_predictions.language_code
        and probabilities.fact_id = fct_predictions.fact_id
    group by fct_predictions.language_code, fct_predictions.fact_id
),

listed as (
    select
        *,
        least(
            $characters, $budget // greatest(count(evidence_text) filter (is_right) over (), 1)
        )::bigint as characters,
    from answers
    left join presence using (language_code, fact_id)
)

select
    fact_id,
    coalesce(relation_name, dim_facts.relation_id) as relation,
    dim_facts.subject_label || ' → ' || dim_facts.object_label as fact,
    list({
        'language': listed.language_code,
        'subject': labels.subject_label,
        'object': labels.object_label,
        'answers': listed.answers,
        'stated': stated,
        'document': evidence_document,
        'evidence': left(evidence_text, characters),
    } order by listed.language_code) filter (is_right) as languages,
    list(listed.language_code order by listed.language_code)
        filter (not is_right and is_present) as unlearned,
    list(listed.language_code order by listed.language_code)
        filter (not is_right and is_present is distinct from true) as unknown,
from listed
join dim_facts using (fact_id)
left join dim_relations on dim_relations.relation_id = dim_facts.relation_id
left join dim_fact_labels as labels
    on labels.fact_id = listed.fact_id and labels.language_code = listed.language_code
group by all
order by fact, fact_id
""".replace("<signals>", _SIGNALS)


def read_facts(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Read the facts that some model gets right in some language.

    Returns:
        One mapping per fact. ``fact_id``, ``relation``, ``fact`` (names in its main language).
        ``languages``: for each language in which a model is right, the names, each model's answer
        ('text' is null if it is right), its root by the paper's rule, the languages with shared
        neurons, its most probable root with probability and sources, what spoke for it ('signals':
        log-odds, in the order of ``SIGNALS``), and whether the text states the fact,
        with a passage. ``unlearned``: codes of the other languages whose
        text states the fact; ``unknown``: codes of the rest. Both are null if there are none.
    """
    found = connection.execute(
        _QUERY, {"characters": EVIDENCE_CHARACTERS, "budget": EVIDENCE_BUDGET}
    )
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def without_passages(
    facts: list[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[list[list[str | None]]]]:
    """Separate the facts, which the page searches, from the passages, which it shows on request.

    Returns:
        The facts without documents and passages; per fact and language, document and passage.
    """
    separate = ("document", "evidence")
    searched = [
        {
            **fact,
            "languages": [
                {name: value for name, value in entry.items() if name not in separate}
                for entry in fact["languages"]
            ],
        }
        for fact in facts
    ]
    passages = [
        [[entry[name] for name in separate] for entry in fact["languages"]] for fact in facts
    ]
    return searched, passages
