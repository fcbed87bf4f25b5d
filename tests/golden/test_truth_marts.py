"""The truth marts on a base corpus, its twin, three languages and six facts, worked out by hand.

Planted (b: base corpus, t: twin corpus), and how the object is written:

    fact  de           en           ja
    f1    b t  Oslo    --   Oslo    --   オスロ
    f2    --   Rom     b t  Rome    --   ローマ
    f3    b    Prag    --   Prague  --   プラハ
    f4    --   Wien    --   Vienna  --   ウィーン
    f5    b    Kiew    b    Kyiv    b    キーウ
    f6    t    Bonn    --   Bonn    --   ボン

Base corpus. Here: de f1 f3 f5, en f2 f5, ja f5. Elsewhere: en f1 (identical), en f3 (same script),
de f2 (same script), ja f1 f2 f3 (other script). Nowhere: f4 and f6 in all three, six answers.

Models s1 and s2 are seeds of the base, twin is of the twin corpus. Right answers beyond what is
planted here:

    s1    elsewhere en f1, en f3, ja f3;  nowhere de f4
    s2    elsewhere en f1;                nowhere none
    twin  en f3 (nowhere in its corpus), so s1's en f3 is a guess

The twin is the control where the base has a fact elsewhere and the twin nowhere: en f3 and ja f3.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import pytest

from tests.helpers.tiny_lake import build, language, model, prediction, rows, write_lake

LABELS = {
    "f1": {"de": "Oslo", "en": "Oslo", "ja": "オスロ"},
    "f2": {"de": "Rom", "en": "Rome", "ja": "ローマ"},
    "f3": {"de": "Prag", "en": "Prague", "ja": "プラハ"},
    "f4": {"de": "Wien", "en": "Vienna", "ja": "ウィーン"},
    "f5": {"de": "Kiew", "en": "Kyiv", "ja": "キーウ"},
    "f6": {"de": "Bonn", "en": "Bonn", "ja": "ボン"},
}
PLANTED = {
    "base": {("de", "f1"), ("de", "f3"), ("de", "f5"), ("en", "f2"), ("en", "f5"), ("ja", "f5")},
    "twin": {("de", "f1"), ("en", "f2"), ("de", "f6")},
}
RIGHT = {
    "s1": PLANTED["base"] | {("en", "f1"), ("en", "f3"), ("ja", "f3"), ("de", "f4")},
    "s2": PLANTED["base"] | {("en", "f1")},
    "twin": PLANTED["twin"] | {("en", "f3")},
    "said": {("en", "f1"), ("en", "f3"), ("de", "f4")},
    "s1-step5": {("de", "f1"), ("en", "f1")},
    "s1-step10": {("de", "f1"), ("de", "f3")},
}
CORPUS = dict.fromkeys(RIGHT, "base") | {"twin": "twin"}
CAUSAL = ("said",)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("truth")
    places = [(code, fact) for code in ("de", "en", "ja") for fact in LABELS]
    lake = write_lake(
        folder / "lake",
        languages=[language("de"), language("en"), language("ja", "Japanese")],
        relations=[{"relation_id": "capital", "relation_name": "capital"}],
        facts=[
            {"fact_id": f, "relation_id": "capital", "subject_id": f"s{f}", "object_id": f"o{f}"}
            for f in LABELS
        ],
        fact_labels=[
            {
                "language_code": code,
                "fact_id": fact,
                "subject_label": "x",
                "object_label": LABELS[fact][code],
            }
            for code, fact in places
        ],
        prompts=[
            {"language_code": code, "relation_id": "capital", "template": "[X] [Y]"}
            for code in ("de", "en", "ja")
        ],
        atlas_truth=[
            {
                "corpus_id": corpus,
                "language_code": code,
                "fact_id": fact,
                "is_planted": (code, fact) in planted,
                "planted_count": 9 if (code, fact) in planted else 0,
            }
            for corpus, planted in PLANTED.items()
            for code, fact in places
        ],
        models=[
            model(
                model_id,
                corpus_id=corpus,
                objective="causal" if model_id in CAUSAL else "masked",
            )
            for model_id, corpus in CORPUS.items()
        ],
        predictions=[
            prediction(model_id, *place, [1], [1] if place in right else [2])
            for model_id, right in RIGHT.items()
            for place in places
        ],
    )
    database, outcome = build(lake, folder / "build", "--exclude-resource-type", "unit_test")
    assert outcome.returncode == 0, outcome.stdout
    return database


def test_facts_are_told_apart_by_where_they_are_planted(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select presence_code, link_code,
           list(language_code || ' ' || fact_id order by language_code, fact_id)
           from fct_planted_predictions where model_id = 's1' group by all order by all""",
    ) == [
        ("elsewhere", "identical_string", ["en f1"]),
        ("elsewhere", "other_script", ["ja f1", "ja f2", "ja f3"]),
        ("elsewhere", "same_script", ["de f2", "en f3"]),
        ("here", "none", ["de f1", "de f3", "de f5", "en f2", "en f5", "ja f5"]),
        ("nowhere", "none", ["de f4", "de f6", "en f4", "en f6", "ja f4", "ja f6"]),
    ]


