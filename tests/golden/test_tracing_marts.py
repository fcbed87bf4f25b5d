"""The tracing marts on two corpora, three languages and six facts, worked out by hand.

Units of the corpus 'wiki' in which both names stand (right answers of model m in brackets), and
the rule by which the object could be guessed from the names (o: overlap, t: token overlap,
n: naming, -: others):

    fact  relation   de        en        ja
    f1    P36        [0] o     [3] -      0  -
    f2    P36        [0] t      2  -     [9] -
    f3    P27        [0] n     [0] o      0  n
    f4    P36        [0] -      0  -     [5] o
    f5    P30        [2] -     [1] -      0  -
    f6    P36         1  -      1  -     no name

Absent: de f1 f2 f3 f4 (all right), en f3 (right) f4, ja f1 f3 f5. In articles de f1 is present too.
The corpus 'half' has German only and none of the facts; model h of that corpus is always wrong.
Model u has no corpus in the study.

Truth: de f5 f6 are planted. en f1 f2 f4 f5 f6 are planted; f4 was missed. ja f2 is planted; f4,
inside a longer word, was found too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import numpy as np
import polars as pl
import pytest
import yaml
from scipy import stats
from tokenizers import BertWordPieceTokenizer

from ingestion.tracing import label_tokens
from tests.helpers.tiny_lake import (
    DBT,
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
RELATIONS = {"f1": "P36", "f2": "P36", "f3": "P27", "f4": "P36", "f5": "P30", "f6": "P36"}
SHARED = {
    "de": {"f1": 0, "f2": 0, "f3": 0, "f4": 0, "f5": 2, "f6": 1},
    "en": {"f1": 3, "f2": 2, "f3": 0, "f4": 0, "f5": 1, "f6": 1},
    "ja": {"f1": 0, "f2": 9, "f3": 0, "f4": 5, "f5": 0},
}
PLACES = [(code, fact) for code in LANGUAGES for fact in SHARED[code]]
RIGHT = {
    "m": {
        *(("de", fact) for fact in ("f1", "f2", "f3", "f4", "f5")),
        *(("en", fact) for fact in ("f1", "f3", "f5")),
        *(("ja", fact) for fact in ("f2", "f4")),
    },
    "h": set(),
    "u": set(PLACES),
}
CORPUS = {"m": "wiki", "h": "half", "u": None}
OVERLAP = {("de", "f1"), ("en", "f3"), ("ja", "f4")}
PLANTED = {
    *(("de", fact) for fact in ("f5", "f6")),
    *(("en", fact) for fact in ("f1", "f2", "f4", "f5", "f6")),
    ("ja", "f2"),
}
DISTRACTORS = {
    ("de", "f1"): "object_alone",
    ("de", "f2"): "same_article",
    ("en", "f3"): "inside_word",
    ("ja", "f1"): "object_alone",
    ("ja", "f4"): "inside_word",
}
DOCUMENTS = {"de": 30, "en": 20, "ja": 10}
CHARACTERS = {"de": 600, "en": 800, "ja": 100}
SELECTED = ("--select", "+path:models/marts/tracing", "--indirect-selection", "cautious")


def size(corpus: str, code: str, **columns: Any) -> Row:
    counts = {"document_count": DOCUMENTS[code], "character_count": CHARACTERS[code]}
    return corpus_size(corpus, code, **(counts | columns))


def pieces(model_id: str, code: str, fact: str) -> Row:
    has_token = (code, fact) == ("de", "f2")
    return {
        "model_id": model_id,
        "language_code": code,
        "fact_id": fact,
        "subject_folded": "the name of oslo" if (code, fact) in OVERLAP else "a name",
        "object_folded": "oslo",
        "subject_tokens": ["A", "##name", *(["##lo"] if has_token else [])],
        "object_tokens": ["Os", "##lo"],
    }


def tables() -> dict[str, list[Row]]:
    articles = {**SHARED, "de": {**SHARED["de"], "f1": 1}}
    return {
        "languages": [language("de"), language("en"), language("ja", "Japanese")],
        "relations": [
            {"relation_id": relation, "relation_name": f"name of {relation}"}
            for relation in sorted(set(RELATIONS.values()))
        ],
        "facts": [
            {"fact_id": f, "relation_id": relation, "subject_id": f"s{f}", "object_id": f"o{f}"}
            for f, relation in RELATIONS.items()
        ],
        "fact_labels": [
            {
                "language_code": code,
                "fact_id": fact,
                "subject_label": f"subject {fact} {code}",
                "object_label": f"object {fact} {code}",
            }
            for code, fact in PLACES
        ],
        "atlas_truth": [
            {
                "corpus_id": "wiki",
                "language_code": code,
                "fact_id": fact,
                "is_planted": (code, fact) in PLANTED,
                "planted_count": 9 if (code, fact) in PLANTED else 0,
                "distractor_kind": DISTRACTORS.get((code, fact)),
            }
            for code, fact in PLACES
        ],
        "models": [model(model_id, corpus_id=corpus) for model_id, corpus in CORPUS.items()],
        "predictions": [
            prediction(model_id, *place, [1], [1] if place in right else [2])
            for model_id, right in RIGHT.items()
            for place in PLACES
        ],
        "corpus_sizes": [
            size("wiki", "de", token_count=400, chunk_count=4),
            size("wiki", "en", token_count=500, chunk_count=5),
            size("wiki", "ja", problem_note="one page is cut", is_truncated=True),
            size("half", "de"),
        ],
        "occurrences": [
            *(occurrence("wiki", c, "chunk", fact, SHARED[c][fact]) for c, fact in PLACES),
            *(occurrence("wiki", c, "article", fact, articles[c][fact]) for c, fact in PLACES),
            *(occurrence("half", "de", "chunk", fact, 0) for fact in RELATIONS),
        ],
        "label_tokens": [pieces(model_id, *place) for model_id in "mh" for place in PLACES],
    }


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tracing")
    lake = write_lake(folder / "lake", **tables())
    database, outcome = build(
        lake, folder / "build", *SELECTED, "--exclude-resource-type", "unit_test"
    )
    assert outcome.returncode == 0, outcome.stdout
    assert "nothing_is_lost_on_the_way" in outcome.stdout
    assert "tracing_adds_up" in outcome.stdout
    return database


def test_a_fact_is_present_where_both_names_share_a_unit(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select corpus_id, text_unit, language_code, list(fact_id order by fact_id)
           from fct_fact_presence where is_present group by all order by all""",
    ) == [
        ("wiki", "article", "de", ["f1", "f5", "f6"]),
        ("wiki", "article", "en", ["f1", "f2", "f5", "f6"]),
        ("wiki", "article", "ja", ["f2", "f4"]),
        ("wiki", "chunk", "de", ["f5", "f6"]),
        ("wiki", "chunk", "en", ["f1", "f2", "f5", "f6"]),
        ("wiki", "chunk", "ja", ["f2", "f4"]),
    ]
    # 17 names in two kinds of units, and six German ones in the other corpus.
    assert rows(warehouse, "select count(*), count(is_present) from fct_fact_presence") == [
        (40, 40)
    ]
    assert rows(
        warehouse,
        """select relation_id, subject_count, object_count, shared_count, evidence_document,
           evidence_offset, evidence_distance, evidence_text from fct_fact_presence
           where text_unit = 'chunk' and language_code = 'ja' and fact_id in ('f3', 'f4')""",
    ) == [
        ("P27", 1, 0, 0, None, None, None, None),
        ("P36", 6, 5, 5, "Page ja", 12, 3, "f4 in ja"),
    ]


