"""Reads everything about one fact in several languages: answers, roots, neurons, overlaps.

What belongs here: reading the published file. What does not: how a fact is shown
(``warehouse.explanation``), and metrics (``dbt/models``); also the nulls for the overlaps come from
the marts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb

from ingestion.errors import FactrootsError
from warehouse.connection import not_published, opened
from warehouse.explanation import Explanation, sentence
from warehouse.tables import known_names

__all__ = ["ExplainError", "explain"]

_LISTED = 20

Row = dict[str, Any]


class ExplainError(FactrootsError):
    """The fact cannot be shown; the message says what exists and what to do."""


def explain(
    published_file: Path, model_id: str, fact: str, languages: Sequence[str]
) -> Explanation:
    """Read one fact: its answers, their roots, its active neurons and their overlaps.

    Args:
        published_file: the warehouse.
        model_id: a model of the study.
        fact: a fact's id, or text to search in the subjects' names in these languages.
        languages: codes; their neurons are compared with each other.

    Returns:
        Sentences and tables to print, and the same as data.

    Raises:
        ExplainError: no warehouse yet, an unknown model or language, no such fact, or several.
    """
    if not published_file.exists():
        raise ExplainError(not_published(published_file))
    codes = list(dict.fromkeys(languages))
    if not codes:
        raise ExplainError("specify at least one language, such as 'en'")
    try:
        with opened(published_file) as file:
            connection = file.connection
            _known(connection, "model", "select model_id from dim_models", [model_id])
            _known(connection, "language", "select language_code from dim_languages", codes)
            fact_id = _fact_id(connection, fact, codes)
            values = {"model": model_id, "fact": fact_id, "codes": codes}
            neurons = _neurons(connection, values)
            answers = _rows(connection, _ANSWERS, values)
            names = dict(
                connection.execute(
                    "select language_code, language_name from dim_languages"
                ).fetchall()
            )
            return Explanation(
                {
                    **_rows(connection, _FACT, {"fact": fact_id})[0],
                    "model_id": model_id,
                    "sentences": [sentence(row, names) for row in answers],
                    "answers": answers,
                    "signals": _rows(connection, _SIGNALS, values),
                    "neurons": neurons,
                    "overlaps": _overlaps(connection, model_id, neurons),
                    "without_neurons": _rows(connection, _REASONS, values),
                }
            )
    except duckdb.Error as error:
        raise ExplainError(f"{published_file} cannot be read: {error}") from error


_FACT = """
    select fact_id, relation_id, relation_name
    from dim_facts
    inner join dim_relations using (relation_id)
    where fact_id = $fact
"""

_ANSWERS = """
    select
        codes.language_code,
        languages.language_name,
        coalesce(facts.subject_label, facts.subject_id) as fact_subject_label,
        coalesce(facts.object_label, facts.object_id) as fact_object_label,
        labels.subject_label,
        labels.object_label,
        answers.* exclude (
            model_id, language_code, language_name, fact_id, relation_id, relation_name,
            fact_subject_label, fact_object_label, subject_label, object_label
        ),
    from (select unnest($codes) as language_code) as codes
    inner join dim_languages as languages using (language_code)
    cross join (from dim_facts where fact_id = $fact) as facts
    left join dim_fact_labels as labels
        on labels.language_code = codes.language_code and labels.fact_id = $fact
    left join (from answers where model_id = $model and fact_id = $fact) as answers
        on answers.language_code = codes.language_code
    order by list_position($codes, codes.language_code)
"""

_SIGNALS = """
    select
        language_code,
        nowhere_score,
        elsewhere_only_score,
        columns('.*_log_odds_score'),
    from fct_root_probabilities
    where model_id = $model and fact_id = $fact and list_contains($codes, language_code)
    order by list_position($codes, language_code)
"""

_REASONS = """
    select
        methods.method_code,
        codes.language_code,
        unscored.reason_code,
        coalesce(predictions.is_right, false) as is_right,
    from (
        select distinct method_code from fct_active_neurons where model_id = $model
    ) as methods
    cross join (select unnest($codes) as language_code) as codes
    left join unscored_facts as unscored
        on unscored.model_id = $model
        and unscored.fact_id = $fact
        and unscored.language_code = codes.language_code
        and unscored.method_code = methods.method_code
    left join fct_predictions as predictions
        on predictions.model_id = $model
        and predictions.fact_id = $fact
        and predictions.language_code = codes.language_code
    where not exists (
        select 1 from fct_active_neurons as neurons
        where neurons.model_id = $model
            and neurons.fact_id = $fact
            and neurons.language_code = codes.language_code
            and neurons.method_code = methods.method_code
    )
    order by methods.method_code, codes.language_code
