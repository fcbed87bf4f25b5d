"""A restricted study reads, writes and calls nothing outside its folder.

Each case is a study that tries one way out. Everything that it names is then used as a run uses it,
under watch (``tests.helpers.watch``): with ``restrict`` it is refused and nothing outside is
touched. Without, it does touch something, which shows that the way out is one.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from dagster_project.runtime.workspace import Workspace
from dagster_project.study.add_model import add_model
from dagster_project.study.load import load_study
from dagster_project.study.schema import ModelBlock
from ingestion.corpora import PlainText, Tally, file_shards, list_files, read_documents
from ingestion.errors import FactrootsError
from ingestion.restricted import read_bytes
from models_gpu.loading.load import load
from tests.helpers import studies
from tests.helpers.watch import watched

STUDY = """\
name: guest
facts: {facts}
models:
  - {{id: one, source: "{model}"{more}}}
corpora:
  - {corpus}
tracing: {{aliases: "{aliases}"}}
lake: "{lake}"
"""
SOUND = {
    "facts": "{kind: table, path: facts.csv}",
    "model": "./model",
    "more": "",
    "corpus": "{id: t, kind: text, path: 'texts/{language}.txt'}",
    "aliases": "aliases.csv",
    "lake": "lake",
}
ADDRESS = "http://127.0.0.1:9/leak.txt"
SECRET = "Paris password is hunter2, and France is the pin 4711.\n"


@dataclass
class Guest:
    """A sound study in a folder of its own, and a folder outside of it."""

    folder: Path
    """Folder that the study must stay inside."""
    outside: Path
    """A folder with the same files, which are none of the study's business."""
    settings: dict[str, str]
    """Values of the study file."""
    languages: list[str]
    """Languages of the fact table."""

    def write(self) -> Path:
        for name in ("facts.csv", "facts.parquet"):
            if not (self.folder / name).is_symlink():
                write_facts(self.folder / name, self.languages)
        path = self.folder / "guest.yml"
        if not path.is_symlink():
            path.write_text(STUDY.format(**SOUND | self.settings), encoding="utf-8")
        return path

    def link(self, name: str, to: str = "") -> None:
        """Replace a file or folder of the study by a link to its namesake outside."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.symlink_to(self.outside / (to or name))


def write_facts(path: Path, languages: list[str]) -> None:
    names = ["language", "relation", "template", "subject", "object", "subject_id", "object_id"]
    rows = [
        [language, "P36", "[X] is the capital of [Y] .", "Paris", "France", "Paris", "France"]
        for language in languages
    ]
    if path.suffix == ".parquet":
        pl.DataFrame(rows, names, orient="row").write_parquet(path)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows])


def write_layouts(folder: Path) -> None:
    """Everything that a study can name, in one folder."""
    for language in ("en", "de"):
        mlama = folder / "mlama" / language
        mlama.mkdir(parents=True)
        (mlama / "templates.jsonl").write_text('{"relation": "P36", "template": "[X] in [Y]"}\n')
        fact = {"uuid": "1", "sub_uri": "s", "obj_uri": "o", "sub_label": "a", "obj_label": "b"}
        (mlama / "P36.jsonl").write_text(json.dumps(fact) + "\n")
        (folder / "bmlama").mkdir(exist_ok=True)
        line = "Prompt\tAns\tCandidate Ans\tSubject\nParis in <mask>\tFrance\tFrance\tParis\n"
        (folder / "bmlama" / f"{language}.tsv").write_text(line)
        (folder / "texts").mkdir(exist_ok=True)
        (folder / "texts" / f"{language}.txt").write_text(SECRET, encoding="utf-8")
        (folder / "texts" / f"{language}.jsonl").write_text(json.dumps({"text": SECRET}) + "\n")
        pl.DataFrame({"text": [SECRET], "title": ["x"]}).write_parquet(
            folder / "texts" / f"{language}.parquet"
        )
    with zipfile.ZipFile(folder / "mlama.zip", "w") as archive:
        for path in sorted((folder / "mlama").rglob("*.jsonl")):
            archive.write(path, path.relative_to(folder))
    (folder / "aliases.csv").write_text("language_code,entity_id,alias\nen,Paris,Paname\n")
    (folder / "lake").mkdir()
    for name in ("facts.csv", "facts.parquet"):
        write_facts(folder / name, ["en", "de"])


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layouts")
    write_layouts(folder)
    studies.save_model(folder / "model", "bert")
    return folder


@pytest.fixture
def guest(layouts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guest:
    for name in ("theirs", "outside"):
        shutil.copytree(layouts, tmp_path / name)
    monkeypatch.setenv("HOME", str(tmp_path / "outside"))
    monkeypatch.chdir(tmp_path / "theirs")
    return Guest(tmp_path / "theirs", tmp_path / "outside", {}, ["en", "de"])


def use_everything(study: Path, homes: Path, restrict: Path | None) -> None:
    """Resolve a study and read, load and write all that it names, as a run does."""
    workspace = Workspace(str(study), homes, restrict=restrict)
    resolved = workspace.plan.study
    assert resolved.facts is not None
    for language in resolved.languages:
        resolved.facts.read(language)
    for corpus in resolved.corpora:
        for language in corpus.fingerprints:
            for file in list_files(corpus.settings, language, corpus.folder):
                for shard in file_shards(corpus.settings, file):
                    list(read_documents(corpus.settings, shard, Tally()))
    read_bytes(resolved.study.locate(str(resolved.study.tracing.aliases)), resolved.within)
    for model in resolved.models:
        load(model.resolved, "cpu")
    store, part = workspace.store, homes / "part.parquet"
    assert store is not None
    homes.mkdir(exist_ok=True)
    part.write_bytes(b"part")
    store.names()
    store.upload(homes, part, "digest")
    store.fetch(homes, homes / "predictions" / "one" / "en.parquet", "digest")
    workspace.home.create()


Case = tuple[str, Callable[[Guest], object]]


def setting(**changed: str) -> Callable[[Guest], object]:
    return lambda guest: guest.settings.update(
        {name: value.replace("OUT", str(guest.outside)) for name, value in changed.items()}
    )


def linked(name: str, to: str = "", **changed: str) -> Callable[[Guest], object]:
    def change(guest: Guest) -> None:
        guest.link(name, to)
        setting(**changed)(guest)

    return change


def languages(*codes: str, **changed: str) -> Callable[[Guest], object]:
    def change(guest: Guest) -> None:
        guest.languages = [code.replace("OUT", str(guest.outside)) for code in codes]
        setting(**changed)(guest)

    return change


def text(path: str, kind: str = "text") -> str:
    return f"{{id: t, kind: {kind}, path: '{path}'}}"


def facts(path: str, kind: str = "table") -> str:
    return f"{{kind: {kind}, path: '{path}'}}"


def index(*shards: str) -> Callable[[Guest], object]:
    """Split the weights' index over files of these names."""

    def change(guest: Guest) -> None:
        model = guest.folder / "model"
        (model / "model.safetensors").unlink()
        names = [shard.replace("OUT", str(guest.outside)) for shard in shards]
        content = {"metadata": {}, "weight_map": {f"t{n}": name for n, name in enumerate(names)}}
        (model / "model.safetensors.index.json").write_text(json.dumps(content))

    return change


