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


def blocks(text: str) -> list[list[list[str]]]:
    """Cells of the rows of each block, its header first."""
    found: list[list[list[str]]] = []
    for line in text.splitlines():
        if line.startswith("┌"):
            found.append([])
        elif line.startswith("│"):
            found[-1].append([cell.strip() for cell in line.strip("│").split("│")])
    return [[header, *rows] for header, _types, *rows in found]


@pytest.mark.parametrize("width", [40, 60, 100])
def test_columns_without_room_follow_in_blocks_that_begin_with_the_key(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    columns = ", ".join(f"'{n}-' || b as column_{n}" for n in range(12))
    ask(file, f"select 'm' as a, b, {columns} from range(3) as rows (b)")
    text = capsys.readouterr().out
    found = blocks(text)
    assert all(header[:2] == ["a", "b"] for header, *_ in found)
    assert all([row[:2] for row in rows] == [["m", f"{b}"] for b in range(3)] for _, *rows in found)
    assert [name for header, *_ in found for name in header[2:]] == [
        f"column_{n}" for n in range(12)
    ]
    assert [cell for _, row, *_ in found for cell in row[2:]] == [f"{n}-0" for n in range(12)]
    assert max(map(len, text.splitlines()[:-1])) <= width
    assert f"14 columns in {len(found)} blocks" in text


def test_rows_without_a_key_that_has_room_are_numbered(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    long = "repeat('x', 18) as a, repeat('東', 9) as c, repeat('y', 18) as b"
    ask(file, f"select {long} from range(2)")
    found = blocks(capsys.readouterr().out)
    assert [header for header, *_ in found] == [["row", "a", "c"], ["row", "a", "b"]]
    assert found[1][1:] == [["1", "x" * 18, "y" * 18], ["2", "x" * 18, "y" * 18]]


def test_long_texts_are_wrapped_before_columns_move_to_another_block(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    ask(file, "select 1 as a, repeat('x', 200) as b from range(60)")
    text = capsys.readouterr().out
    assert len(blocks(text)) == 1
    assert "60 rows" in text
    assert max(map(len, text.splitlines())) <= 90


def test_rows_that_are_not_shown_are_counted(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(file, "from range(12000)")
    assert "\n  12,000 rows, 10,000 of them shown" in capsys.readouterr().out
    # This would never end, and fill the memory.
    ask(file, "from range(200_000_000_000)")
    assert "\n  more than 1,000,000 rows, 10,000 of them shown" in capsys.readouterr().out


def test_json_has_every_digit_and_no_number_that_json_lacks(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(
        file,
        """select 340282366920938463463374607431768211455::uhugeint as h, sum(range) as s, 1 as a,
               2 as A, 'nan'::double as n, [1.5, '-inf'::double] as l, 'x"\n' as t
           from range(5)""",
        "json",
    )
    assert capsys.readouterr().out == (
        '{"h":340282366920938463463374607431768211455,"s":10,"a":1,"A_1":2,"n":null,'
        '"l":[1.5,null],"t":"x\\"\\n"}\n'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("'infinity'::date", '"infinity"'),
        ("'290000-01-01'::date", '"290000-01-01"'),
        ("'\\xAA'::blob", '"\\\\xAA"'),
        ("'101'::bit", '"101"'),
        ("interval 1 month", '"1 month"'),
        ("union_value(k := 1)", '{"k":1}'),
        ("map {'k': 1}", '{"k":1}'),
    ],
)
def test_json_has_a_text_for_what_it_has_no_type_for(
    file: Path, capsys: pytest.CaptureFixture[str], value: str, text: str
) -> None:
    ask(file, f"select {value} as x", "json")
    assert capsys.readouterr().out == f'{{"x":{text}}}\n'
