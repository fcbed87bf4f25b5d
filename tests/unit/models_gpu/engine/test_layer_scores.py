"""Scores at layers equal those of plain transformers: one query, its layers, norm and head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models_gpu.engine.devices import DEVICE_PLANS
from models_gpu.engine.layer_scores import score_layers
from models_gpu.engine.scoring import score_queries
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.prompting.build import build_queries
from models_gpu.prompting.queries import Queries
from tests.helpers.plain_layers import head_logits, layer_outputs, object_scores
from tests.helpers.tiny_models import FAMILIES, loaded, many_facts


def one_at_a_time(model: LoadedModel, queries: Queries) -> tuple[np.ndarray, np.ndarray]:
    """The definition: ``[layers, rows]`` log-probabilities and ranks."""
    found = []
    for query, fact in zip(queries.row_query, queries.row_fact, strict=True):
        ids = queries.token_ids[slice(*queries.token_offsets[[query, query + 1]])].tolist()
        places = queries.scored_positions[slice(*queries.scored_offsets[[query, query + 1]])]
        gold = queries.gold_ids[slice(*queries.gold_offsets[[fact, fact + 1]])].tolist()
        found.append(
            [
                object_scores(head_logits(model, states), places.tolist(), gold)
                for states in layer_outputs(model, ids)
            ]
        )
    values = np.array(found)
    return values[..., 0].T, values[..., 1].T


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_is_read_as_transformers_would(family: str) -> None:
    model = loaded(family)
    queries = build_queries(model, many_facts(), "gold")
    log_prob, rank = one_at_a_time(model, queries)
    found = score_layers(model, queries)
    assert found.log_prob.shape == (2, len(queries.row_fact))
    assert np.abs(log_prob[0] - log_prob[1]).max() > 1
    np.testing.assert_allclose(found.log_prob, log_prob, rtol=1e-5, atol=1e-4)
    assert np.array_equal(found.rank, rank)


@pytest.mark.parametrize("family", ["xlm-roberta", "gpt2"])
def test_the_last_layer_is_the_prediction(family: str) -> None:
    model = loaded(family)
    queries = build_queries(model, many_facts(), "gold")
    scores = score_queries(model, queries)
    counts = np.diff(queries.gold_offsets)[queries.row_fact[scores.scored_rows]]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    found = score_layers(model, queries)
    expected = np.add.reduceat(scores.gold_log_probs.astype(np.float64), starts)
    np.testing.assert_allclose(found.log_prob[-1, scores.scored_rows], expected, atol=1e-4)
    worst = np.maximum.reduceat(scores.gold_ranks, starts)
    assert np.array_equal(found.rank[-1, scores.scored_rows], worst)


@pytest.mark.parametrize("family", ["bert", "gemma2"])
@pytest.mark.parametrize("token_budget", [1, 40])
def test_scores_do_not_depend_on_the_batches(family: str, token_budget: int) -> None:
    model = loaded(family)
    queries = build_queries(model, many_facts(), "gold")
    usual = score_layers(model, queries)
    found = score_layers(model, queries, token_budget=token_budget)
    np.testing.assert_allclose(found.log_prob, usual.log_prob, rtol=1e-5, atol=1e-4)
    assert np.array_equal(found.rank, usual.rank)


def test_blocks_of_logits_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded("bert")
    queries = build_queries(model, many_facts(), "gold")
    usual = score_layers(model, queries)
    limit = 8 * model.view.vocabulary_size
    for pairs in (1, 3):
        plan = replace(DEVICE_PLANS["cpu"], logit_bytes=pairs * limit)
        monkeypatch.setitem(DEVICE_PLANS, "cpu", plan)
        found = score_layers(model, queries)
        np.testing.assert_allclose(found.log_prob, usual.log_prob, rtol=1e-5, atol=1e-4)
        assert np.array_equal(found.rank, usual.rank)


def test_queries_for_another_number_of_tokens_are_an_error() -> None:
    model = loaded("bert")
    with pytest.raises(ModelError, match="these numbers must be equal"):
        score_layers(model, build_queries(model, many_facts(), "all"))


def test_logits_that_are_not_numbers_are_an_error() -> None:
    model = loaded("bert")
    queries = build_queries(model, many_facts(), "gold")
    with torch.no_grad():
        model.view.layers[0].output.dense.weight.fill_(float("inf"))  # type: ignore[union-attr]
    with pytest.raises(ModelError, match=r"not numbers in torch\.float32"):
        score_layers(model, queries)
