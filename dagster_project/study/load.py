"""Reads a study file and checks its form: keys, types, ids, each problem with its line.

Rules between settings belong in ``dagster_project.study.validation``.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from dagster_project.paths import embedded_studies
from dagster_project.study.schema import Problem, Study, StudyError, near_match
from dagster_project.study.validation import contradictions
from dagster_project.study.yaml_file import FileError, line_of, lines, read

__all__ = ["Narrowing", "load_study"]


@dataclass(frozen=True)
class Narrowing:
    """Facts that a command narrows a study to, without a change of its file."""

    relations: tuple[str, ...] | None = None
    """Relations to ask for; None leaves the study's."""
    sample: int | None = None
    """Facts per relation; None leaves the study's."""

    def of(self, study: Study) -> Study:
        """The study with these facts only."""
        facts = study.facts
        return replace(
            study,
            facts=replace(
                facts,
                relations=self.relations or facts.relations,
                sample=self.sample or facts.sample,
            ),
        )


def load_study(study: str, restrict: Path | None = None) -> Study:
    """Reads a study by its file name, or an embedded one by its name.

    Args:
        study: file or name.
        restrict: folder that the file itself must lie in, links resolved; None trusts it.

    Raises:
        StudyError: all problems of the file at once, each with its line.
    """
    is_embedded = study in embedded_studies()
    path = embedded_studies().get(study, Path(study).expanduser())
    if not path.is_file():
        known = ", ".join(embedded_studies())
        problem = Problem(f"no such file, nor an embedded study (there are: {known})")
        raise StudyError(path, [problem])
    path = path.resolve()
    if restrict is not None and not is_embedded and not path.is_relative_to(restrict.resolve()):
        raise StudyError(path, [Problem(f"the study file lies outside of {restrict.resolve()}")])
    try:
        data = read(path)
    except FileError as error:
        raise StudyError(path, [Problem(f"not readable as YAML: {error}", error.line)]) from error
    if not isinstance(data, dict):
        problem = Problem("a study is a mapping of keys such as name, facts, models", 1)
        raise StudyError(path, [problem])
    adapter = TypeAdapter(Study)
    try:
        parsed = adapter.validate_python({**data, "path": path})
    except ValidationError as error:
        details = [dict(detail) for detail in error.errors() if not _is_echo(dict(detail))]
        root = lines(path)
        problems = [_problem(root, data, detail) for detail in details]
        try:
            sound = adapter.validate_python({**_without(data, details), "path": path})
        except ValidationError:
            raise StudyError(path, problems) from error
        raise StudyError(path, [*problems, *contradictions(sound)], sound) from error
    problems = contradictions(parsed)
    if problems:
        raise StudyError(path, problems, parsed)
    return replace(parsed, models=tuple(each for block in parsed.models for each in block.each()))


def _problem(root: Any, data: Any, detail: dict[str, Any]) -> Problem:
    """Converts an error of pydantic into the words of the study file, with its line."""
    keys = _keys(data, detail["loc"])
    is_unknown = detail["type"] in ("unexpected_keyword_argument", "extra_forbidden")
    where = ".".join(str(key) for key in keys)
    line = line_of(root, keys)
    if is_unknown:
        known = [f.name for f in fields(_owner(keys[:-1])) if f.name != "path" or len(keys) > 1]
        return Problem(f"unknown key {where!r}.{near_match(str(keys[-1]), known)}", line)
    if detail["type"] in ("missing", "missing_argument"):
        return Problem(f"key {where!r} is missing", line)
    expected = detail["msg"].lower().replace("tuple", "list")
    message = f"{where}: {expected}, not {reprlib.repr(detail['input'])}"
    if isinstance(detail["input"], bool) and "languages" in keys:
        message += ". YAML reads a bare no or yes as a truth value: write it in quotes"
    return Problem(message, line)


def _keys(data: Any, place: Sequence[Any]) -> list[Any]:
    """Keys of the file that lead to an error: pydantic adds the member of a union, as list[str]."""
    keys = []
    for key in place:
        is_index = isinstance(key, int) and isinstance(data, list) and key < len(data)
        if is_index or (isinstance(data, dict) and key in data):
            data = data[key]
        elif isinstance(key, str) and "[" in key:
            continue
        keys.append(key)
    return keys


def _owner(keys: Sequence[object]) -> type:
    """Finds the dataclass that a path of keys leads to, from the study down."""
    owner: Any = Study
    for key in keys:
        if isinstance(key, str):
            owner = get_type_hints(owner)[key]
            for inner in (owner, *get_args(owner)):
                if is_dataclass(inner) and not isinstance(inner, UnionType):
                    owner = inner
    return owner  # type: ignore[no-any-return]


def _is_echo(detail: dict[str, Any]) -> bool:
    """Whether an error repeats another: a list of languages also fails as the word 'all'."""
    # Where both are allowed, pydantic ends the place with the one that it tried: literal['all'].
    is_one_of_two = "[" in str(detail["loc"][-1])
    return detail["type"] == "literal_error" and isinstance(detail["input"], list) and is_one_of_two


def _without(data: dict[str, Any], details: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Removes malformed entries: an unknown key alone, otherwise its list item or section."""
    drop = set()
    for detail in details:
        keys = tuple(_keys(data, detail["loc"]))
        if detail["type"] not in ("unexpected_keyword_argument", "extra_forbidden"):
            item = next((index for index, key in enumerate(keys) if isinstance(key, int)), 0)
            keys = keys[: item + 1]
        drop.add(keys)

    def kept(value: Any, keys: tuple[object, ...]) -> Any:
        if isinstance(value, dict):
            inner = value.items()
            return {k: kept(v, (*keys, k)) for k, v in inner if (*keys, k) not in drop}
        if isinstance(value, list):
            return [kept(v, (*keys, i)) for i, v in enumerate(value) if (*keys, i) not in drop]
        return value

    return kept(data, ())  # type: ignore[no-any-return]
