"""Text gradients: which passages of the training text pull a model as a query does?"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import polars as pl

from dagster_project.steps.step import (
    AFTER_CORPORA,
    Computed,
    ModelLanguage,
    ModelStep,
    ModelTask,
    settings_of,
)
from dagster_project.study.resolved import ResolvedStudy, StudyModel
from dagster_project.study.schema import TextGradientsBlock

__all__ = ["STEP"]


def _languages(study: ResolvedStudy, model: StudyModel) -> Collection[str]:
    """Only models whose training text the study has."""
    return study.signal_languages["text_gradients"] if model.corpus_id is not None else ()


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    """Answers and texts in all languages count: they choose the facts and give the texts."""
    block: TextGradientsBlock = place.settings
    languages = sorted(block.languages)
    answers = {code: place.fingerprints("predictions", language=code) for code in languages}
    texts = {
        code: [
            part.fingerprint
            for part in place.plan.parts_of(
                ("occurrences",),
                {"corpus_id": str(place.model.corpus_id), "language_code": code},
            )
        ]
        for code in languages
    }
    unit = place.plan.study.study.tracing.units[0]
    return answers, texts, unit, settings_of(block, without=("languages",))


def _compare(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.methods.fact_choice import facts_in_most_languages
    from models_gpu.methods.text_gradients import text_gradients, text_vectors
    from models_gpu.settings import TextGradientSettings

    block: TextGradientsBlock = task.settings
    languages = sorted(block.languages)
    known = {code: task.known_facts(code) for code in languages}
    chosen = sorted(set().union(*facts_in_most_languages(known, block.facts).values()))
    settings = TextGradientSettings(block.width, block.folds, block.seed)
    texts = {
        code: text_vectors(
            task.weights, _texts(task, code, chosen), settings=settings,
            progress=task.progress(code),
        )
        for code in _traced(task, languages)
    }  # fmt: skip
    for language in task.languages:
        facts = task.queries(language).filter(pl.col("fact_id").is_in(chosen))
        rows = text_gradients(
            task.weights, facts, texts, settings=settings, progress=task.progress(language)
        )
        yield Computed(
            {"text_gradients": rows},
            language,
            fact_count=len(facts),
            why_none=task.none_right(*languages),
        )


def _traced(task: ModelTask, languages: Collection[str]) -> list[str]:
    """Languages in which the corpus has text."""
    (corpus,) = (one for one in task.study.corpora if one.id == task.model.corpus_id)
    return [code for code in languages if code in corpus.fingerprints]


def _texts(task: ModelTask, language: str, chosen: Collection[str]) -> pl.DataFrame:
    """Evidence of the chosen facts in a language, in the study's first text unit."""
    owner = {"corpus_id": str(task.model.corpus_id), "language_code": language}
    return (
        task.read_part("occurrences", owner)
        .filter(
            pl.col("text_unit") == task.study.study.tracing.units[0],
            pl.col("fact_id").is_in(list(chosen)),
            pl.col("evidence_text").is_not_null(),
        )
        .join(task.read("facts").select("fact_id", "relation_id"), on="fact_id")
        .select("fact_id", "relation_id", "evidence_text")
    )


STEP = ModelStep(
    tables=("text_gradients",),
    code_version="1",
    depends_on=("facts", "fact_labels", "prompts", "predictions", "occurrences"),
    group="lake_signals",
    block="signals.text_gradients",
    settings=lambda study: study.signals.text_gradients,
    languages=_languages,
    inputs=_inputs,
    compute=_compare,
    needs_all_languages=True,
    wave=AFTER_CORPORA,
)
