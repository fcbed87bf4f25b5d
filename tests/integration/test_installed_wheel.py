"""A machine with nothing but Python: the wheel is installed from the package index, and runs Atlas.

Minutes of downloading and of computing, so nightly. What the wheel contains is tested in
``test_wheel``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.helpers.wheels import build_wheel, clean_environment, run

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

NOTEBOOK = """
import sys, factroots
from pathlib import Path
from runpy import run_path
notebook = run_path(sys.argv[1])["run_notebook"](Path(sys.argv[2]))
print([value.height for value in notebook if hasattr(value, "height")])
"""


def test_pip_install_then_run_atlas_from_an_empty_folder(project: Path, tmp_path: Path) -> None:
    wheel = build_wheel(project, tmp_path / "wheel")
    user, empty, venv = (tmp_path / name for name in ("user", "empty", "venv"))
    user.mkdir()
    empty.mkdir()
    environment = clean_environment(user)
    run([sys.executable, "-m", "venv", str(venv)], empty, environment)
    python, factroots = str(venv / "bin" / "python"), str(venv / "bin" / "factroots")
    pins = ["--constraint", str(project / "constraints.txt")]
    run([python, "-m", "pip", "install", "--quiet", *pins, str(wheel)], empty, environment)
    installed = run([python, "-m", "pip", "list"], empty, environment)
    assert "zhconv" not in installed

    assert run([factroots, "--version"], empty, environment).startswith("factroots, version ")
    said = run([factroots, "run", "atlas", "--quiet"], empty, environment)
    published = user / ".local" / "share" / "factroots" / "atlas" / "factroots.duckdb"
    assert str(published) in said
    assert (published.parent / "report" / "report.html").is_file()
    query = "select count(*) as n from roots_by_language"
    answer = run([factroots, "sql", "--format", "csv", query], empty, environment)
    assert int(answer.split()[1]) > 0
    helper = project / "tests" / "helpers" / "notebooks.py"
    notebook = project / "docs" / "questions.ipynb"
    command = [python, "-c", NOTEBOOK, str(helper), str(notebook)]
    assert run(command, empty, environment).strip() == "[3, 10, 4, 3, 4, 5]"
    assert list(empty.iterdir()) == []
