"""The root marts on three languages and six facts, by hand: every branch of fct_fact_roots.

Facts f1 f2 (object o1) and f3 f4 (object o2) are of relation P36, f5 and f6 of P27, a naming
relation. Model m is right about f1 to f4 and f6 everywhere, about f5 in English only. Its two
active neurons per fact, and where the text states the fact (+) or not (-):

    fact     de            en            ja
    f1     1  2  +       1  2  +       1  9  +
    f2     3  7  +       2  8  +       1  6  +
    f3    21 22  +      21 22  -      21 29  -
    f4    23 27  +      22 28  +      21 26  -  its names overlap
    f5                   41 42 +
    f6    alone  +       43 44 +       alone -  alone: the relation's only right fact there

Null of the same object: in a language each fact stands in for the other one of its object, and a
pair of languages has one overlap per fact, of the fact in the first and its stand-in in the second:

    de en   f1 {1 2} with f2 {2 8}: 1/3   f2 {3 7} with f1 {1 2}: 0    f3, f4 alike
    de ja   f1 {1 2} with f2 {1 6}: 1/3   f2 {3 7} with f1 {1 9}: 0    f3, f4 alike
    en ja   f1 {1 2} with f2 {1 6}: 1/3   f2 {2 8} with f1 {1 9}: 0    f3, f4 alike

In each pair 1/3 1/3 0 0: mean 1/6, variance 4 (1/6)² / 3 = 1/27. Each object has six null overlaps,
three at +√3/2 spreads from the mean, three at -√3/2. Overlaps of the same fact:

    f1 and f3   de en: 1, (5/6) √27 = 4.3 spreads, p = 1/7    de ja, en ja: 1/3, +√3/2, p = 4/7
    f2 and f4   0 in all three pairs, -√3/2, p = 7/7

Each fact is compared with two languages; at level 0.3, 2/7 = 0.286 counts and 8/7 does not. Four of
the twelve answers have 2/7: corrected for all of them, 2/7 * 12/4 = 6/7. Of the 24 tests of an
answer with one other language, 20 have a p value above a half.

Power: overlaps count above the largest null overlap of the object, +√3/2. One common neuron of two
gives 1/3, which is no more than that; two give 1.

Model r is right about f1 and f3 with m's neurons of f1 and f2: no two facts have one object, so
the null is the relation's, 1/3 and 0 in each pair: six in all, p = 1/7 for f1 in de and en, 2/7 =
0.286 corrected, and nothing is decided. Model s is right about them in German and English only: of
two null overlaps none can be rarer than 1/3. Model n was not asked for neurons, and is right about
f4 with a mask too many only. Model t was trained on a corpus that was not traced.

Truth of m's corpus: as the text states, but that f5 is planted nowhere. t's corpus holds f4 in
German and nothing else, and t is right about f3 and f6 in Japanese: these are guesses of m.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.tiny_lake import (
    Row,
    build,
    corpus_size,
    language,
    model,
    occurrence,
    prediction,
    rows,
    write_lake,
)

LANGUAGES = ("de", "en", "ja")
FACTS = {
    "f1": ("P36", "o1"), "f2": ("P36", "o1"), "f3": ("P36", "o2"), "f4": ("P36", "o2"),
    "f5": ("P27", "o3"), "f6": ("P27", "o4"),
}  # fmt: skip
FIRST = {"de": [1, 2], "en": [1, 2], "ja": [1, 9]}
SECOND = {"de": [3, 7], "en": [2, 8], "ja": [1, 6]}
NEURONS: dict[str, dict[str, dict[str, list[int]]]] = {
    "m": {
        "f1": FIRST,
        "f2": SECOND,
        "f3": {code: [n + 20 for n in neurons] for code, neurons in FIRST.items()},
        "f4": {code: [n + 20 for n in neurons] for code, neurons in SECOND.items()},
        "f5": {"en": [41, 42]},
        "f6": {"en": [43, 44]},
    },
    "r": {"f1": FIRST, "f3": SECOND},
    "s": {
        "f1": {code: FIRST[code] for code in ("de", "en")},
        "f3": {code: SECOND[code] for code in ("de", "en")},
    },
}
UNSCORED = [
    ("m", "de", "f6", "only_fact"),
    ("m", "ja", "f6", "only_fact"),
    ("s", "ja", "f2", "no_contrast"),
]
RIGHT = {
    model_id: {(code, fact) for fact, codes in facts.items() for code in codes}
    | {(code, fact) for owner, code, fact, _ in UNSCORED if owner == model_id}
    for model_id, facts in NEURONS.items()
} | {"n": {("de", "f1"), ("en", "f4")}, "t": {("ja", "f3"), ("ja", "f6")}}
PRESENT = {
    *((code, fact) for code in LANGUAGES for fact in ("f1", "f2")),
    *(("de", fact) for fact in ("f3", "f4", "f6")),
    *(("en", fact) for fact in ("f4", "f5", "f6")),
}
PLANTED = {"wiki": PRESENT - {("en", "f5")}, "twin": {("de", "f4")}}
PLACES = [(code, fact) for code in LANGUAGES for fact in FACTS]


def answer(model_id: str, code: str, fact: str) -> Row:
    if (model_id, code, fact) == ("n", "en", "f4"):
        # The spare mask's token is one that the model ignores.
        return prediction(model_id, code, fact, [1], [1, 9])
    return prediction(model_id, code, fact, [1], [1] if (code, fact) in RIGHT[model_id] else [2])


def unscored() -> list[Row]:
    names = ("model_id", "language_code", "fact_id", "reason_code")
    return [{**dict(zip(names, row, strict=True)), "method_code": "probeless"} for row in UNSCORED]


def tables() -> dict[str, list[Row]]:
    return {
        "languages": [language("de"), language("en"), language("ja", "Japanese")],
        "relations": [
            {"relation_id": "P27", "relation_name": "citizen of"},
            {"relation_id": "P36", "relation_name": "capital"},
        ],
        "facts": [
            {"fact_id": f, "relation_id": relation, "subject_id": f"s{f}", "object_id": o}
            for f, (relation, o) in FACTS.items()
        ],
        "fact_labels": [
            {"language_code": c, "fact_id": f, "subject_label": "x", "object_label": "y"}
            for c, f in PLACES
        ],
        "prompts": [
            {"language_code": code, "relation_id": relation, "template": "[X] [Y]"}
            for code in LANGUAGES
            for relation in ("P27", "P36")
        ],
        "atlas_truth": [
            {
                "corpus_id": corpus,
                "language_code": code,
                "fact_id": fact,
                "is_planted": (code, fact) in planted,
                "planted_count": 9 if (code, fact) in planted else 0,
            }
            for corpus, planted in PLANTED.items()
            for code, fact in PLACES
        ],
        "models": [
            model(model_id, corpus_id="twin" if model_id == "t" else "wiki", ignored_token_id=9)
            for model_id in RIGHT
        ],
        "predictions": [answer(model_id, *place) for model_id in RIGHT for place in PLACES],
        "corpus_sizes": [corpus_size("wiki", code) for code in LANGUAGES],
        "occurrences": [
            occurrence("wiki", code, "chunk", fact, int((code, fact) in PRESENT))
            for code, fact in PLACES
        ],
        "label_tokens": [
            {
                "model_id": model_id,
                "language_code": code,
                "fact_id": fact,
                "subject_folded": "oslo city" if (code, fact) == ("ja", "f4") else "a name",
                "object_folded": "oslo",
                "subject_tokens": ["a"],
                "object_tokens": ["b"],
            }
            for model_id in RIGHT
            for code, fact in PLACES
        ],
        "active_neurons": [
            {
                "model_id": model_id,
                "language_code": code,
                "fact_id": fact,
                "method_code": "probeless",
                "neuron_rank": rank,
                "layer_index": 0,
                "neuron_index": neuron,
                "neuron_score": 2.0 / rank,
            }
            for model_id, facts in NEURONS.items()
            for fact, codes in facts.items()
            for code, neurons in codes.items()
            for rank, neuron in enumerate(neurons, 1)
        ],
        "unscored_facts": unscored(),
    }


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("roots")
    lake = write_lake(folder / "lake", **tables())
    database, outcome = build(
        lake, folder / "build", "--exclude-resource-type", "unit_test",
        "--select", "+marts.roots", "+root_accuracy", "+fact_types_by_language",
            "--indirect-selection", "cautious",
        variables={
            "significance_level": 0.3, "smallest_null": 2, "planted_neuron_counts": [0, 1, 2],
        },
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stdout
    assert "roots_add_up" in outcome.stdout
    return database


def roots(warehouse: Path, where: str) -> list[tuple[Any, ...]]:
    return rows(
        warehouse,
        f"""select language_code, fact_id, root_code, reason_code from fct_fact_roots
            where rule_code = 'paper' and {where} order by fact_id, language_code""",
    )


def test_a_fact_stated_here_is_shared_where_its_neurons_overlap_beyond_the_null(
    warehouse: Path,
) -> None:
    assert roots(warehouse, "model_id = 'm' and is_present") == [
        ("de", "f1", "shared", "overlap_above_null"),
        ("en", "f1", "shared", "overlap_above_null"),
        ("ja", "f1", "independent", "overlap_within_null"),
        ("de", "f2", "independent", "overlap_within_null"),
        ("en", "f2", "independent", "overlap_within_null"),
        ("ja", "f2", "independent", "overlap_within_null"),
        ("de", "f3", "shared", "overlap_above_null"),
        ("de", "f4", "independent", "overlap_within_null"),
        ("en", "f4", "independent", "overlap_within_null"),
        ("en", "f5", "undetermined", "right_nowhere_else"),
        ("de", "f6", "undetermined", "only_fact"),
        ("en", "f6", "undetermined", "no_neurons_elsewhere"),
    ]


def test_a_fact_not_stated_here_is_transferred_unless_its_names_give_it_away(
    warehouse: Path,
) -> None:
    assert roots(warehouse, "model_id = 'm' and not is_present") == [
        ("en", "f3", "transferred", "absent_without_cue"),
        ("ja", "f3", "transferred", "absent_without_cue"),
        ("ja", "f4", "cue", "shared_tokens"),
        ("ja", "f6", "cue", "naming"),
    ]


def test_the_best_language_stands_with_its_overlap_its_null_and_its_corrected_p(
    warehouse: Path,
) -> None:
    sixth = pytest.approx(1 / 6)
    assert rows(
        warehouse,
        """select language_code, fact_id, compared_language_count, best_language_code,
           overlap_score, null_code, null_score, p_value, adjusted_p_value,
           shared_language_codes, source_language_codes
           from fct_fact_roots
           where rule_code = 'paper' and model_id = 'm' and fact_id in ('f2', 'f3', 'f6')
           order by fact_id, language_code""",
    ) == [
        ("de", "f2", 2, "en", 0.0, "object", sixth, 1.0, 1.0, [], []),
        ("en", "f2", 2, "de", 0.0, "object", sixth, 1.0, 1.0, [], []),
        ("ja", "f2", 2, "de", 0.0, "object", sixth, 1.0, 1.0, [], []),
        # English does not state it, so that it is no source of what German shares with it.
        ("de", "f3", 2, "en", 1.0, "object", sixth, 1 / 7, 2 / 7, ["en"], []),
        ("en", "f3", 2, "de", 1.0, "object", sixth, 1 / 7, 2 / 7, ["de"], ["de"]),
        ("ja", "f3", 2, "de", pytest.approx(1 / 3), "object", sixth, 4 / 7, 1.0, [], []),
        ("de", "f6", 0, None, None, None, None, None, None, [], []),
        ("en", "f6", 0, None, None, None, None, None, None, [], []),
        ("ja", "f6", 0, None, None, None, None, None, None, [], []),
    ]


def test_an_answer_is_corrected_for_all_answers_that_are_tested(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select distinct fact_id, adjusted_p_value, across_facts_p_value from fct_fact_roots
           where rule_code = 'paper' and model_id = 'm' and fact_id in ('f1', 'f2', 'f6')
           order by all""",
    ) == [
        ("f1", 2 / 7, pytest.approx(6 / 7)),
        ("f1", 1.0, 1.0),
        ("f2", 1.0, 1.0),
        ("f6", None, None),
    ]
    assert rows(
        warehouse,
        """select language_code, answer_count, no_object_null_count, object_count, found_count,
           expected_false_sum, across_facts_found_count, pair_test_count, above_null_score
           from overlap_tests where model_id = 'm'""",
    ) == [
        ("all", 12, 0, 2, 4, pytest.approx(3.6), 0, 24, 0.0),
        ("de", 4, 0, 2, 2, pytest.approx(1.2), 0, 8, 0.0),
        ("en", 4, 0, 2, 2, pytest.approx(1.2), 0, 8, 0.0),
        ("ja", 4, 0, 2, 0, pytest.approx(1.2), 0, 8, 0.0),
    ]
    assert rows(
        warehouse,
        """select answer_count, no_object_null_count, found_count, found_rate, pair_test_count,
           above_null_score from overlap_tests where model_id = 'r' and language_code = 'all'""",
    ) == [(0, 6, 0, None, 0, None)]


