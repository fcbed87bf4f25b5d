"""Reads the list of facts and the page of each: answers, roots, evidence and neurons by language.

What belongs here: the values of list and pages, and how many of them fit. What does not: searching
and showing them, which the page does in the browser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import duckdb

from warehouse.explanation import SIGNALS

__all__ = [
    "BUDGETS",
    "CALIBRATED_ROOTS",
    "CHUNK",
    "EVIDENCE_CHARACTERS",
    "PAPER_ROOTS",
    "FactPages",
    "chunks_that_fit",
    "read_facts",
]

EVIDENCE_CHARACTERS = 240
"""Largest number of characters of a passage in the page; the warehouse has the whole passage."""
CHUNK = 64
"""Facts that the page unpacks together."""
BUDGETS = {"names": 3_000_000, "answers": 4_000_000, "evidence": 2_000_000, "neurons": 1_500_000}
"""Part of a fact's page → largest number of characters of all facts' parts, packed. Together they
keep the report below 15 MB."""
CALIBRATED_ROOTS = ("own_text_needed", "either_suffices", "transferred", "guess", "undetermined")
PAPER_ROOTS = ("independent", "shared", "transferred", "cue", "undetermined")

_NAMED = ("subject", "object")
_ROOT = ("calibrated", "paper", "sources", "shared", "signals")
_SIGNALS = ", ".join(f"round({name}_log_odds_score, 1)" for name in SIGNALS)


@dataclass(frozen=True)
class FactPages:
    """The list of facts, and what the page of each shows. Facts right most often come first."""

    languages: list[tuple[str, str]]
    """Code and English name, ordered by family, branch and code."""
    models: list[tuple[str, int]]
    """Model and its number of neurons per layer, ordered by model."""
    index: dict[str, list[Any]]
    """Columns of the list, one value per fact: ``id``, ``relation``, ``name``, and ``states``: for
    each model a text with one character per language. '-': not asked; '.': wrong; else right, and
    the character's code less 48 is 6 × place of the root by the calibrated rule + place of the root
    by the paper's rule, both from 1 (0: no root)."""
    parts: dict[str, list[Any]]
    """The names of ``BUDGETS`` → what the page of each fact shows, see ``read_facts``."""


def read_facts(connection: duckdb.DuckDBPyConnection) -> FactPages:
    """Read every fact of the study with its answers in all languages.

    Places of languages count from 0. The parts of a fact's page are:

    - ``names``: the subject's name in each language, and the object's; null where it has none
    - ``answers``: ``stated``: per language whether the text states the fact, in words (null: not
      traced); ``wrong``: per model {place of the language: the wrong answer}; ``roots``: per model
      {place of the language: [probability by the calibrated rule and by the paper's rule, most
      probable sources, languages with shared neurons, log-odds in the order of ``SIGNALS``]}
    - ``evidence``: {place of the language: [document, passage]}
    - ``neurons``: per model {place of the language: neurons}. A neuron's number is layer × neurons
      per layer + index; in ascending order, each as its difference to the one before.
    """
    languages = connection.execute(
        "select language_code, language_name from dim_languages "
        "order by language_family, language_branch, language_code"
    ).fetchall()
    models = connection.execute(
        f"select model_id, {_WIDTH} from dim_models order by model_id"
    ).fetchall()
    index = _by_fact(connection, _INDEX, calibrated=CALIBRATED_ROOTS, paper=PAPER_ROOTS)
    characters = {"characters": EVIDENCE_CHARACTERS}
    cells = {
        "names": _cells(connection, _NAMES, ("place", *_NAMED)),
        "presence": _cells(
            connection, _PRESENCE, ("place", "stated", "document", "passage"), **characters
        ),
        "wrong": _cells(connection, _WRONG, ("model", "place", "text")),
        "roots": _cells(connection, _ROOTS, ("model", "place", *_ROOT)),
        "neurons": _cells(connection, _NEURONS, ("model", "place", "neurons")),
    }

    def by_language(name: str, fact: str, value: str) -> list[Any]:
        values = [None] * len(languages)
        for cell in cells[name].get(fact, ()):
            values[cell["place"]] = cell[value]
        return values

    def by_model(name: str, fact: str, value: Callable[[Any], Any]) -> list[dict[int, Any]]:
        found: dict[str, dict[int, Any]] = {model: {} for model, _ in models}
        for cell in cells[name].get(fact, ()):
            found[cell["model"]][cell["place"]] = value(cell)
        return list(found.values())

    columns = ("relation", "name", "states")
    return FactPages(
        languages,
        models,
        {
            "id": list(index),
            **{name: [row[place] for row in index.values()] for place, name in enumerate(columns)},
        },
        {
            "names": [[by_language("names", f, part) for part in _NAMED] for f in index],
            "answers": [
                {
                    "stated": by_language("presence", fact, "stated"),
                    "wrong": by_model("wrong", fact, lambda cell: cell["text"]),
                    "roots": by_model("roots", fact, lambda cell: [cell[name] for name in _ROOT]),
                }
                for fact in index
            ],
            "evidence": [
                {
                    cell["place"]: [cell["document"], cell["passage"]]
                    for cell in cells["presence"].get(fact, ())
                    if cell["passage"] is not None
                }
                for fact in index
            ],
            "neurons": [
                by_model("neurons", fact, lambda cell: _steps(cell["neurons"])) for fact in index
            ],
        },
    )


