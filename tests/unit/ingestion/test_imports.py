"""Files of others: what is read, what is rejected and why, and the rows of the lake that follow."""

from __future__ import annotations

import datetime
import itertools
import random
from pathlib import Path
from typing import Any

import duckdb
import orjson
import polars as pl
import pytest

from dagster_project.defs.checks.rules import value_rules
from ingestion.contract import LAKE
from ingestion.import_kinds import ImportKind
from ingestion.imports import ImportsError, neurons_of_model, read_import
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
    whole = "it is a whole number from 1 to 2,147,483,647"
    numbers = "it is a list of whole numbers, such as [101, 7]"
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
    assert found.rejected == (
        (4, "shared_count is 'many'; it is a whole number from 0 to 2,147,483,647"),
    )
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


def test_a_damaged_file_at_which_polars_panics_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def panic(_: bytes) -> pl.DataFrame:
        raise type("PanicException", (BaseException,), {})("range end index 9")

    monkeypatch.setattr(pl, "read_parquet", panic)
    with pytest.raises(ImportsError, match=r"cannot be read as \.parquet: range end index 9"):
        read_import(written(tmp_path, "t.parquet", "PAR1"), "predictions")


def test_too_many_rejected_rows_and_a_file_elsewhere_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "theirs.csv", CSV)
    with pytest.raises(ImportsError, match=r"7 of 11 rows are rejected.*line 6"):
        read_import(path, "predictions", max_rejected_rate=0.5)
    (tmp_path / "inside").mkdir()
    with pytest.raises(RestrictedError):
        read_import(path, "predictions", (tmp_path / "inside").resolve())
    with pytest.raises(ImportsError, match="cannot read"):
        read_import(tmp_path / "gone.csv", "predictions")


IDS_OF_TOKENS = "it is a list of whole numbers, such as [101, 7]"
WHOLE = "it is a whole number from {} to 2,147,483,647"
TEXT = "it is text, or a whole number"
SOUND: dict[ImportKind, dict[str, Any]] = {
    "predictions": {"predicted_text": "Paris"},
    "neurons": {"layer_index": 0, "neuron_index": 3},
    "presence": {"shared_count": 1},
}


def two_rows(folder: Path, kind: ImportKind, **values: Any) -> Path:
    """A sound row, and one with these values; as Parquet unless ``name`` says something else."""
    name = values.pop("name", "t.parquet")
    sound: dict[str, Any] = {"language_code": "en", "fact_id": "f1", **SOUND[kind]}
    rows = [sound, {**sound, "fact_id": "f2", **values}]
    if name.endswith(".jsonl"):
        (folder / name).write_bytes(b"\n".join(map(orjson.dumps, rows)))
    else:
        columns = {key: [row.get(key) for row in rows] for key in rows[1]}
        for key in values:
            columns[key] = [values[key]] * 2 if key not in sound else columns[key]
        pl.DataFrame(columns, strict=False).write_parquet(folder / name)
    return folder / name


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        *(("predicted_token_ids", cell, IDS_OF_TOKENS)
          for cell in ("[7.9]", "[true]", '["1"]', "[-5]", "[1099511627776]", "[[7]]", "7", "{}")),
        ("candidate_token_ids", "[5, 6]",
         "it is a list of lists of whole numbers, one for each token, such as [[7, 101]]"),
        ("candidate_log_probs", "[[-0.1, 2]]",
         "it is a list of lists of logarithms, at most 0, one for each token, such as "
         "[[-0.1, -3.2]]"),
        ("gold_log_prob", "-1e300", "it is a logarithm, at most 0"),
    ],
)  # fmt: skip
def test_a_value_that_would_become_another_one_is_a_rejected_row(
    tmp_path: Path, column: str, cell: str, expected: str
) -> None:
    quoted = cell.replace('"', '""')
    text = f'language_code,fact_id,predicted_text,{column}\nen,f1,x,\nen,f2,x,"{quoted}"\n'
    found = read_import(written(tmp_path, "t.csv", text), "predictions")
    assert found.rejected == ((3, f"{column} is '{cell}'; {expected}"),)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("predicted_token_ids", [7.9], f"'[7.9]'; {IDS_OF_TOKENS}"),
        ("predicted_token_ids", [2**40], f"'[1099511627776]'; {IDS_OF_TOKENS}"),
        ("predicted_token_ids", [None, 1], f"'[None, 1]'; {IDS_OF_TOKENS}"),
        ("predicted_token_ids", [{"a": 1}], f"'[{{'a': 1}}]'; {IDS_OF_TOKENS}"),
        ("predicted_token_ids", 7, f"'7'; {IDS_OF_TOKENS}"),
        ("mask_count", {"a": 1}, f"'{{'a': 1}}'; {WHOLE.format(1)}"),
        ("mask_count", True, f"'True'; {WHOLE.format(1)}"),
        ("mask_count", datetime.date(2020, 1, 1), f"'2020-01-01'; {WHOLE.format(1)}"),
        ("prompt_code", 1.5, "'1.5'; it is one of whole, cut, no_subject, unasked"),
    ],
)
def test_a_parquet_column_of_a_wrong_type_has_no_sound_value(
    tmp_path: Path, column: str, value: object, expected: str
) -> None:
    path = two_rows(tmp_path, "predictions", **{column: value})
    with pytest.raises(ImportsError) as caught:
        read_import(path, "predictions")
    assert f"has no sound row; line 1: {column} is {expected}." in str(caught.value)


