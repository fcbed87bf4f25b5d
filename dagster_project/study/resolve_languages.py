"""Finds the languages of a study and of each of its methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from dagster_project.study.resolved import StudyCorpus, StudyModel
from dagster_project.study.sandbox import language_problem
from dagster_project.study.schema import (
    CorpusBlock,
    DegenerateBlock,
    EditsBlock,
    FactChecksBlock,
    ModelBlock,
    Problem,
    Study,
    near_match,
)
from ingestion.facts import FactSource
from ingestion.languages import known_languages

__all__ = [
    "check_block_languages",
    "check_edited_languages",
    "check_file_languages",
    "knowledge_languages",
    "narrowed",
    "signal_languages",
    "study_languages",
]


def study_languages(study: Study, facts: FactSource | None, problems: list[Problem]) -> list[str]:
    """Finds the languages of a study, and reports those that its facts do not have."""
    known = facts.languages() if facts else known_languages()
    line = study.section_line("facts")
    problems += [
        Problem(f"facts: {why}", line) for code in known if (why := language_problem(code))
    ]
    known = tuple(code for code in known if language_problem(code) is None)
    if study.languages == "all":
        return list(known) if facts else []
    line = study.section_line("languages")
    problems += [
        Problem(f"the facts have no language {code!r}.{near_match(code, known)}", line)
        for code in study.languages
        if code not in known
    ]
    return sorted(code for code in study.languages if code in known)


def knowledge_languages(
    study: Study, languages: Sequence[str], problems: list[Problem]
) -> tuple[str, ...]:
    """Finds the languages of integrated gradients, and reports those that the study lacks."""
    block = study.attribution.integrated_gradients
    if block is None:
        return ()
    if block.languages == "all":
        return tuple(languages)
    line = study.section_line("attribution")
    problems += [
        Problem(
            f"attribution.integrated_gradients: the study has no language {code!r}."
            f"{near_match(code, languages)}",
            line,
        )
        for code in block.languages
        if languages and code not in languages
    ]
    return tuple(sorted(set(block.languages) & set(languages)))


def check_block_languages(
    study: Study,
    what: str,
    blocks: Sequence[ModelBlock | CorpusBlock],
    languages: Sequence[str],
    problems: list[Problem],
) -> None:
    """Reports languages of models and corpora that the study does not have."""
    section = {"model": "models", "corpus": "corpora"}[what]
    for block in blocks:
        problems += [
            Problem(
                f"{what} {block.id!r}: the study has no language {code!r}."
                f"{near_match(code, languages)}",
                study.block_line(section, block.id),
            )
            for code in (() if block.languages == "all" else block.languages)
            if languages and code not in languages
        ]


def check_file_languages(
    study: Study,
    models: Sequence[StudyModel],
    corpora: Sequence[StudyCorpus],
    languages: Sequence[str],
    problems: list[Problem],
) -> None:
    """Reports files of others without a language of the study: nothing would be imported."""
    files = [("models", model.id, file) for model in models for file in model.files.values()]
    files += [("corpora", each.id, each.file) for each in corpora if each.file is not None]
    for section, owner, file in files:
        if languages and not set(file.languages) & set(languages):
            has = ", ".join(map(repr, file.languages[:5]))
            problems.append(
                Problem(
                    f"{file.path} has no language of the study: it has {has}, the study "
                    f"{', '.join(map(repr, languages[:5]))}",
                    study.block_line(section, owner),
                )
            )


def check_edited_languages(study: Study, knowledge: Sequence[str], problems: list[Problem]) -> None:
    """Reports languages of edits and checks that have no knowledge neurons."""
    line = study.section_line("attribution")
    for name in ("edits", "degenerate", "fact_checks"):
        block: EditsBlock | DegenerateBlock | FactChecksBlock | None = getattr(
            study.attribution, name
        )
        if block is None or not knowledge:
            continue
        problems += [
            Problem(
                f"attribution.{name}: integrated_gradients attributes no facts in {code!r}."
                f"{near_match(code, knowledge)}",
                line,
            )
            for code in block.languages
            if code not in knowledge
        ]


def signal_languages(
    study: Study, languages: Sequence[str], problems: list[Problem]
) -> dict[str, tuple[str, ...]]:
    """Finds the languages of each signal of the study, and reports those that it does not have."""
    line = study.section_line("signals")
    found = {}
    for signal in fields(study.signals):
        block = getattr(study.signals, signal.name)
        if block is None:
            continue
        named = getattr(block, "languages", "all")
        asked = languages if named == "all" else named
        problems += [
            Problem(
                f"signals.{signal.name}: the study has no language {code!r}."
                f"{near_match(code, languages)}",
                line,
            )
            for code in asked
            if languages and code not in languages
        ]
        found[signal.name] = tuple(code for code in languages if code in asked)
    return found


def narrowed(
    what: str, names: Sequence[str], only: Sequence[str] | None, problems: list[Problem]
) -> list[str]:
    """Narrows models or languages to those that a command names, and reports unknown names."""
    if only is None:
        return list(names)
    problems += [
        Problem(f"--{what}s: the study has no {what} {name!r}.{near_match(name, names)}")
        for name in only
        if name not in names
    ]
    return [name for name in names if name in only]
