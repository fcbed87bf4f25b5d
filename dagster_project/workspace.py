"""One study at work: the study file, its home, and the plan that follows from both.

Every command and every asset gets its paths and its plan here, so that they cannot disagree. The
study is read when the plan is first asked for, not before.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from dagster_project.dbt_project import dbt_version
from dagster_project.home import Home
from dagster_project.missing import MissingModel, missing_models
from dagster_project.plan import Part, Plan
from dagster_project.resolve import resolve_study
from dagster_project.study import Study, load_study
from ingestion.lake import (
    Provenance,
    fingerprint,
    first_rows,
    read_part,
    read_provenance,
    write_part,
)
from warehouse.publish import STORAGE_VERSION

__all__ = ["Workspace", "WrittenPart"]


@dataclass(frozen=True)
class WrittenPart:
    """What a part on disk amounts to, for logs and for Dagster's metadata."""

    part: Part
    """The part."""
    provenance: Provenance
    """What made it."""
    size_bytes: int
    """Size of its file."""

    @property
    def metadata(self) -> dict[str, int | float | str]:
        """Figures shown on the asset: seconds, rate, and what identifies the inputs."""
        made_by = self.provenance
        rate = made_by.row_count / made_by.duration_seconds if made_by.duration_seconds else 0.0
        return {
            "seconds": made_by.duration_seconds,
            "rows_per_second": round(rate, 1),
            "fingerprint": made_by.fingerprint,
            "computed_at": made_by.created_at,
            **made_by.details,
        }


@dataclass(frozen=True)
class Workspace:
    """A study and its home."""

    study_name: str
    """Study file, or the name of an embedded study."""
    homes: Path
    """Folder that holds one home per study."""
    only_models: tuple[str, ...] | None = None
    """Models to narrow the study to; None takes all of them."""
    only_languages: tuple[str, ...] | None = None
    """Languages to narrow the study to; None takes all of them."""
    keep_going: bool = False
    """Set models that cannot be identified aside, instead of refusing the study."""
    restrict: Path | None = None
    """Folder that the study's paths are held to; None trusts the study."""

    @cached_property
    def study(self) -> Study:
        """The study file, read and checked for form.

        Raises:
            StudyError: what is wrong with it.
        """
        return load_study(self.study_name)

    @cached_property
    def home(self) -> Home:
        """The study's folder."""
        return Home((self.homes / self.study.name).resolve())

    @cached_property
    def plan(self) -> Plan:
        """Everything the study needs, with its inputs identified.

        Raises:
            StudyError: all that is wrong with the study: languages, models, inputs.
        """
        return Plan(
            resolve_study(
                self.study_name,
                self.homes,
                only_models=self.only_models,
                only_languages=self.only_languages,
                keep_going=self.keep_going,
                restrict=self.restrict,
            )
        )

    def missing_models(self) -> list[MissingModel]:
        """Models of the study that are not computed whole, as the lake stands now."""
        return missing_models(self.plan, self.home)

    @property
    def identity(self) -> str:
        """Digest of everything a warehouse is built from that is published now."""
        missing = [asdict(model) for model in self.missing_models()]
        built_from = (self.plan.fingerprint(), missing, dbt_version(), STORAGE_VERSION)
        return fingerprint(self.study.name, *built_from)

    def write(
        self,
        part: Part,
        frame: pl.DataFrame,
        started: float,
        details: Mapping[str, str] | None = None,
    ) -> WrittenPart:
        """Seal a computed part into the lake.

        Args:
            part: which part it is.
            frame: its rows.
            started: ``time.perf_counter()`` when its computation began.
            details: what else identifies how it was made, beside the part's own details.
        """
        provenance = Provenance.now(
            part.table,
            part.partition,
            fingerprint=part.fingerprint,
            code_version=part.code_version,
            duration_seconds=time.perf_counter() - started,
            row_count=len(frame),
            details={**part.details, **(details or {})},
        )
        write_part(self.home.lake, frame, provenance)
        return self.written(part)

    def written(self, part: Part) -> WrittenPart:
        """A part that is on disk."""
        path = part.path(self.home.lake)
        provenance = read_provenance(path)
        if provenance is None:
            raise FileNotFoundError(f"{path} is not there: run the study again")
        return WrittenPart(part, provenance, path.stat().st_size)

    def first_rows(self, part: Part, count: int) -> list[dict[str, Any]]:
        """The first rows of a part that is on disk, to be looked at."""
        return first_rows(part.path(self.home.lake), count)

    def read(self, part: Part) -> pl.DataFrame:
        """Rows of a part, its seal checked."""
        return read_part(part.path(self.home.lake))
