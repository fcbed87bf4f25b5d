"""On a device: the same predictions as on the CPU, and memory that runs out is survived."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from models_gpu.loading.load import choose_device, wrap
from models_gpu.methods.probing import probe, probe_each
from tests.helpers.tiny_models import CAUSAL, MASKED, hugging_face_model, many_facts, tokenizer_of

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(
    ("family", "mask_counts"),
    [*product(MASKED, ("gold", "all")), *product(CAUSAL, ("gold",))],
)
def test_a_device_predicts_as_the_cpu_does(family: str, mask_counts: str, device: str) -> None:
    tokenizer = tokenizer_of(family)
    expected, rows = (
        probe(
            wrap(hugging_face_model(family, len(tokenizer)), tokenizer, place),
            many_facts(),
            mask_counts=mask_counts,
        )
        for place in ("cpu", device)
    )
    assert (rows["predicted_token_ids"] == expected["predicted_token_ids"]).all()
    difference = (rows["gold_log_prob"] - expected["gold_log_prob"]).abs().max()
    assert isinstance(difference, float)
    assert difference < 1e-3


def test_the_device_is_chosen_and_groups_keep_their_order(device: str) -> None:
    tokenizer = tokenizer_of("bert")
    model = wrap(hugging_face_model("bert", len(tokenizer)), tokenizer)
    assert model.device.type == choose_device().type == device
    groups = [(i, many_facts()) for i in range(4)]
    reports: list[tuple[int, int, int]] = []
    results = list(
        probe_each(model, groups, mask_counts="all", progress=lambda *r: reports.append(r))
    )
    assert [key for key, _ in results] == [0, 1, 2, 3]
    expected = probe(model, many_facts(), mask_counts="all")
    assert all(rows.equals(expected) for _, rows in results)
    assert [key for key, done, total in reports if done == total] == [0, 1, 2, 3]


def test_real_out_of_memory_is_halved(device: str) -> None:
    tokenizer = tokenizer_of("bert")
    model = wrap(hugging_face_model("bert", len(tokenizer)), tokenizer, device)
    expected = probe(model, many_facts(), mask_counts="all")
    encode, failures = model.view.encode, []

    def hungry(token_ids: torch.Tensor, is_token: torch.Tensor | None) -> torch.Tensor:
        if len(token_ids) > 3:
            failures.append(len(token_ids))
            torch.empty(1 << 50, device=device)
        return encode(token_ids, is_token)

    model.view.encode = hungry  # type: ignore[method-assign]
    rows = probe(model, many_facts(), mask_counts="all")
    assert failures
    assert rows["predicted_token_ids"].equals(expected["predicted_token_ids"])
