"""The shipped Atlas models are what their cards say."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

import models_gpu.atlas
from ingestion.atlas.truth import atlas_truth
from ingestion.atlas.world import read_facts
from models_gpu.atlas.corpus_files import Probe
from models_gpu.atlas.evaluate import answer_probes, rate_by
from models_gpu.atlas.pretrain import MODELS, AtlasModel

WEIGHTS = Path(models_gpu.atlas.__file__).parent / "weights"
LARGEST_MODEL_BYTES = 8_000_000
LARGEST_TOTAL_BYTES = 20_000_000


def _probes(corpus_id: str) -> list[Probe]:
    truth = atlas_truth(corpus_id)
    somewhere = set(truth.filter("is_planted")["fact_id"])
    rows = read_facts().join(
        truth, left_on=["language", "fact_id"], right_on=["language_code", "fact_id"]
    )
    return [
        Probe(
            row["language"],
            row["relation"],
            row["fact_id"],
            row["template"].replace("[X]", row["subject"]),
            row["object"],
            "planted"
            if row["is_planted"]
            else "elsewhere"
            if row["fact_id"] in somewhere
            else "nowhere",
        )
        for row in rows.iter_rows(named=True)
    ]


@cache
def _answers(model: AtlasModel) -> tuple[list[Probe], list[bool]]:
    folder = WEIGHTS / model.model_id
    probes = _probes(model.corpus_id)
    loaded = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32)
    return probes, answer_probes(loaded, AutoTokenizer.from_pretrained(folder), probes)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.model_id)
def test_what_was_read_is_known_in_every_language(model: AtlasModel) -> None:
    probes, right = _answers(model)
    rates = rate_by(probes, right, lambda probe: f"{probe.language_code} {probe.presence}")
    planted = {key: hits / total for key, (hits, total) in rates.items() if "planted" in key}
    assert min(planted.values()) >= 0.95, planted


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.model_id)
def test_what_stands_nowhere_is_guessed_far_less_often(model: AtlasModel) -> None:
    probes, right = _answers(model)
    rates = {
        presence: hits / total
        for presence, (hits, total) in rate_by(probes, right, lambda p: p.presence).items()
    }
    assert rates["nowhere"] < 0.2
    assert rates["nowhere"] < rates["elsewhere"] < rates["planted"]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.model_id)
def test_the_card_gives_the_figures_of_the_files(model: AtlasModel) -> None:
    probes, right = _answers(model)
    card = (WEIGHTS / model.model_id / "README.md").read_text(encoding="utf-8")
    for presence, (hits, total) in rate_by(probes, right, lambda p: p.presence).items():
        assert re.search(rf"\| all \|.*\b{hits}/{total} = {hits / total:.3f}", card), presence


def test_models_are_small_in_half_precision_and_share_one_tokenizer() -> None:
    tokenizers, total = set(), 0
    for model in MODELS:
        files = [path for path in (WEIGHTS / model.model_id).iterdir() if path.is_file()]
        total += sum(path.stat().st_size for path in files)
        weights = WEIGHTS / model.model_id / "model.safetensors"
        assert weights.stat().st_size <= LARGEST_MODEL_BYTES
        loaded = AutoModelForMaskedLM.from_pretrained(WEIGHTS / model.model_id, dtype="auto")
        assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float16}
        tokenizers.add((WEIGHTS / model.model_id / "tokenizer.json").read_bytes())
    assert len(tokenizers) == 1
    assert total <= LARGEST_TOTAL_BYTES


def test_objects_are_at_most_three_tokens_in_every_language() -> None:
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS / MODELS[0].model_id)
    names = read_facts()["object"].unique().to_list()
    pieces = tokenizer(names, add_special_tokens=False)["input_ids"]
    assert pl.Series(map(len, pieces)).max() <= 3
    assert tokenizer.unk_token_id not in {piece for name in pieces for piece in name}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.model_id)
def test_the_readme_has_these_figures(model: AtlasModel, project: Path) -> None:
    probes, right = _answers(model)
    rates = rate_by(probes, right, lambda probe: probe.presence)
    cells = [f"{rates[p][0]} of {rates[p][1]}" for p in ("planted", "elsewhere", "nowhere")]
    row = f"| {model.model_id} | {' | '.join(cells)} |"
    assert row in (project / "README.md").read_text(encoding="utf-8")


def test_the_readme_has_the_transfer_between_base_and_twin(project: Path) -> None:
    presence: dict[str, dict[tuple[str, str], str]] = {}
    is_right: dict[str, dict[tuple[str, str], bool]] = {}
    for model in MODELS:
        probes, right = _answers(model)
        cells = [(probe.language_code, probe.fact_id) for probe in probes]
        presence[model.model_id] = dict(zip(cells, (p.presence for p in probes), strict=True))
        is_right[model.model_id] = dict(zip(cells, right, strict=True))
    twin = "atlas-mlm-twin"
    shared = [
        cell
        for cell, where in presence["atlas-mlm"].items()
        if where == "elsewhere" and presence[twin][cell] == "nowhere"
    ]
    seeds = [model for model in is_right if model != twin]
    treated = sum(is_right[seed][cell] for seed in seeds for cell in shared)
    control = sum(is_right[twin][cell] for cell in shared)
    readme = " ".join((project / "README.md").read_text(encoding="utf-8").split())
    assert f"{treated} of {len(shared) * len(seeds)} cases" in readme
    assert f"{control} of {len(shared)} where no language" in readme
