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
from warehouse.report import pictures
from warehouse.report.errors import ReportError
from warehouse.report.figures import SECTIONS, Figure, read_figures
from warehouse.report.head import read_head
from warehouse.report.page import write_report
from warehouse.report.pictures import missing_scripts, specification, write_figures

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
        for model in figure.models or [None]:
            drawn = vl_convert.vegalite_to_vega(specification(figure, "tiny", model))
            assert drawn["marks"], figure.name


def test_every_figure_says_how_much_it_shows_and_switches_between_models_that_it_has(
    figures: list[Figure], page: str
) -> None:
    text = html.unescape(page)
    for figure in figures:
        assert figure.counts, figure.name
        has_models = "model_id" in figure.rows.columns
        assert set(figure.counts) == (set(figure.rows["model_id"]) if has_models else {""})
        assert set(figure.models) <= set(figure.counts)
        for model, words in figure.counts.items():
            assert re.match(r"[\d,]+ ", words), (figure.name, words)
            assert f"{model}: n = {words}" in text or f"n = {words}" in text
    (known,) = [figure for figure in figures if figure.name == "p_at_1_by_language"]
    first = known.rows.filter(model_id="first")
    assert known.counts["first"] == f"{first['fact_count'].sum():,} questions"
    assert any(figure.models == ["first", "second", "third"] for figure in figures)


def _embedded(page: str, name: str) -> Any:
    found = re.search(f'id="{name}">([^<]*)<', page)
    assert found is not None, name
    return unpacked(found[1])


