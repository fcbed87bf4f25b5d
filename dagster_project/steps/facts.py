"""Facts: the data set's dimension tables, and the labels and templates of every language."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping

import polars as pl

from dagster_project.steps.step import Computed, StudyStep, StudyTask
from dagster_project.study.resolved import ResolvedStudy
from ingestion.facts import merge_facts, relations_table

__all__ = ["STEP", "of_sample", "sample_inputs"]

LOG = logging.getLogger("factroots")


def _inputs(study: ResolvedStudy, partition: Mapping[str, str]) -> tuple[object, ...]:
    language = partition.get("language_code")
    inputs = study.facts_fingerprints
    if language is not None:
        return study.study.facts.kind, inputs[language]
    own = (study.described_languages.rows(),) if study.study.facts.language_table else ()
    return study.study.facts.kind, inputs, *own


def _ingest(task: StudyTask) -> Iterator[Computed]:
    """Reads the facts of every language of the study.

    Languages are read one after another, so memory holds one language's labels and all facts.

    Raises:
        FactsError: the input cannot be read, or too many of its lines are rejected.
    """
    source, languages = task.study.facts, task.study.languages
    assert source is not None, "only Ray's workers are without, and they compute no facts"
    started = time.perf_counter()
    label_count = rejected_count = changed_count = 0
    facts: dict[str, pl.DataFrame] = {}
    relations: set[str] = set()
    for language in languages:
        found = source.read(language)
        facts[language] = found.facts
        relations |= {*found.facts["relation_id"], *found.prompts["relation_id"]}
        label_count += len(found.fact_labels)
        rejected_count += len(found.rejected_rows)
        changed_count += int(found.fact_labels["is_label_changed"].sum())
        tables = {
            "fact_labels": found.fact_labels,
            "prompts": found.prompts,
            "rejected_rows": found.rejected_rows,
        }
        yield Computed(tables, language)
    yield Computed(
        {
            "facts": merge_facts(facts),
            "relations": relations_table(relations),
            "languages": task.study.described_languages,
        }
    )
    _warn_of_facts_without_identity(facts)
    LOG.info(
        "facts: %s labels in %d languages, %s lines rejected, %s not in normal form, %.1f s",
        f"{label_count:,}",
        len(facts),
        f"{rejected_count:,}",
        f"{changed_count:,}",
        time.perf_counter() - started,
    )


def sample_inputs(study: ResolvedStudy) -> tuple[object, ...]:
    """What a table of all facts depends on where the study asks for some of them."""
    return () if study.study.facts.is_whole else (study.facts_fingerprints,)


def of_sample(task: StudyTask, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of the facts that the study asks for."""
    if task.study.study.facts.is_whole:
        return rows
    return rows.join(task.read_part("facts", {}).select("fact_id"), on="fact_id", how="semi")


def _warn_of_facts_without_identity(facts: Mapping[str, pl.DataFrame]) -> None:
    """Warn of facts that belong to one language because only their labels identify them."""
    merged = merge_facts(dict(facts))
    shared = pl.concat(frame.select("fact_id") for frame in facts.values())
    alone = merged.join(shared.filter(shared["fact_id"].is_unique()), on="fact_id", how="semi")
    derived = alone.filter(
        pl.col("fact_id").str.starts_with("fact-")
        & pl.any_horizontal(pl.col("subject_id", "object_id").str.starts_with("label-"))
    )
    if len(derived) and len(facts) > 1:
        LOG.warning(
            "facts: %s of %s facts have neither fact_id nor subject_id and object_id, so each of "
            "them belongs to one of the %d languages, and nothing can be said about sharing them. "
            "Give rows of the same fact the same fact_id, or the same subject_id and object_id.",
            f"{len(derived):,}",
            f"{len(merged):,}",
            len(facts),
        )


STEP = StudyStep(
    tables=("facts", "relations", "languages", "fact_labels", "prompts", "rejected_rows"),
    code_version="3",
    group="lake_facts",
    inputs=_inputs,
    compute=_ingest,
)
