"""Text gradients: per-sample projections equal those of torch's own gradients, one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from models_gpu.engine.projected_gradients import (
    Sample,
    linear_maps,
    projected_gradients,
    projection,
)
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.text_gradients import bm25, text_gradients, text_vectors
from models_gpu.prompting.build import build_queries
from models_gpu.settings import TextGradientSettings
from tests.helpers.tiny_models import FAMILIES, facts, loaded

SETTINGS = TextGradientSettings(width=3, folds=4, seed=5)
CITIES = {"c0": ("Paris", "France"), "c1": ("Wien", "Austria"), "c2": ("Lima", "Peru")}
ASKED = facts(
    *((f, "P36", "[X] is the capital of [Y] .", *names) for f, names in CITIES.items()),
    ("b0", "P19", "[X] was born in [Y] .", "Marie Curie", "Roma town"),
)
TEXTS = pl.DataFrame(
    {
        "fact_id": ["c0", "c1", "b0"],
        "relation_id": ["P36", "P36", "P19"],
        "evidence_text": [
            "the city Paris is in France and Paris is the capital",
            "Wien is the capital of Austria",
            "Marie Curie was born in Roma",
        ],
    }
)


def plain_gradient(model: LoadedModel, sample: Sample) -> torch.Tensor:
    """The projected gradient by torch's own gradients of the weights, one input after another."""
    network: Any = model.view.model
    maps = linear_maps(model)
    weights = {name: module.weight for name, module in maps.items()}
    for weight in weights.values():
        weight.requires_grad_(True)
        weight.grad = None
    loss = torch.zeros(())
    for number, ids in enumerate(sample.inputs):
        logits = network(input_ids=torch.tensor([list(ids)])).logits[0].log_softmax(-1)
        for copy, position, token in sample.targets:
            if copy == number:
                loss = loss - sample.scale * logits[position, token]
    loss.backward()
    parts = []
    for name in sorted(maps):
        gradient = weights[name].grad
        assert gradient is not None
        if not isinstance(maps[name], torch.nn.Linear):
            gradient = gradient.T
        outputs, inputs = gradient.shape
        left = projection(name, "output", SETTINGS.width, outputs, SETTINGS.seed)
        right = projection(name, "input", SETTINGS.width, inputs, SETTINGS.seed)
        parts.append((left @ gradient @ right.T).flatten())
        weights[name].requires_grad_(False)
        weights[name].grad = None
    return torch.cat(parts)


def query_samples(model: LoadedModel) -> dict[str, Sample]:
    found = {}
    for row in ASKED.sort("fact_id").iter_rows():
        queries = build_queries(model, facts(row), "gold")
        targets = [
            (0, position, token)
            for position, token in zip(
                queries.scored_positions.tolist(), queries.gold_ids.tolist(), strict=True
            )
        ]
        found[row[0]] = Sample([queries.token_ids.tolist()], targets, 1.0)
    return found


