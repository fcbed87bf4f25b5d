"""A study with another verdict: what is asked, what depends on it, and what is published."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from dagster_project.steps.plan import Plan
from dagster_project.steps.registry import make_plan
from dagster_project.study.resolve import resolve_study
from tests.helpers import studies

PLAIN = """\
name: tiny
facts: {kind: table, path: facts.csv}
attribution: {probeless: {top: 5, bins: 4}}
models:
  - {id: first, source: ./first}
  - {id: third, source: ./third}
"""
VERDICT = """\
answers: {continuation: {tokens: 4}}
verdict: ranked_mean
"""


def plan_of(folder: Path, text: str) -> Plan:
    (folder / "tiny.yml").write_text(text, encoding="utf-8")
    return make_plan(resolve_study(str(folder / "tiny.yml"), folder))


def test_neurons_depend_on_the_verdict_and_answers_do_not(tmp_path: Path) -> None:
    studies.write_study(tmp_path)
    plain, ranked = plan_of(tmp_path, PLAIN), plan_of(tmp_path, PLAIN + VERDICT)
    owner = {"model_id": "third", "language_code": "en"}
    assert plain.part("predictions", owner) == ranked.part("predictions", owner)
    before, after = (plan.part("active_neurons", owner) for plan in (plain, ranked))
    assert before.fingerprint != after.fingerprint
    assert not plain.parts_of(["object_rankings", "continuations"], owner)
    # What is only measured changes nothing that follows from right answers.
    measured = plan_of(tmp_path, PLAIN + "answers: {ranking: {}, continuation: {}}\n")
    assert measured.part("active_neurons", owner).fingerprint == before.fingerprint
    assert len(measured.parts_of(["object_rankings", "continuations"], owner)) == 2


def test_a_model_is_asked_in_its_own_languages_and_with_its_own_examples(tmp_path: Path) -> None:
    studies.write_study(tmp_path)
    plain = plan_of(tmp_path, PLAIN)
    own = "{id: third, source: ./third, languages: [de], examples: 2}"
    changed = plan_of(tmp_path, PLAIN.replace("{id: third, source: ./third}", own))
    languages = {
        part.partition["language_code"]
        for part in changed.parts()
        if part.partition.get("model_id") == "third"
    }
    assert languages == {"de"}
    owner = {"model_id": "third", "language_code": "de"}
    answers = [plan.part("predictions", owner).fingerprint for plan in (plain, changed)]
    assert answers[0] != answers[1]


@pytest.mark.nightly
def test_a_study_with_another_verdict_runs_to_its_end(tmp_path: Path) -> None:
    study = studies.write_study(tmp_path)
    text = studies.STUDY.replace("languages: all", "languages: all\n" + VERDICT.strip(), 1)
    text = text.replace("forced: 6", "bins: 4", 1).replace("bins: 4, bins: 4", "bins: 4")
    own = "{id: third, source: ./third, languages: [de, en], examples: 2}"
    study.write_text(text.replace("{id: third, source: ./third}", own), encoding="utf-8")
    result = studies.factroots("run", study, "--home", tmp_path / "homes")
    assert result.exit_code == 0, result.output
    with duckdb.connect(tmp_path / "homes/tiny/factroots.duckdb", read_only=True) as connection:

        def rows(query: str) -> list[tuple[object, ...]]:
            return connection.execute(query).fetchall()

        assert rows(
            "select distinct is_right = (mean_candidate_rank = 1) from fct_predictions"
        ) == [(True,)]
        assert rows("select distinct language_code from fct_predictions where model_id = 'third'"
                    " order by all") == [("de",), ("en",)]  # fmt: skip
        # Every right answer has a root; PROBELESS has scored it, or says why not.
        [(right, rooted)] = rows(
            """select (select count(*) from fct_predictions where is_right),
               (select count(*) from fct_fact_roots where rule_code = 'paper')"""
        )
        assert right == rooted > 0
        by_verdict = dict(
            connection.execute(
                """select verdict_code, sum(right_count) from p_at_1_by_verdict
                   where relation_id = 'all' group by all"""
            ).fetchall()
        )
        assert by_verdict["ranked_mean"] == right
        assert set(by_verdict) == {
            "exact", "contained", "alias_contained", "ranked_sum", "ranked_mean",
            "ranked_less_prior",
        }  # fmt: skip
