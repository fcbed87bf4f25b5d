"""Rules between the settings of a study, each broken rule with its line and remedy.

They are not pydantic validators: pydantic runs a validator only where every key of its block is
right, and adds the whole block to the message, but a user reads all problems of a file at once.
"""

from __future__ import annotations

import re
import reprlib
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from dagster_project.study.home import STUDY_NAME
from dagster_project.study.schema import CorpusBlock, ModelBlock, Problem, Study, near_match
from dagster_project.study.yaml_file import line_of, lines
from ingestion.store import address_problem
from models_gpu.settings import PathSettings

__all__ = ["contradictions"]

_LONGEST_NAME = 200
"""File systems allow 255 bytes, and temporary files have longer names than what they become."""
_LONGEST_PATH = 4_000
_ID_RULE = "an id starts with a letter or digit and has only letters, digits, '.', '_' and '-'"


def contradictions(study: Study) -> list[Problem]:
    """Lists the broken rules of a study whose keys and types are right."""
    rules = (
        _texts,
        _study,
        _repeated,
        _ids,
        _imports,
        _revisions,
        _facts,
        _wordings,
        _corpora,
        _chats,
        _extras,
        _attribution,
        _signals,
        _trained_on,
        _refresh,
    )
    return [problem for rule in rules for problem in rule(study)]


def _study(study: Study) -> Iterator[Problem]:
    if not STUDY_NAME.fullmatch(study.name):
        yield Problem(f"name {study.name!r}: {_ID_RULE}", study.section_line("name"))
    if not study.models:
        yield Problem("models is empty: name at least one", study.section_line("models"))
    if study.lake is not None and (why := address_problem(study.lake)) is not None:
        yield Problem(f"lake: {why}", study.section_line("lake"))


def _texts(study: Study) -> Iterator[Problem]:
    """Reports texts that can name no file: texts of a study become names or paths, all but two."""
    for keys, text in _strings(study, ()):
        if keys[-1] == "chat":
            continue
        is_shown = keys[-1] == "made_by"
        # A folded text ends with the end of its line.
        why = _letter_problem(" ".join(text.split())) if is_shown else _text_problem(text)
        if why is not None:
            where = ".".join(map(str, keys))
            line = line_of(lines(study.path), keys)
            what = "shown" if is_shown else "a name or path"
            yield Problem(f"{where}: {reprlib.repr(text)} cannot be {what}: {why}", line)


def _letter_problem(text: str) -> str | None:
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        return "it has a control character, or half of a character"
    return None


def _text_problem(text: str) -> str | None:
    """Why a text can be no name and no path; None if it can."""
    if (why := _letter_problem(text)) is not None:
        return why
    if len(text.encode()) > _LONGEST_PATH:
        return f"it has more than {_LONGEST_PATH:,} bytes"
    if any(len(part.encode()) > _LONGEST_NAME for part in text.split("/")):
        return f"a part of it has more than {_LONGEST_NAME} bytes"
    try:
        Path(text).expanduser()
    except RuntimeError:
        return f"there is no user {text.partition('/')[0]}"
    return None


