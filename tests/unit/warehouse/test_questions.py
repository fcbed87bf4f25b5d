"""Saved questions: reading their files, and some answers on rows worked out by hand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from dagster_project.cli.main import main
from warehouse import questions
from warehouse.questions import find_question, saved_questions
from warehouse.tables import WarehouseError

WORLD = """
create table dim_models as select unnest(['m', 'n']) as model_id, 'wiki' as corpus_id;
create table dim_languages as select unnest(['ms', 'id', 'de', 'af']) as language_code;
create table dim_relations as from (values ('r1', 'capital'), ('r2', 'continent')) as
    _ (relation_id, relation_name);
create table dim_facts as from (values
    ('f1', 'r1', 2, 's1', 'o1'), ('f2', 'r1', 2, 's2', 'o2'), ('f3', 'r2', 1, 's3', 'o3')
) as _ (fact_id, relation_id, language_count, subject_label, object_label);
-- model m: id f1 f3, ms f1 f2; model n: id f2, ms f1 f2
create table fct_predictions as from (values
    ('m', 'id', 'f1', 'r1', true), ('m', 'id', 'f2', 'r1', false), ('m', 'id', 'f3', 'r2', true),
    ('m', 'ms', 'f1', 'r1', true), ('m', 'ms', 'f2', 'r1', true),
    ('n', 'id', 'f1', 'r1', false), ('n', 'id', 'f2', 'r1', true), ('n', 'id', 'f3', 'r2', false),
    ('n', 'ms', 'f1', 'r1', true), ('n', 'ms', 'f2', 'r1', true)
) as _ (model_id, language_code, fact_id, relation_id, is_full_match);
create table fct_fact_presence as from (values
    ('wiki', 'chunk', 'id', 'f1', 7), ('wiki', 'chunk', 'id', 'f2', 0),
    ('wiki', 'chunk', 'id', 'f3', 100), ('wiki', 'chunk', 'ms', 'f1', 0),
    ('wiki', 'chunk', 'ms', 'f2', 9), ('wiki', 'article', 'ms', 'f2', 50)
) as _ (corpus_id, text_unit, language_code, fact_id, shared_count);
create table p_at_1_by_language as from (values
    ('m', 'id', 3, 2, 2 / 3), ('m', 'ms', 2, 2, 1.0)
) as _ (model_id, language_code, fact_count, full_match_count, full_match_rate);
create table roots_by_language as from (values
    ('m', 'id', 'paper', 'cue', 1), ('m', 'id', 'paper', 'shared', 1),
    ('m', 'ms', 'paper', 'cue', 0), ('m', 'ms', 'paper', 'shared', 2)
) as _ (model_id, language_code, rule_code, root_code, root_count);
create table fct_fact_roots as from (values
    ('m', 'af', 'f1', 'calibrated', 'guess', 0.6::double, []::varchar[], []::double[]),
    ('m', 'af', 'f2', 'paper', 'transferred', null, ['en'], []),
    ('m', 'af', 'f3', 'calibrated', 'transferred', 0.9,
        ['nl', 'de', 'en', 'fr'], [0.4, 0.3, 0.2, 0.1])
) as _ (
    model_id, language_code, fact_id, rule_code, root_code, root_probability, source_language_codes,
    source_probabilities
);
create table absence_by_language as select 'm' as model_id;
create table absent_predictable_facts as
    select
        'm' as model_id, 'chunk' as text_unit, fact_id, 'capital' as relation_name,
        's' as subject_label, 'o' as object_label, present as present_language_codes,
        len(present) as present_language_count, 'text' as evidence_text, language_code,
        fact_type_code,
    from (values
        ('f1', 'af', 'naming', ['de', 'en', 'fr']), ('f2', 'af', 'others', ['en']),
        ('f3', 'af', 'others', ['de', 'en']), ('f1', 'de', 'others', ['en'])
    ) as _ (fact_id, language_code, fact_type_code, present);
