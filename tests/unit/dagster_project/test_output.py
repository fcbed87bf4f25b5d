"""Results that cannot be printed or written: one line and an exit status, never a traceback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.helpers.small_files import write_file
from tests.helpers.studies import command, factroots

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of Atlas with a small published file."""
    folder = tmp_path_factory.mktemp("homes")
    (folder / "atlas").mkdir()
    write_file(folder / "atlas" / "factroots.duckdb")
    return folder


def run(
    homes: Path, *arguments: str, output: str | None = None, **environment: str
) -> tuple[int, str]:
    """Exit status and standard error of a command whose output goes to a file."""
    with Path(output or os.devnull).open("wb") as file:
        done = subprocess.run(
            [*command(*arguments), "--home", str(homes)],
            stdout=file,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            check=False,
        )
    said = done.stderr.decode(errors="replace")
    assert "Traceback" not in said
    return done.returncode, said


@pytest.mark.parametrize(("columns", "width"), [({}, 120), ({"COLUMNS": "70"}, 70)])
def test_a_table_that_is_piped_is_as_wide_as_columns_says(
    homes: Path, tmp_path: Path, columns: dict[str, str], width: int
) -> None:
    shown = tmp_path / "shown"
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with shown.open("wb") as file:
        subprocess.run(command("questions"), stdout=file, env=environment | columns, check=True)
    assert max(map(len, shown.read_text(encoding="utf-8").splitlines())) == width


def test_a_full_device_is_named(homes: Path) -> None:
    status, said = run(homes, "sql", "select 1", "--format", "csv", output="/dev/full")
    assert (status, "No space left" in said) == (2, True)


def test_a_folder_that_cannot_be_written_is_named(homes: Path) -> None:
    for form in ("json", "csv", "parquet"):
        arguments = ("sql", "select 1 as a", "--format", form, "--output", "/nosuch/x")
        status, said = run(homes, *arguments)
        assert (status, "/nosuch/x" in said) == (2, True), said
    status, said = run(homes, "export", "--to", "/proc/x")
    assert (status, "/proc/x" in said) == (2, True), said


def test_a_reader_that_stops_ends_the_command_silently(
    homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("warehouse.query.ask", closed)
    result = factroots("sql", "select 1", "--home", homes)
    assert (result.exit_code, result.output) == (1, "")


def test_a_terminal_without_a_letter_gets_its_number(homes: Path, tmp_path: Path) -> None:
    shown, query = tmp_path / "shown", tmp_path / "query.sql"
    query.write_text("select 'Łódź — 東京' as city", encoding="utf-8")
    for form in ("csv", "json", "table"):
        arguments = ("sql", "atlas", str(query), "--format", form)
        assert run(homes, *arguments, output=str(shown), **ASCII)[0] == 0
        assert shown.read_bytes().isascii()
    # What is typed is read as UTF-8.
    arguments = ("sql", "select 'Łódź' = 'Ł' || 'ódź' as x", "--format", "csv")
    assert run(homes, *arguments, output=str(shown), **ASCII)[0] == 0
    assert shown.read_text() == "x\ntrue\n"


def test_a_terminal_does_not_obey_what_a_model_or_a_file_says(homes: Path, tmp_path: Path) -> None:
    query = ("sql", "select '=1+1' || chr(27) || '[31m' as a", "--format", "csv")
    reader, terminal = os.openpty()
    assert run(homes, *query, output=os.ttyname(terminal))[0] == 0
    assert os.read(reader, 1000).split() == [b"a", rb"=1+1\x1b[31m"]
    # A file has the values as they are.
    assert run(homes, *query, output=str(tmp_path / "a.csv"))[0] == 0
    assert (tmp_path / "a.csv").read_bytes() == b"a\n=1+1\x1b[31m\n"
    status, said = run(homes, "sql", 'select "\x1b[31m"')
    assert (status, r"\x1b[31m" in said, "\x1b" in said) == (2, True, False)


def test_a_file_that_is_not_there_is_named_with_the_option_that_finds_it(tmp_path: Path) -> None:
    for arguments in (["sql", "select 1"], ["report"], ["explain", "m", "f", "en"], ["describe"]):
        said = factroots(*arguments, "--home", tmp_path).stderr
        assert f"{tmp_path}/atlas/factroots.duckdb does not exist" in "".join(said.split("\n"))
        assert "--home or FACTROOTS_HOME" in " ".join(said.split())


def test_a_damaged_file_is_named_with_the_remedy(homes: Path, tmp_path: Path) -> None:
    (tmp_path / "atlas").mkdir()
    (tmp_path / "atlas" / "factroots.duckdb").write_bytes(b"not a database" * 1000)
    for arguments in (["sql", "select 1"], ["export", "--to", str(tmp_path / "to")], ["report"]):
        status, said = run(tmp_path, *arguments)
        assert (status, "factroots.duckdb" in said) == (2, True), said


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "atlas", "--models", ","),
        ("run", "atlas", "--languages", ", "),
        ("plan", "atlas", "--relations", ""),
        ("diff", "a", "b", "--tables", ","),
        ("export", "atlas", "--to", "x", "--tables", ",,"),
    ],
)
def test_a_list_without_a_name_is_no_list_of_nothing(arguments: tuple[str, ...]) -> None:
    result = factroots(*arguments)
    assert result.exit_code == 2
    words = " ".join(result.stderr.split())
    assert f"Invalid value for '{arguments[-2]}': {arguments[-1]!r} has no name: give one" in words