def chunks_that_fit(parts: Sequence[Any], pack: Callable[[Any], str], budget: int) -> list[str]:
    """Pack the parts of ``CHUNK`` facts at a time, in their order, until the budget is used up.

    Args:
        parts: one part of each fact's page.
        pack: turns a value into text.
        budget: largest number of characters of all chunks together.

    Returns:
        The chunks that fit; facts of others lack this part of their page.
    """
    packed: list[str] = []
    for start in range(0, len(parts), CHUNK):
        chunk = pack(parts[start : start + CHUNK])
        budget -= len(chunk)
        if budget < 0:
            break
        packed.append(chunk)
    return packed


def _by_fact(
    connection: duckdb.DuckDBPyConnection, query: str, **values: Any
) -> dict[str, tuple[Any, ...]]:
    """Run a query whose first column is the fact; returns its other columns by fact."""
    found = connection.execute(_LANGUAGES + query, values)
    return {fact: tuple(rest) for fact, *rest in _rows(found)}


def _cells(
    connection: duckdb.DuckDBPyConnection, query: str, columns: Sequence[str], **values: Any
) -> dict[str, list[dict[str, Any]]]:
    """Run a query that defines ``cells``; returns each fact's cells by model and language."""
    cell = ", ".join(f"'{name}': {name}" for name in columns)
    order = ", ".join(name for name in columns if name in ("model", "place"))
    grouped = f"select fact_id, list({{{cell}}} order by {order}) from cells group by fact_id"
    found = _by_fact(connection, query + grouped, **values)
    return {fact: cells for fact, (cells,) in found.items()}


