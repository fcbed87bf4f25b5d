"""GGUF files as sources: why some cannot be used; the folder is made once."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import pytest

from models_gpu.errors import ModelError
from models_gpu.loading import gguf
from models_gpu.loading.source import resolve
from models_gpu.loading.spec import ModelSpec
from tests.helpers.studies import save_model


def test_a_file_that_is_not_there_and_one_that_is_no_gguf_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model 'm': there is no file .*x\.gguf"):
        resolve(ModelSpec("m", str(tmp_path / "x.gguf")))
    (tmp_path / "x.gguf").write_bytes(b"<html>")
    with pytest.raises(ModelError, match="does not begin with GGUF"):
        resolve(ModelSpec("m", str(tmp_path / "x.gguf")))


def test_a_restricted_study_may_not_use_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="restricted study may not use GGUF"):
        resolve(ModelSpec("m", str(tmp_path / "x.gguf"), within=tmp_path))


@pytest.mark.skipif(find_spec("gguf") is not None, reason="the extra gguf is installed")
def test_the_extra_is_named_where_it_is_missing(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF1234")
    with pytest.raises(ModelError, match=r"needs gguf and .*pip install 'factroots\[gguf\]'"):
        gguf.unpacked(tmp_path / "x.gguf", "m", tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))


def test_what_was_unpacked_before_is_a_model_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF1234")
    digest = hashlib.sha256(b"GGUF1234").hexdigest()
    folder = tmp_path / "cache" / "factroots" / "gguf" / digest
    save_model(folder, "llama")
    found = resolve(ModelSpec("m", str(path)))
    assert found.folder == folder.resolve()
    assert found.fingerprint == resolve(ModelSpec("m", str(folder))).fingerprint
