"""The table of architectures names the right modules of every family."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from models_gpu.errors import ModelError
from models_gpu.loading.families import ModelView, architecture, architectures
from models_gpu.loading.load import LoadedModel, wrap
from tests.helpers.tiny_models import (
    CAUSAL,
    FAMILIES,
    hugging_face_model,
    loaded,
    tokenizer_of,
    units_of,
)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return loaded(request.param)


def batch(model: LoadedModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Three queries of lengths 9, 9 and 6, padded."""
    token_ids = torch.randint(5, 30, (3, 9), generator=torch.manual_seed(1))
    is_token = torch.ones(3, 9, dtype=torch.bool)
    is_token[2, 6:] = False
    return token_ids.masked_fill(~is_token, model.pad_token_id), is_token


def test_every_family_of_the_table_is_tested() -> None:
    assert set(architectures()) == set(FAMILIES)


def test_logits_equal_hugging_faces_forward(model: LoadedModel) -> None:
    token_ids, is_token = batch(model)
    hugging_face: Any = model.view.model
    expected = hugging_face(input_ids=token_ids, attention_mask=is_token.long()).logits
    hidden = model.view.encode(token_ids, is_token)
    ours = model.view.compute_logits(hidden[is_token])
    assert torch.allclose(ours, expected[is_token], atol=1e-5)
    buffer = torch.empty_like(ours)
    assert model.view.compute_logits(hidden[is_token], out=buffer) is buffer
    assert torch.allclose(buffer, ours, atol=1e-5)


def test_without_padding_no_mask_is_needed(model: LoadedModel) -> None:
    token_ids, is_token = batch(model)
    whole = model.view.encode(token_ids[:2], None)
    assert torch.allclose(whole, model.view.encode(token_ids, is_token)[:2], atol=1e-5)
    short = model.view.encode(token_ids[2:, :6], None)
    assert torch.allclose(short, model.view.encode(token_ids, is_token)[2:, :6], atol=1e-5)


def test_states_at_some_positions_are_those_of_the_whole_pass(model: LoadedModel) -> None:
    view = model.view
    token_ids, is_token = batch(model)
    places = torch.tensor([20, 3, 4])
    whole = view.encode(token_ids, is_token)
    some = view.encode_at(token_ids, is_token, places)
    assert torch.allclose(some, whole.flatten(0, 1)[places], atol=1e-5)
    assert view.encode(token_ids, is_token).shape == whole.shape


def test_above_the_last_attention_only_the_positions_asked_for_are_computed() -> None:
    view = loaded("bert").view
    token_ids, is_token = batch(loaded("bert"))
    rows: list[list[int]] = [[], []]
    handles = [
        projection.register_forward_pre_hook(
            lambda _, inputs, seen=seen: seen.append(inputs[0].shape[:-1].numel())
        )
        for projection, seen in zip(view.down_projections, rows, strict=True)
    ]
    view.encode_at(token_ids, is_token, torch.tensor([20, 3, 4]))
    for handle in handles:
        handle.remove()
    assert rows == [[27], [3]]


def test_neurons_are_the_input_of_the_down_projection(model: LoadedModel) -> None:
    view = model.view
    assert len(view.layers) == len(view.down_projections) == 2
    units = units_of(model.family.name)
    assert (view.neuron_count, view.hidden_size) == (units, 32)
    seen: list[torch.Tensor] = []
    handle = view.down_projections[1].register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    view.encode(batch(model)[0][:2], None)
    handle.remove()
    assert [states.shape for states in seen] == [(2, 9, units)]
    assert view.embeddings.weight.shape == (view.vocabulary_size, 32)


@pytest.mark.parametrize("family", CAUSAL)
def test_a_causal_model_goes_on_from_what_it_kept(family: str) -> None:
    view = loaded(family).view
    token_ids = torch.randint(5, 30, (3, 9), generator=torch.manual_seed(1))
    whole = view.encode(token_ids, None)
    first, cache = view.encode_with_cache(token_ids[:, :5])
    parts = [first]
    for start, stop in ((5, 6), (6, 7), (7, 8), (8, 9)):
        hidden, cache = view.encode_with_cache(token_ids[:, start:stop], cache)
        parts.append(hidden)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-4, atol=1e-5)


def test_an_untied_decoder_is_used(model: LoadedModel) -> None:
    untied = hugging_face_model(model.family.name, model.view.vocabulary_size)
    decoder = untied.get_submodule(model.family.decoder)
    decoder.weight = torch.nn.Parameter(torch.randn_like(decoder.weight))
    view = ModelView(untied, model.family)
    token_ids, _ = batch(model)
    with torch.no_grad():
        expected = untied(input_ids=token_ids[:2]).logits
        ours = view.compute_logits(view.encode(token_ids[:2], None).flatten(0, 1))
    assert torch.allclose(ours, expected.flatten(0, 1), atol=1e-4)


def test_an_unknown_architecture_names_near_matches_and_all_that_are_supported() -> None:
    with pytest.raises(ModelError, match=r"'robert'; did you mean .*roberta.*Supported: bert, "):
        architecture("robert")


def test_a_mask_without_an_embedding_is_refused() -> None:
    tokenizer = tokenizer_of("bert")
    with pytest.raises(ModelError, match=f"the mask has the id {tokenizer.mask_token_id}, but"):
        wrap(hugging_face_model("bert", tokenizer.mask_token_id), tokenizer, "cpu")


def test_special_tokens_without_an_embedding_are_not_used() -> None:
    tokenizer = tokenizer_of("gpt2")
    count = len(tokenizer)
    tokenizer.add_special_tokens({"pad_token": "<pad>", "bos_token": "<s>"})
    model = wrap(hugging_face_model("gpt2", count), tokenizer, "cpu")
    assert model.pad_token_id == 0
    assert model.start_token_id == model.end_token_id == tokenizer.eos_token_id


def test_loaded_models_need_no_gradients_and_do_not_drop_out(model: LoadedModel) -> None:
    module: Any = model.view.model
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())


class OldNames(torch.nn.Module):
    """A backbone that calls its cache as transformers 5.0 does."""

    name = "past_key_values"

    def forward(
        self, input_ids: torch.Tensor, use_cache: bool, past_key_values: list[int] | None = None
    ) -> dict[str, Any]:
        return self.extended(input_ids, past_key_values)

    def extended(self, input_ids: torch.Tensor, cache: list[int] | None) -> Any:
        states = input_ids[..., None].float()
        values = {"last_hidden_state": states, self.name: [*(cache or []), input_ids.shape[1]]}
        return transformers.utils.ModelOutput(**values)


class NewNames(OldNames):
    """The same as transformers 5.24 does."""

    name = "cache"

    def forward(  # type: ignore[override]
        self, input_ids: torch.Tensor, use_cache: bool, cache: list[int] | None = None
    ) -> dict[str, Any]:
        return self.extended(input_ids, cache)


@pytest.mark.parametrize("backbone", [OldNames(), NewNames()])
def test_the_cache_has_the_name_of_the_installed_transformers(backbone: OldNames) -> None:
    model = hugging_face_model("gpt2", 340)
    layers, embeddings = model.transformer.h, model.transformer.wte
    model.transformer = backbone
    backbone.h, backbone.wte = layers, embeddings
    view = ModelView(model, architecture("gpt2"))
    states, cache = view.encode_with_cache(torch.tensor([[5, 6, 7]]))
    assert states.tolist() == [[[5], [6], [7]]]
    states, cache = view.encode_with_cache(torch.tensor([[8]]), cache)
    assert states.tolist() == [[[8]]]
    assert cache == [3, 1]
