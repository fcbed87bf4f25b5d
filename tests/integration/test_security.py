"""What a run gives away, and what it leaves open to change: nothing.

That servers listen on loopback only is in ``test_nightly`` and ``test_ray``; pickles and remote
code in ``unit/models_gpu/loading/test_model_source``; paths of a restricted study in
``unit/dagster_project``; keys of a store in ``test_shared_lake``.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.helpers import studies

PACKAGES = ("dagster_project", "ingestion", "models_gpu", "warehouse")


def test_secrets_of_the_environment_are_in_no_file_that_a_run_leaves(finished: Path) -> None:
    files = [path for path in finished.rglob("*") if path.is_file()]
    assert {".db", ".parquet", ".duckdb", ".html"} <= {path.suffix for path in files}
    for name, secret in studies.SECRETS.items():
        telling = [path for path in files if secret.encode() in path.read_bytes()]
        assert telling == [], name


def test_secrets_are_not_told_when_a_run_fails(tiny_study: Path, tmp_path: Path) -> None:
    study = tmp_path / "broken.yml"
    text = tiny_study.read_text().replace("name: tiny", "name: broken").replace("./second", "nn/no")
    study.write_text(text.replace("facts.csv", str(tiny_study.parent / "facts.csv")))
    result = studies.factroots_process("run", study, "--home", tmp_path)
    assert result.returncode == 2
    for secret in studies.SECRETS.values():
        assert secret not in result.stdout + result.stderr


def test_the_published_file_is_not_for_writing(finished: Path) -> None:
    assert (finished / "factroots.duckdb").stat().st_mode & 0o222 == 0


def test_a_study_outside_of_its_folder_is_refused_on_the_command_line(
    tiny_study: Path, tmp_path: Path
) -> None:
    arguments = ("run", tiny_study, "--home", tmp_path, "--restrict")
    result = studies.factroots(*arguments, tmp_path)
    assert result.exit_code == 2
    assert "the study file lies outside" in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", PACKAGES)
def test_no_command_goes_through_a_shell(project: Path, package: str) -> None:
    calls = [
        node
        for path in (project / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    assert calls
    assert not [call for call in calls for word in call.keywords if word.arg == "shell"]
    assert not [call for call in calls if ast.unparse(call.func) in ("os.system", "os.popen")]
