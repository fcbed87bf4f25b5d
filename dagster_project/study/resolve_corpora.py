"""Resolves the corpora of a study, and the aliases with which they are searched."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from dagster_project.study.home import Home
from dagster_project.study.resolved import StudyCorpus, alias_file
from dagster_project.study.schema import (
    CorpusBlock,
    Problem,
    Study,
    near_match,
)
from ingestion.atlas.world import CORPORA as ATLAS_CORPORA
from ingestion.atlas.world import FACTS_FILE as ATLAS_FACTS
from ingestion.corpora import (
    CorpusError,
    CorpusSettings,
    JsonLines,
    ParquetText,
    PlainText,
    WikipediaDump,
    check_layout,
    corpus_digest,
)
from ingestion.imports import ImportsError, read_import
from ingestion.lake import fingerprint
from ingestion.restricted import RestrictedError, read_bytes
from ingestion.tracing.names import NamesError, read_aliases

__all__ = ["aliases_fingerprint", "resolve_corpora"]


def resolve_corpora(
    study: Study,
    home: Home,
    languages: Sequence[str],
    within: Path | None,
    problems: list[Problem],
) -> tuple[StudyCorpus, ...]:
    """Resolves the corpora of a study, and reports what cannot be read."""
    found = []
    for block in study.corpora:
        line = study.block_line("corpora", block.id)
        if block.kind == "atlas" and block.id not in ATLAS_CORPORA:
            message = f"there is no Atlas corpus {block.id!r}.{near_match(block.id, ATLAS_CORPORA)}"
            problems.append(Problem(message, line))
            continue
        asked = set(languages) & set(languages if block.languages == "all" else block.languages)
        if block.kind == "presence":
            found.append(_presence(study, block, asked, within, problems))
            continue
        settings = replace(_corpus_settings(block, home), largest_document=block.largest_document)
        if block.kind != "atlas":
            settings = replace(settings, within=within)
        fingerprints: dict[str, str] = {}
        unread: dict[str, CorpusError] = {}
        for language in sorted(asked):
            try:
                if block.kind == "atlas":
                    fingerprints[language] = _atlas_fingerprint()
                    continue
                fingerprints[language] = corpus_digest(settings, language, study.path.parent)
            except RestrictedError as error:
                problems.append(Problem(f"corpus {block.id!r}: {error}", line))
            except CorpusError as error:
                unread[language] = error
                continue
            try:
                check_layout(settings, language, study.path.parent)
            except CorpusError as error:
                problems.append(Problem(f"corpus {block.id!r}: {error}", line))
        problems += [Problem(text, line) for text in _unread(block.id, settings, unread)]
        found.append(
            StudyCorpus(block.id, settings, study.path.parent, fingerprints, block.kind == "atlas")
        )
    return tuple(found)


def _unread(
    corpus_id: str, settings: CorpusSettings, errors: Mapping[str, CorpusError]
) -> Iterator[str]:
    """Says why languages of a corpus cannot be read: once for all that have the same reason."""
    remedy = "Correct the path, or list the languages that it has under 'languages'."
    reasons: dict[str, list[str]] = {}
    for language, error in errors.items():
        reason = str(error).replace(f" (language {language!r})", "")
        for path in (settings.path,) if isinstance(settings.path, str) else settings.path:
            reason = reason.replace(path.replace("{language}", language), path)
        reasons.setdefault(reason, []).append(language)
    for reason, languages in reasons.items():
        if len(languages) == 1:
            yield f"corpus {corpus_id!r}: {errors[languages[0]]} {remedy}"
        else:
            names = ", ".join(languages)
            yield f"corpus {corpus_id!r}, {len(languages)} languages ({names}): {reason} {remedy}"


def _presence(
    study: Study,
    block: CorpusBlock,
    languages: Collection[str],
    within: Path | None,
    problems: list[Problem],
) -> StudyCorpus:
    """Reads counts that others made, and reports why they cannot be used."""
    path, file = study.locate(str(block.path)), None
    try:
        file = read_import(path, "presence", within, study.facts.max_rejected_rate)
    except (ImportsError, RestrictedError) as error:
        line = study.block_line("corpora", block.id)
        problems.append(Problem(f"corpus {block.id!r}: {error}", line))
    own = {} if file is None else dict.fromkeys(sorted(set(file.languages) & set(languages)), file)
    return StudyCorpus(
        block.id,
        PlainText(str(path)),
        study.path.parent,
        {language: each.sha256 for language, each in own.items()},
        is_atlas=False,
        file=file,
        made_by=block.made_by,
    )


def _corpus_settings(block: CorpusBlock, home: Home) -> CorpusSettings:
    path = block.path or ""
    if block.kind == "parquet":
        return ParquetText(path, block.text_column, block.title_column)
    if block.kind == "jsonl":
        return JsonLines(path, block.text_column, block.title_column)
    if block.kind == "text":
        return PlainText(path, block.document)
    if block.kind == "atlas":
        path = str(home.corpora / block.id / "xml" / "{language}wiki.xml.bz2")
    return WikipediaDump(path)


@cache
def _atlas_fingerprint() -> str:
    """Fingerprint of everything that the embedded corpora are written from."""
    sources = sorted(
        path for path in ATLAS_FACTS.parent.iterdir() if path.suffix in (".csv", ".py", ".yml")
    )
    return fingerprint([hashlib.sha256(path.read_bytes()).hexdigest() for path in sources])


def aliases_fingerprint(study: Study, within: Path | None, problems: list[Problem]) -> str | None:
    """Fingerprint of the aliases; None if there are none. Reports a file that cannot be read."""
    found = alias_file(study, within)
    if found is None:
        return None
    path, within = found
    line = study.section_line("tracing")
    if not path.is_file():
        problems.append(Problem(f"tracing.aliases: there is no file {path}", line))
        return None
    try:
        content = read_bytes(path, within)
        read_aliases(path, within)
    except (NamesError, OSError, RestrictedError) as error:
        problems.append(Problem(f"tracing.aliases: {error}", line))
        return None
    return hashlib.sha256(content).hexdigest()
