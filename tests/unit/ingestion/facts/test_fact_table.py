"""Own facts as CSV or Parquet: columns, derived identifiers, rejected rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.facts import FactsError, FactSource, FactsSettings, merge_facts, open_facts

HEADER = "language,relation,template,subject,object"


def open_csv(
    folder: Path, *rows: str | bytes, header: str = HEADER, rate: float = 1.0
) -> FactSource:
    path = folder / "facts.csv"
    encoded = [row if isinstance(row, bytes) else row.encode() for row in (header, *rows)]
    path.write_bytes(b"\n".join(encoded) + b"\n")
    return open_facts(FactsSettings("table", path, rate))


def rejected(source: FactSource, language: str) -> list[tuple[int, str]]:
    return source.read(language).rejected_rows.select("line_number", "reason").rows()


def test_a_row_becomes_fact_label_and_prompt(tmp_path: Path) -> None:
    source = open_csv(
        tmp_path,
        'en,capital,"[X], capital: [Y]", Chad ,N\'Djamena,f1,Q657,Q3659',
        'de,capital,[X]: [Y],Tschad,"N""D",f1,Q657,Q3659',
        header=HEADER + ",fact_id,subject_id,object_id",
        rate=0.0,
    )
    assert source.languages() == ("de", "en")
    english, german = source.read("en"), source.read("de")
    assert english.facts.rows() == [("f1", "capital", "Q657", "Q3659")]
    assert english.fact_labels.rows() == [("en", "f1", "Chad", "N'Djamena", True)]
    assert english.prompts.rows() == [("en", "capital", "[X], capital: [Y]", False)]
    assert german.fact_labels.rows() == [("de", "f1", "Tschad", 'N"D', False)]


def test_a_line_break_in_a_label_costs_its_row_alone(tmp_path: Path) -> None:
    rows = [f"de,P36,[X] {{}} [Y],s{n},o{n}".replace("{}", "in") for n in range(300)]
    source = open_csv(
        tmp_path, *rows, 'de,P36,[X] in [Y],"two', 'lines",Lima', *rows[:0], rate=0.01
    )
    assert source.languages() == ("de",)
    found = source.read("de")
    assert len(found.fact_labels) == 300
    assert found.rejected_rows["line_number"].to_list() == [302, 303]


def test_a_mark_or_blank_around_an_identifier_makes_no_other_fact(tmp_path: Path) -> None:
    source = open_csv(
        tmp_path,
        "en,P36,[X] is in [Y],Bern,Switzerland,f1",
        "de\u200e, P36,[X] liegt in [Y],Bern,Schweiz,\ufefff1\u00a0",
        header=HEADER + ",fact_id",
        rate=0.0,
    )
    assert source.languages() == ("de", "en")
    facts = {language: source.read(language).facts for language in source.languages()}
    assert facts["de"].equals(facts["en"])
    assert merge_facts(facts)["fact_id"].to_list() == ["f1"]


def test_lines_end_as_old_macs_end_them(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_bytes(f"{HEADER}\ren,P36,[X] is in [Y],Bern,Switzerland\r".encode())
    found = open_facts(FactsSettings("table", path, 0.0)).read("en")
    assert found.fact_labels["object_label"].to_list() == ["Switzerland"]


def test_categories_and_empty_columns_of_pandas_are_text(tmp_path: Path) -> None:
    path = tmp_path / "facts.parquet"
    row = ["en", "P36", "[X] is in [Y]", "Bern", "Switzerland"]
    frame = pl.DataFrame([row], HEADER.split(","), orient="row")
    frame = frame.with_columns(pl.col("language").cast(pl.Categorical), fact_id=pl.lit(None))
    frame.write_parquet(path)
    source = open_facts(FactsSettings("table", path, 0.0))
    assert source.read("en").fact_labels["subject_label"].to_list() == ["Bern"]


def test_parquet_and_csv_agree(tmp_path: Path) -> None:
    rows = [f"en,r{n % 3},[X] {n % 3} [Y],s{n},o{n % 5}" for n in range(40)]
    csv_source = open_csv(tmp_path, *rows, rate=0.0)
    frame = pl.read_csv(tmp_path / "facts.csv", infer_schema=False)
    frame.select(reversed(frame.columns)).write_parquet(tmp_path / "facts.parquet")
    parquet = open_facts(FactsSettings("table", tmp_path / "facts.parquet", 0.0))
    assert parquet.digest("en") == csv_source.digest("en")
    assert parquet.read("en").fact_labels.equals(csv_source.read("en").fact_labels)


def test_without_identifiers_a_fact_belongs_to_its_language_alone(tmp_path: Path) -> None:
    source = open_csv(tmp_path, "en,capital,[X]: [Y],Peru,Lima", "es,capital,[X]: [Y],Peru,Lima")
    english, spanish = source.read("en").facts, source.read("es").facts
    assert merge_facts({"en": english, "es": spanish}).height == 2
    assert english["fact_id"].item().startswith("fact-")
    assert english["subject_id"].item().startswith("label-")


def test_derived_identifiers_are_stable_and_scoped_to_the_relation(tmp_path: Path) -> None:
    rows = [
        "en,capital,[X]: [Y],Peru,Lima",
        "en,capital,[X]: [Y],Ica,Lima",
        "en,largest,[X] has [Y],Peru,Lima",
    ]
    facts = open_csv(tmp_path, *rows).read("en").facts
    again = open_csv(tmp_path, *reversed(rows)).read("en").facts
    assert facts.equals(again)
    assert facts["fact_id"].n_unique() == 3
    capital = facts.filter(pl.col("relation_id") == "capital")
    assert capital["object_id"].n_unique() == 1
    assert facts["object_id"].n_unique() == 2


def test_entities_without_a_fact_id_make_the_fact_the_same_in_all_languages(tmp_path: Path) -> None:
    source = open_csv(
        tmp_path,
        "en,c,[X]: [Y],Cologne,Rhine,Q1,Q2",
        "de,c,[X]: [Y],Köln,Rhein,Q1,Q2",
        header=HEADER + ",subject_id,object_id",
    )
    merged = merge_facts({code: source.read(code).facts for code in ("de", "en")})
    assert merged.drop("fact_id").rows() == [("c", "Q1", "Q2")]


@pytest.mark.parametrize("order", [1, -1])
def test_a_fact_id_without_entities_takes_them_from_english(tmp_path: Path, order: int) -> None:
    header = HEADER + ",fact_id"
    rows = [
        "de,c,[X]: [Y],Köln,Rhein,f1",
        "en,c,[X]: [Y],Cologne,Rhine,f1",
        "de,c,[X]: [Y],Bonn,Rhein,f2",
        "en,c,[X]: [Y],Bonn,Rhine,f2",
    ]
    source = open_csv(tmp_path, *rows[::order], header=header)
    german, english = source.read("de").facts, source.read("en").facts
    assert german.equals(english)
    assert merge_facts({"de": german, "en": english}).equals(german)
    assert german["object_id"].n_unique() == 1
    assert german["subject_id"].n_unique() == 2


def test_an_entity_given_in_one_language_holds_in_the_others(tmp_path: Path) -> None:
    source = open_csv(
        tmp_path,
        "en,c,[X]: [Y],Cologne,Rhine,f1,",
        "de,c,[X]: [Y],Köln,Rhein,f1,Q584",
        header=HEADER + ",fact_id,object_id",
    )
    assert source.read("en").facts["object_id"].item() == "Q584"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("en,c,[X]: [Y],a", "4 fields instead of 5"),
        ("en,c,[X]: [Y],a,b,c", "6 fields instead of 5"),
        ('en,c,[X]: [Y],"a,b', "not a CSV row on one line"),
        (b"en,c,[X]: [Y],a,\xff", "not valid UTF-8 at byte 17"),
        ("en,c,[X]: [Y], ,b", "subject label is empty"),
        ("en,c,[X]: [Y],a,", "object label is empty"),
        ("en,,[X]: [Y],a,b", "relation is empty"),
        (" ,c,[X]: [Y],a,b", "language is empty"),
        ("en,c,[X]:,a,b", "template has no [Y]"),
        ("en,c,,a,b", "template has no [X]"),
        ("en,c,[X] = [Y],a,b", "template differs from that of line 2"),
        ("en,c,[X]: [Y],first,row", "fact fact-"),
    ],
)
def test_a_bad_row_is_listed_with_its_line_and_reason(
    tmp_path: Path, row: str | bytes, reason: str
) -> None:
    source = open_csv(tmp_path, "en,c,[X]: [Y],first,row", "", row, "en,c,[X]: [Y],last,row")
    assert source.languages() == ("en",)
    assert source.read("en").fact_labels["subject_label"].sort().to_list() == ["first", "last"]
    ((line, why),) = rejected(source, "en")
    assert line == 4
    assert why.startswith(reason)
    text = row if isinstance(row, str) else row.decode(errors="replace")
    assert source.read("en").rejected_rows["line_text"].item() == text


def test_a_bad_template_does_not_become_the_template_that_others_differ_from(
    tmp_path: Path,
) -> None:
    source = open_csv(tmp_path, "en,c,[X] is,a,b", "en,c,[X]: [Y],c,d", "en,c,[X]: [Y],e,f")
    assert [line for line, _ in rejected(source, "en")] == [2]
    assert source.read("en").prompts["template"].item() == "[X]: [Y]"


def test_rows_of_one_language_do_not_touch_the_digest_of_another(tmp_path: Path) -> None:
    english = "en,c,[X]: [Y],a,b"
    before = open_csv(tmp_path, english, "de,c,[X]: [Y],c,d").digest("en")
    assert open_csv(tmp_path, "de,c,[X]: [Y],x,y", english).digest("en") == before
    assert open_csv(tmp_path, "en,c,[X]: [Y],a,B").digest("en") != before


def test_a_parquet_row_is_shown_as_json(tmp_path: Path) -> None:
    path = tmp_path / "facts.parquet"
    row = {"language": "en", "relation": "c", "template": "[X] [Y]", "subject": None, "object": "ö"}
    pl.DataFrame([row | {"subject": "s"}, row], dict.fromkeys(row, pl.String)).write_parquet(path)
    source = open_facts(FactsSettings("table", path, 1.0))
    assert rejected(source, "en") == [(2, "subject label is empty")]
    assert '"subject": null, "object": "ö"' in source.read("en").rejected_rows["line_text"].item()


def test_wrong_columns_are_one_error_with_near_matches(tmp_path: Path) -> None:
    with pytest.raises(FactsError) as error:
        open_csv(tmp_path, header="lang,relation,templates,subject,object,object")
    message = str(error.value)
    assert "column 'language' is missing" in message
    assert "column 'lang' is unknown; did you mean 'language'" in message
    assert "column 'templates' is unknown; did you mean 'template'" in message
    assert "column 'object' occurs more than once" in message


def test_columns_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "facts.parquet"
    columns = {name: ["x"] for name in HEADER.split(",")}
    pl.DataFrame(columns | {"fact_id": [1]}).write_parquet(path)
    with pytest.raises(FactsError, match=r"not text: fact_id \(int64\)"):
        open_facts(FactsSettings("table", path, 0.0))


def test_a_parquet_table_with_an_unknown_time_zone_or_a_column_twice_is_named(
    tmp_path: Path,
) -> None:
    columns = {name: ["x"] for name in HEADER.split(",")}
    for extra, message in (
        ({"fact_id": pa.array([1], pa.timestamp("us", "Foo/Bar"))}, "not text: fact_id"),
        ({"subject": ["y"]}, "column 'subject' occurs more than once"),
    ):
        table = pa.table([*columns.values(), *extra.values()], names=[*columns, *extra])
        pq.write_table(table, tmp_path / "facts.parquet")
        with pytest.raises(FactsError, match=message):
            open_facts(FactsSettings("table", tmp_path / "facts.parquet", 0.0))


def test_too_many_bad_rows_are_an_error(tmp_path: Path) -> None:
    source = open_csv(tmp_path, "en,c,[X]: [Y],a,b", "en,c,[X]: [Y],,b", rate=0.4)
    with pytest.raises(FactsError, match=r"(?s)1 of 2 lines .*facts\.csv:3: subject label"):
        source.read("en")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "line 1 is empty"), (b"\xff\xfe", "not a CSV file in UTF-8")],
)
def test_a_file_that_is_no_table_is_one_clear_error(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "facts.csv"
    path.write_bytes(content)
    with pytest.raises(FactsError, match=complaint):
        open_facts(FactsSettings("table", path, 0.0))


def test_a_truncated_parquet_file_and_an_empty_table_are_clear_errors(tmp_path: Path) -> None:
    path = tmp_path / "facts.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(FactsError, match="not a complete Parquet file"):
        open_facts(FactsSettings("table", path, 0.0))
    with pytest.raises(FactsError, match="has no row with a language"):
        open_csv(tmp_path)
    with pytest.raises(FactsError, match=r"cannot read .*gone\.csv"):
        open_facts(FactsSettings("table", tmp_path / "gone.csv", 0.0))


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "it's [1] *ü"
    folder.mkdir()
    row = dict.fromkeys(HEADER.split(","), "x") | {"language": "en", "template": "[X] [Y]"}
    pl.DataFrame([row]).write_parquet(folder / "facts.parquet")
    found = open_facts(FactsSettings("table", folder / "facts.parquet", 0)).read("en")
    assert found.fact_labels["subject_label"].to_list() == ["x"]
