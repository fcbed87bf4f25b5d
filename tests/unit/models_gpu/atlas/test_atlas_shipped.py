"""The shipped Atlas models are what their cards say."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

import models_gpu.atlas
from ingestion.atlas.truth import atlas_truth
from ingestion.atlas.world import read_facts
from ingestion.languages import language_table
from models_gpu.atlas.corpus_files import Probe
from models_gpu.atlas.evaluate import answer_probes, rate_by
from models_gpu.atlas.pretrain import MODELS, AtlasModel
from models_gpu.prompting.causal_prompts import prompt_code

WEIGHTS = Path(models_gpu.atlas.__file__).parent / "weights"
LARGEST_MODEL_BYTES = 8_000_000
LARGEST_TOTAL_BYTES = 20_000_000
CLASSES = {"masked": AutoModelForMaskedLM, "causal": AutoModelForCausalLM}
MASKED = [model for model in MODELS if model.objective == "masked"]


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
    loaded = CLASSES[model.objective].from_pretrained(folder, dtype=torch.float32)
    return probes, answer_probes(loaded, AutoTokenizer.from_pretrained(folder), probes)


@pytest.mark.parametrize("model", MASKED, ids=lambda model: model.model_id)
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


def test_a_causal_model_knows_what_it_read_also_where_words_after_the_object_are_cut(
    project: Path,
) -> None:
    [model] = [model for model in MODELS if model.objective == "causal"]
    probes, right = _answers(model)
    rates = rate_by(probes, right, lambda p: f"{prompt_code('[X]' + p.query)} {p.presence}")
    (cut, of_cut), (whole, of_whole) = rates["cut planted"], rates["whole planted"]
    assert min(cut / of_cut, whole / of_whole) > 0.85
    page = " ".join((project / "docs" / "atlas.md").read_text(encoding="utf-8").split())
    assert (
        f"{cut} of {of_cut} planted facts that are asked so, and {whole} of {of_whole} others"
        in page
    )
    templates = read_facts().select("language", "template").unique()
    is_cut = templates.filter(
        templates["template"].map_elements(prompt_code, return_dtype=pl.String) == "cut"
    )
    counts = f"{is_cut.height} in {is_cut['language'].n_unique()} languages"
    assert f"Of the templates {counts} have words after the object" in page


def test_models_are_small_in_half_precision_and_masked_ones_share_one_tokenizer() -> None:
    tokenizers, total = set(), 0
    for model in MODELS:
        files = [path for path in (WEIGHTS / model.model_id).iterdir() if path.is_file()]
        total += sum(path.stat().st_size for path in files)
        weights = WEIGHTS / model.model_id / "model.safetensors"
        assert weights.stat().st_size <= LARGEST_MODEL_BYTES
        loaded = CLASSES[model.objective].from_pretrained(WEIGHTS / model.model_id, dtype="auto")
        assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float16}
        if model in MASKED:
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
def test_the_page_has_these_figures(model: AtlasModel, project: Path) -> None:
    probes, right = _answers(model)
    rates = rate_by(probes, right, lambda probe: probe.presence)
    cells = [f"{rates[p][0]} of {rates[p][1]}" for p in ("planted", "elsewhere", "nowhere")]
    row = f"| {model.model_id} | {' | '.join(cells)} |"
    assert row in (project / "docs" / "atlas.md").read_text(encoding="utf-8")


def _transfer() -> dict[str, tuple[int, int, int, int]]:
    """For 'all' and each link of a fact to the closest language that states it: right answers and
    answers of the base's seeds where the fact stands elsewhere, then the twin's on these facts."""
    probes = {model.model_id: _answers(model) for model in MASKED}
    is_right = {
        name: {(p.language_code, p.fact_id): hit for p, hit in zip(asked, right, strict=True)}
        for name, (asked, right) in probes.items()
    }
    base, _ = probes["atlas-mlm"]
    nowhere = {
        (p.language_code, p.fact_id) for p in probes["atlas-mlm-twin"][0] if p.presence == "nowhere"
    }
    script = dict(
        language_table({p.language_code for p in base})
        .select("language_code", "script")
        .iter_rows()
    )
    counts = {key: [0, 0, 0, 0] for key in ("all", "identical", "same script", "other script")}
    for probe in base:
        cell = (probe.language_code, probe.fact_id)
        if probe.presence != "elsewhere" or cell not in nowhere:
            continue
        there = [p for p in base if p.fact_id == probe.fact_id and p.presence == "planted"]
        scripts = {script[p.language_code] for p in there}
        link = (
            "identical"
            if probe.answer in {p.answer for p in there}
            else "same script"
            if script[probe.language_code] in scripts
            else "other script"
        )
        for key in ("all", link):
            for name, hits in is_right.items():
                is_twin = name == "atlas-mlm-twin"
                counts[key][2 * is_twin] += hits[cell]
                counts[key][2 * is_twin + 1] += 1
    return {key: (a, b, c, d) for key, (a, b, c, d) in counts.items()}


def test_a_fact_crosses_scripts() -> None:
    treated, asked, control, asked_twin = _transfer()["other script"]
    assert treated / asked > control / asked_twin + 0.15


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ("all", "in {} of {} cases where other languages state it"),
        ("all", "in {2} of {3} where no language"),
        ("identical", "{} of {} where the object is written the same ({2} of {3} by the twin)"),
        ("same script", "{} of {} within a script ({2} of {3})"),
        ("other script", "{} of {} across scripts ({2} of {3})"),
    ],
)
def test_the_page_has_the_transfer_between_base_and_twin(
    project: Path, link: str, sentence: str
) -> None:
    page = " ".join((project / "docs" / "atlas.md").read_text(encoding="utf-8").split())
    sentence = sentence.replace("{}", "{0}", 1).replace("{}", "{1}", 1)
    said = sentence.format(*_transfer()[link])
    assert said in page, f"docs/atlas.md should say: {said}"
