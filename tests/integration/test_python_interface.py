"""``import factroots``: run, open, ask; and the notebook that does so."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import factroots
from tests.helpers.notebooks import run_notebook
from tests.integration.test_page_answers import ANSWERED, PUBLISHED

NOTEBOOK = "docs/questions.ipynb"


@pytest.fixture
def tiny(finished: Path, tiny_study: Path) -> factroots.Warehouse:
    return factroots.open(tiny_study, home=finished.parent)


def test_sql_and_tables_answer_as_frames(tiny: factroots.Warehouse, finished: Path) -> None:
    assert tiny.path == finished / "factroots.duckdb"
    counted = tiny.sql("select model_id, count(*) as n from fct_predictions group by all").pl()
    assert dict(counted.iter_rows()) == {"first": 40, "second": 40, "third": 40}
    assert tiny.table("fct_predictions").pl().height == 120
    assert tiny.table("operations.table_runs").pl().height > 0
    asked = tiny.sql("select ? + 1 as next", [2]), tiny.sql("select $x + 1 as next", {"x": 2})
    assert [answer.fetchall() for answer in asked] == [[(3,)], [(3,)]]


def test_a_table_says_what_it_and_its_columns_mean(tiny: factroots.Warehouse) -> None:
    table = tiny.tables["fct_predictions"]
    assert table.key == ("model_id", "language_code", "fact_id")
    assert all(column.description for column in table.columns)


def test_a_saved_question_takes_its_variables(tiny: factroots.Warehouse) -> None:
    known = tiny.question("known_without_being_read", language="it").pl()
    assert known.columns == tiny.question("known_without_being_read").columns
    with pytest.raises(factroots.FactrootsError, match="no variable 'langauge'"):
        tiny.question("known_without_being_read", langauge="it")


def test_a_fact_is_explained_as_text_and_as_tables_of_a_notebook(
    tiny: factroots.Warehouse,
) -> None:
    explanation = tiny.explain("first", "Paris", "en", "de")
    assert "Paris" in str(explanation)
    assert len(explanation.tables) > 1
    assert "text/html" in explanation._repr_mimebundle_(include=[], exclude=[])


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (lambda tiny: tiny.table("fct_prediction"), "did you mean fct_predictions"),
        (lambda tiny: tiny.sql("select nothing"), "nothing"),
        (lambda tiny: tiny.sql("create table x (y int)"), "read-only"),
        (lambda tiny: tiny.sql(""), "returns no rows"),
        (lambda tiny: tiny.explain("first", "Paris"), "at least one language"),
        (lambda tiny: factroots.open("atlas", home=tiny.path.parent), "factroots.run"),
        (lambda tiny: factroots.open(tiny.path.parent / "no.duckdb"), "does not exist"),
        (lambda tiny: factroots.open("no such study"), "no such file"),
    ],
)
def test_what_cannot_be_answered_is_one_clear_error(
    tiny: factroots.Warehouse, ask: object, reason: str
) -> None:
    with pytest.raises(factroots.FactrootsError, match=reason):
        ask(tiny)  # type: ignore[operator]


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("not a database, but long enough to be read as one" * 99)
    with pytest.raises(factroots.FactrootsError, match="cannot be opened"):
        factroots.open(tmp_path / "x.duckdb")


def test_run_publishes_and_opens_what_it_published(finished: Path, tiny_study: Path) -> None:
    """Nothing is left to do in this home; a changed study is another test's subject."""
    with factroots.run(tiny_study, home=finished.parent) as warehouse:
        assert warehouse.path == finished / "factroots.duckdb"
        assert warehouse.sql("from dim_models").pl().height == 3
    with pytest.raises(factroots.FactrootsError, match="no_such"):
        factroots.run(tiny_study, home=finished.parent, languages=["no_such"])


def test_the_home_of_the_environment_is_used(
    finished: Path, tiny_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTROOTS_HOME", str(finished.parent))
    assert factroots.open(tiny_study).path == finished / "factroots.duckdb"


def test_importing_imports_nothing_heavy_and_knows_its_version() -> None:
    code = (
        "import factroots, sys; print(factroots.__version__); "
        "print(sorted({'torch', 'duckdb', 'dagster', 'polars', 'click'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, imported = done.stdout.splitlines()
    assert version.count(".") == 2
    assert imported == "[]"


def test_the_notebook_runs_from_top_to_bottom(
    project: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the tables of the tiny study, which has no fact about Tijuana to explain."""
    (tmp_path / "atlas").symlink_to(finished)
    monkeypatch.setenv("FACTROOTS_HOME", str(tmp_path))
    shown = list(run_notebook(project / NOTEBOOK, leave_out="atlas"))
    assert sum(isinstance(value, pl.DataFrame) for value in shown) == 6


def test_the_notebook_gives_the_answers_of_the_page(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not PUBLISHED.exists():
        pytest.skip("no warehouse/atlas/factroots.duckdb: run `make run` to compare its answers")
    monkeypatch.setenv("FACTROOTS_HOME", str(PUBLISHED.parents[1]))
    page = (project / "docs" / "analysts.md").read_text(encoding="utf-8")
    wanted = [found["answer"] for found in ANSWERED.finditer(page)]
    frames = [v for v in run_notebook(project / NOTEBOOK) if isinstance(v, pl.DataFrame)]
    assert len(wanted) == 5
    for frame, answer in zip(frames[:5], wanted, strict=True):
        text = io.BytesIO()
        frame.write_csv(text)
        assert text.getvalue().decode() == answer


@pytest.mark.nightly
def test_the_interface_is_typed(project: Path, tmp_path: Path) -> None:
    """A user's strict mypy knows what comes back."""
    user = tmp_path / "user.py"
    user.write_text(
        "import factroots\n"
        "reveal_type(factroots.open('atlas').table('dim_facts'))\n"
        "factroots.run(3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(user)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"MYPYPATH": str(project), "PATH": "/usr/bin"},
    )
    assert "DuckDBPyRelation" in done.stdout, done.stdout + done.stderr
    assert 'Argument 1 to "run" has incompatible type "int"' in done.stdout