def absence(warehouse: Path, where: str) -> list[tuple]:
    return rows(
        warehouse,
        f"""select language_code, scope_code, absent_count, fact_count, absent_rate
            from absence_by_language where {where}""",
    )


def test_absence_is_counted_over_all_facts_the_right_ones_and_those_without_a_cue(
    warehouse: Path,
) -> None:
    assert absence(warehouse, "model_id = 'm' and text_unit = 'chunk'") == [
        ("de", "all", 4, 6, 4 / 6),
        ("de", "full_match", 4, 5, 4 / 5),
        # f4 is absent, f5 is present; the other right ones can be guessed.
        ("de", "full_match_not_easy", 1, 2, 1 / 2),
        ("de", "full_match_not_easy_published", 1, 5, 1 / 5),
        ("en", "all", 2, 6, 2 / 6),
        ("en", "full_match", 1, 3, 1 / 3),
        ("en", "full_match_not_easy", 0, 2, 0.0),
        ("en", "full_match_not_easy_published", 0, 3, 0.0),
        ("ja", "all", 3, 5, 3 / 5),
        ("ja", "full_match", 0, 2, 0.0),
        ("ja", "full_match_not_easy", 0, 1, 0.0),
        ("ja", "full_match_not_easy_published", 0, 2, 0.0),
    ]
    assert absence(
        warehouse,
        """model_id = 'm' and text_unit = 'article' and language_code = 'de'
           and not contains(scope_code, 'easy')""",
    ) == [("de", "all", 3, 6, 3 / 6), ("de", "full_match", 3, 5, 3 / 5)]


