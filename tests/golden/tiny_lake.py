"""Small lakes for the golden tests: rows given as dicts become sealed parts, dbt builds on them.

Holds no expected value: those stand in the tests that work them out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from ingestion.contract import LAKE
from ingestion.lake import Provenance, prepare_lake, write_part

Row = Mapping[str, Any]

WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
"""Arguments of a build that makes seeds and models and asks nothing about them."""

DBT = Path(__file__).resolve().parents[2] / "dbt"


def write_lake(
    lake: Path, details: Mapping[str, str] | None = None, **tables: Iterable[Row]
) -> Path:
    """Write each table's rows as parts; columns left out of a row are null.

    ``details`` go into every part's provenance.
    """
    prepare_lake(lake)
    for name, rows in tables.items():
        spec = LAKE[name]
        parts: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in rows:
            parts[tuple(row[column] for column in spec.partition_by)].append(row)
        empty = pl.from_arrow(spec.schema.empty_table())
        assert isinstance(empty, pl.DataFrame)
        for values, part in parts.items():
            columns = {c: [row.get(c) for row in part] for c in empty.columns}
            provenance = Provenance.now(
                name,
                dict(zip(spec.partition_by, values, strict=True)),
                fingerprint=f"{name}-{'-'.join(values)}",
                code_version="1",
                duration_seconds=0.5,
                row_count=len(part),
                details=details,
            )
            write_part(lake, pl.DataFrame(columns, schema=empty.schema), provenance)
    return lake


def language(code: str, script: str = "Latin") -> Row:
    """A row of ``languages``; what no test looks at is made up."""
    return {
        "language_code": code,
        "language_name": code.upper(),
        "language_family": "Family",
        "language_branch": "Branch",
        "script": script,
        "latitude": 1.5,
        "longitude": -2.5,
    }


def model(model_id: str, **columns: Any) -> Row:
    """A row of ``models``; what no test looks at is made up."""
    return {
        "model_id": model_id,
        "source": f"somewhere/{model_id}",
        "revision": f"revision-of-{model_id}",
        "architecture": "bert",
        "objective": "masked",
        "layer_count": 2,
        "neuron_count": 8,
        "hidden_size": 4,
        "vocabulary_size": 100,
        "parameter_count": 1000,
        "tokenizer_hash": "0123456789abcdef",
        "dtype": "float32",
        "mask_counts": "gold",
        **columns,
    }


def prediction(
    model_id: str, language_code: str, fact_id: str, gold: list[int], predicted: list[int]
) -> Row:
    """A row of ``predictions`` for the query with as many masks as ``predicted`` has tokens."""
    has_gold_length = len(gold) == len(predicted)
    return {
        "model_id": model_id,
        "language_code": language_code,
        "fact_id": fact_id,
        "mask_count": len(predicted),
        "prompt_code": "whole",
        "gold_token_ids": gold,
        "predicted_token_ids": predicted,
        "predicted_text": " ".join(map(str, predicted)),
        "gold_log_prob": -1.0 if has_gold_length else None,
        "gold_rank": 1 if gold == predicted else 9 if has_gold_length else None,
        "candidate_token_ids": [[token] for token in predicted],
        "candidate_log_probs": [[-0.5] for _ in predicted],
    }


def build(
    lake: Path,
    folder: Path,
    *arguments: str,
    command: str = "build",
    threads: int | None = None,
    variables: Mapping[str, object] | None = None,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Run dbt on a lake, in its own process; nothing is written outside ``folder``.

    Args:
        lake: root of the lake.
        folder: gets the DuckDB file, dbt's target and its logs.
        arguments: more arguments for dbt.
        command: dbt's command.
        threads: DuckDB's threads; None takes the committed profile as it is.
        variables: dbt vars other than the project's.

    Returns:
        The DuckDB file and dbt's outcome.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "factroots.duckdb"
    profiles = DBT
    if threads is not None:
        profiles = folder / "profiles"
        profiles.mkdir(exist_ok=True)
        output = {
            "type": "duckdb",
            "path": str(database),
            "schema": "main",
            "threads": 1,
            "settings": {"threads": threads},
        }
        document = {"factroots": {"target": "build", "outputs": {"build": output}}}
        (profiles / "profiles.yml").write_text(json.dumps(document), encoding="utf-8")
    outcome = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")), "--no-use-colors", command,
            "--project-dir", str(DBT), "--profiles-dir", str(profiles),
            "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"),
            "--vars", json.dumps({"lake": str(lake), "study_name": "golden", **(variables or {})}),
            *arguments,
        ],
        cwd=folder,
        env={**os.environ, "FACTROOTS_BUILD": str(database)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    return database, outcome


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    """Result of a query, read-only."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()