def _strings(block: object, keys: tuple[str | int, ...]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Finds all texts in a block, with the keys that lead to them."""
    if isinstance(block, str):
        yield keys, block
    elif isinstance(block, tuple):
        for index, item in enumerate(block):
            yield from _strings(item, (*keys, index))
    elif is_dataclass(block):
        for field in fields(block):
            yield from _strings(getattr(block, field.name), (*keys, field.name))


def _repeated(study: Study) -> Iterator[Problem]:
    """Reports lists that have one value twice: a part or column would be there twice, or once."""
    for keys, values in _lists(study, ()):
        for value in sorted({value for value in values if values.count(value) > 1}, key=str):
            line = line_of(lines(study.path), keys)
            yield Problem(f"{'.'.join(map(str, keys))} has {value!r} twice: leave one out", line)


def _lists(block: object, keys: tuple[str | int, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Finds all lists of names and numbers in a block, with the keys that lead to them."""
    if isinstance(block, tuple):
        if block and not is_dataclass(block[0]):
            yield keys, block
        for index, item in enumerate(block):
            yield from _lists(item, (*keys, index))
    elif is_dataclass(block):
        for field in fields(block):
            yield from _lists(getattr(block, field.name), (*keys, field.name))


def _ids(study: Study) -> Iterator[Problem]:
    sections = {
        "models": [block.id for block in study.models],
        "corpora": [block.id for block in study.corpora],
    }
    for section, ids in sections.items():
        for block_id in ids:
            if not STUDY_NAME.fullmatch(block_id):
                line = study.block_line(section, block_id)
                yield Problem(f"id {block_id!r}: {_ID_RULE}", line)
        for block_id in {block_id for block_id in ids if ids.count(block_id) > 1}:
            line = study.section_line(section)
            yield Problem(f"{section} has {block_id!r} twice: ids are unique", line)


_OF_WEIGHTS = (
    "revision", "revisions", "dtype", "mask_counts", "examples", "examples_seed", "other_objects",
    "chat", "trust_remote_code", "allow_pickle",
)  # fmt: skip
"""Settings of a model that mean nothing without weights."""


def _imports(study: Study) -> Iterator[Problem]:
    """Reports models that are nowhere, and settings that files of others make meaningless."""
    defaults = {field.name: field.default for field in fields(ModelBlock)}
    for block in study.models:
        line = study.block_line("models", block.id)

        def told(message: str, name: str = block.id, at: int | None = line) -> Problem:
            return Problem(f"model {name!r}: {message}", at)

        given = [name for name in _OF_WEIGHTS if getattr(block, name) != defaults[name]]
        if block.source is None and block.predictions is None:
            yield told(
                "it needs a source, or a file with predictions that somebody else made "
                "(predictions: FILE)"
            )
        elif block.source is None and given:
            yield told(f"{', '.join(given)} mean nothing without a source: leave them out")
        elif block.source is not None and block.objective is not None:
            yield told("the source says what its objective is: leave it out")
        if block.made_by is not None and block.predictions is None and block.neurons is None:
            yield told("made_by says who made predictions or neurons, and it has no such file")
    for corpus in study.corpora:
        if corpus.kind == "presence" and not isinstance(corpus.path, str | None):
            line = study.block_line("corpora", corpus.id)
            yield Problem(f"corpus {corpus.id!r} of kind presence needs one file as path", line)


def _revisions(study: Study) -> Iterator[Problem]:
    for block in study.models:
        line = study.block_line("models", block.id)
        if block.revisions is not None and block.revision is not None:
            yield Problem(f"model {block.id!r} has revision and revisions: leave one out", line)
    made = [each.id for block in study.models if block.revisions for each in block.each()]
    named = [block.id for block in study.models if not block.revisions]
    for twice in sorted({name for name in made if [*made, *named].count(name) > 1}):
        message = f"revisions make two models {twice!r}: name each step once"
        yield Problem(message, study.section_line("models"))


def _facts(study: Study) -> Iterator[Problem]:
    if study.facts.kind == "atlas" and study.facts.path is not None:
        message = "facts of kind atlas are part of the project and take no path"
        yield Problem(message, study.section_line("facts"))


_WORDED = ("atlas", "mpararel", "klar")
"""Kinds of facts that have several templates per relation themselves."""


def _wordings(study: Study) -> Iterator[Problem]:
    file, kind = study.facts.wordings, study.facts.kind
    if study.wordings is not None and file is None and kind not in _WORDED:
        yield Problem(
            f"wordings: facts of kind {kind} have one template per relation; name a file with "
            "further ones under facts: {wordings: …}",
            study.section_line("wordings"),
        )
    if study.wordings is None and file is not None:
        yield Problem(
            "facts.wordings is used by the block wordings, which the study does not have: add "
            "'wordings: {}' or leave it out",
            study.section_line("facts"),
        )


_ONLY_OF = {
    "text_column": ("parquet", "jsonl"),
    "title_column": ("parquet", "jsonl"),
    "document": ("text",),
    "made_by": ("presence",),
    "largest_document": ("wikipedia_dump", "parquet", "jsonl", "text", "atlas"),
}
"""Setting of a corpus → kinds that have it; in others it would be ignored."""


def _corpora(study: Study) -> Iterator[Problem]:
    defaults = {field.name: field.default for field in fields(CorpusBlock)}
    for corpus in study.corpora:
        for name, kinds in _ONLY_OF.items():
            if corpus.kind not in kinds and getattr(corpus, name) != defaults[name]:
                yield Problem(
                    f"corpus {corpus.id!r} of kind {corpus.kind} has no {name}: it is a setting of "
                    f"kind {' and '.join(kinds)}",
                    study.block_line("corpora", corpus.id),
                )
        if (corpus.path is None) != (corpus.kind == "atlas"):
            needs = "takes no path" if corpus.kind == "atlas" else "needs a path"
            line = study.block_line("corpora", corpus.id)
            yield Problem(f"corpus {corpus.id!r} of kind {corpus.kind} {needs}", line)


def _chats(study: Study) -> Iterator[Problem]:
    for index, block in enumerate(study.models):
        for slot in ("[X]", "[Y]"):
            if slot in (block.chat or ""):
                line = line_of(lines(study.path), ["models", index, "chat"])
                message = f"models.{index}.chat: {reprlib.repr(block.chat)} has the slot {slot}"
                yield Problem(f"{message}; the template, which follows, has it", line)


_EXTRAS = {"hyperscan": ("engine", "match"), "zhconv": ("chinese", "paper")}
"""Package → setting of ``tracing`` that asks for it, and the extra that installs it."""


def _extras(study: Study) -> Iterator[Problem]:
    """Settings that ask for a package that is not installed."""
    for package, (setting, extra) in _EXTRAS.items():
        if getattr(study.tracing, setting) == package and find_spec(package) is None:
            message = (
                f"tracing.{setting}: {package} is not installed: pip install 'factroots[{extra}]'"
            )
            yield Problem(message, study.section_line("tracing"))


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
    path = blocks.integrated_gradients
    if path is not None:
        for message in _path_problems(path.path):
            yield Problem(f"attribution.integrated_gradients: {message}", line)
    base = None if edits is None else edits.base_language
    if base is not None and (blocks.probeless is None or "ffn" not in blocks.probeless.variants):
        yield Problem(
            "attribution.edits: base_language edits active neurons, which need "
            "attribution.probeless with the variant ffn",
            line,
        )
    if edits is not None and base is not None and base not in edits.languages:
        hint = near_match(base, edits.languages)
        message = f"attribution.edits: base_language {base!r} is not in its languages.{hint}"
        yield Problem(message, line)


def _path_problems(path: PathSettings) -> Iterator[str]:
    if path.steps is None and path.quadrature == "left":
        yield (
            "quadrature left never comes near a tolerance, so it needs steps: 20 as published, "
            "or leave out quadrature"
        )
    elif path.largest_residual is not None and path.most_steps < 2 * path.first_steps:
        yield (
            f"tolerance doubles {path.first_steps} steps up to most_steps {path.most_steps}, so "
            "it never does: raise most_steps, or leave out tolerance and set steps"
        )


def _signals(study: Study) -> Iterator[Problem]:
    if study.signals.text_gradients is not None and not study.corpora:
        yield Problem(
            "signals.text_gradients compares queries with the training text: name it in corpora",
            study.section_line("signals"),
        )


def _trained_on(study: Study) -> Iterator[Problem]:
    corpora = [block.id for block in study.corpora]
    texts = [block.id for block in study.corpora if block.kind != "presence"]
    named = {block.trained_on for block in study.models}
    named_by_weights = {block.trained_on for block in study.models if block.source is not None}
    measured = set(corpora) if len(corpora) == 1 and None in named_by_weights else named_by_weights
    is_asked = "chunk" in study.tracing.units and named <= {None, *corpora}
    for corpus_id in texts if is_asked else ():
        if corpus_id not in measured:
            yield Problem(
                f"corpus {corpus_id!r}: chunks are measured in tokens of a model that was trained "
                f"on it, and no model is. Write trained_on: {corpus_id} for a model, or tracing: "
                "{units: [sentence, article]}",
                study.block_line("corpora", corpus_id),
            )
    for block in study.models:
        if block.trained_on is not None and block.trained_on not in corpora:
            hint = near_match(block.trained_on, corpora) if corpora else " The study has none."
            message = f"trained_on names no corpus: {block.trained_on!r}.{hint}"
            yield Problem(message, study.block_line("models", block.id))


def _refresh(study: Study) -> Iterator[Problem]:
    settings, line = study.refresh, study.section_line("refresh")
    if settings.schedule is not None and not _comes(settings.schedule):
        is_day_missing = all(_comes(_with_one(settings.schedule, place)) for place in (2, 3))
        never = "never comes: none of its months has such a day"
        why = never if is_day_missing else "is no cron line"
        yield Problem(
            f"refresh.schedule: {settings.schedule!r} {why}. Write minute, hour, day of the "
            "month, month and day of the week as numbers, such as '0 2 * * *' for every night at "
            "two",
            line,
        )
    if settings.timezone not in available_timezones():
        hint = near_match(settings.timezone, ["UTC", *available_timezones()])
        hint = hint if "Did you mean" in hint else " Write a name such as Europe/Berlin."
        yield Problem(f"refresh.timezone: there is no {settings.timezone!r}.{hint}", line)


def _with_one(line: str, place: int) -> str:
    """A cron line with another field: the first day of its months, or January."""
    values = line.split()
    return " ".join([*values[:place], "1", *values[place + 1 :]])


_FIRST_YEAR = datetime(2000, 1, 1, tzinfo=UTC)
"""Any cron line that comes at all came since then, also on 29 February."""


def _comes(line: str) -> bool:
    """Whether a line of five cron fields is one for Dagster, and ever comes.

    Dagster reads 4-4 as every value, and steps that are too large as smaller ones.
    """
    # Dagster takes a second to import, and few studies have a schedule.
    import dagster as dg

    ranges = re.findall(r"(\w+)-(\w+)", line)
    is_backwards = any(int(a) > int(b) for a, b in ranges if a.isdecimal() and b.isdecimal())
    if len(line.split()) != 5 or is_backwards or any(first == last for first, last in ranges):
        return False
    try:
        with warnings.catch_warnings(action="error", category=UserWarning):
            dg.ScheduleDefinition(job_name="any", cron_schedule=line)
        times = dg.TimeWindowPartitionsDefinition(_FIRST_YEAR, "%Y", cron_schedule=line)
        return times.get_first_partition_window() is not None
    except (dg.DagsterInvalidDefinitionError, UserWarning, ValueError):
        return False