"""


@pytest.fixture
def world() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(WORLD)
    return connection


def ask(world: duckdb.DuckDBPyConnection, name: str, columns: str) -> list[tuple[object, ...]]:
    return world.execute(f"select {columns} from ({find_question(name).sql})").fetchall()


def test_facts_never_read_in_a_language_name_the_languages_that_state_them(
    world: duckdb.DuckDBPyConnection,
) -> None:
    columns = "fact_id, present_language_codes"
    found = ask(world, "known_without_being_read", columns)
    assert found == [("f3", ["de", "en"]), ("f2", ["en"]), ("f1", ["de", "en", "fr"])]
    columns = "root_code, root_probability, source_language_codes, source_probabilities"
    assert ask(world, "known_without_being_read", columns) == [
        ("transferred", 0.9, ["nl", "de", "en"], [0.4, 0.3, 0.2]),
        (None, None, None, None),
        ("guess", 0.6, [], []),
    ]
    world.execute("set variable model = 'n'")
    assert ask(world, "known_without_being_read", "fact_id") == []
    world.execute("set variable model = 'o'")
    with pytest.raises(duckdb.Error, match="no model 'o' in this study; known: m, n"):
        ask(world, "known_without_being_read", "fact_id")
    world.execute("set variable language = 'de'; set variable model = 'm'")
    assert ask(world, "known_without_being_read", "fact_id") == [("f1",)]


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("known_without_being_read", "language"),
        ("facts_one_language_could_learn", "language"),
        ("relations_shared_by_two_languages", "language_a"),
        ("relations_shared_by_two_languages", "language_b"),
    ],
)
def test_a_language_that_the_study_lacks_is_an_error_and_never_an_empty_answer(
    world: duckdb.DuckDBPyConnection, name: str, variable: str
) -> None:
    world.execute(
        "create or replace table dim_fact_labels as select 'af' as language_code, "
        "'f1' as fact_id, 's' as subject_label, 'o' as object_label"
    )
    world.execute("alter table fct_predictions add column predicted_text varchar")
    world.execute("alter table fct_predictions add column gold_rank integer")
    world.execute(f"set variable {variable} = 'xx'")
    with pytest.raises(duckdb.Error, match="no language 'xx' in this study; known: af, de, id, ms"):
        ask(world, name, "*")


def test_without_its_default_a_question_is_about_the_first_languages(
    world: duckdb.DuckDBPyConnection,
) -> None:
    world.execute("delete from dim_languages where language_code in ('af', 'ms')")
    assert ask(world, "known_without_being_read", "fact_id") == [("f1",)]
    world.execute("update fct_predictions set language_code = 'de' where language_code = 'ms'")
    found = ask(world, "relations_shared_by_two_languages", "model_id, relation_id, jaccard_rate")
    # Indonesian, its default, with German, the first other one: m is right about f1 in both.
    assert found == [("m", "r1", 0.5), ("n", "r1", 0.5)]


def test_relations_are_shared_as_far_as_the_same_facts_are_right(
    world: duckdb.DuckDBPyConnection,
) -> None:
    """r2's only fact does not exist in Malay, so only r1 can be compared."""
    found = ask(
        world,
        "relations_shared_by_two_languages",
        "model_id, relation_name, fact_count, right_a_count, right_b_count, right_in_both_count, "
        "right_in_either_count, jaccard_rate",
    )
    assert found == [("m", "capital", 2, 1, 2, 1, 2, 0.5), ("n", "capital", 2, 1, 2, 1, 2, 0.5)]


def test_what_names_give_away_is_taken_off_p_at_1(world: duckdb.DuckDBPyConnection) -> None:
    found = ask(world, "p_at_1_without_cues", "language_code, cue_count, left_rate, lost_rate")
    third = pytest.approx(1 / 3)
    assert found == [("id", 1, third, third), ("ms", 0, 1.0, 0.0)]


