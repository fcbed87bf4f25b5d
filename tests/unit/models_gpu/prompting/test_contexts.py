"""Examples and chat turns in front of queries."""

from __future__ import annotations

import polars as pl
import pytest

from models_gpu.errors import ModelError
from models_gpu.loading.spec import ModelSpec
from models_gpu.methods.probing import probe
from models_gpu.prompting.contexts import chat_prefix, in_context, with_examples
from tests.helpers.tiny_models import facts, loaded

FACTS = facts(
    ("f1", "P36", "[X] is the capital of [Y] .", "Paris", "France"),
    ("f2", "P36", "[X] is the capital of [Y] .", "Berlin", "Germany"),
    ("f3", "P36", "[X] is the capital of [Y] .", "Lyon", "France"),
    ("f4", "P36", "[X] is the capital of [Y] .", "Paris", "Peru"),
    ("f5", "P36", "[X] is the capital of [Y] .", "Lima [Y]", "Peru"),
    ("g1", "P19", "[X] was born in [Y]", "Marie", "Paris"),
)


def examples_of(table: pl.DataFrame, fact: str) -> list[str]:
    template = table.filter(pl.col("fact_id") == fact)["template"].item()
    return template.split("\n")[:-1]


def test_examples_have_other_subjects_and_come_in_one_order() -> None:
    table = with_examples(FACTS, 9, seed=0)
    assert sorted(examples_of(table, "f1")) == [
        "Berlin is the capital of Germany .",
        "Lyon is the capital of France .",
    ]
    # Paris is shown once although it has two facts; the name with a slot never is.
    solved = examples_of(table, "f2")
    assert len(solved) == 2
    assert sum(text.startswith("Paris") for text in solved) == 1
    order = examples_of(table, "f5")
    assert len(order) == 3
    assert [text for text in order if not text.startswith("Paris")] == examples_of(table, "f1")
    assert examples_of(table, "g1") == []


def test_other_objects_leaves_out_the_answer() -> None:
    solved = examples_of(with_examples(FACTS, 9, seed=0, other_objects=True), "f3")
    assert "Berlin is the capital of Germany ." in solved
    assert not any("France" in text for text in solved)


def test_fewer_examples_are_the_first_of_more_and_the_seed_changes_them() -> None:
    one, two = (with_examples(FACTS, count, seed=0) for count in (1, 2))
    assert all(examples_of(one, fact) == examples_of(two, fact)[:1] for fact in FACTS["fact_id"])
    orders = {tuple(examples_of(with_examples(FACTS, 9, seed), "f5")) for seed in range(9)}
    assert len(orders) > 1


def test_what_is_probed_is_the_text_with_its_examples() -> None:
    model = loaded("gpt2")
    table = with_examples(FACTS, 1, seed=0).filter(pl.col("fact_id") == "f1")
    [shown] = examples_of(table, "f1")
    by_hand = facts(("f1", "P36", f"{shown}\n[X] is the capital of [Y] .", "Paris", "France"))
    assert probe(model, table, mask_counts="gold").equals(probe(model, by_hand, mask_counts="gold"))


TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}<|end|>\n"
    "{% endfor %}"
)


def test_a_chat_begins_the_reply_with_the_query_and_has_one_start_token() -> None:
    model = loaded("llama")
    model.tokenizer.chat_template = TEMPLATE
    prefix = chat_prefix(model, "Complete the sentence.")
    assert prefix == "<|user|>Complete the sentence.<|end|>\n<|assistant|>"
    spec = ModelSpec("m", "x", examples=1, chat="Complete the sentence.")
    text = in_context(model, spec, FACTS).filter(pl.col("fact_id") == "f1")["template"].item()
    assert text.startswith(prefix)
    assert text.endswith("\n[X] is the capital of [Y] .")


def test_a_chat_needs_a_causal_model_with_a_template() -> None:
    with pytest.raises(ModelError, match="masked model"):
        chat_prefix(loaded("bert"), "Hello")
    with pytest.raises(ModelError, match="no chat template"):
        chat_prefix(loaded("gpt2"), "Hello")
    model = loaded("llama")
    model.tokenizer.chat_template = "{{ bos_token }}"
    with pytest.raises(ModelError, match="leaves the answer out"):
        chat_prefix(model, "Hello")