def test_texts_are_no_lists_no_bytes_and_no_rounded_numbers(tmp_path: Path) -> None:
    ids = {"language_code": ["en"], "fact_id": ["f1"]}
    path = tmp_path / "t.parquet"
    for answer in ([["a"]], [b"\xff"], [1.5], [True]):
        pl.DataFrame({**ids, "predicted_text": answer}).write_parquet(path)
        with pytest.raises(ImportsError, match=f"line 1: predicted_text is .*{TEXT}"):
            read_import(path, "predictions")
    pl.DataFrame({**ids, "predicted_text": [b"Paris"]}).write_parquet(path)
    assert read_import(path, "predictions").rows["predicted_text"][0] == "Paris"
    line = '{"language_code": "en", "fact_id": %s, "predicted_text": %s}'
    text = "\n".join(
        line % values for values in (("18446744073709551616", '"x"'), ("7", "12"), ('"f"', "[]"))
    )
    found = read_import(written(tmp_path, "t.jsonl", text), "predictions")
    assert found.rejected == (
        (1, f"fact_id is '1.8446744073709552e+19'; {TEXT}"),
        (3, f"predicted_text is '[]'; {TEXT}"),
    )
    assert found.rows.select("fact_id", "predicted_text").rows() == [("7", "12")]
    with pytest.raises(ImportsError, match="line 1: predicted_text is 'true'"):
        read_import(written(tmp_path, "t.jsonl", line % ('"f"', "true")), "predictions")


def test_categories_and_whole_floats_are_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame(
        {"language_code": ["en"], "fact_id": ["f1"], "predicted_text": ["x"],
         "mask_count": pl.Series(["1"], dtype=pl.Categorical), "line_number": [9],
         "gold_token_ids": [[7.0]], "predicted_token_ids": [[7.0]]}
    ).write_parquet(path)  # fmt: skip
    [row] = read_import(path, "predictions").of_language("en", FACTS.head(1)).to_dicts()
    assert (row["mask_count"], row["gold_token_ids"]) == (1, [7])
    text = "line_number,language_code,fact_id,predicted_text\n9,en,f1,x\n"
    assert read_import(written(tmp_path, "t.csv", text), "predictions").rows.height == 1


