"""The report's list of facts, worked out by hand on one fact in four languages."""

from __future__ import annotations

import duckdb
import pytest

from warehouse.report.facts import read_facts, without_passages

TABLES = """
create table dim_facts as select 'f' as fact_id, 'P36' as relation_id, 'Roma' as subject_label,
    'Italia' as object_label;
create table dim_relations as select 'P36' as relation_id, 'capital' as relation_name;
create table dim_fact_labels as
    select 'f' as fact_id, unnest(['ar', 'de', 'en', 'it']) as language_code,
        'Roma' as subject_label, 'Italia' as object_label;
create table fct_predictions as
    from (values
        ('m', 'ar', 'f', false, 'Peru'),
        ('m', 'de', 'f', false, 'Peru'),
        ('m', 'en', 'f', true, 'Italia'),
        ('n', 'en', 'f', false, 'Peru'),
        ('m', 'it', 'f', true, 'Italia')
    ) as _ (model_id, language_code, fact_id, is_full_match, predicted_text);
create table fct_fact_presence as
    from (values
        ('a', 'chunk', 'de', 'f', true, 'Roma', 'Roma in Italia'),
        ('a', 'chunk', 'en', 'f', true, 'Rome', 'Roma is the capital of Italia'),
        ('b', 'chunk', 'en', 'f', false, null, null),
        ('a', 'chunk', 'it', 'f', true, 'Roma', 'Roma, capitale d’Italia'),
        ('b', 'chunk', 'it', 'f', true, 'Roma', 'later')
    ) as _ (
        corpus_id, text_unit, language_code, fact_id, is_present, evidence_document, evidence_text
    );
create table fct_fact_roots as
    from (values
        ('m', 'en', 'f', 'paper', 'shared', null, ['it'], []),
        ('m', 'en', 'f', 'calibrated', 'transferred', 0.824::double, [], ['it', 'de', 'fr', 'es']),
        ('m', 'it', 'f', 'paper', 'independent', null, [], []),
        ('m', 'it', 'f', 'calibrated', 'undetermined', null, [], [])
    ) as _ (
        model_id, language_code, fact_id, rule_code, root_code, root_probability,
        shared_language_codes, source_language_codes
    );
create table fct_root_probabilities as
    select
        'm' as model_id, 'en' as language_code, 'f' as fact_id,
        1.26::double as object_frequency_log_odds_score,
        -0.34::double as other_full_match_log_odds_score,
        0::double as object_log_prob_rank_log_odds_score, 0.1::double as same_answer_log_odds_score,
        null::double as masked_log_prob_rank_log_odds_score,
        null::double as other_subject_log_prob_rank_log_odds_score;
"""


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(TABLES)
    return connection


def test_a_fact_says_where_it_is_right_where_stated_and_where_neither(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    names = {"subject": "Roma", "object": "Italia"}
    shared = {
        "model": "m", "text": None, "root": "shared", "shared": ["it"], "likely": "transferred",
        "probability": pytest.approx(0.82), "sources": ["it", "de", "fr"],
        "signals": [pytest.approx(1.3), pytest.approx(-0.3), 0.0, pytest.approx(0.1), None, None],
    }  # fmt: skip
    nothing = {"probability": None, "signals": [None] * 6}
    wrong = {
        "model": "n", "text": "Peru", "root": None, "shared": None, "likely": None, "sources": None,
        **nothing,
    }  # fmt: skip
    alone = {
        "model": "m", "text": None, "root": "independent", "shared": [], "likely": "undetermined",
        "sources": [], **nothing,
    }  # fmt: skip
    assert read_facts(connection) == [
        {
            "fact_id": "f",
            "relation": "capital",
            "fact": "Roma → Italia",
            "languages": [
                {
                    "language": "en",
                    **names,
                    "answers": [shared, wrong],
                    "stated": "stated in a",
                    "document": "Rome",
                    "evidence": "Roma is the capital of Italia",
                },
                {
                    "language": "it",
                    **names,
                    "answers": [alone],
                    "stated": "stated",
                    "document": "Roma",
                    "evidence": "Roma, capitale d’Italia",
                },
            ],
            "unlearned": ["de"],
            "unknown": ["ar"],
        }
    ]


def test_passages_are_cut_where_all_of_them_would_make_the_page_too_large(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.report.facts.EVIDENCE_BUDGET", 20)
    (fact,) = read_facts(connection)
    assert [entry["evidence"] for entry in fact["languages"]] == ["Roma is th", "Roma, capi"]


def test_passages_stand_apart_in_the_order_of_their_facts(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    facts = read_facts(connection)
    searched, passages = without_passages(facts)
    assert passages == [
        [["Rome", "Roma is the capital of Italia"], ["Roma", "Roma, capitale d’Italia"]]
    ]
    assert "evidence" in facts[0]["languages"][0]
    assert set(searched[0]["languages"][0]) == {
        "language",
        "subject",
        "object",
        "answers",
        "stated",
    }
