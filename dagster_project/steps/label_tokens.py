"""Label tokens: the names of every fact as the tokenizer of each traced model splits them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import polars as pl

from dagster_project.steps.libraries import versions
from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask
from dagster_project.study.resolved import ResolvedStudy, StudyModel
from ingestion.tracing import label_tokens
from models_gpu.loading.tokenizers import load_tokenizer

__all__ = ["STEP"]


def _languages(study: ResolvedStudy, model: StudyModel) -> Collection[str]:
    """Only models whose training text the study has."""
    return study.languages if model.corpus_id is not None else ()


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    inputs = *place.fingerprints("fact_labels"), place.model.resolved.tokenizer_fingerprint
    chinese = place.settings.chinese
    is_chinese = place.language == "zh" or place.language.startswith("zh-")
    # Whether zhconv is installed matters only to a study that asks for it.
    return (*inputs, chinese, versions((chinese,))) if is_chinese else inputs


def _details(place: ModelLanguage) -> dict[str, str]:
    # Not the revision: other weights with the same tokenizer give the same tokens.
    return {"source": place.model.source}


def _split(task: ModelTask) -> Iterator[Computed]:
    resolved = task.model.resolved
    tokenizer = load_tokenizer(resolved.spec, resolved.fetch()).backend_tokenizer.to_str()
    described = task.read("models").filter(pl.col("model_id") == task.model.id)
    ignored: int | None = described["ignored_token_id"].item()
    for language in task.languages:
        labels = task.read("fact_labels", language)
        rows = label_tokens(
            labels, language, task.model.id, tokenizer, ignored, task.settings.chinese
        )
        yield Computed({"label_tokens": rows}, language)


STEP = ModelStep(
    tables=("label_tokens",),
    code_version="3",
    depends_on=("fact_labels", "models"),
    # It writes Chinese names in one of their variants.
    libraries=("opencc",),
    group="lake_tracing",
    settings=lambda study: study.tracing,
    languages=_languages,
    inputs=_inputs,
    details=_details,
    compute=_split,
    needs_weights=False,
)
