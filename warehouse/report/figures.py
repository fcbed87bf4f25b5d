"""Reads the figures: a query of ``queries/report``, its rows, and the chart that shows them.

What belongs here: the list of figures, their order, and reading their rows. What does not: drawing
a chart (``charts``) and writing the page (``page``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import polars as pl

from warehouse.questions import QUERIES, find_question
from warehouse.report import charts, neuron_charts, truth_charts
from warehouse.report.drawing import Drawing, View
from warehouse.report.errors import ReportError
from warehouse.report.order import similarity_order

__all__ = ["SECTIONS", "Figure", "read_figures"]

Draw = Callable[[View], Drawing]

_COUNT = re.compile(r"^-- n: (.+)$", re.MULTILINE)
_SAME = re.compile(r"\b([\d,]+) to \1(?![\d,])")
"""A range whose ends are the same."""


@dataclass(frozen=True)
class Figure:
    """One figure of the report, with the rows behind it."""

    name: str
    """Name of its query, its picture files and its anchor in the page."""
    title: str
    """First comment line of the query."""
    sentence: str
    """Caption of the figure; second comment line of the query."""
    query: str
    """SQL that returns the rows."""
    rows: pl.DataFrame
    """Data of the figure, unchanged from the marts."""
    chart: dict[str, Any]
    """Vega-Lite specification over a data set 'rows', which it does not contain."""
    counts: dict[str, str]
    """Model → how many observations the figure shows, in words; one entry '' for all models."""

    @property
    def models(self) -> list[str]:
        """Models between which the figure switches; none if it shows all at once."""
        names = {param["name"] for param in self.chart.get("params", [])}
        return sorted(self.rows["model_id"].unique()) if "model" in names else []


SECTIONS: dict[str, dict[str, Draw]] = {
    "What is known": {
        "p_at_1_by_language": charts.rates_by_language,
        "p_at_1_and_text": charts.rate_against_text,
        "p_at_1_by_token_count": charts.rate_by_token_count,
        "correlations": charts.correlations,
        "one_token": charts.one_token,
        "p_at_1_without_cues": charts.rate_without_cues,
        "commonest_answers": charts.commonest_answers,
        "published": charts.published_beside_measured,
    },
    "Which languages are alike": {
        "fact_similarity": charts.fact_similarity,
        "neuron_similarity": charts.neuron_similarity,
        "similarity_explained": charts.explained,
    },
    "Where the answers come from": {
        "presence": charts.presence,
        "p_at_1_by_stating_languages": charts.rate_by_stating_languages,
        "fact_types": charts.fact_types,
        "probable_roots": charts.probable_roots,
        "probable_sources": charts.probable_sources,
        "roots_by_language": charts.roots,
        "transfer_sources": charts.transfer_sources,
    },
    "Neurons": {
        "three_languages": neuron_charts.three_languages,
        "one_fact": neuron_charts.one_fact,
        "neuron_layers": neuron_charts.layers,
        "shared_neurons": neuron_charts.shared_neurons,
        "edit_effects": neuron_charts.edit_effects,
        "degenerate_layers": neuron_charts.degenerate_layers,
        "degenerate_sets": neuron_charts.degenerate_sets,
        "fact_checks": neuron_charts.fact_checks,
    },
    "Against the planted truth": {
        "source_weights": truth_charts.source_weights,
        "sources_and_similarity": truth_charts.sources_and_similarity,
        "source_graph": truth_charts.source_graph,
        "source_arrows": truth_charts.source_arrows,
        "probable_root_accuracy": truth_charts.accuracy,
        "root_accuracy": truth_charts.accuracy,
        "root_survival": truth_charts.survival,
        "root_signals": truth_charts.signals,
        "transfer_effect": truth_charts.transfer_effect,
        "acquisition": truth_charts.acquisition,
    },
}
"""Figures by section, in the order of the page. A figure without rows is omitted, because the study
has no such data."""


def read_figures(
    connection: duckdb.DuckDBPyConnection, fact: str | None = None
) -> dict[str, list[Figure]]:
    """Read all figures for which the warehouse has data, by section.

    Args:
        connection: read-only connection to the published file.
        fact: fact for the figure ``one_fact``: an id, or text to search in subjects' names in any
            language; None shows the facts known in most languages.

    Raises:
        ReportError: a table or column is missing (the file is older than this code), the fact does
            not exist, or it has no active neurons.
    """
    try:
        found = None if fact is None else _facts_called(connection, fact)
        connection.execute("set variable fact_ids = ?::varchar[]", [found])
        languages = _languages(connection)
        sections = {
            section: [
                figure
                for name, draw in figures.items()
                if (figure := _read(connection, name, draw, languages)) is not None
            ]
            for section, figures in SECTIONS.items()
        }
    except duckdb.Error as error:
        raise ReportError(
            f"the warehouse does not fit this version of the report: {error}. "
            "Update the warehouse with factroots run."
        ) from error
    return {section: figures for section, figures in sections.items() if figures}


def _facts_called(connection: duckdb.DuckDBPyConnection, fact: str) -> list[str]:
    if connection.execute("select 1 from dim_facts where fact_id = ?", [fact]).fetchall():
        facts = [fact]
    else:
        rows = connection.execute(
            "select distinct fact_id from dim_fact_labels "
            "where contains(lower(subject_label), lower(?))",
            [fact],
        ).fetchall()
        facts = [str(fact_id) for (fact_id,) in rows]
    if not facts:
        raise ReportError(
            f"no fact has the id '{fact}', and no subject has this name in any language; "
            "factroots sql 'from dim_facts' lists all facts"
        )
    shown = connection.execute(
        "select 1 from fct_active_neurons "
        "where method_code = 'probeless' and list_contains(?::varchar[], fact_id) limit 1",
        [facts],
    )
    if not shown.fetchall():
        raise ReportError(
            f"no model has active neurons for '{fact}': they are computed only for right answers, "
            "and only if the study asks for probeless"
        )
    return facts


def _languages(connection: duckdb.DuckDBPyConnection) -> View:
    """The study's languages, for the figures: a view without rows."""
    found = connection.execute(
        "select language_code, language_name, language_family from dim_languages "
        "order by language_family, language_branch, language_code"
    ).fetchall()
    pairs = connection.execute(
        "select language_a, language_b, avg(jaccard_rate) from fact_jaccard_by_language_pair "
        "where jaccard_rate is not null group by all order by all"
    ).fetchall()
    codes = tuple(code for code, *_ in found)
    return View(
        pl.DataFrame(),
        codes,
        similarity_order(codes, {frozenset((a, b)): score for a, b, score in pairs}),
        {code: name for code, name, _ in found},
        {code: family for code, _, family in found},
    )