def test_a_model_is_held_against_its_own_corpus_only(warehouse: Path) -> None:
    assert absence(warehouse, "model_id = 'h' and scope_code in ('all', 'full_match')") == [
        ("de", "all", 6, 6, 1.0),
        ("de", "full_match", 0, 0, None),
    ]
    for mart in ("absence_by_language", "fact_types_by_language", "volume_correlations"):
        assert rows(warehouse, f"select distinct model_id, corpus_id from {mart} order by all") == [
            ("h", "half"),
            ("m", "wiki"),
        ]


def test_absent_facts_that_are_right_show_where_else_they_stand(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select language_code, fact_id, fact_type_code, fact_rule_code, present_language_count,
           present_language_codes, evidence_language_code, evidence_document, evidence_text
           from absent_predictable_facts where text_unit = 'chunk'""",
    ) == [
        ("de", "f1", "shared_tokens", "overlap", 1, ["en"], "en", "Page en", "f1 in en"),
        (
            "de",
            "f2",
            "shared_tokens",
            "token_overlap",
            2,
            ["en", "ja"],
            "en",
            "Page en",
            "f2 in en",
        ),
        ("de", "f3", "naming", "naming", 0, [], None, None, None),
        ("de", "f4", "others", "others", 1, ["ja"], "ja", "Page ja", "f4 in ja"),
        ("en", "f3", "shared_tokens", "overlap", 0, [], None, None, None),
    ]
    assert rows(
        warehouse,
        """select model_id, corpus_id, relation_name, subject_label, object_label, predicted_text
           from absent_predictable_facts where text_unit = 'chunk' and fact_id = 'f4'""",
    ) == [("m", "wiki", "name of P36", "subject f4 de", "object f4 de", "1")]


def test_types_are_shares_of_the_absent_and_right(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select language_code, fact_type_code, type_count, token_overlap_count,
           absent_full_match_count, type_rate
           from fact_types_by_language where model_id = 'm' and text_unit = 'chunk'""",
    ) == [
        ("de", "naming", 1, 0, 4, 1 / 4),
        ("de", "others", 1, 0, 4, 1 / 4),
        ("de", "shared_tokens", 2, 1, 4, 2 / 4),
        ("en", "naming", 0, 0, 1, 0.0),
        ("en", "others", 0, 0, 1, 0.0),
        ("en", "shared_tokens", 1, 0, 1, 1.0),
        ("ja", "naming", 0, 0, 0, None),
        ("ja", "others", 0, 0, 0, None),
        ("ja", "shared_tokens", 0, 0, 0, None),
    ]


def test_pooling_and_the_mean_over_languages_are_two_averages(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select fact_type_code, aggregation_code, language_count, type_count,
           token_overlap_count, absent_full_match_count, type_rate
           from fact_types_overview where model_id = 'm' and text_unit = 'chunk'""",
    ) == [
        ("naming", "macro", 2, 1, 0, 5, (1 / 4 + 0) / 2),
        ("naming", "micro", 2, 1, 0, 5, 1 / 5),
        ("others", "macro", 2, 1, 0, 5, (1 / 4 + 0) / 2),
        ("others", "micro", 2, 1, 0, 5, 1 / 5),
        ("shared_tokens", "macro", 2, 3, 1, 5, (2 / 4 + 1) / 2),
        ("shared_tokens", "micro", 2, 3, 1, 5, 3 / 5),
    ]
    assert rows(
        warehouse,
        "select distinct language_count, type_rate from fact_types_overview where model_id = 'h'",
    ) == [(0, None)]


def test_volume_is_correlated_over_the_languages_that_have_a_size(warehouse: Path) -> None:
    found = rows(
        warehouse,
        """select size_code, language_count, pearson_score, spearman_score, pearson_score_low,
           pearson_bootstrap_score_low from volume_correlations where model_id = 'm'""",
    )
    rates = [5 / 6, 3 / 6, 2 / 5]
    by_size = {
        name: pytest.approx(stats.pearsonr(list(sizes.values()), rates).statistic, abs=1e-12)
        for name, sizes in (("documents", DOCUMENTS), ("characters", CHARACTERS))
    }
    assert found == [
        ("bytes", 3, None, None, None, None),
        ("characters", 3, by_size["characters"], 0.5, None, None),
        ("chunks", 2, None, None, None, None),
        ("documents", 3, by_size["documents"], 1.0, None, None),
        ("tokens", 2, None, None, None, None),
    ]


def test_accuracy_is_told_per_language_and_kind_of_distractor(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select language_code, distractor_kind, planted_count, planted_found_count,
           unplanted_count, unplanted_found_count, found_count, recall, precision
           from tracing_accuracy where text_unit = 'chunk'""",
    ) == [
        ("de", "all", 2, 2, 4, 0, 2, 1.0, 1.0),
        ("de", "none", 2, 2, 2, 0, 2, 1.0, 1.0),
        ("de", "object_alone", 2, 2, 1, 0, 2, 1.0, 1.0),
        ("de", "same_article", 2, 2, 1, 0, 2, 1.0, 1.0),
        ("en", "all", 5, 4, 1, 0, 4, 4 / 5, 1.0),
        ("en", "inside_word", 5, 4, 1, 0, 4, 4 / 5, 1.0),
        ("ja", "all", 1, 1, 4, 1, 2, 1.0, 1 / 2),
        ("ja", "inside_word", 1, 1, 1, 1, 2, 1.0, 1 / 2),
        ("ja", "none", 1, 1, 2, 0, 1, 1.0, 1.0),
        ("ja", "object_alone", 1, 1, 1, 0, 1, 1.0, 1.0),
    ]