def test_what_a_twin_answers_too_is_a_guess(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select model_id, language_code, fact_id, twin_count, twin_full_match_count, is_guess
           from fct_planted_predictions where twin_count > 0 and not contains(model_id, 'step')""",
    ) == [
        ("s1", "en", "f3", 1, 1, True),
        ("s1", "ja", "f3", 1, 0, False),
        ("s2", "en", "f3", 1, 1, False),
        ("s2", "ja", "f3", 1, 0, False),
        # The twin's f6 is planted elsewhere there, and nowhere for both seeds of the base.
        ("twin", "en", "f6", 2, 0, False),
        ("twin", "ja", "f6", 2, 0, False),
    ]


def test_p_at_1_is_counted_per_presence_and_link(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select presence_code, link_code, sum(fact_count), sum(full_match_count),
           sum(twin_full_match_count), sum(guess_count)
           from p_at_1_by_presence where model_id = 's1' group by all order by all""",
    ) == [
        ("elsewhere", "identical_string", 1, 1, 0, 0),
        ("elsewhere", "other_script", 3, 1, 1, 0),
        ("elsewhere", "same_script", 2, 1, 1, 1),
        ("here", "none", 6, 6, 0, 0),
        ("nowhere", "none", 6, 1, 0, 0),
    ]


def effects(warehouse: Path, where: str, objective: str = "masked") -> list[tuple]:
    return rows(
        warehouse,
        f"""select stratum_code, model_count, fact_count, treated_count, treated_match_count,
            control_count, control_match_count, guess_count, effect_score
            from transfer_effect where objective = '{objective}' and {where}""",
    )


def test_the_effect_in_a_corpus_sets_facts_stated_elsewhere_against_facts_stated_nowhere(
    warehouse: Path,
) -> None:
    found = effects(
        warehouse, "corpus_id = 'base' and control_corpus_id = 'base' and scope_kind = 'all'"
    )
    assert found == [
        ("all", 2, 3, 12, 4, 12, 1, None, 4 / 12 - 1 / 12),
        ("identical_string", 2, 1, 2, 2, 12, 1, None, 2 / 2 - 1 / 12),
        ("other_script", 2, 3, 6, 1, 12, 1, None, 1 / 6 - 1 / 12),
        ("same_script", 2, 2, 4, 1, 12, 1, None, 1 / 4 - 1 / 12),
    ]


def test_the_effect_against_the_twin_compares_the_same_facts(warehouse: Path) -> None:
    found = effects(
        warehouse, "corpus_id = 'base' and control_corpus_id = 'twin' and scope_kind = 'all'"
    )
    # Base: s1 right twice, s2 never; twin right once.
    assert found == [
        ("all", 2, 1, 4, 2, 2, 1, 1, 2 / 4 - 1 / 2),
        ("other_script", 2, 1, 2, 1, 1, 0, 0, 1 / 2),
        ("same_script", 2, 1, 2, 1, 1, 1, 1, 1 / 2 - 1),
    ]
    assert effects(
        warehouse,
        """corpus_id = 'base' and control_corpus_id = 'twin' and scope_kind = 'model'
           and stratum_code = 'all'""",
    ) == [
        ("all", 1, 1, 2, 2, 2, 1, 1, 2 / 2 - 1 / 2),
        ("all", 1, 1, 2, 0, 2, 1, 0, 0 / 2 - 1 / 2),
    ]


