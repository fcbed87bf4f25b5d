"""Wordings: further templates of the relations, in which facts are asked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from dagster_project.steps import facts
from dagster_project.steps.step import LOG, Computed, StudyStep, StudyTask
from dagster_project.study.resolved import ResolvedStudy
from ingestion.facts import FactsError
from ingestion.facts.source import WordingLines
from ingestion.facts.wordings import WordedFacts, accept_wordings, lines_left_out

__all__ = ["STEP", "wording_lines"]


def wording_lines(study: ResolvedStudy, language: str) -> WordingLines:
    """Further templates of a language: from the study's file, or from the facts' own files.

    Raises:
        FactsError: they cannot be read.
    """
    if study.wordings is not None:
        return study.wordings.read(language)
    own = study.whole_facts
    return own.wordings(language) if isinstance(own, WordedFacts) else WordingLines()


def _inputs(study: ResolvedStudy, partition: Mapping[str, str]) -> tuple[object, ...]:
    language = partition["language_code"]
    own = study.facts_fingerprints[language], facts.STEP.code_version
    return study.study.facts.kind, own, study.wordings_fingerprints.get(language)


def _read(task: StudyTask) -> Iterator[Computed]:
    """Reads the further templates of every language.

    Raises:
        FactsError: there are none for the relations of the study in any language.
    """
    study = task.study
    assert study.facts is not None, "only Ray's workers are without, and they read no files"
    count = rejected_count = 0
    prompts_of: dict[str, pl.DataFrame] = {}
    for language in study.languages:
        prompts = task.read_part("prompts", {"language_code": language})
        accepted, rejected = accept_wordings(language, prompts, wording_lines(study, language))
        count += accepted.height
        rejected_count += rejected.height
        prompts_of[language] = prompts
        yield Computed({"wordings": accepted, "rejected_wordings": rejected}, language)
    LOG.info("wordings: %d further templates, %d lines rejected", count, rejected_count)
    own_file = study.wordings if study.study.facts.wordings is not None else None
    if own_file is not None and (told := lines_left_out(own_file, prompts_of)):
        LOG.warning("wordings: %s", told)
    if not count:
        relations = {name for rows in prompts_of.values() for name in rows["relation_id"]}
        some = ", ".join(sorted(relations)[:10])
        raise FactsError(
            f"there is no further template for the study's relations ({some} …) in "
            f"{', '.join(study.languages[:10])}; {rejected_count} lines are rejected. Compare the "
            "names of relations and languages in the file with those of the facts."
        )


STEP = StudyStep(
    tables=("wordings", "rejected_wordings"),
    code_version="1",
    depends_on=("prompts",),
    group="lake_facts",
    block="wordings",
    is_part_of=lambda study: study.wordings is not None,
    inputs=_inputs,
    compute=_read,
)
