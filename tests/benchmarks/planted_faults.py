"""Plants faults in central functions and reports which of them no test notices.

    python -m tests.benchmarks.planted_faults            # all, some 20 minutes of one core
    python -m tests.benchmarks.planted_faults ranks text # those whose names contain one of these

Each fault is one change of one line, in a copy of the working tree. Its tests must fail. A fault
that survives needs a test, and then stays in this list.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
METHODS = "tests/unit/models_gpu/methods"
PROBING = f"tests/unit/models_gpu/engine/test_scoring.py {METHODS}/test_probing.py"
TRACING = "tests/unit/ingestion/tracing"
GOLDEN = "tests/golden"


@dataclass(frozen=True)
class Fault:
    """One change of the code, and the tests that have to notice it."""

    name: str
    path: str
    old: str
    new: str
    tests: str


FAULTS = (
    Fault("ranks: ties count as better", "models_gpu/engine/logits.py",
          "rows[place] > value", "rows[place] >= value", PROBING),
    Fault("near ties are not run again", "models_gpu/engine/scoring.py",
          "margin < NEAR_TIE", "margin < 0", PROBING),
    Fault("an unknown token is an answer", "models_gpu/methods/probing.py",
          "is_unwritable = _have", "is_unwritable = np.zeros_like(gold_counts, bool) & _have",
          PROBING),
    Fault("probeless: rank is off by one", "models_gpu/methods/probeless.py",
          "2 * rank - count", "2 * rank - count + 1", f"{METHODS}/test_probeless.py"),
    Fault("probeless: the fact itself counts", "models_gpu/methods/probeless.py",
          "/ (count - 1)", "/ count", f"{METHODS}/test_probeless.py"),
    Fault("probeless: equal scores in any order", "models_gpu/methods/probeless.py",
          "(_LOW_BITS - neurons)", "neurons", f"{METHODS}/test_probeless.py"),
    Fault("gradients: the baseline is not subtracted", "models_gpu/methods/attribution_rows.py",
          "return scale - self.baselines", "return scale",
          f"{METHODS}/test_integrated_gradients.py"),
    Fault("gradients: the slope is forgotten", "models_gpu/methods/attribution_rows.py",
          "weight if slope is None else weight * slope", "weight",
          f"{METHODS}/test_integrated_gradients.py"),
    Fault("gradients: only the first token of an object",
          "models_gpu/methods/integrated_gradients.py",
          "range(int(items.ordinal.max()) + 1)", "range(1)",
          f"{METHODS}/test_integrated_gradients.py"),
    Fault("gradients: points added twice", "models_gpu/methods/attribution_rows.py",
          "self.gradients[layer, self._upload(places)] = 0", "pass",
          f"{METHODS}/test_integrated_gradients.py"),
    Fault("gradients: the held norm is the current one", "models_gpu/methods/attribution_rows.py",
          'holds_norms = settings.mode == "zero_norm_held"', "holds_norms = settings.mode is None",
          f"{METHODS}/test_integrated_gradients.py"),
    Fault("knowledge neurons: ascending", "models_gpu/methods/knowledge_neurons.py",
          "descending=True", "descending=False", f"{METHODS}/test_integrated_gradients.py"),
    Fault("text: names may end inside words", "ingestion/tracing/borders.py",
          "(last == _SPACED) & (after == _SPACED)", "(last == _OTHER) & (after == _SPACED)",
          f"{TRACING}/test_matching.py"),
    Fault("text: a mark may follow a name", "ingestion/tracing/borders.py",
          "(after == _EXTENDER) | (after == _FREE_EXTENDER)", "after == _FREE_EXTENDER",
          f"{TRACING}/test_matching.py"),
    Fault("text: chunks one token too long", "ingestion/tracing/units.py",
          "if filled and filled + count > limit:\n            starts.append(start)",
          "if filled and filled + count > limit + 1:\n            starts.append(start)",
          f"{TRACING}/test_units.py"),
    Fault("text: the farthest passage is the evidence", "ingestion/tracing/batches.py",
          "is_closer = distance < best", "is_closer = distance > best",
          f"{TRACING}/test_counting.py"),
    Fault("text: the worst passage of two shards is kept", "ingestion/tracing/partial_counts.py",
          "evidence < kept[fact]", "evidence > kept[fact]", f"{TRACING}"),
    Fault("labels: NFD", "ingestion/text.py",
          'unicodedata.normalize("NFC", line)', 'unicodedata.normalize("NFD", line)',
          "tests/unit/ingestion/test_text.py tests/fuzz/test_labels.py"),
    Fault("labels: columns keep hidden marks", "ingestion/text.py",
          'name.str.replace_all(_HIDDEN, "")', "name",
          "tests/unit/ingestion/test_text.py tests/fuzz/test_labels.py"),
    Fault("labels: a joiner is hidden", "ingestion/text.py",
          '"[\\u00ad\\u034f', '"[\\u00ad\\u200d\\u034f', "tests/unit/ingestion/test_text.py"),
    Fault("facts: a cut row is accepted", "ingestion/facts/source.py",
          "if len(values) != width:", "if len(values) > width:",
          "tests/unit/ingestion/facts/test_fact_table.py tests/fuzz/test_fact_files.py"),
    Fault("corpora: a broken line is not counted", "ingestion/corpora/text_lines.py",
          'tally.note(f"{file.name}: line {tally.page_count} {line',
          'tally.broken_count -= 1; tally.note(f"{file.name}: line {tally.page_count} {line',
          "tests/unit/ingestion/corpora/test_layouts.py tests/fuzz/test_corpora.py"),
    Fault("verdicts: an empty answer is right",
          "dbt/models/intermediate/probing/int_predictions.sql",
          "len(gold_token_ids) > 0 and answer_token_ids = gold_token_ids",
          "answer_token_ids = gold_token_ids", f"{GOLDEN}/test_probing_marts.py"),
    Fault("verdicts: masks merge by all", "dbt/models/marts/probing/fct_predictions.sql",
          "bool_or(is_full_match)", "bool_and(is_full_match)", f"{GOLDEN}/test_probing_marts.py"),
    Fault("jaccard: the union counts both twice",
          "dbt/models/marts/probing/fact_jaccard_by_language_pair.sql",
          " - intersection_count as union_count", " as union_count",
          f"{GOLDEN}/test_probing_marts.py"),
    Fault("significance: p values are adjusted by all tests", "dbt/macros/significance.sql",
          "count({{ p }}) over (partition by {{ key_list }}) as {{ p }}_tests",
          "count({{ p }}) over () as {{ p }}_tests",
          "tests/unit/test_dbt_statistics.py"),
    Fault("roots: a p value without its own fact",
          "dbt/models/intermediate/roots/int_root_overlaps.sql",
          "least(1, directed.p_value * chosen.compared_language_count)", "directed.p_value",
          f"{GOLDEN}/test_root_marts.py"),
    Fault("roots: absent facts are independent",
          "dbt/models/intermediate/roots/int_paper_roots.sql",
          "when not is_present and fact_type_code = 'others' then 'absent_without_cue'",
          "when not is_present and fact_type_code = 'others' then 'overlap_within_null'",
          f"{GOLDEN}/test_root_marts.py"),
    Fault("knowledge: facts that do not add up are kept",
          "dbt/models/marts/knowledge/fct_knowledge_neurons.sql",
          "where not is_complete", "where false", f"{GOLDEN}/test_knowledge_marts.py"),
)  # fmt: skip


def main(words: list[str]) -> int:
    """Plant the chosen faults one after another; the number of those that survive."""
    chosen = [f for f in FAULTS if not words or any(word in f.name for word in words)]
    survived = []
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / "copy"
        _copy(copy)
        for fault in chosen:
            path = copy / fault.path
            code = path.read_text(encoding="utf-8")
            if fault.old not in code:
                print(f"not there   {fault.name}", flush=True)
                survived.append(fault)
                continue
            path.write_text(code.replace(fault.old, fault.new, 1), encoding="utf-8")
            is_found = _tests_fail(copy, fault.tests)
            path.write_text(code, encoding="utf-8")
            print(f"{'found' if is_found else 'SURVIVED'}   {fault.name}", flush=True)
            survived += [] if is_found else [fault]
    print(f"{len(chosen) - len(survived)} of {len(chosen)} planted faults are found")
    return len(survived)


def _copy(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((PROJECT / name).read_bytes())


def _tests_fail(folder: Path, tests: str) -> bool:
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", *tests.split()],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    # 1: a test failed. Everything else is a fault of this list, such as a file that is not there.
    if outcome.returncode not in (0, 1):
        raise RuntimeError(outcome.stdout + outcome.stderr)
    return outcome.returncode == 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
