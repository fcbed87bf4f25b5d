"""Changed facts: the steps equal plain gradient descent, and the weights come back bit by bit."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
import torch

from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.counterfactuals import Counterfactual, counterfactuals
from models_gpu.methods.edit_propagation import edit_propagation, edited_weights
from models_gpu.prompting.build import build_queries
from models_gpu.settings import PropagationSettings
from tests.helpers.tiny_models import CAUSAL, facts, loaded

CITIES = {"c0": ("Paris", "France"), "c1": ("Wien", "Austria"), "c2": ("Lima", "Peru"),
          "c3": ("Roma", "Italia")}  # fmt: skip
TEMPLATES = {"en": "[X] is the capital of [Y] .", "it": "[X] town was in [Y] ."}
FACTS = pl.DataFrame(
    [(fact, "P36", subject, answer) for fact, (subject, answer) in CITIES.items()],
    schema=["fact_id", "relation_id", "subject_id", "object_id"],
    orient="row",
)
ASKED = {
    language: facts(*((f, "P36", template, *names) for f, names in CITIES.items()))
    for language, template in TEMPLATES.items()
}
SETTINGS = PropagationSettings(steps=3, learning_rate=0.01, stop_probability=0.999)


def plain_scores(
    model: LoadedModel, template: str, subject: str, answer: str
) -> tuple[torch.Tensor, bool]:
    """Log P of an object by the model's own forward pass, one query, and whether it is on top."""
    queries = build_queries(model, facts(("f", "P36", template, subject, answer)), "gold")
    ids = torch.from_numpy(queries.token_ids).long()[None]
    network: Any = model.view.model
    logits = network(input_ids=ids).logits[0, queries.scored_positions.tolist()]
    golds = torch.from_numpy(queries.gold_ids).long()
    log_probs = logits.log_softmax(-1).gather(1, golds[:, None])
    return log_probs.sum(), bool((logits.argmax(-1) == golds).all())


def plain_propagation(
    model: LoadedModel, change: Counterfactual, settings: PropagationSettings
) -> dict[tuple[str, str], tuple[float, bool, float]]:
    """(Language, subject) → log P of the new object, whether it is on top, log P of the own one."""
    weights = edited_weights(model, settings.weights)
    kept = [weight.clone() for weight in weights]
    new = change.new_labels["en"]
    optimizer = torch.optim.SGD(weights, lr=settings.learning_rate)
    for weight in weights:
        weight.requires_grad_(True)
    for _ in range(settings.steps):
        optimizer.zero_grad()
        log_prob, _ = plain_scores(model, TEMPLATES["en"], CITIES[change.fact_id][0], new)
        if log_prob.item() >= math.log(settings.stop_probability):
            break
        (-log_prob).backward()
        optimizer.step()
    found = {}
    with torch.no_grad():
        for language, template in TEMPLATES.items():
            for query, fact in (("edited", change.fact_id), ("control", change.control_fact_id)):
                subject, own = CITIES[str(fact)]
                log_prob, is_top = plain_scores(model, template, subject, new)
                old, _ = plain_scores(model, template, subject, own)
                found[language, query] = (log_prob.item(), is_top, old.item())
        for weight, value in zip(weights, kept, strict=True):
            weight.requires_grad_(False)
            weight.copy_(value)
    return found


@pytest.mark.parametrize("weights", ["ffn", "all"])
@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "gpt2", "llama", "gemma2"])
def test_a_change_is_plain_gradient_descent(family: str, weights: Any) -> None:
    model = loaded(family)
    settings = PropagationSettings(3, 0.01, 0.999, weights)
    changes = counterfactuals(FACTS, ASKED, ["c0", "c2"], seed=0)
    rows = edit_propagation(model, "en", ASKED, changes, settings=settings)
    assert len(rows) == 8
    for change in changes:
        expected = plain_propagation(model, change, settings)
        own = rows.filter(pl.col("fact_id") == change.fact_id)
        found = {
            (row["target_language_code"], row["query_code"]): (
                row["new_log_prob_after"], row["is_new_top_after"], row["old_log_prob_after"]
            )
            for row in own.iter_rows(named=True)
        }  # fmt: skip
        assert found.keys() == expected.keys()
        for place, (new, is_top, old) in expected.items():
            assert found[place][0] == pytest.approx(new, abs=2e-3), place
            assert found[place][1] == is_top
            assert found[place][2] == pytest.approx(old, abs=2e-3), place