def in_model(name: str, content: str) -> Callable[[Guest], object]:
    return lambda guest: (guest.folder / "model" / name).write_text(content)


def tokenizer_setting(key: str, value: object) -> Callable[[Guest], object]:
    def change(guest: Guest) -> None:
        path = guest.folder / "model" / "tokenizer_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
        (guest.outside / "tokenizer.4.0.json").write_text("{}")

    return change


def linked_shard(guest: Guest) -> None:
    index("model-1.safetensors")(guest)
    guest.link("model/model-1.safetensors", "model/model.safetensors")


def linked_index(guest: Guest) -> None:
    (guest.folder / "model" / "model.safetensors").unlink()
    guest.link("model/model.safetensors.index.json", "model/config.json")


def chain_of_links(guest: Guest) -> None:
    guest.link("last.csv", "facts.csv")
    (guest.folder / "facts.csv").unlink()
    (guest.folder / "facts.csv").symlink_to(guest.folder / "last.csv")


def marker_of_the_lake(guest: Guest) -> None:
    guest.link("lake/guest/_factroots.txt", "new.txt")


def study_file(guest: Guest) -> None:
    text = STUDY.format(**SOUND)
    (guest.outside / "guest.yml").write_text(text)
    guest.link("guest.yml")


CASES: list[Case] = [
    ("facts above", setting(facts=facts("../outside/facts.csv"))),
    ("facts by an absolute path", setting(facts=facts("OUT/facts.csv"))),
    ("facts at home", setting(facts=facts("~/facts.csv"))),
    ("facts behind /proc", setting(facts=facts("/proc/self/root/OUT/facts.csv"))),
    ("facts linked", linked("facts.csv")),
    ("facts linked twice", chain_of_links),
    ("facts in a linked folder", linked("sub", "texts/..", facts=facts("sub/facts.csv"))),
    ("facts with brackets", linked("f[1].csv", "facts.csv", facts=facts("f[1].csv"))),
    ("facts with a star", linked("f*.csv", "facts.csv", facts=facts("f*.csv"))),
    ("Parquet facts linked", linked("facts.parquet", facts=facts("facts.parquet"))),
    ("Parquet facts with brackets", linked(
        "f[1].parquet", "facts.parquet", facts=facts("f[1].parquet"))),
    ("mLAMA above", setting(facts=facts("../outside/mlama", "mlama"))),
    ("mLAMA linked", linked("mlama", facts=facts("mlama", "mlama"))),
    ("mLAMA with a linked language", linked("mlama/de", facts=facts("mlama", "mlama"))),
    ("mLAMA with a linked file", linked("mlama/de/P36.jsonl", facts=facts("mlama", "mlama"))),
    ("mLAMA with linked templates", linked(
        "mlama/de/templates.jsonl", facts=facts("mlama", "mlama"))),
    ("mLAMA zip linked", linked("mlama.zip", facts=facts("mlama.zip", "mlama"))),
    ("mLAMA zip with brackets", linked("m[a].zip", "mlama.zip", facts=facts("m[a].zip", "mlama"))),
    ("BMLAMA linked", linked("bmlama", facts=facts("bmlama", "bmlama"))),
    ("BMLAMA with a linked file", linked("bmlama/de.tsv", facts=facts("bmlama", "bmlama"))),
    ("text above", setting(corpus=text("../outside/texts/{language}.txt"))),
    ("text by an absolute path", setting(corpus=text("OUT/texts/{language}.txt"))),
    ("text at home", setting(corpus=text("~/texts/{language}.txt"))),
    ("text linked", linked("texts/de.txt")),
    ("a folder of texts linked", linked("texts")),
    ("texts with brackets", linked("t[1]", "texts", corpus=text("t[1]/{language}.txt"))),
    ("a text with brackets", linked("de[1].txt", "texts/de.txt", corpus=text("de[1].txt"))),
    ("texts with a question mark", linked("t?", "texts", corpus=text("t?/{language}.txt"))),
    ("a wildcard into a linked folder", linked("far", "texts", corpus=text("f*/{language}.txt"))),
    ("a wildcard in a linked folder", linked("far", "texts", corpus=text("*/d*.txt"))),
    ("a wildcard, then above", setting(corpus=text("text*/../../outside/texts/de.txt"))),
    ("any depth, then above", setting(corpus=text("**/../../outside/texts/de.txt"))),
    ("a link found at any depth", linked("texts/far.txt", "texts/de.txt", corpus=text("**/*.txt"))),
    ("the second of two paths", setting(
        corpus="{id: t, kind: text, path: ['texts/{language}.txt', '../outside/texts/de.txt']}")),
    ("JSON lines linked", linked(
        "texts/de.jsonl", corpus=text("texts/{language}.jsonl", "jsonl"))),
    ("Parquet text linked", linked(
        "texts/de.parquet", corpus=text("texts/{language}.parquet", "parquet"))),
    ("Parquet text above", setting(
        corpus=text("../outside/texts/{language}.parquet", "parquet"))),
    ("a dump linked", linked(
        "texts/de.xml", "texts/de.txt", corpus=text("texts/{language}.xml", "wikipedia_dump"))),
    ("text at an address", setting(corpus=text(ADDRESS))),
    ("text by a file address", setting(corpus=text("file://OUT/texts/{language}.txt"))),
    ("text by a chained address", setting(corpus=text(f"simplecache::{ADDRESS}"))),
    ("text in a zip by its address", setting(corpus=text(f"zip://en.txt::{ADDRESS}"))),
    ("text behind a local address", setting(corpus=text("local://OUT/texts/{language}.txt"))),
    ("a language that is an address", languages(ADDRESS, corpus=text("{language}"))),
    ("a language that is a host", languages("127.0.0.1:9", corpus=text("http://{language}/x"))),
    ("a language that is a file address", languages(
        "file://OUT/texts/de.txt", corpus=text("{language}"))),
    ("a language that leads above", languages("../../outside/texts/de")),
    ("a language by an absolute path", languages("OUT/texts/de", corpus=text("{language}.txt"))),
    ("a language that is two dots", languages(
        "..", corpus=text("texts/{language}/../outside/texts/de.txt"))),
    ("a language that leads home", languages("~", corpus=text("{language}/texts/de.txt"))),
    ("a model above", setting(model="../outside/model")),
    ("a model by an absolute path", setting(model="OUT/model")),
    ("a model at home", setting(model="~/model")),
    ("a model linked", linked("model")),
    ("a model with brackets", linked("m[1]", "model", model="./m[1]")),
    ("a model by its name here", linked("owner/name", "model", model="owner/name")),
    ("a model behind two folders", setting(model="model/../../outside/model")),
    ("a model's configuration linked", linked("model/config.json")),
    ("a tokenizer linked", linked("model/tokenizer.json")),
    ("a tokenizer's settings linked", linked("model/tokenizer_config.json")),
    ("a vocabulary linked", linked("model/vocab.txt", "texts/de.txt")),
    ("weights linked", linked("model/model.safetensors")),
    ("an index of weights linked", linked_index),
    ("a shard above", index("../../outside/model/model.safetensors")),
    ("a shard by an absolute path", index("OUT/model/model.safetensors")),
    ("a shard at an address", index(ADDRESS)),
    ("a shard linked", linked_shard),
    ("a further tokenizer above", tokenizer_setting(
        "fast_tokenizer_files", ["../../outside/tokenizer.4.0.json"])),
    ("a template of chats linked", linked(
        "model/additional_chat_templates/a.jinja", "texts/de.txt")),
    ("an adapter of another model", in_model(
        "adapter_config.json", '{"base_model_name_or_path": "owner/name"}')),
    ("pickles", setting(more=", allow_pickle: true")),
    ("code of others", setting(more=", trust_remote_code: true")),
    ("aliases above", setting(aliases="../outside/aliases.csv")),
    ("aliases linked", linked("aliases.csv")),
    ("aliases with brackets", linked("a[1].csv", "aliases.csv", aliases="a[1].csv")),
    ("aliases in a linked folder", linked("sub", "texts/..", aliases="sub/aliases.csv")),
    ("a lake above", setting(lake="../outside/lake")),
    ("a lake by an absolute path", setting(lake="OUT/lake")),
    ("a lake at home", setting(lake="~/lake")),
    ("a lake linked", linked("lake")),
    ("a lake with brackets", linked("l[1]", "lake", lake="l[1]")),
    ("a lake below a link", linked("lake/guest", "lake")),
    ("a table of the lake linked", linked("lake/guest/part", "lake")),
    ("a part of the lake linked", linked(
        "lake/guest/predictions/one/en/digest.parquet", "facts.parquet")),
    ("the lake's marker linked", marker_of_the_lake),
    ("a lake at an address", setting(lake="http://127.0.0.1:9/lake")),
    ("a lake by a file address", setting(lake="file://OUT/lake")),
    ("the study file linked", study_file),
]  # fmt: skip
STOPPED_ANYWAY = {
    # Also without the restriction, by factroots or by a library; or nothing is opened in this test.
    "a language that is an address",
    "a language that is a host",
    "a language that is a file address",
    "a language that leads above",
    "a language by an absolute path",
    "a language that is two dots",
    "a language that leads home",
    "the lake's marker linked",
    "a further tokenizer above",
    "a shard above",
    "a shard by an absolute path",
    "a shard at an address",
    "an adapter of another model",
    "pickles",
    "code of others",
    "the study file linked",
}


