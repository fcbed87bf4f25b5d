"""How ``factroots sql`` prints a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.small_files import write_file
from warehouse.query import ask


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_file(tmp_path_factory.mktemp("warehouse") / "factroots.duckdb")


def cells(text: str) -> list[str]:
    """Cells of the only row."""
    [row] = [line for line in text.splitlines() if line.startswith("│")][2:]
    return [cell.strip() for cell in row.strip("│").split("│")]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1/3", "0.3333"),
        ("-0.0123456789::float", "-0.01235"),
        ("1e-9/3", "3.333e-10"),
        ("1234567.891::double", "1234568.0"),
        ("0::double", "0.0"),
        ("'nan'::double", "nan"),
        ("'-inf'::double", "-inf"),
        ("null::double", "NULL"),
        ("[1/3, null, 2/3]", "[0.3333, NULL, 0.6667]"),
        ("'0.123456'", "0.123456"),
        ("123456789", "123456789"),
    ],
)
def test_floats_have_four_digits(
    file: Path, capsys: pytest.CaptureFixture[str], value: str, shown: str
) -> None:
    ask(file, f"select {value} as x")
    assert cells(capsys.readouterr().out) == [shown]


def test_columns_of_one_name_keep_their_values(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(file, "select 0.5::double as a, 2 as A, 3 as a")
    assert cells(capsys.readouterr().out) == ["0.5", "2", "3"]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("describe scores", "fact_count"),
        ("explain from scores", "physical_plan"),
        ("show tables", "strays"),
    ],
)
def test_statements_that_are_no_select_are_shown(
    file: Path, capsys: pytest.CaptureFixture[str], query: str, word: str
) -> None:
    ask(file, query)
    assert word in capsys.readouterr().out


def test_columns_without_room_are_named_and_rows_counted(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    columns = ", ".join(f"repeat('{n}', 20) as column_{n}" for n in range(6))
    ask(file, f"select {columns} from range(60)")
    text = capsys.readouterr().out
    assert "60 rows" in text
    [said] = [line for line in text.splitlines() if "no room" in line]
    header = text.splitlines()[1]
    hidden = said.partition(": ")[2].partition(". ")[0].split(", ")
    assert said.startswith(f"{len(hidden)} columns have no room: ")
    assert hidden
    assert [f"column_{n}" for n in range(6) if f"column_{n}" not in header] == hidden


def test_rows_that_are_not_shown_are_counted(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(file, "from range(12000)")
    assert "\n  12,000 rows, 10,000 of them shown" in capsys.readouterr().out
