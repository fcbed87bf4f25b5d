"""Arranges the folders of this repository as one import package, ``factroots``, in the wheel.

In the repository each package has a top-level folder. As top-level names of an installed
distribution, ``ingestion`` or ``warehouse`` would hide modules of others. So the wheel has
``factroots.ingestion``, ``factroots.dbt`` and so on, and ``factroots.py`` is
``factroots/__init__.py``. Names of modules in the source text get the prefix while it is copied. An
editable installation keeps the folders and names of the repository. Everything else about the
package is in ``pyproject.toml``; the reasons are in ``docs/architecture.md``.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

NAME = "factroots"
FOLDERS = ("dagster_project", "ingestion", "models_gpu", "warehouse")
DATA = {
    "": ["dbt/*.yml"]
    + [
        f"dbt/{part}/**/*.{kind}"
        for part in ("macros", "models", "seeds", "tests")
        for kind in ("sql", "yml", "csv", "md")
    ],
    "dagster_project": ["py.typed", "studies/*.yml"],
    "ingestion": [
        "py.typed",
        "*.csv",
        "atlas/*.md",
        "atlas/*.csv",
        "atlas/*.yml",
        "atlas/*.parquet",
    ],
    "models_gpu": ["py.typed", "loading/*.yml", "atlas/weights/*/*"],
    # Not the folders that studies leave in ``warehouse``.
    "warehouse": ["py.typed", "*.md", "queries/**/*.sql", "report/templates/*"],
}
"""Files other than modules, in each folder; the repository itself stands for the dbt project."""


def is_module(dotted: str) -> bool:
    """Whether a dotted name is a module or package of this repository."""
    path = Path(*dotted.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def with_prefix(source: str) -> str:
    """Puts ``factroots.`` before every name of a module of this repository.

    Python's imports have such names, and so do strings that Python or Dagster imports later, and
    docstrings. Lines stay where they are.
    """
    packages = "|".join(FOLDERS)

    def longer(match: re.Match[str]) -> str:
        # ``ingestion.lake.read_part`` names a module and a function.
        parts = match[0].split(".")
        named = any(is_module(".".join(parts[:end])) for end in range(len(parts), 1, -1))
        return f"{NAME}.{match[0]}" if named else match[0]

    source = re.sub(rf"(?<![\w./])(?:{packages})(?:\.\w+)+", longer, source)
    return re.sub(rf"^(\s*from )({packages})(?= import )", rf"\1{NAME}.\2", source, flags=re.M)


class BuildPy(build_py):
    """Copies the modules of the wheel, with the names that they have there."""

    def run(self) -> None:
        """Copies everything; what an earlier build left would travel in the wheel."""
        if not self.editable_mode:
            shutil.rmtree(Path(self.build_lib, NAME), ignore_errors=True)
        super().run()
        if not self.editable_mode:
            Path(self.build_lib, NAME, "py.typed").touch()

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        """Lists the modules of a package; the root package is one file of the repository."""
        if package == NAME:
            return [(NAME, "__init__", f"{NAME}.py")]
        return super().find_package_modules(package, package_dir)

    def build_module(self, module: str, module_file: str, package: str) -> tuple[str, bool]:
        """Copies a module, with the prefix in its text unless the installation is editable."""
        copied: tuple[str, bool] = super().build_module(module, module_file, package)
        if not self.editable_mode:
            text = Path(module_file).read_text(encoding="utf-8")
            Path(copied[0]).write_text(with_prefix(text), encoding="utf-8")
        return copied


def layout() -> dict[str, object]:
    """Packages, their folders and their data: as in the repository, or as in the wheel."""
    found = find_packages(include=[f"{folder}*" for folder in FOLDERS])
    if "editable_wheel" in sys.argv:
        return {"packages": found, "py_modules": [NAME]}
    return {
        "packages": [NAME, *(f"{NAME}.{package}" for package in found)],
        "package_dir": {NAME: "", **{f"{NAME}.{folder}": folder for folder in FOLDERS}},
        "package_data": {f"{NAME}.{folder}".rstrip("."): files for folder, files in DATA.items()},
    }


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildPy}, include_package_data=False, **layout())
