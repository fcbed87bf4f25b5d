"""The marts of knowledge neurons, redone in plain Python over drawn attributions.

Three languages, nine facts, two layers of six units; two facts were not attributed in Japanese, and
the attributions of one do not add up there.
The nulls are enumerated: every language gets another fact of the ring, and every set of as many
units of a layer is tried.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import duckdb
import numpy as np
import pytest

from tests.helpers.tiny_lake import WITHOUT_TESTS, build, language, model, rows, write_lake

LANGUAGES = ["en", "ja", "zh"]
FACTS = [f"f{i}" for i in range(9)]
LAYERS, UNITS, TOP = 2, 6, 8
METHOD = "integrated-gradients-zero"

Neurons = set[tuple[int, int]]


def drawn() -> tuple[
    dict[tuple[str, str], list[tuple[int, int, float]]], dict[tuple[str, str], Neurons]
]:
    """Per language and fact the best attributions, and the active neurons."""
    draw = np.random.default_rng(5)
    attributions, active = {}, {}
    for fact in FACTS:
        common = draw.exponential(1, LAYERS * UNITS)
        for code in LANGUAGES:
            if code == "ja" and fact in ("f3", "f5"):
                continue
            scores = (common + 2 * draw.exponential(1, LAYERS * UNITS)).astype(np.float32)
            scores = -scores if fact == "f7" else scores
            order = np.argsort(-scores)[:TOP]
            attributions[code, fact] = [
                (int(n) // UNITS, int(n) % UNITS, float(scores[n])) for n in order
            ]
            chosen = draw.permutation(LAYERS * UNITS)[:4]
            active[code, fact] = {(int(n) // UNITS, int(n) % UNITS) for n in chosen}
    return attributions, active


ATTRIBUTIONS, ACTIVE = drawn()
OPEN = ("ja", "f2")
"""Its integral misses a quarter of the probability in the last layer."""
USED = ATTRIBUTIONS.keys() - {OPEN}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("knowledge")
    lake = write_lake(
        folder / "lake",
        languages=[language(code) for code in LANGUAGES],
        relations=[{"relation_id": "r", "relation_name": "r"}],
        facts=[
            {"fact_id": f, "relation_id": "r", "subject_id": f"s{f}", "object_id": f"o{f}"}
            for f in FACTS
        ],
        fact_labels=[
            {"language_code": c, "fact_id": f, "subject_label": f, "object_label": "[y]"}
            for c in LANGUAGES
            for f in FACTS
        ],
        models=[model("m", layer_count=LAYERS, neuron_count=UNITS)],
        knowledge_neurons=[
            {
                "model_id": "m", "language_code": code, "fact_id": fact, "mode_code": "zero",
                "neuron_rank": rank, "layer_index": layer, "neuron_index": unit,
                "attribution_score": score,
            }
            for (code, fact), neurons in ATTRIBUTIONS.items()
            for rank, (layer, unit, score) in enumerate(neurons, 1)
        ],
        attribution_quality=[
            {
                "model_id": "m", "language_code": code, "fact_id": fact, "mode_code": "zero",
                "layer_index": layer, "object_token_count": 1, "baseline_count": 1,
                "clean_probability": 0.75, "baseline_probability": 0.25, "attribution_sum": 0.4375,
                "completeness_residual": 0.25
                if (code, fact, layer) == (*OPEN, LAYERS - 1)
                else 0.0625,
            }
            for code, fact in ATTRIBUTIONS
            for layer in range(LAYERS)
        ],
        active_neurons=[
            {
                "model_id": "m", "language_code": code, "fact_id": fact, "neuron_rank": rank,
                "method_code": "probeless", "layer_index": layer, "neuron_index": unit,
                "neuron_score": 1.0,
            }
            for (code, fact), neurons in ACTIVE.items()
            for rank, (layer, unit) in enumerate(sorted(neurons), 1)
        ],
    )  # fmt: skip
    database, outcome = build(
        lake, folder / "build", *WITHOUT_TESTS,
        "--select", "+marts.knowledge", "+neuron_layers", "+hub_neurons",
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stdout
    return database


def driving(code: str, fact: str) -> Neurons:
    """Neurons above the threshold of the language; none where the integral does not add up."""
    if (code, fact) == OPEN:
        return set()
    neurons = ATTRIBUTIONS[code, fact]
    largest = neurons[0][2]
    share = 0.2 if code == "zh" else 0.3
    return {(layer, unit) for layer, unit, score in neurons if score > share * largest > 0}


def test_the_neurons_of_a_fact_are_those_above_the_threshold(warehouse: Path) -> None:
    found: dict[tuple[str, str], Neurons] = {}
    for code, fact, layer, unit in rows(
        warehouse,
        "select language_code, fact_id, layer_index, neuron_index from fct_knowledge_neurons",
    ):
        found.setdefault((code, fact), set()).add((layer, unit))
    expected = {key: driving(*key) for key in ATTRIBUTIONS if driving(*key)}
    assert found == expected
    counts = rows(
        warehouse, "select language_code, fact_id, neuron_count, is_cut from knowledge_facts"
    )
    assert {(c, f): (n, cut) for c, f, n, cut in counts} == {
        key: (len(driving(*key)), len(driving(*key)) == TOP) for key in ATTRIBUTIONS
    }
    assert {True, False} == {cut for *_, cut in counts}
    (open_,) = rows(
        warehouse, "select language_code, fact_id from knowledge_facts where not is_complete"
    )
    assert open_ == OPEN


def test_neurons_are_shared_by_k_of_n_languages(warehouse: Path) -> None:
    found = rows(
        warehouse,
        """select fact_id, layer_index, neuron_index, shared_language_count, language_count,
           is_language_independent from language_independent_neurons""",
    )
    expected = []
    for fact in FACTS:
        codes = [code for code in LANGUAGES if (code, fact) in USED]
        counts = Counter(neuron for code in codes for neuron in driving(code, fact))
        expected += [
            (fact, *neuron, k, len(codes), k == len(codes)) for neuron, k in counts.items() if k > 1
        ]
    assert sorted(found) == sorted(expected)


def shared_counts(facts_of_languages: list[dict[str, str]], k: int) -> tuple[float, float]:
    """Share of facts with a neuron of at least k languages, and the mean number of such neurons."""
    found = []
    for facts in facts_of_languages:
        shared = Counter(n for code in LANGUAGES for n in driving(code, facts[code]))
        found.append(sum(count >= k for count in shared.values()))
    return float(np.mean([count > 0 for count in found])), float(np.mean(found))


def test_what_languages_share_is_compared_with_many_draws_of_other_facts(warehouse: Path) -> None:
    complete = [f for f in FACTS if all((code, f) in USED for code in LANGUAGES)]
    with duckdb.connect() as connection:
        digests = {
            (draw, fact): number / 2**64
            for draw, fact, number in connection.execute(
                """select draw, fact, md5_number_lower('factroots:' || draw || ':' || fact)
                   from range(1, 100) as draws (draw), unnest(?) as facts (fact)""",
                [complete],
            ).fetchall()
        }
    found = rows(
        warehouse,
        """select shared_language_count, language_count, attributed_fact_count, shared_fact_rate,
           shared_neuron_score, null_draw_count, null_fact_score, null_fact_score_low,
           null_fact_score_high, fact_p_value, null_neuron_score, null_neuron_score_low,
           null_neuron_score_high, neuron_p_value from language_independence order by all""",
    )
    expected = []
    for k in (2, 3):
        own = shared_counts([dict.fromkeys(LANGUAGES, fact) for fact in complete], k)
        drawn = []
        for draw in range(1, 100):
            ring = sorted(complete, key=lambda fact: (digests[draw, fact], fact))
            # The language of number j holds, for this place, the fact that stands j places before.
            drawn.append(
                shared_counts(
                    [
                        {c: ring[(place - j) % len(ring)] for j, c in enumerate(LANGUAGES, 1)}
                        for place in range(len(ring))
                    ],
                    k,
                )
            )
        numbers = [k, 3, len(complete), *own, 99]
        for value, values in zip(own, np.array(drawn).T, strict=True):
            p_value = (1 + (values >= value - 1e-12).sum()) / 100
            numbers += [values.mean(), *np.quantile(values, [0.025, 0.975]), p_value]
        expected.append(pytest.approx(tuple(numbers)))
    assert found == expected


def test_agreement_is_held_against_every_set_of_as_many_units(warehouse: Path) -> None:
    for code, facts, shared, expected, jaccard in rows(
        warehouse,
        """select language_code, fact_count, shared_count, expected_count, neuron_jaccard_score
           from method_agreement""",
    ):
        both = [f for f in FACTS if (code, f) in ATTRIBUTIONS and driving(code, f)]
        assert facts == len(both)
        assert shared == sum(len(driving(code, f) & ACTIVE[code, f]) for f in both)
        at_random = 0.0
        for fact in both:
            for layer in range(LAYERS):
                own = {unit for at, unit in driving(code, fact) if at == layer}
                size = sum(at == layer for at, _ in ACTIVE[code, fact])
                sets = list(combinations(range(UNITS), size))
                at_random += sum(len(own & set(chosen)) for chosen in sets) / len(sets)
        assert expected == pytest.approx(at_random)
        assert jaccard == pytest.approx(
            np.mean(
                [
                    len(driving(code, f) & ACTIVE[code, f])
                    / len(driving(code, f) | ACTIVE[code, f])
                    for f in both
                ]
            )
        )


def test_the_interval_of_a_layer_knows_that_facts_differ_in_their_number_of_neurons(
    warehouse: Path,
) -> None:
    """The error of a ratio of sums: each fact pulls by its neurons in the layer less the share."""
    found = rows(
        warehouse,
        f"""select language_code, layer_index, layer_rate, layer_rate_low, layer_rate_high
            from neuron_layers where method_code = '{METHOD}' order by all""",
    )
    expected = []
    for code in LANGUAGES:
        facts = [driving(code, f) for f in FACTS if (code, f) in ATTRIBUTIONS and driving(code, f)]
        sizes = np.array([len(neurons) for neurons in facts])
        assert len(set(sizes)) > 1
        for layer in range(LAYERS):
            here = np.array([sum(place == layer for place, _ in neurons) for neurons in facts])
            rate = here.sum() / sizes.sum()
            pulls = (here - rate * sizes) / sizes.sum()
            reach = 1.959964 * np.sqrt((pulls**2).sum() * len(facts) / (len(facts) - 1))
            expected.append((code, layer, rate, max(0, rate - reach), min(1, rate + reach)))
    assert len(found) == len(expected)
    for ours, row in zip(found, expected, strict=True):
        assert ours[:2] == row[:2]
        assert ours[2:] == pytest.approx(row[2:])


def test_layers_and_hubs_know_both_methods(warehouse: Path) -> None:
    layers = rows(
        warehouse,
        f"""select layer_index, active_neuron_count from neuron_layers
            where method_code = '{METHOD}' and language_code = 'en' order by all""",
    )
    counts = Counter(layer for f in FACTS for layer, _ in driving("en", f))
    assert layers == [(layer, counts[layer]) for layer in range(LAYERS)]
    hub = rows(
        warehouse,
        f"""select active_fact_count, scored_fact_count from hub_neurons
            where method_code = '{METHOD}' and language_code = 'en' and hub_rank = 1""",
    )
    most = Counter(neuron for f in FACTS for neuron in driving("en", f)).most_common(1)[0][1]
    assert hub == [(most, sum(bool(driving("en", f)) for f in FACTS))]
    methods = rows(warehouse, "select distinct method_code from neuron_layers order by all")
    assert methods == [(METHOD,), ("probeless",)]
