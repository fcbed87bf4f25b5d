"""Latent languages: in which language every layer of a model names the object of a fact."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask, settings_of
from dagster_project.study.schema import LatentLanguagesBlock

__all__ = ["STEP"]


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    """Answers choose the facts, in all asked languages; names come from all of the study's."""
    study = place.plan.study
    answers = [
        place.fingerprints("predictions", language=code)
        for code in study.signal_languages["latent_languages"]
    ]
    labels = [place.fingerprints("fact_labels", language=code) for code in study.languages]
    settings = settings_of(place.settings, without=("languages",))
    return answers, labels, place.fingerprints("facts"), settings


def _measure(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.methods.fact_choice import facts_in_most_languages
    from models_gpu.methods.latent_languages import latent_languages

    block: LatentLanguagesBlock = task.settings
    known = {
        code: task.known_facts(code) for code in task.study.signal_languages["latent_languages"]
    }
    chosen = facts_in_most_languages(known, block.facts)
    names = _names(task)
    ids = task.read("facts").select("fact_id", "subject_id", "object_id")
    for language in task.languages:
        rows = latent_languages(
            task.weights,
            language,
            task.queries(language).join(ids, on="fact_id", validate="1:1"),
            chosen[language],
            names,
            seed=block.seed,
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        yield Computed(
            {"latent_languages": rows},
            language,
            fact_count=len(chosen[language]),
            why_none=task.none_chosen(language, known[language]),
        )


def _names(task: ModelTask) -> pl.DataFrame:
    """Names of all objects in all languages of the study: the label of an object's first fact."""
    facts = task.read("facts").select("fact_id", "relation_id", "object_id")
    labels = [
        task.read("fact_labels", code).select("fact_id", "object_label", language_code=pl.lit(code))
        for code in task.study.languages
    ]
    return (
        pl.concat(labels)
        .join(facts, on="fact_id")
        .sort("fact_id")
        .unique(["relation_id", "object_id", "language_code"], keep="first", maintain_order=True)
    )


STEP = ModelStep(
    tables=("latent_languages",),
    code_version="1",
    depends_on=("facts", "fact_labels", "prompts", "predictions"),
    group="lake_signals",
    block="signals.latent_languages",
    settings=lambda study: study.signals.latent_languages,
    languages=lambda study, _: study.signal_languages["latent_languages"],
    inputs=_inputs,
    compute=_measure,
    wave=1,
)
