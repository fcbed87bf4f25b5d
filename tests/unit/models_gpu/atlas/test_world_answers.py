"""The answers of the worlds come from the recipe: a shortened world is trained again."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import torch
from transformers import AutoTokenizer

import models_gpu.atlas
from ingestion.atlas.corpus import write_training_text
from ingestion.atlas.worlds import ANSWERS_FILE, WORLDS, world_truth
from models_gpu.atlas.worlds import SHORT_RECIPE, WORLD_RECIPE, answers_of, recipe_digest

TOKENIZER = Path(models_gpu.atlas.__file__).parent / "weights" / "atlas-mlm"


def agreement(one: pl.DataFrame, other: pl.DataFrame) -> float:
    """Share of questions that both answer rightly or both wrongly."""
    both = one.join(other, on=("language_code", "fact_id"), validate="1:1")
    assert len(both) == len(one) == len(other)
    share = (both["is_right"] == both["is_right_right"]).mean()
    assert isinstance(share, float)
    return share


@pytest.mark.nightly
def test_a_shortened_world_trained_again_agrees_as_far_as_two_seeds_do(tmp_path: Path) -> None:
    world = next(world for world in WORLDS if world.world_id == "short-01")
    folder = tmp_path / world.world_id
    write_training_text(world_truth(world), folder, world.languages, world.arm_code)
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        again = answers_of(folder, 1, tokenizer, SHORT_RECIPE)
    finally:
        torch.set_num_threads(threads)
    shipped = pl.read_parquet(ANSWERS_FILE).filter(pl.col("world_id") == world.world_id)
    first, second = (shipped.filter(pl.col("seed") == seed) for seed in (1, 2))
    seeds = agreement(first, second)
    assert agreement(again, first) >= seeds - 0.03
    # The agreement is no accident of a common rate: a world that answers at random has less.
    rate = first["is_right"].mean()
    assert isinstance(rate, float)
    assert seeds > rate**2 + (1 - rate) ** 2 + 0.1
    stated = again.filter("is_stated")["is_right"].mean()
    unstated = again.filter(~pl.col("is_stated"))["is_right"].mean()
    assert isinstance(stated, float)
    assert isinstance(unstated, float)
    assert stated > unstated + 0.3


def test_the_shipped_file_names_the_recipe_that_made_it() -> None:
    digest = pl.read_parquet_metadata(ANSWERS_FILE)["recipe_digest"]
    assert digest == recipe_digest(WORLD_RECIPE, AutoTokenizer.from_pretrained(TOKENIZER))