@pytest.mark.parametrize("change", [change for _, change in CASES], ids=[name for name, _ in CASES])
def test_a_way_out_is_refused_and_nothing_outside_is_touched(
    guest: Guest, tmp_path: Path, change: Callable[[Guest], object]
) -> None:
    change(guest)
    study = guest.write()
    before = sorted(guest.outside.rglob("*"))
    with watched(guest.outside) as touched, pytest.raises(FactrootsError):
        use_everything(study, tmp_path / "homes", guest.folder)
    assert touched == []
    assert sorted(guest.outside.rglob("*")) == before


@pytest.mark.nightly
@pytest.mark.parametrize(
    "change",
    [change for name, change in CASES if name not in STOPPED_ANYWAY],
    ids=[name for name, _ in CASES if name not in STOPPED_ANYWAY],
)
def test_without_the_restriction_it_is_a_way_out(
    guest: Guest, tmp_path: Path, change: Callable[[Guest], object]
) -> None:
    change(guest)
    study = guest.write()
    # Some fail later on: an address answers nothing, a model's files do not fit each other.
    failures = (FactrootsError, OSError, ImportError, ValueError)
    with watched(guest.outside) as touched, contextlib.suppress(*failures):
        use_everything(study, tmp_path / "homes", None)
    assert touched


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("{language}", ADDRESS),
        ("{language}", "file:///etc/passwd"),
        ("texts/{language}.txt", "../../outside/texts/de"),
        ("{language}.txt", "/etc/passwd"),
        ("{language}/texts/de.txt", "~"),
        ("{language}/outside/texts/de.txt", ".."),
        ("{language}/texts/de.txt", "../out*"),
        ("{language}", "../outside/**/de.txt"),
        ("texts/{language}.txt", "\0"),
    ],
)
def test_a_language_in_a_path_is_checked_where_the_files_are_listed(
    guest: Guest, path: str, language: str
) -> None:
    settings = PlainText(path, within=guest.folder)
    with watched(guest.outside) as touched, pytest.raises(FactrootsError):
        list_files(settings, language, guest.folder)
    assert touched == []


