"""The figures in docs/signals.md are those of the embedded studies.

They need whole runs, so the tests read what ``make run`` and ``factroots run atlas-neurons`` left,
and are skipped without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import atanh, sqrt, tanh
from pathlib import Path

import duckdb
import pytest
from scipy import stats
from test_page_figures import opened


def expect(project: Path, sentence: str) -> None:
    page = " ".join((project / "docs" / "signals.md").read_text(encoding="utf-8").split())
    assert sentence in page, f"docs/signals.md should say: {sentence}"


def reading(project: Path, study: str, commands: str, table: str) -> duckdb.DuckDBPyConnection:
    """A run's tables; the test is skipped if the run is older than a table."""
    connection = opened(project, study, commands)
    if not connection.execute("from duckdb_tables() where table_name = ?", [table]).fetchall():
        pytest.skip(f"warehouse/{study}/factroots.duckdb has no {table}: run {commands}")
    return connection


@pytest.fixture(scope="module")
def atlas(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with reading(project, "atlas", "`make run`", "fct_name_cues") as connection:
        yield connection


def test_the_page_has_the_name_cues(project: Path, atlas: duckdb.DuckDBPyConnection) -> None:
    ((facts, cues, others, other_cues),) = atlas.execute(
        """select sum(fact_count)::bigint, sum(cue_count)::bigint, sum(other_count)::bigint,
                  sum(other_cue_count)::bigint from name_cues_by_language"""
    ).fetchall()
    expect(
        project,
        f"{cues} of {facts:,} names are cues and {other_cues} of {others:,} other objects are.",
    )
    (without, with_cue) = atlas.execute(
        """select count(*), count(*) filter (is_right) from fct_world_answers
           inner join fct_name_cues using (language_code, fact_id)
           where arm_code = 'named' and stratum_code = 'nowhere'
           group by is_name_cue order by is_name_cue"""
    ).fetchall()
    expect(
        project,
        f"{with_cue[1]} of {with_cue[0]} answers with a cue are right "
        f"({with_cue[1] / with_cue[0]:.3f}), and {without[1]:,} of {without[0]:,} without one "
        f"({without[1] / without[0]:.3f}).",
    )


@pytest.fixture(scope="module")
def atlas_neurons(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    commands = "`factroots run atlas-neurons`"
    table = "edit_propagation_by_language_pair"
    with reading(project, "atlas-neurons", commands, table) as connection:
        codes = connection.execute(f"select distinct source_language_code from {table}").fetchall()
        if not {("bg",), ("es",)} <= set(codes):
            pytest.skip("the page's figures are of atlas-neurons with bg and es added: add them")
        yield connection


def spearman(connection: duckdb.DuckDBPyConnection, table: str, condition: str) -> str:
    """Rank correlation of a table's excess with the source weights, with its interval."""
    points = connection.execute(
        f"""select excess_score, weight_score from {table}
            inner join source_weights using (source_language_code, target_language_code)
            where arm_code = 'named' and half_code = 'all' and {condition}"""
    ).fetchall()
    rho = float(stats.spearmanr(*zip(*points, strict=True)).statistic)
    spread = 1.959964 * sqrt((1 + rho**2 / 2) / (len(points) - 3))
    low, high = (tanh(atanh(rho) + sign * spread) for sign in (-1, 1))
    return f"{rho:+.2f} [{low:+.2f}, {high:+.2f}]".replace("-", "−")


def test_the_page_has_the_propagation_of_edits(
    project: Path, atlas_neurons: duckdb.DuckDBPyConnection
) -> None:
    counts = {
        name: rest
        for name, *rest in atlas_neurons.execute(
            """select name_code, sum(fact_count)::bigint, sum(propagated_count)::bigint,
                      sum(control_propagated_count)::bigint, sum(control_count)::bigint
               from edit_propagation_by_language_pair
               where model_id = 'atlas-mlm' and source_language_code != target_language_code
               group by all"""
        ).fetchall()
    }
    asked, arrived, controls, control_count = counts["all"]
    expect(
        project,
        f"Of {asked} questions in another language {arrived} get the new object, and {controls} "
        f"of the {control_count} about another subject do.",
    )
    asked, arrived, controls, control_count = counts["other_name"]
    expect(project, f"it is {arrived} of {asked} and {controls} of {control_count}.")
    first, second = (
        spearman(
            atlas_neurons,
            "edit_propagation_by_language_pair",
            f"model_id = '{model}' and name_code = 'all'",
        )
        for model in ("atlas-mlm", "atlas-mlm-seed2")
    )
    expect(project, f"with Spearman's ρ = {first} over 42 pairs; by a second seed")
    expect(project, f"(`atlas-mlm-seed2`) with {second}.")


def test_the_page_has_the_text_gradients(
    project: Path, atlas_neurons: duckdb.DuckDBPyConnection
) -> None:
    counts = {
        (measure, is_own): (first, facts)
        for measure, is_own, first, facts in atlas_neurons.execute(
            """select measure_code, source_language_code = target_language_code,
                      sum(first_count)::bigint, sum(fact_count)::bigint
               from text_gradients_by_language_pair where model_id = 'atlas-mlm' group by all"""
        ).fetchall()
    }
    own, other = counts["gradient", True], counts["gradient", False]
    expect(project, f"comes first for {own[0]} of {own[1]} queries")
    expect(project, f"in other languages for {other[0]} of {other[1]:,}")
    expect(project, f"BM25 finds {counts['bm25', True][0]} and {counts['bm25', False][0]}.")
    scales = {
        scale: rest
        for scale, *rest in atlas_neurons.execute(
            """select scale_code, same_language_score, same_language_chance_score, first_score
               from text_gradient_scales
               where model_id = 'atlas-mlm' and measure_code = 'gradient'"""
        ).fetchall()
    }
    raw, normalised = scales["raw"], scales["normalised"]
    expect(
        project,
        f"is in the query's language for {raw[0]:.3f} of the queries before and "
        f"{normalised[0]:.3f} after ({raw[1]:.3f} if languages did not matter), and states the "
        f"fact for {raw[2]:.3f} before and {normalised[2]:.3f} after.",
    )
    first, second = (
        spearman(
            atlas_neurons,
            "text_gradients_by_language_pair",
            f"model_id = '{model}' and measure_code = 'gradient'",
        )
        for model in ("atlas-mlm", "atlas-mlm-seed2")
    )
    expect(project, f"(Spearman's ρ = {first}; second seed {second}).")
