"""dbt's models as assets in Dagster's UI: key, owner, description, columns and their lineage.

Descriptions come from dbt's yml files and the lake contract, groups from ``dbt_project.yml``.
Dagster's open-source UI draws no column lineage, so each column's description also names its
origins.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from dagster_project.dbt.build_state import READS_ALL_PARTS
from dagster_project.dbt.lineage import Lineage
from dagster_project.defs.asset_specs import (
    OWNERS,
    column_constraints,
    key_prefix,
    lake_key,
    sql_type,
)
from ingestion.contract import LAKE

__all__ = ["Translator", "primary_key"]

_WORKING_SCHEMAS = ("staging", "intermediate")
"""Schemas that are not published: in an asset key they would only repeat the model's name."""


class Translator(DagsterDbtTranslator):
    """dbt's nodes as assets.

    Args:
        manifest: dbt's ``manifest.json``.
        lineage: what columns are computed from; may be empty.
    """

    def __init__(self, manifest: Mapping[str, Any], lineage: Lineage) -> None:
        super().__init__()
        self._nodes: dict[str, Any] = {**manifest["sources"], **manifest["nodes"]}
        self._lineage = lineage

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Lake tables below ``lake``; models by name, below their schema if it is published."""
        if dbt_resource_props["config"].get("schema") in _WORKING_SCHEMAS:
            return dg.AssetKey([*key_prefix(), dbt_resource_props["name"]])
        key: dg.AssetKey = super().get_asset_key(dbt_resource_props)
        return dg.AssetKey([*key_prefix(), *key.path])

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """A model that reads the parts of all tables comes after them, as dbt cannot know."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        macros = self._nodes[unique_id].get("depends_on", {}).get("macros", ())
        if READS_ALL_PARTS not in macros:
            return spec
        known = {dep.asset_key for dep in spec.deps}
        more = [dg.AssetDep(key) for key in map(lake_key, LAKE) if key not in known]
        return spec.replace_attributes(deps=[*spec.deps, *more])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG002
        """The same as of all assets."""
        return OWNERS

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Describes what a row is, with the key, the SQL and the check constraints."""
        parts = [dbt_resource_props["description"]]
        if key := primary_key(dbt_resource_props):
            parts.append(f"Key: {', '.join(key)}.")
        if code := dbt_resource_props.get("raw_code"):
            parts.append(f"#### SQL\n```sql\n{code}\n```")
        rules = dbt_resource_props.get("constraints", ())
        if checks := [f"- `{rule['expression']}`" for rule in rules if rule["type"] == "check"]:
            parts.append("\n".join(["#### True of every row", *checks]))
        return "\n\n".join(parts)

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """Lists the columns with their meaning and lineage."""
        identifier = dbt_resource_props["unique_id"]
        described = dbt_resource_props["columns"]
        origins = self._lineage.get(identifier, {})
        key = primary_key(dbt_resource_props)
        metadata = dict(super().get_metadata(dbt_resource_props))
        metadata["dagster/column_schema"] = dg.TableSchema(
            columns=[
                dg.TableColumn(
                    name,
                    described.get(name, {}).get("data_type") or self._type(origins.get(name, ())),
                    description=self._description(identifier, name),
                    constraints=column_constraints(
                        key, name, is_nullable=not _is_required(described.get(name, {}))
                    ),
                )
                for name in described or origins
            ],
        )
        if origins:
            metadata["dagster/column_lineage"] = dg.TableColumnLineage(
                {name: list(self._dependencies(made_of)) for name, made_of in origins.items()}
            )
        return metadata

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        """Describes a dbt test by its description."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        return spec._replace(description=self._nodes[unique_id]["description"] or None)

    def _dependencies(self, origins: Iterable[tuple[str, str]]) -> Iterable[dg.TableColumnDep]:
        for parent, column in origins:
            yield dg.TableColumnDep(self.get_asset_key(self._nodes[parent]), column)

    def _description(self, identifier: str, column: str) -> str | None:
        """Describes what a column means and what it is computed from."""
        made_of = ", ".join(
            _link(self.get_asset_key(self._nodes[parent])) + (f".{name}" if name != column else "")
            for parent, name in self._lineage.get(identifier, {}).get(column, ())
        )
        texts = [self._meaning(identifier, column), f"From {made_of}" if made_of else ""]
        return "\n\n".join(filter(None, texts)) or None

    def _type(self, origins: Iterable[tuple[str, str]]) -> str:
        """Type of a column without a declared one: staging keeps the types of the lake."""
        for parent, column in origins:
            node = self._nodes[parent]
            if node["resource_type"] == "source":
                return sql_type(LAKE[node["name"]].schema.field(column).type)
        return "?"

    def _meaning(self, identifier: str, column: str) -> str:
        """Returns a column's description, or that of the same column in a parent."""
        described = self._nodes[identifier]["columns"].get(column, {}).get("description")
        if described:
            return str(described)
        passed_on = (
            self._meaning(parent, name)
            for parent, name in self._lineage.get(identifier, {}).get(column, ())
            if name == column
        )
        return next(filter(None, passed_on), "")


def primary_key(node: Mapping[str, Any]) -> list[str]:
    """Columns of a dbt node's primary key; empty if it declares none."""
    keys = (
        rule["columns"] for rule in node.get("constraints", ()) if rule["type"] == "primary_key"
    )
    return list(next(keys, ()))


def _is_required(column: Mapping[str, Any]) -> bool:
    return any(rule["type"] == "not_null" for rule in column.get("constraints", ()))


def _link(key: dg.AssetKey) -> str:
    name = key.to_user_string()
    return f"[{name}](/assets/{name})"
