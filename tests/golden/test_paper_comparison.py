"""Published figures next to those of a study, worked out by hand.

The study is that of the tracing marts (its table of facts stands there): model m, loaded from a
folder called like mBERT, is right in German about f1 to f5, in English about f1 f3 f5, in Japanese
about f2 f4. Of these never stood in the text: German f1 f2 (shared tokens, f2 by a token only), f3
(naming), f4 (others); English f3 (shared tokens). Every name is one token, every fact has an object
of its own. Active neurons, two per fact, in German and English: f1 1 2 and 1 2, f3 5 7 and 5 6.

DistilBERT ends like mBERT and is none; nobody has XLM-R. In a second study nobody has mBERT either.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from statistics import correlation

import pytest
from test_tracing_marts import tables

from tests.helpers.tiny_lake import DBT, build, language, model, rows, write_lake

SEED = DBT / "seeds" / "published_figures.csv"
SELECTED = (
    "--select", "+paper_comparison", "--indirect-selection", "cautious",
    "--exclude-resource-type", "unit_test",
)  # fmt: skip
NEURONS = {
    ("de", "f1"): [1, 2],
    ("en", "f1"): [1, 2],
    ("de", "f3"): [5, 7],
    ("en", "f3"): [5, 6],
}


@pytest.fixture(scope="module")
def seed() -> list[dict[str, str]]:
    with SEED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study without any of the paper's models."""
    folder = tmp_path_factory.mktemp("alone")
    lake = write_lake(folder / "lake", languages=[language("en")], models=[model("m")])
    database, outcome = build(lake, folder / "build", *SELECTED)
    assert outcome.returncode == 0, outcome.stdout
    return database


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with mBERT under another name, and two models that are not the paper's."""
    folder = tmp_path_factory.mktemp("comparison")
    study = tables()
    sources = {
        "m": "/some/folder/bert-base-multilingual-cased",
        "u": "distilbert/distilbert-base-multilingual-cased",
    }
    study["models"] = [
        {**row, "source": sources.get(row["model_id"], row["source"])} for row in study["models"]
    ]
    study["active_neurons"] = [
        {
            "model_id": "m",
            "language_code": code,
            "fact_id": fact,
            "method_code": "probeless",
            "neuron_rank": rank,
            "layer_index": 0,
            "neuron_index": unit,
            "neuron_score": 2.0 / rank,
        }
        for (code, fact), units in NEURONS.items()
        for rank, unit in enumerate(units, 1)
    ]
    database, outcome = build(write_lake(folder / "lake", **study), folder / "build", *SELECTED)
    assert outcome.returncode == 0, outcome.stdout
    return database


def test_without_the_papers_models_every_published_figure_stands_alone(
    alone: Path, seed: list[dict[str, str]]
) -> None:
    found = rows(
        alone,
        """select metric_code, count(*), count(model_id), count(measured_value),
           count(measured_language_count), count(difference), count(*) filter (where is_measured)
           from paper_comparison group by all""",
    )
    published = Counter(row["metric_code"] for row in seed)
    assert {metric: count for metric, count, *_ in found} == published
    assert {tuple(measured) for _, _, *measured in found} == {(0, 0, 0, 0, 0)}


def test_the_totals_of_the_three_types_are_there(alone: Path) -> None:
    assert rows(
        alone,
        """select variant_code, published_value from paper_comparison
           where metric_code = 'type_count' and language_code is null order by all""",
    ) == [("naming", 3214.0), ("others", 7644.0), ("shared_tokens", 3783.0)]