def _rows(found: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := found.fetchmany(10_000):
        yield from rows


def _steps(numbers: list[int]) -> list[int]:
    return [numbers[0], *(after - before for before, after in pairwise(numbers))]


_LANGUAGES = """
with languages as (
    select
        language_code,
        row_number() over (order by language_family, language_branch, language_code) - 1 as place,
    from dim_languages
),
"""

_INDEX = """
roots as (
    select
        model_id,
        language_code,
        fact_id,
        coalesce(list_position($calibrated::varchar[], any_value(root_code)
            filter (rule_code = 'calibrated')), 0) as calibrated,
        coalesce(list_position($paper::varchar[], any_value(root_code)
            filter (rule_code = 'paper')), 0) as paper,
    from fct_fact_roots
    group by all
),

states as (
    select
        facts.fact_id,
        models.model_id,
        string_agg(
            case
                when predictions.is_right is null then '-'
                when not predictions.is_right then '.'
                else chr((48 + 6 * coalesce(calibrated, 0) + coalesce(paper, 0))::integer)
            end,
            '' order by place
        ) as states,
        count(*) filter (predictions.is_right) as right_count,
    from dim_facts as facts
    cross join dim_models as models
    cross join languages
    left join fct_predictions as predictions
        on predictions.model_id = models.model_id
        and predictions.language_code = languages.language_code
        and predictions.fact_id = facts.fact_id
    left join roots
        on roots.model_id = models.model_id
        and roots.language_code = languages.language_code
        and roots.fact_id = facts.fact_id
    group by all
)

select
    fact_id,
    coalesce(any_value(relation_name), any_value(facts.relation_id)) as relation,
    any_value(coalesce(subject_label, subject_id) || ' → ' || coalesce(object_label, object_id)),
    list(states order by model_id),
from states
join dim_facts as facts using (fact_id)
left join dim_relations as relations on relations.relation_id = facts.relation_id
group by fact_id
order by sum(right_count) desc, 3, fact_id
"""

_NAMES = """
cells as (
    select fact_id, place, subject_label as subject, object_label as object
    from dim_fact_labels
    join languages using (language_code)
)

"""

_PRESENCE = """
presence as (
    select
        language_code,
        fact_id,
        case
            when bool_and(is_present) then 'stated'
            when bool_or(is_present)
                then 'stated in ' || string_agg(corpus_id, ', ' order by corpus_id)
                    filter (is_present)
            else 'not stated'
        end as stated,
        any_value(evidence_document order by corpus_id) filter (is_present) as document,
        any_value(evidence_text order by corpus_id) filter (is_present) as evidence_text,
    from fct_fact_presence
    where text_unit = (select min(text_unit) from fct_fact_presence)
    group by language_code, fact_id
),

passages as (
    select
        presence.*,
        -- A little before the first of the two names, so that a cut passage has them.
        coalesce(least(
            nullif(instr(lower(evidence_text), lower(subject_label)), 0),
            nullif(instr(lower(evidence_text), lower(object_label)), 0)
        ), 1) as first_name,
    from presence
    left join dim_fact_labels using (language_code, fact_id)
),

cells as (
    select
        fact_id,
        place,
        stated,
        document,
        substr(
            evidence_text,
            if(length(evidence_text) <= $characters, 1, greatest(1, first_name - $characters // 6)),
            $characters
        ) as passage,
    from passages
    join languages using (language_code)
)

"""

_WRONG = """
cells as (
    select fact_id, model_id as model, place, predicted_text as text
    from fct_predictions
    join languages using (language_code)
    where not is_right
)

"""

_ROOTS = """
rules as (
    select
        model_id,
        language_code,
        fact_id,
        round(any_value(root_probability) filter (rule_code = 'calibrated'), 2) as calibrated,
        round(any_value(root_probability) filter (rule_code = 'paper'), 2) as paper,
        any_value(source_language_codes[:3]) filter (rule_code = 'calibrated') as sources,
        any_value(shared_language_codes) filter (rule_code = 'paper') as shared,
    from fct_fact_roots
    group by all
),

cells as (
    select
        rules.fact_id,
        rules.model_id as model,
        place,
        calibrated,
        paper,
        sources,
        shared,
        [<signals>] as signals,
    from rules
    join languages on languages.language_code = rules.language_code
    left join fct_root_probabilities as probabilities
        on probabilities.model_id = rules.model_id
        and probabilities.language_code = rules.language_code
        and probabilities.fact_id = rules.fact_id
)

""".replace("<signals>", _SIGNALS)

_WIDTH = "coalesce(neuron_count, (select 1 + max(neuron_index) from fct_active_neurons))"
"""Neurons per layer; imported ones come without the shape of their model."""
_NEURONS = """
cells as (
    select
        fact_id,
        model_id as model,
        place,
        list(layer_index * <width> + neuron_index order by layer_index, neuron_index) as neurons,
    from fct_active_neurons
    join dim_models using (model_id)
    join languages using (language_code)
    where method_code = 'probeless'
    group by all
)

""".replace("<width>", _WIDTH)