def test_what_changed_between_models_counts_both_ways(world: duckdb.DuckDBPyConnection) -> None:
    columns = "language_code, right_in_both_count, only_a_count, only_b_count, difference"
    expected = [("id", 0, 2, 1, pytest.approx(-1 / 3)), ("ms", 2, 0, 0, 0.0)]
    assert ask(world, "changes_between_two_models", columns) == expected
    world.execute("set variable model_a = 'n'; set variable model_b = 'm'")
    assert ask(world, "changes_between_two_models", columns)[0][1:4] == (0, 1, 2)


def test_a_fact_that_one_model_knows_and_the_other_nowhere_is_listed(
    world: duckdb.DuckDBPyConnection,
) -> None:
    columns = "knowing_model_id, other_model_id, fact_id, language_codes"
    assert ask(world, "facts_only_one_model_knows", columns) == [("m", "n", "f3", ["id"])]


def test_facts_known_here_only_are_those_that_others_could_have_known(
    world: duckdb.DuckDBPyConnection,
) -> None:
    """f3 exists in only one language, so it is not a candidate."""
    columns = "model_id, language_code, full_match_count, only_here_count"
    assert ask(world, "facts_known_in_one_language_only", columns) == [
        ("m", "ms", 2, 1),
        ("m", "id", 1, 0),
        ("n", "ms", 2, 1),
        ("n", "id", 1, 0),
    ]


def test_answers_are_sorted_into_classes_by_how_often_the_text_states_the_fact(
    world: duckdb.DuckDBPyConnection,
) -> None:
    columns = "least_shared_count, fact_count, full_match_count"
    name = "p_at_1_by_how_often_read"
    found = ask(world, name, f"model_id, {columns}")
    assert [row[1:] for row in found if row[0] == "m"] == [(0, 2, 1), (4, 2, 2), (100, 1, 1)]
    # m is right about f1 in Malay and not about f2 in Indonesian: two facts, as much as one beyond
    # their mean. Of two that are all right, each counts. Bounds: Wilson (1927), z = 1.959964.
    columns = "least_shared_count, effective_count, full_match_rate_low, full_match_rate_high"
    bounds = {row[1]: row[2:] for row in ask(world, name, f"model_id, {columns}") if row[0] == "m"}
    assert bounds[0] == (1.0, pytest.approx(0.054621, abs=1e-5), pytest.approx(0.945379, abs=1e-5))
    assert bounds[4] == (2.0, pytest.approx(0.342380, abs=1e-5), 1.0)


def test_neurons_that_check_facts_are_compared_with_random_ones_and_controls(
    world: duckdb.DuckDBPyConnection,
) -> None:
    world.execute("""
        create table fact_check_scores as from (values
            ('all', 'knowledge_attribution', 0.8, 0.7), ('r1', 'knowledge_attribution', 0.9, 0.9),
            ('all', 'random_knowledge_attribution', 0.6, 0.5), ('all', 'probability', 0.9, 0.8),
            ('all', 'top_1', 0.75, 0.75), ('all', 'always_true', 0.5, 0.5)
        ) as _ (relation_id, check_code, auroc_score, balanced_accuracy_score),
        (select 'm' as model_id, 'id' as language_code, 4 as true_count, 0.1 as auroc_score_low,
            0.9 as auroc_score_high, 2 / 3 as f1_score)
    """)
    (found,) = ask(
        world,
        "do_neurons_tell_right_from_wrong",
        "auroc_score, random_auroc_score, probability_auroc_score, top_1_balanced_accuracy_score, "
        "always_true_f1_score",
    )
    assert [float(str(value)) for value in found] == pytest.approx([0.8, 0.6, 0.9, 0.75, 2 / 3])


def test_every_question_is_told_apart_and_listed() -> None:
    found = saved_questions()
    assert len(found) >= 20
    assert len({question.question for question in found}) == len(found)
    listed = CliRunner().invoke(main, ["questions"]).stdout
    assert all(question.name in listed for question in found)
    shown = CliRunner().invoke(main, ["questions", "near_misses"]).stdout
    assert shown == find_question("near_misses").sql


