"""Commands that read results find them by the study's name, and start without heavy modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dagster_project.study.finished import study_home
from dagster_project.study.schema import StudyError


def test_a_mistake_in_a_study_file_hides_no_finished_warehouse(tmp_path: Path) -> None:
    study = tmp_path / "mine.yml"
    study.write_text("name: mine\nfakts: {kind: table}\nmodels: []\n", encoding="utf-8")
    assert study_home(str(study), tmp_path).root == tmp_path.resolve() / "mine"
    assert study_home("atlas", tmp_path).root == tmp_path.resolve() / "atlas"


@pytest.mark.parametrize("name", ["name: ../up", "name: [a]", "nom: a", "- a", "name: {"])
def test_a_file_without_a_usable_name_is_refused_as_a_study(tmp_path: Path, name: str) -> None:
    study = tmp_path / "mine.yml"
    study.write_text(f"{name}\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"mine\.yml"):
        study_home(str(study), tmp_path)
    with pytest.raises(StudyError, match="no such file"):
        study_home(str(tmp_path / "none.yml"), tmp_path)


def test_help_and_readers_import_no_heavy_module() -> None:
    code = (
        "import sys; import dagster_project.cli.main, warehouse.query; "
        "print(sorted({'polars', 'pyarrow', 'torch', 'dagster', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
