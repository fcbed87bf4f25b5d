"""One bad model is one bad model: whatever its files make a library raise is an error about it."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from dagster_project.runtime.compute import compute_corpora, compute_study
from dagster_project.runtime.workers import ThisProcess
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.registry import STEP_OF_TABLE, make_plan
from dagster_project.steps.step import CorpusStep, StudyStep
from dagster_project.study.resolve import resolve_study
from dagster_project.study.schema import StudyError
from models_gpu.errors import ModelError, as_model_error
from tests.helpers import studies

STUDY = """\
name: tiny
facts: {kind: table, path: facts.csv}
models: [{id: good, source: ./good}, {id: bad, source: ./bad}]
"""
FACTS = "language,relation,template,subject,object\nen,P36,[X] in [Y] .,Paris,France\n"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "facts.csv").write_text(FACTS)
    for name in ("good", "bad"):
        studies.save_model(tmp_path / name, "bert")
    path = tmp_path / "tiny.yml"
    path.write_text(STUDY)
    return path


def as_shards(folder: Path, index: object) -> None:
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def header(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the header of the weights; the tensors stay."""
    path = folder / "model.safetensors"
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    entries = json.loads(content[8 : 8 + length])
    change(entries)
    text = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def first(entries: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for name, entry in entries.items() if "__" not in name)
    return found


def config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


