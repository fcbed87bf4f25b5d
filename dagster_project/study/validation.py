"""Rules between the settings of a study, each broken rule with its line and remedy.

They are not pydantic validators: pydantic runs a validator only where every key of its block is
right, and adds the whole block to the message, but a user reads all problems of a file at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from zoneinfo import available_timezones

from dagster_project.study.schema import Problem, Study, near_match
from ingestion.store import address_problem

__all__ = ["contradictions"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ID_RULE = "an id starts with a letter or digit and has only letters, digits, '.', '_' and '-'"


def contradictions(study: Study) -> list[Problem]:
    """Lists the broken rules of a study whose keys and types are right."""
    rules = (_study, _ids, _corpora, _attribution, _signals, _trained_on, _refresh)
    return [problem for rule in rules for problem in rule(study)]


def _study(study: Study) -> Iterator[Problem]:
    if not _ID.fullmatch(study.name):
        yield Problem(f"name {study.name!r}: {_ID_RULE}", study.section_line("name"))
    if not study.models:
        yield Problem("models is empty: name at least one", study.section_line("models"))
    line = study.section_line("languages")
    if not study.languages:
        yield Problem("languages is empty: name some, or write 'all'", line)
    if study.languages != "all" and len(set(study.languages)) < len(study.languages):
        yield Problem("languages names one twice", line)
    if study.lake is not None and (why := address_problem(study.lake)) is not None:
        yield Problem(f"lake: {why}", study.section_line("lake"))


def _ids(study: Study) -> Iterator[Problem]:
    sections = {
        "models": [block.id for block in study.models],
        "corpora": [block.id for block in study.corpora],
    }
    for section, ids in sections.items():
        for block_id in ids:
            if not _ID.fullmatch(block_id):
                line = study.block_line(section, block_id)
                yield Problem(f"id {block_id!r}: {_ID_RULE}", line)
        for block_id in {block_id for block_id in ids if ids.count(block_id) > 1}:
            line = study.section_line(section)
            yield Problem(f"{section} has {block_id!r} twice: ids are unique", line)


def _corpora(study: Study) -> Iterator[Problem]:
    for corpus in study.corpora:
        if (corpus.path is None) != (corpus.kind == "atlas"):
            needs = "takes no path" if corpus.kind == "atlas" else "needs a path"
            line = study.block_line("corpora", corpus.id)
            yield Problem(f"corpus {corpus.id!r} of kind {corpus.kind} {needs}", line)


def _attribution(study: Study) -> Iterator[Problem]:
    blocks, line = study.attribution, study.section_line("attribution")
    if blocks.integrated_gradients is None:
        for name in ("edits", "degenerate", "fact_checks"):
            if getattr(blocks, name) is not None:
                message = f"attribution.{name} also needs attribution.integrated_gradients"
                yield Problem(message, line)
    degenerate, checks, edits = blocks.degenerate, blocks.fact_checks, blocks.edits
    if degenerate is not None and degenerate.largest_set > degenerate.candidates:
        yield Problem(
            f"attribution.degenerate: largest_set {degenerate.largest_set} exceeds candidates "
            f"{degenerate.candidates}: sets are made of candidates. Raise candidates or lower "
            "largest_set",
            line,
        )
    if checks is not None and checks.validation_share + checks.test_share >= 1:
        yield Problem(
            f"attribution.fact_checks: validation_share {checks.validation_share} and test_share "
            f"{checks.test_share} leave no subjects to learn from; together they must be below 1",
            line,
        )
    base = None if edits is None else edits.base_language
    if edits is not None and base is not None and base not in edits.languages:
        hint = near_match(base, edits.languages)
        message = f"attribution.edits: base_language {base!r} is not in its languages.{hint}"
        yield Problem(message, line)


def _signals(study: Study) -> Iterator[Problem]:
    line = study.section_line("signals")
    for name in ("edit_propagation", "text_gradients"):
        block = getattr(study.signals, name)
        if block is not None and len(set(block.languages)) < len(block.languages):
            yield Problem(f"signals.{name}: languages names one twice", line)
    if study.signals.text_gradients is not None and not study.corpora:
        yield Problem(
            "signals.text_gradients compares queries with the training text: name it in corpora",
            line,
        )


def _trained_on(study: Study) -> Iterator[Problem]:
    corpora = [block.id for block in study.corpora]
    for block in study.models:
        if block.trained_on is not None and block.trained_on not in corpora:
            hint = near_match(block.trained_on, corpora) if corpora else " The study has none."
            message = f"trained_on names no corpus: {block.trained_on!r}.{hint}"
            yield Problem(message, study.block_line("models", block.id))


def _refresh(study: Study) -> Iterator[Problem]:
    settings, line = study.refresh, study.section_line("refresh")
    if settings.schedule is not None and not _is_cron(settings.schedule):
        yield Problem(
            f"refresh.schedule: {settings.schedule!r} is no cron line. Write minute, hour, day of "
            "the month, month and day of the week as numbers, such as '0 2 * * *' for every night "
            "at two",
            line,
        )
    if settings.timezone not in available_timezones():
        hint = near_match(settings.timezone, ["UTC", *available_timezones()])
        hint = hint if "Did you mean" in hint else " Write a name such as Europe/Berlin."
        yield Problem(f"refresh.timezone: there is no {settings.timezone!r}.{hint}", line)


def _is_cron(line: str) -> bool:
    """Whether Dagster accepts a line of five cron fields; no range may run backwards."""
    # Dagster takes a second to import, and few studies have a schedule.
    import dagster as dg

    ranges = re.findall(r"(\d+)-(\d+)", line)
    if len(line.split()) != 5 or any(int(first) > int(last) for first, last in ranges):
        return False
    try:
        dg.ScheduleDefinition(job_name="any", cron_schedule=line)
    except dg.DagsterInvalidDefinitionError:
        return False
    return True