def test_the_power_is_how_often_planted_neurons_are_found(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select planted_scope_code, planted_neuron_count, trial_count, found_count
           from overlap_test_power where model_id = 'm'""",
    ) == [
        ("all", 0, 12, 0),
        ("all", 1, 12, 0),
        ("all", 2, 12, 12),
        ("one", 0, 24, 0),
        ("one", 1, 24, 0),
        ("one", 2, 24, 24),
    ]


def test_without_facts_of_one_object_nothing_is_decided(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select language_code, fact_id, root_code, reason_code, null_code, adjusted_p_value
           from fct_fact_roots
           where rule_code = 'paper' and model_id = 'r' and is_present
           order by fact_id, language_code""",
    ) == [
        ("de", "f1", "undetermined", "no_object_null", "relation", 2 / 7),
        ("en", "f1", "undetermined", "no_object_null", "relation", 2 / 7),
        ("ja", "f1", "undetermined", "no_object_null", "relation", 1.0),
        ("de", "f3", "undetermined", "no_object_null", "relation", 1.0),
    ]


def test_where_no_overlap_can_be_judged_the_reason_is_given(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select model_id, language_code, fact_id, reason_code from fct_fact_roots
           where rule_code = 'paper' and root_code = 'undetermined' and model_id != 'm'
           order by all""",
    ) == [
        ("n", "de", "f1", "not_attributed"),
        ("n", "en", "f4", "other_mask_count"),
        ("r", "de", "f1", "no_object_null"),
        ("r", "de", "f3", "no_object_null"),
        ("r", "en", "f1", "no_object_null"),
        ("r", "ja", "f1", "no_object_null"),
        ("s", "de", "f1", "null_too_small"),
        ("s", "de", "f3", "null_too_small"),
        ("s", "en", "f1", "null_too_small"),
        ("s", "ja", "f2", "no_contrast"),
        ("t", "ja", "f3", "not_traced"),
        ("t", "ja", "f6", "not_traced"),
    ]


def test_reasons_are_told_with_the_figures(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select reason from fct_fact_roots
           where rule_code = 'paper' and model_id = 'm' and language_code = 'de'
           and fact_id in ('f3', 'f6')
           order by fact_id""",
    ) == [
        (
            "stated; neurons overlap more with those in en (1.000; 0.167 for facts with the same "
            "object; p 0.2857 after correction for 2 languages)",
        ),
        ("stated, but no neurons: no other fact of its relation is right in this language",),
    ]


