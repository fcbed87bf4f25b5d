"""The first sentences of the report, by hand, where a verdict is not the exact match."""

from __future__ import annotations

import duckdb

from warehouse.questions import QUERIES

TABLES = """
create table p_at_1_overview as select
    'm' as model_id, 'full' as match_code, 'micro' as aggregation_code, 0.25::double as match_rate,
    null::double as match_rate_low, null::double as match_rate_high, 4 as fact_count,
    1 as language_count;
create table p_at_1_by_language as
    select 'm' as model_id, 'fr' as language_code, 0.25::double as full_match_rate;
create table dim_languages as select 'fr' as language_code, 'French' as language_name;
create table dim_models as select 'm' as model_id, 'c' as corpus_id;
create table volume_correlations as select
    'm' as model_id, 'c' as corpus_id, 'characters' as size_code, 0.5::double as pearson_score,
    0.1::double as pearson_bootstrap_score_low, 0.8::double as pearson_bootstrap_score_high;
create table dim_corpora as select 'c' as corpus_id, 'chunk' as text_unit;
create table absence_overview as select
    'm' as model_id, 'c' as corpus_id, 'chunk' as text_unit, 'full_match' as scope_code,
    'micro' as aggregation_code, 3 as fact_count, 2 / 3 as absent_rate,
    null::double as absent_rate_low, null::double as absent_rate_high;
create table absence_by_language as select
    'm' as model_id, 'c' as corpus_id, 'chunk' as text_unit, 'full_match' as scope_code,
    'fr' as language_code, 2 / 3 as absent_rate;
create table answers as from (values
    ('m', 'French', true, true, true), ('m', 'French', false, true, false),
    ('m', 'French', false, true, false), ('m', 'French', false, false, true)
) as _ (model_id, language_name, is_full_match, is_right, is_present);
"""


def test_what_is_right_by_the_verdict_is_said_and_counted() -> None:
    with duckdb.connect() as connection:
        connection.execute(TABLES)
        known, not_stated = (
            connection.execute((QUERIES / "head" / name).read_text(encoding="utf-8")).fetchall()
            for name in ("1_known.sql", "2_not_stated.sql")
        )
    assert known == [
        (
            "m",
            "It answers 25 % of 4 questions correctly (P@1; a question is a fact in one of 1 "
            "language): from 25 % in French to 25 % in French. P@1 of a language and the "
            "number of characters of its training text correlate with 0.50 [0.10, 0.80] "
            "(Pearson). By the study's verdict 3 answers are right; the next sentences are about "
            "these.",
        )
    ]
    assert not_stated[0][1].startswith("67 % of its 3 right answers are stated nowhere")