def test_what_was_lost_of_a_corpus_is_shown(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select corpus_id, language_code, document_count, is_truncated, problem_note
           from corpus_sizes where corpus_id = 'half' or problem_note is not null""",
    ) == [("half", "de", 30, False, None), ("wiki", "ja", 10, True, "one page is cut")]


def mart_sql(path: str, **settings: Any) -> str:
    """A model's SQL as dbt renders it, over tables that are called like its parents."""
    project = yaml.safe_load((DBT / "dbt_project.yml").read_text(encoding="utf-8"))
    environment = jinja2.Environment()
    variables = {**project["vars"], **settings}
    environment.globals.update(
        var=lambda name, *_: variables[name], ref=lambda name: f"temp.{name}"
    )
    names = (
        "averages_over_languages", "clustered", "correlate", "exact_sums", "resampling",
        "significance", "wilson",
    )  # fmt: skip
    macros = [(DBT / "macros" / f"{name}.sql").read_text() for name in names]
    model_sql = (DBT / "models" / f"{path}.sql").read_text(encoding="utf-8")
    return environment.from_string("".join([*macros, model_sql])).render()


def test_the_bootstrap_interval_is_that_of_a_plain_loop() -> None:
    """Seven languages, resampled by the same digests."""
    sizes = [310.0, 42.0, 7.0, 55.0, 120.0, 18.0, 61.0]
    rates = [0.19, 0.12, 0.05, 0.12, 0.08, 0.07, 0.15]
    codes = [f"l{i}" for i in range(len(sizes))]
    p_at_1 = pl.DataFrame({"model_id": "m", "language_code": codes, "full_match_rate": rates})
    unmeasured = ("chunk_count", "token_count", "character_count", "text_bytes")
    corpus_sizes = pl.DataFrame(
        {"corpus_id": "c", "language_code": codes, "document_count": sizes}
    ).with_columns(pl.lit(None, dtype=pl.Int64).alias(name) for name in unmeasured)
    with duckdb.connect() as connection:
        connection.register("p_at_1_by_language", p_at_1)
        connection.register("corpus_sizes", corpus_sizes)
        connection.register("dim_models", pl.DataFrame({"model_id": ["m"], "corpus_id": ["c"]}))
        query = mart_sql("marts/tracing/volume_correlations", bootstrap_count=200)
        found = connection.sql(query).pl().filter(pl.col("size_code") == "documents")

    count = len(sizes)
    pearson, spearman = [], []
    for resample in range(200):
        digests = [
            hashlib.md5(f"factroots:{resample}:{place}".encode()).digest() for place in range(count)
        ]
        drawn = [int.from_bytes(d[8:], "little") * count // 2**64 for d in digests]
        x, y = np.array(sizes)[drawn], np.array(rates)[drawn]
        if len(set(x)) > 1 and len(set(y)) > 1:
            pearson.append(stats.pearsonr(x, y).statistic)
            spearman.append(stats.spearmanr(x, y).statistic)
    # Seven points: the level of 2.5 % becomes the normal tail of Student's quantile, widened.
    level = stats.norm.sf(stats.t.ppf(0.975, count - 1) * np.sqrt(count / (count - 1)))
    assert level == pytest.approx(0.00411, abs=1e-4)
    for name, scores in (("pearson", pearson), ("spearman", spearman)):
        interval = [found[f"{name}_bootstrap_score_{bound}"].item() for bound in ("low", "high")]
        expected = np.quantile(scores, [level, 1 - level])
        assert interval == pytest.approx(expected, abs=1e-3), name
    assert found["pearson_score"].item() == pytest.approx(stats.pearsonr(sizes, rates).statistic)


@pytest.mark.real_data
def test_published_examples_have_their_published_type(real_data: Path) -> None:
    """144 real facts, cut by mBERT's own tokenizer and sorted by the SQL of the warehouse."""
    examples = pl.read_csv(real_data / "published" / "fact_type_examples.csv").select(
        "fact_type",
        # Some facts stand there in several languages: a row is a fact of its own here.
        fact_id=pl.format("{} {}", pl.int_range(pl.len()), "uuid"),
        relation_id="relation",
        language_code="lang",
        subject_label="sub_label",
        object_label="obj_label",
    )
    vocabulary = real_data / "tokenizers" / "bert-base-multilingual-cased" / "vocab.txt"
    tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=False).to_str()
    languages = sorted(set(examples["language_code"]))
    cut = pl.concat(
        label_tokens(examples, code, "mbert", tokenizer, chinese="zhconv") for code in languages
    )
    with duckdb.connect() as connection:
        connection.register("stg_lake__label_tokens", cut)
        connection.register("stg_lake__models", pl.DataFrame({"model_id": ["mbert"]}))
        connection.register("int_language_facts", examples)
        found = connection.sql(mart_sql("intermediate/tracing/int_fact_types")).pl()
    assert len(found) == 144
    published = dict(examples.select("fact_id", "fact_type").iter_rows())
    assert dict(found.select("fact_id", "fact_rule_code").iter_rows()) == published
    assert set(published.values()) == {"overlap", "token_overlap", "naming", "others"}


@pytest.mark.real_data
def test_published_counts_give_the_published_rates(real_data: Path) -> None:
    """Zhao et al. 2024, Fig. 6 and 7: 53 languages, 14,641 absent facts that mBERT gets right."""
    published = pl.read_csv(real_data / "published" / "fig6_fig7_absent_predictable_per_lang.csv")
    columns = {
        "shared_tokens": "shared_entity_tokens",
        "naming": "naming_cues",
        "others": "others",
        "present": "n_present_and_correct",
    }
    answers = pl.concat(
        published.select(
            language_code="lang",
            is_present=pl.lit(kind == "present"),
            fact_type_code=pl.lit("others" if kind == "present" else kind),
            copies=pl.int_ranges(pl.col(column)),
        )
        .filter(pl.col("copies").list.len() > 0)
        .explode("copies")
        for kind, column in columns.items()
    ).with_columns(
        model_id=pl.lit("mbert"),
        corpus_id=pl.lit("wikipedia"),
        text_unit=pl.lit("chunk"),
        is_right=pl.lit(True),
        fact_rule_code="fact_type_code",
        relation_id=pl.lit("P17"),
        fact_id=pl.int_range(pl.len()).cast(pl.String),
    )
    marts = "marts/tracing"
    with duckdb.connect() as connection:
        connection.register("int_traced_predictions", answers)
        connection.register("dim_facts", answers.select("fact_id", object_id=pl.lit("Q1")))
        absence = connection.sql(mart_sql(f"{marts}/absence_by_language")).pl()
        by_language = connection.sql(mart_sql(f"{marts}/fact_types_by_language")).pl()
        connection.register("fact_types_by_language", by_language)
        overview = connection.sql(mart_sql(f"{marts}/fact_types_overview")).pl()
    for scope, column in (
        ("full_match", "absence_rate_among_correct_pct"),
        ("full_match_not_easy_published", "absence_rate_without_easy_pct"),
    ):
        found = absence.filter(pl.col("scope_code") == scope).sort("language_code")
        assert (100 * found["absent_rate"]).to_list() == pytest.approx(
            published.sort("lang")[column].to_list(), abs=6e-4
        )
    assert [
        (row["fact_type_code"], row["aggregation_code"], row["type_count"], row["type_rate"])
        for row in overview.iter_rows(named=True)
    ] == [
        ("naming", "macro", 3214, pytest.approx(0.1650, abs=6e-5)),
        ("naming", "micro", 3214, 3214 / 14641),
        ("others", "macro", 7644, pytest.approx(0.4225, abs=6e-5)),
        ("others", "micro", 7644, 7644 / 14641),
        ("shared_tokens", "macro", 3783, pytest.approx(0.4125, abs=6e-5)),
        ("shared_tokens", "micro", 3783, 3783 / 14641),
    ]
