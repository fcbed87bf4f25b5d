"""Scores follow from the query alone: two tokens that nearly tie are compared again, alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch

from models_gpu.engine import scoring
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.probing import probe
from tests.helpers.plain_probing import verdicts
from tests.helpers.tiny_models import loaded, many_facts


def masked_with_a_tie() -> LoadedModel:
    """A model for which two tokens, equal up to rounding, are the best at every mask."""
    model = loaded("bert")
    decoder: Any = model.view.model.get_submodule(model.family.decoder)
    first, second = (model.tokenizer.convert_tokens_to_ids(w) for w in ("Paris", "Berlin"))
    with torch.no_grad():
        decoder.weight[second] = decoder.weight[first]
        decoder.bias[[first, second]] = 30.0
    return model


def causal_with_a_tie() -> LoadedModel:
    """A model for which two tokens, equal up to rounding, are the best after every text."""
    model = loaded("gpt2")
    network: Any = model.view.model
    first, second = (model.tokenizer.convert_tokens_to_ids(w) for w in ("B", "L"))
    network.lm_head.weight = torch.nn.Parameter(network.lm_head.weight.clone(), False)
    with torch.no_grad():
        network.transformer.ln_f.bias.fill_(1.0)
        network.lm_head.weight[first] = network.lm_head.weight[second] = 3.0
    return model


@pytest.mark.parametrize("make", [masked_with_a_tie, causal_with_a_tie])
def test_near_ties_are_settled_by_the_query_alone(
    make: Callable[[], LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make()
    alone = pl.concat(
        probe(model, many_facts()[row], mask_counts="gold") for row in range(many_facts().height)
    ).sort("fact_id")
    compute_logits = model.view.compute_logits

    # A batch of several queries gets noise of the size that another kernel would give it.
    def noisy(hidden: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        logits = compute_logits(hidden, out=out)
        if len(hidden) > 8:
            logits += 1e-5 * torch.randn(logits.shape, generator=torch.manual_seed(len(hidden)))
        return logits

    monkeypatch.setattr(model.view, "compute_logits", noisy)
    assert verdicts(probe(model, many_facts(), mask_counts="gold")).equals(verdicts(alone))
    monkeypatch.setattr(scoring, "NEAR_TIE", -1.0)
    unsettled = probe(model, many_facts(), mask_counts="gold")
    assert not verdicts(unsettled).equals(verdicts(alone)), "the noise changed nothing"
