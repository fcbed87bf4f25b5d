"""Imports a file of others into a study: checks it against the facts, then names it in the file.

Reading such a file belongs in ``ingestion.imports``; its rows reach the lake in the next run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dagster_project.study.add_model import (
    as_study_error,
    edit_study,
    require_own,
    study_of_text,
    written,
)
from dagster_project.study.load import load_study
from dagster_project.study.resolve import check_restricted, study_facts
from dagster_project.study.schema import (
    CorpusBlock,
    ModelBlock,
    Problem,
    Study,
    StudyError,
    near_match,
)
from dagster_project.study.yaml_file import with_item, with_key
from ingestion.import_kinds import ImportKind
from ingestion.imports import ImportedFile, ImportsError, read_import
from ingestion.restricted import RestrictedError

__all__ = ["FoundRows", "import_file"]


@dataclass(frozen=True)
class FoundRows:
    """What a file has for a study."""

    file: ImportedFile
    """The file."""
    fact_counts: Mapping[str, tuple[int, int]]
    """Language of the study → facts of the language, and those that the file has a row of."""
    other_count: int
    """Sound rows about languages or facts that the study does not have."""
    is_new: bool
    """Whether the study file names it now for the first time."""


def import_file(
    study_name: str,
    kind: ImportKind,
    path: Path,
    owner_id: str,
    homes: Path,
    *,
    made_by: str | None = None,
    objective: Literal["masked", "causal"] | None = None,
    restrict: Path | None = None,
) -> FoundRows:
    """Checks a file of others and names it in the study file.

    Args:
        study_name: study file; embedded studies are part of the project and not changed.
        kind: what the file has.
        path: the file, relative to the working directory.
        owner_id: the model that it is about, or the corpus of counts; a new id for a new one.
        homes: folder that holds one home per study.
        made_by: who made it, and how.
        objective: what a model without weights is.
        restrict: folder that study and file must stay inside; None trusts them.

    Raises:
        StudyError: the file cannot be used, or the study file not changed; it is then as before.
    """
    study = load_study(study_name, restrict)
    require_own(study)
    within = None if restrict is None else restrict.resolve()
    name = _from_study(path, study)
    text, edited = _edited(study, kind, name, owner_id, made_by, objective)
    if within is not None:
        check_restricted(replace(edited, path=study.path), homes, within)
    try:
        file = read_import(study.locate(name), kind, within, study.facts.max_rejected_rate)
    except (ImportsError, RestrictedError) as error:
        raise StudyError(study.path, [Problem(f"{kind}: {error}")]) from error
    found = _found(study, file, within, is_new=text is not None)
    if text is not None:
        edit_study(
            study,
            lambda latest: _new_text(latest, kind, name, owner_id, made_by, objective),
            restrict,
        )
    return found


def _from_study(path: Path, study: Study) -> str:
    """The path as the study file has it: relative to its folder, unless it was absolute."""
    if path.is_absolute():
        return str(path)
    return os.path.relpath(Path(path).resolve(), study.path.parent)


def _found(study: Study, file: ImportedFile, within: Path | None, *, is_new: bool) -> FoundRows:
    """Counts the facts of the study that a file has rows of.

    Raises:
        StudyError: it has none.
    """
    counts, kept = {}, 0
    facts = study_facts(study, within)
    for language, own in facts.items():
        rows = file.about(language, own)
        counts[language] = own.height, rows["fact_id"].n_unique()
        kept += rows.height
    if not kept:
        first = file.rows.drop_nulls().head(1).to_dicts()
        named = {key: value for row in first for key, value in row.items() if key.endswith("_id")}
        known = next((own["fact_id"][0] for own in facts.values() if own.height), "none")
        raise StudyError(
            study.path,
            [
                Problem(
                    f"{file.path}: none of its {file.rows.height:,} rows is about a fact of the "
                    f"study. The first has {named}, a fact of the study is {known!r}"
                )
            ],
        )
    return FoundRows(file, counts, file.rows.height - kept, is_new)


def _edited(
    study: Study,
    kind: ImportKind,
    name: str,
    owner_id: str,
    made_by: str | None,
    objective: Literal["masked", "causal"] | None,
) -> tuple[str | None, Study]:
    """Text of the study file with the file, None where it has it, and the study that it is."""
    if kind == "presence":
        known = {block.id: block.path for block in study.corpora if block.kind == "presence"}
    else:
        known = {block.id: getattr(block, kind) for block in study.models}
    if known.get(owner_id) == name:
        return None, study
    return _new_text(study, kind, name, owner_id, made_by, objective)


def _new_text(
    study: Study,
    kind: ImportKind,
    name: str,
    owner_id: str,
    made_by: str | None,
    objective: Literal["masked", "causal"] | None,
) -> tuple[str, Study]:
    """Text of the study file with the file, and the study that it describes.

    Raises:
        StudyError: another file stands there, or the study would not be sound.
    """
    section = "corpora" if kind == "presence" else "models"
    blocks = study.corpora if kind == "presence" else study.models
    ids = [block.id for block in blocks]
    if owner_id in ids:
        index = ids.index(owner_id)
        line = study.block_line(section, owner_id)
        if kind == "presence" or getattr(blocks[index], kind) is not None:
            message = f"{owner_id!r} has another file already: choose another id, or edit its line"
            raise StudyError(study.path, [Problem(message, line)])
        with as_study_error(study):
            text = with_key(study.path, section, owner_id, kind, name)
        return text, study_of_text(study, text)
    if kind == "neurons":
        message = (
            f"the study has no model {owner_id!r}.{near_match(owner_id, ids)} Neurons belong to "
            "right answers: import the model's predictions first"
        )
        raise StudyError(study.path, [Problem(message, study.section_line(section))])
    block: ModelBlock | CorpusBlock
    if kind == "presence":
        block = CorpusBlock(id=owner_id, kind="presence", path=name, made_by=made_by)
    else:
        block = ModelBlock(id=owner_id, predictions=name, made_by=made_by, objective=objective)
    with as_study_error(study):
        text = with_item(study.path, section, written(block))
    return text, study_of_text(study, text)
