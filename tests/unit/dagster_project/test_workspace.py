"""What a workspace says of the published file."""

from __future__ import annotations

from pathlib import Path

from dagster_project.runtime.workspace import Workspace
from dagster_project.study.load import Narrowing
from tests.helpers import studies
from tests.helpers.small_files import write_file
from warehouse.publish import publish


def test_a_file_of_a_part_of_the_study_is_named_with_the_options_of_its_run(tmp_path: Path) -> None:
    study, homes = studies.write_study(tmp_path / "study"), tmp_path / "homes"
    part = Workspace(
        str(study), homes, only_languages=("de", "en"), narrowing=Narrowing(("P36",), sample=4)
    )
    options = "--languages de,en --relations P36 --sample 4"
    assert part.options == options
    whole = Workspace(str(study), homes)
    assert whole.options is None
    whole.home.root.mkdir(parents=True)
    build = write_file(tmp_path / "build.duckdb")
    publish(build, whole.home.published_file, part.fingerprint, options=part.options)
    assert part.unpublished is None
    assert f"the published file is of a run with {options}." in str(whole.unpublished)
    publish(build, whole.home.published_file, "another", options=whole.options)
    assert whole.unpublished == "not published in its present state"
