"""The published counts of both models, turned into predictions, give the published P@1.

Full size: 53 languages, 843,143 pairs of language and fact, two models. Facts are numbered; in each
language the first ones are right, the next ones partly right, as many as Zhao et al. 2024 (Table 2)
print. There are as many objects as in mLAMA, so that the other marts have real work as well.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingestion.lake import Provenance, write_part
from tests.helpers.tiny_lake import WITHOUT_TESTS, build, language, model, rows, write_lake

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

MODELS = ("mbert", "xlmr")
OBJECT_COUNT = 3027
"""Distinct objects of mLAMA's English facts."""


def write_full_lake(lake: Path, published: pl.DataFrame) -> Path:
    """The lake of the published study: facts are made up, how many are right is not."""
    fact_count = published["n_facts_mlama"].max()
    facts = pl.DataFrame({"number": range(fact_count)}).select(
        fact_id=pl.format("fact-{}", "number"),
        relation_id=pl.format("P{}", pl.col("number") % 41),
        subject_id=pl.format("subject-{}", "number"),
        object_id=pl.format("object-{}", pl.col("number") % OBJECT_COUNT),
    )
    write_lake(
        lake,
        languages=[language(code) for code in published["lang"]],
        relations=[{"relation_id": f"P{i}", "relation_name": f"relation {i}"} for i in range(41)],
        facts=facts.rows(named=True),
        models=[model(model_id) for model_id in MODELS],
    )
    for row in published.rows(named=True):
        code, count = row["lang"], row["n_facts_mlama"]
        here = facts.head(count).with_row_index("number").with_columns(language_code=pl.lit(code))
        labels = here.select(
            "language_code",
            "fact_id",
            subject_label=pl.format("{} {}", "language_code", "subject_id"),
            object_label=pl.format("{} {}", "language_code", "object_id"),
            is_label_changed=False,
        )
        _write(lake, labels, "fact_labels", language_code=code)
        length = (pl.col("number") % OBJECT_COUNT % 3 + 1).cast(pl.Int32)
        right = pl.int_ranges(10, length + 10, dtype=pl.Int32)
        for model_id in MODELS:
            full, partial = (
                round(row[f"{model_id}_{match}_p1_pct"] / 100 * count)
                for match in ("full", "partial")
            )
            answers = here.select(
                "language_code",
                "fact_id",
                "number",
                model_id=pl.lit(model_id),
                mask_count=length,
                prompt_code=pl.lit("whole"),
                gold_token_ids=right,
            ).with_columns(
                # A partly right answer to a one-token object has a token too many.
                predicted_token_ids=pl.when(pl.col("number") < full)
                .then("gold_token_ids")
                .when(pl.col("number") < partial)
                .then(pl.concat_list(pl.lit([3], dtype=pl.List(pl.Int32)), "gold_token_ids"))
                .otherwise(pl.lit([3], dtype=pl.List(pl.Int32))),
            )
            answers = answers.drop("number").with_columns(
                predicted_text=pl.lit("an answer"),
                gold_log_prob=pl.lit(-1.5, dtype=pl.Float32),
                gold_rank=pl.lit(2, dtype=pl.Int32),
                candidate_token_ids=pl.lit([[3]], dtype=pl.List(pl.List(pl.Int32))),
                candidate_log_probs=pl.lit([[-0.5]], dtype=pl.List(pl.List(pl.Float32))),
            )
            _write(lake, answers, "predictions", model_id=model_id, language_code=code)
    return lake


def _write(lake: Path, frame: pl.DataFrame, table: str, **partition: str) -> None:
    provenance = Provenance.now(
        table,
        partition,
        fingerprint="-".join([table, *partition.values()]),
        code_version="1",
        duration_seconds=1.0,
        row_count=len(frame),
    )
    write_part(lake, frame, provenance)


@pytest.fixture(scope="module")
def published(real_data: Path) -> pl.DataFrame:
    return pl.read_csv(real_data / "published" / "table2_p1_53langs.csv")


@pytest.fixture(scope="module")
def lake(published: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_full_lake(tmp_path_factory.mktemp("published") / "lake", published)


@pytest.fixture(scope="module")
def warehouse(lake: Path) -> Path:
    arguments = ("--exclude-resource-type", "unit_test")
    database, outcome = build(lake, lake.parent / "one", *arguments, threads=1)
    assert outcome.returncode == 0, outcome.stdout
    return database


def test_p_at_1_of_every_language_is_the_published_one(
    published: pl.DataFrame, warehouse: Path
) -> None:
    for model_id in MODELS:
        columns = ("lang", "n_facts_mlama", f"{model_id}_full_p1_pct", f"{model_id}_partial_p1_pct")
        assert (
            rows(
                warehouse,
                f"""select language_code, fact_count, round(100 * full_match_rate, 2),
                    round(100 * partial_match_rate, 2)
                    from p_at_1_by_language where model_id = '{model_id}'""",
            )
            == published.select(columns).sort("lang").rows()
        )


def test_the_published_macro_average_is_the_micro_average(warehouse: Path) -> None:
    found = rows(
        warehouse,
        """select model_id, match_code, aggregation_code, fact_count, round(100 * match_rate, 2)
           from p_at_1_overview where match_code = 'full'""",
    )
    assert found == [
        ("mbert", "full", "macro", 843_143, 7.25),
        ("mbert", "full", "micro", 843_143, 8.85),
        ("xlmr", "full", "macro", 843_143, 5.79),
        ("xlmr", "full", "micro", 843_143, 6.88),
    ]


def test_the_number_of_threads_does_not_change_a_single_value(
    warehouse: Path, lake: Path, tmp_path: Path
) -> None:
    again, outcome = build(lake, tmp_path, *WITHOUT_TESTS, threads=4)
    assert outcome.returncode == 0, outcome.stdout
    with duckdb.connect() as connection:
        for name, database in (("one", warehouse), ("four", again)):
            connection.execute(f"attach '{database}' as {name} (read_only)")
        tables = connection.execute(
            """select table_name from duckdb_tables()
               where database_name = 'one' and schema_name = 'main'"""
        ).fetchall()
        assert len(tables) > 15
        for (table,) in tables:
            found = connection.execute(
                f"""select count(*), count(*) filter (where a is distinct from b)
                    from one.{table} as a positional join four.{table} as b"""
            ).fetchone()
            assert found is not None
            assert found[1] == 0, table
