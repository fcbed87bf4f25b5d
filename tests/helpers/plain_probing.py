"""Probing as docs/method.md#probing defines it, one query at a time, by transformers and torch."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import torch

from models_gpu.loading.load import LoadedModel


def plain_rows(model: LoadedModel, facts: pl.DataFrame, mask_counts: str) -> list[dict[str, Any]]:
    objects = {f["fact_id"]: object_ids(model, f) for f in facts.to_dicts()}
    # With the ignored token, as the published code counts.
    whole = {f["fact_id"]: len(object_ids(model, f, None)) for f in facts.to_dicts()}
    rows = []
    for fact in sorted(facts.to_dicts(), key=lambda f: f["fact_id"]):
        gold = objects[fact["fact_id"]]
        counts = [max(1, len(gold))]
        if mask_counts == "all":
            same = facts.filter(pl.col("relation_id") == fact["relation_id"])["fact_id"]
            counts = list(range(1, max(max(1, whole[f]) for f in same) + 1))
        rows += [_row(model, fact, gold, n) for n in counts]
    return rows


def object_ids(
    model: LoadedModel, fact: dict[str, Any], ignored: int | str | None = "own"
) -> list[int]:
    families = ("roberta", "modernbert", "eurobert")
    keeps_space = model.family.name in families and " [Y]" in fact["template"]
    text = (" " if keeps_space else "") + fact["object_label"]
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    return [i for i in ids if i != (model.ignored_token_id if ignored == "own" else ignored)]


def slot_logits(model: LoadedModel, fact: dict[str, Any], n: int) -> torch.Tensor:
    """``[n, vocabulary]`` from Hugging Face's own forward pass over the whole query."""
    tokenizer = model.tokenizer
    fill = {"[X]": fact["subject_label"], "[Y]": " ".join([tokenizer.mask_token] * n)}
    text = re.sub(r"\[[XY]\]", lambda slot: fill[slot.group()], fact["template"])
    ahead = re.sub(r"\[X\]", lambda _: fill["[X]"], fact["template"].split("[Y]")[0])
    skipped = ahead.count(tokenizer.mask_token)
    batch = tokenizer(text, return_tensors="pt")
    masks = (batch["input_ids"][0] == tokenizer.mask_token_id).nonzero()[:, 0]
    with torch.no_grad():
        logits = model.view.model(**_inputs(batch)).logits[0].float()
    return logits[masks[skipped : skipped + n]]


def _inputs(batch: Any) -> dict[str, torch.Tensor]:
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


def _row(model: LoadedModel, fact: dict[str, Any], gold: list[int], n: int) -> dict[str, Any]:
    logits = slot_logits(model, fact, n)
    log_probs = logits.log_softmax(-1)
    best = [sorted(range(len(row)), key=lambda i: (-row[i], i))[:5] for row in logits.tolist()]
    predicted = [ids[0] for ids in best]
    row = {
        "fact_id": fact["fact_id"],
        "mask_count": n,
        "prompt_code": "whole",
        "gold_token_ids": gold,
        "predicted_token_ids": predicted,
        "predicted_text": model.tokenizer.decode(predicted),
        "gold_log_prob": None,
        "gold_rank": None,
        "candidate_token_ids": best,
        "candidate_log_probs": [
            [float(log_probs[m, i]) for i in ids] for m, ids in enumerate(best)
        ],
    }
    if n == len(gold):
        row["gold_log_prob"] = float(sum(log_probs[m, i] for m, i in enumerate(gold)))
        row["gold_rank"] = max(
            1 + int((logits[m] > logits[m, i]).sum()) + int((logits[m, :i] == logits[m, i]).sum())
            for m, i in enumerate(gold)
        )
    return row


def plain_causal_row(model: LoadedModel, fact: dict[str, Any]) -> dict[str, Any]:
    """Probe a causal model (docs/method.md#probing) with transformers' forward and generate."""
    tokenizer, network = model.tokenizer, model.view.model
    prompt = fact["template"].split("[Y]")[0].replace("[X]", fact["subject_label"])
    batch = tokenizer(prompt + fact["object_label"], return_offsets_mapping=True)
    ends = [end for _, end in batch["offset_mapping"]]
    gold_count = sum(end > len(prompt) for end in ends)
    ids = batch["input_ids"]
    before, gold = ids[: len(ids) - gold_count], ids[len(ids) - gold_count :]
    before = before or [tokenizer.eos_token_id]
    n = max(1, len(gold))
    # The unknown token stands for any other text too, so it is no answer.
    is_writable = tokenizer.unk_token_id not in gold
    with torch.no_grad():
        forced = network(torch.tensor([before + gold[: n - 1]])).logits[0, len(before) - 1 :]
        said = network.generate(
            torch.tensor([before]), attention_mask=torch.ones(1, len(before)), do_sample=False,
            max_new_tokens=n, min_new_tokens=n, eos_token_id=None, pad_token_id=0,
        )[0, len(before) :]  # fmt: skip
        free = network(torch.tensor([before + said.tolist()[: n - 1]])).logits[0, len(before) - 1 :]
    log_probs = free.log_softmax(-1)
    best = [sorted(range(len(row)), key=lambda i: (-row[i], i))[:5] for row in free.tolist()]
    row = {
        "fact_id": fact["fact_id"],
        "mask_count": n,
        "prompt_code": "whole" if fact["template"].endswith(("[Y]", "[Y] .", "[Y])")) else "",
        "gold_token_ids": gold if is_writable else [],
        "predicted_token_ids": said.tolist(),
        "predicted_text": tokenizer.decode(said),
        "gold_log_prob": None,
        "gold_rank": None,
        "candidate_token_ids": best,
        "candidate_log_probs": [
            [float(log_probs[t, i]) for i in ids] for t, ids in enumerate(best)
        ],
    }
    if "[X]" not in fact["template"].split("[Y]")[0]:
        row["prompt_code"] = "no_subject"
    if gold and is_writable:
        of_gold = forced.log_softmax(-1)
        row["gold_log_prob"] = float(sum(of_gold[t, i] for t, i in enumerate(gold)))
        row["gold_rank"] = max(
            1 + int((forced[t] > forced[t, i]).sum()) + int((forced[t, :i] == forced[t, i]).sum())
            for t, i in enumerate(gold)
        )
    return row


def assert_same(ours: pl.DataFrame, expected: list[dict[str, Any]]) -> None:
    assert ours.height == len(expected)
    for row, wanted in zip(ours.to_dicts(), expected, strict=True):
        for column, value in wanted.items():
            if column in ("gold_log_prob", "candidate_log_probs") and value is not None:
                assert torch.allclose(torch.tensor(row[column]), torch.tensor(value), atol=1e-4), (
                    f"{wanted['fact_id']}: {column}"
                )
            else:
                assert row[column] == value, f"{wanted['fact_id']}: {column}"


def verdicts(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        "fact_id", "mask_count", "gold_token_ids", "predicted_token_ids", "predicted_text",
        "gold_rank", "candidate_token_ids",
    )  # fmt: skip
