"""Stages: what has to be materialised, in which order, for every way of running a study.

The command line materialises the stages one after another in its own process
(``dagster_project.cli.run``); the sensor and the schedule ask Dagster for one run per stage
(``dagster_project.defs.sensors``). Which parts are missing belongs in
``dagster_project.steps.plan``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import dagster as dg

from dagster_project.defs.asset_specs import lake_key, lake_table
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.plan import Part
from dagster_project.steps.registry import STEP_OF_TABLE
from dagster_project.steps.step import AFTER_CORPORA, ModelStep, StudyStep
from ingestion.lake import fingerprint

__all__ = ["Job", "Stage", "job_of", "stages"]

Job = Literal["read_inputs", "run_model", "search_corpus", "build_marts"]
"""Kind of stage; the assets of one kind share their partitions."""


@dataclass(frozen=True)
class Stage:
    """One run: some assets, over one range of partitions if they have any."""

    job: Job
    """Kind of stage; Dagster's job for it has the same name."""
    name: str
    """What it is about, for people."""
    keys: tuple[dg.AssetKey, ...]
    """Assets to materialise."""
    fingerprint: str
    """Hash of the request: the same as long as the same parts are missing for the same reason."""
    model_id: str | None = None
    """The model that it computes, if any: its failure does not stop other stages."""
    first: dg.MultiPartitionKey | None = None
    """First partition; None for assets without partitions."""
    last: dg.MultiPartitionKey | None = None
    """Last partition of the same model or corpus, in Dagster's order."""

    @property
    def tags(self) -> dict[str, str]:
        """Dagster's tags for the range of partitions."""
        if self.first is None or self.last is None:
            return {}
        return {
            "dagster/asset_partition_range_start": self.first,
            "dagster/asset_partition_range_end": self.last,
        }


def stages(
    workspace: Workspace,
    missing: Sequence[Part],
    assets: Iterable[dg.AssetKey],
    languages: Sequence[str],
) -> list[Stage]:
    """Lists everything that brings a study up to date, in the order of the flow; marts come last.

    Args:
        workspace: the study.
        missing: parts to compute.
        assets: keys of all assets of the study.
        languages: the study's languages in the order in which Dagster keeps their partitions.
    """
    found: list[Stage] = []
    inputs = [part for part in missing if _owner(part) is None]
    if inputs:
        request = _request_fingerprint(workspace, inputs)
        found.append(Stage("read_inputs", "facts and models", _keys(inputs), request))
    early, late = (
        range(AFTER_CORPORA),
        range(AFTER_CORPORA, 1 + max(map(_wave, missing), default=0)),
    )
    for owner, waves in (("model", early), ("corpus", early), ("model", late)):
        owned = [part for part in missing if _owner(part) == owner and _wave(part) in waves]
        for name in dict.fromkeys(part.partition[f"{owner}_id"] for part in owned):
            own = [part for part in owned if part.partition[f"{owner}_id"] == name]
            for wave in sorted({_wave(part) for part in own}):
                due = [part for part in own if _wave(part) == wave]
                found += _ranges(workspace, owner, name, due, languages)
    marts = [key for key in assets if job_of(key) == "build_marts"]
    products = (workspace.home.published_file, workspace.home.report_file)
    request = fingerprint("marts", workspace.fingerprint, [_changed_at(path) for path in products])
    found.append(Stage("build_marts", "marts", tuple(sorted(marts, key=str)), request))
    return found


def job_of(key: dg.AssetKey) -> Job:
    """Kind of stage that an asset belongs to: that of its step, or else the marts."""
    step = STEP_OF_TABLE.get(lake_table(key) or "")
    if step is None:
        return "build_marts"
    if isinstance(step, StudyStep):
        return "read_inputs"
    return "run_model" if isinstance(step, ModelStep) else "search_corpus"


def _ranges(
    workspace: Workspace, owner: str, name: str, parts: Sequence[Part], languages: Sequence[str]
) -> Iterator[Stage]:
    """Makes one stage of neighbouring languages, so that a model is loaded once for them.

    Languages that lack other assets are neighbours only if the study has no parts of these there.
    """
    lacking: dict[str, list[Part]] = {}
    for part in parts:
        lacking.setdefault(part.partition["language_code"], []).append(part)
    wanted = {language: _tables(own) for language, own in lacking.items()}

    def is_one_run(members: Sequence[str]) -> bool:
        tables = set().union(*(wanted[language] for language in members))
        return not any(
            workspace.plan.parts_of(
                tables - wanted[language], {f"{owner}_id": name, "language_code": language}
            )
            for language in members
        )

    run: list[str] = []
    for language, following in zip(languages, [*languages[1:], None], strict=True):
        if language not in wanted:
            continue
        run.append(language)
        if following in wanted and is_one_run([*run, following]):
            continue
        own = [part for member in run for part in lacking[member]]
        keys = _keys(own)
        yield Stage(
            job_of(keys[0]),
            f"{owner} {name}",
            keys,
            _request_fingerprint(workspace, own),
            name if owner == "model" else None,
            dg.MultiPartitionKey({owner: name, "language": run[0]}),
            dg.MultiPartitionKey({owner: name, "language": run[-1]}),
        )
        run = []


def _wave(part: Part) -> int:
    step = STEP_OF_TABLE[part.table]
    return step.wave if isinstance(step, ModelStep) else 0


def _owner(part: Part) -> str | None:
    """Whose part it is: a model's or a corpus' in a language, or the study's."""
    if "language_code" not in part.partition:
        return None
    return next((name for name in ("model", "corpus") if f"{name}_id" in part.partition), None)


def _keys(parts: Iterable[Part]) -> tuple[dg.AssetKey, ...]:
    """Assets of the steps that compute the parts."""
    return tuple(sorted(map(lake_key, _tables(parts)), key=str))


def _tables(parts: Iterable[Part]) -> set[str]:
    """Tables of the steps that compute the parts: a step computes all of its tables."""
    return {table for part in parts for table in STEP_OF_TABLE[part.table].tables}


def _request_fingerprint(workspace: Workspace, parts: Sequence[Part]) -> str:
    """Includes each file's time, so that asking again for an existing part is a new request."""
    wanted = []
    for part in parts:
        since = _changed_at(part.path(workspace.home.lake))
        wanted.append((part.label, part.fingerprint, since))
    return fingerprint(sorted(wanted))


def _changed_at(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