@pytest.mark.parametrize(
    ("rows", "has_tokens"),
    [
        # Nobody said any token.
        ([("France", [], [])], False),
        # An answer is there, its tokens are not.
        ([("France", [1], [1]), ("Rome", [2], [])], False),
        # The object cannot be written, and another one can.
        ([("France", [1], [1]), ("Rome", [], [2])], True),
        # The model said nothing.
        ([("France", [1], [1]), ("", [2], [])], True),
        ([("France", [], [1]), ("Rome", [], [2])], False),
    ],
)
def test_empty_lists_next_to_an_answer_are_no_tokens(
    tmp_path: Path, rows: list[tuple[str, list[int], list[int]]], has_tokens: bool
) -> None:
    names = ("predicted_text", "gold_token_ids", "predicted_token_ids")
    lines = [
        orjson.dumps(
            {"language_code": "en", "fact_id": f"f{place}"} | dict(zip(names, row, strict=True))
        )
        for place, row in enumerate(rows, 1)
    ]
    path = written(tmp_path, "t.jsonl", b"\n".join(lines).decode())
    found = read_import(path, "predictions")
    answers = found.of_language("en", FACTS.head(len(rows)))
    assert (answers["predicted_token_ids"].null_count() == 0) == has_tokens
    assert (answers["gold_token_ids"].null_count() == 0) == has_tokens
    assert any("texts are compared" in name for name in found.unread) != has_tokens


def test_predicted_tokens_without_those_of_the_object_leave_texts_to_compare(
    tmp_path: Path,
) -> None:
    text = 'language_code,fact_id,predicted_text,predicted_token_ids\nen,f1,"New\u00a0York",[1]\n'
    found = read_import(written(tmp_path, "t.csv", text), "predictions")
    [row] = found.of_language("en", FACTS.head(1)).to_dicts()
    assert (row["predicted_text"], row["predicted_token_ids"]) == ("New York", None)


def test_rows_that_contradict_themselves_are_rejected_with_their_line(tmp_path: Path) -> None:
    counts = "language_code,fact_id,shared_count,subject_count,object_count,separate_count\n"
    text = counts + "en,f1,5,1,1,\nen,f2,1,,0,\nen,f3,1,1,1,2\nen,f4,1,1,1,1\nen,f5,1,,,\n"
    found = read_import(written(tmp_path, "t.csv", text), "presence")
    assert found.rejected == (
        (2, "shared_count is greater than subject_count"),
        (3, "shared_count is greater than object_count"),
        (4, "separate_count is greater than shared_count"),
    )
    evidence = "evidence_document,evidence_offset,evidence_distance,evidence_text"
    text = f"language_code,fact_id,shared_count,{evidence}\n"
    text += "en,f1,5,,0,1,a b\nen,f2,0,,,,\nen,f3,0,d,0,1,a b\nen,f4,5,d,,1,a b\n"
    found = read_import(written(tmp_path, "e.csv", text), "presence")
    assert [line for line, _ in found.rejected] == [4, 5]
    assert found.rows["evidence_document"].to_list() == ["", None]
    asked = "language_code,fact_id,predicted_text,mask_count,prompt_code,predicted_token_ids,gold"
    text = f"{asked}_token_ids\nen,f1,x,2,,[1],[1]\nen,f2,,1,unasked,[],[1]\nen,f3,x,,,[1],[1]\n"
    found = read_import(written(tmp_path, "p.csv", text), "predictions")
    why = "predicted_token_ids is not as long as mask_count says (empty where prompt_code is"
    assert found.rejected == ((2, f"{why} 'unasked')"),)


