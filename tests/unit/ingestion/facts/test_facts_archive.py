"""Zips and folders: what is refused, and that nothing is unpacked."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from ingestion.facts import FactsError
from ingestion.facts.archive import content_digest, open_archive


def make_zip(path: Path, *names: str, mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zip_file:
        for name in names:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            zip_file.writestr(entry, b"content of " + name.encode() * 50)
    return path


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "C:/x", "c:\\x", "..\\x", "\\\\host\\x", "a/.."]
)
def test_an_entry_that_points_outside_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = make_zip(tmp_path / "m.zip", "en/good.jsonl", name)
    with pytest.raises(FactsError) as error:
        open_archive(path)
    assert "1 of its entries point outside of it" in str(error.value)
    assert repr(name) in str(error.value)


def test_a_link_in_a_zip_is_refused_by_name(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "m.zip", "en/P36.jsonl", mode=stat.S_IFLNK | 0o777)
    with pytest.raises(FactsError, match=r"entries are links: 'en/P36\.jsonl'"):
        open_archive(path)


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = make_zip(tmp_path / "m.zip", "en/P36.jsonl", "en/P36.jsonl")
    with pytest.raises(FactsError, match="share a name"):
        open_archive(path)


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "m.zip", "en/P36.jsonl")
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(FactsError, match="are encrypted"):
        open_archive(path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_a_truncated_zip_is_one_clear_error(tmp_path: Path, share: float) -> None:
    path = make_zip(tmp_path / "m.zip", *(f"en/P{n}.jsonl" for n in range(30)))
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(FactsError, match=r"m\.zip is not a complete zip file"):
        open_archive(path)


def test_damage_inside_an_entry_is_one_clear_error(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "m.zip", "en/P36.jsonl")
    raw = bytearray(path.read_bytes())
    raw[50] ^= 0xFF
    path.write_bytes(raw)
    archive = open_archive(path)
    with pytest.raises(FactsError, match="not a complete zip file"):
        list(archive.read(archive.names))


def test_a_path_to_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match=r"nowhere\.zip does not exist"):
        open_archive(tmp_path / "nowhere.zip")


def test_zips_of_other_packers_have_the_same_digest_as_the_folder(tmp_path: Path) -> None:
    names = ["top/en/a.jsonl", "top/de/b.jsonl"]
    plain = make_zip(tmp_path / "1.zip", *names)
    zipped = open_archive(plain)
    with zipfile.ZipFile(tmp_path / "2.zip", "w", zipfile.ZIP_STORED) as repacked:
        for name, content in reversed(list(zipped.read(zipped.names))):
            repacked.writestr("./" + name.replace("/", "\\"), content)
    for name, content in zipped.read(zipped.names):
        target = tmp_path / "folder" / name.removeprefix("top/")
        target.parent.mkdir(parents=True)
        target.write_bytes(content)
    folder = open_archive(tmp_path / "folder")
    again = open_archive(tmp_path / "2.zip")
    assert content_digest(zipped, zipped.names, "top/") == content_digest(folder, folder.names)
    assert content_digest(zipped, zipped.names) == content_digest(again, again.names)
    assert content_digest(zipped, zipped.names) != content_digest(folder, folder.names)


def test_reading_leaves_nothing_on_disk(tmp_path: Path) -> None:
    archive = open_archive(make_zip(tmp_path / "m.zip", "en/a.jsonl"))
    ((name, content),) = archive.read(archive.names)
    assert (name, content[:10]) == ("en/a.jsonl", b"content of")
    assert [path.name for path in tmp_path.iterdir()] == ["m.zip"]
