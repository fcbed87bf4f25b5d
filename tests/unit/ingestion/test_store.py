"""A lake that machines share: fetched parts, refused addresses, and error messages."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import fsspec
import polars as pl
import pytest

from ingestion.lake import Provenance, read_provenance, write_part
from ingestion.store import Store, StoreError, address_problem, part_name

PROMPTS = pl.DataFrame(
    {
        "language_code": ["de"],
        "relation_id": ["P36"],
        "template": ["[X] [Y]"],
        "is_template_changed": [False],
    }
)
OLD, NEW = "0" * 32, "f" * 32
KEYS = ("AKIA7secretKeyId", "s3cretKeyOfTheStore")


def written(lake: Path, fingerprint: str = NEW) -> Path:
    made_by = Provenance.now(
        "prompts",
        {"language_code": "de"},
        fingerprint=fingerprint,
        code_version="1",
        duration_seconds=0.5,
        row_count=1,
    )
    return write_part(lake, PROMPTS, made_by)


@pytest.fixture(params=["s3", "folder", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        return Store(f"s3://{request.getfixturevalue('bucket')}/prefix/tiny")
    folder = str(tmp_path / "shared" / "tiny")
    return Store(folder if request.param == "folder" else f"file://{folder}")


def test_another_home_gets_the_same_bytes(store: Store, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    path, other = written(here), there / "prompts" / "de.parquet"
    assert store.names() == set()
    store.upload(here, path, NEW)
    assert store.names() == {f"prompts/de/{NEW}.parquet"}
    assert store.fetch(there, other, NEW)
    assert other.read_bytes() == path.read_bytes()


def test_what_a_part_was_computed_from_tells_versions_apart(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, OLD)
    store.upload(tmp_path, path, OLD)
    assert not store.fetch(tmp_path, path, NEW)
    made_by = read_provenance(path)
    assert made_by is not None
    assert made_by.fingerprint == OLD
    store.upload(tmp_path, written(tmp_path, NEW), NEW)
    assert len(store.names()) == 2
    assert store.fetch(tmp_path, path, OLD)


def test_the_newest_of_a_place_is_found_without_knowing_what_it_was_computed_from(
    store: Store, tmp_path: Path
) -> None:
    path = written(tmp_path, OLD)
    assert not store.fetch_newest(tmp_path, path)
    store.upload(tmp_path, path, OLD)
    path.unlink()
    assert store.fetch_newest(tmp_path, path)
    assert path.exists()


@pytest.mark.parametrize("damage", ["cut", "edited", "another"])
def test_a_damaged_part_is_refused_and_leaves_nothing(
    store: Store, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, OLD if damage == "another" else NEW)
    content = bytearray(path.read_bytes())
    content[60] ^= damage == "edited"
    system, root = fsspec.url_to_fs(store.address)
    place = f"{root}/{part_name(tmp_path, path, NEW)}"
    system.makedirs(place.rpartition("/")[0], exist_ok=True)
    system.pipe_file(place, bytes(content[:-9] if damage == "cut" else content))
    path.unlink()
    assert not store.fetch(tmp_path, path, NEW)
    assert "is damaged and will be recomputed" in caplog.text
    assert list(path.parent.iterdir()) == []


def test_a_missing_bucket_is_reported_before_anything_is_computed(bucket: str) -> None:
    with pytest.raises(
        StoreError, match=r"s3://no-such-bucket/tiny does not exist: create its bucket"
    ):
        Store("s3://no-such-bucket/tiny").names()


def test_a_store_that_cannot_be_reached_is_named_and_its_keys_are_not(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    path = written(tmp_path)
    with pytest.raises(StoreError, match=r"cannot be reached .*check the address") as error:
        Store("s3://lake/tiny").upload(tmp_path, path, NEW)
    assert not [key for key in KEYS if key in str(error.value)]
    assert path.exists()


def test_a_store_without_the_right_to_it_says_where_keys_come_from(
    bucket: str, s3_server: str
) -> None:
    def allowed_without_keys(count: int) -> None:
        address, plain = f"{s3_server}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        asked = urllib.request.Request(address, str(count).encode(), plain)
        urllib.request.urlopen(asked, timeout=60).close()

    allowed_without_keys(0)
    try:
        with pytest.raises(StoreError, match="put credentials that may list") as error:
            Store(f"s3://{bucket}/tiny").names()
    finally:
        allowed_without_keys(10**9)
    assert not [key for key in KEYS if key in str(error.value)]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://AKIA:s3cret@bucket/prefix", "must not contain a user name, key or password"),
        ("s3://bucket/prefix?key=s3cret", "must not contain a user name, key or password"),
        ("s3://", "names no bucket"),
    ],
)
def test_an_address_with_a_secret_or_without_a_bucket_is_refused(address: str, said: str) -> None:
    problem = address_problem(address)
    assert problem is not None
    assert said in problem
    assert "s3cret" not in problem


@pytest.mark.parametrize(
    ("address", "said"),
    [("gs://bucket/tiny", "needs a package"), ("nosuch://x/tiny", "unknown kind of address")],
)
def test_an_unknown_kind_of_address_is_reported(address: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        Store(address).names()
