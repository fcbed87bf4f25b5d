"""Resolves a study: opens its inputs, identifies its models, reports all problems at once.

Nothing is computed here and no weights are loaded. Inputs have a fingerprint of their content,
models of their commit or weight files; the plan compares these. The form of the study file is
checked in ``dagster_project.study.load``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from dagster_project.study.home import Home
from dagster_project.study.load import Narrowing, load_study
from dagster_project.study.resolve_corpora import aliases_fingerprint, resolve_corpora
from dagster_project.study.resolve_languages import (
    check_block_languages,
    check_edited_languages,
    check_file_languages,
    knowledge_languages,
    narrowed,
    signal_languages,
    study_languages,
)
from dagster_project.study.resolve_models import Recorded, check_neurons, resolve_models
from dagster_project.study.resolved import ResolvedStudy
from dagster_project.study.sandbox import home_problem, outside
from dagster_project.study.schema import (
    Problem,
    Study,
    StudyError,
    near_match,
)
from ingestion.atlas.world import FACTS_FILE as ATLAS_FACTS
from ingestion.facts import FactsError, FactSource, FactsSettings, open_facts
from ingestion.facts.sampling import SampledFacts
from ingestion.facts.wordings import AtlasWordings, WordingSource, open_wordings
from ingestion.languages import LanguagesError, language_table, read_languages
from ingestion.restricted import RestrictedError

__all__ = ["check_restricted", "resolve_study", "study_facts"]


LOG = logging.getLogger("factroots")


def resolve_study(
    study_name: str,
    homes: Path,
    *,
    only_models: Sequence[str] | None = None,
    only_languages: Sequence[str] | None = None,
    keep_going: bool = False,
    restrict: Path | None = None,
    narrowing: Narrowing | None = None,
) -> ResolvedStudy:
    """Reads a study and finds everything that it names.

    Args:
        study_name: study file, or the name of an embedded study.
        homes: folder that holds one home per study; recorded revisions are looked up in its lake.
        only_models: narrows the study to these of its models.
        only_languages: narrows the study to these of its languages.
        keep_going: leaves out models that cannot be used; the asset ``models`` then checks what
            needs their files.
        restrict: folder that all paths must stay inside; the study file's paths are checked before
            anything is opened, and every file again when it is opened.
        narrowing: facts to narrow the study to.

    Raises:
        StudyError: all problems of the file and of what it names, each with its line.
    """
    problems: list[Problem] = []
    try:
        study = load_study(study_name, restrict)
    except StudyError as error:
        if error.sound_part is None:
            raise
        study = error.sound_part
        problems += error.problems
    study = study if narrowing is None else narrowing.of(study)
    within = None if restrict is None else restrict.resolve()
    home = Home((homes / study.name).resolve())
    if within is not None:
        check_restricted(study, homes, within, problems)
    recorded = Recorded.of(home)
    facts = _open_facts(study, within, problems)
    every_language = study_languages(study, facts, problems)
    languages = narrowed("language", every_language, only_languages, problems)
    facts = facts and _sampled(facts, study, every_language)
    knowledge = knowledge_languages(study, every_language, problems)
    check_edited_languages(study, knowledge, problems)
    signals = signal_languages(study, every_language, problems)
    ids = [block.id for block in study.models]
    chosen = narrowed("model", ids, only_models, problems)
    models, broken = resolve_models(study, chosen, recorded, within, is_inspected=not keep_going)
    if not keep_going:
        problems += [Problem(model.reason, model.line) for model in broken]
        check_neurons(study, models, recorded, problems)
    check_block_languages(study, "model", study.models, every_language, problems)
    check_block_languages(study, "corpus", study.corpora, every_language, problems)
    corpora = resolve_corpora(study, home, languages, within, problems)
    check_file_languages(study, models, corpora, every_language, problems)
    aliases = aliases_fingerprint(study, within, problems)
    described = _described(study, languages, within, problems)
    wordings = _wordings(study, every_language, within, problems)
    if problems or facts is None:
        raise StudyError(study.path, problems)
    fingerprints = {language: facts.digest(language) for language in languages}
    if not set(knowledge) <= set(languages):
        knowledge = ()
    signals = {name: own if set(own) <= set(languages) else () for name, own in signals.items()}
    return ResolvedStudy(
        study,
        facts,
        fingerprints,
        tuple(models),
        tuple(broken),
        corpora,
        aliases,
        described,
        knowledge,
        signals,
        within,
        wordings,
        {language: wordings.digest(language) for language in languages} if wordings else {},
    )


def check_restricted(
    study: Study, homes: Path, within: Path, problems: Sequence[Problem] = ()
) -> None:
    """Refuses a study that reaches out of a folder, before anything that it names is opened.

    Raises:
        StudyError: everything that reaches out, each with its line, after other problems.
    """
    found = outside(study, within)
    if (why := home_problem(Home(homes / study.name), within)) is not None:
        found.append(Problem(why))
    if found:
        raise StudyError(study.path, [*problems, *found])


def _open_facts(study: Study, within: Path | None, problems: list[Problem]) -> FactSource | None:
    block = study.facts
    kind, path = block.kind, study.locate(block.path) if block.path else None
    if kind == "atlas":
        kind, path, within = "table", ATLAS_FACTS, None
    settings = FactsSettings(
        kind=kind,
        path=path,
        max_rejected_rate=block.max_rejected_rate,
        within=within,
    )
    try:
        return open_facts(settings, on_progress=_tell_download)
    except (FactsError, RestrictedError) as error:
        problems.append(Problem(f"facts: {error}", study.section_line("facts")))
        return None


def _sampled(facts: FactSource, study: Study, languages: Sequence[str]) -> FactSource:
    block = study.facts
    if block.is_whole:
        return facts
    return SampledFacts(facts, languages, block.relations, block.sample, block.seed)


def _wordings(
    study: Study, languages: Sequence[str], within: Path | None, problems: list[Problem]
) -> WordingSource | None:
    block, line = study.wordings, study.section_line("wordings")
    if block is None:
        return None
    problems += [
        Problem(f"wordings: the study has no language {code!r}.{near_match(code, languages)}", line)
        for code in (() if block.languages == "all" else block.languages)
        if languages and code not in languages
    ]
    if study.facts.wordings is None:
        return AtlasWordings() if study.facts.kind == "atlas" else None
    try:
        return open_wordings(study.locate(study.facts.wordings), within)
    except (FactsError, RestrictedError) as error:
        problems.append(Problem(f"facts.wordings: {error}", study.section_line("facts")))
        return None


def _tell_download(done: int, total: int | None) -> None:
    LOG.info("facts: %.1f of %s MB fetched", done / 1e6, f"{total / 1e6:.1f}" if total else "?")


def study_facts(study: Study, within: Path | None) -> dict[str, pl.DataFrame]:
    """Reads which facts each language of a study has, without its models and corpora.

    Returns:
        Language → columns ``fact_id, relation_id, subject_id, object_id``.

    Raises:
        StudyError: the facts cannot be read, or lack a language of the study.
    """
    problems: list[Problem] = []
    facts = _open_facts(study, within, problems)
    languages = study_languages(study, facts, problems)
    if problems or facts is None:
        raise StudyError(study.path, problems)
    facts = _sampled(facts, study, languages)
    found = {language: facts.read(language) for language in languages}
    return {
        language: each.facts.join(each.fact_labels.select("fact_id"), on="fact_id", how="semi")
        for language, each in found.items()
    }


def _described(
    study: Study, languages: Sequence[str], within: Path | None, problems: list[Problem]
) -> pl.DataFrame:
    path, own = study.facts.language_table, None
    line = study.section_line("facts")
    try:
        if path is not None:
            own = read_languages(study.locate(path), within)
        return language_table(languages, own)
    except (LanguagesError, OSError, RestrictedError) as error:
        problems.append(Problem(str(error), line))
        return language_table(())
