"""The dependency rule: data flows one way, and so do imports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FORBIDDEN = {
    "ingestion": {
        "dagster",
        "dagster_dbt",
        "duckdb",
        "torch",
        "models_gpu",
        "dagster_project",
        "warehouse",
    },
    "models_gpu": {"dagster", "dagster_dbt", "duckdb", "ingestion", "dagster_project", "warehouse"},
    "warehouse": {"dagster", "dagster_dbt", "torch", "ingestion", "models_gpu", "dagster_project"},
    "dagster_project": {"duckdb", "torch", "transformers", "numpy"},
}
# The columns of a lake table are declared once, for those who compute them too. Errors that a
# user can fix have one base class. Files of a restricted study are opened in one place.
ALLOWED = {
    "models_gpu": {"ingestion.contract", "ingestion.errors", "ingestion.restricted"},
    "warehouse": {"ingestion.errors"},
}


def imported(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports, or imports from."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_a_package_imports_nothing_from_further_down_the_flow(project: Path, package: str) -> None:
    modules = sorted((project / package).rglob("*.py"))
    assert modules
    found = {
        str(path): {
            name
            for name in imported(path) - ALLOWED.get(package, set())
            if name.split(".")[0] in FORBIDDEN[package]
        }
        for path in modules
    }
    assert {path: names for path, names in found.items() if names} == {}


def test_dbt_is_not_a_python_package(project: Path) -> None:
    assert not list((project / "dbt").rglob("__init__.py"))
