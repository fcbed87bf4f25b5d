"""A causal model's rows are what transformers' own forward and generate give, text by text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
import torch

from models_gpu.engine import devices, greedy_answers, scoring
from models_gpu.engine.decoding import continue_greedily
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.probing import probe
from models_gpu.progress import forward_work
from models_gpu.prompting.build import build_queries
from tests.helpers.plain_probing import assert_same, plain_causal_row, verdicts
from tests.helpers.tiny_models import CAUSAL, facts, loaded, many_facts


@pytest.fixture(scope="module", params=CAUSAL)
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return loaded(request.param)


@pytest.fixture(scope="module")
def gpt2() -> LoadedModel:
    return loaded("gpt2")


def asked() -> pl.DataFrame:
    """Facts of every kind, with an object in bytes and one without any token."""
    more = facts(
        ("z0", "P36", "[X] is the capital of [Y]", "Paris", "是法国"),
        ("z1", "P36", "[X] is the capital of([Y])", "Paris", ""),
    )
    return pl.concat([more, many_facts()])


def test_every_column_equals_forward_and_generate_of_one_text_at_a_time(model: LoadedModel) -> None:
    table = asked()[::3].sort("fact_id")
    rows = probe(model, table, mask_counts="gold")
    assert_same(rows, [plain_causal_row(model, fact) for fact in table.to_dicts()])
    early = sum(
        said[: len(gold) - 1] != gold[:-1]
        for said, gold in rows.select("predicted_token_ids", "gold_token_ids").iter_rows()
    )
    assert early > 5, "nothing had to be decoded, so that nothing was tested"


def test_a_rank_of_one_means_that_the_object_is_what_the_model_says(gpt2: LoadedModel) -> None:
    table = many_facts().filter(pl.col("fact_id").str.starts_with("c"))
    said = probe(gpt2, table, mask_counts="gold")
    # The model's own words become the objects of half of the facts.
    own = dict(said.select("fact_id", "predicted_text").iter_rows())
    names = [
        own[fact] if place % 2 else name
        for place, (fact, name) in enumerate(table.select("fact_id", "object_label").iter_rows())
    ]
    table = table.with_columns(
        template=pl.lit("[X] is the capital of[Y]"), object_label=pl.Series(names)
    )
    rows = probe(gpt2, table, mask_counts="gold")
    is_same = rows["predicted_token_ids"] == rows["gold_token_ids"]
    assert is_same.to_list() == (rows["gold_rank"] == 1).to_list()
    assert 0 < is_same.sum() < rows.height


@pytest.mark.parametrize(
    ("budget", "padding_share", "logit_bytes"),
    [(1, 0.0, 7_000), (37, 0.5, 3_000), (10_000, 0.9, 1 << 20)],
)
@pytest.mark.parametrize("family", ["gpt2", "bloom", "gemma3_text"])
def test_batches_and_order_do_not_matter(
    family: str,
    budget: int,
    padding_share: float,
    logit_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = loaded(family)
    expected = probe(model, asked(), mask_counts="gold")
    plan = devices.DevicePlan(budget, budget, padding_share, logit_bytes, 2, 0, 0)
    monkeypatch.setitem(devices.DEVICE_PLANS, "cpu", plan)
    monkeypatch.setattr(scoring, "SPAN", 8)
    shuffled = asked().sample(fraction=1.0, shuffle=True, seed=budget)
    rows = probe(model, shuffled, mask_counts="gold")
    assert verdicts(rows).equals(verdicts(expected))
    difference = (rows["gold_log_prob"] - expected["gold_log_prob"]).abs().max()
    assert isinstance(difference, float)
    assert difference < 1e-4


def test_only_answers_that_go_wrong_early_are_decoded(
    gpt2: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    continued: list[list[int]] = []

    def counted(model: LoadedModel, texts: Any, steps: Any, **named: Any) -> Any:
        continued.append([len(text) + int(n) for text, n in zip(texts, steps, strict=True)])
        return continue_greedily(model, texts, steps, **named)

    monkeypatch.setattr(greedy_answers, "continue_greedily", counted)
    one_token = facts(("a", "P", "[X] is the capital of [Y]", "Paris", "is"))
    probe(gpt2, one_token, mask_counts="gold")
    assert continued == [[]]
    # One prompt, two objects: one continuation, as long as the longer object asks for.
    two = facts(
        ("a", "P", "[X] is the capital of [Y]", "Paris", "xyz"),
        ("b", "P", "[X] is the capital of [Y]", "Paris", "xyzxyz"),
    )
    rows = probe(gpt2, two, mask_counts="gold")
    assert len(continued[1]) == 1
    first, second = rows["predicted_token_ids"].to_list()
    assert second[: len(first)] == first
    assert len(second) > len(first)


@pytest.mark.parametrize("step", ["encode_with_cache", "compute_logits"])
def test_out_of_memory_is_halved_and_gives_the_same_rows(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded("gpt2")
    expected = probe(model, many_facts(), mask_counts="gold")
    sizes: list[int] = []
    whole = getattr(model.view, step)

    def scarce(values: torch.Tensor, *rest: Any, **named: Any) -> Any:
        sizes.append(len(values))
        if len(values) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB")
        return whole(values, *rest, **named)

    monkeypatch.setattr(model.view, step, scarce)
    reports: list[tuple[float, float]] = []
    rows = probe(
        model, many_facts(), mask_counts="gold", progress=lambda *report: reports.append(report)
    )
    assert max(sizes) > 2, "nothing ever failed, so nothing was tested"
    assert verdicts(rows).equals(verdicts(expected))
    queries = build_queries(model, many_facts(), "gold")
    work = forward_work(model, len(queries.token_ids), int(queries.scored_offsets[-1]))
    # Planned as if every first token were wrong; what is right needs no decoding.
    assert reports[0][1] >= reports[-1][1] == reports[-1][0] > work


def test_half_precision_decodes_as_it_is(gpt2: LoadedModel) -> None:
    model = loaded("gpt2")
    model.view.model.to(torch.bfloat16)
    rows = probe(replace(model, dtype=torch.bfloat16), many_facts(), mask_counts="gold")
    exact = probe(gpt2, many_facts(), mask_counts="gold")
    first = pl.col("predicted_token_ids").list.first()
    agreement = (rows.select(first) == exact.select(first)).to_series().mean()
    assert isinstance(agreement, float)
    assert agreement > 0.6
    assert (rows["candidate_token_ids"].list.eval(pl.element().list.first())).equals(
        rows["predicted_token_ids"], check_names=False
    )