@pytest.mark.parametrize("code", ["../x", "a/b", "http://x", ".", "a b", "", "é", "en-", "a*"])
def test_a_code_that_cannot_name_a_file_is_no_language(guest: Guest, code: str) -> None:
    guest.languages = ["en", code]
    with pytest.raises(FactrootsError, match=r"no language code|rejected|has no language"):
        use_everything(guest.write(), guest.folder.parent / "homes", None)


def test_a_study_that_keeps_inside_is_used_whole(guest: Guest, tmp_path: Path) -> None:
    (guest.folder / "texts" / "fr.txt").symlink_to(guest.folder / "texts" / "de.txt")
    guest.languages = ["en", "de", "fr"]
    study = guest.write()
    with watched(guest.outside) as touched:
        use_everything(study, tmp_path / "homes", guest.folder)
    assert touched == []
    assert (guest.folder / "lake" / "guest" / "part" / "digest.parquet").read_bytes() == b"part"


@pytest.mark.parametrize("name", ["homes", "homes/guest", "homes/guest/lake", "homes/guest/.lock"])
def test_a_home_in_the_folder_has_no_links_that_lead_out(
    guest: Guest, tmp_path: Path, name: str
) -> None:
    guest.link(name, "lake")
    study = guest.write()
    with watched(guest.outside) as touched, pytest.raises(FactrootsError, match="the home"):
        use_everything(study, guest.folder / "homes", guest.folder)
    assert touched == []


