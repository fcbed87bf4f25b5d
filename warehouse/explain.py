"""Shows one fact in several languages: answers, their roots, active neurons and their overlaps.

What belongs here: reading the published file and formatting a fact for the terminal. What does not:
metrics (``dbt/models``); also the nulls for the overlaps come from the marts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import duckdb
from rich.markup import escape
from rich.table import Table

from ingestion.errors import FactrootsError
from warehouse.connection import opened
from warehouse.tables import known_names

__all__ = ["ExplainError", "explain"]

_SHOWN = 12
_LISTED = 20
_REASONS = {
    "only_fact": "no other fact of its relation is right here, so neurons cannot be compared",
    "no_contrast": "the relation's right facts have too few different queries here",
}

_SHOWN_SOURCES = 3
_SIGNALS = {
    "object_frequency": "facts with this object",
    "other_full_match": "languages right",
    "object_log_prob_rank": "log-probability",
    "same_answer": "other subjects get it",
    "masked_log_prob_rank": "without subject",
    "other_subject_log_prob_rank": "with other subjects",
}
"""Feature of the calibrated rule → its heading."""

_Neuron = tuple[int, int, float]
"""Layer, neuron, score."""


class ExplainError(FactrootsError):
    """The fact cannot be shown; the message says what exists and what to do."""


def explain(
    published_file: Path, model_id: str, fact: str, languages: Sequence[str], top: int = _SHOWN
) -> list[Table]:
    """Build tables about one fact: its answers, their roots, its active neurons and overlaps.

    Args:
        published_file: the warehouse.
        model_id: a model of the study.
        fact: a fact's id, or text to search in the subjects' names in these languages.
        languages: codes; their neurons are compared with each other.
        top: active neurons to list per language; overlaps use all of them.

    Returns:
        Answers; the roots of the right ones by both rules; what spoke for and against; per method
        a table of neurons and, if two languages have neurons, a table of overlaps; languages
        without neurons, with the reason. Empty tables are omitted.

    Raises:
        ExplainError: no warehouse yet, an unknown model or language, no such fact, or several.
    """
    if not published_file.exists():
        raise ExplainError(f"{published_file} does not exist yet: create it with factroots run")
    codes = list(dict.fromkeys(languages))
    if not codes:
        raise ExplainError("specify at least one language, such as 'en'")
    try:
        with opened(published_file) as file:
            connection = file.connection
            _known(connection, "model", "select model_id from dim_models", [model_id])
            _known(connection, "language", "select language_code from dim_languages", codes)
            fact_id = _fact_id(connection, fact, codes)
            tables = [
                _answers(connection, model_id, fact_id, codes),
                _roots(connection, model_id, fact_id, codes),
                _signals(connection, model_id, fact_id, codes),
            ]
            for method, sets in _neurons(connection, model_id, fact_id, codes).items():
                tables.append(_neuron_table(method, sets, top))
                if len(sets) > 1:
                    tables.append(_overlaps(connection, model_id, method, sets))
            tables.append(_reasons(connection, model_id, fact_id, codes))
            return [table for table in tables if table.row_count]
    except duckdb.Error as error:
        raise ExplainError(f"{published_file} cannot be read: {error}") from error


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
    raise ExplainError(
        f"no fact has the id '{fact}', and no subject has this name in {', '.join(codes)}; "
        "factroots sql 'from dim_facts' lists all facts"
    )


def _answers(
    connection: duckdb.DuckDBPyConnection, model_id: str, fact_id: str, codes: list[str]
) -> Table:
    [(relation, name)] = connection.execute(
        """select relation_id, relation_name from dim_facts
           inner join dim_relations using (relation_id) where fact_id = ?""",
        [fact_id],
    ).fetchall()
    table = Table(title=f"{fact_id}: {relation} {name}, asked of {model_id}", title_justify="left")
    for column in ("language", "subject", "object", "predicted"):
        table.add_column(column)
    table.add_column("right")
    table.add_column("rank of the object", justify="right")
    table.add_column("its log-probability", justify="right")
    rows = connection.execute(
        """
        select
            codes.language_code,
            labels.subject_label,
            labels.object_label,
            predictions.predicted_text,
            predictions.is_full_match,
            predictions.gold_rank,
            predictions.gold_log_prob,
        from (select unnest($codes) as language_code) as codes
        left join dim_fact_labels as labels
            on labels.language_code = codes.language_code and labels.fact_id = $fact
        left join fct_predictions as predictions
            on predictions.language_code = codes.language_code
            and predictions.fact_id = $fact
            and predictions.model_id = $model
        """,
        {"codes": codes, "fact": fact_id, "model": model_id},
    ).fetchall()
    by_language = {row[0]: row for row in rows}
    for code in codes:
        _, subject, answer, predicted, is_right, rank, log_prob = by_language[code]
        if subject is None:
            table.add_row(code, "not in this language", *["–"] * 5)
            continue
        verdict = {True: "[green]yes[/]", False: "[red]no[/]", None: "–"}[is_right]
        table.add_row(
            code, escape(subject), escape(answer), escape(predicted or "–"), verdict,
            f"{rank:,}" if rank else "–", "–" if log_prob is None else f"{log_prob:.2f}",
        )  # fmt: skip
    return table


def _roots(
    connection: duckdb.DuckDBPyConnection, model_id: str, fact_id: str, codes: list[str]
) -> Table:
    """Table of the right answers: is it stated, which root do both rules give, from where?"""
    rows = connection.execute(
        """
        select
            calibrated.language_code,
            calibrated.is_present,
            calibrated.root_code as probable_code,
            calibrated.root_probability,
            calibrated.source_language_codes,
            calibrated.source_probabilities,
            paper.root_code,
            paper.reason,
        from fct_fact_roots as calibrated
        inner join fct_fact_roots as paper using (model_id, language_code, fact_id)
        where calibrated.rule_code = 'calibrated'
            and paper.rule_code = 'paper'
            and calibrated.model_id = ?
            and calibrated.fact_id = ?
            and list_contains(?, calibrated.language_code)
        order by list_position(?, calibrated.language_code)
        """,
        [model_id, fact_id, codes, codes],
    ).fetchall()
    table = Table(title="Where the right answers come from", title_justify="left")
    table.add_column("language")
    table.add_column("stated")
    table.add_column("most probable root")
    table.add_column("P", justify="right")
    table.add_column("most probable sources")
    table.add_column("root of the paper's rule, and why")
    for code, stated, root, probability, sources, weights, paper, reason in rows:
        likely = list(zip(sources, weights, strict=True))[:_SHOWN_SOURCES]
        table.add_row(
            code,
            {True: "yes", False: "no", None: "not traced"}[stated],
            root.replace("_", " "),
            "–" if probability is None else f"{probability:.2f}",
            ", ".join(f"{source} {weight:.2f}" for source, weight in likely) or "–",
            escape(f"{paper}: {reason}"),
        )
    return table


def _signals(
    connection: duckdb.DuckDBPyConnection, model_id: str, fact_id: str, codes: list[str]
) -> Table:
    """Table of what the calibrated rule knows about each right answer, and how it counts."""
    columns = ", ".join(f"{name}_log_odds_score" for name in _SIGNALS)
    rows = connection.execute(
        f"""
        select language_code, nowhere_score, elsewhere_only_score, {columns}
        from fct_root_probabilities
        where model_id = ? and fact_id = ? and list_contains(?, language_code)
        order by list_position(?, language_code)
        """,
        [model_id, fact_id, codes, codes],
    ).fetchall()
    table = Table(
        title="Right without its own text? Probabilities, and what speaks for (+) and against (-), "
        "in log-odds compared with an average answer (a guess, where the text was not traced)",
        title_justify="left",
    )
    table.add_column("language")
    for name in ("P if stated nowhere", "P if only elsewhere", *_SIGNALS.values()):
        table.add_column(name, justify="right")
    for code, nowhere, elsewhere, *signals in rows:
        shown = ["–" if signal is None else f"{signal:+.2f}" for signal in signals]
        table.add_row(code, f"{nowhere:.2f}", f"{elsewhere:.2f}", *shown)
    return table


def _neurons(
    connection: duckdb.DuckDBPyConnection, model_id: str, fact_id: str, codes: list[str]
) -> dict[str, dict[str, list[_Neuron]]]:
    """Active neurons by method and language, best first; 'probeless' before its variants."""
    rows = connection.execute(
        """
        select method_code, language_code, layer_index, neuron_index, neuron_score
        from fct_active_neurons
        where model_id = ? and fact_id = ? and list_contains(?, language_code)
        order by method_code, list_position(?, language_code), neuron_rank
        """,
        [model_id, fact_id, codes, codes],
    ).fetchall()
    found: dict[str, dict[str, list[_Neuron]]] = {}
    for method, code, layer, neuron, score in rows:
        found.setdefault(method, {}).setdefault(code, []).append((layer, neuron, score))
    return found


def _reasons(
    connection: duckdb.DuckDBPyConnection, model_id: str, fact_id: str, codes: list[str]
) -> Table:
    """Table of the languages without neurons, by method, with the reason."""
    rows = connection.execute(
        """
        select
            methods.method_code,
            codes.language_code,
            unscored.reason_code,
            coalesce(predictions.is_full_match, false) as is_right,
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
        """,
        {"codes": codes, "fact": fact_id, "model": model_id},
    ).fetchall()
    table = Table(title="Languages without active neurons", title_justify="left")
    for column in ("method", "language", "reason"):
        table.add_column(column)
    for method, code, reason, is_right in rows:
        text = _REASONS.get(reason, "right, but not recorded with the object's number of masks")
        table.add_row(method, code, text if is_right or reason else "the model is not right here")
    return table


def _neuron_table(method: str, sets: dict[str, list[_Neuron]], top: int) -> Table:
    places = [{neuron[:2] for neuron in neurons} for neurons in sets.values()]
    common = set.intersection(*places) if len(places) > 1 else set()
    title = f"{method}: the {top} most active neurons (layer·neuron, score)"
    if len(places) > 1:
        title += f"; bold: active in all {len(places)} languages ({len(common)} neurons)"
    table = Table(title=title, title_justify="left")
    table.add_column("rank", justify="right")
    for code, neurons in sets.items():
        table.add_column(f"{code} ({len(neurons)})")
    for rank in range(min(top, max(map(len, sets.values())))):
        cells = []
        for neurons in sets.values():
            if rank >= len(neurons):
                cells.append("")
                continue
            layer, neuron, score = neurons[rank]
            text = f"{layer}·{neuron} {score:.3f}"
            cells.append(f"[bold]{text}[/]" if (layer, neuron) in common else text)
        table.add_row(str(rank + 1), *cells)
    return table


def _overlaps(
    connection: duckdb.DuckDBPyConnection,
    model_id: str,
    method: str,
    sets: dict[str, list[_Neuron]],
) -> Table:
    table = Table(
        title=f"{method}: overlap of these sets, compared with all facts of the two languages",
        title_justify="left",
    )
    table.add_column("languages")
    for column in (
        "shared neurons", "Jaccard", "mean of all facts", "null: other fact, same relation",
        "null: other fact, same object", "facts",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for pair in combinations(sets, 2):
        a, b = ({neuron[:2] for neuron in sets[code]} for code in pair)
        row = connection.execute(
            """
            select neuron_jaccard_score, relation_null_score, object_null_score, fact_count
            from neuron_jaccard_by_language_pair
            where model_id = ? and method_code = ? and language_a = ? and language_b = ?
            """,
            [model_id, method, *sorted(pair)],
        ).fetchone()
        mean, relation_null, object_null, facts = row or (None, None, None, 0)
        table.add_row(
            " – ".join(pair), str(len(a & b)), f"{len(a & b) / len(a | b):.3f}",
            *("–" if x is None else f"{x:.3f}" for x in (mean, relation_null, object_null)),
            f"{facts:,}",
        )  # fmt: skip
    return table
