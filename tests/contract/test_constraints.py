"""The versions that ``make`` installs: one for each requirement, and allowed by it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


@pytest.fixture(scope="module")
def pins(project: Path) -> dict[str, Version]:
    """Package → version, from ``constraints.txt``."""
    lines = (project / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    assert len(pairs) > 150
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def requirements(project: Path) -> list[Requirement]:
    """What ``pyproject.toml`` asks for, with every extra."""
    described = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = described["optional-dependencies"].values()
    return [Requirement(t) for t in (*described["dependencies"], *(t for e in extras for t in e))]


def test_every_requirement_is_pinned_to_a_version_that_it_allows(
    project: Path, pins: dict[str, Version]
) -> None:
    wrong = [
        f"{needed}: {pins.get(canonicalize_name(needed.name))}"
        for needed in requirements(project)
        if (pin := pins.get(canonicalize_name(needed.name))) is None or pin not in needed.specifier
    ]
    assert wrong == [], "make lock writes the versions again"


def test_no_version_is_of_this_machine_alone(pins: dict[str, Version]) -> None:
    # Parts of OpenTelemetry, which Ray needs, have never had a final release.
    others = {name: pin for name, pin in pins.items() if not name.startswith("opentelemetry-")}
    assert [
        name for name, version in others.items() if version.local or version.is_prerelease
    ] == []
    assert "factroots" not in pins


def test_torch_has_no_upper_limit_in_the_package(project: Path) -> None:
    [torch] = [needed for needed in requirements(project) if needed.name == "torch"]
    assert "9999" in torch.specifier


def test_make_installs_nothing_without_the_constraints(project: Path) -> None:
    makefile = (project / "Makefile").read_text(encoding="utf-8")
    constrained = "--constraint $(CONSTRAINTS)"
    assert f"INSTALL := $(PIP) install --no-compile $(if $(CONSTRAINTS),{constrained})" in makefile
    # zensical has an environment of its own, with its exact version.
    installs = re.findall(r"^\t.*pip.* install .*$", makefile, flags=re.MULTILINE)
    assert all("$(ZENSICAL)" in line for line in installs)
