"""The published mLAMA 1.1: totals and counts equal those in the literature."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import orjson
import polars as pl
import pytest

from ingestion.facts import FactSource, FactsSettings, merge_facts, open_facts, relations_table
from ingestion.facts.archive import open_archive
from ingestion.facts.download import OFFICIAL_MLAMA
from ingestion.facts.mlama import mlama_content_digest
from ingestion.languages import language_table
from ingestion.text import normal_name

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def source(real_data: Path) -> FactSource:
    return open_facts(FactsSettings("mlama", real_data / "mlama1.1.zip", 0.0))


@pytest.fixture(scope="module")
def counts(source: FactSource) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Merged facts, all prompts, and the number of facts per language and relation."""
    facts, prompts, per_relation = {}, [], []
    for language in source.languages():
        read = source.read(language)
        facts[language] = read.facts
        prompts.append(read.prompts)
        per_relation.append(
            read.facts.group_by("relation_id")
            .len("count")
            .with_columns(language_code=pl.lit(language))
        )
    return merge_facts(facts), pl.concat(prompts), pl.concat(per_relation)


def test_the_totals_are_those_of_the_dataset(
    counts: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame],
) -> None:
    facts, prompts, per_relation = counts
    assert per_relation["count"].sum() == 843_143
    assert facts.height == 37_535
    assert facts["relation_id"].n_unique() == 43
    assert prompts["relation_id"].n_unique() == 49
    assert prompts.height == 53 * 49
    assert (
        relations_table(prompts["relation_id"])
        .filter(pl.col("relation_id") == pl.col("relation_name").str.replace_all(" ", "_"))
        .is_empty()
    )


def test_every_language_and_relation_has_its_published_number_of_facts(
    real_data: Path, counts: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]
) -> None:
    published = (
        pl.read_csv(real_data / "published" / "mlama_facts_per_lang_relation.csv")
        .unpivot(index="lang", variable_name="relation_id", value_name="count")
        .filter(pl.col("count") > 0)
    )
    ours = {(lang, relation): n for relation, n, lang in counts[2].iter_rows()}
    assert ours == {(lang, relation): n for lang, relation, n in published.iter_rows()}


def test_every_language_has_its_published_number_of_facts_and_relations(
    real_data: Path, counts: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]
) -> None:
    published = pl.read_csv(real_data / "published" / "mlama_facts_per_lang.csv")
    ours = counts[2].group_by("language_code").agg(pl.col("count").sum(), relations=pl.len())
    assert ours.sort("language_code").rows() == published.sort("lang").rows()


def test_all_53_languages_have_a_name_and_a_place(source: FactSource) -> None:
    assert language_table(source.languages()).height == 53


def test_the_known_content_digest_is_that_of_the_data(real_data: Path) -> None:
    archive = open_archive(real_data / "mlama1.1.zip")
    assert mlama_content_digest(archive) == OFFICIAL_MLAMA.content_digest


def test_frames_equal_a_plain_loop_over_the_lines(real_data: Path, source: FactSource) -> None:
    with zipfile.ZipFile(real_data / "mlama1.1.zip") as zip_file:
        for language in random.Random(1).sample(source.languages(), 3):
            names = [n for n in zip_file.namelist() if n.startswith(f"mlama1.1/{language}/")]
            expected = sorted(
                (row["uuid"], Path(name).stem, row["sub_uri"], row["obj_uri"],
                 normal_name(row["sub_label"]), normal_name(row["obj_label"]))
                for name in names
                if not name.endswith("templates.jsonl")
                for row in _rows(zip_file.read(name))
            )  # fmt: skip
            read = source.read(language)
            labels = read.fact_labels.drop("language_code", "is_label_changed")
            assert read.facts.join(labels, "fact_id", maintain_order="left").rows() == expected


def _rows(content: bytes) -> Iterator[dict[str, str]]:
    yield from (orjson.loads(line) for line in content.splitlines())
