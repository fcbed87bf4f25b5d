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
def neurons(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    commands = "`factroots run atlas-neurons`"
    with reading(project, "atlas-neurons", commands, "patches_by_layer") as connection:
        yield connection


def test_the_page_has_the_latent_languages(
    project: Path, neurons: duckdb.DuckDBPyConnection
) -> None:
    shares = {
        (layer, group): (facts, 100 * best / facts, 100 * random_best / random)
        for layer, group, facts, best, random, random_best in neurons.execute(
            """select layer_index, name_group_code, sum(fact_count)::bigint,
                      sum(best_count)::bigint, sum(random_fact_count)::bigint,
                      sum(random_best_count)::bigint
               from latent_language_by_layer where model_id = 'atlas-mlm' group by all"""
        ).fetchall()
    }
    facts, asked, random_asked = shares[0, "asked"]
    _, english, random_english = shares[0, "english"]
    assert shares[2, "asked"][1] == 100
    expect(
        project,
        f"the first layer's best name is in the asked language for {asked:.0f} % of {facts} facts, "
        f"and in English for {english:.0f} %. For another object it is {random_asked:.0f} % and "
        f"{random_english:.0f} %, so the layer prefers a language, and says little of the fact. At "
        f"the last layer all {facts} are in the asked language.",
    )


def test_the_page_has_the_patches(project: Path, neurons: duckdb.DuckDBPyConnection) -> None:
    counts = {
        (model, pair, layer): (followed, patches)
        for model, pair, layer, followed, patches in neurons.execute(
            """select model_id, language_pair_code, layer_index, source_count, patch_count
               from patches_by_layer where position_code = 'object'"""
        ).fetchall()
    }
    for model in ("atlas-mlm", "atlas-clm"):
        assert {counts[model, "other_script", layer] for layer in range(3)} == {(0, 720)}
    same, all_same = counts["atlas-mlm", "same_language", 2]
    script, all_script = counts["atlas-mlm", "same_script", 2]
    expect(
        project,
        f"in another script give the source fact's object in 0 of 720 patches at every layer; from "
        f"the same language in {same} of {all_same} at the last layer, from the same script in "
        f"{script} of {all_script}.",
    )


def test_the_page_has_the_edit_effects(project: Path, neurons: duckdb.DuckDBPyConnection) -> None:
    mean = {
        (model, edited): (change, random)
        for model, edited, change, random in neurons.execute(
            """select model_id, edit_set_code, avg(related_delta_score), avg(random_delta_score)
               from edit_effects where edit_factor = 0 group by all"""
        ).fetchall()
    }
    own, other = mean["atlas-mlm", "own"], mean["atlas-mlm", "other"]
    causal_own, causal_other = mean["atlas-clm", "own"], mean["atlas-clm", "other"]
    expect(
        project,
        f"changes log P by {own[0]:.3f} on average, those of another language by {other[0]:.3f}, "
        f"as many random ones by {other[1]:.3f} (causal model: {causal_own[0]:.3f}, "
        f"{causal_other[0]:.3f} and {causal_other[1]:.3f}).",
    )


@pytest.fixture(scope="module")
def atlas_neurons(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    commands = "`factroots run atlas-neurons`"
    table = "edit_propagation_by_language_pair"
    with reading(project, "atlas-neurons", commands, table) as connection:
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
