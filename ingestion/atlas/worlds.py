"""The Atlas worlds: corpora in which every statement is planted by its own coin.

One corpus tells what a model answers. Many corpora, each with the same facts planted in other
languages, tell why: the same question is asked of models that did and did not read the fact in
that language. Belongs here: which worlds there are, and which fact each plants in which language.
The text is written by ``corpus``, the models are trained in ``models_gpu.atlas.worlds``.

The design is a randomised block design. Eight worlds are one block, and in a block every fact goes
once through each place of ``BLOCK``, in an order drawn for that fact:

- *nowhere* (once) separates guesses from knowledge; - *one* (once): exactly one language states the
fact, which gives "stated here only"; - *all_but_one* (once): one language is left out, which gives
an answer without its own text when everybody else states the fact; - *sparse*, *half* and *dense*
(twice, twice, once): a coin of .25, .5 or .75 for each language. Here the coins of two languages
are independent, so the effect of one language's statement on another's answer is a difference of
means. Its variance falls with p(1 - p) times the share of worlds in which the answering language is
silent, so there are two sparse and two half worlds for one dense world.

So every fact has the same number of worlds in each stratum, and thresholds can be chosen on some
worlds and judged on others.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ingestion.atlas.corpus import write_training_text
from ingestion.atlas.truth import planted_count, truth_frame
from ingestion.atlas.world import COVERAGE, draw, read_facts
from ingestion.contract import LAKE

__all__ = [
    "ANSWERS_FILE",
    "BLOCK",
    "COMPLETE_WORLDS",
    "STRATA",
    "WORLDS",
    "World",
    "main",
    "stratum_of",
    "world_answers",
    "world_truth",
]

STRATA: dict[str, float | None] = {
    "nowhere": 0.0,
    "one": None,
    "all_but_one": None,
    "sparse": 0.25,
    "half": 0.5,
    "dense": 0.75,
}
"""Stratum to the probability that a language states the fact; None: one language is drawn."""

BLOCK = ("nowhere", "one", "all_but_one", "sparse", "sparse", "half", "half", "dense")
"""Strata that every fact goes through in each block of eight plans, in drawn order."""


@dataclass(frozen=True)
class World:
    """One corpus of the design."""

    world_id: str
    """Name of the world; the corpus's name in every table."""
    plan: int
    """Number of the plan, from 1: worlds with one plan state the same facts in the same languages.
    Plans 1 to 8 are the first block, 9 to 16 the second, and so on."""
    arm_code: str
    """What the brackets hold: 'named' (names in other languages, as in the corpus ``atlas``),
    'unnamed' (no brackets at all) or 'bridged' (each pair of languages by a coin per entity)."""
    languages: tuple[str, ...] = tuple(COVERAGE)
    """Languages that the world has."""


WORLDS: tuple[World, ...] = (
    *(World(f"world-{plan:02}", plan, "named") for plan in range(1, 25)),
    *(World(f"unnamed-{plan:02}", plan, "unnamed") for plan in range(1, 5)),
    World("short-01", 1, "named", ("en", "ru")),
)
"""All worlds. ``short-01`` is small enough to be trained in a test."""

COMPLETE_WORLDS = tuple(world.world_id for world in WORLDS if world.languages == tuple(COVERAGE))
"""Worlds with all languages: those that the lake holds."""

ANSWERS_FILE = Path(__file__).with_name("world_answers.parquet")
"""The answers that come with the project: world_id, seed, language_code, fact_id, is_stated,
is_right, object_log_prob and object_rank; the file's metadata names the recipe."""


def stratum_of(plan: int, fact_id: str) -> str:
    """Stratum of a fact in a plan: each place of ``BLOCK`` once in every block of plans."""
    block, place = divmod(plan - 1, len(BLOCK))
    order = sorted(range(len(BLOCK)), key=lambda each: draw("stratum", block, fact_id, each))
    return BLOCK[order[place]]


def world_truth(world: World) -> pl.DataFrame:
    """Lake table ``atlas_truth`` of one world: a row per language and fact that exists there.

    No distractor is laid out: nothing is traced in a world, so its text needs no traps.
    """
    facts = read_facts().filter(pl.col("language").is_in(world.languages))
    languages_of = {
        str(fact_id): sorted(group["language"])
        for (fact_id,), group in facts.group_by("fact_id", maintain_order=True)
    }
    rows = []
    for language, fact_id in facts.select("language", "fact_id").iter_rows():
        is_planted = _is_planted(world.plan, language, fact_id, languages_of[fact_id])
        count = planted_count(language, fact_id) if is_planted else 0
        rows.append((world.world_id, language, fact_id, is_planted, count, None))
    return truth_frame(rows)


def _is_planted(plan: int, language: str, fact_id: str, languages: list[str]) -> bool:
    stratum = stratum_of(plan, fact_id)
    rate = STRATA[stratum]
    if rate is not None:
        return draw("world", plan, language, fact_id) < rate
    chosen = languages[int(len(languages) * draw("chosen", plan, fact_id))]
    return (language == chosen) == (stratum == "one")


def world_answers() -> pl.DataFrame:
    """Lake table ``world_answers``: the answers that come with the project, and their design.

    They were computed by ``models_gpu.atlas.worlds`` (``make atlas-worlds``).
    """
    worlds = {world.world_id: world for world in WORLDS}
    answers = pl.read_parquet(ANSWERS_FILE).filter(pl.col("world_id").is_in(COMPLETE_WORLDS))
    plans = answers["world_id"].replace_strict({name: w.plan for name, w in worlds.items()})
    places = answers.select("fact_id", plan_index=plans.cast(pl.Int32)).unique()
    strata = places.with_columns(
        stratum_code=pl.struct("plan_index", "fact_id").map_elements(
            lambda place: stratum_of(place["plan_index"], place["fact_id"]), pl.String
        )
    )
    schema = pl.Schema(LAKE["world_answers"].schema)
    return (
        answers.with_columns(
            plan_index=plans.cast(pl.Int32),
            stating_language_count=pl.col("is_stated").sum().over("world_id", "seed", "fact_id"),
            arm_code=pl.col("world_id").replace_strict(
                {name: world.arm_code for name, world in worlds.items()}
            ),
        )
        .join(strata, on=("plan_index", "fact_id"), how="left", validate="m:1")
        .select(schema.names())
        .cast(schema)
        .sort(LAKE["world_answers"].key)
    )


def main() -> None:
    """Write the training text of the worlds: ``python -m ingestion.atlas.worlds --out DIR``."""
    parser = argparse.ArgumentParser(description="Write the training text of the Atlas worlds.")
    parser.add_argument("--out", type=Path, required=True, help="folder; holds one per world")
    parser.add_argument("--only", nargs="+", help="write these worlds only")
    arguments = parser.parse_args()
    known = {world.world_id for world in WORLDS}
    if unknown := sorted(set(arguments.only or ()) - known):
        parser.error(f"unknown worlds {unknown}; there are {sorted(known)}")
    for world in WORLDS:
        if arguments.only is None or world.world_id in arguments.only:
            folder = arguments.out / world.world_id
            write_training_text(world_truth(world), folder, world.languages, world.arm_code)
            print(f"{world.world_id} -> {folder}", flush=True)


if __name__ == "__main__":
    main()
