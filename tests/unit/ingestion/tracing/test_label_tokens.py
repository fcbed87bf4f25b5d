"""Folded names and tokens, from which SQL derives the fact types (docs/method.md#fact-types)."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import duckdb
import polars as pl
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

from ingestion.contract import LAKE
from ingestion.tracing import ChineseConverter, fold_name, label_tokens

FACT_TYPE = """
    case
        when contains(pieces.subject_folded, pieces.object_folded) then 'overlap'
        when list_has_any(pieces.subject_tokens, pieces.object_tokens) then 'token_overlap'
        when examples.relation in ('P17', 'P27', 'P103', 'P140', 'P1412') then 'naming'
        else 'others'
    end
"""


@pytest.mark.real_data
def test_published_examples_have_their_published_type(real_data: Path) -> None:
    examples = pl.read_csv(real_data / "published" / "fact_type_examples.csv")
    examples = examples.with_row_index("row").with_columns(
        fact_id=pl.format("{}:{}", "row", "uuid")
    )
    folder = real_data / "tokenizers" / "bert-base-multilingual-cased"
    tokenizer = AutoTokenizer.from_pretrained(folder).backend_tokenizer.to_str()
    labels = examples.select(
        "fact_id", language_code="lang", subject_label="sub_label", object_label="obj_label"
    )
    pieces = pl.concat(
        label_tokens(labels, language, "mbert", tokenizer, chinese="zhconv")
        for language in labels["language_code"].unique().sort()
    )
    with duckdb.connect() as database:
        database.register("examples", examples)
        database.register("pieces", pieces)
        typed = database.sql(
            f"select examples.*, {FACT_TYPE} as computed from examples join pieces using (fact_id)"
        ).pl()
    assert len(typed) == 144
    assert typed.filter(pl.col("computed") != pl.col("fact_type")).is_empty()
    assert set(typed["fact_type"]) == {"overlap", "token_overlap", "naming", "others"}


@pytest.mark.real_data
def test_opencc_differs_from_zhconv_in_as_many_names_and_facts_as_documented(
    real_data: Path,
) -> None:
    """docs/method.md#fact-types: all Chinese facts of mLAMA."""
    names, facts = set(), []
    with zipfile.ZipFile(real_data / "mlama1.1.zip") as archive:
        for file in archive.namelist():
            if "/zh/" in file and file.endswith(".jsonl") and "templates" not in file:
                rows = map(json.loads, archive.read(file).splitlines())
                facts += [(row["sub_label"], row["obj_label"]) for row in rows]
    differ = 0
    for subject, of in facts:
        ours, theirs = (
            [fold_name(name, "zh", chinese) for name in (subject, of)]
            for chinese in ("opencc", "zhconv")
        )
        names |= {name for name, a, b in zip((subject, of), ours, theirs, strict=True) if a != b}
        differ += (ours[1] in ours[0]) != (theirs[1] in theirs[0])
    assert (len(facts), len(names), differ) == (21_449, 198, 60)


@pytest.mark.parametrize("chinese", ["opencc", "zhconv"])
@pytest.mark.parametrize(
    ("name", "language", "folded"),
    [
        ("New YORK", "en", "new york"),
        ("ΑΘΉΝΑ", "el", "αθήνα"),
        ("東京都", "ja", "東京都"),
        ("臺灣ABC", "zh", "台湾ABC"),
        ("臺灣ABC", "ja", "臺灣abc"),
    ],
)
def test_names_are_folded_as_the_rule_says(
    name: str, language: str, folded: str, chinese: ChineseConverter
) -> None:
    assert fold_name(name, language, chinese) == folded


def test_each_chinese_converter_is_the_one_that_is_asked_for() -> None:
    """Wales: zhconv also takes the mainland's name of the country."""
    assert fold_name("威爾斯", "zh", "opencc") == "威尔斯"
    assert fold_name("威爾斯", "zh", "zhconv") == "威尔士"


def test_pieces_fit_the_contract_without_repeats_and_the_ignored_token() -> None:
    vocabulary = {"▁": 0, "a": 1, "b": 2, "<unk>": 3}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    labels = pl.DataFrame(
        {
            "language_code": ["en", "de"],
            "fact_id": ["f1", "f1"],
            "subject_label": ["a ▁ b a", "x"],
            "object_label": ["b", "x"],
        }
    )
    rows = label_tokens(labels, "en", "m", tokenizer.to_str(), ignored_token_id=0)
    assert rows.columns == LAKE["label_tokens"].schema.names
    assert rows["subject_tokens"].to_list() == [["a", "b"]]
    assert rows["object_tokens"].to_list() == [["b"]]
    assert rows["model_id"].to_list() == ["m"]
