"""The report's list and pages of facts, worked out by hand on two facts in four languages."""

from __future__ import annotations

import json

import duckdb
import pytest

from warehouse.report import facts
from warehouse.report.facts import chunks_that_fit, read_facts

TABLES = """
create table dim_languages as from (values
    ('ar', 'Arabic', 'Afro-Asiatic', 'Semitic'),
    ('de', 'German', 'Indo-European', 'Germanic'),
    ('en', 'English', 'Indo-European', 'Germanic'),
    ('it', 'Italian', 'Indo-European', 'Romance')
) as _ (language_code, language_name, language_family, language_branch);
create table dim_models as from (values ('m', 100), ('n', 100)) as _ (model_id, neuron_count);
create table dim_facts as from (values
    ('e', 'P36', 'Q1', 'Q2', null, null),
    ('f', 'P36', 'Q3', 'Q4', 'Roma', 'Italia')
) as _ (fact_id, relation_id, subject_id, object_id, subject_label, object_label);
create table dim_relations as select 'P36' as relation_id, 'capital' as relation_name;
create table dim_fact_labels as
    select 'f' as fact_id, unnest(['ar', 'de', 'en', 'it']) as language_code,
        'Roma' as subject_label, 'Italia' as object_label;
create table fct_predictions as
    from (values
        ('m', 'ar', 'f', false, true, 'Peru'),
        ('m', 'de', 'f', false, false, 'Peru'),
        ('m', 'en', 'f', true, true, 'Italia'),
        ('n', 'en', 'f', true, false, 'Italia'),
        ('m', 'it', 'f', true, true, 'Italia')
    ) as _ (model_id, language_code, fact_id, is_full_match, is_right, predicted_text);
create table fct_fact_presence as
    from (values
        ('a', 'chunk', 'de', 'f', true, 'Roma', 'Roma in Italia'),
        ('a', 'chunk', 'en', 'f', true, 'Rome', 'It is known to all that Roma lies in Italia'),
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
        ('m', 'it', 'f', 'paper', 'independent', null, [], [])
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
create table fct_active_neurons as
    from (values
        ('m', 'en', 'f', 'probeless', 2, 7, 1),
        ('m', 'en', 'f', 'probeless', 0, 99, 2),
        ('m', 'en', 'f', 'probeless-layer', 1, 1, 1)
    ) as _ (model_id, language_code, fact_id, method_code, layer_index, neuron_index, neuron_rank);
"""
AR, DE, EN, IT = range(4)


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(TABLES)
    return connection


def test_the_list_has_every_fact_with_its_answers_and_roots(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    pages = read_facts(connection)
    assert [code for code, _ in pages.languages] == ["ar", "de", "en", "it"]
    assert pages.models == [("m", 100), ("n", 100)]
    # By the verdict of the study, Arabic is right, and the second model's full match is not.
    transferred_shared, no_root_independent = chr(48 + 6 * 3 + 2), chr(48 + 1)
    assert pages.index == {
        "id": ["f", "e"],
        "relation": ["capital", "capital"],
        "name": ["Roma → Italia", "Q1 → Q2"],
        "states": [["0." + transferred_shared + no_root_independent, "--.-"], ["----", "----"]],
    }


def test_the_page_of_a_fact_has_everything_in_every_language(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    parts = read_facts(connection).parts
    assert parts["names"] == [[["Roma"] * 4, ["Italia"] * 4], [[None] * 4, [None] * 4]]
    signals = [pytest.approx(1.3), pytest.approx(-0.3), 0.0, pytest.approx(0.1), None, None]
    assert parts["answers"] == [
        {
            "stated": [None, "stated", "stated in a", "stated"],
            "wrong": [{DE: "Peru"}, {EN: "Italia"}],
            "roots": [
                {
                    EN: [pytest.approx(0.82), None, ["it", "de", "fr"], ["it"], signals],
                    IT: [None, None, None, [], [None] * 6],
                },
                {},
            ],
        },
        {"stated": [None] * 4, "wrong": [{}, {}], "roots": [{}, {}]},
    ]
    assert parts["evidence"] == [
        {
            DE: ["Roma", "Roma in Italia"],
            EN: ["Rome", "It is known to all that Roma lies in Italia"],
            IT: ["Roma", "Roma, capitale d’Italia"],
        },
        {},
    ]
    # Layer 0, neuron 99, and from there to layer 2, neuron 7.
    assert parts["neurons"] == [[{EN: [99, 108]}, {}], [{}, {}]]


def test_a_long_passage_is_cut_around_its_names(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "EVIDENCE_CHARACTERS", 20)
    assert read_facts(connection).parts["evidence"][0] == {
        DE: ["Roma", "Roma in Italia"],
        EN: ["Rome", "at Roma lies in Ital"],
        IT: ["Roma", "Roma, capitale d’Ita"],
    }


def test_the_facts_right_most_often_fill_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "CHUNK", 2)
    assert chunks_that_fit(["a", "b", "c"], json.dumps, 100) == ['["a", "b"]', '["c"]']
    assert chunks_that_fit(["a", "b", "c"], json.dumps, 15) == ['["a", "b"]', '["c"]']
    assert chunks_that_fit(["a", "b", "c"], json.dumps, 14) == ['["a", "b"]']
    assert chunks_that_fit(["a", "b", "c"], json.dumps, 9) == []
