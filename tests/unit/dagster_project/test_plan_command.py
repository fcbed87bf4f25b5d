"""``factroots plan``: queries are counted as in a run, without weights; time is measured."""

from __future__ import annotations

import io
import time
from pathlib import Path

import polars as pl
import pytest
import torch
import transformers
from rich.console import Console

from dagster_project.cli.plan import plan_tables
from dagster_project.runtime.estimate import ModelCost, model_costs
from dagster_project.runtime.workspace import Workspace
from ingestion.facts import FactsSettings, open_facts
from models_gpu.lake_rows import lake_rows
from models_gpu.loading.load import wrap
from models_gpu.prompting.build import build_queries
from tests.helpers import studies

STUDY = """\
name: tiny
facts: {kind: table, path: facts.csv}
answers: {ranking: {}}
attribution: {probeless: {}}
models:
  - {id: first, source: ./first}
  - {id: third, source: ./third, languages: [en]}
"""


def test_queries_and_times_of_a_study_and_nothing_is_written(tmp_path: Path) -> None:
    study = studies.write_study(tmp_path)
    study.write_text(STUDY, encoding="utf-8")
    first, third = model_costs(Workspace(str(study), tmp_path / "homes"), is_measured=True)
    # Eight capitals in three languages, eight births in two. Two people have the same name, and
    # their towns as many tokens, so they share a query in both languages.
    assert (first.language_count, first.fact_count, first.query_count) == (3, 40, 40 - 2)
    assert (third.language_count, third.fact_count) == (1, 16)
    assert 16 >= third.query_count > 8
    assert third.token_count > 16 * 4
    assert set(first.seconds) == {"predictions", "object_rankings", "active_neurons"}
    assert all(0 < seconds < 600 for seconds in first.seconds.values())
    assert first.download_bytes == 0
    assert not (tmp_path / "homes").exists()


def test_what_is_not_estimated_is_named_with_what_the_home_took(tmp_path: Path) -> None:
    study = studies.write_study(tmp_path)
    study.write_text(STUDY, encoding="utf-8")
    workspace = Workspace(str(study), tmp_path / "homes")

    def said() -> str:
        console = Console(file=io.StringIO(), width=2000)
        console.print(plan_tables(workspace, [ModelCost("first", seconds={"predictions": 1.0})]))
        return console.file.getvalue()

    assert "About 1 s of work on models on this device. Not in it: " in said()
    assert "took" not in said()
    # Tables of one step are computed together, and those of another language by themselves.
    for table, language, seconds in (
        ("active_neurons", "en", 600),
        ("unscored_facts", "en", 600),
        ("active_neurons", "de", 1200),
    ):
        place = {"model_id": "first", "language_code": language}
        none = lake_rows(table, []).with_columns(**{name: pl.lit(place[name]) for name in place})
        part = workspace.plan.part(table, place)
        workspace.write(part, none, time.perf_counter() - seconds)
    assert "this home has took 30 min" in said()


WORDED = """\
facts: {kind: table, path: facts.csv, wordings: words.csv}
wordings: {languages: [en, it], templates: 2, sample: 5}
"""
WORDS = """\
language,relation,template
en,P36,The capital of [X] is called [Y]
en,P36,"[Y], capital of [X]"
en,P36,[X] has the capital [Y]
it,P36,[Y] capitale di [X]
"""


def test_a_question_in_other_words_takes_as_long_as_a_fact(tmp_path: Path) -> None:
    study = studies.write_study(tmp_path)
    facts = "facts: {kind: table, path: facts.csv}\n"
    study.write_text(STUDY.replace(facts, WORDED), encoding="utf-8")
    (tmp_path / "words.csv").write_text(WORDS, encoding="utf-8")
    first, third = model_costs(Workspace(str(study), tmp_path / "homes"), is_measured=True)
    # Of eight capitals five are drawn: twice in English and once in Italian, which the third model
    # is not asked in.
    per_fact = first.seconds["predictions"] / 40
    assert first.seconds["wording_predictions"] == pytest.approx(15 * per_fact)
    assert first.seconds["wording_neurons"] == pytest.approx((15 + 10) * 0.3 * per_fact)
    per_fact = third.seconds["predictions"] / 16
    assert third.seconds["wording_predictions"] == pytest.approx(10 * per_fact)
    assert third.seconds["wording_neurons"] == pytest.approx((10 + 5) * 0.3 * per_fact)


@pytest.mark.real_data
@pytest.mark.nightly
def test_mbert_is_asked_762825_distinct_queries_of_mlama(real_data: Path) -> None:
    """The number of the issue: counted from facts and tokenizer, without weights."""
    folder = real_data / "tokenizers" / "bert-base-multilingual-cased"
    config = transformers.BertConfig(vocab_size=119_547, num_hidden_layers=1)
    with torch.device("meta"):
        model = transformers.AutoModelForMaskedLM.from_config(config)
    mbert = wrap(model, transformers.AutoTokenizer.from_pretrained(folder), "meta")
    source = open_facts(FactsSettings("mlama", real_data / "mlama1.1.zip", 0.01))
    count = 0
    for language in source.languages():
        found = source.read(language)
        rows = found.fact_labels.join(found.facts, on="fact_id").join(
            found.prompts.select("relation_id", "template"), on="relation_id"
        )
        count += build_queries(mbert, rows, "gold", leaves_out=True).count
    assert count == 762_825
