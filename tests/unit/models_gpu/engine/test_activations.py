"""Recorded activations are those of Hugging Face's own forward pass, and hooks are removed."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from models_gpu.engine.activations import activation_hooks, neurons_per_layer, record_activations
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import forward_work
from models_gpu.prompting.build import build_queries
from models_gpu.prompting.queries import Queries
from tests.helpers.tiny_models import FAMILIES, loaded, many_facts, units_of


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return loaded(request.param)


@pytest.fixture
def queries(model: LoadedModel) -> Queries:
    return build_queries(model, many_facts(), "gold")


def hook_count(model: LoadedModel) -> int:
    modules = [*model.view.layers, *model.view.down_projections]
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in modules)


def plain(model: LoadedModel, queries: Queries, query: int, neuron: str) -> torch.Tensor:
    """``[layers, units]`` one query alone, by wrapping the modules' own forward."""
    begin, end = queries.token_offsets[[query, query + 1]]
    token_ids = torch.from_numpy(queries.token_ids[begin:end].astype(np.int64))[None]
    low, high = queries.scored_offsets[[query, query + 1]]
    places = torch.from_numpy(queries.scored_positions[low:high]).long()
    seen: list[torch.Tensor] = []

    def kept(forward: Any) -> Any:
        def call(*inputs: Any, **named: Any) -> Any:
            output = forward(*inputs, **named)
            states = inputs[0] if neuron == "ffn" else output
            seen.append((states[0] if isinstance(states, tuple) else states)[0, places].mean(0))
            return output

        return call

    view = model.view
    modules = view.down_projections if neuron == "ffn" else view.layers
    for module in modules:
        module.forward = kept(module.forward)
    with torch.no_grad():
        view.model(token_ids)
    for module in modules:
        del module.forward
    return torch.stack(seen)


@pytest.mark.parametrize("neuron", ["ffn", "layer_output"])
def test_activations_are_the_mean_over_the_scored_positions_of_each_query_alone(
    model: LoadedModel, queries: Queries, neuron: str
) -> None:
    assert len(set(queries.scored_counts.tolist())) > 1
    found = record_activations(model, queries, neuron=neuron)
    assert found.shape == (2, queries.count, units_of(model.family.name) if neuron == "ffn" else 32)
    assert found.shape[2] == neurons_per_layer(model.view, neuron)
    for query in range(queries.count):
        expected = plain(model, queries, query, neuron)
        torch.testing.assert_close(found[:, query], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("token_budget", [1, 40, 100_000])
def test_the_size_of_a_batch_moves_activations_by_rounding_only(
    model: LoadedModel, queries: Queries, token_budget: int
) -> None:
    usual = record_activations(model, queries)
    other = record_activations(model, queries, token_budget=token_budget)
    torch.testing.assert_close(other, usual, rtol=1e-5, atol=1e-5)
    assert torch.equal(record_activations(model, queries), usual)


def test_all_layers_come_from_one_pass_without_the_head(
    model: LoadedModel, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    encode = model.view.encode

    def counted(token_ids: torch.Tensor, is_token: torch.Tensor | None) -> torch.Tensor:
        passes.append(len(token_ids))
        return encode(token_ids, is_token)

    monkeypatch.setattr(model.view, "encode", counted)
    monkeypatch.setattr(model.view, "compute_logits", None)
    record_activations(model, queries)
    assert sum(passes) == queries.count


@pytest.mark.parametrize("neuron", ["ffn", "layer_output"])
def test_no_hook_is_left_behind_also_after_an_exception(
    model: LoadedModel, queries: Queries, monkeypatch: pytest.MonkeyPatch, neuron: str
) -> None:
    before = hook_count(model)
    record_activations(model, queries, neuron=neuron)
    assert hook_count(model) == before

    def breaks(layer: int, states: torch.Tensor) -> None:
        raise KeyboardInterrupt

    token_ids = torch.from_numpy(queries.token_ids[: queries.lengths[0]].astype(np.int64))[None]
    with activation_hooks(model.view, neuron, breaks):
        assert hook_count(model) == before + 2
    with pytest.raises(KeyboardInterrupt), activation_hooks(model.view, neuron, breaks):
        model.view.encode(token_ids, None)
    assert hook_count(model) == before


def test_a_layer_that_cannot_be_hooked_leaves_the_others_as_they_were(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hook_count(model)

    def refuses(hook: object) -> None:
        raise RuntimeError("no hooks here")

    monkeypatch.setattr(model.view.down_projections[1], "register_forward_pre_hook", refuses)
    with (
        pytest.raises(RuntimeError, match="no hooks here"),
        activation_hooks(model.view, "ffn", lambda *_: None),
    ):
        pass
    assert hook_count(model) == before


def test_a_batch_that_does_not_fit_is_halved_and_gives_the_same(
    model: LoadedModel, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = record_activations(model, queries)
    encode, before = model.view.encode, hook_count(model)

    def scarce(token_ids: torch.Tensor, is_token: torch.Tensor | None) -> torch.Tensor:
        if len(token_ids) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return encode(token_ids, is_token)

    monkeypatch.setattr(model.view, "encode", scarce)
    torch.testing.assert_close(record_activations(model, queries), usual, rtol=1e-5, atol=1e-5)
    assert hook_count(model) == before


def test_progress_ends_with_all_queries(model: LoadedModel, queries: Queries) -> None:
    reports: list[tuple[float, float]] = []
    record_activations(model, queries, token_budget=60, progress=lambda *pair: reports.append(pair))
    assert reports == sorted(reports)
    work = forward_work(model, len(queries.token_ids), 0)
    assert (reports[0], reports[-1]) == ((0, work), (work, work))


def test_nothing_to_ask_is_nothing_captured(model: LoadedModel) -> None:
    nothing = build_queries(model, many_facts().filter(pl.lit(False)), "gold")
    assert record_activations(model, nothing).shape == (2, 0, units_of(model.family.name))