def _read(
    connection: duckdb.DuckDBPyConnection, name: str, draw: Draw, languages: View
) -> Figure | None:
    title, sentence, query = _query(name)
    rows = connection.sql(query).pl()
    if rows.is_empty():
        return None
    chart = draw(replace(languages, rows=rows)).to_dict(validate=False)
    counts = _counts(connection, query, "model_id" in rows.columns)
    return Figure(name, title, sentence, query.strip(), rows, chart, counts)


def _counts(connection: duckdb.DuckDBPyConnection, query: str, by_model: bool) -> dict[str, str]:
    """Evaluate the query's comment '-- n: …', an expression over its rows, for each model."""
    found = _COUNT.search(query)
    if found is None:
        return {}
    model = "model_id" if by_model else "''"
    rows = connection.execute(
        f"select {model} as model_id, {found[1]} from ({query}\n) group by {model} order by 1"
    ).fetchall()
    return {model_id: _SAME.sub(r"\1", words) for model_id, words in rows}


def _query(name: str) -> tuple[str, str, str]:
    """Title, sentence and SQL of a figure, from its own file or the saved question of its name."""
    path = QUERIES / "report" / f"{name}.sql"
    if not path.exists():
        question = find_question(name)
        return question.question, question.note, question.sql
    title, sentence, query = path.read_text(encoding="utf-8").split("\n", 2)
    return title.removeprefix("-- "), sentence.removeprefix("-- "), query