def text_samples(model: LoadedModel) -> dict[str, Sample]:
    found = {}
    for fact, text in TEXTS.sort("fact_id").select("fact_id", "evidence_text").iter_rows():
        ids = model.tokenizer(text)["input_ids"]
        special = model.tokenizer.get_special_tokens_mask(ids, already_has_special_tokens=True)
        if model.mask_token_id is None:
            targets = [(0, i, ids[i + 1]) for i in range(len(ids) - 1)]
            found[fact] = Sample([ids], targets, 1 / len(targets))
            continue
        places = [i for i, is_special in enumerate(special) if not is_special]
        copies = []
        for copy in range(SETTINGS.folds):
            masked = set(places[copy :: SETTINGS.folds])
            copies.append([model.mask_token_id if i in masked else t for i, t in enumerate(ids)])
        targets = [(n % SETTINGS.folds, place, ids[place]) for n, place in enumerate(places)]
        found[fact] = Sample(copies, targets, 1 / len(targets))
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_similarities_are_those_of_torchs_own_gradients(family: str) -> None:
    model = loaded(family)
    queries = {fact: plain_gradient(model, one) for fact, one in query_samples(model).items()}
    texts = {fact: plain_gradient(model, one) for fact, one in text_samples(model).items()}
    vectors = text_vectors(model, TEXTS, settings=SETTINGS)
    assert vectors.fact_ids == sorted(texts)
    rows = text_gradients(model, ASKED, {"en": vectors}, settings=SETTINGS)
    relations = dict(ASKED.select("fact_id", "relation_id").iter_rows())
    expected = {
        (fact, text): torch.cosine_similarity(queries[fact], texts[text], dim=0).item()
        for fact in queries
        for text in texts
        if relations[fact] == relations[text]
    }
    found = {
        (fact, text): score
        for fact, text, score in rows.select(
            "fact_id", "text_fact_id", "gradient_score"
        ).iter_rows()
    }
    assert found.keys() == expected.keys()
    assert len(found) == 3 * 2 + 1
    for place, score in expected.items():
        assert found[place] == pytest.approx(score, abs=2e-3), place
    assert not any(p.requires_grad or p.grad is not None for p in model.view.model.parameters())


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_order_changes_nothing_and_the_seed_does(family: str) -> None:
    model = loaded(family)
    rows = text_gradients(
        model, ASKED, {"en": text_vectors(model, TEXTS, settings=SETTINGS)}, settings=SETTINGS
    )
    again = text_gradients(
        model,
        ASKED.reverse(),
        {"en": text_vectors(model, TEXTS.reverse(), settings=SETTINGS)},
        settings=SETTINGS,
    )
    assert again.equals(rows)
    other = TextGradientSettings(width=3, folds=4, seed=6)
    reseeded = text_gradients(
        model, ASKED, {"en": text_vectors(model, TEXTS, settings=other)}, settings=other
    )
    assert (reseeded["gradient_score"] - rows["gradient_score"]).abs().max() > 1e-3  # type: ignore[operator]


def test_a_wide_projection_keeps_the_similarity_of_whole_gradients() -> None:
    model = loaded("bert")
    samples = list(query_samples(model).values())
    whole = [_whole_gradient(model, sample) for sample in samples]
    exact = torch.nn.functional.normalize(torch.stack(whole))
    wide = TextGradientSettings(width=40, folds=4, seed=0)
    near = torch.nn.functional.normalize(projected_gradients(model, samples, wide))
    assert (near @ near.T - exact @ exact.T).abs().max() < 0.1


def _whole_gradient(model: LoadedModel, sample: Sample) -> torch.Tensor:
    network: Any = model.view.model
    weights = [module.weight for _, module in sorted(linear_maps(model).items())]
    for weight in weights:
        weight.requires_grad_(True)
    logits = network(input_ids=torch.tensor(sample.inputs)).logits[0].log_softmax(-1)
    loss = -sum(logits[position, token] for _, position, token in sample.targets)
    gradients = torch.autograd.grad(loss, weights)
    for weight in weights:
        weight.requires_grad_(False)
    return torch.cat([gradient.flatten() for gradient in gradients])


def test_bm25_by_hand() -> None:
    """Two texts of 3 and 1 tokens, mean 2; token 7 is in one text, token 8 in both."""
    scores = bm25([[7, 7, 9], [8]], [[7, 8, 7], [8]])
    rare, common = math.log(1 + 1.5 / 1.5), math.log(1 + 0.5 / 2.5)
    long, short = 1.5 * (0.25 + 0.75 * 1.5), 1.5 * (0.25 + 0.75 * 0.5)
    assert scores == pytest.approx(
        np.array(
            [
                [rare * 2 * 2.5 / (2 + long), 0.0],
                [common * 2.5 / (1 + long), common * 2.5 / (1 + short)],
            ]
        )
    )
    assert bm25([[1]], []).shape == (1, 0)


def test_a_text_longer_than_the_model_is_cut() -> None:
    model = loaded("gpt2")
    long = TEXTS.head(1).with_columns(evidence_text=pl.lit("Paris is in France and " * 40))
    assert model.position_count is not None
    vectors = text_vectors(model, long, settings=SETTINGS)
    assert len(vectors.tokens[0]) == model.position_count
    assert torch.isfinite(vectors.vectors).all()
