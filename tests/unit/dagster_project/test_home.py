"""The home: refused clearly when it cannot be written, held by one run at a time."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from dagster_project.home import Home, HomeError


def test_a_read_only_home_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(path: Path, *_args: object, **_kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(HomeError, match=r"lake cannot be made \(Read-only file system\).*--home"):
        Home(tmp_path / "study").create()


def test_the_lock_is_exclusive_and_is_let_go(tmp_path: Path) -> None:
    home = Home(tmp_path)
    refused = pytest.raises(HomeError, match="another run of this study is at work")
    with home.locked(), refused, home.locked():
        pass
    with home.locked():
        assert (tmp_path / ".lock").exists()
