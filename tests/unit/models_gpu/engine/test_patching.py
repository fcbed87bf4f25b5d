"""Patched queries equal plain forward passes with a hook that replaces a layer's output."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models_gpu.engine.patching import Patches, PatchResults, record_states, run_patches
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.prompting.build import build_queries
from models_gpu.prompting.queries import Queries
from tests.helpers.plain_layers import layer_outputs, object_scores, patched_logits
from tests.helpers.tiny_models import FAMILIES, facts, loaded

CAPITAL = "[X] is in [Y]"
FEW = facts(
    ("a", "P36", CAPITAL, "Oslo", "Lima"),
    ("b", "P36", CAPITAL, "Oslo", "Paris"),
    ("c", "P19", "[X] was [Y]", "Roma", "Lima Oslo Bern"),
    ("d", "P36", CAPITAL, "Paris and Bern", "Roma"),
)
"""Two facts that may share a query, one of several tokens, several lengths."""
SOURCES = facts(
    ("s", "P36", "the city [X] is in [Y]", "Wien", "Riga"),
    ("t", "P36", "[X] and [Y]", "Marie Curie", "Bern Oslo"),
)


def some_patches(queries: Queries, source: Queries) -> tuple[Patches, np.ndarray, np.ndarray]:
    """Every row as target, in two patches of several positions; and what is recorded for them."""
    state_query = np.repeat(np.arange(source.count), 2)
    state_position = np.array([place for n in source.lengths for place in (0, n - 1)])
    target_rows = np.tile(np.arange(len(queries.row_fact)), 2)
    query = queries.row_query[target_rows].astype(np.int64)
    cells = []
    for patch, one in enumerate(query):
        size = queries.lengths[one]
        some = {(patch * 3) % size: patch % 4, (patch * 5 + 1) % size: (patch + 1) % 4}
        cells.append(list(some.items()) if patch % 3 else [(size - 1, 3)])
    flat = np.array([cell for own in cells for cell in own], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in cells])])
    targets = np.arange(len(query))
    patches = Patches(query, offsets, flat[:, 0], flat[:, 1], targets, target_rows)
    return patches, state_query, state_position


def one_at_a_time(
    model: LoadedModel, queries: Queries, source: Queries, patches: Patches, places: np.ndarray
) -> PatchResults:
    """The definition: one forward pass per patch, layer and target."""
    layers = len(model.view.layers)
    states = []
    for query in range(source.count):
        ids = source.token_ids[slice(*source.token_offsets[[query, query + 1]])].tolist()
        outputs = layer_outputs(model, ids)
        states += [[output[place] for output in outputs] for place in places[2 * query :][:2]]
    log_prob = np.empty((layers + 1, len(patches.target_row)))
    is_top = np.empty(log_prob.shape, dtype=bool)
    for target, (patch, row) in enumerate(
        zip(patches.target_patch, patches.target_row, strict=True)
    ):
        query, fact = queries.row_query[row], queries.row_fact[row]
        ids = queries.token_ids[slice(*queries.token_offsets[[query, query + 1]])].tolist()
        at = queries.scored_positions[slice(*queries.scored_offsets[[query, query + 1]])].tolist()
        gold = queries.gold_ids[slice(*queries.gold_offsets[[fact, fact + 1]])].tolist()
        for layer in range(layers + 1):
            cells = range(*patches.cell_offsets[[patch, patch + 1]])
            put = {
                int(patches.position[c]): states[patches.state[c]][layer]
                for c in cells
                if layer < layers
            }
            logits = patched_logits(model, ids, min(layer, layers - 1), put)
            score, rank = object_scores(logits, at, gold)
            log_prob[layer, target], is_top[layer, target] = score, rank == 1
    return PatchResults(log_prob, is_top)


@pytest.mark.parametrize("family", FAMILIES)
def test_patched_queries_equal_plain_passes_with_a_hook(family: str) -> None:
    model = loaded(family)
    queries, source = (build_queries(model, rows, "gold") for rows in (FEW, SOURCES))
    patches, state_query, places = some_patches(queries, source)
    expected = one_at_a_time(model, queries, source, patches, places)
    states = record_states(model, source, state_query, places)
    found = run_patches(model, queries, patches, states)
    np.testing.assert_allclose(found.log_prob, expected.log_prob, rtol=1e-5, atol=1e-4)
    assert np.array_equal(found.is_top, expected.is_top)
    # The patches change the answers, differently in each layer.
    assert np.abs(np.diff(found.log_prob, axis=0)).max(axis=1).min() > 0.05


@pytest.mark.parametrize("family", ["roberta", "llama"])
@pytest.mark.parametrize("token_budget", [1, 40])
def test_results_do_not_depend_on_batches_or_order(family: str, token_budget: int) -> None:
    model = loaded(family)
    queries, source = (build_queries(model, rows, "gold") for rows in (FEW, SOURCES))
    patches, state_query, places = some_patches(queries, source)
    states = record_states(model, source, state_query, places)
    usual = run_patches(model, queries, patches, states)
    again = record_states(model, source, state_query, places, token_budget=token_budget)
    torch.testing.assert_close(again, states, rtol=1e-5, atol=1e-4)
    found = run_patches(model, queries, patches, again, token_budget=token_budget)
    np.testing.assert_allclose(found.log_prob, usual.log_prob, rtol=1e-5, atol=1e-4)
    assert np.array_equal(found.is_top, usual.is_top)


def test_own_states_change_nothing() -> None:
    model = loaded("bert")
    queries = build_queries(model, FEW, "gold")
    count = len(queries.row_fact)
    query = queries.row_query.astype(np.int64)
    states = record_states(model, queries, query, np.ones(count, dtype=np.int64))
    every = np.arange(count)
    patches = Patches(query, np.arange(count + 1), np.ones(count, dtype=int), every, every, every)
    found = run_patches(model, queries, patches, states).log_prob
    np.testing.assert_allclose(found, np.tile(found[-1], (3, 1)), atol=1e-5)


def test_the_model_is_left_as_it_was() -> None:
    model = loaded("bert")
    queries, source = (build_queries(model, rows, "gold") for rows in (FEW, SOURCES))
    patches, state_query, places = some_patches(queries, source)
    ids = torch.tensor([[2, 7, 4, 9, 3]])
    before = model.view.encode(ids, None)
    run_patches(model, queries, patches, record_states(model, source, state_query, places))
    assert torch.equal(model.view.encode(ids, None), before)
    for module in model.view.model.modules():
        assert "forward" not in vars(module)


def test_targets_of_another_length_are_an_error() -> None:
    model = loaded("bert")
    queries, source = (build_queries(model, rows, "gold") for rows in (FEW, SOURCES))
    patches, state_query, places = some_patches(queries, source)
    states = record_states(model, source, state_query, places)
    every = build_queries(model, FEW, "all")
    rows = np.arange(len(every.row_fact))[: len(patches.target_row)]
    longer = replace(patches, target_row=rows, target_patch=rows, query=every.row_query[rows])
    with pytest.raises(ModelError, match="these numbers must be equal"):
        run_patches(model, every, longer, states)
