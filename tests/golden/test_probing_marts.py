"""Every probing mart on three languages and six facts, worked out by hand.

    fact  subject, object      de                   en                   ja
    f1    France, Paris        10 / 10        full  10 / 10        full  30 31 32 / 30 31 9
    f2    Japan, Tokyo         15 16 / 15 16  full  11 / 12              33 34 / 33 34  full
    f3    Italy, Rome          17 / 10              13 14 / 14 13        (not held)
    f4    Switzerland, German  22 / 22        full  20 / 20        full  35 / 36
    f5    Switzerland, French  23 / 22              21 / 20              36 / 36        full
    f6    Austria, German      22 / 22        full  20 / 21              35 / 1

(the object's tokens / what m1 fills in)

full:       de {1 2 4 6} of 6, en {1 4} of 6, ja {2 5} of 5: micro 8/17, macro (2/3 + 1/3 + 2/5) / 3
partial:    de 4, en {1 3 4}, ja 2; any true object: de {1 2 4 5 6}, en {1 4 5}, ja {2 4 5}

m2 drops token 6 and is asked with one and two masks. It is right once, in English about f1: nothing
with one mask, [6 10] with two. A third model and a fourth language have left the study; their
parts still lie in the lake.
"""

from __future__ import annotations

from math import isclose, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.helpers.tiny_lake import build, language, model, prediction, rows, write_lake

FACTS = {
    "f1": ("capital", "France", "Paris"),
    "f2": ("capital", "Japan", "Tokyo"),
    "f3": ("capital", "Italy", "Rome"),
    "f4": ("speaks", "Switzerland", "German"),
    "f5": ("speaks", "Switzerland", "French"),
    "f6": ("speaks", "Austria", "German"),
}
ANSWERS = {
    ("de", "f1"): ([10], [10]),
    ("de", "f2"): ([15, 16], [15, 16]),
    ("de", "f3"): ([17], [10]),
    ("de", "f4"): ([22], [22]),
    ("de", "f5"): ([23], [22]),
    ("de", "f6"): ([22], [22]),
    ("en", "f1"): ([10], [10]),
    ("en", "f2"): ([11], [12]),
    ("en", "f3"): ([13, 14], [14, 13]),
    ("en", "f4"): ([20], [20]),
    ("en", "f5"): ([21], [20]),
    ("en", "f6"): ([20], [21]),
    ("ja", "f1"): ([30, 31, 32], [30, 31, 9]),
    ("ja", "f2"): ([33, 34], [33, 34]),
    ("ja", "f4"): ([35], [36]),
    ("ja", "f5"): ([36], [36]),
    ("ja", "f6"): ([35], [1]),
}

# The relation's objects by m1's score, best first; m1 cannot be asked about f6 in English. In
# Japanese no fact has Rome.
RANKED = {
    ("en", "f1"): ["Paris", "Rome", "Tokyo"],
    ("en", "f2"): ["Tokyo", "Paris", "Rome"],
    ("en", "f3"): ["Rome", "Paris", "Tokyo"],
    ("en", "f4"): ["German", "French"],
    ("en", "f5"): ["German", "French"],
    ("en", "f6"): [],
    ("de", "f1"): ["Tokyo", "Paris", "Rome"],
    ("de", "f2"): ["Tokyo", "Rome", "Paris"],
    ("de", "f3"): ["Paris", "Tokyo", "Rome"],
    ("de", "f4"): ["German", "French"],
    ("de", "f5"): ["German", "French"],
    ("de", "f6"): ["German", "French"],
    ("ja", "f1"): ["Tokyo", "Paris"],
    ("ja", "f2"): ["Tokyo", "Paris"],
    ("ja", "f4"): ["French", "German"],
    ("ja", "f5"): ["French", "German"],
    ("ja", "f6"): ["German", "French"],
}


def rankings() -> list[dict]:
    return [
        {
            "model_id": "m1",
            "language_code": code,
            "fact_id": fact,
            "score_code": "sum",
            "candidate_count": len(names),
            "object_score": -1.5 if names else None,
            "object_rank": names.index(FACTS[fact][2]) + 1 if names else None,
            "candidate_ids": names,
            "candidate_scores": [-float(place) for place, _ in enumerate(names)],
        }
        for (code, fact), names in RANKED.items()
    ]


