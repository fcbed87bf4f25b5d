"""Rankings equal those of transformers' own forward pass, one text and one candidate at a time."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from ingestion.contract import LAKE
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.probing import probe
from models_gpu.methods.rankings import object_rankings
from tests.helpers.plain_probing import object_ids, slot_logits
from tests.helpers.tiny_models import facts, loaded, many_facts

FAMILIES = ("xlm-roberta", "roberta", "gpt2", "bloom", "gemma3_text")


def asked() -> pl.DataFrame:
    """Facts whose objects have one to many tokens, and two objects of one name."""
    more = facts(
        ("z0", "P36", "[X] is the capital of [Y]", "Paris", "是法国"),
        ("z1", "P36", "[X] is the capital of [Y]", "Roma", "Norway land"),
        ("z2", "P36", "[X] is the capital of [Y]", "Bern", "Norway"),
    )
    of_interest = pl.col("fact_id").str.contains("^([bt][0147]|[cs][0-5]|z)")
    table = pl.concat([many_facts(), more]).filter(of_interest)
    is_twin = pl.col("fact_id") == "s5"
    return table.with_columns(
        object_id=pl.when(is_twin).then(pl.lit("twin")).otherwise("Q-" + pl.col("object_label"))
    )


def plain_log_prob(model: LoadedModel, fact: dict[str, Any]) -> tuple[float, int]:
    """Sum of log-probabilities of the object, and its tokens; NaN where it has none to ask for."""
    if model.family.is_causal:
        prompt = fact["template"].split("[Y]")[0].replace("[X]", fact["subject_label"])
        batch = model.tokenizer(prompt + fact["object_label"], return_offsets_mapping=True)
        ids = batch["input_ids"]
        count = sum(end > len(prompt) for _, end in batch["offset_mapping"])
        before, gold = ids[: len(ids) - count], ids[len(ids) - count :]
        before = before or [model.tokenizer.eos_token_id]
        with torch.no_grad():
            logits = model.view.model(torch.tensor([before + gold])).logits[0].double()
        rows = logits[len(before) - 1 : -1]
    else:
        gold = object_ids(model, fact)
        rows = slot_logits(model, fact, max(1, len(gold))).double()
    if not gold or model.tokenizer.unk_token_id in gold:
        return float("nan"), len(gold)
    return float(rows.log_softmax(-1)[range(len(gold)), gold].sum()), len(gold)


def plain_rows(model: LoadedModel, table: pl.DataFrame) -> dict[tuple[str, str], tuple[Any, ...]]:
    """(Fact, kind of score) → number of candidates, score, rank, best candidates."""
    neutral = "X" if model.family.is_causal else model.tokenizer.mask_token
    labels: dict[str, dict[str, str]] = defaultdict(dict)
    for row in table.sort("fact_id").to_dicts():
        labels[row["relation_id"]].setdefault(row["object_id"], row["object_label"])
    found = {}
    priors: dict[tuple[str, str], float] = {}
    for fact in table.to_dicts():
        scores: dict[str, dict[str, float]] = defaultdict(dict)
        for object_id, label in sorted(labels[fact["relation_id"]].items()):
            own, count = plain_log_prob(model, {**fact, "object_label": label})
            key = (fact["template"], label)
            if key not in priors:
                without = {**fact, "object_label": label, "subject_label": neutral}
                priors[key] = plain_log_prob(model, without)[0]
            is_read = not model.family.is_causal or "[X]" in fact["template"].split("[Y]")[0]
            scores["sum"][object_id] = own
            scores["mean"][object_id] = own / max(count, 1)
            scores["less_prior"][object_id] = own - priors[key] if is_read else float("nan")
        for code, values in scores.items():
            known = {o: round(v, 4) for o, v in values.items() if np.isfinite(v)}
            own = known.get(fact["object_id"])
            rank = None if own is None else 1 + sum(v > own for v in known.values())
            best = sorted(known, key=lambda o: (-known[o], o))[:20]
            found[fact["fact_id"], code] = (len(known), own, rank, best)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_and_ranks_equal_one_forward_pass_per_candidate(family: str) -> None:
    model, table = loaded(family), asked()
    rows = object_rankings(model, table.reverse())
    expected = plain_rows(model, table)
    assert rows.height == 3 * table.height
    assert rows.columns == LAKE["object_rankings"].schema.names[2:]
    moved = 0
    for row in rows.to_dicts():
        count, score, rank, best = expected[row["fact_id"], row["score_code"]]
        assert row["candidate_count"] == count
        assert (row["object_score"] is None) == (score is None)
        if score is not None:
            assert row["object_score"] == pytest.approx(score, abs=2e-4)
        # Two candidates within a rounding error of each other may change places.
        moved += row["object_rank"] != rank or row["candidate_ids"] != best
    assert moved <= 2
    ranks = rows.filter(pl.col("score_code") == "sum")["object_rank"].drop_nulls()
    assert ranks.n_unique() > 3, "all ranks are the same, so that nothing was tested"


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_the_summed_score_is_the_log_probability_of_probing(family: str) -> None:
    model, table = loaded(family), asked().filter(pl.col("fact_id") != "s5")
    scores = object_rankings(model, table).filter(pl.col("score_code") == "sum")
    answers = probe(model, table, mask_counts="gold")
    both = scores.join(answers, on="fact_id").drop_nulls("object_score")
    assert both.height > 15
    assert (both["object_score"] - both["gold_log_prob"]).abs().max() < 2e-4


def test_objects_of_one_name_share_score_and_rank() -> None:
    rows = object_rankings(loaded("bert"), asked())
    twins = rows.filter(pl.col("candidate_ids").list.contains("twin")).to_dicts()
    assert twins
    for row in twins:
        scores = dict(zip(row["candidate_ids"], row["candidate_scores"], strict=True))
        assert scores["twin"] == scores.get("Q-Norway land")


def test_rows_depend_neither_on_batches_nor_on_other_facts() -> None:
    for family in ("bert", "llama"):
        model, table = loaded(family), asked()
        whole = object_rankings(model, table)
        small = object_rankings(model, table, token_budget=20)
        one = table.filter(pl.col("relation_id") == "P36")
        alone = object_rankings(model, one)
        columns = ["fact_id", "score_code", "candidate_count", "object_rank"]
        assert small.select(columns).equals(whole.select(columns))
        assert alone.select(columns).equals(
            whole.join(one.select("fact_id"), on="fact_id", how="semi").select(columns)
        )


def test_a_fact_that_is_too_long_has_no_rank_and_no_candidates() -> None:
    long = facts(("l0", "P36", "[X] is the capital of [Y]", "Paris " * 80, "Peru"))
    table = pl.concat([asked(), long.with_columns(object_id=pl.lit("Q-Peru"))])
    for family in ("bert", "gpt2"):
        row = object_rankings(loaded(family), table).filter(pl.col("fact_id") == "l0").to_dicts()[0]
        assert (row["candidate_count"], row["object_rank"], row["candidate_ids"]) == (0, None, [])


def test_progress_goes_from_text_to_text() -> None:
    told: list[tuple[float, float]] = []
    object_rankings(loaded("gpt2"), asked(), progress=lambda done, all_: told.append((done, all_)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1] > 10
    relations = asked()["relation_id"].n_unique()
    assert len({done for done, _ in told}) > 4 * relations, "a relation is silent until it is done"
