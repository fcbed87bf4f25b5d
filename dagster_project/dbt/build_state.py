"""What the private build file holds: each model and test with the inputs that it was built from.

The state is kept in the file itself, so it cannot outlive what it describes. A model is *current*
if it was built from the parts, the SQL and the variables that it would be built from now. The
file may be published when all models are current and all tests have passed on them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagster_project.dbt.project import dbt_fingerprint
from dagster_project.steps.plan import Part
from ingestion.contract import LAKE
from ingestion.lake import fingerprint
from warehouse.build_file import add_made_from, drop_made_from, read_made_from

__all__ = ["READS_ALL_PARTS", "BuildState"]

READS_ALL_PARTS = "macro.factroots.lake_glob"
"""Macro of the models that read the footers of all parts."""
_DONE = ("success", "pass")
_KINDS = ("model", "seed", "test")


@dataclass(frozen=True)
class BuildState:
    """State of the build file, compared with what a build would read now."""

    nodes: Mapping[str, Any]
    """dbt's nodes by their ids, as in ``manifest.json``."""
    build_file: Path
    """File that dbt writes."""
    wanted: Mapping[str, str]
    """dbt's id of a model, seed or test → hash of all that it is made from now."""

    @classmethod
    def of(
        cls, nodes: Mapping[str, Any], build_file: Path, variables: str, parts: Iterable[Part]
    ) -> BuildState:
        """Compares with a build of now.

        Args:
            nodes: dbt's nodes by their ids.
            build_file: file that dbt writes.
            variables: dbt's variables: views contain the lake's path, and so end with a home
                that is moved.
            parts: parts that dbt reads.
        """
        by_table: dict[str, list[tuple[str, str]]] = {}
        for part in parts:
            by_table.setdefault(part.table, []).append((part.label, part.fingerprint))
        shared = (dbt_fingerprint(), variables)
        wanted = {}
        for name, node in nodes.items():
            if node["resource_type"] in _KINDS:
                tables = sorted(_tables(nodes, name, by_table))
                wanted[name] = fingerprint(*shared, [sorted(by_table[table]) for table in tables])
        return cls(nodes, build_file, wanted)

    def current(self) -> set[str]:
        """Models, seeds and tests that the file has as they would be built now."""
        found = read_made_from(self.build_file)
        return {name for name, made_from in self.wanted.items() if found.get(name) == made_from}

    def unfinished(self) -> list[str]:
        """Names of models that are not current, and of tests that have not passed on them."""
        current = self.current()
        return [self.nodes[name]["name"] for name in self.wanted if name not in current]

    def to_build(self, chosen: Collection[str]) -> set[str]:
        """Adds to the chosen models those that they read and that are not current."""
        current = self.current()
        found: set[str] = set()
        todo = list(chosen)
        while todo:
            name = todo.pop()
            if name in found:
                continue
            found.add(name)
            todo += [parent for parent in self._parents(name) if parent not in current]
        return found

    def to_test(self, built: Collection[str], asked: Collection[str] = ()) -> set[str]:
        """Tests whose models are all current or built now, about some of these or asked by name."""
        known = self.current() | set(built)
        return {
            name
            for name, node in self.nodes.items()
            if node["resource_type"] == "test"
            and (parents := set(self._parents(name))) <= known
            and (parents & set(built) or node["name"] in asked)
        }

    def tables(self, names: Iterable[str]) -> set[str]:
        """Lake tables that these nodes read, themselves or by the models that they read."""
        return {table for name in names for table in _tables(self.nodes, name, LAKE)}

    def forget(self, names: Iterable[str] | None = None) -> None:
        """Removes what is recorded of these nodes; of all, with the file, without names."""
        if names is not None and read_made_from(self.build_file):
            drop_made_from(self.build_file, names)
            return
        # A killed run may have left a dbt process behind that still writes to the old file.
        for path in (self.build_file, self.build_file.with_name(f"{self.build_file.name}.wal")):
            path.unlink(missing_ok=True)

    def record(self, run_results: Path) -> None:
        """Records what dbt built and which tests passed, by its ``run_results.json``."""
        try:
            results = json.loads(run_results.read_text(encoding="utf-8"))["results"]
        except FileNotFoundError:
            return
        done = [each["unique_id"] for each in results if each["status"] in _DONE]
        made_from = {name: self.wanted[name] for name in done if name in self.wanted}
        add_made_from(self.build_file, made_from)

    def _parents(self, name: str) -> list[str]:
        return _parents(self.nodes, name)


def _parents(nodes: Mapping[str, Any], name: str) -> list[str]:
    """Models and seeds that a node reads."""
    return [each for each in nodes[name]["depends_on"].get("nodes", ()) if each in nodes]


def _tables(nodes: Mapping[str, Any], name: str, known: Collection[str]) -> set[str]:
    """Lake tables with parts that a node reads, itself or by the models that it reads."""
    found: set[str] = set()
    seen, todo = {name}, [name]
    while todo:
        each = todo.pop()
        depends_on = nodes[each]["depends_on"]
        if READS_ALL_PARTS in depends_on.get("macros", ()):
            return set(known)
        found |= {key.rpartition(".")[2] for key in depends_on.get("nodes", ()) if key not in nodes}
        new = [parent for parent in _parents(nodes, each) if parent not in seen]
        seen.update(new)
        todo += new
    return found & set(known)