"""


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, object]
) -> list[Row]:
    result = connection.execute(query, dict(values))
    names = [name for name, *_ in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _known(
    connection: duckdb.DuckDBPyConnection, what: str, query: str, names: Sequence[str]
) -> None:
    known = sorted(name for (name,) in connection.execute(query).fetchall())
    for name in names:
        if name not in known:
            raise ExplainError(f"no {what} '{name}' in this study; {known_names(name, known)}")


def _fact_id(connection: duckdb.DuckDBPyConnection, fact: str, codes: list[str]) -> str:
    """Find a fact by its id, or by its subject's name, or by a part of that name."""
    if connection.execute("select 1 from dim_facts where fact_id = ?", [fact]).fetchone():
        return fact
    name = "lower(labels.subject_label)"
    for condition in (f"{name} = lower($fact)", f"contains({name}, lower($fact))"):
        found = connection.execute(
            f"""
            select
                labels.fact_id,
                any_value(facts.relation_id),
                min(labels.subject_label),
                min(labels.object_label),
            from dim_fact_labels as labels
            inner join dim_facts as facts using (fact_id)
            where {condition} and list_contains($codes, labels.language_code)
            group by labels.fact_id
            order by labels.fact_id
            """,
            {"fact": fact, "codes": codes},
        ).fetchall()
        if len(found) == 1:
            return str(found[0][0])
        if found:
            lines = [f"  {row[0]}  {row[1]}: {row[2]} – {row[3]}" for row in found[:_LISTED]]
            if len(found) > _LISTED:
                lines.append(f"  … and {len(found) - _LISTED} more")
            raise ExplainError(
                f"{len(found)} facts are about '{fact}'; choose one by its id:\n" + "\n".join(lines)
            )
    near = connection.execute(_NEAR, {"fact": fact, "codes": codes}).fetchall()
    names = " or ".join(f"'{label}' ({language})" for label, language in near)
    hint = f"did you mean {names}? " if near else ""
    raise ExplainError(
        f"no fact has the id '{fact}', and no subject has this name in {', '.join(codes)}; {hint}"
        "factroots sql 'from dim_facts' lists all facts"
    )


_NEAR = """
    select
        subject_label,
        min_by(
            language_code,
            (not list_contains($codes, language_code), language_code != 'en', language_code)
        ),
    from dim_fact_labels
    where jaro_winkler_similarity(lower(subject_label), lower($fact)) > 0.85
    group by subject_label
    order by jaro_winkler_similarity(lower(subject_label), lower($fact)) desc, subject_label
    limit 3
"""
"""Names like the given one, each with a language that has it, if possible one of the given ones."""


def _neurons(
    connection: duckdb.DuckDBPyConnection, values: Mapping[str, object]
) -> dict[str, dict[str, list[Row]]]:
    """Active neurons by method and language, best first; 'probeless' before its variants."""
    rows = _rows(
        connection,
        """
        select method_code, language_code, layer_index, neuron_index, neuron_score
        from fct_active_neurons
        where model_id = $model and fact_id = $fact and list_contains($codes, language_code)
        order by method_code, list_position($codes, language_code), neuron_rank
        """,
        values,
    )
    found: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        method, code = row.pop("method_code"), row.pop("language_code")
        found.setdefault(method, {}).setdefault(code, []).append(row)
    return found


def _overlaps(
    connection: duckdb.DuckDBPyConnection,
    model_id: str,
    neurons: Mapping[str, Mapping[str, Sequence[Row]]],
) -> list[Row]:
    """Overlap of the fact's neurons in each two languages, and of all facts of the two."""
    found = []
    for method, sets in neurons.items():
        places = {
            code: {(row["layer_index"], row["neuron_index"]) for row in rows}
            for code, rows in sets.items()
        }
        for pair in combinations(places, 2):
            a, b = (places[code] for code in pair)
            first, second = sorted(pair)
            all_facts = _rows(
                connection,
                """
                select neuron_jaccard_score, relation_null_score, object_null_score, fact_count
                from neuron_jaccard_by_language_pair
                where model_id = $model and method_code = $method
                    and language_a = $first and language_b = $second
                """,
                {"model": model_id, "method": method, "first": first, "second": second},
            )
            found.append(
                {
                    "method_code": method,
                    "language_codes": list(pair),
                    "shared_neuron_count": len(a & b),
                    "overlap_score": len(a & b) / len(a | b),
                    **(all_facts[0] if all_facts else {"fact_count": 0}),
                }
            )
    return found
