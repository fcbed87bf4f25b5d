"""A model is identified exactly, and every fault is reported before weights are read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import safetensors.torch
import torch
from polars.testing import assert_frame_equal

from ingestion.contract import LAKE
from models_gpu.errors import ModelError
from models_gpu.loading.inspection import inspect
from models_gpu.loading.load import load, wrap
from models_gpu.loading.source import resolve
from models_gpu.loading.spec import ModelSpec
from models_gpu.loading.tokenizers import tokenizer_hash
from models_gpu.methods.probing import probe
from tests.helpers.studies import save_model
from tests.helpers.tiny_models import (
    CAUSAL,
    FAMILIES,
    hugging_face_model,
    many_facts,
    tokenizer_of,
    units_of,
)

GOLD = {"mask_counts": "gold"}


def saved(folder: Path, family: str, vocabulary_size: int | None = None) -> Path:
    tokenizer = tokenizer_of(family)
    hugging_face_model(family, vocabulary_size or len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {family: saved(root / family, family) for family in FAMILIES}


@pytest.fixture
def folder(originals: dict[str, Path], tmp_path: Path) -> Path:
    """A sound BERT, to be damaged."""
    return Path(shutil.copytree(originals["bert"], tmp_path / "model"))


def check(folder: Path, **settings: object) -> None:
    inspect(resolve(ModelSpec("m", str(folder), **settings)))  # type: ignore[arg-type]


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewrite_weights(folder: Path, **changes: torch.Tensor | None) -> None:
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    for name, tensor in changes.items():
        if tensor is None:
            del tensors[name]
        else:
            tensors[name] = tensor
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})


@pytest.mark.parametrize("family", FAMILIES)
def test_the_card_describes_the_model(originals: dict[str, Path], family: str) -> None:
    resolved = resolve(ModelSpec("m", str(originals[family])))
    card = inspect(resolved)
    model = load(resolved, "cpu")
    assert card.architecture == family
    assert card.objective == ("causal" if family in CAUSAL else "masked")
    sizes = (card.layer_count, card.neuron_count, card.hidden_size)
    assert sizes == (2, units_of(family), 32)
    assert card.vocabulary_size == model.view.vocabulary_size
    plain: Any = model.view.model
    # The activation function of Apertus keeps two constants in the weight files.
    kept = [buffer for name, buffer in plain.named_buffers() if name in plain.state_dict()]
    assert card.parameter_count == sum(p.numel() for p in [*plain.parameters(), *kept])
    # Of what was loaded: transformers puts its own rules into a Qwen2 tokenizer's core.
    assert card.tokenizer_hash == tokenizer_hash(model.tokenizer)
    assert card.ignored_token_id == model.ignored_token_id
    assert card.revision.startswith("sha256:")
    of_study = {"corpus_id": None, "language_codes": None, "is_imported": False}
    columns = [name for name in LAKE["models"].schema.names if name not in of_study]
    assert list(asdict(card)) == columns
    pa.Table.from_pylist([asdict(card) | of_study], schema=LAKE["models"].schema)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_model_predicts_as_it_did_in_memory(
    originals: dict[str, Path], family: str
) -> None:
    tokenizer = tokenizer_of(family)
    before = wrap(hugging_face_model(family, len(tokenizer)), tokenizer, "cpu")
    after = load(resolve(ModelSpec("m", str(originals[family]))), "cpu")
    expected = probe(before, many_facts(), mask_counts="gold")
    # Where the weights lie in memory moves the last bit.
    assert_frame_equal(probe(after, many_facts(), mask_counts="gold"), expected, abs_tol=1e-5)


def test_loading_obeys_dtype(folder: Path) -> None:
    model = load(resolve(ModelSpec("m", str(folder), dtype="bfloat16")), "cpu")
    assert model.dtype == torch.bfloat16
    assert {p.dtype for p in model.view.model.parameters()} == {torch.bfloat16}


def test_importing_the_module_imports_no_torch(project: Path) -> None:
    code = (
        "import sys, models_gpu.settings, models_gpu.loading.inspection; "
        "assert not {'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=project)


def test_the_fingerprint_changes_with_what_predictions_depend_on(folder: Path) -> None:
    def fingerprint(**settings: object) -> str:
        spec = ModelSpec("m", str(folder), **settings)  # type: ignore[arg-type]
        return resolve(spec).fingerprint

    seen = [fingerprint(), fingerprint(dtype="bfloat16"), fingerprint(mask_counts="all")]
    assert fingerprint() == seen[0]
    rewrite_weights(folder, **{"cls.predictions.bias": torch.zeros(len(tokenizer_of("bert")))})
    seen.append(fingerprint())
    edit_config(folder, hidden_act="relu")
    seen.append(fingerprint())
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text() + "\n")
    seen.append(fingerprint())
    assert len(set(seen)) == 6


def test_the_fingerprint_does_not_depend_on_where_the_folder_is(folder: Path) -> None:
    copy = shutil.copytree(folder, folder.with_name("elsewhere"))
    specs = (ModelSpec("m", str(folder)), ModelSpec("other", str(copy)))
    assert len({resolve(spec).fingerprint for spec in specs}) == 1


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model 'm': there is no folder .*nowhere"):
        check(tmp_path / "nowhere")


def test_a_folder_without_config_is_an_error(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"there is no config\.json"):
        check(folder)


def test_a_broken_config_is_an_error(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json is not valid JSON"):
        check(folder)


def test_an_unknown_architecture_is_an_error(folder: Path) -> None:
    edit_config(folder, model_type="berd")
    with pytest.raises(ModelError, match=r"'berd'; did you mean .*bert.*Supported: bert, dist"):
        check(folder)


def test_code_beside_the_weights_is_refused(folder: Path) -> None:
    edit_config(folder, model_type="own", auto_map={"AutoModelForMaskedLM": "own.Model"})
    with pytest.raises(ModelError, match="trust_remote_code: true"):
        check(folder)
    with pytest.raises(ModelError, match="unknown architecture 'own'"):
        check(folder, trust_remote_code=True)


def test_missing_weights_are_an_error(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="there are no weights"):
        check(folder)


def test_pickles_are_refused_unless_allowed_by_name(folder: Path) -> None:
    path = folder / "model.safetensors"
    torch.save(safetensors.torch.load_file(path), folder / "pytorch_model.bin")
    path.unlink()
    with pytest.raises(ModelError, match=r"run code.*save_pretrained.*allow_pickle: true"):
        check(folder)
    check(folder, allow_pickle=True)
    model = load(resolve(ModelSpec("m", str(folder), allow_pickle=True)), "cpu")
    assert probe(model, many_facts(), mask_counts="gold").height == many_facts().height


def test_truncated_weights_are_an_error(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    for size in (len(content) - 1, len(content) // 2, 100, 5):
        path.write_bytes(content[:size])
        with pytest.raises(ModelError, match=r"model\.safetensors is cut off"):
            check(folder)


def test_a_file_that_is_no_safetensors_is_an_error(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n" * 9)
    with pytest.raises(ModelError, match="no safetensors file"):
        check(folder)


def test_a_missing_shard_is_an_error(folder: Path) -> None:
    hugging_face_model("bert", len(tokenizer_of("bert"))).save_pretrained(
        folder, max_shard_size="20KB"
    )
    (folder / "model.safetensors").unlink()
    check(folder)
    next(iter(sorted(folder.glob("model-*.safetensors")))).unlink()
    with pytest.raises(ModelError, match="1 of them are missing: model-00001"):
        check(folder)


def test_a_checkpoint_without_its_head_is_an_error(folder: Path) -> None:
    rewrite_weights(folder, **{"cls.predictions.transform.dense.weight": None})
    with pytest.raises(ModelError, match=r"1 tensors of BertForMaskedLM .*transform\.dense"):
        check(folder)


def test_a_bare_encoder_is_an_error(folder: Path) -> None:
    model = hugging_face_model("bert", len(tokenizer_of("bert")))
    model.bert.save_pretrained(folder)
    with pytest.raises(ModelError, match=r"would be random: cls\.predictions"):
        check(folder)


def test_old_names_of_tensors_are_understood(folder: Path) -> None:
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in tensors.items()
    }
    assert old.keys() != tensors.keys()
    safetensors.torch.save_file(old, folder / "model.safetensors", metadata={"format": "pt"})
    check(folder)
    load(resolve(ModelSpec("m", str(folder))), "cpu")


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("bert", "bert.encoder.layer.1.attention.self.distance_embedding.weight"),
        ("llama", "model.layers.0.self_attn.q_proj.lora_A.weight"),
    ],
)
def test_a_tensor_of_a_layer_that_would_be_left_out_is_an_error(
    originals: dict[str, Path], tmp_path: Path, family: str, name: str
) -> None:
    """Relative positions of an old BERT: transformers 5 computes it without them."""
    folder = Path(shutil.copytree(originals[family], tmp_path / "model"))
    rewrite_weights(folder, **{name: torch.ones(2, 3)})
    with pytest.raises(ModelError, match=f"1 tensors of its layers have no place .*{name}"):
        check(folder)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("gpt2", "transformer.h.0.attn.masked_bias"),
        ("gpt2", "transformer.h.1.attn.bias"),
        ("llama", "model.layers.0.self_attn.rotary_emb.inv_freq"),
        ("bert", "cls.seq_relationship.weight"),
    ],
)
def test_what_old_checkpoints_hold_besides_their_weights_is_allowed(
    originals: dict[str, Path], tmp_path: Path, family: str, name: str
) -> None:
    folder = Path(shutil.copytree(originals[family], tmp_path / "model"))
    rewrite_weights(folder, **{name: torch.ones(2, 3)})
    check(folder)


@pytest.mark.parametrize(
    ("family", "key"), [("bert", "is_decoder"), ("gemma3_text", "use_bidirectional_attention")]
)
def test_a_model_that_attends_in_another_direction_is_an_error(
    originals: dict[str, Path], tmp_path: Path, family: str, key: str
) -> None:
    folder = Path(shutil.copytree(originals[family], tmp_path / "model"))
    edit_config(folder, **{key: True})
    with pytest.raises(ModelError, match=f"it says {key}"):
        check(folder)


def test_a_tensor_of_another_shape_is_an_error(folder: Path) -> None:
    edit_config(folder, intermediate_size=47)
    with pytest.raises(ModelError, match=r"shape \(48, 32\).*asks for \(47, 32\)"):
        check(folder)


@pytest.mark.parametrize(
    ("dtype", "named"),
    [
        (torch.int8, "I8"),
        (torch.uint8, "U8"),
        (torch.bool, "BOOL"),
        (torch.int64, "I64"),
        (torch.float8_e4m3fn, "F8_E4M3"),
        (torch.float8_e5m2, "F8_E5M2"),
    ],
    ids=str,
)
def test_weights_of_quantised_numbers_are_an_error(
    folder: Path, dtype: torch.dtype, named: str
) -> None:
    name = "bert.encoder.layer.0.output.dense.weight"
    weights = safetensors.torch.load_file(folder / "model.safetensors")[name]
    rewrite_weights(folder, **{name: weights.to(dtype)})
    with pytest.raises(ModelError, match=rf"{name} has numbers of type {named} in model\.safet"):
        check(folder)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_weights_may_be_saved_in_any_type_of_weights(folder: Path, dtype: torch.dtype) -> None:
    name = "bert.encoder.layer.0.output.dense.weight"
    weights = safetensors.torch.load_file(folder / "model.safetensors")[name]
    rewrite_weights(folder, **{name: weights.to(dtype)})
    check(folder)


def test_embeddings_of_another_vocabulary_are_an_error(folder: Path) -> None:
    edit_config(folder, vocab_size=300)
    with pytest.raises(ModelError, match=r"embeddings but config\.json says vocab_size 300"):
        check(folder)


def test_a_tokenizer_with_some_ids_more_than_embeddings_is_allowed(folder: Path) -> None:
    tokenizer = tokenizer_of("bert")
    tokenizer.add_tokens(["quite", "new"])
    tokenizer.save_pretrained(folder)
    check(folder)
    assert load(resolve(ModelSpec("m", str(folder))), "cpu").mask_token_id == 4


def test_a_mask_without_an_embedding_is_an_error(folder: Path) -> None:
    tokenizer = tokenizer_of("bert")
    tokenizer.add_special_tokens({"mask_token": "<other>"})
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match="the mask has the id 121, but the model 121 embeddings"):
        check(folder)


def test_more_embeddings_than_ids_are_allowed(tmp_path: Path) -> None:
    check(saved(tmp_path / "padded", "bert", 256))


def test_a_missing_mask_token_is_an_error(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    del settings["mask_token"]
    path.write_text(json.dumps(settings))
    with pytest.raises(ModelError, match="has no mask token"):
        check(folder)


def test_a_missing_tokenizer_is_an_error(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="there is no tokenizer"):
        check(folder)


def test_a_broken_tokenizer_is_an_error(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="tokenizer does not load"):
        check(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"dtype": "float8"}, "it can be float32"), ({"mask_counts": "some"}, "it can be gold, all")],
)
def test_unknown_settings_are_an_error(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ModelSpec("m", "somewhere", **settings)  # type: ignore[arg-type]


def test_a_local_folder_has_no_revision(folder: Path) -> None:
    with pytest.raises(ModelError, match="has no revision 'main'"):
        check(folder, revision="main")


@pytest.mark.parametrize("wish", ["flash_attention_2", "flex_attention", "eager", "some/kernel"])
@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation"])
def test_wishes_of_the_config_do_not_change_how_a_model_runs(
    folder: Path, wish: str, key: str
) -> None:
    expected = probe(load(resolve(ModelSpec("m", str(folder))), "cpu"), many_facts(), **GOLD)
    edit_config(folder, **{key: wish, "return_dict": False})
    check(folder)
    model = load(resolve(ModelSpec("m", str(folder))), "cpu")
    assert model.view.model.config._attn_implementation == model.family.attention
    assert_frame_equal(probe(model, many_facts(), **GOLD), expected, abs_tol=1e-5)


# The hub: its cache on disk is laid out as huggingface_hub does, and read by huggingface_hub.

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub_cache(originals: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repository = tmp_path / "hub" / "models--tiny--bert"
    shutil.copytree(originals["bert"], repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (repository / "refs" / "v1").write_text(COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


@pytest.mark.parametrize("revision", [None, "main", "v1", COMMIT])
def test_a_cached_hub_model_is_used_offline_and_its_commit_recorded(
    hub_cache: Path, revision: str | None
) -> None:
    resolved = resolve(ModelSpec("m", "tiny/bert", revision=revision))
    assert resolved.revision == COMMIT
    assert inspect(resolved).revision == COMMIT
    assert probe(load(resolved, "cpu"), many_facts(), mask_counts="gold").height > 0


def test_an_uncached_hub_model_is_one_clear_error_offline(hub_cache: Path) -> None:
    with pytest.raises(ModelError, match=r"no snapshot of tiny/bert at revision 'v2' is cached"):
        resolve(ModelSpec("m", "tiny/bert", revision="v2"))
    with pytest.raises(ModelError, match=r"no folder 'tiny/other' here, the hub cannot be reached"):
        resolve(ModelSpec("m", "tiny/other"))


def test_a_hub_out_of_reach_falls_back_to_the_cache(
    hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert resolve(ModelSpec("m", "tiny/bert")).revision == COMMIT
    with pytest.raises(ModelError, match="the hub cannot be reached"):
        resolve(ModelSpec("m", "tiny/other"))


def test_a_name_that_can_be_neither_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(ModelError, match="neither a folder nor a name on the hub"):
        resolve(ModelSpec("m", "no such name!"))


def test_all_mask_counts_of_a_causal_model_are_refused(originals: dict[str, Path]) -> None:
    with pytest.raises(
        ModelError, match="'gpt2' is a causal model, which is queried without masks"
    ):
        check(originals["gpt2"], mask_counts="all")


def test_a_checkpoint_of_the_bare_decoder_loads(tmp_path: Path) -> None:
    # GPT-2 and BLOOM are on the hub without their prefix, and without the tied decoder.
    tokenizer = tokenizer_of("gpt2")
    model = hugging_face_model("gpt2", len(tokenizer))
    model.transformer.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    edit_config(tmp_path, architectures=["GPT2LMHeadModel"])
    check(tmp_path)
    loaded_model = load(resolve(ModelSpec("m", str(tmp_path))), "cpu")
    token_ids = torch.arange(5, 12)[None]
    hidden = loaded_model.view.encode(token_ids, None)
    with torch.no_grad():
        expected = model(token_ids).logits
    assert torch.allclose(loaded_model.view.compute_logits(hidden[0]), expected[0], atol=1e-5)


@pytest.mark.parametrize(
    "changed",
    [
        {"dtype": 7},
        {"hidden_act": "nosuch"},
        {"num_attention_heads": 0},
        {"hidden_size": "x"},
        {"vocab_size": None},
        {"num_hidden_layers": -1},
        {"num_hidden_layers": 1},
        {"max_position_embeddings": []},
    ],
)
def test_a_config_that_makes_no_model_is_an_error_with_its_reason(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    save_model(tmp_path, "bert")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(ModelError, match=r"in .*: "):
        inspect(resolve(ModelSpec("m", str(tmp_path))))


@pytest.mark.parametrize(("family", "is_warned"), [("gemma2", True), ("llama", False)])
def test_a_model_that_needs_its_start_token_is_warned_of_without_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, family: str, is_warned: bool
) -> None:
    save_model(tmp_path, family)
    load(resolve(ModelSpec("m", str(tmp_path))), "cpu")
    assert caplog.text == ""
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"post_processor": None}))
    load(resolve(ModelSpec("m", str(tmp_path))), "cpu")
    assert ("puts no start token" in caplog.text) == is_warned
