"""Object rankings: where each fact's object stands among all objects of its relation."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask, settings_of
from dagster_project.study.schema import RankingBlock

__all__ = ["STEP"]


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    facts = place.fingerprints("facts", "fact_labels")
    return facts, place.model.fingerprint, settings_of(place.settings)


def _rank(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.methods.rankings import object_rankings

    block: RankingBlock = task.settings
    objects = task.read("facts").select("fact_id", "object_id")
    for language in task.languages:
        facts = task.queries(language).join(objects, on="fact_id", validate="1:1")
        rows = object_rankings(
            task.weights,
            facts,
            kept=block.kept,
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        yield Computed({"object_rankings": rows}, language, fact_count=facts.height)


STEP = ModelStep(
    tables=("object_rankings",),
    code_version="1",
    depends_on=("facts", "fact_labels", "prompts", "models"),
    group="lake_models",
    block="answers.ranking",
    settings=lambda study: study.ranking,
    inputs=_inputs,
    compute=_rank,
)
