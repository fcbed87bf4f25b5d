"""Aliases have the tokens that an object of this name would have in its query."""

from __future__ import annotations

import polars as pl
import pytest

from models_gpu.methods.object_aliases import object_aliases
from models_gpu.methods.probing import probe
from tests.helpers.tiny_models import facts, loaded

FACTS = facts(
    ("f1", "P36", "[X] is the capital of [Y]", "Paris", "France"),
    ("f2", "P36", "[X] is the capital of [Y]", "Roma", "Italia"),
    ("f3", "P36", "[X] is the capital of [Y]", "Lima", "Peru"),
).with_columns(object_id=pl.Series(["F", "I", "P"]))
ALIASES = pl.DataFrame(
    {
        "entity_id": ["F", "F", "F", "F", "I", "X"],
        "alias": ["Germany", "Germany", "France", "Norway Latvia", "Peru", "Oslo"],
    }
)


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "modernbert", "gpt2"])
def test_an_alias_has_the_tokens_of_an_object_of_this_name(family: str) -> None:
    model = loaded(family)
    rows = object_aliases(model, FACTS, ALIASES)
    # Once each, and neither the object's own name nor names of other entities.
    assert rows.select("fact_id", "alias_label").rows() == [
        ("f1", "Germany"), ("f1", "Norway Latvia"), ("f2", "Peru"),
    ]  # fmt: skip
    for fact, label, tokens in rows.iter_rows():
        renamed = FACTS.filter(pl.col("fact_id") == fact).with_columns(object_label=pl.lit(label))
        asked = probe(model, renamed, mask_counts="gold")
        assert asked["gold_token_ids"].to_list() == [tokens] != [[]]


def test_an_alias_with_the_unknown_token_has_no_tokens() -> None:
    unknown = pl.DataFrame({"entity_id": ["F"], "alias": ["\u9ed1"]})
    [row] = object_aliases(loaded("bert"), FACTS, unknown).to_dicts()
    assert row == {"fact_id": "f1", "alias_label": "\u9ed1", "alias_token_ids": []}