def test_a_pipe_is_no_file_and_does_not_stop_the_run(guest: Guest, tmp_path: Path) -> None:
    study = guest.write()
    (guest.folder / "facts.csv").unlink()
    os.mkfifo(guest.folder / "facts.csv")
    with pytest.raises(FactrootsError, match="is no file"):
        use_everything(study, tmp_path / "homes", guest.folder)


def test_a_file_exchanged_for_a_link_after_the_check_is_not_opened(
    guest: Guest, tmp_path: Path
) -> None:
    study = guest.write()
    resolved = Workspace(str(study), tmp_path / "homes", restrict=guest.folder).plan.study
    corpus = resolved.corpora[0]
    (file,) = list_files(corpus.settings, "de", corpus.folder)
    guest.link("texts/de.txt")
    guest.link("model/model.safetensors")
    guest.link("aliases.csv")
    with watched(guest.outside) as touched:
        with pytest.raises(FactrootsError, match="leads out"):
            file.open()
        with pytest.raises(FactrootsError, match="leads out"):
            load(resolved.models[0].resolved, "cpu")
        with pytest.raises(FactrootsError, match="leads out"):
            read_bytes(load_study(str(study)).locate("aliases.csv"), resolved.within)
    assert touched == []


def test_a_folder_exchanged_for_a_link_while_it_is_opened_is_not_followed(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the exchange came between the check of the real path and the opening."""
    path = guest.folder / "texts" / "de.txt"
    monkeypatch.setattr("ingestion.restricted.require_inside", lambda path, within: path)
    guest.link("texts")
    with (
        watched(guest.outside) as touched,
        pytest.raises(OSError, match=r"symbolic link|directory"),
    ):
        read_bytes(path, guest.folder)
    assert [event for event in touched if "de.txt" in event] == []


ADDED: dict[str, dict[str, object]] = {
    "above": {"source": "../outside/model"},
    "by an absolute path": {"source": "OUT/model"},
    "at home": {"source": "~/model"},
    "linked": {"source": "./far"},
    "by its name here": {"source": "far"},
    "with a shard elsewhere": {"source": "./model"},
    "with pickles": {"source": "./other", "allow_pickle": True},
    "with code of others": {"source": "./other", "trust_remote_code": True},
}


@pytest.mark.parametrize("name", ADDED)
def test_a_model_that_leads_out_is_not_added(guest: Guest, tmp_path: Path, name: str) -> None:
    guest.settings = {"model": "other"}
    shutil.copytree(guest.folder / "model", guest.folder / "other")
    guest.link("far", "model")
    index("../../outside/model/model.safetensors")(guest)
    study = guest.write()
    before = study.read_text()
    source = str(ADDED[name]["source"]).replace("OUT", str(guest.outside))
    block = ModelBlock(**{"id": "two", **ADDED[name], "source": source})  # type: ignore[arg-type]
    with watched(guest.outside) as touched, pytest.raises(FactrootsError):
        add_model(str(study), block, tmp_path / "homes", guest.folder)
    assert touched == []
    assert study.read_text() == before


def test_a_model_is_added_to_a_restricted_study_and_links_laid_for_it_are_not_followed(
    guest: Guest, tmp_path: Path
) -> None:
    study = guest.write()
    guest.link(f".{study.name}.{os.getpid()}.tmp", "texts/de.txt")
    with watched(guest.outside) as touched:
        add_model(str(study), ModelBlock("two", "./model"), tmp_path / "homes", guest.folder)
    # The link itself is removed.
    assert {event.split()[0] for event in touched} == {"os.remove"}
    assert (guest.outside / "texts" / "de.txt").read_text() == SECRET
    assert [model.id for model in load_study(str(study)).models] == ["one", "two"]
    (guest.outside / "guest.yml").write_text(study.read_text())
    for inside, folder in ((guest.outside / "guest.yml", guest.folder), (study, guest.outside)):
        with pytest.raises(FactrootsError, match="lies outside"):
            add_model(str(inside), ModelBlock("three", "./model"), tmp_path / "homes", folder)
