"""The subject's tokens are found in the queries of every family, wherever the template has it."""

from __future__ import annotations

import polars as pl
import pytest

from models_gpu.prompting.build import build_queries
from models_gpu.prompting.subjects import subject_positions
from tests.helpers.tiny_models import CAUSAL, FAMILIES, facts, loaded

ASKED = facts(
    ("first", "P1", "[X] is in [Y] .", "Oslo", "Peru"),
    ("inside", "P2", "the city of [X] is in [Y]", "Paris and Bern", "Peru and Austria"),
    ("last", "P3", "[Y] is the town of [X] .", "Oslo", "Peru"),
    ("tight", "P4", "the([X])and([Y])", "Riga", "Peru"),
    # The subject's name is also a word of the template, before and after the slot.
    ("twice", "P5", "Oslo and [X] is Oslo [Y]", "Oslo", "Roma"),
)


@pytest.mark.parametrize("family", FAMILIES)
def test_positions_are_those_of_the_subjects_tokens(family: str) -> None:
    model = loaded(family)
    queries = build_queries(model, ASKED, "gold")
    found = subject_positions(model, queries, ASKED)
    query_of_fact = dict(zip(queries.row_fact.tolist(), queries.row_query.tolist(), strict=True))
    for place, fact in enumerate(queries.fact_ids.to_list()):
        (subject,) = ASKED.filter(fact_id=fact)["subject_label"]
        query = query_of_fact[place]
        ids = queries.token_ids[slice(*queries.token_offsets[[query, query + 1]])].tolist()
        if family in CAUSAL and fact == "last":
            assert found[fact] == []
            continue
        positions = found[fact]
        assert positions == list(range(positions[0], positions[-1] + 1))
        text = model.tokenizer.decode([ids[position] for position in positions])
        assert text.strip().replace("(", "").replace(")", "") == subject
        before = model.tokenizer.decode(ids[: positions[0]], skip_special_tokens=True)
        assert before.count("Oslo") == (fact == "twice")


def test_facts_that_cannot_be_asked_have_no_positions() -> None:
    model = loaded("bert")
    long = ASKED.head(1).with_columns(fact_id=pl.lit("long"), subject_label=pl.lit("Oslo " * 80))
    both = pl.concat([ASKED, long])
    queries = build_queries(model, both, "gold", leaves_out=True)
    assert set(subject_positions(model, queries, both)) == set(ASKED["fact_id"])