def test_variables_in_the_sql_are_those_in_the_header() -> None:
    for question in saved_questions():
        _, _, body = question.sql.partition("\n-- rows:")
        used = set(duckdb_variables(body))
        assert used == set(question.variables), question.name


def duckdb_variables(sql: str) -> list[str]:
    return [text.partition("'")[0] for text in sql.split("getvariable('")[1:]]


def test_wrong_names_get_close_matches_or_all_names() -> None:
    with pytest.raises(WarehouseError, match="did you mean near_misses"):
        find_question("near_miss")
    with pytest.raises(WarehouseError, match="no variable 'lang'; known: language, model, unit"):
        find_question("known_without_being_read", ["lang"])
    stray = CliRunner().invoke(main, ["sql", "--saved", "near_misses", "--set", "x"])
    assert "NAME=VALUE" in stray.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "-- columns: a\n-- rows: 0..*, one per a\nselect 1",
            "must begin with comments: the question",
        ),
        ("-- Why?\n-- columns: a\n-- rows: many\nselect 1", "one per column, column', not 'many'"),
    ],
)
def test_a_file_without_its_shape_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "odd.sql").write_text(text)
    monkeypatch.setattr(questions, "QUERIES", tmp_path)
    with pytest.raises(WarehouseError, match=message):
        saved_questions()


def test_the_best_and_the_worst_wording_of_a_relation_are_named(
    world: duckdb.DuckDBPyConnection,
) -> None:
    world.execute("""
        create table p_at_1_by_wording as from (values
            ('m', 'id', 'r1', '1', 'a', 0.5e0), ('m', 'id', 'r1', '2', 'b', 0.75e0),
            ('m', 'id', 'r1', '3', 'c', 0.75), ('m', 'id', 'all', '1', null, 0.1)
        ) as _ (model_id, language_code, relation_id, template_id, template, right_rate);
        create table wording_agreement as select 'm' as model_id, 'id' as language_code,
            unnest(['r1', 'all']) as relation_id, 4 as fact_count, 0.9e0 as any_rate,
            0.2 as all_rate, 0.6 as same_answer_rate;
    """)
    columns = "relation_name, best_template, best_rate, worst_template, worst_rate, any_rate"
    found = ask(world, "right_in_some_words_only", columns)
    assert found == [("capital", "c", 0.75, "a", 0.5, 0.9)]


def test_neurons_follow_what_their_interval_says(world: duckdb.DuckDBPyConnection) -> None:
    world.execute("""
        create table neuron_stability_by_wording as
        select 'm' as model_id, 'probeless' as method_code, language_code, 3 as fact_count,
            0.5 as neuron_jaccard_score, 0.2 as relation_null_score, 0.3 as same_wording_score,
            0.2 as wording_excess_score, low as wording_excess_score_low,
            high as wording_excess_score_high, 0.01 as chance_score
        from (values ('a', 0.1, 0.3), ('b', -0.3, -0.1), ('c', -0.1, 0.1), ('d', null, null))
            as _ (language_code, low, high);
    """)
    found = ask(world, "do_neurons_follow_fact_or_words", "language_code, follows")
    assert found == [("a", "fact"), ("b", "words"), ("c", "not shown"), ("d", "not shown")]


def test_facts_are_grouped_by_the_views_of_their_subject(
    world: duckdb.DuckDBPyConnection,
) -> None:
    """f1 and f2 have views; with ten groups each is a group of its own."""
    world.execute("""
        create table fact_popularity as from (values ('f1', 10), ('f2', 5), ('f3', null)) as
            _ (fact_id, subject_view_count)
    """)
    columns = "popularity_rank, least_view_count, fact_count, full_match_rate"
    found = ask(world, "p_at_1_by_popularity", f"model_id, language_code, {columns}")
    assert found[:2] == [("m", "id", 1, 5, 1, 0.0), ("m", "id", 2, 10, 1, 1.0)]
    assert len(found) == 8
