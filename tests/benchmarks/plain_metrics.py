"""Metrics of the study the plain way: pandas frames, and loops over rows, languages and sets.

Written as a researcher writes them, without intervals, nulls and tests, to be compared with the
marts in time and figures. ``python plain_metrics.py LAKE OUT`` writes them as a pickle.
"""

from __future__ import annotations

import pickle
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["METRICS", "Rows", "equal", "plain"]

NAMING = {"P17", "P27", "P103", "P140", "P1412"}
KEY = ("model_id", "language_code", "fact_id")
COLUMNS = {
    "predictions": [*KEY, "gold_token_ids", "predicted_token_ids"],
    "fact_labels": ["language_code", "fact_id"],
    "facts": ["fact_id", "relation_id", "object_id"],
    "occurrences": ["language_code", "fact_id", "shared_count"],
    "label_tokens": None,
    "active_neurons": [*KEY, "layer_index", "neuron_index"],
    "models": ["model_id"],
}
"""Lake tables and the columns that are read; None reads all."""
METRICS = {
    "p_at_1_by_language": "select model_id, language_code, full_match_count, fact_count, "
    "full_match_rate from p_at_1_by_language",
    "p_at_1_overview": "select model_id, aggregation_code, match_rate from p_at_1_overview "
    "where match_code = 'full'",
    "p_at_1_by_relation": "select model_id, language_code, relation_id, full_match_count, "
    "fact_count from p_at_1_by_relation",
    "one_token_p_at_1_by_language": "select model_id, language_code, one_token_object_count, "
    "object_mean_score from one_token_p_at_1_by_language where one_token_object_count > 0",
    "fact_jaccard_by_language_pair": "select model_id, language_a, language_b, "
    "intersection_count, union_count from fact_jaccard_by_language_pair",
    "absence_by_language": "select model_id, language_code, absent_count, fact_count "
    "from absence_by_language where scope_code = 'full_match'",
    "fact_types_by_language": "select model_id, language_code, fact_type_code, type_count "
    "from fact_types_by_language where type_count > 0",
    "neuron_layers": "select model_id, language_code, layer_index, active_neuron_count "
    "from neuron_layers where method_code = 'probeless' and active_neuron_count > 0",
    "neuron_jaccard_by_language_pair": "select model_id, language_a, language_b, fact_count, "
    "neuron_jaccard_score from neuron_jaccard_by_language_pair where fact_count > 0",
}
"""Mart → its figures, keys first and a measure last, as the plain way gives them."""

Rows = set[tuple[Any, ...]]


def read(lake: Path, table: str) -> pd.DataFrame:
    """All parts of a lake table."""
    files = sorted((lake / table).rglob("*.parquet"))
    return pd.concat([pd.read_parquet(path, columns=COLUMNS[table]) for path in files])


