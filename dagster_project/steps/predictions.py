"""Predictions: what each model answers when it is asked every fact in every language."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import polars as pl

from dagster_project.steps.step import LOG, Computed, ModelLanguage, ModelStep, ModelTask
from models_gpu.loading.tokenizers import tokenizer_hash

__all__ = ["STEP"]


def _details(place: ModelLanguage) -> dict[str, str]:
    return {**place.model.details, "facts_version": place.part("fact_labels").fingerprint}


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    inputs = (*place.fingerprints("fact_labels"), place.model.fingerprint)
    # Since then, the longest object is counted with the ignored token.
    is_all = place.model.resolved.spec.mask_counts == "all"
    return (*inputs, "longest with ignored token") if is_all else inputs


def _probe(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.methods.probing import default_token_budget, probe_each

    weights = task.weights
    budget = task.batch_tokens or default_token_budget(weights.device)
    details = {
        "tokenizer_hash": tokenizer_hash(weights.tokenizer),
        "batch_tokens": str(budget),
    }
    # A language's report is made when it begins.
    report = cache(task.progress)
    for language, answers in probe_each(
        weights,
        ((language, task.queries(language)) for language in task.languages),
        mask_counts=task.model.resolved.spec.mask_counts,
        token_budget=task.batch_tokens,
        progress=lambda language, done, total: report(language)(done, total),
    ):
        unasked = answers.filter(pl.col("prompt_code") == "unasked")["fact_id"].to_list()
        if unasked:
            LOG.warning(
                "%s/%s: %d facts cannot be asked, because a query is longer than the model's "
                "positions or a token has no embedding: %s",
                task.label, language, len(unasked), ", ".join(unasked[:10]),
            )  # fmt: skip
        fact_count = answers["fact_id"].n_unique()
        yield Computed({"predictions": answers}, language, fact_count=fact_count, details=details)


def _import(task: ModelTask) -> Iterator[Computed]:
    for language, rows in task.imported(task.model.files["predictions"]):
        unasked = (rows["prompt_code"] == "unasked").sum()
        if unasked:
            LOG.warning("%s/%s: the file answers %d facts of the language not at all",
                        task.label, language, unasked)  # fmt: skip
        yield Computed({"predictions": rows}, language, fact_count=rows["fact_id"].n_unique())


STEP = ModelStep(
    tables=("predictions",),
    code_version="4",
    depends_on=("facts", "fact_labels", "prompts", "models"),
    group="lake_models",
    settings=lambda study: study.probing,
    inputs=_inputs,
    details=_details,
    compute=_probe,
    imports=_import,
)
