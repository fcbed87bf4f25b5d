"""The neuron marts: a model whose numbers are worked out by hand, and one redone in plain Python.

By hand, two active neurons per fact; relation r1 has f1 and f2, both with object o1, relation r2
has f3 and f4 with objects of their own; in every language a fact has at most one stand-in:

    fact   en      de      ja
    f1     1 2     1 2     -
    f2     3 4     3 5     -
    f3     5 6     5 7     5 6
    f4     7 8     6 8     -
"""

from __future__ import annotations

import io
import json
import re
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from tests.helpers.tiny_lake import Row, build, language, model, prediction, rows, write_lake
from warehouse.explain import ExplainError, explain

BY_HAND = {
    "en": {"f1": [1, 2], "f2": [3, 4], "f3": [5, 6], "f4": [7, 8]},
    "de": {"f1": [1, 2], "f2": [3, 5], "f3": [5, 7], "f4": [6, 8]},
    "ja": {"f3": [5, 6]},
}
FACTS = {"f1": ("r1", "o1"), "f2": ("r1", "o1"), "f3": ("r2", "o2"), "f4": ("r2", "o3")}
LANGUAGES = ["de", "en", "ja", "sv", "xa", "xb", "xc", "zz"]
MARTS = (
    "fct_active_neurons", "unscored_facts", "neuron_jaccard_by_language_pair", "hub_neurons",
    "neuron_overlap_by_fact", "neuron_layers", "neuron_profile_by_language", "similarity_explained",
    "(from intermediate.int_root_overlaps order by all)",
)  # fmt: skip
UNITS = 8

Sets = dict[str, dict[str, list[int]]]


def drawn() -> tuple[Sets, dict[str, tuple[str, str]]]:
    """Seven languages, 90 facts of three relations, six neurons of 24 per fact.

    One object has 15 facts, enough for a test; the others have two or three.
    """
    draw = np.random.default_rng(3)
    objects = [36 if i % 3 == 0 and i < 45 else i % 36 for i in range(90)]
    facts = {f"g{i:02}": (f"q{i % 3}", f"p{number}") for i, number in enumerate(objects)}
    sets: Sets = {}
    own = {fact: draw.permutation(24)[:6] for fact in facts}
    for code in LANGUAGES[:-1]:
        sets[code] = {}
        for fact in facts:
            if draw.random() < 0.7:
                mixed = np.concatenate([draw.permutation(own[fact])[:4], draw.permutation(24)])
                sets[code][fact] = list(dict.fromkeys(mixed.tolist()))[:6]
    return sets, facts


DRAWN, DRAWN_FACTS = drawn()


def active_rows(model_id: str, sets: Sets) -> list[dict[str, Any]]:
    return [
        {
            "model_id": model_id,
            "language_code": code,
            "fact_id": fact,
            "method_code": "probeless",
            "neuron_rank": rank,
            "layer_index": neuron // UNITS,
            "neuron_index": neuron % UNITS,
            "neuron_score": 2.0 / rank,
        }
        for code, facts in sets.items()
        for fact, neurons in facts.items()
        for rank, neuron in enumerate(neurons, 1)
    ]