def test_mislabelled_figures_say_so(alone: Path) -> None:
    wrong = {
        "p_at_1/mbert/full/micro": (0.0885, "it is the micro average"),
        "p_at_1/mbert/full/macro": (0.07248, "prints the micro average under this name"),
        "p_at_1/xlmr-large/full/micro": (0.0688, "bare '▁'"),
        "p_at_1/xlmr-large/full/en": (0.1708, "bare '▁'"),
        "volume_correlation/mbert/abstract_bytes": (0.51, "swapped"),
        "volume_correlation/mbert/article_bytes": (0.44, "swapped"),
        "type_rate/mbert/others/micro": (0.522, "it is pooled"),
        "neuron_jaccard/mbert/zero_diagonal/macro": (0.2461287925522409, "diagonal is zero"),
    }
    found = {
        key: (value, note)
        for key, value, note in rows(
            alone, "select comparison_id, published_value, note from paper_comparison"
        )
    }
    for key, (value, words) in wrong.items():
        assert found[key][0] == value, key
        assert words in found[key][1], key


def test_empty_fields_of_the_seed_are_null_and_codes_stay_text(alone: Path) -> None:
    assert rows(
        alone,
        """select count(*) from paper_comparison
           where '' in (variant_code, aggregation_code, language_code, language_b, note)""",
    ) == [(0,)]
    assert rows(
        alone, "select published_value from paper_comparison where comparison_id = "
        "'object_p_at_1/mbert/4/en'"
    ) == [(0.0,)]  # fmt: skip


MEASURED = {
    "p_at_1/mbert/full/de": 5 / 6,
    "p_at_1/mbert/partial/en": 3 / 6,
    "full_match_count/mbert/ja": 2,
    "one_token_p_at_1/mbert/ja": 2 / 5,
    "one_token_object_count/mbert/ja": 5,
    "object_p_at_1/mbert/1/en": 3 / 6,
    "object_count/mbert/1/en": 6,
    "fact_jaccard/mbert/de/en": 3 / 5,
    "neuron_jaccard/mbert/de/en": (1 + 1 / 3) / 2,
    "absent_count/mbert/full_match/de": 4,
    "absent_rate/mbert/full_match/de": 4 / 5,
    "absent_rate/mbert/full_match/en": 1 / 3,
    "absent_rate/mbert/full_match/ja": 0,
    "absent_rate/mbert/full_match_not_easy_published/de": 1 / 5,
    "type_count/mbert/shared_tokens/de": 2,
    "type_count/mbert/naming/de": 1,
    "type_count/mbert/others/en": 0,
}
"""Figures of one language or pair: the difference is ours less the published one."""

MEASURED_OVER_LANGUAGES = {
    "full_match_count/mbert": (10, 3),
    "p_at_1/mbert/full/micro": (10 / 17, 3),
    "p_at_1/mbert/full/macro": ((5 / 6 + 3 / 6 + 2 / 5) / 3, 3),
    # Japanese is not among the languages of the published matrix.
    "neuron_jaccard/mbert/pairs/macro": ((1 + 1 / 3) / 2, 2),
    "neuron_jaccard/mbert/zero_diagonal/macro": ((1 + 1 / 3) / 4, 2),
    "absent_count/mbert/full_match": (5, 3),
    "absent_rate/mbert/full_match/micro": (5 / 10, 3),
    "absent_rate/mbert/full_match/macro": ((4 / 5 + 1 / 3) / 3, 3),
    "type_count/mbert/shared_tokens": (3, 3),
    "token_overlap_count/mbert/shared_tokens": (1, 3),
    "type_rate/mbert/shared_tokens/micro": (3 / 5, 3),
    # Japanese has no absent fact and so no share.
    "type_rate/mbert/shared_tokens/macro": ((2 / 4 + 1 / 1) / 2, 2),
    "volume_correlation/mbert/documents": (correlation([30, 20, 10], [5 / 6, 3 / 6, 2 / 5]), 3),
}
"""Figures over languages, with the number of ours: nothing to subtract from 53 or 30 of them."""


def test_figures_of_a_language_are_compared_with_the_published_ones(beside: Path) -> None:
    found = {
        key: figures
        for key, *figures in rows(
            beside,
            """select comparison_id, measured_value, difference, published_value, is_measured
               from paper_comparison where model_id = 'm'""",
        )
    }
    for key, value in MEASURED.items():
        measured, difference, published, is_measured = found[f"{key}@m"]
        assert is_measured, key
        assert measured == pytest.approx(value, abs=1e-12), key
        assert difference == pytest.approx(value - published, abs=1e-12), key
    # Chinese is no language of the study; nor does text of equal size correlate with anything.
    for key in ("neuron_jaccard/mbert/en/zh@m", "volume_correlation/mbert/article_bytes@m"):
        assert found[key][:2] == [None, None], key
        assert found[key][3] is False, key


