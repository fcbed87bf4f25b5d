"""The workspace: one study, its home, its lake, and the plan that follows from them.

Every command and every asset gets its paths and its plan here, so that they cannot disagree. The
study is read when the plan is first needed, not before.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from dagster_project.dbt.project import dbt_fingerprint
from dagster_project.runtime.marts_input import (
    link_parts,
    missing_models_part,
    missing_models_rows,
    parts_of_marts,
    require_parts,
)
from dagster_project.runtime.missing import MissingModel, missing_models
from dagster_project.runtime.sync import LakeSync
from dagster_project.steps.plan import Part, Plan, State
from dagster_project.steps.registry import make_plan
from dagster_project.study.home import Home
from dagster_project.study.licences import study_materials
from dagster_project.study.load import Narrowing, load_study
from dagster_project.study.resolve import check_restricted, resolve_study
from dagster_project.study.schema import Study, StudyError
from ingestion.contract import LAKE
from ingestion.lake import (
    Provenance,
    fingerprint,
    first_rows,
    read_part,
    read_provenance,
    write_part,
)
from ingestion.store import Store, StoreError, address_problem
from warehouse.publish import STORAGE_VERSION, damage, published_identity, published_options
from warehouse.report.stamp import is_current

__all__ = ["Workspace", "WrittenPart"]


@dataclass(frozen=True)
class WrittenPart:
    """A part on disk, described for logs and for Dagster's metadata."""

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
    """Leave out models that cannot be identified, instead of refusing the study."""
    restrict: Path | None = None
    """Folder that all paths of the study must stay inside; None trusts the study."""
    lake: str | None = None
    """Address of the shared lake; overrides the study's."""
    narrowing: Narrowing | None = None
    """Facts to narrow the study to; None takes all of them."""

    @cached_property
    def study(self) -> Study:
        """The study file, read and checked for form.

        Raises:
            StudyError: what is wrong with it.
        """
        study = load_study(self.study_name, self.restrict)
        return study if self.narrowing is None else self.narrowing.of(study)

    @property
    def options(self) -> str | None:
        """Options of the command line that take a part of the study; None takes all of it."""
        facts = self.narrowing or Narrowing()
        lists = {
            "--models": self.only_models,
            "--languages": self.only_languages,
            "--relations": facts.relations,
        }
        words = [f"{name} {','.join(values)}" for name, values in lists.items() if values]
        if facts.sample:
            words.append(f"--sample {facts.sample}")
        return " ".join(words) or None

    @cached_property
    def home(self) -> Home:
        """The study's folder."""
        return Home((self.homes / self.study.name).resolve())

    @cached_property
    def store(self) -> Store | None:
        """The lake that machines share, if the study has one.

        Raises:
            StoreError: the address cannot be one.
            StudyError: what is wrong with the study file.
        """
        address = self.lake or self.study.lake
        if address is None:
            return None
        if (why := address_problem(address)) is not None:
            raise StoreError(f"the lake: {why}")
        within = None if self.lake or self.restrict is None else self.restrict.resolve()
        if "://" not in address:
            folder = Path(address) if self.lake else self.study.locate(address)
            address = str(folder.absolute() if within else folder.resolve())
        return Store(f"{address.rstrip('/')}/{self.study.name}", within)

    @property
    def sync(self) -> LakeSync:
        """The study's own lake together with the shared one."""
        return LakeSync(self.home.lake, self.store)

    @cached_property
    def plan(self) -> Plan:
        """Everything the study needs, with its inputs identified.

        Raises:
            StudyError: all that is wrong with the study: languages, models, inputs.
            StoreError: the shared lake cannot be read.
        """
        # ``resolve_study`` reports a malformed study with all its problems. What a restricted study
        # names is not opened before its paths are checked.
        with contextlib.suppress(StudyError):
            if self.restrict is None or self.lake is not None:
                self.sync.fetch_models()
        return make_plan(
            resolve_study(
                self.study_name,
                self.homes,
                only_models=self.only_models,
                only_languages=self.only_languages,
                keep_going=self.keep_going,
                restrict=self.restrict,
                narrowing=self.narrowing,
            )
        )

    def check_restricted(self) -> None:
        """Refuses a restricted study that reaches out of its folder, before it is read further.

        Raises:
            StudyError: everything that reaches out, each with its line.
        """
        if self.restrict is not None:
            check_restricted(self.study, self.homes, self.restrict.resolve())

    def for_workers(self) -> Workspace:
        """Copies the workspace for another machine, with study and plan already read.

        The opened facts are left out: workers read them from the lake.
        """
        copy = replace(self)
        plan = replace(self.plan, study=replace(self.plan.study, facts=None, wordings=None))
        copy.__dict__.update(study=self.study, store=self.store, plan=plan)
        return copy

    def missing_models(self) -> list[MissingModel]:
        """Models of the study that are not completely computed, as the lake stands now."""
        return missing_models(self.plan, self.home)

    @property
    def fingerprint(self) -> str:
        """Hash of everything that a warehouse published now is built from."""
        return fingerprint(
            self.study.name,
            sorted((part.label, part.fingerprint) for part in self.parts_of_marts()),
            [asdict(material) for material in study_materials(self.study)],
            dbt_fingerprint(),
            STORAGE_VERSION,
        )

    def parts_of_marts(self) -> list[Part]:
        """Parts that the marts are built from, as the lake stands now."""
        return parts_of_marts(self.plan, self.missing_models())

    def prepare_marts(self, tables: Collection[str] = tuple(LAKE)) -> None:
        """Writes which models are missing, and links the parts that the marts are built from.

        Args:
            tables: lake tables that will be read.

        Raises:
            LakeIncompleteError: a part that every model needs is missing, or no model is computed.
        """
        missing = self.missing_models()
        require_parts(self.plan, self.home, missing, tables)
        part = missing_models_part(missing)
        if part.state(self.home.lake) is not State.DONE:
            self.write(part, missing_models_rows(missing), time.perf_counter())
        link_parts(self.home, parts_of_marts(self.plan, missing))

    @property
    def unpublished(self) -> str | None:
        """Why the published file has to be made again; None if it is whole and up to date."""
        file = self.home.published_file
        if file.exists() and (why := damage(file)) is not None:
            return why
        if published_identity(file) == self.fingerprint:
            return None
        why = "not published in its present state"
        options = published_options(file)
        if options is None or options == self.options:
            return why
        return (
            f"{why}: the published file is of a run with {options}. Run it without these options, "
            "or with them again"
        )

    @property
    def unfinished_products(self) -> str | None:
        """Why the published file or its report has to be made again; None if both are finished."""
        if (why := self.unpublished) is not None:
            return why
        if not is_current(self.home.published_file, self.home.report):
            return "the report is missing, changed, or older than the published file"
        return None

    def write(
        self,
        part: Part,
        frame: pl.DataFrame,
        started: float,
        details: Mapping[str, str] | None = None,
    ) -> WrittenPart:
        """Writes a computed part into the lake, and into the shared lake if there is one.

        Args:
            part: which part it is.
            frame: its rows.
            started: ``time.perf_counter()`` when its computation began.
            details: how it was made, in addition to the part's own details.
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
        self.sync.upload(part)
        return self.written(part)

    def written(self, part: Part) -> WrittenPart:
        """Describes a part that was computed here or by a worker."""
        self.sync.fetch_missing([part])
        path = part.path(self.home.lake)
        provenance = read_provenance(path)
        if provenance is None:
            raise FileNotFoundError(f"{path} is not there: run the study again")
        return WrittenPart(part, provenance, path.stat().st_size)

    def first_rows(self, part: Part, count: int) -> list[dict[str, Any]]:
        """The first rows of a part that is on disk, for a preview."""
        return first_rows(part.path(self.home.lake), count)

    def read(self, table: str, owner: Mapping[str, str]) -> pl.DataFrame:
        """Rows of a part, after its checksum is verified.

        Args:
            table: lake table.
            owner: values of its partition columns, as for ``Plan.part``.
        """
        part = self.plan.part(table, owner)
        self.sync.fetch_missing([part])
        return read_part(part.path(self.home.lake))

    def unfinished(self, parts: Iterable[Part]) -> list[Part]:
        """Selects the parts to compute: intact neither in this home nor in the shared lake.

        Raises:
            StoreError: the shared lake cannot be read.
        """
        return self.sync.unfinished(parts)

    def exchange(self, parts: Sequence[Part]) -> list[Part]:
        """As ``unfinished``; also uploads the parts that the shared lake lacks.

        Raises:
            StoreError: the shared lake cannot be read or written.
        """
        return self.sync.exchange(parts)
