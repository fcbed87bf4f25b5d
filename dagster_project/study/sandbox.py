"""Sandbox checks for untrusted study files: paths must stay inside one folder.

Here belong the settings that could reach outside, or run other people's code, as far as the study
file alone shows them. Files are found and opened by ``ingestion.restricted``, which checks each of
them again: a fact table fills ``{language}``, and a model's files name others. Whether files exist
is checked in ``dagster_project.study.resolve``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from dagster_project.paths import embedded_studies
from dagster_project.study.dagster_settings import settings_file, settings_text
from dagster_project.study.home import Home
from dagster_project.study.schema import ATLAS_ALIASES, Problem, Study
from ingestion.restricted import RestrictedError, find_files, folder_files, require_inside

__all__ = ["home_problem", "language_problem", "outside"]

_PERMISSIONS = ("trust_remote_code", "allow_pickle")
_WILDCARD = re.compile(r"[*?\[{]")
_LANGUAGE = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")


def outside(study: Study, folder: Path) -> list[Problem]:
    """Lists everything of a study that is outside a folder, or would run other people's code.

    Hub models are allowed; their code and pickles are not.

    Args:
        study: the study, read but not resolved: nothing that it names has been opened.
        folder: the folder that it must stay inside.

    Returns:
        One problem each, with its line; empty if the study stays inside.
    """
    root = folder.resolve()
    problems = []
    if study.path not in embedded_studies().values() and not study.path.is_relative_to(root):
        problems.append(Problem(f"the study file lies outside of {root}", None))
    for what, path, line in _paths(study):
        if "://" in path:
            problems.append(Problem(f"{what}: {path!r} is an address: only files of {root}", line))
        elif not _is_inside(study, path, root):
            problems.append(Problem(f"{what}: {path!r} leads out of {root}", line))
    for block in study.models:
        problems += [
            Problem(
                f"model {block.id!r}: {permission} would run code of others, which a restricted "
                "study may not",
                study.block_line("models", block.id),
            )
            for permission in _PERMISSIONS
            if getattr(block, permission)
        ]
    return problems


def language_problem(code: str) -> str | None:
    """Explains why a code of the facts cannot name a language; None if it can.

    It becomes part of file names, in the lake and in the paths of corpora.
    """
    if _LANGUAGE.fullmatch(code):
        return None
    return (
        f"{code!r} is no language code: it may have letters, digits, '-' and '_' only, because it "
        "becomes part of file names"
    )


def home_problem(home: Home, folder: Path) -> str | None:
    """Explains why a restricted study may not use a home; None if it may.

    A home inside the folder can have been prepared by the study's author, with links that lead out.
    """
    root = folder.resolve()
    # The links in its path stay: one of them can be the author's.
    place = Path(os.path.abspath(home.root))  # noqa: PTH100
    if not any(parent.resolve() == root for parent in (place.resolve(), *place.parents)):
        return None
    try:
        folder_files(place, root)
    except RestrictedError as error:
        return f"the home {place}: {error}. Choose a folder elsewhere with --home"
    settings = settings_file(home)
    if settings.exists() and settings.read_bytes() != settings_text(home).encode():
        # It can name Python classes that Dagster then runs.
        return f"{settings} is not as factroots writes it. Choose a folder elsewhere with --home"
    return None


def _paths(study: Study) -> Iterator[tuple[str, str, int | None]]:
    """Yields every path of a study: its use, its text in the file, its line."""
    if study.facts.path:
        yield "facts", study.facts.path, study.section_line("facts")
    for model in study.models:
        line = study.block_line("models", model.id)
        for file in filter(None, (model.predictions, model.neurons)):
            yield f"model {model.id!r}", file, line
        if model.source is None:
            continue
        folder = study.model_folder(model.source)
        is_path = "://" in model.source or ".." in Path(model.source).parts
        if folder is not None or is_path:
            is_here = folder is not None and not model.source.startswith((".", "/", "~"))
            yield f"model {model.id!r}", str(folder) if is_here else model.source, line
    for corpus in study.corpora:
        paths = (corpus.path,) if isinstance(corpus.path, str) else corpus.path or ()
        for path in paths:
            yield f"corpus {corpus.id!r}", path, study.block_line("corpora", corpus.id)
    if study.facts.wordings:
        yield "facts", study.facts.wordings, study.section_line("facts")
    if study.facts.language_table:
        yield "facts", study.facts.language_table, study.section_line("facts")
    if study.tracing.aliases and study.tracing.aliases != ATLAS_ALIASES:
        yield "tracing", study.tracing.aliases, study.section_line("tracing")
    if study.lake:
        yield "lake", study.lake, study.section_line("lake")


def _is_inside(study: Study, path: str, root: Path) -> bool:
    """Whether a path, everything in it, and every file that it matches lie inside a folder."""
    absolute = study.locate(path)
    try:
        require_inside(absolute, root)
        require_inside(_before_wildcard(absolute), root)
        find_files(path.replace("{language}", "*"), study.path.parent, root)
        if absolute.is_dir():
            folder_files(absolute, root)
    except RestrictedError:
        return False
    return True


def _before_wildcard(path: Path) -> Path:
    parts = path.parts
    stop = next((i for i, part in enumerate(parts) if _WILDCARD.search(part)), len(parts))
    return Path(*parts[:stop])
