"""The fast path equals the plain one, whatever the batches look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from ingestion.contract import LAKE
from models_gpu.engine import devices, scoring
from models_gpu.engine.logits import largest, ranks
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel, wrap
from models_gpu.methods.probing import probe, probe_each
from models_gpu.progress import forward_work
from models_gpu.prompting.build import build_queries
from tests.helpers.plain_probing import assert_same, plain_rows, slot_logits, verdicts
from tests.helpers.tiny_models import (
    MASKED,
    facts,
    hugging_face_model,
    loaded,
    many_facts,
    tokenizer_of,
)


@pytest.fixture(scope="module", params=MASKED)
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return loaded(request.param)


@pytest.fixture(scope="module")
def bert() -> LoadedModel:
    return loaded("bert")


@pytest.mark.parametrize("mask_counts", ["gold", "all"])
def test_every_column_equals_one_query_at_a_time(model: LoadedModel, mask_counts: str) -> None:
    rows = probe(model, many_facts(), mask_counts=mask_counts)
    assert_same(rows, plain_rows(model, many_facts(), mask_counts))


def test_columns_are_those_of_the_contract(bert: LoadedModel) -> None:
    rows = probe(bert, many_facts(), mask_counts="gold").to_arrow(
        compat_level=pl.CompatLevel.oldest()
    )
    contract = LAKE["predictions"].schema
    assert rows.column_names == contract.names[2:]
    assert pl.Schema(contract) == pl.Schema(
        {"model_id": pl.String, "language_code": pl.String, **pl.Schema(rows.schema)}
    )


@pytest.mark.parametrize(
    ("budget", "padding_share"), [(1, 0.0), (37, 0.0), (37, 0.5), (10_000, 0.9)]
)
def test_batches_do_not_matter(
    model: LoadedModel, budget: int, padding_share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = probe(model, many_facts(), mask_counts="all")
    plan = devices.DevicePlan(budget, budget, padding_share, 7_000, 2, 0, None)
    monkeypatch.setitem(devices.DEVICE_PLANS, "cpu", plan)
    rows = probe(model, many_facts(), mask_counts="all")
    assert verdicts(rows).equals(verdicts(expected))
    difference = (rows["gold_log_prob"] - expected["gold_log_prob"]).abs().max()
    assert isinstance(difference, float)
    assert difference < 1e-4


def test_spans_do_not_matter(bert: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = probe(bert, many_facts(), mask_counts="all")
    monkeypatch.setattr(scoring, "SPAN", 4)
    assert verdicts(probe(bert, many_facts(), mask_counts="all")).equals(verdicts(expected))


def test_order_of_facts_does_not_matter(bert: LoadedModel) -> None:
    rows = probe(bert, many_facts(), mask_counts="all")
    shuffled = many_facts().sample(fraction=1.0, shuffle=True, seed=3)
    assert probe(bert, shuffled, mask_counts="all").equals(rows)


def test_facts_that_share_a_query_get_their_own_golds_from_one_forward(bert: LoadedModel) -> None:
    capital = "[X] is the capital of [Y] ."
    shared = facts(
        ("a", "P36", capital, "Oslo", "France"),
        ("b", "P36", capital, "Oslo", "Germany"),
        ("c", "P36", capital, "Oslo", "Paris"),
    )
    assert build_queries(bert, shared, "gold").count == 1
    rows = probe(bert, shared, mask_counts="gold")
    log_probs = slot_logits(bert, shared.to_dicts()[0], 1).log_softmax(-1)[0]
    golds = [bert.tokenizer.convert_tokens_to_ids(o) for o in ("France", "Germany", "Paris")]
    assert rows["gold_log_prob"].to_list() == pytest.approx(log_probs[golds].tolist(), abs=1e-5)
    assert rows["gold_rank"].n_unique() == 3


def test_rank_one_means_argmax_also_among_equal_logits(bert: LoadedModel) -> None:
    logits = torch.tensor([[0.5, 2.0, 2.0, -1.0, 2.0, 0.5]] * 4)
    tokens = torch.tensor([1, 2, 4, 5])
    found, gold = ranks(logits, tokens)
    assert found.tolist() == [1, 2, 3, 5]
    assert gold.tolist() == [2.0, 2.0, 2.0, 0.5]
    logits[1, 1] = 3.0
    found, gold = ranks(logits, tokens, torch.tensor([1, 0, 1, 1]))
    assert found.tolist() == [1, 2, 3, 5]
    assert gold.tolist() == [3.0, 2.0, 2.0, 0.5]


@pytest.mark.parametrize("vocabulary", [5, 64, 65, 300])
def test_largest_equals_a_full_sort(vocabulary: int) -> None:
    # Few distinct values, so that almost everything is a tie, and both zeros.
    logits = torch.randint(-2, 3, (50, vocabulary), generator=torch.manual_seed(0)) * 0.5
    logits[::2] *= -1
    values, ids = largest(logits.clone(), 5)
    for row in range(len(logits)):
        wanted = sorted(range(vocabulary), key=lambda i: (-float(logits[row, i]), i))[:5]
        assert ids[row].tolist() == wanted
        assert values[row].tolist() == logits[row, wanted].tolist()


def failing_above(limit: int, step: Callable[..., Any], size: Callable[[Any], int]) -> Any:
    def wrapped(values: Any, *rest: Any, **named: Any) -> Any:
        if size(values) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB")
        return step(values, *rest, **named)

    return wrapped


@pytest.mark.parametrize("step", ["encode", "compute_logits"])
def test_out_of_memory_is_halved_and_gives_the_same_rows(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded("bert")
    expected = probe(model, many_facts(), mask_counts="all")
    sizes: list[int] = []

    def size(values: torch.Tensor) -> int:
        sizes.append(len(values))
        return len(values)

    failing = failing_above(3, getattr(model.view, step), size)
    monkeypatch.setattr(model.view, step, failing)
    reports: list[tuple[float, float]] = []
    rows = probe(
        model, many_facts(), mask_counts="all", progress=lambda *report: reports.append(report)
    )
    assert max(sizes) > 3, "nothing ever failed, so nothing was tested"
    assert verdicts(rows).equals(verdicts(expected))
    queries = build_queries(model, many_facts(), "all")
    work = forward_work(model, len(queries.token_ids), int(queries.scored_offsets[-1]))
    assert reports[0] == (0, work)
    assert reports == sorted(reports)
    assert reports[-1] == (work, work)


def test_a_single_query_that_does_not_fit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded("bert")
    monkeypatch.setattr(model.view, "encode", failing_above(0, model.view.encode, len))
    with pytest.raises(ModelError, match="no memory for a single query: CUDA out of memory"):
        probe(model, many_facts(), mask_counts="gold")


def test_other_runtime_errors_are_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded("bert")

    def broken(*_: Any) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(model.view, "encode", broken)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        probe(model, many_facts(), mask_counts="gold")


def test_logits_that_are_not_numbers_are_an_error() -> None:
    model = loaded("bert")
    with torch.no_grad():
        next(model.view.layers[0].parameters()).fill_(float("nan"))
    with pytest.raises(ModelError, match="not numbers"):
        probe(model, many_facts(), mask_counts="gold")


def test_half_precision_is_widened_before_the_softmax() -> None:
    model = loaded("bert")
    exact = probe(model, many_facts(), mask_counts="gold")
    model.view.model.to(torch.bfloat16)
    half = LoadedModel(**{**model.__dict__, "dtype": torch.bfloat16})
    rows = probe(half, many_facts(), mask_counts="gold", top=half.view.vocabulary_size)
    totals = rows["candidate_log_probs"].explode().list.eval(pl.element().exp()).list.sum()
    assert (totals - 1).abs().max() < 1e-5  # type: ignore[operator]
    agreement = (rows["predicted_token_ids"] == exact["predicted_token_ids"]).mean()
    assert agreement is not None
    assert agreement > 0.6


def test_an_object_without_tokens_still_gets_a_prediction() -> None:
    model = loaded("xlm-roberta")
    rows = probe(
        model, facts(("a", "P36", "[X] is the capital of [Y]", "Paris", " ")), mask_counts="gold"
    )
    assert rows["mask_count"].to_list() == [1]
    assert rows["gold_token_ids"].to_list() == [[]]
    assert rows["gold_log_prob"].to_list() == rows["gold_rank"].to_list() == [None]
    assert len(rows["predicted_token_ids"][0]) == 1


def test_no_facts_give_no_rows_with_the_right_columns(bert: LoadedModel) -> None:
    some = probe(bert, many_facts(), mask_counts="gold")
    none = probe(bert, many_facts().clear(), mask_counts="gold")
    assert none.height == 0
    assert none.schema == some.schema


@pytest.mark.parametrize("behind", [0, 1])
def test_groups_come_back_in_order_with_their_own_rows(
    bert: LoadedModel, behind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(devices.DEVICE_PLANS["cpu"], groups_behind=behind)
    monkeypatch.setitem(devices.DEVICE_PLANS, "cpu", plan)
    groups = {name: many_facts().filter(pl.col("fact_id").str.starts_with(name)) for name in "cbts"}
    reports: list[tuple[str, float, float]] = []
    results = dict(
        probe_each(bert, groups.items(), mask_counts="gold", progress=lambda *r: reports.append(r))
    )
    assert list(results) == list(groups)
    for name, rows in results.items():
        assert rows.equals(probe(bert, groups[name], mask_counts="gold"))
    assert {name for name, done, total in reports if done == total} == set(groups)


def test_an_error_in_a_later_group_reaches_the_caller(bert: LoadedModel) -> None:
    bad = facts(("a", "P36", "[X] has no slot", "Paris", "France"))
    rows = probe_each(bert, [("good", many_facts()), ("bad", bad)], mask_counts="gold")
    assert next(rows)[0] == "good"
    with pytest.raises(ModelError, match="needs exactly one"):
        next(rows)


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "llama"])
def test_an_object_of_unknown_text_is_stored_without_tokens(family: str) -> None:
    model = loaded(family)
    assert model.unknown_token_ids == {model.tokenizer.unk_token_id}
    template = "[X] is the capital of [Y]"
    table = facts(
        ("a", "P36", template, "Paris", "አዲስ"),
        ("b", "P36", template, "Paris", "France አዲስ"),
        ("c", "P36", template, "Paris", "France"),
    )
    queries = build_queries(model, table, "gold")
    rows = probe(model, table, mask_counts="gold")
    assert rows["mask_count"].to_list() == np.diff(queries.gold_offsets).tolist()
    assert [len(ids) for ids in rows["gold_token_ids"]] == [0, 0, rows["mask_count"][2]]
    assert rows["gold_rank"].is_null().to_list() == [True, True, False]
    assert rows["gold_log_prob"].is_null().to_list() == [True, True, False]


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_fact_that_cannot_be_asked_costs_only_itself(family: str) -> None:
    tokenizer = tokenizer_of(family)
    added = ["<new>", "<image>"]
    tokenizer.add_special_tokens({"pad_token": "<new>"})
    tokenizer.add_tokens(added)
    model = wrap(hugging_face_model(family, len(tokenizer) - 2), tokenizer, "cpu")
    template = "[X] is the capital of [Y]"
    odd = facts(
        ("l", "P36", template, "Paris " * 70, "France"),
        ("n", "P36", template, "Paris <image>", "France"),
        ("o", "P36", template, "Paris", "<image>"),
        ("u", "P36", template, "Paris " * 70, "አዲስ"),
    )
    table = pl.concat([many_facts(), odd])
    rows = probe(model, table, mask_counts="gold")
    unasked = rows.filter(prompt_code="unasked")
    assert unasked["fact_id"].to_list() == ["l", "n", "o", "u"]
    assert unasked["predicted_token_ids"].to_list() == [[], [], [], []]
    assert (not unasked["gold_token_ids"].to_list()[3]) == bool(model.unknown_token_ids)
    assert unasked["gold_rank"].is_null().all()
    expected = probe(model, many_facts(), mask_counts="gold")
    assert verdicts(rows.filter(pl.col("prompt_code") != "unasked")).equals(verdicts(expected))
    with pytest.raises(ModelError, match=r"fact 'l' cannot be asked: a query has .* \(4 such"):
        build_queries(model, table, "gold")
    for fact in ("n", "o"):
        with pytest.raises(ModelError, match=r"the token '<image>' has the id"):
            build_queries(model, odd.filter(fact_id=fact), "gold")
