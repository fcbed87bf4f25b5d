"""Study files: what is wrong is said at once, with its line and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project.paths import embedded_studies
from dagster_project.steps.registry import make_plan
from dagster_project.study.load import load_study
from dagster_project.study.resolve import resolve_study
from dagster_project.study.schema import Study, StudyError

GOOD = """\
name: mine
facts: {kind: table, path: facts.csv}
languages: [en, "no"]
corpora:
  - {id: atlas, kind: atlas}
models:
  - id: small
    source: models/small
    trained_on: atlas
"""
ATTRIBUTION = """\
attribution:
  integrated_gradients: {mode: zero, steps: 20}
  edits: {languages: [en, "no"], base_language: en}
"""


def study_file(folder: Path, text: str) -> str:
    path = folder / "mine.yml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def problems(folder: Path, text: str) -> list[tuple[int | None, str]]:
    with pytest.raises(StudyError) as caught:
        load_study(study_file(folder, text))
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_a_good_study_is_read_with_its_defaults(tmp_path: Path) -> None:
    study = load_study(study_file(tmp_path, GOOD))
    assert isinstance(study, Study)
    assert study.languages == ("en", "no")
    assert study.models[0].dtype == "float32"
    assert study.block_line("models", "small") == 7


@pytest.mark.parametrize("name", sorted(embedded_studies()))
def test_every_embedded_study_is_well_formed(name: str) -> None:
    assert load_study(name).name == name


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("languages:", "langauges:", 3, "unknown key 'langauges'. Did you mean 'languages'?"),
        ("path: facts", "pth: facts", 2, "unknown key 'facts.pth'. Did you mean 'path'?"),
        ("    source:", "    sauce:", 7, "it needs a source, or a file with predictions"),
        ('"no"', "no", 3, "write it in quotes"),
        ("kind: table", "kind: tabel", 2, "'mlama', 'bmlama', 'table' or 'atlas', not 'tabel'"),
        ("name: mine", "name: ../mine", 1, "an id starts with a letter or digit"),
        ("trained_on: atlas", "trained_on: atals", 7, "Did you mean 'atlas'?"),
        ("name: mine", "name: [", None, "not readable as YAML"),
        (
            "name: mine",
            "name: mine\nname: twin",
            2,
            "key 'name' stands twice, in lines 1 and 2: keep one",
        ),
        ("id: small", "<<: {id: sm, dtype: int8}\n    id: small", 7, "'float16', not 'int8'"),
        (
            "name: mine",
            "lake: 's3://me:key@x'\nname: mine",
            1,
            "must not contain a user name, key or password",
        ),
        ("id: small", "id: a/b", 7, "an id starts with a letter or digit"),
        ("steps: 20", "steps: 0", 11, "steps: input should be greater than or equal to 1, not 0"),
        ("integrated_gradients", "probeless", 11, "unknown key 'attribution.probeless.mode'"),
        ("base_language: en", "base_language: de", 10, "base_language 'de' is not in its"),
        (
            "base_language: en}",
            "base_language: en}\n  degenerate: {languages: [en], largest_set: 21}",
            10,
            "largest_set 21 exceeds candidates 20: sets are made of candidates",
        ),
        (
            "base_language: en}",
            "base_language: en}\n  fact_checks: {languages: [en], test_share: 0.8}",
            10,
            "validation_share 0.2 and test_share 0.8 leave no subjects to learn from",
        ),
        ("mode: zero", "mode: nil", 11, "'amig_mean' or 'amig_code', not 'nil'"),
    ],
)
def test_a_problem_is_named_with_line_and_remedy(
    tmp_path: Path, old: str, new: str, line: int | None, message: str
) -> None:
    found = problems(tmp_path, (GOOD + ATTRIBUTION).replace(old, new, 1))
    assert any(message in text and (line in (None, at)) for at, text in found), found


def test_neurons_are_edited_only_where_they_are_attributed(tmp_path: Path) -> None:
    text = GOOD + ATTRIBUTION.replace("  integrated_gradients: {mode: zero, steps: 20}\n", "")
    text = text.replace(", base_language: en", "")
    message = "attribution.edits also needs attribution.integrated_gradients"
    assert problems(tmp_path, text) == [(10, message)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: table, path: facts.csv", "kind: atlas, path: facts.csv", "atlas are part of the"),
        ("kind: atlas}", "kind: atlas, text_column: body}", "of kind atlas has no text_column"),
        ("kind: atlas}", "kind: text, path: a, title_column: null}", "has no title_column"),
        ("kind: atlas}", "kind: jsonl, path: a, document: file}", "setting of kind text"),
        ("steps: 20}", "steps: 20, tolerance: 0.1, most_steps: 39}", "so it never does"),
        ("steps: 20}", "most_steps: 7}", "tolerance doubles 4 steps up to most_steps 7"),
        ("steps: 20}", "quadrature: left}", "never comes near a tolerance, so it needs steps"),
        ("base_language: en}", "base_language: en}", "which need attribution.probeless"),
        (
            "base_language: en}",
            "base_language: en}\n  probeless: {variants: [ffn-normalised]}",
            "with the variant ffn",
        ),
    ],
)
def test_a_setting_that_can_have_no_effect_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    found = problems(tmp_path, (GOOD + ATTRIBUTION).replace(old, new, 1))
    assert any(message in text and line for line, text in found), found
    right = ATTRIBUTION.replace("en}", "en}\n  probeless: {}")
    load_study(study_file(tmp_path, GOOD + right.replace("20}", "20, tolerance: 0.1}")))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("latent_languages: {languages: []}", "at least 1 item"),
        ("patching: {languages: [en, en]}", "languages has 'en' twice: leave one out"),
        ("patching: {languages: [en]}", "at least 2 items"),
        ('patching: {languages: [en, "no"], positions: [both, both]}', "has 'both' twice"),
        ('patching: {languages: [en, "no"], positions: [mask]}', "'subject', 'object' or 'both'"),
        ("edit_propagation: {languages: [en]}", "at least 2 items"),
        ('edit_propagation: {languages: [en, "no"], learning_rate: 0}', "greater than 0"),
        ("text_gradients: {languages: [en], folds: 1}", "greater than or equal to 2"),
    ],
)
def test_a_problem_of_a_signal_is_named(tmp_path: Path, block: str, message: str) -> None:
    found = problems(tmp_path, f"{GOOD}signals:\n  {block}\n")
    assert any(message in text for _, text in found), found


def test_gradients_of_texts_need_the_text(tmp_path: Path) -> None:
    text = GOOD.replace("    trained_on: atlas\n", "")
    lines = text[: text.index("corpora:")] + text[text.index("models:") :]
    found = problems(tmp_path, f"{lines}signals:\n  text_gradients: {{languages: [en]}}\n")
    assert [message for _, message in found] == [
        "signals.text_gradients compares queries with the training text: name it in corpora"
    ]


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("name: mine", "name: my study").replace("path:", "pth:")
    text = text.replace('"no"', "no").replace("trained_on: atlas", "trained_on: x")
    assert [line for line, _ in problems(tmp_path, text)] == [1, 2, 3, 7]


def test_a_block_is_found_by_its_id_among_malformed_blocks(tmp_path: Path) -> None:
    text = GOOD.replace(
        "  - id: small\n    source:", "  - gone\n  - sauce: a\n    id: a/b\n    source:"
    )
    found = problems(tmp_path, text)
    assert [line for line, _ in found] == [7, 8, 8]
    assert any("id 'a/b': an id starts" in message for _, message in found)
    path = study_file(
        tmp_path, GOOD.replace("  - id: small\n", "  - dtype: float16\n    id: a/b\n")
    )
    with pytest.raises(StudyError, match="yml:7: id 'a/b': an id starts"):
        load_study(path)


def test_two_models_of_one_id_are_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD + "  - {id: small, source: other}\n")
    assert found == [(6, "models has 'small' twice: ids are unique")]


def test_a_study_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no such file, nor an embedded study.*atlas.*paper"):
        load_study(str(tmp_path / "none.yml"))


@pytest.mark.parametrize(
    "line", ["0 2 * * *", "*/5 * * * 1-5", "0,30 22-23/1 1 1 0", "0 0 29 2 *", "0 0 31 */2 *"]
)
def test_a_schedule_is_a_cron_line(tmp_path: Path, line: str) -> None:
    text = GOOD + f'refresh: {{schedule: "{line}", timezone: Europe/Berlin}}\n'
    assert load_study(study_file(tmp_path, text)).refresh.schedule == line


@pytest.mark.parametrize(
    "line",
    [
        *("nightly", "0 2 * *", "60 2 * * *", "0 24 * * *", "0 2 0 * *", "5-1 * * * *"),
        # Dagster would take the last three for every month, every day and other minutes.
        *("*/0 * * * *", "0 0 1 4-4 *", "0 0 * * mon-mon", "*/90 * * * *"),
    ],
)
def test_what_is_no_cron_line_is_refused_with_an_example(tmp_path: Path, line: str) -> None:
    ((number, message),) = problems(tmp_path, GOOD + f'refresh: {{schedule: "{line}"}}\n')
    assert number == 10
    assert "no cron line" in message
    assert "'0 2 * * *'" in message


@pytest.mark.parametrize("day", ["30 2", "31 feb", "30,31 2", "31 4,6,9,11", "31 4-6/2", "31 11"])
def test_a_schedule_that_never_comes_is_refused(tmp_path: Path, day: str) -> None:
    ((number, message),) = problems(tmp_path, GOOD + f'refresh: {{schedule: "0 0 {day} *"}}\n')
    assert number == 10
    assert f"'0 0 {day} *' never comes: none of its months has such a day. Write" in message


def test_an_unknown_time_zone_is_refused_with_near_matches(tmp_path: Path) -> None:
    ((_, message),) = problems(tmp_path, GOOD + "refresh: {timezone: Europe/Berlln}\n")
    assert "Did you mean 'Europe/Berlin'" in message


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_corpus_may_have_no_titles(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s.yml"
    path.write_text(
        "name: s\nfacts: {kind: table, path: f.csv}\nmodels: [{id: m, source: ./m}]\n"
        f"corpora: [{{id: c, kind: {kind}, path: x, title_column: null}}]\n"
    )
    assert load_study(str(path)).corpora[0].title_column is None


@pytest.mark.parametrize(
    ("setting", "package", "extra"),
    [("chinese", "zhconv", "paper"), ("engine", "hyperscan", "match")],
)
@pytest.mark.parametrize("is_installed", [True, False])
def test_a_package_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    package: str,
    extra: str,
    is_installed: bool,
) -> None:
    study = tmp_path / "mine.yml"
    study.write_text(
        "name: mine\nfacts: {kind: atlas}\nlanguages: all\nmodels: [{id: a, source: atlas:mlm}]\n"
        f"tracing: {{{setting}: {package}}}\n"
    )
    monkeypatch.setattr(
        "dagster_project.study.validation.find_spec",
        lambda name: object() if is_installed or name != package else None,
    )
    if is_installed:
        assert getattr(load_study(str(study)).tracing, setting) == package
        return
    with pytest.raises(StudyError) as error:
        load_study(str(study))
    assert f"tracing.{setting}: {package} is not installed" in str(error.value)
    assert ":5: tracing" in str(error.value) or "line 5" in str(error.value)
    assert f"pip install 'factroots[{extra}]'" in str(error.value)


def test_aliases_are_read_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("language,relation,template,subject,object\nen,r,[X] [Y],a,b\n")
    (tmp_path / "names.csv").write_text("language,entity,alias\nen,Q1,c\n")
    path = study_file(
        tmp_path,
        "name: s\nfacts: {kind: table, path: f.csv}\nmodels: [{id: m, source: ./m}]\n"
        "tracing: {aliases: names.csv}\n",
    )
    with pytest.raises(StudyError) as caught:
        resolve_study(path, tmp_path / "homes")
    found = [problem.message for problem in caught.value.problems if problem.line == 4]
    assert len(found) == 1
    assert "names.csv: column 'language_code' is missing" in found[0]


def test_an_unknown_key_may_look_like_anything(tmp_path: Path) -> None:
    for key in ("facts[Y]", "[X]", "x.y", "models[0]"):
        text = GOOD.replace("languages:", f'"{key}":')
        ((line, message),) = [p for p in problems(tmp_path, text) if p[1].startswith("unknown")]
        assert (line, message.split(".")[0]) == (3, f"unknown key '{key}'".split(".")[0])


def test_a_language_of_ones_own_is_described_in_a_table_beside_the_study(tmp_path: Path) -> None:
    table = "language,relation,template,subject,object\nqmb,r,[X] [Y],a,b\n"
    (tmp_path / "f.csv").write_text(table)
    models = "models: [{id: m, source: atlas:atlas-mlm}]\n"
    text = f"name: s\nfacts: {{kind: table, path: f.csv}}\n{models}"
    path = study_file(tmp_path, text)
    with pytest.raises(StudyError, match="unknown for these language codes:\n  'qmb'"):
        resolve_study(path, tmp_path / "homes")
    path = study_file(tmp_path, text.replace("f.csv", "f.csv, language_table: mine.csv"))
    with pytest.raises(StudyError, match=r"mine\.csv") as caught:
        resolve_study(path, tmp_path / "homes")
    assert [problem.line for problem in caught.value.problems] == [2]
    described = (
        "language_code,language_name,language_family,language_branch,script,latitude,longitude\n"
        "qmb,Market Balkan,Indo-European,,Latin,42.7,23.3\n"
    )
    (tmp_path / "mine.csv").write_text(described, encoding="utf-8")
    fingerprint = {}
    for name in ("Market Balkan", "Balkan"):
        (tmp_path / "mine.csv").write_text(described.replace("Market Balkan", name))
        study = resolve_study(path, tmp_path / "homes")
        assert study.described_languages["language_name"].to_list() == [name]
        fingerprint[name] = make_plan(study).part("languages").fingerprint
    assert len(set(fingerprint.values())) == 2
