"""Small lakes for the golden tests: rows given as dicts become sealed parts, dbt builds on them.

Holds no expected value: those stand in the tests that work them out.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from ingestion.contract import LAKE
from ingestion.lake import Provenance, prepare_lake, write_part
from tests.helpers.dbt_process import Outcome, run_dbt

Row = Mapping[str, Any]

WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
"""Arguments of a build that makes seeds and models and asks nothing about them."""

DBT = Path(__file__).resolve().parents[2] / "dbt"

UNCHANGED = {"is_label_changed": False, "is_template_changed": False}
"""What a row of labels or prompts is where it does not say."""

_PARSED = "partial_parse.msgpack"
_parsed: list[Path] = []
"""What dbt parsed in the first build of this process: reading the project costs as much as building
a small lake. dbt takes it up again where vars and environment are the same, so paths are relative.
"""


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
            columns = {c: [row.get(c, UNCHANGED.get(c)) for row in part] for c in empty.columns}
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
        "example_count": 0,
        "is_imported": False,
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


def occurrence(corpus: str, code: str, unit: str, fact: str, shared: int) -> Row:
    """A row of ``occurrences``: both names stand together in ``shared`` units."""
    return {
        "corpus_id": corpus,
        "language_code": code,
        "text_unit": unit,
        "fact_id": fact,
        "subject_count": shared + 1,
        "object_count": shared,
        "shared_count": shared,
        "separate_count": shared,
        "evidence_document": f"Page {code}" if shared else None,
        "evidence_offset": 12 if shared else None,
        "evidence_distance": 3 if shared else None,
        "evidence_text": f"{fact} in {code}" if shared else None,
    }


def corpus_size(corpus: str, code: str, **columns: Any) -> Row:
    """A row of ``corpus_sizes``; what no test looks at is made up."""
    counts = (
        "file_count", "source_bytes", "page_count", "redirect_count", "other_namespace_count",
        "empty_count", "broken_count", "document_count", "character_count", "sentence_count",
    )  # fmt: skip
    return {
        "corpus_id": corpus,
        "language_code": code,
        **dict.fromkeys(counts, 50),
        "is_truncated": False,
        "text_bytes": 1000,
        **columns,
    }


def build(
    lake: Path,
    folder: Path,
    *arguments: str,
    command: str = "build",
    threads: int | None = None,
    variables: Mapping[str, object] | None = None,
) -> tuple[Path, Outcome]:
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
            "path": database.name,
            "schema": "main",
            "threads": 1,
            "settings": {"threads": threads},
        }
        document = {"factroots": {"target": "build", "outputs": {"build": output}}}
        (profiles / "profiles.yml").write_text(json.dumps(document), encoding="utf-8")
    settings = {"lake": os.path.relpath(lake, folder), "study_name": "golden", **(variables or {})}
    target = folder / "target"
    target.mkdir(exist_ok=True)
    if _parsed and _parsed[0].exists() and not (target / _PARSED).exists():
        shutil.copyfile(_parsed[0], target / _PARSED)
    command_line = [
        "--no-use-colors", command,
        "--project-dir", str(DBT), "--profiles-dir", str(profiles),
        "--target-path", str(target), "--log-path", str(folder / "logs"),
        "--vars", json.dumps(settings),
        *arguments,
    ]  # fmt: skip
    outcome = run_dbt(command_line, folder, database.name)
    if not _parsed and not variables and (target / _PARSED).exists():
        _parsed.append(target / _PARSED)
    return database, outcome


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    """Result of a query, read-only."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()
