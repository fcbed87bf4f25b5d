"""Damaged and missing files next to the lake: each is found, named and made again by a run."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

import warehouse.report.page
from dagster_project.dbt.project import manifest_version
from dagster_project.runtime.workspace import Workspace
from tests.helpers import studies
from warehouse.report.stamp import STAMP, is_current


def flip(path: Path, count: int = 40, seed: int = 2) -> None:
    """Change some bytes of a file."""
    content = bytearray(path.read_bytes())
    chosen = random.Random(seed)
    for _ in range(count):
        content[chosen.randrange(len(content))] ^= 0xFF
    path.chmod(0o644)
    path.write_bytes(content)


def run(study: Path, home: Path) -> str:
    """What a run that ends well says."""
    result = studies.factroots("run", study, "--home", home.parent)
    assert result.exit_code == 0, result.stderr
    assert "Traceback" not in result.stderr
    return " ".join((result.stdout + result.stderr).split())


def tables(home: Path) -> dict[str, list[tuple[object, ...]]]:
    return studies.published_tables(home / "factroots.duckdb")


@pytest.mark.nightly
def test_damaged_files_are_named_and_made_again(
    tiny_study: Path, finished: Path, home: Path
) -> None:
    flip(home / "factroots.duckdb")
    status = studies.factroots("status", tiny_study, "--home", home.parent).stdout
    assert "factroots.duckdb was changed after it was published" in " ".join(status.split())
    schema = home / "lake" / "facts" / "_schema.parquet"
    schema.write_bytes(b"")
    flip(home / "lake" / "prompts" / "_schema.parquet", 3)
    manifest = home / "build" / "target" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-1000])
    # It has to be the manifest of this place: else it is made again without a look at it.
    workspace = Workspace(str(tiny_study), home.parent)
    version = manifest_version(workspace.study, workspace.home)
    manifest.with_name("manifest.version").write_text(version)
    runs, events = (home / "dagster" / name for name in ("history/runs.db", "event_log.db"))
    flip(events, 4000)
    runs.write_bytes(b"not a database" * 100)
    said = run(tiny_study, home)
    assert "factroots.duckdb was changed after it was published" in said
    for path in (schema, home / "lake" / "prompts" / "_schema.parquet", manifest, runs, events):
        assert f"{path}: damaged" in said or f"{path} is damaged" in said, path
    assert tables(home) == tables(finished)
    assert "Nothing to do" in run(tiny_study, home)


def test_a_run_whose_report_is_missing_or_older_is_not_finished(
    tiny_study: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, stamp = home / "report" / "report.html", home / "report" / STAMP
    published = (home / "factroots.duckdb").stat().st_mtime_ns

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    shutil.rmtree(home / "report")
    with monkeypatch.context() as patch:
        patch.setattr(warehouse.report.page, "make_page", full)
        result = studies.factroots("run", tiny_study, "--home", home.parent)
        assert result.exit_code == 2
    assert "the report is missing" in run(tiny_study, home)
    assert page.exists()
    made = page.read_bytes()
    older = json.loads(stamp.read_text()) | {"publication": "another"}
    for harm in (
        lambda: stamp.write_text(json.dumps(older)),
        lambda: page.write_bytes(made[:-10]),
        lambda: stamp.write_bytes(b"\xff"),
    ):
        harm()
        assert not is_current(home / "factroots.duckdb", home / "report")
    assert "the report is missing" in run(tiny_study, home)
    assert page.read_bytes() == made
    assert "Nothing to do" in run(tiny_study, home)
    # Only the report was made again.
    assert (home / "factroots.duckdb").stat().st_mtime_ns == published
