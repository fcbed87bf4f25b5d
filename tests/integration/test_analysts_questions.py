"""Fifteen questions that analysts asked first: each takes one table, view or pair of languages."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

QUESTIONS = {
    "P@1 by language, and over all": """
        select language_name, count(*) filter (is_full_match) / count(*) as p_at_1
        from answers where model_id = 'first' group by rollup (language_name)""",
    "P@1 of objects with one token": """
        select language_code, object_mean_score, one_token_object_count
        from one_token_p_at_1_by_language where model_id = 'first'""",
    "does more text mean more facts": """
        select size_code, pearson_score, spearman_score from volume_correlations""",
    "do objects of many tokens cost": """
        select unit_code, pearson_score from token_count_correlations where scope_code = 'all'""",
    "which languages know the same as English": """
        select language_b, jaccard_rate from both_ways('fact_jaccard_by_language_pair')
        where language_a = 'en' and model_id = 'first'""",
    "a fact's neurons in three languages": """
        select language_name, layer_index, bin_index, count(*) from answer_neurons
        where fact_subject_label = (select max(fact_subject_label) from answer_neurons)
            and language_code in ('de', 'en', 'it') group by all""",
    "neurons in common above the null": """
        select language_a, language_b, object_excess_score from neuron_jaccard_by_language_pair""",
    "right answers that no text states": """
        select language_code, absent_rate from absence_by_language
        where scope_code = 'full_match'""",
    "why such facts are predicted": """
        select language_code, fact_type_code, type_rate from fact_types_by_language""",
    "what was answered for a subject, is it stated, and its root": """
        select model_id, language_name, predicted_text, is_present, root_code, evidence_text
        from answers where fact_subject_label = (select max(fact_subject_label) from answers)""",
    "the commonest wrong answers": """
        select language_code, predicted_text, count(*) from answers
        where not is_full_match group by all order by 3 desc""",
    "are roots the same in two models": """
        select language_code, count(*), count(*) filter (roots = 1) from (
            select language_code, fact_id, count(distinct paper_root_code) as roots from answers
            where is_right group by all) group by all""",
    "which relations are known best": """
        select relation_name, avg(is_full_match::int) from answers group by all""",
    "is similarity explained by distance": """
        select similarity_code, mantel_score, mantel_p_value from similarity_explained
        where factor_code = 'distance'""",
    "P@1 of absent facts by the number of languages that state them": """
        select present_language_count, full_match_rate from p_at_1_by_stating_languages
        where not is_present""",
}


@pytest.mark.parametrize("question", QUESTIONS, ids=[f"q{n}" for n in range(1, 16)])
def test_a_question_takes_one_table(question: str, finished: Path) -> None:
    query = QUESTIONS[question]
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        assert connection.execute(query).fetchall(), question
        [(parsed,)] = connection.execute("select json_serialize_sql(?)", [query]).fetchall()
    # Views count once; get_table_names would list the tables that they read.
    assert len(set(re.findall(r'"table_name":"(\w+)"', parsed))) == ("both_ways" not in query)
