"""Imported answers: the marts of a model are those of its file, and nothing is said of the rest.

``asked`` was asked by us. ``copied`` is what a file says of it, ``bare`` a file with texts alone.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ingestion.contract import LAKE
from ingestion.import_kinds import ImportKind
from ingestion.imports import ImportedFile, read_import
from tests.helpers.tiny_lake import (
    Row,
    build,
    corpus_size,
    language,
    model,
    occurrence,
    prediction,
    rows,
    write_lake,
)  # fmt: skip

FACTS = {"f1": ("s1", "o1"), "f2": ("s2", "o2"), "f3": ("s3", "o3"), "f4": ("s3", "o1")}
NAMES = {"o1": "Paris", "o2": "Rome", "o3": "Bonn"}
TOKENS = {"o1": [1], "o2": [2, 3], "o3": [4]}
ANSWERS = {
    ("de", "f1"): "o1", ("de", "f2"): "o2", ("de", "f3"): "o1",
    ("en", "f1"): "o1", ("en", "f2"): "o1", ("en", "f3"): "o1", ("en", "f4"): "o1",
}  # fmt: skip
"""German f3 and English f3 name the other object of their subject, which German does not have."""
BARE = dict.fromkeys(
    ("architecture", "layer_count", "neuron_count", "hidden_size", "vocabulary_size",
     "parameter_count", "tokenizer_hash", "dtype", "mask_counts")
)  # fmt: skip
DETAILS = {
    "imported_file": "theirs.parquet", "imported_sha256": "0f", "imported_rejected": "3",
    "imported_from": "Jiang et al. 2020",
}  # fmt: skip
SAME = (
    "fct_predictions", "p_at_1_by_language", "p_at_1_by_relation", "p_at_1_overview",
    "one_token_p_at_1_by_language", "token_count_correlations", "fact_jaccard_by_language_pair",
)  # fmt: skip
SELECTED = (
    "--select", *(f"+{table}" for table in SAME), "+p_at_1_by_verdict", "+fct_fact_roots",
    "+absence_by_language", "+fact_types_overview", "+absent_predictable_facts", "+dim_corpora",
    "+imported_files", "+hub_neurons", "+numbers_add_up", "+tracing_adds_up",
    "+nothing_is_lost_on_the_way", "+roots_add_up", "right_answers_have_neurons",
    "--indirect-selection", "cautious", "--exclude-resource-type", "unit_test",
)  # fmt: skip


def answers() -> list[Row]:
    found = []
    for (code, fact), answer in ANSWERS.items():
        gold = TOKENS[FACTS[fact][1]]
        said = (TOKENS[answer] * 2)[: len(gold)]
        row = prediction("asked", code, fact, gold, said)
        found.append({**row, "predicted_text": NAMES[answer] if said == TOKENS[answer] else "x"})
    return found


def file_of(folder: Path, kind: ImportKind, columns: dict[str, list]) -> ImportedFile:
    path = folder / f"{kind}.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return read_import(path, kind)


def lake_rows(file: ImportedFile, **owner: str) -> list[Row]:
    """Rows of both languages, as a step makes them."""
    found = []
    for code in ("de", "en"):
        own = [fact for language_code, fact in ANSWERS if language_code == code]
        facts = pl.DataFrame(
            [(fact, "capital", *FACTS[fact]) for fact in own],
            ["fact_id", "relation_id", "subject_id", "object_id"],
            orient="row",
        )
        for row in file.of_language(code, facts).to_dicts():
            found.append({**row, **owner, "language_code": code})
    return found


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    asked = answers()
    columns = [name for name in LAKE["predictions"].schema.names if name != "model_id"]
    copied = file_of(folder, "predictions", {c: [row[c] for row in asked] for c in columns})
    texts = ("language_code", "fact_id", "predicted_text")
    bare = file_of(
        folder, "predictions",
        {c: [row[c] for row in asked if row["fact_id"] != "f2"] for c in texts},
    )  # fmt: skip
    neurons = file_of(
        folder, "neurons",
        {"language_code": ["de", "en", "en"], "fact_id": ["f1", "f1", "f4"],
         "layer_index": [0, 1, 1], "neuron_index": [2, 2, 2]},
    )  # fmt: skip
    counts = file_of(
        folder, "presence",
        {"language_code": ["de", "en", "en"], "fact_id": ["f1", "f1", "f4"],
         "shared_count": [0, 2, 0]},
    )  # fmt: skip
    lake = write_lake(
        folder / "lake",
        languages=[language("de"), language("en")],
        relations=[{"relation_id": "capital", "relation_name": "capital"}],
        facts=[
            {"fact_id": f, "relation_id": "capital", "subject_id": s, "object_id": o}
            for f, (s, o) in FACTS.items()
        ],
        fact_labels=[
            {"language_code": code, "fact_id": fact, "subject_label": FACTS[fact][0],
             "object_label": NAMES[FACTS[fact][1]]}
            for code, fact in ANSWERS
        ],
        prompts=[
            {"language_code": code, "relation_id": "capital", "template": "[X] [Y]"}
            for code in ("de", "en")
        ],
        models=[
            model("asked", corpus_id="wiki"),
            model("copied", is_imported=True, corpus_id="wiki"),
            model("bare", **BARE, is_imported=True, corpus_id="counts"),
        ],
        predictions=asked,
        label_tokens=[
            {"model_id": name, "language_code": code, "fact_id": fact, "subject_folded": "s",
             "object_folded": "o", "subject_tokens": ["s"], "object_tokens": ["o"]}
            for name in ("asked", "copied")
            for code, fact in ANSWERS
        ],
        occurrences=[occurrence("wiki", *place[:1], "chunk", place[1], 0) for place in ANSWERS],
        corpus_sizes=[corpus_size("wiki", code) for code in ("de", "en")],
    )  # fmt: skip
    write_lake(
        lake,
        DETAILS,
        predictions=[*lake_rows(copied, model_id="copied"), *lake_rows(bare, model_id="bare")],
        active_neurons=lake_rows(neurons, model_id="bare"),
        occurrences=lake_rows(counts, corpus_id="counts"),
    )
    database, outcome = build(lake, folder / "build", *SELECTED)
    assert outcome.returncode == 0, outcome.stdout
    for test in ("numbers_add_up", "tracing_adds_up", "right_answers_have_neurons"):
        assert test in outcome.stdout
    return database


@pytest.mark.parametrize("table", SAME)
def test_the_marts_of_a_copy_are_those_of_the_model(warehouse: Path, table: str) -> None:
    asked, copied = (
        rows(
            warehouse,
            f"select * exclude model_id from {table} where model_id = '{name}' order by all",
        )
        for name in ("asked", "copied")
    )
    assert asked == copied
    assert asked or table == "token_count_correlations"


def test_texts_are_compared_with_the_names_of_the_objects(warehouse: Path) -> None:
    """English f1 and f4 are Paris; f3 is Bonn, but Paris is another object of its subject."""
    found = rows(
        warehouse,
        """select fact_id, predicted_text, is_full_match, is_any_object_match, is_partial_match,
           prompt_code, object_token_count, gold_rank
           from fct_predictions where model_id = 'bare' and language_code = 'en'""",
    )
    unknown = (None, None, None)
    assert found == [
        ("f1", "Paris", True, True, None, *unknown),
        ("f2", None, False, False, None, "unasked", None, None),
        ("f3", "Paris", False, True, None, *unknown),
        ("f4", "Paris", True, True, None, *unknown),
    ]
    assert rows(
        warehouse,
        """select fact_count, full_match_count, partial_match_count, partial_match_rate,
           any_object_match_count, unwritable_object_count, unasked_count
           from p_at_1_by_language where model_id = 'bare' and language_code = 'en'""",
    ) == [(4, 2, None, None, 3, None, 1)]
    assert rows(
        warehouse,
        "select distinct match_code from p_at_1_overview where model_id = 'bare' order by all",
    ) == [("any_object",), ("full",)]


def test_what_a_file_does_not_say_is_not_made_up(warehouse: Path) -> None:
    """Nobody counted English f3, and without a tokenizer an absent fact has no type."""
    assert rows(
        warehouse,
        """select language_code, fact_id, root_code, reason_code from fct_fact_roots
           where model_id = 'bare' and rule_code = 'paper'""",
    ) == [
        ("de", "f1", "undetermined", "no_tokenizer"),
        ("en", "f1", "undetermined", "null_too_small"),
        ("en", "f4", "undetermined", "no_tokenizer"),
    ]
    assert rows(
        warehouse,
        """select scope_code, absent_count, fact_count from absence_by_language
           where model_id = 'bare' and language_code = 'en'""",
    ) == [("all", 1, 2), ("full_match", 1, 2)]
    assert not rows(warehouse, "from fact_types_overview where model_id = 'bare'")


def test_neurons_without_scores_are_hubs_all_the_same(warehouse: Path) -> None:
    assert rows(
        warehouse,
        """select language_code, layer_index, neuron_index, active_fact_count, neuron_score
           from hub_neurons where model_id = 'bare' and method_code = 'probeless'""",
    ) == [("en", 1, 2, 2, None)]


def test_provenance_names_the_file(warehouse: Path) -> None:
    who = ("theirs.parquet", "0f", "Jiang et al. 2020")
    assert rows(
        warehouse,
        """select lake_table, owner_id, source_file, content_hash, maker_note, language_count,
           row_count, rejected_count from operations.imported_files""",
    ) == [
        ("active_neurons", "bare", *who, 2, 3, 3),
        ("occurrences", "counts", *who, 2, 3, 3),
        ("predictions", "bare", *who, 2, 7, 3),
        ("predictions", "copied", *who, 2, 7, 3),
    ]
    assert rows(warehouse, "select corpus_id, is_imported, text_unit from dim_corpora") == [
        ("counts", True, "article"), ("wiki", False, "chunk"),
    ]  # fmt: skip
