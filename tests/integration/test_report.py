"""The report shows the data of the warehouse in one self-contained file."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import vl_convert
from polars.testing import assert_frame_equal

from tests.helpers import studies
from warehouse.report.errors import ReportError
from warehouse.report.figures import SECTIONS, Figure, read_figures
from warehouse.report.head import read_head
from warehouse.report.page import write_report

QUERIES = Path(__file__).resolve().parents[2] / "warehouse" / "queries"


def unpacked(text: str) -> Any:
    """The value that ``packed`` put into the page."""
    return json.loads(gzip.decompress(base64.b64decode(text)))


@pytest.fixture(scope="module")
def page(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    made = write_report(finished / "factroots.duckdb", tmp_path_factory.mktemp("report"))
    return made.path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def figures(finished: Path) -> list[Figure]:
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        return [figure for found in read_figures(connection).values() for figure in found]


def test_every_query_is_a_figure_and_every_figure_has_a_query() -> None:
    named = {name for figures in SECTIONS.values() for name in figures}
    queries = {path.stem for path in (QUERIES / "report").glob("*.sql")}
    assert queries <= named
    assert named - queries <= {path.stem for path in (QUERIES / "saved").glob("*.sql")}


def test_the_rows_in_the_page_are_the_rows_of_the_warehouse(
    page: str, figures: list[Figure], finished: Path
) -> None:
    assert {figure.name for figure in figures} >= {
        "p_at_1_without_cues",
        "one_fact",
        "edit_effects",
        "degenerate_layers",
        "degenerate_sets",
        "fact_checks",
    }
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        connection.execute("set variable fact_ids = null")
        for figure in figures:
            found = re.search(f'id="rows-{figure.name}">([^<]*)<', page)
            assert found is not None, figure.name
            rows = connection.sql(figure.query).pl()
            embedded = unpacked(found[1])
            assert_frame_equal(
                type(rows)(embedded, schema=rows.schema, strict=False), rows, rel_tol=1e-12
            )


def test_the_page_begins_with_results_and_ends_with_hashes(page: str, finished: Path) -> None:
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        head = read_head(connection)
        right, asked = connection.execute(
            """select count(*) filter (is_full_match), count(*) from fct_predictions
               where model_id = 'first'"""
        ).fetchall()[0]
        (revision,) = connection.execute(
            "select revision[:19] from dim_models where model_id = 'first'"
        ).fetchall()[0]
    assert list(head.results) == ["first", "second", "third"]
    known = head.results["first"][0]
    assert known.startswith(f"It answers {100 * right / asked:.0f} %")
    assert f" of {asked} questions correctly" in known
    text = html.unescape(page)
    figures = text.index("<figure")
    assert text.index(head.study) < text.index(known) < figures < text.index(revision)
    for sentences in head.results.values():
        for sentence in sentences:
            assert sentence in text


def test_every_chart_is_a_specification_that_the_drawing_library_accepts(
    figures: list[Figure],
) -> None:
    for figure in figures:
        drawn = vl_convert.vegalite_to_vega(figure.with_rows())
        assert drawn["marks"], figure.name


def test_the_list_has_every_fact_that_is_right_somewhere(page: str, finished: Path) -> None:
    found = re.search('id="rows-facts">([^<]*)<', page)
    assert found is not None
    listed = {
        (fact["fact_id"], language["language"], answer["model"])
        for fact in unpacked(found[1])
        for language in fact["languages"]
        for answer in language["answers"]
        if answer["text"] is None
    }
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        right = connection.execute(
            "select fact_id, language_code, model_id from fct_predictions where is_full_match"
        ).fetchall()
    assert listed == set(right)


def test_the_list_says_of_every_language_what_is_known_of_a_fact(page: str, finished: Path) -> None:
    found = re.search('id="rows-facts">([^<]*)<', page)
    assert found is not None
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        asked = {
            (fact_id, language): (stated, right)
            for fact_id, language, stated, right in connection.execute(
                """select fact_id, language_code, bool_or(is_present), bool_or(is_full_match)
                   from fct_predictions left join fct_fact_presence using (language_code, fact_id)
                   group by all"""
            ).fetchall()
        }
        roots = connection.execute(
            """select fact_id, language_code, model_id, root_code, shared_language_codes
               from fct_fact_roots where rule_code = 'paper'"""
        ).fetchall()
    listed = unpacked(found[1])
    said = {}
    told = []
    for fact in listed:
        for entry in fact["languages"]:
            said[fact["fact_id"], entry["language"]] = (entry["stated"] == "stated", True)
            for answer in entry["answers"]:
                if answer["root"]:
                    where = (fact["fact_id"], entry["language"], answer["model"])
                    told.append((*where, answer["root"], answer["shared"]))
        said |= {(fact["fact_id"], code): (True, False) for code in fact["unlearned"] or []}
        said |= {(fact["fact_id"], code): (False, False) for code in fact["unknown"] or []}
    read = re.search('id="rows-passages">([^<]*)<', page)
    assert read is not None
    passages = [len(languages) for languages in unpacked(read[1])]
    assert passages == [len(fact["languages"]) for fact in listed]
    known = {fact["fact_id"] for fact in listed}
    assert said == {
        key: (bool(stated), right) for key, (stated, right) in asked.items() if key[0] in known
    }
    assert sorted(told) == sorted(roots)


def test_the_page_loads_nothing_from_anywhere(page: str) -> None:
    outside = page.replace(re.search(r"<script>.*?</script>", page, re.DOTALL)[0], "")  # type: ignore[index]
    assert not re.findall(r"(?:src|href)=[\"'](?!#)", outside)
    assert "@import" not in outside


def test_a_run_leaves_the_report_that_belongs_to_its_warehouse(page: str, finished: Path) -> None:
    assert (finished / "report" / "report.html").read_text(encoding="utf-8") == page


def test_the_same_warehouse_gives_the_same_page(page: str, finished: Path, tmp_path: Path) -> None:
    again = write_report(finished / "factroots.duckdb", tmp_path)
    assert again.path.read_text(encoding="utf-8") == page


def test_the_command_writes_each_figure_as_picture_and_table(
    finished: Path, tiny_study: Path, figures: list[Figure]
) -> None:
    result = studies.factroots("report", tiny_study, "--home", finished.parent)
    assert result.exit_code == 0, result.stderr
    folder = finished / "report" / "figures"
    assert {path.name for path in folder.iterdir()} == {
        f"{figure.name}.{suffix}" for figure in figures for suffix in ("svg", "png", "csv")
    }


def test_the_neurons_shown_are_those_of_a_fact_by_id_or_by_name(finished: Path) -> None:
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        fact_id, subject = connection.execute(
            """select fact_id, subject_label from dim_facts join fct_active_neurons using (fact_id)
               where method_code = 'probeless' order by fact_id desc limit 1"""
        ).fetchall()[0]
        for asked in (fact_id, subject.upper()):
            figures = [f for found in read_figures(connection, asked).values() for f in found]
            (shown,) = [figure for figure in figures if figure.name == "one_fact"]
            assert fact_id in set(shown.rows["fact_id"])
            assert all(subject in fact for fact in shown.rows["fact"])


def test_a_fact_that_does_not_exist_and_a_missing_warehouse_are_named(
    finished: Path, tmp_path: Path
) -> None:
    with pytest.raises(ReportError, match="has the id 'nobody'"):
        write_report(finished / "factroots.duckdb", tmp_path, fact="nobody")
    with pytest.raises(ReportError, match="create it with factroots run"):
        write_report(tmp_path / "none.duckdb", tmp_path)
