"""A causal model reads the text before the slot, and is scored where it predicts the object."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.prompting.build import build_queries
from models_gpu.prompting.causal_prompts import prompt_code
from models_gpu.prompting.queries import Queries
from tests.helpers.tiny_models import facts, loaded

CAPITAL = "[X] is the capital of [Y] ."


@pytest.fixture(scope="module")
def gpt2() -> LoadedModel:
    return loaded("gpt2")


def asked(model: LoadedModel, template: str, subject: str, name: str) -> Queries:
    return build_queries(model, facts(("a", "P", template, subject, name)), "gold")


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize("name", ["France", "Norway land", "xyz"])
def test_a_query_is_the_running_text_without_its_last_token(family: str, name: str) -> None:
    model = loaded(family)
    queries = asked(model, CAPITAL, "Paris", name)
    text = model.tokenizer(f"Paris is the capital of {name}")["input_ids"]
    assert queries.token_ids.tolist() == text[:-1]
    count = len(queries.gold_ids)
    assert queries.gold_ids.tolist() == text[-count:]
    last = len(text) - 2
    assert queries.scored_positions.tolist() == list(range(last - count + 1, last + 1))
    assert model.tokenizer.decode(queries.gold_ids.tolist()).strip() == name


def test_an_object_is_cut_with_the_space_before_it(gpt2: LoadedModel) -> None:
    spaced = asked(gpt2, "it is [X] [Y].", "Paris", "Berlin").gold_ids.tolist()
    tight = asked(gpt2, "it is [X]([Y])", "Paris", "Berlin").gold_ids.tolist()
    assert spaced == gpt2.tokenizer(" Berlin")["input_ids"]
    assert tight == gpt2.tokenizer("Berlin")["input_ids"]
    assert spaced != tight


def test_a_piece_with_the_prompts_last_character_belongs_to_the_object(gpt2: LoadedModel) -> None:
    # The tokenizer has seen 是法国 so often that it is one piece: no border lies before the object.
    whole = gpt2.tokenizer("Paris是法国")["input_ids"]
    queries = asked(gpt2, "[X]是[Y]。", "Paris", "法国")
    assert gpt2.tokenizer.decode(queries.gold_ids.tolist()) == "是法国"
    assert [*queries.token_ids.tolist(), queries.gold_ids.tolist()[-1]] == whole


def test_a_lone_space_piece_belongs_to_the_prompt() -> None:
    model = loaded("llama")
    queries = asked(model, CAPITAL, "Paris", "zyx")
    bare = model.tokenizer.convert_tokens_to_ids("▁")
    assert queries.token_ids[queries.scored_positions[0]] == bare
    assert model.tokenizer.convert_ids_to_tokens(queries.gold_ids.tolist()) == ["z", "y", "x"]


def test_tokens_put_behind_a_text_are_left_out_and_those_in_front_stay() -> None:
    # A tokenizer of a masked model, as a small causal model may share it.
    bert, gpt2 = loaded("bert"), loaded("gpt2")
    model = replace(gpt2, tokenizer=bert.tokenizer, encoder=bert.encoder)
    queries = asked(model, CAPITAL, "Paris", "Berlin Roma")
    tokens = bert.tokenizer.convert_ids_to_tokens(queries.token_ids.tolist())
    assert tokens[0] == "[CLS]"
    assert tokens[-1] == "Berlin"
    assert bert.tokenizer.decode(queries.gold_ids.tolist()) == "Berlin Roma"


@pytest.mark.parametrize("template", ["[Y] : there was [X]", "[Y] is where [X] is"])
def test_an_empty_prompt_starts_with_the_end_of_text(gpt2: LoadedModel, template: str) -> None:
    queries = asked(gpt2, template, "Paris", "Berlin")
    assert queries.token_ids[0] == gpt2.tokenizer.eos_token_id
    assert queries.scored_positions[0] == 0
    assert gpt2.tokenizer.decode(queries.gold_ids.tolist()) == "Berlin"
    with pytest.raises(ModelError, match="the prompt '' has no token"):
        asked(replace(gpt2, start_token_id=None), template, "Paris", "Berlin")


@pytest.mark.parametrize("name", ["", "France"])
def test_an_object_without_tokens_still_gets_a_position(gpt2: LoadedModel, name: str) -> None:
    queries = asked(gpt2, "[X] is([Y]", "Paris", name)
    assert queries.gold_offsets.tolist() == [0, len(queries.gold_ids)]
    assert queries.scored_counts.tolist() == [max(1, len(queries.gold_ids))]
    assert queries.scored_positions[-1] == queries.lengths[0] - 1


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("[X] is in [Y]", "whole"),
        ("[X] is in [Y] .", "whole"),
        ("“[X]”位于“[Y]”。", "whole"),
        ("「[X]」：「[Y]」を公用語とする。", "cut"),
        ("[X] की मुद्रा [Y] है।", "cut"),
        ("[Y] is the capital of [X]", "no_subject"),
    ],
)
def test_what_is_shown_of_a_template(gpt2: LoadedModel, template: str, wanted: str) -> None:
    assert prompt_code(template) == wanted
    assert asked(gpt2, template, "Paris", "France").prompt_codes.to_list() == [wanted]
    table = facts(("a", "P", template, "Paris", "France"))
    assert build_queries(loaded("bert"), table, "gold").prompt_codes.to_list() == ["whole"]


def test_slots_inside_a_subject_are_left_alone(gpt2: LoadedModel) -> None:
    queries = asked(gpt2, "[X] is in [Y]", "[Y] city [X]", "France")
    assert gpt2.tokenizer.decode(queries.token_ids.tolist()).startswith("[Y] city [X] is in")


def test_facts_share_a_query_when_all_that_is_read_is_the_same(gpt2: LoadedModel) -> None:
    table = facts(
        ("a", "P", CAPITAL, "Paris", "in"),
        ("b", "P", CAPITAL, "Paris", "is"),
        ("c", "P", CAPITAL, "Paris", "in of"),
        ("d", "P", CAPITAL, "Paris", "in is"),
        ("e", "P", "[X] is the capital of in [Y]", "Paris", "is"),
    )
    queries = build_queries(gpt2, table, "gold")
    counts = np.diff(queries.gold_offsets)
    assert (counts[:2] == 1).all(), "the tokenizer cuts these words, so that nothing is tested"
    assert queries.row_query[0] == queries.row_query[1]
    assert queries.row_query[2] == queries.row_query[3]
    # The same tokens, but read at one position and not at two.
    assert queries.row_query[4] not in queries.row_query[:4]


def test_queries_come_longest_first_and_carry_their_own_tokens(gpt2: LoadedModel) -> None:
    names = ["Oslo", "Norway land", "Peru and France", "Riga"]
    rows = [(f"f{i}", "P", CAPITAL, "Paris " * (i % 3) + "Roma", n) for i, n in enumerate(names)]
    queries = build_queries(gpt2, facts(*rows), "gold")
    assert (np.diff(queries.lengths) <= 0).all()
    for row in range(len(rows)):
        alone = build_queries(gpt2, facts(rows[row]), "gold")
        query = queries.row_query[row]
        tokens = slice(*queries.token_offsets[query : query + 2])
        scored = slice(*queries.scored_offsets[query : query + 2])
        assert np.array_equal(queries.token_ids[tokens], alone.token_ids)
        assert np.array_equal(queries.scored_positions[scored], alone.scored_positions)


def test_no_facts_are_no_queries(gpt2: LoadedModel) -> None:
    nothing = facts(("a", "P", CAPITAL, "Paris", "Oslo")).filter(pl.lit(False))
    assert build_queries(gpt2, nothing, "gold").count == 0


def test_a_causal_model_is_not_asked_with_all_mask_counts(gpt2: LoadedModel) -> None:
    with pytest.raises(ModelError, match="a causal model is queried without masks"):
        build_queries(gpt2, facts(("a", "P", CAPITAL, "Paris", "Oslo")), "all")


def test_positions_end_where_the_models_do() -> None:
    table = facts(("a", "P", CAPITAL, "Paris " * 70, "Oslo"))
    with pytest.raises(ModelError, match="the model has 64 positions"):
        build_queries(loaded("gpt2"), table, "gold")
    assert build_queries(loaded("bloom"), table, "gold").lengths[0] > 64