HARMS: dict[str, Callable[[Path], object]] = {
    "no weight map": lambda at: as_shards(at, {"weight_map": None}),
    "a weight map of numbers": lambda at: as_shards(at, {"weight_map": {"a": 3}}),
    "no data_offsets": lambda at: header(at, lambda all_: first(all_).pop("data_offsets")),
    "offsets that run backwards": lambda at: header(
        at, lambda all_: first(all_).update(data_offsets=[8, 4])
    ),
    "negative offsets": lambda at: header(
        at, lambda all_: first(all_).update(data_offsets=[-8, 4])
    ),
    "an entry that is a text": lambda at: header(at, lambda all_: all_.update(x="y")),
    "a shape of texts": lambda at: header(at, lambda all_: first(all_).update(shape=["a"])),
    "a header that is a list": lambda at: (at / "model.safetensors").write_bytes(
        struct.pack("<Q", 2) + b"[]"
    ),
    "a configuration nested 100,000 deep": lambda at: (at / "config.json").write_text(
        '{"a":' * 100_000 + "1" + "}" * 100_000
    ),
    "a configuration that is no UTF-8": lambda at: (at / "config.json").write_bytes(b"\xff\xfe{}"),
    "hidden_size is a text": lambda at: config(at, hidden_size="large"),
    "no vocab_size": lambda at: config(at, vocab_size=None),
    "a dtype that is no dtype": lambda at: config(at, dtype="os.system", torch_dtype="os.system"),
    "20,000 layers": lambda at: config(at, num_hidden_layers=20_000),
    "ten million labels": lambda at: config(at, num_labels=10_000_000),
    "a tokenizer that is a list": lambda at: (at / "tokenizer.json").write_text("[]"),
    "a tokenizer without a model": lambda at: (at / "tokenizer.json").write_text("{}"),
    "a tokenizer's settings that are a list": lambda at: (at / "tokenizer_config.json").write_text(
        "[]"
    ),
    "an adapter of another model": lambda at: (at / "adapter_config.json").write_text(
        '{"base_model_name_or_path": "owner/name"}'
    ),
    "weights that are a folder": lambda at: (
        (at / "model.safetensors").unlink(),
        (at / "model.safetensors").mkdir(),
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_malformed_model_is_named_and_the_others_stay(study: Path, harm: str) -> None:
    HARMS[harm](study.parent / "bad")
    started = time.monotonic()
    with pytest.raises(StudyError) as caught:
        resolve_study(str(study), study.parent)
    (problem,) = caught.value.problems
    assert "model 'bad'" in problem.message
    assert problem.line == 3
    # The sensor and --keep-going leave it out, at the latest when its asset describes it.
    resolved = resolve_study(str(study), study.parent, keep_going=True)
    assert "good" in [model.id for model in resolved.models]
    assert time.monotonic() - started < 60


def test_a_corpus_is_left_out_with_the_only_model_that_measures_it(study: Path) -> None:
    texts = study.parent / "en.txt"
    texts.write_text("Paris in France\n")
    corpora = "".join(f"  - {{id: {name}, kind: text, path: en.txt}}\n" for name in ("a", "b"))
    named = STUDY.replace("./good}", "./good, trained_on: a}")
    study.write_text(f"{named.replace('./bad}', './bad, trained_on: b}')}corpora:\n{corpora}")
    HARMS["no data_offsets"](study.parent / "bad")
    (study.parent / "bad" / "config.json").unlink()
    plan = make_plan(resolve_study(str(study), study.parent, keep_going=True))
    traced = {part.partition["corpus_id"] for part in plan.parts() if part.table == "occurrences"}
    assert traced == {"a"}


TOKENIZER_HARMS: dict[str, Callable[[Path], object]] = {
    "no tokenizer.json": lambda at: (at / "tokenizer.json").unlink(),
    "an empty one": lambda at: (at / "tokenizer.json").write_text(""),
    "one of another version": lambda at: (at / "tokenizer.json").write_text(
        (at / "tokenizer.json").read_text().replace('"WordPiece"', '"WordPieces"')
    ),
}


@pytest.mark.parametrize("harm", TOKENIZER_HARMS)
def test_a_corpus_is_measured_by_the_next_model_if_a_tokenizer_does_not_load(
    study: Path, harm: str
) -> None:
    (study.parent / "en.txt").write_text("Paris in France\n")
    models = "[{id: bad, source: ./bad}, {id: good, source: ./good}]"
    head = STUDY[: STUDY.index("models:")]
    study.write_text(
        f"{head}models: {models}\ncorpora: [{{id: texts, kind: text, path: en.txt}}]\n"
    )
    for name in ("vocab.txt", "special_tokens_map.json"):
        (study.parent / "bad" / name).unlink(missing_ok=True)
    TOKENIZER_HARMS[harm](study.parent / "bad")
    resolved = resolve_study(str(study), study.parent, keep_going=True)
    (broken,) = resolved.broken_models
    assert "model 'bad' in " in broken.reason
    measuring = resolved.chunk_model("texts")
    assert measuring is not None
    assert measuring.id == "good"
    workspace = Workspace(str(study), study.parent / "homes", keep_going=True)
    workspace.home.create()
    for table in ("facts", "fact_labels"):
        step = STEP_OF_TABLE[table]
        assert isinstance(step, StudyStep)
        compute_study(workspace, step)
    step = STEP_OF_TABLE["occurrences"]
    assert isinstance(step, CorpusStep)
    list(compute_corpora(workspace, ThisProcess(), step, {"texts": ["en"]}))
    sizes = workspace.read("corpus_sizes", {"corpus_id": "texts", "language_code": "en"})
    assert sizes["token_count"].to_list() == [3]


def test_a_model_that_an_earlier_run_left_out_is_refused_without_keep_going(study: Path) -> None:
    HARMS["a shape of texts"](study.parent / "bad")
    workspace = Workspace(str(study), study.parent / "homes", keep_going=True)
    workspace.home.create()
    step = STEP_OF_TABLE["models"]
    assert isinstance(step, StudyStep)
    compute_study(workspace, step)
    assert workspace.read("models", {})["model_id"].to_list() == ["good"]
    with pytest.raises(StudyError, match="model 'bad'"):
        resolve_study(str(study), study.parent / "homes")


def panic() -> None:
    """Make a Rust library panic, as a pattern of a hostile tokenizer does."""
    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(a+)+$"), "isolated")  # type: ignore[assignment]
    tokenizer.encode("a" * 40 + "b")


def test_a_panic_of_a_rust_library_is_an_error_about_the_model() -> None:
    with pytest.raises(BaseException) as raised:  # noqa: PT011
        panic()
    assert not isinstance(raised.value, Exception), "then nothing special is needed"
    with pytest.raises(ModelError, match="model 'bad' cannot be used"), as_model_error("bad"):
        panic()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, OSError(28, "full")])
def test_a_signal_and_a_full_disk_are_not_the_models(stop: Any) -> None:
    with pytest.raises(stop if isinstance(stop, type) else OSError), as_model_error("bad"):
        raise stop
