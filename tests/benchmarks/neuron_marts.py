"""How long the neuron and root marts take at the size of the published study, and how much memory.

Run: ``python tests/benchmarks/neuron_marts.py [--languages 53] [--matched 75000] [--threads 2] …``

Makes a lake in a temporary folder: as many facts right per language as a long-tailed study has, 50
active neurons each, of which some belong to the fact, some to its object, some to its relation and
the rest to nothing, so that all joins have real work and every null something to show. Then times
``dbt build`` of all that these marts need, and of the marts alone under DuckDB's memory limit,
and prints the peak memory of that process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests" / "golden")]

from tiny_lake import DBT, corpus_size, language, model, rows, write_lake  # noqa: E402

from ingestion.contract import LAKE  # noqa: E402
from ingestion.lake import Provenance, write_part  # noqa: E402

TOP = 50
LAYERS, UNITS = 12, 3072
RELATIONS = 41
NEURON_MODELS = (
    "marts.neurons",
    "marts.roots",
    "int_root_scopes",
    "int_root_overlaps",
    "int_neuron_overlaps",
    "int_neuron_pair_blocks",
    "int_neuron_pair_intervals",
    "stg_lake__active_neurons",
    "stg_lake__neuron_profiles",
    "stg_lake__unscored_facts",
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--languages", type=int, default=53)
    parser.add_argument("--matched", type=int, default=75_000, help="facts right, all languages")
    parser.add_argument("--models", type=int, default=1, help="each with the same answers")
    parser.add_argument("--facts", type=int, default=20_000, help="distinct facts")
    parser.add_argument("--profiles", action="store_true", help="16 bins × 12 layers per fact too")
    parser.add_argument("--threads", type=int, default=2, help="of DuckDB")
    parser.add_argument("--memory", default="4GB", help="DuckDB's memory limit")
    parser.add_argument("--keep", type=Path, default=None, help="folder to work in and keep")
    return parser.parse_args()


def write(lake: Path, table: str, frame: pl.DataFrame, **partition: str) -> None:
    frame = frame.with_columns(**{column: pl.lit(value) for column, value in partition.items()})
    provenance = Provenance.now(
        table, partition, fingerprint=f"{table}-{partition}", code_version="1",
        duration_seconds=0.1, row_count=frame.height,
    )  # fmt: skip
    write_part(lake, frame.select(LAKE[table].schema.names), provenance)


def make_lake(lake: Path, options: argparse.Namespace) -> None:
    """All tables that the marts read; facts are the more popular the smaller their number."""
    draw = np.random.default_rng(0)
    models = [f"m{i}" for i in range(options.models)]
    codes = [f"l{i:02}" for i in range(options.languages)]
    weights = np.exp(-np.arange(options.languages) / 14)
    right = np.round(weights / weights.sum() * options.matched).astype(int)
    relation = draw.integers(0, RELATIONS, options.facts)
    objects = relation * 100 + np.minimum(draw.geometric(0.05, options.facts), 99)
    facts = pl.DataFrame(
        {
            "fact_id": [f"fact-{i:06}" for i in range(options.facts)],
            "relation_id": [f"P{i}" for i in relation],
            "subject_id": [f"s{i}" for i in range(options.facts)],
            "object_id": [f"o{i}" for i in objects],
        }
    )
    write_lake(
        lake,
        languages=[
            {**language(code, f"Script{i % 5}"), "language_family": f"F{i % 9}",
             "latitude": float(i % 60), "longitude": 3.0 * i}
            for i, code in enumerate(codes)
        ],
        relations=[
            {"relation_id": f"P{i}", "relation_name": f"relation {i}"} for i in range(RELATIONS)
        ],
        facts=facts.rows(named=True),
        models=[
            model(name, layer_count=LAYERS, neuron_count=UNITS, corpus_id="text") for name in models
        ],
        corpus_sizes=[corpus_size("text", code) for code in codes],
    )  # fmt: skip
    own = draw.integers(0, LAYERS * UNITS, (options.facts, 60))
    of_object = draw.integers(0, LAYERS * UNITS, (int(objects.max()) + 1, 60))
    of_relation = draw.integers(0, LAYERS * UNITS, (RELATIONS, 100))
    popularity = -0.6 * np.log(np.arange(1, options.facts + 1))
    for code, count in zip(codes, right, strict=True):
        order = np.argsort(-(popularity + draw.normal(size=options.facts)), kind="stable")
        held = np.sort(order[: min(options.facts, 3 * count + 2000)])
        matched = np.sort(order[:count])
        is_right = np.isin(held, matched)
        here = facts[held]
        labels = here.select("fact_id", subject_label="subject_id", object_label="object_id")
        write(lake, "fact_labels", labels, language_code=code)
        answers = here.select(
            "fact_id",
            mask_count=pl.lit(1, pl.Int32),
            prompt_code=pl.lit("whole"),
            gold_token_ids=pl.lit([1], pl.List(pl.Int32)),
            predicted_token_ids=pl.Series(
                [[1] if r else [2] for r in is_right], dtype=pl.List(pl.Int32)
            ),
            predicted_text=pl.lit("x"),
            gold_log_prob=pl.lit(-1.0, pl.Float32),
            gold_rank=pl.Series(np.where(is_right, 1, 2), dtype=pl.Int32),
            candidate_token_ids=pl.lit([[1]], pl.List(pl.List(pl.Int32))),
            candidate_log_probs=pl.lit([[-1.0]], pl.List(pl.List(pl.Float32))),
        )
        for name in models:
            write(lake, "predictions", answers, model_id=name, language_code=code)
        occurrences = here.select(
            "fact_id",
            unit_kind=pl.lit("chunk"),
            subject_count=pl.lit(3, pl.Int64),
            object_count=pl.lit(3, pl.Int64),
            shared_count=pl.Series(draw.random(here.height) < 0.6).cast(pl.Int64),
        ).with_columns(
            pl.when(pl.col("shared_count") > 0).then(value).alias(name)
            for name, value in (
                ("evidence_document", pl.lit("page")),
                ("evidence_offset", pl.lit(0, pl.Int64)),
                ("evidence_distance", pl.lit(1, pl.Int64)),
                ("evidence_text", pl.lit("text")),
            )
        )
        write(lake, "occurrences", occurrences, corpus_id="text", language_code=code)
        pieces = here.select(
            "fact_id",
            subject_folded="subject_id",
            object_folded="object_id",
            subject_pieces=pl.concat_list("subject_id"),
            object_pieces=pl.concat_list("object_id"),
        )
        for name in models:
            write(lake, "label_pieces", pieces, model_id=name, language_code=code)
        neurons = np.empty((count, TOP), dtype=np.int64)
        for place, fact in enumerate(matched):
            pool = np.concatenate(
                [
                    draw.permutation(own[fact])[:18],
                    draw.permutation(of_object[objects[fact]])[:8],
                    draw.permutation(of_relation[relation[fact]])[:14],
                    draw.integers(0, LAYERS * UNITS, 40),
                ]
            )
            neurons[place] = list(dict.fromkeys(pool.tolist()))[:TOP]
        ids = facts["fact_id"].gather(matched)
        active = pl.DataFrame(
            {
                "fact_id": ids.gather(np.repeat(np.arange(count), TOP)),
                "method_code": ["probeless"] * (count * TOP),
                "neuron_rank": np.tile(np.arange(1, TOP + 1, dtype=np.int32), count),
                "layer_index": (neurons // UNITS).astype(np.int32).reshape(-1),
                "unit_index": (neurons % UNITS).astype(np.int32).reshape(-1),
                "neuron_score": np.tile(np.linspace(2, 1, TOP, dtype=np.float32), count),
            }
        )
        for name in models:
            write(lake, "active_neurons", active, model_id=name, language_code=code)
        if options.profiles:
            bins = LAYERS * 16
            profile = pl.DataFrame(
                {
                    "fact_id": ids.gather(np.repeat(np.arange(count), bins)),
                    "method_code": ["probeless"] * (count * bins),
                    "layer_index": np.tile(np.repeat(np.arange(LAYERS), 16), count),
                    "bin_index": np.tile(np.arange(16), count * LAYERS),
                    "contiguous_score": draw.random(count * bins, dtype=np.float32),
                    "strided_score": draw.random(count * bins, dtype=np.float32),
                }
            )
            for name in models:
                write(lake, "neuron_profiles", profile, model_id=name, language_code=code)


def dbt(folder: Path, lake: Path, options: argparse.Namespace, *selection: str) -> float:
    """Seconds of one ``dbt build``; its steps are printed.

    Raises:
        SystemExit: it failed.
    """
    output = {
        "type": "duckdb", "path": str(folder / "factroots.duckdb"), "schema": "main", "threads": 1,
        "settings": {"threads": options.threads, "memory_limit": options.memory},
    }  # fmt: skip
    profile = {"factroots": {"target": "build", "outputs": {"build": output}}}
    (folder / "profiles.yml").write_text(json.dumps(profile), encoding="utf-8")
    command = [
        str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "build",
        "--project-dir", str(DBT), "--profiles-dir", str(folder),
        "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"),
        "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious",
        "--vars", json.dumps({"lake": str(lake), "study_name": "benchmark"}), *selection,
    ]  # fmt: skip
    started = time.perf_counter()
    outcome = subprocess.run(
        command, cwd=folder, text=True, capture_output=True, check=False,
        env={**os.environ, "FACTROOTS_BUILD": str(folder / "factroots.duckdb")},
    )  # fmt: skip
    seconds = time.perf_counter() - started
    for line in outcome.stdout.splitlines():
        if " OK " in line or "ERROR" in line or "Error" in line:
            print("  ", line.split("  ", 1)[-1].strip())
    if outcome.returncode:
        raise SystemExit(outcome.stdout + outcome.stderr)
    return seconds


def main() -> None:
    """Make the lake, build, print."""
    options = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        lake = folder / "lake"
        if not lake.exists():
            make_lake(lake, options)
        needed = (
            "fact_jaccard_by_language_pair dim_languages dim_facts dim_models int_language_facts "
            "p_at_1_by_language int_traced_predictions fct_planted_predictions"
        )
        upstream = [f"+{name}" for name in needed.split()]
        print(f"upstream: {dbt(folder, lake, options, '--select', *upstream):.1f} s")
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        seconds = dbt(folder, lake, options, "--select", *NEURON_MODELS)
        peak = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        [(neurons, facts)] = rows(
            folder / "factroots.duckdb",
            "select count(*), count(*) filter (neuron_rank = 1) from fct_active_neurons",
        )
        [(pairs, comparisons)] = rows(
            folder / "factroots.duckdb",
            "select count(*), sum(fact_count) from neuron_jaccard_by_language_pair",
        )
        print(
            f"{options.languages} languages, {facts:,} facts right × {TOP}: {neurons:,} neurons; "
            f"{pairs:,} pairs of languages, {comparisons:,} facts compared, each with two nulls\n"
            f"neuron and root marts: {seconds:.1f} s, dbt included; peak memory of dbt "
            f"{peak / 2**20:.2f} GiB (the larger of both runs), limit {options.memory}, "
            f"{options.threads} threads"
        )


if __name__ == "__main__":
    main()
