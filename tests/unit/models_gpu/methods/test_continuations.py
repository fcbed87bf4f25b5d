"""Continuations are what ``generate`` of transformers writes after the prompt."""

from __future__ import annotations

import pytest
import torch

from models_gpu.methods.continuations import continuations
from tests.helpers.tiny_models import facts, loaded, many_facts


@pytest.mark.parametrize("family", ["gpt2", "gemma3_text"])
def test_texts_equal_generate(family: str) -> None:
    model = loaded(family)
    table = many_facts().sort("fact_id")[::4]
    rows = continuations(model, table, 5)
    assert rows["fact_id"].to_list() == table["fact_id"].to_list()
    for row, fact in zip(rows.to_dicts(), table.to_dicts(), strict=True):
        prompt = fact["template"].split("[Y]")[0].replace("[X]", fact["subject_label"])
        ids = model.tokenizer(prompt.rstrip(" "))["input_ids"]
        ids = ids or [model.tokenizer.eos_token_id]
        with torch.no_grad():
            said = model.view.model.generate(
                torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), do_sample=False,
                max_new_tokens=5, min_new_tokens=5, eos_token_id=None, pad_token_id=0,
            )[0, len(ids) :]  # fmt: skip
        assert row["continuation_text"] == model.tokenizer.decode(said)
        assert row["token_count"] == 5


def test_a_masked_model_writes_nothing_and_a_long_prompt_has_no_tokens() -> None:
    assert continuations(loaded("bert"), many_facts(), 5).is_empty()
    long = facts(("l0", "P36", "[X] is the capital of [Y]", "Paris " * 80, "Peru"))
    assert continuations(loaded("gpt2"), long, 5).to_dicts() == [
        {"fact_id": "l0", "token_count": 0, "continuation_text": ""}
    ]
