"""Files of others: what is read, what is rejected and why, and the rows of the lake that follow."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ingestion.imports import ImportsError, read_import
from ingestion.restricted import RestrictedError

FACTS = pl.DataFrame(
    {
        "fact_id": ["f1", "f2", "f3"],
        "relation_id": ["P36"] * 3,
        "subject_id": ["s1", "s2", "s3"],
        "object_id": ["o1", "o2", "o1"],
    }
)
CSV = """\
language_code,fact_id,predicted_text,gold_token_ids,predicted_token_ids,gold_rank,note
en,f1,Paris,"[1, 2]","[1, 2]",1,
en,f2,"two
lines",[3],[4],2.0,kept
de,f1,Paris,[1],[5],,
en,f1,again,[1],[2],2,
en,f3,x,[1],[2],0,
en,f3,x,[1],[2],1.5,
en,f3,x,[a],[2],1,
en,f3,x,"[1, ""b""]",[2],1,
en,f3
,f3,x,[1],[2],1,
en,gone,x,[1],[2],1,
"""


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_csv_file_has_rows_and_reasons_with_their_lines(tmp_path: Path) -> None:
    found = read_import(written(tmp_path, "theirs.csv", CSV), "predictions")
    whole = "it is a whole number from 1"
    numbers = "it is a list of numbers, in a text as JSON"
    assert found.rejected == (
        (6, "has the same language_code, fact_id as line 2"),
        (7, f"gold_rank is '0'; {whole}"),
        (8, f"gold_rank is '1.5'; {whole}"),
        (9, f"gold_token_ids is '[a]'; {numbers}"),
        (10, f"gold_token_ids is '[1, \"b\"]'; {numbers}"),
        (11, "2 fields instead of 7"),
        (12, "language_code is empty"),
    )
    assert found.unread == ("note",)
    assert found.languages == ("de", "en")
    rows = found.of_language("en", FACTS)
    assert rows.select(
        "fact_id", "mask_count", "prompt_code", "predicted_text", "gold_rank", "gold_log_prob",
    ).rows() == [
        ("f1", 2, None, "Paris", 1, None),
        ("f2", 1, None, "two\nlines", 2, None),
        # The file has no answer to it.
        ("f3", None, "unasked", "", None, None),
    ]  # fmt: skip
    assert rows["predicted_token_ids"].to_list() == [[1, 2], [4], []]


def test_json_lines_name_facts_by_their_entities_and_texts_are_in_normal_form(
    tmp_path: Path,
) -> None:
    named = '"language_code": "en", "relation_id": "P36", "subject_id": "s%d", "object_id": "o%d"'
    text = "\n".join(
        (
            '{%s, "predicted_text": " New\\u00a0York ", "gold_log_prob": -1.5}' % (named % (1, 1)),
            '{%s, "predicted_text": 7, "gold_log_prob": 0.5}' % (named % (2, 2)),
            '{%s, "predicted_text": null}' % (named % (3, 1)),
            "[1]",
            "{",
            '{%s, "predicted_text": ""}' % (named % (2, 2)),
        )
    )  # fmt: skip
    found = read_import(written(tmp_path, "theirs.jsonl", text), "predictions")
    assert [line for line, _ in found.rejected] == [2, 3, 4, 5]
    assert found.rejected[0][1] == "gold_log_prob is '0.5'; it is a logarithm, at most 0"
    wanted = ("fact_id", "predicted_text", "gold_log_prob", "predicted_token_ids")
    assert found.of_language("en", FACTS).select(wanted).rows() == [
        ("f1", "New York", -1.5, None), ("f2", "", None, None), ("f3", "", None, None),
    ]  # fmt: skip


def test_tokens_are_taken_only_where_every_row_has_them(tmp_path: Path) -> None:
    text = (
        "language_code,fact_id,predicted_text,gold_token_ids,predicted_token_ids\n"
        "en,f1,Paris,[1],[1]\nen,f2,Rome,[2],\n"
    )
    rows = read_import(written(tmp_path, "t.csv", text), "predictions").of_language("en", FACTS)
    assert rows["gold_token_ids"].null_count() == rows["predicted_token_ids"].null_count() == 3


def test_neurons_are_ranked_by_the_file_by_score_or_in_its_order(tmp_path: Path) -> None:
    rows = {"language_code": ["en"] * 3, "fact_id": ["f1"] * 3, "layer_index": [0, 1, 1]}
    rows["neuron_index"] = [5, 6, 7]
    expected = {
        (): [(0, 5), (1, 6), (1, 7)],
        ("neuron_score", 0.1, 0.5, 0.2): [(1, 6), (1, 7), (0, 5)],
        # A gap in the ranks is closed.
        ("neuron_rank", 9, 1, 4): [(1, 6), (1, 7), (0, 5)],
    }
    for column, order in expected.items():
        path = tmp_path / "neurons.parquet"
        pl.DataFrame({**rows, **({column[0]: column[1:]} if column else {})}).write_parquet(path)
        found = read_import(path, "neurons")
        assert found.step == "active_neurons"
        neurons = found.of_language("en", FACTS)
        assert neurons["neuron_rank"].to_list() == [1, 2, 3]
        assert neurons.select("layer_index", "neuron_index").rows() == order
        assert set(neurons["method_code"]) == {"probeless"}
    pl.DataFrame({**rows, "mode_code": ["amig"] * 3}).write_parquet(path)
    assert read_import(path, "neurons").step == "knowledge_neurons"


def test_counts_of_presence_say_nothing_of_facts_that_they_lack(tmp_path: Path) -> None:
    text = "language_code,fact_id,shared_count\nen,f1,3\nen,f2,0\nen,f3,many\n"
    found = read_import(written(tmp_path, "counts.csv", text), "presence")
    assert found.rejected == ((4, "shared_count is 'many'; it is a whole number from 0"),)
    rows = found.of_language("en", FACTS)
    assert rows.select("text_unit", "fact_id", "shared_count", "subject_count").rows() == [
        ("article", "f1", 3, None), ("article", "f2", 0, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.txt", "", "ends in none of .csv, .jsonl, .parquet"),
        ("t.csv", "", "has no column language_code, fact_id, predicted_text"),
        ("t.csv", "language_code,fact_id,predicted_txt\n", "did you mean 'predicted_text'"),
        ("t.csv", "language_code,fact_id,predicted_text\n", "has no sound row"),
        ("t.csv", "language_code,fact_id,fact_id\n", "the header has 'fact_id' twice"),
        ("t.csv", 'a,b\n"1,2\n', "cannot be read as .csv"),
        ("t.parquet", "PAR1", "cannot be read as .parquet"),
        ("t.jsonl", '{"language_code": "en"}', "has no column fact_id, predicted_text"),
        ("t.csv", "model_id,language_code,fact_id,predicted_text\na,en,f1,x\nb,en,f1,x\n",
         "rows of several models (a, b)"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_error_that_says_what_to_do(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(ImportsError) as caught:
        read_import(written(tmp_path, name, text), "predictions")
    assert message in str(caught.value)
    assert name in str(caught.value)


def test_too_many_rejected_rows_and_a_file_elsewhere_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "theirs.csv", CSV)
    with pytest.raises(ImportsError, match=r"7 of 11 rows are rejected.*line 6"):
        read_import(path, "predictions", max_rejected_rate=0.5)
    (tmp_path / "inside").mkdir()
    with pytest.raises(RestrictedError):
        read_import(path, "predictions", (tmp_path / "inside").resolve())
    with pytest.raises(ImportsError, match="cannot read"):
        read_import(tmp_path / "gone.csv", "predictions")
