"""Wording predictions: what each model answers when a fact is asked in other words."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import polars as pl

from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask
from dagster_project.study.resolved import ResolvedStudy, StudyModel
from dagster_project.study.schema import WordingsBlock
from ingestion.facts.wordings import FIRST_TEMPLATE

__all__ = ["STEP", "Wording", "of_wording", "wording_languages", "wordings_of"]


@dataclass(frozen=True)
class Wording:
    """The n-th template of each relation that has n; the first are those of the facts."""

    templates: pl.DataFrame
    """Columns ``relation_id, template_id, template``."""
    queries: pl.DataFrame
    """As of ``ModelTask.queries``, for the drawn facts of these relations."""


def wordings_of(task: ModelTask, block: WordingsBlock, language: str) -> list[Wording]:
    """The wordings in which a model is asked; none if no relation has a further one."""
    from models_gpu.seeded import shuffled

    further = task.read("wordings", language)
    own = task.read("prompts", language).filter(
        pl.col("relation_id").is_in(further["relation_id"].implode())
    )
    columns = ("relation_id", "template_id", "template")
    first = own.with_columns(template_id=pl.lit(FIRST_TEMPLATE)).select(columns)
    ordered = further.sort(pl.col("template_id").str.zfill(12)).select(columns)
    number = pl.int_range(1, pl.len() + 1).over("relation_id")
    every = pl.concat([first, ordered]).with_columns(number=number)
    every = every.filter(pl.col("number") <= block.templates + 1).sort("number", "relation_id")
    chosen = None
    if block.sample is not None:
        facts = task.read("facts")
        order = pl.DataFrame({"fact_id": shuffled(facts["fact_id"], block.seed)})
        drawn = order.join(facts, on="fact_id", maintain_order="left")
        chosen = drawn.group_by("relation_id", maintain_order=True).head(block.sample)
    found = []
    for templates in every.partition_by("number", maintain_order=True):
        queries = task.queries(language, templates.select("relation_id", "template"))
        if chosen is not None:
            queries = queries.join(chosen.select("fact_id"), on="fact_id", how="semi")
        found.append(Wording(templates.select(columns), queries))
    return found


def of_wording(rows: pl.DataFrame, wording: Wording) -> pl.DataFrame:
    """Rows with ``fact_id`` that were computed of a wording, with its ``template_id``."""
    names = wording.queries.select("fact_id", "relation_id").join(
        wording.templates.select("relation_id", "template_id"), on="relation_id"
    )
    return rows.join(names.select("fact_id", "template_id"), on="fact_id", maintain_order="left")


def wording_languages(study: ResolvedStudy, _model: StudyModel) -> Collection[str]:
    """Languages in which facts are asked in other words."""
    block = study.study.wordings
    named = "all" if block is None else block.languages
    return study.languages if named == "all" else named


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    block: WordingsBlock = place.settings
    facts = place.fingerprints("facts", "fact_labels", "wordings")
    # The facts are drawn from those of all languages, which the part of facts depends on.
    return facts, place.model.fingerprint, (block.templates, block.sample, block.seed)


def _probe(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.lake_rows import lake_rows
    from models_gpu.methods.probing import probe
    from models_gpu.progress import one_part

    for language in task.languages:
        further = wordings_of(task, task.settings, language)[1:]
        report = task.progress(language)
        rows = [
            of_wording(
                probe(
                    task.weights,
                    wording.queries,
                    mask_counts=task.model.resolved.spec.mask_counts,
                    token_budget=task.batch_tokens,
                    progress=one_part(report, place, 1, len(further)),
                ),
                wording,
            )
            for place, wording in enumerate(further)
        ]
        yield Computed(
            {"wording_predictions": lake_rows("wording_predictions", rows)},
            language,
            fact_count=sum(wording.queries.height for wording in further),
            why_none="no relation has a further template",
        )


STEP = ModelStep(
    tables=("wording_predictions",),
    code_version="1",
    depends_on=("facts", "fact_labels", "prompts", "wordings", "models"),
    group="lake_models",
    block="wordings",
    settings=lambda study: study.wordings,
    languages=wording_languages,
    inputs=_inputs,
    compute=_probe,
)
