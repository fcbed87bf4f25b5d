"""Wording neurons: those that stand out, by PROBELESS, for a fact that is asked in other words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from dagster_project.steps.active_neurons import variants_of
from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask
from dagster_project.steps.wording_predictions import of_wording, wording_languages, wordings_of
from dagster_project.study.schema import ProbelessBlock, Study, WordingsBlock
from ingestion.facts.wordings import FIRST_TEMPLATE

__all__ = ["STEP"]


@dataclass(frozen=True)
class _Settings:
    """The two blocks that the step needs."""

    wordings: WordingsBlock
    probeless: ProbelessBlock


def _settings(study: Study) -> _Settings | None:
    wordings, block = study.wordings, study.attribution.probeless
    if wordings is None or block is None or not wordings.neurons:
        return None
    return _Settings(wordings, block)


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    block: ProbelessBlock = place.settings.probeless
    parts = place.plan.parts_of(
        ("predictions", "wording_predictions"),
        {"model_id": place.model.id, "language_code": place.language},
    )
    return [part.fingerprint for part in parts], (block.top, sorted(block.variants), block.forced)


def _rank(task: ModelTask) -> Iterator[Computed]:
    """Ranks the neurons of each wording; the exact match decides which facts are right in it."""
    from models_gpu.lake_rows import lake_rows
    from models_gpu.methods.probeless import probeless
    from models_gpu.progress import one_part

    block: ProbelessBlock = task.settings.probeless
    for language in task.languages:
        wordings = wordings_of(task, task.settings.wordings, language)
        answers = _answers(task, language)
        report = task.progress(language)
        rows = []
        for place, wording in enumerate(wordings):
            own = wording.queries["fact_id"]
            if block.forced is not None:
                right = own.sort().head(block.forced).to_list()
            else:
                asked = of_wording(pl.DataFrame({"fact_id": own}), wording)
                known = asked.join(answers, on=["fact_id", "template_id"], how="semi")
                right = known["fact_id"].to_list()
            found = probeless(
                task.weights,
                wording.queries,
                right,
                settings=variants_of(block),
                token_budget=task.batch_tokens,
                progress=one_part(report, place, 1, len(wordings)),
            )
            rows.append(of_wording(found.active_neurons, wording))
        tables = {"wording_neurons": lake_rows("wording_neurons", rows)}
        count = sum(frame["fact_id"].n_unique() for frame in rows)
        yield Computed(tables, language, fact_count=count, why_none=task.none_right(language))


def _answers(task: ModelTask, language: str) -> pl.DataFrame:
    """Columns ``template_id, fact_id`` of the answers that are exact matches."""
    columns = ("template_id", "fact_id")
    first = task.read("predictions", language).filter(pl.col("gold_rank") == 1)
    first = first.with_columns(template_id=pl.lit(FIRST_TEMPLATE)).select(columns)
    further = task.read("wording_predictions", language).filter(pl.col("gold_rank") == 1)
    return pl.concat([first, further.select(columns)])


STEP = ModelStep(
    tables=("wording_neurons",),
    code_version="1",
    depends_on=(
        "facts", "fact_labels", "prompts", "wordings", "predictions", "wording_predictions",
    ),
    group="lake_neurons",
    block="wordings.neurons",
    settings=_settings,
    languages=wording_languages,
    inputs=_inputs,
    compute=_rank,
)  # fmt: skip
