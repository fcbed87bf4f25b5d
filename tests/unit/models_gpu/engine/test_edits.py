"""Packed edits equal one row at a time: plain forward passes with hooks on down projections."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models_gpu.engine import edits as engine
from models_gpu.engine.edits import EditResults, Edits, Neuron, build_edits, run_edits
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.prompting.build import build_queries
from models_gpu.prompting.queries import Queries
from tests.helpers.tiny_models import FAMILIES, facts, loaded, units_of

CAPITAL = "[X] is in [Y]"
FEW = facts(
    ("a", "P36", CAPITAL, "Oslo", "Lima"),
    ("b", "P36", CAPITAL, "Oslo", "Paris"),
    ("c", "P19", "[X] was [Y]", "Roma", "Lima Oslo Bern"),
    ("d", "P36", CAPITAL, "Paris and Bern", "Roma"),
)
"""Two facts of one query, one of several tokens, several lengths."""


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return loaded("bert")


@pytest.fixture(scope="module")
def queries(model: LoadedModel) -> Queries:
    return build_queries(model, FEW, "gold")


def some_edits(queries: Queries, units: int, count: int = 12) -> Edits:
    """None, one or many neurons in either layer or both; suppressed, scaled and set."""
    draw = np.random.default_rng(5)
    rows, neurons, factors, values = [], [], [], []
    for edit in range(count):
        size = (0, 1, 7)[edit % 3]
        flat = draw.choice(units if edit % 2 else 2 * units, size, replace=False)
        flat = flat + units * (edit % 4 == 1)
        rows.append(edit % len(queries.row_fact))
        neurons.append([(int(place // units), int(place % units)) for place in flat])
        factors.append([(0.0, 2.0, 0.0)[edit // 4 % 3]] * size)
        values.append([(0.0, 0.0, 1.5)[edit // 4 % 3]] * size)
    return build_edits(rows, neurons, factors, values)


def one_at_a_time(model: LoadedModel, queries: Queries, edits: Edits) -> EditResults:
    """The definition: the model's own forward pass, once per row."""
    log_probs, tops = [], []
    for edit in range(edits.count):
        row = edits.row[edit]
        query, fact = queries.row_query[row], queries.row_fact[row]
        ids = queries.token_ids[slice(*queries.token_offsets[query : query + 2])]
        places = queries.scored_positions[slice(*queries.scored_offsets[query : query + 2])]
        gold = queries.gold_ids[slice(*queries.gold_offsets[fact : fact + 2])]
        handles = []
        for place in range(*edits.neuron_offsets[edit : edit + 2]):

            def hook(
                _: Any, inputs: tuple[torch.Tensor], place: int = place, at: Any = places
            ) -> tuple[torch.Tensor]:
                states = inputs[0].clone()
                for position in at:
                    unit = edits.unit[place]
                    states[0, position, unit] *= edits.factor[place]
                    states[0, position, unit] += edits.value[place]
                return (states,)

            down = model.view.down_projections[edits.layer[place]]
            handles.append(down.register_forward_pre_hook(hook))
        with torch.no_grad():
            logits = model.view.model(torch.from_numpy(ids.astype(np.int64))[None]).logits[0]
        for handle in handles:
            handle.remove()
        scores = logits[places].log_softmax(-1)
        log_probs.append(sum(float(scores[i, token]) for i, token in enumerate(gold)))
        tops.append(scores.argmax(-1).tolist() == gold.tolist())
    return EditResults(np.array(log_probs), np.array(tops))


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_rows_equal_plain_forward_passes_with_hooks(family: str) -> None:
    model = loaded(family)
    queries = build_queries(model, FEW, "gold")
    edits = some_edits(queries, units_of(family))
    expected = one_at_a_time(model, queries, edits)
    assert len(np.unique(expected.log_prob.round(4))) > 8
    found = run_edits(model, queries, edits)
    np.testing.assert_allclose(found.log_prob, expected.log_prob, rtol=1e-5, atol=1e-5)
    assert found.is_top.tolist() == expected.is_top.tolist()


@pytest.mark.parametrize("token_budget", [1, 40])
def test_answers_do_not_depend_on_how_rows_are_packed(
    model: LoadedModel, queries: Queries, token_budget: int
) -> None:
    edits = some_edits(queries, 48)
    usual = run_edits(model, queries, edits)
    found = run_edits(model, queries, edits, token_budget=token_budget)
    np.testing.assert_allclose(found.log_prob, usual.log_prob, rtol=1e-5, atol=1e-5)


def test_a_row_without_neurons_asks_the_plain_model_and_factor_one_changes_nothing(
    model: LoadedModel, queries: Queries
) -> None:
    every: list[Neuron] = [(layer, unit) for layer in range(2) for unit in range(48)]
    edits = build_edits([2, 2, 2], [[], every, every], [[], [1.0] * 96, [0.0] * 96])
    plain, same, other = run_edits(model, queries, edits).log_prob
    assert same == pytest.approx(plain, abs=1e-5)
    assert abs(other - plain) > 0.1


def test_layers_below_the_first_edited_one_run_once_a_query(
    model: LoadedModel, queries: Queries
) -> None:
    seen: list[tuple[int, int]] = []
    handles = [
        down.register_forward_pre_hook(lambda _, x, i=index: seen.append((i, len(x[0]))))
        for index, down in enumerate(model.view.down_projections)
    ]
    edits = build_edits([0] * 9, [[(1, unit)] for unit in range(9)], [[0.0]] * 9)
    run_edits(model, queries, edits)
    for handle in handles:
        handle.remove()
    assert sorted(seen) == [(0, 1), (1, 1), (1, 9)]


def test_a_batch_that_does_not_fit_is_halved(
    model: LoadedModel, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits = some_edits(queries, 48)
    usual = run_edits(model, queries, edits)
    real, tried = engine._scores, []

    def tight(*arguments: Any) -> Any:
        tried.append(len(arguments[1]))
        if len(arguments[1]) > 3:
            raise torch.OutOfMemoryError("out of memory")
        return real(*arguments)

    monkeypatch.setattr(engine, "_scores", tight)
    found = run_edits(model, queries, edits)
    np.testing.assert_allclose(found.log_prob, usual.log_prob, rtol=1e-5, atol=1e-5)
    assert max(tried) > 3


def test_the_model_is_left_as_it_was(model: LoadedModel, queries: Queries) -> None:
    ids = torch.tensor([[2, 7, 4, 9, 3]])
    before = model.view.encode(ids, None)
    run_edits(model, queries, some_edits(queries, 48))
    assert torch.equal(model.view.encode(ids, None), before)
    for module in model.view.model.modules():
        assert not module._forward_pre_hooks
        assert "forward" not in vars(module)


def test_neurons_of_another_model_are_an_error(model: LoadedModel, queries: Queries) -> None:
    with pytest.raises(ModelError, match=r"neuron 48 of layer 1 .* 2 layers with 48 neurons"):
        run_edits(model, queries, build_edits([0], [[(1, 48)]], [[0.0]]))


def test_queries_for_more_than_the_object_cannot_be_edited(model: LoadedModel) -> None:
    queries = build_queries(model, FEW, "all")
    rows = len(queries.row_fact)
    with pytest.raises(ModelError, match="these numbers must be equal"):
        run_edits(model, queries, build_edits(range(rows), [[]] * rows, [[]] * rows))