def test_what_the_twin_answers_as_well_is_a_guess(warehouse: Path) -> None:
    """f4 stands in the twin's corpus, f5 nowhere in m's: neither has a twin."""
    assert rows(
        warehouse,
        """select language_code, fact_id, is_guess from fct_fact_roots
           where rule_code = 'paper' and model_id = 'm' and is_guess is not null
           order by fact_id, language_code""",
    ) == [("en", "f3", False), ("ja", "f3", True), ("ja", "f6", True)]


def test_the_roots_of_a_language_add_up_to_its_right_answers(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select language_code, root_code, root_count, full_match_count, root_rate,
           twin_fact_count, guess_count, guess_rate
           from roots_by_language
           where rule_code = 'paper' and model_id = 'm' and root_count > 0""",
    ) == [
        ("de", "independent", 2, 5, 2 / 5, 0, 0, None),
        ("de", "shared", 2, 5, 2 / 5, 0, 0, None),
        ("de", "undetermined", 1, 5, 1 / 5, 0, 0, None),
        ("en", "independent", 2, 6, 2 / 6, 0, 0, None),
        ("en", "shared", 1, 6, 1 / 6, 0, 0, None),
        ("en", "transferred", 1, 6, 1 / 6, 1, 0, 0.0),
        ("en", "undetermined", 2, 6, 2 / 6, 0, 0, None),
        ("ja", "cue", 2, 5, 2 / 5, 1, 1, 1.0),
        ("ja", "independent", 2, 5, 2 / 5, 0, 0, None),
        ("ja", "transferred", 1, 5, 1 / 5, 1, 1, 1.0),
    ]
    # Five models, three languages, five roots; t is right in Japanese only.
    assert rows(
        warehouse,
        """select count(*), count(*) filter (full_match_count = 0 and root_rate is null
           and model_id = 't') from roots_by_language where rule_code = 'paper'""",
    ) == [(75, 10)]


def test_the_matrix_says_from_where_facts_could_come(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select root_code, source_language_code, target_language_code, root_count,
           present_count, source_count, source_rate from root_matrix where model_id = 'm'""",
    ) == [
        ("shared", "de", "en", 1, 1, 1, 1.0),
        ("shared", "en", "de", 2, 1, 1, 1 / 2),
        ("shared", "ja", "de", 2, 1, 0, 0.0),
        ("shared", "ja", "en", 1, 1, 0, 0.0),
        ("transferred", "de", "en", 1, 1, 1, 1.0),
        ("transferred", "de", "ja", 1, 1, 0, 0.0),
        ("transferred", "en", "ja", 1, 0, 0, 0.0),
        ("transferred", "ja", "en", 1, 0, 0, 0.0),
    ]
