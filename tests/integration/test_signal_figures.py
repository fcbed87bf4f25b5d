"""The figures in docs/signals.md are those of the embedded study ``atlas-neurons``.

They need a whole run, which takes minutes, so the tests read the results of ``factroots run
atlas-neurons`` and are skipped without them. After a change they print the new sentences.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

MODEL = "atlas-mlm"
LANGUAGES = ("de", "en", "ja", "ru", "zh")


@pytest.fixture(scope="module")
def neurons(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    published = project / "warehouse" / "atlas-neurons" / "factroots.duckdb"
    if not published.exists():
        pytest.skip("no warehouse/atlas-neurons: `factroots run atlas-neurons` to compare figures")
    with duckdb.connect(str(published), read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()
        if ("patches_by_layer",) not in tables:
            pytest.skip("warehouse/atlas-neurons is older than the signals: run it again")
        yield connection


def expect(project: Path, sentence: str) -> None:
    page = " ".join((project / "docs" / "signals.md").read_text(encoding="utf-8").split())
    assert " ".join(sentence.split()) in page, f"docs/signals.md should say: {sentence}"


def test_the_page_says_in_which_language_layers_name_the_object(
    project: Path, neurons: duckdb.DuckDBPyConnection
) -> None:
    found = neurons.execute(
        """select language_code, layer_index + 1, any_value(fact_count),
                  max(best_rate) filter (where name_group_code = 'asked'),
                  max(best_rate) filter (where name_group_code = 'english'),
                  max(random_best_rate) filter (where name_group_code = 'english'),
                  max(log_prob_over_random_score) filter (where name_group_code = 'asked'),
                  max(log_prob_over_random_score) filter (where name_group_code = 'english')
           from latent_language_by_layer where model_id = ? group by all order by all""",
        [MODEL],
    ).fetchall()
    assert {code for code, *_ in found} == set(LANGUAGES)
    for code, layer, facts, *rates, own, english in found:
        shares = " | ".join("–" if rate is None else f"{100 * rate:.0f} %" for rate in rates)
        scores = " | ".join("–" if x is None else f"{x:+.2f}" for x in (own, english))
        expect(project, f"| `{code}` | {facts} | {layer} | {shares} | {scores} |")


def test_the_page_says_which_layers_are_independent_of_the_language(
    project: Path, neurons: duckdb.DuckDBPyConnection
) -> None:
    found = neurons.execute(
        """select position_code, layer_index + 1, language_pair_code, patch_count, source_rate,
                  source_rate_low, source_rate_high, source_name_rate, control_rate
           from patches_by_layer where model_id = ? order by all""",
        [MODEL],
    ).fetchall()
    assert len(found) >= 18
    for position, layer, pair, count, *rates in found:
        source, low, high, foreign, control = (
            "–" if rate is None else f"{100 * rate:.0f}" for rate in rates
        )
        expect(
            project,
            f"| `{position}` | {layer} | `{pair}` | {count} | {source} [{low}, {high}] | "
            f"{foreign} | {control} |",
        )


def test_the_page_says_what_the_neurons_of_another_language_do(
    project: Path, neurons: duckdb.DuckDBPyConnection
) -> None:
    found = neurons.execute(
        """select language_code, neuron_language_code, fact_count, related_delta_score,
                  random_delta_score, over_random_score, over_random_score_low,
                  over_random_score_high
           from edit_effects
           where model_id = ? and edit_set_code in ('own', 'other') and edit_factor = 0
           order by all""",
        [MODEL],
    ).fetchall()
    assert len(found) == 9
    for asked, edited, facts, *scores in found:
        change, random, over, low, high = (f"{score:+.2f}" for score in scores)
        expect(
            project,
            f"| `{asked}` | `{edited}` | {facts} | {change} | {random} | {over} [{low}, {high}] |",
        )
