"""The parts that a study needs in its lake, and the state of each on disk.

A part has the fingerprint of everything that it is computed from: inputs, model weights, tokenizer,
settings that change rows, and the version of the code. A part on disk with the same fingerprint is
done; one with another fingerprint is stale. Its footer alone tells which. The steps fill the plan
(``dagster_project.steps.registry``); the command line, the assets and ``status`` read it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from dagster_project.study.resolved import ResolvedStudy
from ingestion.contract import LAKE
from ingestion.lake import LakeError, fingerprint, part_path, read_provenance, verify_part

__all__ = ["Part", "Plan", "State", "unfinished"]

LOG = logging.getLogger("factroots")


class State(StrEnum):
    """What is on disk, compared with what the study needs."""

    DONE = "done"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True)
class Part:
    """One Parquet file that the study needs."""

    table: str
    """Lake table."""
    partition: Mapping[str, str]
    """Partition column → value."""
    fingerprint: str
    """Hash of everything that it is computed from."""
    code_version: str
    """Version of the code that computes it."""
    details: Mapping[str, str] = field(default_factory=dict)
    """What identifies its inputs to a person: revision, dtype, tokenizer hash."""

    @property
    def label(self) -> str:
        """Name for people: ``predictions mbert/en``."""
        return " ".join([self.table, "/".join(self.partition.values())]).strip()

    def path(self, lake: Path) -> Path:
        """Its file in the lake."""
        return part_path(lake, self.table, self.partition)

    def state(self, lake: Path) -> State:
        """Compares its fingerprint with the one in the file's footer."""
        path = self.path(lake)
        made_by = read_provenance(path)
        if made_by is None:
            return State.STALE if path.exists() else State.MISSING
        return State.DONE if made_by.fingerprint == self.fingerprint else State.STALE

    def damage(self, lake: Path) -> str | None:
        """Describes what is wrong with the bytes of its file; None if they are as written."""
        try:
            verify_part(self.path(lake))
        except LakeError as error:
            return str(error)
        return None


@dataclass(frozen=True)
class Plan:
    """All parts of one study."""

    study: ResolvedStudy
    """The study, with its inputs identified."""
    index: dict[tuple[str, ...], Part] = field(default_factory=dict)
    """(Table, partition values in the contract's order) → part, in the order of the steps."""

    def add(self, parts: Iterable[Part]) -> None:
        """Adds the parts of a step; those of the steps that it depends on are there already."""
        self.index.update({_key(part.table, part.partition): part for part in parts})

    def parts(self) -> list[Part]:
        """All parts, each after those that it is computed from."""
        return list(self.index.values())

    def part(self, table: str, owner: Mapping[str, str] | None = None) -> Part:
        """The part of a table that belongs to a model or corpus in a language.

        Args:
            table: lake table.
            owner: values of its partition columns; others are ignored.

        Raises:
            KeyError: the study has no such part.
        """
        return self.index[_key(table, owner or {})]

    def parts_of(self, tables: Iterable[str], owner: Mapping[str, str]) -> list[Part]:
        """The parts of these tables that the study has, addressed as in ``part``."""
        keys = (_key(table, owner) for table in tables)
        return [self.index[key] for key in keys if key in self.index]

    def fingerprint(self) -> str:
        """Hash over all parts: equal for two lakes that build the same warehouse."""
        return fingerprint(sorted((part.label, part.fingerprint) for part in self.parts()))


def _key(table: str, owner: Mapping[str, str]) -> tuple[str, ...]:
    return (table, *(owner[column] for column in LAKE[table].partition_by))


def unfinished(parts: Iterable[Part], lake: Path) -> list[Part]:
    """Selects the parts to compute: missing, stale, or damaged on disk. Damage is logged."""
    found = []
    for part in parts:
        if part.state(lake) is not State.DONE:
            found.append(part)
        elif (damage := part.damage(lake)) is not None:
            LOG.warning("%s: %s", part.label, damage)
            found.append(part)
    return found