def tables() -> dict[str, list[Row]]:
    facts = FACTS | DRAWN_FACTS
    places = [(code, fact) for code in LANGUAGES for fact in facts]
    # The names of a language have its place + 3 different tokens.
    tokens = [number % (place + 3) for place in range(8) for number in range(len(facts))]
    return {
        "languages": [
            {
                **language(code, "Latin" if i % 2 else "Cyrillic"),
                "language_family": f"Family {i % 3}",
                "latitude": 7.0 * i,
                "longitude": 11.0 * i,
            }
            for i, code in enumerate(LANGUAGES)
        ],
        "relations": [
            {"relation_id": name, "relation_name": name}
            for name in sorted({relation for relation, _ in facts.values()})
        ],
        "facts": [
            {"fact_id": f, "relation_id": r, "subject_id": f"s{f}", "object_id": o}
            for f, (r, o) in facts.items()
        ],
        "fact_labels": [
            {
                "language_code": c,
                "fact_id": f,
                "subject_label": f"Subject {f}",
                "object_label": "[y]",
            }
            for c, f in places
            if (c, f) != ("zz", "f1")
        ],
        "models": [model("drawn", layer_count=3), model("hand", layer_count=3)],
        "predictions": [
            prediction(name, c, f, [token], [token] if f in sets.get(c, {}) else [99])
            for name, sets in (("hand", BY_HAND), ("drawn", DRAWN))
            for c, f, token in zip(*zip(*places, strict=True), tokens, strict=True)
            if (c, f) != ("zz", "f1")
        ],
        "active_neurons": [
            *active_rows("hand", BY_HAND),
            *active_rows("drawn", DRAWN),
            # A model, a language and a fact that are not in the study.
            *active_rows("gone", {"en": {"f1": [1]}}),
            *active_rows("hand", {"fr": {"f1": [1]}}),
        ],
        "neuron_profiles": [
            {
                "model_id": "hand", "language_code": "en", "fact_id": fact,
                "method_code": "probeless", "layer_index": 0, "bin_index": b,
                "contiguous_score": score + b, "strided_score": score * (b + 1),
            }
            for fact, score in (("f1", 1.0), ("f2", 2.0))
            for b in range(2)
        ],
        "unscored_facts": [
            {
                "model_id": "hand", "language_code": "ja", "fact_id": "f1",
                "method_code": "probeless", "reason_code": "only_fact",
            }
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lake(tmp_path_factory.mktemp("neurons") / "lake", **tables())


def built(lake: Path, name: str, threads: int | None) -> Path:
    database, outcome = build(
        lake, lake.parent / name, "--exclude-resource-type", "unit_test",
        "--select", "+marts.neurons", "+int_root_overlaps", "+dim_fact_labels", "+dim_relations",
        "+answers", "+fct_root_probabilities",
        "--indirect-selection", "cautious", threads=threads,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stdout
    return database


@pytest.fixture(scope="module")
def warehouse(lake: Path) -> Path:
    return built(lake, "build", None)


def test_overlap_is_worked_out_with_both_nulls(warehouse: Path) -> None:
    third = pytest.approx(1 / 3)
    assert rows(
        warehouse,
        """select language_a, language_b, fact_id, jaccard_score, relation_null_score,
           object_null_score from intermediate.int_neuron_overlaps where model_id = 'hand'
           order by all""",
    ) == [
        ("de", "en", "f1", 1.0, 0.0, 0.0),
        ("de", "en", "f2", third, 0.0, 0.0),
        ("de", "en", "f3", third, third, None),
        ("de", "en", "f4", third, third, None),
        # Japanese has one fact, so only its f3 meets a stand-in, f4 of the other language.
        ("de", "ja", "f3", third, third, None),
        ("en", "ja", "f3", 1.0, 0.0, None),
    ]


def test_pairs_have_means_over_facts_right_in_both_and_excess_over_each_null(
    warehouse: Path,
) -> None:
    columns = """fact_count, neuron_jaccard_score, relation_null_count, relation_null_score,
        relation_excess_score, object_null_count, object_null_score, object_excess_score"""
    found = rows(
        warehouse,
        f"""select language_a, language_b, {columns} from neuron_jaccard_by_language_pair
            where model_id = 'hand' and fact_count > 0 order by all""",
    )
    expected = [
        ("de", "en", 4, 1 / 2, 4, 1 / 6, 1 / 3, 2, 0, 2 / 3),
        ("de", "ja", 1, 1 / 3, 1, 1 / 3, 0, 0, None, None),
        ("en", "ja", 1, 1, 1, 0, 1, 0, None, None),
    ]
    for row, values in zip(found, expected, strict=True):
        assert row[:2] == values[:2]
        for ours, value in zip(row[2:], values[2:], strict=True):
            assert ours == (None if value is None else pytest.approx(value))


def test_too_few_independent_facts_give_no_interval_and_no_test(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select distinct neuron_jaccard_score_low, relation_excess_score_low, relation_p_value,
           relation_adjusted_p_value, is_above_relation_null
           from neuron_jaccard_by_language_pair where model_id = 'hand'""",
    ) == [(None,) * 5]


def test_every_pair_of_languages_has_a_row_also_without_a_fact(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select count(*), count(*) filter (fact_count = 0 and neuron_jaccard_score is null)
           from neuron_jaccard_by_language_pair where model_id = 'hand'""",
    ) == [(28, 25)]


def test_a_fact_has_the_mean_over_its_pairs_of_languages(warehouse: Path) -> None:
    found = rows(
        warehouse,
        """select fact_id, language_count, language_pair_count, neuron_jaccard_score,
           relation_null_count, relation_excess_score, object_null_count, object_excess_score
           from neuron_overlap_by_fact where model_id = 'hand' order by all""",
    )
    assert found == [
        ("f1", 2, 1, 1.0, 1, 1.0, 1, 1.0),
        ("f2", 2, 1, pytest.approx(1 / 3), 1, pytest.approx(1 / 3), 1, pytest.approx(1 / 3)),
        ("f3", 3, 3, pytest.approx(5 / 9), 3, pytest.approx(1 / 3), 0, None),
        ("f4", 2, 1, pytest.approx(1 / 3), 1, 0.0, 0, None),
    ]


def test_hubs_and_layers_are_counted_over_the_facts_of_a_language(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select hub_rank, layer_index, neuron_index, active_fact_count, scored_fact_count,
           active_rate, relation_count, language_count from hub_neurons
           where model_id = 'hand' and language_code = 'de'""",
    ) == [(1, 0, 5, 2, 4, 0.5, 2, 3)]
    # Neuron 8 is the first of the second layer; the third has none. One fact of four has half of
    # its neurons there: the share's error is sqrt((1 - 1/4) * 4/3) / 8.
    found = rows(
        warehouse,
        """select layer_index, active_neuron_count, neuron_count, layer_rate, layer_rate_low,
           layer_rate_high from neuron_layers where model_id = 'hand' and language_code = 'en'""",
    )
    reach = 1.959964 / 8
    assert found == [
        (0, 7, 8, 7 / 8, pytest.approx(7 / 8 - reach), 1),
        (1, 1, 8, 1 / 8, 0, pytest.approx(1 / 8 + reach)),
        (2, 0, 8, 0, 0, 0),
    ]


def test_profiles_are_means_over_facts(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select layer_index, bin_index, scored_fact_count, contiguous_score, strided_score
           from neuron_profile_by_language""",
    ) == [(0, 0, 2, 1.5, 1.5), (0, 1, 2, 2.5, 3.0)]


def test_facts_without_neurons_keep_their_reason(warehouse: Path) -> None:
    assert rows(warehouse, "select * from unscored_facts") == [
        ("hand", "ja", "f1", "probeless", "r1", "only_fact")
    ]


def test_what_left_the_study_is_not_in_the_marts(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select count(*), count(*) filter (model_id = 'gone' or language_code = 'fr')
           from fct_active_neurons""",
    ) == [(18 + sum(len(s) for facts in DRAWN.values() for s in facts.values()), 0)]


def jaccard(a: list[int], b: list[int]) -> float:
    return len(set(a) & set(b)) / len(set(a) | set(b))


def rings(code: str, order: dict[str, float], with_object: bool) -> dict[str, str]:
    """Fact → its stand-in in a language: the next one of its ring, if there is another."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for fact in sorted(DRAWN[code], key=order.__getitem__):
        relation, object_id = DRAWN_FACTS[fact]
        groups.setdefault((relation, object_id) if with_object else (relation,), []).append(fact)
    return {
        fact: ring[(place + 1) % len(ring)]
        for ring in groups.values()
        for place, fact in enumerate(ring)
        if len(ring) > 1
    }


@cache
def plain_stand_ins() -> dict[str, dict[str, dict[str, str]]]:
    """Kind of null → language → fact → the fact that stands in for it."""
    with duckdb.connect() as connection:
        order = {
            fact: connection.execute(
                "select md5_number_lower(?)", [f"factroots:{fact}"]
            ).fetchall()[0][0]
            for fact in DRAWN_FACTS
        }
    return {
        kind: {code: rings(code, order, kind == "object") for code in DRAWN}
        for kind in ("relation", "object")
    }


def plain_overlaps() -> dict[tuple[str, str, str], tuple[float | None, ...]]:
    """The definition: fact by fact, pair by pair."""
    stand_ins = plain_stand_ins()
    found: dict[tuple[str, str, str], tuple[float | None, ...]] = {}
    for a, b in combinations(sorted(DRAWN), 2):
        for fact in DRAWN[a].keys() & DRAWN[b].keys():
            nulls: list[float | None] = []
            for kind in ("relation", "object"):
                values = [
                    jaccard(DRAWN[x][fact], DRAWN[y][stand_ins[kind][y][fact]])
                    for x, y in ((a, b), (b, a))
                    if fact in stand_ins[kind][y]
                ]
                nulls.append(sum(values) / len(values) if values else None)
            found[a, b, fact] = (jaccard(DRAWN[a][fact], DRAWN[b][fact]), *nulls)
    return found


def test_overlaps_equal_the_plain_double_loop(warehouse: Path) -> None:
    found = rows(
        warehouse,
        """select language_a, language_b, fact_id, jaccard_score, relation_null_score,
           object_null_score from intermediate.int_neuron_overlaps where model_id = 'drawn'""",
    )
    expected = plain_overlaps()
    assert len(found) == len(expected) > 500
    assert {None} < {row[5] for row in found}
    for *key, own, relation_null, object_null in found:
        values = expected[tuple(key)]  # type: ignore[index]
        assert (own, relation_null, object_null) == pytest.approx(values), key


def plain_null(kind: str) -> dict[tuple[str, str], dict[str, float]]:
    """Pair of languages → fact → its overlap with a stand-in, one direction for each fact."""
    stand_ins = plain_stand_ins()[kind]
    found: dict[tuple[str, str], dict[str, float]] = {}
    for a, b in combinations(sorted(DRAWN), 2):
        for fact in DRAWN[a].keys() & DRAWN[b].keys():
            for x, y in ((b, a), (a, b)):
                if fact in stand_ins[y]:
                    overlap = jaccard(DRAWN[x][fact], DRAWN[y][stand_ins[y][fact]])
                    found.setdefault((a, b), {})[fact] = overlap
    return found


def test_the_p_value_of_a_fact_is_its_rank_in_the_null_of_its_object(warehouse: Path) -> None:
    own = {key: values[0] for key, values in plain_overlaps().items()}
    p: dict[tuple[str, str, str, str], float] = {}
    null_scores: dict[tuple[str, str, str, str], float] = {}
    compared: dict[tuple[str, str, str], list[str]] = {}
    for kind in ("object", "relation"):
        null = {pair: v for pair, v in plain_null(kind).items() if len(v) >= 20}
        level = {pair: np.mean(list(v.values())) for pair, v in null.items()}
        spread = {pair: np.std(list(v.values()), ddof=1) for pair, v in null.items()}
        strata = {f: owner if kind == "object" else owner[:1] for f, owner in DRAWN_FACTS.items()}
        for stratum in set(strata.values()):
            ranked = np.array(
                [
                    (value - level[pair]) / spread[pair]
                    for pair, values in null.items()
                    for fact, value in values.items()
                    if strata[fact] == stratum
                ]
            )
            for (a, b), values in null.items():
                for fact in values:
                    if strata[fact] != stratum:
                        continue
                    excess = (own[a, b, fact] - level[a, b]) / spread[a, b]
                    above = int((ranked >= excess - 1e-9).sum())
                    p[kind, a, b, fact] = (above + 1) / (len(ranked) + 1)
                    null_scores[kind, a, b, fact] = level[a, b] + spread[a, b] * ranked.mean()
                    for code, other in ((a, b), (b, a)):
                        compared.setdefault((kind, code, fact), []).append(other)
    found = rows(
        warehouse,
        """select language_code, other_language_code, fact_id, null_code, compared_language_count,
           p_value, adjusted_p_value, is_above_null, null_score
           from intermediate.int_root_overlaps where model_id = 'drawn'""",
    )
    assert len(found) > 400
    assert {row[3] for row in found} == {"object", "relation"}
    assert {row[7] for row in found} == {True, False}
    for code, other, fact, kind, count, p_value, adjusted, is_above, null_score in found:
        pair = sorted((code, other))
        assert count == len(compared[kind, code, fact])
        assert p_value == pytest.approx(p[kind, *pair, fact])  # type: ignore[index]
        assert null_score == pytest.approx(null_scores[kind, *pair, fact])  # type: ignore[index]
        assert adjusted == pytest.approx(min(1, p_value * count))
        assert is_above == (adjusted < 0.05)


def test_intervals_and_p_values_of_pairs_are_those_of_their_blocks(warehouse: Path) -> None:
    blocks = rows(
        warehouse,
        """select language_a, language_b, list(relation_excess_count order by block_index),
           list(relation_excess_total order by block_index) from intermediate.int_neuron_pair_blocks
           where model_id = 'drawn' and relation_excess_count > 0 group by all""",
    )
    marts = {
        (row[0], row[1]): row[2:]
        for row in rows(
            warehouse,
            """select language_a, language_b, relation_block_count, relation_excess_score,
               relation_excess_score_low, relation_excess_score_high, relation_p_value,
               relation_adjusted_p_value from neuron_jaccard_by_language_pair
               where model_id = 'drawn' and relation_p_value is not null""",
        )
    }
    assert len(blocks) == len(marts) == 21
    for a, b, counts, sums in blocks:
        count, mean, low, high, p, _ = marts[a, b]
        n, s = np.array(counts), np.array(sums)
        assert (count, mean) == (len(n), pytest.approx(s.sum() / n.sum()))
        pulls = s - n * mean
        error = np.sqrt((pulls**2).sum() * len(n) / (len(n) - 1)) / n.sum()
        assert p == pytest.approx(stats.t.sf(mean / error, len(n) - 1), rel=0.15, abs=1e-12)
        reach = stats.t.ppf(0.975, len(n) - 1) * error
        assert (low, high) == pytest.approx((mean - reach, mean + reach), rel=1e-6)
    adjusted = stats.false_discovery_control([row[4] for row in marts.values()])
    assert [row[5] for row in marts.values()] == pytest.approx(adjusted.tolist())


def test_facts_are_tested_over_languages_by_leaving_one_out(warehouse: Path) -> None:
    expected = plain_overlaps()
    found = rows(
        warehouse,
        """select fact_id, relation_excess_score, relation_excess_score_low,
           relation_excess_score_high, relation_p_value from neuron_overlap_by_fact
           where model_id = 'drawn' and relation_p_value is not null""",
    )
    assert len(found) > 10
    for fact, mean, low, high, p in found:
        pairs = [
            (a, b, own - null)  # type: ignore[operator]
            for (a, b, f), (own, null, _) in expected.items()
            if f == fact and null is not None
        ]
        languages = sorted({code for a, b, _ in pairs for code in (a, b)})
        left_out = np.array(
            [np.mean([x for a, b, x in pairs if code not in (a, b)]) for code in languages]
        )
        m = len(languages)
        error = np.sqrt((m - 1) / m * ((left_out - left_out.mean()) ** 2).sum())
        assert mean == pytest.approx(np.mean([x for _, _, x in pairs]))
        reach = stats.t.ppf(0.975, m - 1) * error
        assert (low, high) == pytest.approx((mean - reach, mean + reach), abs=0.005 * reach)
        # The tail's approximation errs to the safe side (tests/unit/test_dbt_resampling.py).
        assert 0.997 < p / stats.t.sf(mean / error, m - 1) < 1.6


def test_the_mantel_test_is_that_of_numpy(warehouse: Path) -> None:
    found = {
        row[0]: row[1:]
        for row in rows(
            warehouse,
            """select factor_code, language_pair_count, mantel_score, permutation_count,
               mantel_p_value, control_codes, partial_score, partial_p_value
               from similarity_explained
               where model_id = 'drawn' and similarity_code = 'neuron_jaccard'""",
        )
    }
    similarity = {
        (a, b): score
        for a, b, score in rows(
            warehouse,
            """select language_a, language_b, neuron_jaccard_score
               from neuron_jaccard_by_language_pair where model_id = 'drawn' and fact_count > 0""",
        )
    }
    place = {code: i for i, code in enumerate(LANGUAGES)}
    pairs = [(place[a], place[b]) for a, b in similarity]
    y = np.array(list(similarity.values()))
    factors = {"script": np.equal.outer(*[np.arange(8) % 2] * 2).astype(float)}
    factors["family"] = np.equal.outer(*[np.arange(8) % 3] * 2).astype(float)
    sizes = np.arange(8) + 3
    factors["shared_tokens"] = np.minimum.outer(sizes, sizes) / np.maximum.outer(sizes, sizes)
    assert set(found) == {"distance", "family", "branch", "script", "shared_tokens"}
    assert found["branch"] == (21, None, 0, None, ["shared_tokens", "script"], None, None)
    draw = np.random.default_rng(0)
    orders = [np.arange(8), *(draw.permutation(8) for _ in range(2000))]
    for code in factors:
        count, score, permutations, p, controls, partial, partial_p = found[code]
        simple, given = [], []
        for order in orders:
            x, *z = (
                np.array([factors[name][order[i], order[j]] for i, j in pairs])
                for name in (code, *controls)
            )
            simple.append(np.corrcoef(x, y)[0, 1])
            # The definition: what a regression on the controls leaves of both.
            design = np.column_stack([np.ones(len(y)), *z])
            left = [v - design @ np.linalg.lstsq(design, v)[0] for v in (x, y)]
            given.append(np.corrcoef(*left)[0, 1])
        assert (count, permutations) == (21, 999)
        for measured, ours, our_p in ((simple, score, p), (given, partial, partial_p)):
            assert ours == pytest.approx(measured[0], abs=1e-8)
            expected = np.mean(np.abs(measured) >= abs(measured[0]) - 1e-9)
            assert our_p == pytest.approx(expected, abs=0.05)


def test_the_p_values_of_mantels_test_are_corrected_over_the_model(warehouse: Path) -> None:
    found = rows(
        warehouse,
        """select mantel_p_value, mantel_adjusted_p_value from similarity_explained
           where model_id = 'drawn' and mantel_p_value is not null""",
    )
    assert len(found) == 12
    adjusted = stats.false_discovery_control([p for p, _ in found])
    assert [q for _, q in found] == pytest.approx(adjusted.tolist())


@pytest.mark.nightly
def test_neither_threads_nor_the_order_of_parts_and_rows_change_the_marts(
    tmp_path: Path, warehouse: Path
) -> None:
    """A lake with parts written, and rows stored, in reverse order."""
    backwards = {name: found[::-1] for name, found in reversed(tables().items())}
    other = built(write_lake(tmp_path / "lake", **backwards), "one-thread", 1)
    for mart in MARTS:
        assert rows(other, f"from {mart}") == rows(warehouse, f"from {mart}"), mart


def shown(warehouse: Path, fact: str, *codes: str) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(explain(warehouse, "hand", fact, codes))
    return console.export_text()


def test_a_fact_is_explained_with_its_neurons_and_the_null_beside_the_overlap(
    warehouse: Path,
) -> None:
    text = shown(warehouse, "f2", "en", "de")
    assert "f2: r1 r1, asked of hand" in text
    assert re.search(r"en +│ Subject f2 +│ \[y\] +│ 1 +│ yes", text)
    # Neurons 3 4 and 3 5; the pair's means are those of the marts.
    assert "bold: active in all 2 languages (1 neurons)" in " ".join(text.split())
    assert re.search(r"2 +│ 0·4 1.000 +│ 0·5 1.000", text)
    assert re.search(r"en – de +│ +1 │ +0.333 │ +0.500 │ +0.167 │ +0.000 │ +4", text)
    assert "without active neurons" not in text


def test_what_is_printed_of_a_fact_is_also_data(warehouse: Path) -> None:
    explanation = explain(warehouse, "hand", "f2", ["en", "de", "zz"])
    data = json.loads(explanation.json())
    assert data["sentences"] == explanation.sentences
    assert [row["language_code"] for row in data["answers"]] == ["en", "de", "zz"]
    assert data["answers"][0]["predicted_text"] == "1"
    assert [row["neuron_index"] for row in data["neurons"]["probeless"]["en"]] == [3, 4]
    [overlap] = (row for row in data["overlaps"] if row["method_code"] == "probeless")
    assert (overlap["language_codes"], overlap["shared_neuron_count"]) == (["en", "de"], 1)
    assert overlap["overlap_score"] == pytest.approx(1 / 3)
    assert {row["language_code"] for row in data["without_neurons"]} == {"zz"}


def test_a_language_without_neurons_says_why(warehouse: Path) -> None:
    text = shown(warehouse, "f1", "en", "ja", "sv", "zz")
    assert re.search(r"ja +│ no other fact of its relation is right here", text)
    assert re.search(r"sv +│ the model is not right here", text)
    assert re.search(r"zz +│ not in this language", text)


def test_a_fact_is_found_by_its_subject_and_ambiguity_lists_what_there_is(warehouse: Path) -> None:
    assert "f3: r2 r2" in shown(warehouse, "subject F3", "en")
    with pytest.raises(ExplainError, match=r"10 facts are about 'g0'.*\n  g00  q0: Subject g00 – "):
        explain(warehouse, "hand", "g0", ["en"])


@pytest.mark.parametrize(
    ("model_id", "fact", "codes", "message"),
    [
        ("bert", "f1", ["en"], "no model 'bert' in this study; known: drawn, hand"),
        ("hand", "f1", ["en", "fr"], "no language 'fr' in this study; known: de, en, ja"),
        ("hand", "Atlantis", ["en"], "no fact has the id 'Atlantis'.*factroots sql"),
        ("hand", "f1", [], "at least one language"),
    ],
)
def test_what_is_not_there_is_named(
    warehouse: Path, model_id: str, fact: str, codes: list[str], message: str
) -> None:
    with pytest.raises(ExplainError, match=message):
        explain(warehouse, model_id, fact, codes)


def test_without_a_warehouse_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ExplainError, match="factroots run"):
        explain(tmp_path / "none.duckdb", "hand", "f1", ["en"])
