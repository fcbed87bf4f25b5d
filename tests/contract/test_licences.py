"""The licences of the default installation, and that the check can fail."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def licences(project: Path) -> ModuleType:
    """The module ``.ci/licences.py``."""
    spec = importlib.util.spec_from_file_location("licences", project / ".ci" / "licences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_package_of_the_default_installation_is_copyleft(project: Path) -> None:
    command = [sys.executable, project / ".ci" / "licences.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert listed["opencc"] == "Apache Software License"
    # What packages need that factroots needs, through an extra of theirs as well.
    assert {"torch", "mpmath", "gitdb", "watchfiles"} <= listed.keys()
    assert not {"zhconv", "pytest", "ray"} & listed.keys()


@pytest.mark.parametrize(
    ("licence", "reason"),
    [
        ("MIT", None),
        ("Apache Software License", None),
        ("MPL-2.0 OR MIT", None),
        ("GPL-2.0-or-later OR Apache-2.0", None),
        ("GPLv2+", "copyleft"),
        ("GNU General Public License v3 (GPLv3)", "copyleft"),
        ("GNU Lesser General Public License v2 (LGPLv2)", "copyleft"),
        ("AGPL-3.0-only", "copyleft"),
        ("MIT AND GPL-3.0-only", "copyleft"),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", "copyleft"),
        ("Mozilla Public License 2.0 (MPL 2.0)", "copyleft"),
        ("Elastic License 2.0", "copyleft"),
        ("CC-BY-NC-4.0", "copyleft"),
        ("Proprietary", "a licence that nobody has looked at"),
        ("", "declares no licence"),
    ],
)
def test_a_licence_is_refused_for_a_reason(
    licences: ModuleType, licence: str, reason: str | None
) -> None:
    assert licences.problem("some-package", licence) == reason


def test_a_real_package_under_the_gpl_is_refused(licences: ModuleType) -> None:
    licence = licences.licence_of(metadata.distribution("zhconv"))
    assert licences.problem("zhconv", licence) == "copyleft"


def test_reviewed_packages_are_installed_and_would_be_refused_otherwise(
    licences: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nothing needs any more is deleted."""
    installed = {package.metadata["Name"] for package in licences.default_packages()}
    reviewed = licences.REVIEWED
    monkeypatch.setattr(licences, "REVIEWED", {})
    for name in reviewed:
        assert name in installed
        licence = licences.licence_of(metadata.distribution(name))
        assert licences.problem(name, licence) is not None