def test_neurons_have_numbers_that_the_marts_can_tell_apart(tmp_path: Path) -> None:
    rows = "en,f1,0,3\nen,f1,2000000000,3\nen,f1,1,1048576\nen,f2,2047,1048575\nen,f3,12,40\n"
    text = f"language_code,fact_id,layer_index,neuron_index\n{rows}"
    found = read_import(written(tmp_path, "t.csv", text), "neurons")
    assert found.rejected == (
        (3, "layer_index is '2000000000'; it is a whole number from 0 to 2,047"),
        (4, "neuron_index is '1048576'; it is a whole number from 0 to 1,048,575"),
    )
    own = neurons_of_model(found, 12, 40, 8)
    model = "the model, which has 12 layers of 40 neurons and 8 outputs, counted from 0"
    assert own.rejected[2:] == (
        (5, f"layer_index is beyond {model}"), (6, f"layer_index is beyond {model}"),
    )  # fmt: skip
    assert own.rows.height == 1
    scored = "language_code,fact_id,layer_index,neuron_index,neuron_score\n"
    text = f"{scored}en,f1,0,3,-1\nen,f1,0,4,1e9\nen,f1,0,5,0.5\n"
    rejected = read_import(written(tmp_path, "s.csv", text), "neurons").rejected
    assert [line for line, _ in rejected] == [2, 3]
    assert rejected[1][1] == "neuron_score is '1e9'; it is a number from 0 to 999,999,999"
    with pytest.raises(ImportsError, match="4 of 5 rows are rejected"):
        neurons_of_model(found, 12, 40, 8, 0.5)
    with pytest.raises(ImportsError, match=r"no neuron of this model; line 2: neuron_index is bey"):
        neurons_of_model(found, 12, 3, 8)


ODD = {
    pl.String: (None, "", " ", "en", "f1", "Paris", "unasked", "whole", "chunk", "amig", 7),
    pl.Int32: (None, "", 0, 1, 2, -1, 2**31, 2**63, 1.5, True, [1]),
    pl.Int64: (None, "", 0, 1, 2, 3, -1, 2**31, 1.5),
    pl.Float32: (None, "", 0, -1.5, 0.5, -1e300, 1e300),
    pl.Float64: (None, "", 0, -1.5, 0.5, -1e300, 1e300),
}
ODD_TOKENS = (None, [], [1], [1, 2], [-1], [1.5], ["a"], [None], [True], "[1]")
ODD_LISTS = (None, [], [[1]], [[1], [2]], [[-0.5]], [[-0.5], []], [[0.5]], [1], [[None]])


@pytest.mark.parametrize("kind", ["predictions", "neurons", "presence"])
def test_what_is_not_rejected_passes_the_checks_of_the_lake(
    tmp_path: Path, kind: ImportKind
) -> None:
    """A row that a check of the lake refuses would stop every run of the study."""
    chance, read = random.Random(7), 0
    tables = {"predictions": ["predictions"], "presence": ["occurrences"]}
    for turn, step in itertools.product(
        range(60), tables.get(kind, ["active_neurons", "knowledge_neurons"])
    ):
        table = LAKE[step]
        types = pl.Schema(table.schema)
        optional = [name for name in types if name not in ("model_id", "corpus_id", *SOUND[kind])]
        names = chance.sample(optional, chance.randint(0, len(optional)))
        names += ["mode_code"] * (step == "knowledge_neurons")
        names = [name for name in names if (name, step) != ("mode_code", "active_neurons")]
        lines = []
        for fact in range(1, 40):
            row = {"language_code": "en", "fact_id": f"f{fact % 9}", **SOUND[kind]}
            for name in {*names, *SOUND[kind]} - {"language_code", "fact_id"}:
                lists = ODD_TOKENS if types[name] == pl.List(pl.Int32) else ODD_LISTS
                row[name] = chance.choice(ODD.get(types[name].base_type(), lists))
            lines.append(orjson.dumps(row))
        path = written(tmp_path, f"{turn}.jsonl", b"\n".join(lines).decode())
        try:
            found = read_import(path, kind)
        except ImportsError:
            continue
        facts = [[f"f{n}" for n in range(9)], ["P"] * 9, ["s"] * 9, ["o"] * 9]
        frame = pl.DataFrame(facts, schema=FACTS.schema)
        rows = found.of_language("en", frame).with_columns(
            pl.lit("x").alias(name) for name in table.partition_by
        )
        read += rows.height
        assert rows.select(table.key).is_duplicated().sum() == 0
        for problem, rule in value_rules(table, table.columns).items():
            wrong = duckdb.sql(f"select * from rows where not ({rule})").fetchall()
            assert not wrong, (problem, wrong[0], path)
    assert read > 50