def test_figures_over_languages_are_shown_with_their_number(beside: Path) -> None:
    found = {
        key: figures
        for key, *figures in rows(
            beside,
            """select comparison_id, measured_value, measured_language_count, difference
               from paper_comparison where is_measured and published_language_count > 2""",
        )
    }
    for key, (value, language_count) in MEASURED_OVER_LANGUAGES.items():
        assert found[f"{key}@m"] == [pytest.approx(value, abs=1e-12), language_count, None], key


def test_only_the_papers_models_are_set_beside_it(beside: Path, seed: list[dict[str, str]]) -> None:
    published = Counter(row["model_code"] for row in seed)
    assert rows(
        beside,
        "select model_code, model_id, count(*) from paper_comparison group by all order by all",
    ) == [("mbert", "m", published["mbert"]), ("xlmr-large", None, published["xlmr-large"])]


def published(real_data: Path, name: str) -> list[dict[str, str]]:
    with (real_data / "published" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.real_data
def test_the_seed_holds_the_published_numbers(real_data: Path, seed: list[dict[str, str]]) -> None:
    """Every table with a figure per language, and the matrices in full."""
    place = ("metric_code", "model_code", "variant_code", "language_code", "language_b")
    held = {
        tuple(row[c] for c in place): float(row["published_value"])
        for row in seed
        if row["language_code"]
    }
    expected: dict[tuple[str, ...], float] = {}
    models = {"mbert": "mbert", "xlmr": "xlmr-large"}
    for row in published(real_data, "table2_p1_53langs.csv"):
        code = row["lang"]
        expected["full_match_count", "mbert", "", code, ""] = int(row["mbert_n_correct"])
        for column, model_code in models.items():
            for match in ("full", "partial"):
                rate = float(row[f"{column}_{match}_p1_pct"]) / 100
                expected["p_at_1", model_code, match, code, ""] = rate
    for row in published(real_data, "table1_one_token.csv"):
        key = (models[row["model"]], "", row["lang"], "")
        expected["one_token_p_at_1", *key] = float(row["one_token_p1_notebook"])
        expected["one_token_object_count", *key] = int(row["one_token_entities_paper"])
    for row in published(real_data, "masknum_objects_p1_en_mbert.csv"):
        key = ("mbert", row["mask_num"], "en", "")
        expected["object_p_at_1", *key] = float(row["mean_objectwise_p1"])
        expected["object_count", *key] = int(row["n_objects"])
    for metric, name in (
        ("fact_jaccard", "fig3_fact_jaccard_14langs.csv"),
        ("neuron_jaccard", "fig5_neuron_jaccard_top50_30langs.csv"),
    ):
        for row in published(real_data, name):
            for other, value in row.items():
                if other != "lang" and row["lang"] < other:
                    expected[metric, "mbert", "", row["lang"], other] = float(value)
    expected["neuron_jaccard", "mbert", "", "en", "zh"] = 0.21099313471502593
    for row in published(real_data, "fig6_fig7_absent_predictable_per_lang.csv"):
        code = row["lang"]
        for scope, count, rate in (
            ("full_match", "n_absent_and_correct", "absence_rate_among_correct_pct"),
            ("full_match_not_easy_published", "others", "absence_rate_without_easy_pct"),
        ):
            expected["absent_count", "mbert", scope, code, ""] = int(row[count])
            expected["absent_rate", "mbert", scope, code, ""] = float(row[rate]) / 100
        for fact_type, count in (
            ("shared_tokens", "shared_entity_tokens"),
            ("naming", "naming_cues"),
            ("others", "others"),
        ):
            expected["type_count", "mbert", fact_type, code, ""] = int(row[count])
    assert held == pytest.approx(expected, abs=6e-6)