class Plain:
    """The metrics of a lake, computed row by row; each method is one mart."""

    def __init__(self, lake: Path) -> None:
        self.tables = {name: read(lake, name) for name in COLUMNS}
        facts = self.tables["facts"]
        self.models = list(self.tables["models"].model_id)
        self.relation_of = dict(zip(facts.fact_id, facts.relation_id, strict=True))
        self.object_of = dict(zip(facts.fact_id, facts.object_id, strict=True))
        self.held: dict[str, set[str]] = defaultdict(set)
        for row in self.tables["fact_labels"].itertuples():
            self.held[row.language_code].add(row.fact_id)
        places = [(model, code) for model in self.models for code in self.held]
        self.right: dict[tuple[str, str], set[str]] = {place: set() for place in places}
        self.one_token: dict[tuple[str, str], set[str]] = {place: set() for place in places}
        self.present: dict[str, set[str]] = defaultdict(set)

    def p_at_1(self) -> Rows:
        for row in self.tables["predictions"].itertuples():
            gold = list(row.gold_token_ids)
            if list(row.predicted_token_ids) == gold:
                self.right[row.model_id, row.language_code].add(row.fact_id)
            if len(gold) == 1:
                self.one_token[row.model_id, row.language_code].add(row.fact_id)
        return {
            (m, code, len(correct), len(self.held[code]), len(correct) / len(self.held[code]))
            for (m, code), correct in self.right.items()
        }

    def overview(self) -> Rows:
        out = set()
        for model_id in self.models:
            correct = [len(self.right[model_id, code]) for code in self.held]
            sizes = [len(self.held[code]) for code in self.held]
            rates = [c / n for c, n in zip(correct, sizes, strict=True)]
            out.add((model_id, "micro", sum(correct) / sum(sizes)))
            out.add((model_id, "macro", sum(rates) / len(rates)))
        return out

    def by_relation(self) -> Rows:
        out = set()
        for (model_id, code), correct in self.right.items():
            asked: dict[str, list[int]] = defaultdict(lambda: [0, 0])
            for fact in self.held[code]:
                asked[self.relation_of[fact]][0] += fact in correct
                asked[self.relation_of[fact]][1] += 1
            out |= {(model_id, code, relation, *counts) for relation, counts in asked.items()}
        return out

    def one_token_p_at_1(self) -> Rows:
        out = set()
        for (model_id, code), short in self.one_token.items():
            frame = pd.DataFrame(
                [(self.object_of[fact], fact in self.right[model_id, code]) for fact in short],
                columns=["object_id", "is_right"],
            )
            means = frame.groupby("object_id").is_right.mean()
            if len(means):
                out.add((model_id, code, len(means), float(means.mean())))
        return out

    def fact_jaccard(self) -> Rows:
        out = set()
        for model_id in self.models:
            for a, b in combinations(sorted(self.held), 2):
                both = self.held[a] & self.held[b]
                in_a, in_b = self.right[model_id, a] & both, self.right[model_id, b] & both
                out.add((model_id, a, b, len(in_a & in_b), len(in_a | in_b)))
        return out

    def absence(self) -> Rows:
        for row in self.tables["occurrences"].itertuples():
            if row.shared_count >= 1:
                self.present[row.language_code].add(row.fact_id)
        return {
            (m, c, len(facts - self.present[c]), len(facts)) for (m, c), facts in self.right.items()
        }

    def types(self) -> Rows:
        counts: dict[tuple[str, str, str], int] = defaultdict(int)
        for row in self.tables["label_tokens"].itertuples():
            language = row.language_code
            if (
                row.fact_id not in self.right[row.model_id, language]
                or row.fact_id in self.present[language]
            ):
                continue
            if row.object_folded in row.subject_folded or set(row.subject_tokens) & set(
                row.object_tokens
            ):
                kind = "shared_tokens"
            else:
                kind = "naming" if self.relation_of[row.fact_id] in NAMING else "others"
            counts[row.model_id, language, kind] += 1
        return {(*key, count) for key, count in counts.items()}

    def layers(self) -> Rows:
        sizes = self.tables["active_neurons"].groupby(["model_id", "language_code", "layer_index"])
        return {(*key, count) for key, count in sizes.size().items()}

    def neuron_jaccard(self) -> Rows:
        active: dict[tuple[str, str], dict[str, set[tuple[int, int]]]] = defaultdict(dict)
        for row in self.tables["active_neurons"].itertuples():
            of_fact = active[row.model_id, row.language_code].setdefault(row.fact_id, set())
            of_fact.add((row.layer_index, row.neuron_index))
        out = set()
        for model_id in self.models:
            for a, b in combinations(sorted(self.held), 2):
                one, other = active[model_id, a], active[model_id, b]
                scores = [
                    len(one[fact] & other[fact]) / len(one[fact] | other[fact])
                    for fact in one.keys() & other.keys()
                ]
                if scores:
                    out.add((model_id, a, b, len(scores), sum(scores) / len(scores)))
        return out


def plain(lake: Path) -> dict[str, tuple[Rows, float]]:
    """Mart → its figures and the processor's seconds; reading files is under 'reading'."""
    started = time.process_time()
    plainly = Plain(lake)
    found: dict[str, tuple[Rows, float]] = {"reading": (set(), time.process_time() - started)}
    ways: tuple[Callable[[], Rows], ...] = (
        plainly.p_at_1, plainly.overview, plainly.by_relation, plainly.one_token_p_at_1,
        plainly.fact_jaccard, plainly.absence, plainly.types, plainly.layers,
        plainly.neuron_jaccard,
    )  # fmt: skip
    for name, way in zip(METRICS, ways, strict=True):
        started = time.process_time()
        found[name] = (way(), time.process_time() - started)
    return found


def equal(ours: Rows, theirs: Rows) -> bool:
    """Same keys; last columns equal but for the rounding of means."""
    if len(ours) != len(theirs):
        return False
    return all(
        one[:-1] == other[:-1] and abs(one[-1] - other[-1]) <= 1e-9
        for one, other in zip(sorted(ours), sorted(theirs), strict=True)
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(pickle.dumps(plain(Path(sys.argv[1]))))
