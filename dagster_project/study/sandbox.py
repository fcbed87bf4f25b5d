"""Sandbox checks for untrusted study files: paths must stay inside one folder.

Here belong the settings that could reach outside, or run other people's code. Whether files exist
is checked in ``dagster_project.study.resolve``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path

from dagster_project.study.load import embedded_studies
from dagster_project.study.schema import Problem, Study

__all__ = ["outside"]

_PATTERN = re.compile(r"[*?\[{]")
_PERMISSIONS = ("trust_remote_code", "allow_pickle")


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
    if study.path not in embedded_studies().values() and not _is_inside(study.path, root):
        problems.append(Problem(f"the study file lies outside of {root}", None))
    for what, path, line in _paths(study):
        if "://" in path:
            problems.append(Problem(f"{what}: {path!r} is an address: only files of {root}", line))
        elif any(not _is_inside(found, root) for found in _reached(study, path)):
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


def _paths(study: Study) -> Iterator[tuple[str, str, int | None]]:
    """Yields every path of a study: its use, its text in the file, its line."""
    if study.facts.path:
        yield "facts", study.facts.path, study.section_line("facts")
    for model in study.models:
        if _is_local(model.source):
            # A name that is a folder of the working directory is taken from there.
            is_here = not model.source.startswith((".", "~")) and Path(model.source).is_dir()
            path = str(Path(model.source).absolute()) if is_here else model.source
            yield f"model {model.id!r}", path, study.block_line("models", model.id)
    for corpus in study.corpora:
        paths = (corpus.path,) if isinstance(corpus.path, str) else corpus.path or ()
        for path in paths:
            yield f"corpus {corpus.id!r}", path, study.block_line("corpora", corpus.id)
    if study.tracing.aliases:
        yield "tracing", study.tracing.aliases, study.section_line("tracing")
    if study.lake:
        yield "lake", study.lake, study.section_line("lake")


def _is_local(source: str) -> bool:
    """Whether a model's source is a path or an address, not a name on the hub."""
    looks_so = "://" in source or source.startswith((".", "/", "~"))
    return looks_so or ".." in Path(source).parts or Path(source).is_dir()


def _reached(study: Study, path: str) -> Iterable[Path]:
    """Yields the path up to its first wildcard, and all files that it matches, also links."""
    absolute = study.locate(path)
    yield _before_wildcard(absolute)
    root = Path(absolute.anchor)
    pattern = re.sub(r"\**\{[^}]*\}\**", "*", str(absolute.relative_to(root)))
    for found in root.glob(pattern):
        yield found
        if found.is_dir():
            yield from found.rglob("*")


def _before_wildcard(path: Path) -> Path:
    return Path(*takewhile(lambda part: not _PATTERN.search(part), path.parts))


def _is_inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root)
