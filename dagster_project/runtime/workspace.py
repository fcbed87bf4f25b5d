"""One study at work: the study file, its home, and the plan that follows from both.

Every command and every asset gets its paths and its plan here, so that they cannot disagree. The
study is read when the plan is first asked for, not before.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from dagster_project.dbt.project import dbt_version
from dagster_project.study.failures import MissingModel, missing_models
from dagster_project.study.home import Home
from dagster_project.study.plan import Part, Plan, State
from dagster_project.study.plan import unfinished as not_done
from dagster_project.study.resolve import resolve_study
from dagster_project.study.schema import Study, StudyError, load_study
from ingestion.lake import (
    Provenance,
    fingerprint,
    first_rows,
    part_path,
    read_part,
    read_provenance,
    write_part,
)
from ingestion.store import Store, StoreError, address_problem, part_name
from warehouse.publish import STORAGE_VERSION, published_identity

__all__ = ["Workspace", "WrittenPart"]

LOG = logging.getLogger("factroots")
T = TypeVar("T")
_TRANSFERS = 16
"""Parts that are exchanged with a store at once: most of the time is spent waiting for it."""


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
    lake: str | None = None
    """Where finished parts are shared, instead of where the study says."""

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
        if "://" not in address:
            folder = Path(address).resolve() if self.lake else self.study.locate(address).resolve()
            address = str(folder)
        return Store(f"{address.rstrip('/')}/{self.study.name}")

    @cached_property
    def plan(self) -> Plan:
        """Everything the study needs, with its inputs identified.

        Raises:
            StudyError: all that is wrong with the study: languages, models, inputs.
            StoreError: the shared lake cannot be read.
        """
        self._recall_models()
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

    def _recall_models(self) -> None:
        """A home without models takes over how the shared lake has them: hub models keep the commit
        at which any of the machines first resolved them."""
        store = None
        # A malformed study is told with all else that is wrong with it; what a restricted one names
        # is not opened before it is known to stay inside.
        with contextlib.suppress(StudyError):
            store = self.store if self.restrict is None or self.lake is not None else None
        if store is not None:
            path = part_path(self.home.lake, "models", {})
            if read_provenance(path) is None:
                store.fetch_newest(self.home.lake, path)

    def for_workers(self) -> Workspace:
        """The same, to be sent to another machine: with study and plan, so that both mean the same
        parts, but without the facts, which the lake has."""
        copy = replace(self)
        plan = Plan(replace(self.plan.study, facts=None))
        copy.__dict__.update(study=self.study, store=self.store, plan=plan)
        return copy

    def missing_models(self) -> list[MissingModel]:
        """Models of the study that are not computed whole, as the lake stands now."""
        return missing_models(self.plan, self.home)

    @property
    def identity(self) -> str:
        """Digest of everything a warehouse is built from that is published now."""
        missing = [asdict(model) for model in self.missing_models()]
        built_from = (self.plan.fingerprint(), missing, dbt_version(), STORAGE_VERSION)
        return fingerprint(self.study.name, *built_from)

    @property
    def is_published(self) -> bool:
        """Whether the published file is what the lake and the dbt project would build now."""
        return published_identity(self.home.published_file) == self.identity

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
        if self.store is not None:
            self._upload(part)
        return self.written(part)

    def written(self, part: Part) -> WrittenPart:
        """A part that is on disk, or was computed elsewhere."""
        self._bring([part])
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
        self._bring([part])
        return read_part(part.path(self.home.lake))

    def unfinished(self, parts: Iterable[Part]) -> list[Part]:
        """Parts that have to be computed: neither in this home nor, whole, in the shared lake.

        Raises:
            StoreError: the shared lake cannot be read.
        """
        lacking = not_done(parts, self.home.lake)
        brought = self._fetch(lacking) if lacking else set()
        return [part for part in lacking if part.label not in brought]

    def exchange(self, parts: Sequence[Part]) -> list[Part]:
        """As ``unfinished``; and what this home has and the shared lake lacks is copied there.

        Raises:
            StoreError: the shared lake cannot be read or written.
        """
        lacking = not_done(parts, self.home.lake)
        if self.store is None:
            return lacking
        shared = self.store.names()
        brought = self._fetch([part for part in lacking if self._name(part) in shared])
        if brought:
            LOG.info("%s: %d finished parts fetched", self.store.address, len(brought))
        whole = {part.label for part in parts} - {part.label for part in lacking}
        self._copy([part for part in parts if part.label in whole], shared)
        return [part for part in lacking if part.label not in brought]

    def share(self, parts: Iterable[Part]) -> None:
        """Copy the finished parts that the shared lake lacks to it: an earlier run could not.

        Raises:
            StoreError: the shared lake cannot be read or written.
        """
        if self.store is not None:
            done = (part for part in parts if part.state(self.home.lake) is State.DONE)
            self._copy(done, self.store.names())

    def _copy(self, parts: Iterable[Part], shared: Container[str]) -> None:
        assert self.store is not None, "asked before"
        new = [part for part in parts if self._name(part) not in shared]
        _side_by_side(self._upload, new)
        if new:
            LOG.info("%s: %d finished parts copied there", self.store.address, len(new))

    def _bring(self, parts: Iterable[Part]) -> None:
        """Have what another machine computed here, too."""
        if self.store is not None:
            self._fetch(part for part in parts if part.state(self.home.lake) is not State.DONE)

    def _fetch(self, parts: Iterable[Part]) -> set[str]:
        """Labels of the parts that the shared lake had."""
        store, lake = self.store, self.home.lake
        if store is None:
            return set()
        wanted = list(parts)
        found = _side_by_side(
            lambda part: store.fetch(lake, part.path(lake), part.fingerprint), wanted
        )
        return {part.label for part, is_there in zip(wanted, found, strict=True) if is_there}

    def _upload(self, part: Part) -> None:
        assert self.store is not None, "asked before"
        lake = self.home.lake
        self.store.upload(lake, part.path(lake), part.fingerprint)

    def _name(self, part: Part) -> str:
        """The part's name in a shared lake."""
        return part_name(self.home.lake, part.path(self.home.lake), part.fingerprint)


def _side_by_side(action: Callable[[Part], T], parts: Sequence[Part]) -> list[T]:
    """Results in the order of the parts; the first failure ends it."""
    if len(parts) < 2:
        return [action(part) for part in parts]
    with ThreadPoolExecutor(_TRANSFERS) as pool:
        return list(pool.map(action, parts))
