"""Adds a model to a study: loads it once as a test, then writes one line into the study file.

What the new line looks like, and where it goes, belongs in ``dagster_project.study.yaml_file``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path

from dagster_project.paths import embedded_studies
from dagster_project.study.load import load_study
from dagster_project.study.resolve import check_restricted
from dagster_project.study.resolve_models import resolve_block
from dagster_project.study.schema import CorpusBlock, ModelBlock, Problem, Study, StudyError
from dagster_project.study.yaml_file import FileError, with_item
from ingestion.files import temporary_file
from models_gpu.errors import ModelError, as_model_error

__all__ = ["add_model", "as_study_error", "edit_study", "require_own", "study_of_text", "written"]


def add_model(
    study_name: str, block: ModelBlock, homes: Path, restrict: Path | None = None
) -> Study:
    """Loads a model once, to test that it can be used, and appends its block to the study file.

    Args:
        study_name: study file; embedded studies are part of the project and not changed.
        block: the model; a folder as source is relative to the working directory.
        homes: folder that holds one home per study.
        restrict: folder that the study and the model must stay inside; None trusts them.

    Returns:
        The study with the model.

    Raises:
        StudyError: the study has this id already, the model cannot be used, or the layout of the
            file does not allow adding a line. The file is then unchanged.
    """
    study = load_study(study_name, restrict)
    require_own(study)
    block = _from_study(block, study)
    _with_model(study, block)
    within = None if restrict is None else restrict.resolve()
    if within is not None:
        check_restricted(replace(study, models=(*study.models, block)), homes, within)
    try:
        _load(study, block, homes, within)
    except ModelError as error:
        about = f"model {block.id!r}"
        message = str(error) if str(error).startswith(about) else f"{about}: {error}"
        raise StudyError(study.path, [Problem(message)]) from error
    return edit_study(study, lambda latest: _with_model(latest, block), restrict)


def require_own(study: Study) -> None:
    """Refuses to change an embedded study.

    Raises:
        StudyError: it is one; says what to do.
    """
    if study.path in embedded_studies().values():
        remedy = f"copy {study.path}, give the copy another name, and change that one"
        raise StudyError(study.path, [Problem(f"this study comes with the project: {remedy}")])


def edit_study(
    study: Study, edit: Callable[[Study], tuple[str, Study]], restrict: Path | None
) -> Study:
    """Replaces a study file by its edited text, which nobody else edits meanwhile.

    Args:
        study: the study, as it was read before.
        edit: the study as it stands now → text of the new file, and the study that it describes.
        restrict: folder that the study must stay inside; None trusts it.

    Raises:
        StudyError: the file cannot be changed, or ``edit`` refuses. It is then unchanged.
    """
    try:
        with _edited_alone(study.path.parent):
            # What was checked before takes seconds, in which the file may have been edited.
            study = load_study(str(study.path), restrict)
            text, edited = edit(study)
            with temporary_file(study.path) as temporary:
                _write_new(temporary, text)
                temporary.chmod(study.path.stat().st_mode)
                temporary.replace(study.path)
    except OSError as error:
        problem = Problem(f"the file cannot be changed: {error.strerror}")
        raise StudyError(study.path, [problem]) from error
    return edited


def _write_new(path: Path, text: str) -> None:
    """Writes a file that is not there yet; a link of this name is not followed."""
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        file.write(text.encode())


@contextlib.contextmanager
def _edited_alone(folder: Path) -> Iterator[None]:
    """Lets one process at a time edit the studies of a folder; leaves no file behind."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _with_model(study: Study, block: ModelBlock) -> tuple[str, Study]:
    """Text of the study file with the model, and the study that it describes.

    Raises:
        StudyError: the study has this id already, the new file would be wrong, or its layout does
            not allow adding a line.
    """
    if block.id in {model.id for model in study.models}:
        line = study.block_line("models", block.id)
        message = f"the study has a model {block.id!r} already: choose another id, or edit its line"
        raise StudyError(study.path, [Problem(message, line)])
    with as_study_error(study):
        text = with_item(study.path, "models", written(block))
    return text, study_of_text(study, text)


@contextlib.contextmanager
def as_study_error(study: Study) -> Iterator[None]:
    """Turns an error about the layout of a study file into one about the study.

    Raises:
        StudyError: what was raised, with its line.
    """
    try:
        yield
    except FileError as error:
        raise StudyError(study.path, [Problem(str(error), error.line)]) from error


def study_of_text(study: Study, text: str) -> Study:
    """Checks the whole text of a new study file: an id in it may be wrong.

    Raises:
        StudyError: its problems.
    """
    try:
        with temporary_file(study.path) as temporary:
            _write_new(temporary, text)
            try:
                return load_study(str(temporary))
            except StudyError as error:
                problems = [Problem(problem.message) for problem in error.problems]
                raise StudyError(study.path, problems) from error
    except OSError as error:
        problem = Problem(f"the file cannot be changed: {error.strerror}")
        raise StudyError(study.path, [problem]) from error


def _from_study(block: ModelBlock, study: Study) -> ModelBlock:
    """Changes a folder relative to the working directory to one relative to the study file."""
    values = asdict(block)
    assert block.source is not None, "only models with weights are added so"
    if Path(block.source).expanduser().is_dir() and not block.source.startswith("~"):
        relative = os.path.relpath(Path(block.source).resolve(), study.path.parent)
        if not Path(block.source).is_absolute():
            values["source"] = relative if relative.startswith(".") else f"./{relative}"
    return ModelBlock(**values)


def written(block: ModelBlock | CorpusBlock) -> dict[str, object]:
    """Keys of the block that differ from their defaults."""
    values = asdict(block)
    return {
        field.name: values[field.name]
        for field in fields(block)
        if field.default is MISSING or values[field.name] != field.default
    }


def _load(study: Study, block: ModelBlock, homes: Path, within: Path | None) -> None:
    """Checks configuration, weights and tokenizer, then loads them as a run would."""
    model = resolve_block(study, block, homes, within)
    # torch takes seconds to import.
    from models_gpu.loading.load import load

    with as_model_error(block.id):
        load(model.resolved, device="cpu")