@pytest.mark.parametrize("family", ["xlm-roberta", "bloom"])
def test_weights_come_back_and_no_change_depends_on_another(family: str) -> None:
    model = loaded(family)
    kept = {name: value.clone() for name, value in model.view.model.state_dict().items()}
    changes = counterfactuals(FACTS, ASKED, list(CITIES), seed=0)
    rows = edit_propagation(model, "it", ASKED, changes, settings=SETTINGS)
    after = model.view.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in kept.items())
    assert not any(p.requires_grad or p.grad is not None for p in model.view.model.parameters())
    assert (rows["new_log_prob_after"] != rows["new_log_prob_before"]).any()
    shuffled = {code: table.reverse() for code, table in reversed(ASKED.items())}
    again = edit_propagation(model, "it", shuffled, changes[::-1], settings=SETTINGS)
    assert again.equals(rows)
    alone = edit_propagation(model, "it", ASKED, changes[1:2], settings=SETTINGS)
    same = rows.filter(pl.col("fact_id") == changes[1].fact_id)
    for name in ("new_log_prob_after", "old_log_prob_after"):
        assert alone[name].to_list() == pytest.approx(same[name].to_list(), abs=1e-4)


def test_an_error_in_the_middle_restores_the_weights_too() -> None:
    model = loaded("bert")
    kept = {name: value.clone() for name, value in model.view.model.state_dict().items()}
    changes = counterfactuals(FACTS, ASKED, ["c0"], seed=0)
    # Steps this large leave the range of float32.
    settings = PropagationSettings(20, 1e30, 0.999, "all")
    with pytest.raises(ModelError, match="lower learning_rate"):
        edit_propagation(model, "en", ASKED, changes, settings=settings)
    after = model.view.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in kept.items())


def test_a_change_ends_once_the_object_is_probable() -> None:
    model = loaded("bert")
    changes = counterfactuals(FACTS, ASKED, ["c0"], seed=0)
    quick = edit_propagation(
        model, "en", ASKED, changes, settings=PropagationSettings(50, 0.03, 0.5, "ffn")
    )
    count = quick["step_count"][0]
    assert 0 < count < 50
    probable = quick.filter(target_language_code="en", query_code="edited")
    assert math.exp(probable["new_log_prob_after"].item()) >= 0.5
    easy = edit_propagation(
        model, "en", ASKED, changes, settings=PropagationSettings(50, 0.01, 1e-30, "ffn")
    )
    assert set(easy["step_count"]) == {0}
    assert easy["new_log_prob_after"].to_list() == pytest.approx(
        easy["new_log_prob_before"].to_list()
    )


def test_half_precision_is_refused() -> None:
    model = loaded("bert")
    half = model.__class__(**{**model.__dict__, "dtype": torch.bfloat16})
    with pytest.raises(ModelError, match="needs dtype float32"):
        edit_propagation(half, "en", ASKED, [], settings=SETTINGS)


@pytest.mark.parametrize("family", CAUSAL[:1])
def test_a_causal_model_is_not_asked_where_it_does_not_see_the_subject(family: str) -> None:
    asked = {**ASKED, "it": facts(
        *((f, "P36", "[Y] : there was [X] born", *names) for f, names in CITIES.items())
    )}  # fmt: skip
    changes = counterfactuals(FACTS, asked, ["c0"], seed=0)
    rows = edit_propagation(loaded(family), "en", asked, changes, settings=SETTINGS)
    assert set(rows["target_language_code"]) == {"en"}
    assert edit_propagation(loaded(family), "it", asked, changes, settings=SETTINGS).is_empty()


def test_new_objects_are_wrong_and_have_a_name_in_every_language() -> None:
    known = pl.DataFrame(
        [
            ("f1", "P36", "s1", "a"), ("f2", "P36", "s1", "b"), ("f3", "P36", "s3", "c"),
            ("f4", "P36", "s4", "d"), ("f5", "P36", "s5", "e"), ("f6", "P30", "s6", "a"),
        ],
        schema=FACTS.columns,
        orient="row",
    )  # fmt: skip

    def labels(**names: str) -> pl.DataFrame:
        return pl.DataFrame({"fact_id": list(names), "object_label": list(names.values())})

    english = labels(f1="A", f2="B", f3="C", f4="D", f5="A", f6="A")
    german = labels(f1="A", f2="B", f3="C", f5="E", f6="A")
    found = counterfactuals(known, {"en": english, "de": german}, ["f1", "f4", "f6"], seed=0)
    by_fact = {change.fact_id: change for change in found}
    # f2 has the same subject, f4 no German name, f5 the English name of f1's own object.
    # The control has another subject, not the new object, and a name in both languages.
    assert by_fact["f1"] == Counterfactual("f1", "c", {"en": "C", "de": "C"}, "f5")
    assert by_fact["f4"].new_object_id in {"a", "b", "c", "e"}
    # The only fact of its relation.
    assert "f6" not in by_fact
    again = counterfactuals(known.reverse(), {"de": german.reverse(), "en": english}, ["f1"], 0)
    assert again == [by_fact["f1"]]