def test_the_list_has_every_fact_and_says_where_each_is_right(page: str, finished: Path) -> None:
    listed = _embedded(page, "rows-facts")
    answers = {
        (fact, model, language): state
        for fact, states in zip(listed["id"], listed["states"], strict=True)
        for (model, _), text in zip(listed["models"], states, strict=True)
        for (language, _), state in zip(listed["languages"], text, strict=True)
        if state != "-"
    }
    roots = {
        rule: {key: (ord(state) - 48) // step % 6 for key, state in answers.items() if state != "."}
        for rule, step in (("calibrated", 6), ("paper", 1))
    }
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        asked = connection.execute(
            "select fact_id, model_id, language_code, is_right from fct_predictions"
        ).fetchall()
        found = connection.execute(
            "select rule_code, fact_id, model_id, language_code, root_code from fct_fact_roots"
        ).fetchall()
        facts = connection.execute("select fact_id from dim_facts").fetchall()
    assert sorted(listed["id"]) == sorted(fact for (fact,) in facts)
    assert {key: state != "." for key, state in answers.items()} == {
        (fact, model, language): right for fact, model, language, right in asked
    }
    assert found
    for rule, *key, root in found:
        assert listed["roots"][rule][roots[rule][*key] - 1] == root


def test_every_fact_has_a_page(page: str, finished: Path) -> None:
    listed = _embedded(page, "rows-facts")
    details, names = _embedded(page, "answers-0"), _embedded(page, "names-0")
    neurons = _embedded(page, "neurons-0")
    assert len(details) == len(names) == len(neurons) == len(listed["id"]) <= listed["chunk"]
    languages = [code for code, _ in listed["languages"]]
    answers = {
        (fact, model, languages[int(place)]): text
        for fact, own in zip(listed["id"], details, strict=True)
        for (model, _), found in zip(listed["models"], own["wrong"], strict=True)
        for place, text in found.items()
    }
    labels = {
        (fact, code): (subject, object_)
        for fact, (subjects, objects) in zip(listed["id"], names, strict=True)
        for code, subject, object_ in zip(languages, subjects, objects, strict=True)
        if subject
    }
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        wrong = connection.execute(
            "select fact_id, model_id, language_code, predicted_text "
            "from fct_predictions where not is_right"
        ).fetchall()
        named = connection.execute(
            "select fact_id, language_code, subject_label, object_label from dim_fact_labels"
        ).fetchall()
        neuron_count = connection.execute(
            "select count(*) from fct_active_neurons where method_code = 'probeless'"
        ).fetchall()[0][0]
    assert answers == {(fact, model, code): text for fact, model, code, text in wrong}
    assert labels == {(fact, code): (subject, object_) for fact, code, subject, object_ in named}
    drawn = [steps for own in neurons for found in own for steps in found.values()]
    assert sum(map(len, drawn)) == neuron_count > 0
    assert vl_convert.vegalite_to_vega(_embedded(page, "neuron-chart"))["marks"]


def test_the_page_loads_nothing_from_anywhere(page: str) -> None:
    outside = page.replace(re.search(r"<script>.*?</script>", page, re.DOTALL)[0], "")  # type: ignore[index]
    assert not re.findall(r"(?:src|href)=[\"'](?!#)", outside)
    assert "@import" not in outside


def test_a_run_leaves_the_report_that_belongs_to_its_warehouse(page: str, finished: Path) -> None:
    assert (finished / "report" / "report.html").read_text(encoding="utf-8") == page


def test_the_same_warehouse_gives_the_same_page(page: str, finished: Path, tmp_path: Path) -> None:
    again = write_report(finished / "factroots.duckdb", tmp_path)
    assert again.path.read_text(encoding="utf-8") == page


@pytest.mark.nightly
def test_the_command_writes_each_figure_as_picture_and_table(
    finished: Path, tiny_study: Path, figures: list[Figure]
) -> None:
    result = studies.factroots("report", tiny_study, "--home", finished.parent)
    assert result.exit_code == 0, result.stderr
    folder = finished / "report" / "figures"
    stems = {
        f"{figure.name}-{model}" if model else figure.name
        for figure in figures
        for model in figure.models or [None]
    }
    assert {path.name for path in folder.iterdir()} == {
        *(f"{stem}.{suffix}" for stem in stems for suffix in ("svg", "png")),
        *(f"{figure.name}.csv" for figure in figures),
    }


def test_one_figure_is_written_in_a_chosen_format_and_says_what_it_was_made_from(
    finished: Path, tiny_study: Path, figures: list[Figure], tmp_path: Path
) -> None:
    (figure,) = [figure for figure in figures if figure.name == "presence"]
    model = figure.models[1]
    files, _ = write_figures(finished / "factroots.duckdb", tmp_path, ["presence"], ["svg", "pdf"])
    assert {path.name for path in files} == {
        f"presence-{model}.{suffix}" for model in figure.models for suffix in ("svg", "pdf")
    }
    assert (tmp_path / f"presence-{model}.pdf").read_bytes().startswith(b"%PDF")
    svg = html.unescape((tmp_path / f"presence-{model}.svg").read_text(encoding="utf-8"))
    with duckdb.connect(finished / "factroots.duckdb", read_only=True) as connection:
        date = read_head(connection).published_on
    assert figure.title in svg
    assert f"{model}, tiny, {date}" in svg
    assert f"n = {figure.counts[model]}" in svg
    with pytest.raises(ReportError, match=r"no figure 'presens'.*presence"):
        write_figures(finished / "factroots.duckdb", tmp_path, ["presens"])
    arguments = ("--figure", "presence", "--format", "jpg")
    result = studies.factroots("report", tiny_study, "--home", finished.parent, *arguments)
    assert result.exit_code == 2
    assert "'svg', 'png', 'pdf', 'csv'" in result.stderr


def test_letters_that_no_font_has_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_scripts(["abc", "é", "Ελλάδα"]) == set()
    # A machine whose fonts lack Thai draws the same box for every Thai letter as for no letter.
    drawn = pictures._drawn
    monkeypatch.setattr(
        pictures, "_drawn", lambda x: drawn(pictures._NOBODYS if "ก" <= x <= "๛" else x)
    )
    assert missing_scripts(["Ελλάδα", "ไทย"]) == {"THAI"}


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