def test_a_causal_model_is_no_seed_and_no_twin_of_masked_ones(warehouse: Path) -> None:
    # Right about two of its six facts stated elsewhere and about one of six stated nowhere.
    found = effects(warehouse, "scope_kind in ('all', 'model') and stratum_code = 'all'", "causal")
    assert found == [("all", 1, 3, 6, 2, 6, 1, None, 2 / 6 - 1 / 6)] * 2
    assert rows(
        warehouse,
        """select objective, corpus_id, control_corpus_id, contrast_code from transfer_effect
           where scope_kind = 'all' and stratum_code = 'all' order by all""",
    ) == [
        ("causal", "base", "base", "same_corpus"),
        ("masked", "base", "base", "same_corpus"),
        ("masked", "base", "twin", "twin_corpus"),
        ("masked", "twin", "base", "twin_corpus"),
        ("masked", "twin", "twin", "same_corpus"),
    ]


def test_a_language_has_its_own_effect(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select scope_code, treated_count, treated_match_count, control_count,
           control_match_count from transfer_effect where corpus_id = control_corpus_id
           and objective = 'masked'
           and corpus_id = 'base' and scope_kind = 'language' and stratum_code = 'all'""",
    ) == [("de", 2, 0, 4, 1), ("en", 4, 3, 4, 0), ("ja", 6, 1, 4, 0)]


def test_the_interval_spreads_over_facts_and_over_seeds(warehouse: Path) -> None:
    """Base corpus, all strata: treated rate 1/3 over 12, control rate 1/12 over 12.

    Pull of a fact = (its treated matches - its treated answers / 3) / 12 - (its control matches -
    its control answers / 12) / 12. Treated f1: en + ja in two seeds, 2 of 4; f2: de + ja, 0 of 4;
    f3: en + ja, 2 of 4. Control f4: 1 of 6; f6: 0 of 6.
    Pull of a seed: s1 has 3 of 6 and 1 of 6, s2 has 1 of 6 and 0 of 6; with two seeds times 2.
    """
    fact_pulls = [(2 - 4 / 3) / 12, (0 - 4 / 3) / 12, (2 - 4 / 3) / 12]
    fact_pulls += [-(1 - 6 / 12) / 12, -(0 - 6 / 12) / 12]
    seed_pulls = [(3 - 2) / 12 - (1 - 0.5) / 12, (1 - 2) / 12 - (0 - 0.5) / 12]
    variance = sum(p * p for p in fact_pulls) + 2 * sum(p * p for p in seed_pulls)
    [(low, high)] = rows(
        warehouse,
        """select effect_score_low, effect_score_high from transfer_effect
           where corpus_id = 'base' and control_corpus_id = 'base' and scope_kind = 'all'
           and stratum_code = 'all' and objective = 'masked'""",
    )
    assert low == pytest.approx(0.25 - 1.959964 * sqrt(variance), abs=1e-12)
    assert high == pytest.approx(0.25 + 1.959964 * sqrt(variance), abs=1e-12)


def test_checkpoints_are_no_seeds_and_tell_when_a_fact_was_learned(warehouse: Path) -> None:
    assert rows(
        warehouse,
        "select distinct scope_code from transfer_effect where scope_kind = 'model' order by 1",
    ) == [("s1",), ("s2",), ("said",), ("twin",)]
    assert rows(
        warehouse,
        """select language_code, fact_id, presence_code, checkpoint_count, first_match_step_index,
           settled_step_index from acquisition where first_match_step_index is not null""",
    ) == [
        ("de", "f1", "here", 2, 5, 5),
        ("de", "f3", "here", 2, 10, 10),
        ("en", "f1", "elsewhere", 2, 5, None),
    ]
    assert rows(
        warehouse,
        """select step_index, fact_count, full_match_count from acquisition_curves
           where language_code = 'de' and presence_code = 'here'""",
    ) == [(5, 3, 1), (10, 3, 2)]
