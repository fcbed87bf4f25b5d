"""What several texts begin with is run once, and every text has the states of the whole text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from models_gpu.engine.devices import DEVICE_PLANS
from models_gpu.engine.shared_prefixes import encode_prefixes_once
from tests.helpers.tiny_models import CAUSAL, loaded

TEXTS = torch.tensor(
    [
        [5, 6, 7, 8, 9, 11],
        [5, 6, 7, 8, 10, 11],
        [4, 6, 7, 8, 9, 11],
        [5, 6, 7, 9, 9, 12],
        [5, 6, 7, 8, 9, 13],
    ]
)
"""Distinct beginnings of one to six tokens: 2, 2, 2, 3, 4, 5."""


@pytest.mark.parametrize(
    ("cost", "ran"),
    [
        # Tokens that are run: 2 × 3 + 3 + 4 + 5 of 30.
        (0, [(2, 3), (3, 1), (4, 1), (5, 1)]),
        # 2 × 3 + 5 × 3 tokens and 2 passes cost 27; a cut after the fourth token as well, 28.
        (3, [(2, 3), (5, 3)]),
        # 5 × 6 tokens and a pass cost 40, two passes 41.
        (10, [(5, 6)]),
    ],
)
def test_texts_are_cut_where_it_saves_more_than_a_pass_costs(
    cost: int, ran: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded("gpt2")
    monkeypatch.setitem(DEVICE_PLANS, "cpu", replace(DEVICE_PLANS["cpu"], pass_tokens=cost))
    shapes: list[tuple[int, ...]] = []
    whole = model.view.encode_with_cache

    def counted(token_ids: torch.Tensor, cache: Any = None) -> tuple[torch.Tensor, Any]:
        shapes.append(tuple(token_ids.shape))
        return whole(token_ids, cache)

    monkeypatch.setattr(model.view, "encode_with_cache", counted)
    encode_prefixes_once(model.view, TEXTS)
    assert shapes == ran


@pytest.mark.parametrize("family", CAUSAL)
def test_states_and_cache_are_those_of_whole_texts(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = loaded(family).view
    monkeypatch.setitem(DEVICE_PLANS, "cpu", replace(DEVICE_PLANS["cpu"], pass_tokens=2))
    with torch.inference_mode():
        hidden, cache = encode_prefixes_once(view, TEXTS)
        following, _ = view.encode_with_cache(torch.full((5, 1), 7), cache)
        longer = torch.cat([TEXTS, torch.full((5, 1), 7)], dim=1)
        expected = view.encode(longer, None)
    assert (torch.cat([hidden, following], dim=1) - expected).abs().max() < 1e-5