def tables() -> dict:
    held = [*ANSWERS, ("fr", "f1")]
    predictions = [prediction("m1", *place, *answer) for place, answer in ANSWERS.items()]
    for (code, fact), (gold, _) in ANSWERS.items():
        two = [6, 10] if (code, fact) == ("en", "f1") else [2, 3]
        predictions += [
            prediction("m2", code, fact, gold, answer) for answer in ([1], two, [2, 3, 4])
        ]
    predictions += [
        prediction("gone", "en", "f1", [10], [10]),
        prediction("m1", "fr", "f1", [10], [10]),
    ]
    return {
        "languages": [language("en"), language("ja", "Japanese"), language("de")],
        "relations": [
            {"relation_id": "capital", "relation_name": "capital"},
            {"relation_id": "speaks", "relation_name": "official language"},
            {"relation_id": "unused", "relation_name": "has a template only"},
        ],
        "facts": [
            {"fact_id": f, "relation_id": r, "subject_id": s, "object_id": o}
            for f, (r, s, o) in FACTS.items()
        ],
        "fact_labels": [
            {
                "language_code": code,
                "fact_id": fact,
                "subject_label": f"{FACTS[fact][1]} ({code})",
                "object_label": f"{FACTS[fact][2]} ({code})",
            }
            for code, fact in held
        ],
        "prompts": [
            {"language_code": code, "relation_id": relation, "template": f"[X] {code} [Y] ."}
            for code in ("de", "en", "ja")
            for relation in ("capital", "speaks", "unused")
        ],
        "rejected_rows": [
            {
                "language_code": "en",
                "source_file": "en/capital.jsonl",
                "line_number": 7,
                "reason": "no object",
                "line_text": "{",
            }
        ],
        "models": [model("m1"), model("m2", ignored_token_id=6, mask_counts="all")],
        "predictions": predictions,
        "object_rankings": rankings(),
        "object_aliases": [
            {"model_id": "m1", "language_code": "en", "fact_id": "f2", "alias_label": label,
             "alias_token_ids": tokens}
            for label, tokens in (("Edo", [12]), ("Tōkei", []))
        ],
        "continuations": [
            {
                "model_id": "m1", "language_code": "en", "fact_id": fact, "token_count": 3,
                "continuation_text": text, "object_offset": offset, "alias_offset": alias,
            }
            for fact, text, offset, alias in (
                ("f1", " the Paris", 0, 0), ("f2", " old Edo", None, 4), ("f3", " a", None, None),
            )
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    # A path that SQL, globs and str.format would each read in its own way.
    lake = write_lake(folder / "it's a [lake] {here}*?", **tables())
    database, outcome = build(lake, folder / "build")
    assert outcome.returncode == 0, outcome.stdout
    return database


def test_p_at_1_divides_full_matches_by_the_facts_of_the_language(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select model_id, language_code, fact_count, full_match_count, partial_match_count,
           any_object_match_count, round(full_match_rate, 6) from p_at_1_by_language""",
    ) == [
        ("m1", "de", 6, 4, 4, 5, 0.666667),
        ("m1", "en", 6, 2, 3, 3, 0.333333),
        ("m1", "ja", 5, 2, 2, 3, 0.4),
        ("m2", "de", 6, 0, 0, 0, 0.0),
        ("m2", "en", 6, 1, 1, 1, 0.166667),
        ("m2", "ja", 5, 0, 0, 0, 0.0),
    ]


def test_every_rate_has_its_wilson_interval(warehouse: Path) -> None:
    z, p, n = 1.959964, 4 / 6, 6
    centre, spread = p + z * z / (2 * n), z * sqrt((p * (1 - p) + z * z / (4 * n)) / n)
    [(low, high)] = rows(
        warehouse,
        """select full_match_rate_low, full_match_rate_high from p_at_1_by_language
           where model_id = 'm1' and language_code = 'de'""",
    )
    assert isclose(low, (centre - spread) / (1 + z * z / n), abs_tol=1e-12)
    assert isclose(high, (centre + spread) / (1 + z * z / n), abs_tol=1e-12)


FULL = {"de": "f1 f2 f4 f6", "en": "f1 f4", "ja": "f2 f5"}


@pytest.mark.parametrize("cluster", ["fact", "object"])
@pytest.mark.parametrize("average", ["micro", "macro"])
def test_averages_over_languages_know_that_a_fact_is_asked_in_each_of_them(
    warehouse: Path, average: str, cluster: str
) -> None:
    """The interval is as wide as if there were fewer answers, by how far facts pull the average."""
    sizes = {"de": 6, "en": 6, "ja": 5}
    rates = {code: len(FULL[code].split()) / size for code, size in sizes.items()}
    rate = 8 / 17 if average == "micro" else sum(rates.values()) / 3
    pulls: dict[str, float] = {}
    for code, fact in ANSWERS:
        expected, weight = (rate, 17) if average == "micro" else (rates[code], 3 * sizes[code])
        hit = fact in FULL[code].split()
        key = fact if cluster == "fact" else FACTS[fact][2]
        pulls[key] = pulls.get(key, 0) + (hit - expected) / weight
    count = len(pulls)
    variance = sum(pull**2 for pull in pulls.values()) * count / (count - 1)
    n, t = min(17, rate * (1 - rate) / variance), stats.t.ppf(0.975, count - 1)
    centre, spread = rate + t * t / (2 * n), t * sqrt((rate * (1 - rate) + t * t / (4 * n)) / n)
    prefix = "" if cluster == "fact" else "by_object_"
    [bounds] = rows(
        warehouse,
        f"""select {prefix}match_rate_low, {prefix}match_rate_high from p_at_1_overview
            where model_id = 'm1' and match_code = 'full' and aggregation_code = '{average}'""",
    )
    expected_bounds = [(centre + sign * spread) / (1 + t * t / n) for sign in (-1, 1)]
    assert bounds == pytest.approx(expected_bounds, rel=0.002)


def test_objects_of_all_languages_are_correlated_with_an_error_by_object(warehouse: Path) -> None:
    """An object of several languages has several points, which are one observation."""
    points = rows(
        warehouse,
        """select object_id, object_token_count, full_match_rate from intermediate.int_object_p_at_1
           where model_id = 'm1'""",
    )
    objects, x, y = (np.array(column) for column in zip(*points, strict=True))
    zx, zy = ((v - v.mean()) / v.std() for v in (x, y))
    r = np.mean(zx * zy)
    influence = (zx * zy - r / 2 * (zx**2 + zy**2)) / len(points)
    pulls = np.array([influence[objects == name].sum() for name in set(objects)])
    error = np.sqrt((pulls**2).sum() * 5 / 4)
    reach = stats.t.ppf(0.975, 4) * error / (1 - r**2)
    [(count, clusters, score, low, high)] = rows(
        warehouse,
        """select point_count, cluster_count, pearson_score, pearson_score_low, pearson_score_high
           from token_count_correlations
           where model_id = 'm1' and unit_code = 'object' and scope_code = 'all'""",
    )
    assert (count, clusters, score) == (len(points), 5, pytest.approx(r))
    expected = tuple(np.tanh(np.arctanh(r) + np.array([-reach, reach])))
    assert (low, high) == pytest.approx(expected, rel=0.01)


def test_a_mean_over_objects_has_an_interval_over_objects(warehouse: Path) -> None:
    """English one-token objects 1, 0, .5, 0: mean .375, squared deviations add up to .6875."""
    reach = 1.959964 * sqrt(0.6875 / 3) / sqrt(4)
    [bounds] = rows(
        warehouse,
        """select object_mean_score_low, object_mean_score_high from one_token_p_at_1_by_language
           where model_id = 'm1' and language_code = 'en'""",
    )
    assert bounds == pytest.approx((max(0, 0.375 - reach), 0.375 + reach), abs=1e-12)


def test_relations_split_the_facts_of_a_language(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select language_code, relation_id, template, fact_count, full_match_count,
           partial_match_count, any_object_match_count
           from p_at_1_by_relation where model_id = 'm1'""",
    ) == [
        ("de", "capital", "[X] de [Y] .", 3, 2, 2, 2),
        ("de", "speaks", "[X] de [Y] .", 3, 2, 2, 3),
        ("en", "capital", "[X] en [Y] .", 3, 1, 2, 1),
        ("en", "speaks", "[X] en [Y] .", 3, 1, 1, 2),
        ("ja", "capital", "[X] ja [Y] .", 2, 1, 1, 1),
        ("ja", "speaks", "[X] ja [Y] .", 3, 1, 1, 2),
    ]


def test_micro_and_macro_averages_bear_their_right_names(warehouse: Path) -> None:
    found = rows(
        warehouse,
        """select match_code, aggregation_code, language_count, fact_count, match_count, match_rate
           from p_at_1_overview where model_id = 'm1'""",
    )
    assert [row[:5] for row in found] == [
        ("any_object", "macro", 3, 17, 11),
        ("any_object", "micro", 3, 17, 11),
        ("full", "macro", 3, 17, 8),
        ("full", "micro", 3, 17, 8),
        ("partial", "macro", 3, 17, 9),
        ("partial", "micro", 3, 17, 9),
    ]
    rates = [(5 / 6 + 3 / 6 + 3 / 5) / 3, 11 / 17, (4 / 6 + 2 / 6 + 2 / 5) / 3, 8 / 17]
    rates += [(4 / 6 + 3 / 6 + 2 / 5) / 3, 9 / 17]
    assert [row[5] for row in found] == pytest.approx(rates, abs=1e-12)


def test_one_token_p_at_1_is_the_mean_over_one_token_objects(warehouse: Path) -> None:
    """de: Paris 1/1, Rome 0/1, German 2/2, French 0/1; en: Paris 1/1, Tokyo 0/1, German 1/2,
    French 0/1; ja: German 0/2, French 1/1."""
    assert rows(
        warehouse,
        """select language_code, one_token_object_count, object_mean_score, one_token_fact_count,
           one_token_full_match_count, one_token_full_match_rate
           from one_token_p_at_1_by_language where model_id = 'm1'""",
    ) == [
        ("de", 4, 0.5, 5, 3, 3 / 5),
        ("en", 4, 0.375, 5, 2, 2 / 5),
        ("ja", 2, 0.5, 3, 1, 1 / 3),
    ]


def test_pairs_share_the_facts_right_in_both_of_those_right_in_either(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select model_id, language_a, language_b, shared_fact_count, full_match_a_count,
           full_match_b_count, intersection_count, union_count, jaccard_rate
           from fact_jaccard_by_language_pair""",
    ) == [
        ("m1", "de", "en", 6, 4, 2, 2, 4, 0.5),
        ("m1", "de", "ja", 5, 4, 2, 1, 5, 0.2),
        ("m1", "en", "ja", 5, 2, 2, 0, 4, 0.0),
        ("m2", "de", "en", 6, 0, 1, 0, 1, 0.0),
        ("m2", "de", "ja", 5, 0, 0, 0, 0, None),
        ("m2", "en", "ja", 5, 1, 0, 0, 1, 0.0),
    ]


def test_token_count_correlations_of_objects_and_of_lengths(warehouse: Path) -> None:
    """Objects (length, P@1) de: (1,1) (2,1) (1,0) (1,1) (1,0); en: (1,1) (1,0) (2,0) (1,.5) (1,0);
    ja: (3,0) (2,1) (1,0) (1,1). In German the means are 1.2 and .6: Sxy = .4, Sxx = .8, Syy = 1.2.

    By length: de .5, 1; en .375, 0; ja .5, 1, 0. Divided by their sums and added up: 5/3, 4/3, 0
    for lengths 1, 2, 3: Sxy = -5/3, Sxx = 2, Syy = 14/9, r = -5 / sqrt(28).
    """
    found = {
        row[:2]: row[2:]
        for row in rows(
            warehouse,
            """select unit_code, scope_code, point_count, pearson_score, spearman_score
               from token_count_correlations where model_id = 'm1'""",
        )
    }
    assert set(found) == {
        *((unit, code) for unit in ("object", "token_count") for code in ("de", "en", "ja", "all")),
        ("language", "all"),
    }
    assert found["object", "de"][:2] == (5, pytest.approx(0.4 / sqrt(0.96), abs=1e-12))
    assert found["object", "all"][0] == 14
    assert found["token_count", "all"][:2] == (3, pytest.approx(-5 / sqrt(28), abs=1e-12))
    assert found["token_count", "all"][2] == -1.0
    assert found["token_count", "de"][:2] == (2, None)
    # Mean lengths de 7/6, en 7/6, ja 9/5 against P@1 4/6, 2/6, 2/5.
    x, y = [7 / 6, 7 / 6, 9 / 5], [4 / 6, 2 / 6, 2 / 5]
    mx, my = sum(x) / 3, sum(y) / 3
    r = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / sqrt(
        sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y)
    )
    assert found["language", "all"][:2] == (3, pytest.approx(r, abs=1e-12))


def test_the_ignored_token_is_dropped_and_any_number_of_masks_may_match(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select model_id, language_code, fact_id, query_count, object_token_count,
           full_match_mask_count, predicted_text, gold_rank
           from fct_predictions where fact_id = 'f1' and language_code = 'en'""",
    ) == [("m1", "en", "f1", 1, 1, 1, "10", 1), ("m2", "en", "f1", 3, 1, 2, "1", 9)]


def test_dimensions_count_what_the_study_holds(warehouse: Path) -> None:
    assert rows(
        warehouse, "select language_code, fact_count, relation_count from dim_languages"
    ) == [("de", 6, 2), ("en", 6, 2), ("ja", 5, 2)]
    assert rows(
        warehouse,
        """select relation_id, template_count, language_count, fact_count, language_fact_count,
           object_count from dim_relations""",
    ) == [("capital", 3, 3, 3, 8, 3), ("speaks", 3, 3, 3, 9, 2), ("unused", 3, 0, 0, 0, 0)]
    assert rows(
        warehouse,
        """select fact_id, label_language_code, object_label, true_object_count, language_count
           from dim_facts where fact_id in ('f3', 'f5')""",
    ) == [("f3", "en", "Rome (en)", 1, 2), ("f5", "en", "French (en)", 2, 3)]
    assert rows(warehouse, "select line_number, reason from rejected_rows") == [(7, "no object")]


def test_what_left_the_study_keeps_its_parts_but_leaves_the_tables(warehouse: Path) -> None:
    assert rows(warehouse, "select distinct language_code from fct_predictions order by 1") == [
        ("de",), ("en",), ("ja",),
    ]  # fmt: skip
    assert rows(
        warehouse,
        """select scope_code, part_count, row_count, revision, code_version
           from study_overview where lake_table = 'predictions'""",
    ) == [
        ("m1", 3, 17, "revision-of-m1", "1"),
        ("m2", 3, 51, "revision-of-m2", "1"),
    ]
    assert rows(
        warehouse,
        """select part_name, model_id, language_code, row_count, rows_per_second
           from operations.partition_runs where lake_table = 'predictions'""",
    ) == [
        ("gone/en", "gone", "en", 1, 2.0),
        ("m1/de", "m1", "de", 6, 12.0),
        ("m1/en", "m1", "en", 6, 12.0),
        ("m1/fr", "m1", "fr", 1, 2.0),
        ("m1/ja", "m1", "ja", 5, 10.0),
        ("m2/de", "m2", "de", 18, 36.0),
        ("m2/en", "m2", "en", 18, 36.0),
        ("m2/ja", "m2", "ja", 15, 30.0),
    ]
    assert rows(
        warehouse, "select part_name from operations.partition_runs where lake_table = 'facts'"
    ) == [("facts",)]
    # Half a second for each of three parts.
    assert rows(
        warehouse,
        """select scope_code, revision, part_count, row_count, duration_seconds, rows_per_second
           from operations.table_runs where lake_table = 'predictions'""",
    ) == [
        ("m1", "revision-of-m1", 3, 17, 1.5, 17 / 1.5),
        ("m2", "revision-of-m2", 3, 51, 1.5, 34.0),
    ]


def test_every_public_table_has_a_key_and_every_column_a_comment(warehouse: Path) -> None:
    public = "schema_name in ('main', 'operations')"
    assert len(rows(warehouse, f"from duckdb_tables() where {public}")) > 15
    assert not rows(
        warehouse,
        f"""select table_name from duckdb_tables()
            where {public} and (comment not like 'One row per%' or has_primary_key = (
                table_name in (select table_name from operations.table_keys)
            ))""",
    )
    assert not rows(
        warehouse,
        f"""select table_name, column_name from duckdb_columns()
            where {public} and not internal and coalesce(comment, '') = ''""",
    )
    assert not rows(
        warehouse,
        """select view_name from duckdb_views() where schema_name = 'main' and not internal
           and coalesce(comment, '') not like 'One row per%'""",
    )


def test_every_table_lies_in_the_order_of_its_key(warehouse: Path) -> None:
    keys = rows(
        warehouse,
        """select schema_name || '.' || table_name, array_to_string(constraint_column_names, ', ')
           from duckdb_constraints() where constraint_type = 'PRIMARY KEY'
           and schema_name in ('main', 'operations')
           union all
           select 'main.' || table_name, array_to_string(key_columns, ', ')
           from operations.table_keys""",
    )
    assert len(keys) == len(
        rows(warehouse, "from duckdb_tables() where schema_name in ('main', 'operations')")
    )
    for table, key in keys:
        as_stored = rows(warehouse, f"select {key} from {table}")
        assert as_stored == rows(warehouse, f"select {key} from {table} order by {key}"), table


def test_each_verdict_has_its_p_at_1_and_its_commonest_answer(warehouse: Path) -> None:
    """English: f1 to f4 are ranked first, f5 second, f6 not at all: MRR (4 + 1/2 + 0) / 6."""
    found = rows(
        warehouse,
        """select verdict_code, fact_count, right_count, reciprocal_rank_score, answer_count,
           commonest_answer, commonest_count from p_at_1_by_verdict
           where model_id = 'm1' and language_code = 'en' and relation_id = 'all'""",
    )
    assert found == [
        ("alias_contained", 3, 2, None, 3, " a", 1),
        ("alias_exact", 6, 3, None, 5, "20", 2),
        ("contained", 3, 1, None, 3, " a", 1),
        ("exact", 6, 2, None, 5, "20", 2),
        ("ranked_sum", 6, 4, 0.75, 4, "German (en)", 2),
    ]
    # Tokyo is called Edo; m2 is asked in a study that has no aliases for it.
    assert rows(
        warehouse,
        """select model_id, fact_id, is_full_match, is_alias_match from fct_predictions
           where language_code = 'en' and is_alias_match is distinct from is_full_match
           and fact_id in ('f2', 'f3')""",
    ) == [("m1", "f2", False, True), ("m2", "f2", False, None), ("m2", "f3", False, None)]
    [(rate, low, high)] = rows(
        warehouse,
        """select reciprocal_rank_score, reciprocal_rank_score_low, reciprocal_rank_score_high
           from p_at_1_by_verdict where relation_id = 'speaks' and language_code = 'ja'
           and verdict_code = 'ranked_sum'""",
    )
    assert (rate, low, high) == (pytest.approx((0.5 + 1 + 1) / 3), None, None)


def test_rankc_and_ckc_of_two_languages(warehouse: Path) -> None:
    """Weights of three candidates: e^-1, e^-2, e^-3, divided by their sum (.665, .245, .090).

    en, de: f1 and f3 share one of the best two, f2 has the same best and shares one of the best
    two, f4 and f5 are equal, f6 is not ranked in English. en, ja: Rome is left out, so that there
    are two candidates (.731, .269): f2 is equal, f1, f4 and f5 are turned round.
    """
    one, two, three = (np.exp(-place) for place in (1, 2, 3))
    turned = (two / 2 + three) / (one + two + three)
    f2 = (one + two / 2 + three) / (one + two + three)
    de = (turned + f2 + turned + 1 + 1) / 5
    ja = (3 * two / (one + two) + 1) / 4
    found = rows(
        warehouse,
        """select language_code, other_language_code, fact_count, rank_consistency_score,
           right_count, both_right_count, other_right_count, consistent_rate, expected_rate
           from ranking_consistency where 'en' in (language_code, other_language_code)""",
    )
    about = pytest.approx
    assert found == [
        ("de", "en", 5, about(de), 2, 2, 4, 1.0, about(4 / 5)),
        ("en", "de", 5, about(de), 4, 2, 2, 0.5, about(2 / 5)),
        ("en", "ja", 4, about(ja), 3, 1, 2, about(1 / 3), about(2 / 4)),
        ("ja", "en", 4, about(ja), 2, 1, 3, about(1 / 2), about(3 / 4)),
    ]
    assert de == about(0.660485, abs=1e-6)


def test_the_null_of_rankc_takes_another_fact_of_the_relation(warehouse: Path) -> None:
    """In 'speaks' all German lists are equal, so that another fact's list is the fact's own."""
    [(score, null)] = rows(
        warehouse,
        """select rank_consistency_score, null_rank_consistency_score from ranking_consistency
           where language_code = 'ja' and other_language_code = 'de'""",
    )
    one, two = np.exp(-1), np.exp(-2)
    turned = two / (one + two)
    # f1 and f2: [Tokyo, Paris] twice, [Tokyo, Paris] and [Tokyo, Paris]; f4, f5 turned; f6 equal.
    assert score == pytest.approx((1 + 1 + turned + turned + 1) / 5)
    # The null differs in the capitals alone: their German lists are [Tokyo, Paris] twice and the
    # reverse once, of f3, which stands in for f1 or f2 or for neither.
    assert null in (
        pytest.approx((1 + 1 + turned + turned + 1) / 5),
        pytest.approx((1 + turned + turned + turned + 1) / 5),
    )
