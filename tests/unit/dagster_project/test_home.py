"""The home: refused clearly when it cannot be written, held by one run at a time."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_project.defs.instance import open_instance
from dagster_project.study.home import Home, HomeError


def test_a_read_only_home_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(path: Path, *_args: object, **_kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(HomeError, match=r"lake cannot be made \(Read-only file system\).*--home"):
        Home(tmp_path / "study").create()


def test_what_is_in_the_way_in_build_is_deleted_and_a_folder_as_published_file_is_named(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "study")
    home.create()
    for path in (home.marts_lake, home.dbt_target, home.previews):
        path.touch()
    (home.build_file / "x").mkdir(parents=True)
    home.create()
    assert list(home.build.iterdir()) == []
    home.published_file.mkdir()
    with pytest.raises(HomeError, match=r"factroots\.duckdb is a folder.*delete it, and run again"):
        home.create()


def test_a_folder_of_other_things_is_no_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "queries")
    home.root.mkdir()
    (home.root / "question.sql").touch()
    with pytest.raises(HomeError, match=r"not a study's, such as question\.sql.*another name"):
        home.create()
    (home.root / "question.sql").unlink()
    home.create()
    (home.root / "notes.txt").touch()
    home.create()


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("a?b", "'?'"),
        ("a#b", "'#'"),
        ("a\\b", r"'\\\\'"),
        ("a\nb", r"'\\n'"),
        ("a\udcffb", r"'\\udcff'"),
        ("{{ y }}", "'{{'"),
        ("{% y %}", "'{%'"),
        ("{# y #}", "'#'"),
        ("a%20b", "'%20'"),
        ("/".join(["x" * 120] * 4), "more than .* bytes, too long for SQLite"),
    ],
    ids=ascii,
)
def test_a_path_that_a_library_would_misread_is_refused_and_nothing_is_made(
    tmp_path: Path, name: str, named: str
) -> None:
    with pytest.raises(HomeError, match=rf"(?s){named}.*choose another with --home"):
        Home(tmp_path / name / "study").create()
    assert list(tmp_path.iterdir()) == []


def test_the_databases_of_any_other_path_are_in_the_home(tmp_path: Path) -> None:
    odd = " a'b\"c%d&e;f$g(h)[i]{j}*~=ü漢"
    room = 511 - len(os.fsencode(Home(tmp_path).dagster / "schedules/schedules.db-journal"))
    long = ("/" + "x" * 99) * 5
    for name in (odd, long[1 : room - 1] + "x"):
        home = Home(tmp_path / name)
        home.create()
        with open_instance(home) as instance:
            assert instance.get_runs() == []
        assert len(list(home.root.rglob("*.db"))) == 3
    assert len(list(tmp_path.rglob("*.db"))) == 6


def test_the_lock_is_exclusive_and_is_let_go(tmp_path: Path) -> None:
    home = Home(tmp_path)
    refused = pytest.raises(HomeError, match="another run of this study is at work")
    with home.lock(), refused, home.lock():
        pass
    with home.lock():
        assert (tmp_path / ".lock").exists()


def test_a_step_waits_for_the_run_that_holds_the_study(tmp_path: Path) -> None:
    home, told = Home(tmp_path), list[str]()
    script = (
        "import sys; from pathlib import Path; from dagster_project.study.home import Home\n"
        "with Home(Path(sys.argv[1])).lock(): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        assert not home.is_free()
        # It lets go only once it was waited for.
        with home.lock(
            blocking=True, on_wait=lambda message: (told.append(message), other.stdin.close())
        ):
            assert told == [f"waiting for process {other.pid}, which is at work on this study"]
            assert home.holder() == str(os.getpid())
    assert home.is_free()


def test_a_process_that_holds_the_study_does_not_wait_for_itself(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.lock(), home.lock(blocking=True, on_wait=pytest.fail):
        pass
