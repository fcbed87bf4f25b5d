"""Writes a study's facts as tasks of lm-evaluation-harness: one task per language, and a group.

A task asks what a causal model is asked here: the text before the object. Its ``acc`` is 1 where
the object is the greedy continuation, so its mean is P@1 (docs/models.md#lm-evaluation-harness).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import yaml

from dagster_project.runtime.workspace import Workspace
from dagster_project.study.licences import study_materials
from ingestion.errors import FactrootsError
from warehouse.hugging_face import refuse_non_commercial

__all__ = ["write_harness_tasks"]

_GROUP_FILE = "_group.yaml"


class HarnessError(FactrootsError):
    """The tasks cannot be written; the message says why."""


def write_harness_tasks(
    workspace: Workspace, folder: Path, *, non_commercial: bool = False
) -> list[Path]:
    """Write the facts of a study that was run, as tasks for ``lm_eval --include_path``.

    Facts whose template has the object before the subject are left out: a causal model cannot be
    asked them.

    Args:
        workspace: the study; its facts are read from the lake.
        folder: folder for a JSONL and a YAML file per language, and the group; created if needed.
        non_commercial: whether facts under a non-commercial licence may be written.

    Returns:
        The written files, the group last.

    Raises:
        LakeError: the facts are not in the lake: the study was not run.
        LicenceError: the facts are under a non-commercial licence and that is not allowed for.
        HarnessError: no fact can be asked.
    """
    materials = study_materials(workspace.study)
    refuse_non_commercial([(each.title, each.licence) for each in materials], non_commercial)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"factroots_{workspace.study.name.replace('-', '_').replace('.', '_')}"
    files, tasks = [], []
    facts = workspace.read("facts", {}).select("fact_id", "relation_id")
    for language in workspace.plan.study.languages:
        questions = _questions(workspace, facts, language)
        if questions.is_empty():
            continue
        data = folder / f"{language}.jsonl"
        questions.write_ndjson(data)
        task = f"{name}_{language}"
        tasks.append(task)
        files += [data, _write(folder / f"{language}.yaml", _task(task, data))]
    if not tasks:
        raise HarnessError("no fact can be asked: every template has the object before the subject")
    aggregated = [{"metric": "acc", "aggregation": "mean", "weight_by_size": True}]
    group: dict[str, object] = {"group": name, "task": tasks, "aggregate_metric_list": aggregated}
    return [*files, _write(folder / _GROUP_FILE, group)]


def _questions(workspace: Workspace, facts: pl.DataFrame, language: str) -> pl.DataFrame:
    """Prompt and object of every fact of a language, in the order of their ids."""
    owner = {"language_code": language}
    labels, prompts = (workspace.read(table, owner) for table in ("fact_labels", "prompts"))
    before = pl.col("template").str.split("[Y]").list.first()
    return (
        labels.join(facts, on="fact_id")
        .join(prompts, on="relation_id")
        .filter(before.str.contains("[X]", literal=True))
        .sort("fact_id")
        .select(
            "fact_id",
            "relation_id",
            prompt=before.str.replace("[X]", pl.col("subject_label"), literal=True),
            object="object_label",
        )
    )


def _task(task: str, data: Path) -> dict[str, object]:
    return {
        "task": task,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data.resolve())}},
        "test_split": "test",
        "output_type": "loglikelihood",
        "doc_to_text": "prompt",
        "doc_to_target": "object",
        "target_delimiter": "",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1.0},
    }


def _write(path: Path, content: dict[str, object]) -> Path:
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path
