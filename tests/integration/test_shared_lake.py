"""A lake on object storage: a second home computes nothing, and publishes the same tables.

Refused addresses and their messages are in ``unit/ingestion/test_store``.
"""

from __future__ import annotations

import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pytest
from click.testing import Result

from dagster_project.runtime.workspace import Workspace
from tests.helpers import studies

DAMAGED = "predictions/second/it"


@dataclass(frozen=True)
class Shared:
    """A bucket with the parts of a finished home; one part was damaged later."""

    address: str
    """Address of the lake."""
    first: Result
    """Run of the finished home."""
    part_count: int
    """Parts of the study."""


@pytest.fixture
def shared(tiny_study: Path, finished: Path, tmp_path: Path, bucket: str) -> Shared:
    address = f"s3://{bucket}/lakes"
    shutil.copytree(finished, tmp_path / "first" / "tiny")
    homes = ("--home", tmp_path / "first")
    first = studies.factroots("run", tiny_study, "--lake", address, *homes)
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    (damaged,) = system.ls(f"{bucket}/lakes/tiny/{DAMAGED}", detail=False)
    system.pipe_file(damaged, system.cat_file(damaged)[:-30])
    return Shared(address, first, len(parts(finished)) - len(["missing_models"]))


def parts(home: Path) -> dict[str, bytes]:
    lake = home / "lake"
    return {
        path.relative_to(lake).as_posix(): path.read_bytes()
        for path in lake.rglob("*.parquet")
        if not path.name.startswith("_")
    }


def assert_no_secret(home: Path, said: str) -> None:
    files = [path for path in home.rglob("*") if path.is_file()]
    for secret in studies.SECRETS.values():
        assert not [path for path in files if secret.encode() in path.read_bytes()]
        assert secret not in said


def test_a_second_home_has_every_part_but_the_damaged_one_without_computing(
    shared: Shared, finished: Path, tiny_study: Path, tmp_path: Path
) -> None:
    assert "Nothing to do" in shared.first.stdout, shared.first.stderr
    copied = f"{shared.address}/tiny: {shared.part_count} finished parts copied there"
    assert copied in shared.first.stderr
    workspace = Workspace(str(tiny_study), tmp_path / "second", lake=shared.address)
    (lacking,) = workspace.exchange(list(workspace.plan.parts()))
    assert lacking.label == "predictions second/it"
    expected = parts(finished)
    for name in ("missing_models/missing_models.parquet", f"{DAMAGED}.parquet"):
        del expected[name]
    assert parts(workspace.home.root) == expected
    assert_no_secret(workspace.home.root, shared.first.output)


def test_a_machine_without_the_study_or_its_facts_finds_what_it_needs(
    shared: Shared, tiny_study: Path, tmp_path: Path
) -> None:
    study = shutil.copytree(tiny_study.parent, tmp_path / "study") / tiny_study.name
    workspace = Workspace(str(study), tmp_path / "first", lake=shared.address)
    sent = pickle.dumps(workspace.for_workers())
    shutil.rmtree(study.parent)
    shutil.rmtree(tmp_path / "first")
    elsewhere = pickle.loads(sent)
    (model, *_) = elsewhere.plan.study.models
    owner = {"model_id": model.id, "language_code": "de"}
    part = elsewhere.plan.part("predictions", owner)
    assert elsewhere.unfinished([part]) == []
    assert len(elsewhere.read("predictions", owner)) == 16


@pytest.mark.slow
@pytest.mark.nightly
def test_a_second_home_publishes_the_same_tables(
    shared: Shared, finished: Path, tiny_study: Path, tmp_path: Path
) -> None:
    homes = ("--home", tmp_path / "second")
    second = studies.factroots("run", tiny_study, "--lake", shared.address, *homes)
    assert second.exit_code == 0, second.stderr
    assert "is damaged and will be recomputed" in second.stderr
    assert f"1 of {shared.part_count} parts of the lake to compute (1 missing)" in second.stderr
    home = tmp_path / "second" / "tiny"
    published = [root / "factroots.duckdb" for root in (finished, home)]
    result = studies.factroots("diff", *published, "--tolerance", "1e-5")
    assert result.exit_code == 0, result.stdout
    assert_no_secret(home, second.output)


def test_a_bucket_that_is_not_there_stops_a_run_before_it_computes(
    tiny_study: Path, bucket: str, tmp_path: Path
) -> None:
    arguments = ("run", tiny_study, "--home", tmp_path, "--lake", "s3://no-such-bucket/lakes")
    result = studies.factroots(*arguments)
    assert result.exit_code == 2
    assert "s3://no-such-bucket/lakes/tiny does not exist" in " ".join(result.stderr.split())
    assert not list(tmp_path.rglob("[a-z]*.parquet"))
