"""The wheel: what is in it, and that it runs without the checkout."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.helpers import studies
from tests.helpers.wheels import TOP_LEVEL, build_wheel, clean_environment, run

NOT_IN_THE_WHEEL = ("warehouse/report/pictures/",)
"""Pictures of the documentation."""
STUDY = """\
name: tiny
facts: {kind: table, path: facts.csv}
languages: all
attribution: {probeless: {top: 5, bins: 4, forced: 6}}
models: [{id: first, source: ./first}]
corpora: [{id: texts, kind: text, path: "texts/{language}.txt"}]
"""


@pytest.fixture(scope="module")
def wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(project, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the wheel's files, as in site-packages."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_has_every_file_of_the_packages_and_of_dbt(project: Path, unpacked: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *TOP_LEVEL, "dbt"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    wanted = {
        name
        for name in listed.split("\0")
        if name and not name.startswith(NOT_IN_THE_WHEEL) and (project / name).exists()
    }
    package = unpacked / "factroots"
    found = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    assert "dbt/dbt_project.yml" in wanted
    assert found == wanted | {"__init__.py", "py.typed"}


def test_the_wheel_claims_one_name(unpacked: Path) -> None:
    assert sorted(path.name for path in unpacked.iterdir() if path.suffix != ".dist-info") == [
        "factroots"
    ]
    [claimed] = unpacked.glob("*.dist-info/top_level.txt")
    assert claimed.read_text().split() == ["factroots"]


def test_no_module_of_the_wheel_names_a_package_without_the_prefix(
    project: Path, unpacked: Path
) -> None:
    """Imports, and text from which a library imports a module later."""
    dotted = re.compile(rf"[\w.]*\b(?:{'|'.join(TOP_LEVEL)})(?:\.\w+)+")
    seen, found = 0, []
    for path in sorted(unpacked.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        names = [name for name in dotted.findall(text) if _is_module(project, name)]
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names.append(str(node.module))
        seen += sum(name.startswith("factroots.") for name in names)
        found += [f"{path}: {name}" for name in names if name.split(".")[0] in TOP_LEVEL]
    assert seen > 500
    assert found == []


def _is_module(project: Path, dotted: str) -> bool:
    """Whether the repository has such a module, or one that contains it."""
    path = project.joinpath(*dotted.removeprefix("factroots.").split(".")[:2])
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@pytest.mark.nightly
def test_a_study_runs_from_the_wheel_where_others_have_modules_of_our_names(
    unpacked: Path, tmp_path: Path
) -> None:
    """Each of the repository's package names is a module that fails, before ours on the path."""
    decoys, user, elsewhere = (tmp_path / name for name in ("decoys", "user", "elsewhere"))
    for folder in (decoys, user, elsewhere):
        folder.mkdir()
    for name in TOP_LEVEL:
        (decoys / f"{name}.py").write_text(f"raise AssertionError('{name} of somebody else')")
    study = studies.write_study(tmp_path / "study")
    study.write_text(STUDY, encoding="utf-8")
    before = _files(unpacked)
    environment = clean_environment(user, PYTHONPATH=f"{decoys}:{unpacked}", PYTHONSAFEPATH="1")
    code = (
        "import factroots, sys; assert not {'torch', 'duckdb', 'dagster'} & sys.modules.keys(); "
        "sys.argv[0] = 'factroots'; factroots.command_line()"
    )
    command = [sys.executable, "-c", code]
    run([*command, "run", str(study), "--quiet"], elsewhere, environment)
    answer = run(
        [*command, "sql", str(study), "--format", "csv", "select count(*) from fct_predictions"],
        elsewhere,
        environment,
    )
    assert answer.split() == ["count_star()", "40"]
    published = user / ".local/share/factroots/tiny/factroots.duckdb"
    assert published.is_file()
    assert list(elsewhere.iterdir()) == []
    assert _files(unpacked) == before


def _files(folder: Path) -> dict[str, int]:
    """Files of a folder with their times, without what Python compiles."""
    return {
        str(path): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
