"""A study imports what another one computed: the marts of the copy are those of the model."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.helpers import studies

STUDY = """\
name: mine
facts: {kind: atlas, relations: [P30, P17], sample: 40}
languages: [de, en]
attribution: {probeless: {top: 20, bins: 4}}
corpora:
  - {id: atlas, kind: atlas}
models:
  - {id: asked, source: "atlas:atlas-mlm", trained_on: atlas}
"""
UNLIKE = {"dim_models", "neuron_profile_by_language"}
"""Tables that say who the model is, or what nobody publishes."""
OF_TRUTH = {
    "fct_planted_predictions", "p_at_1_by_presence", "root_accuracy", "root_signal_accuracy",
    "root_survival", "source_agreement", "volume_correlations",
}  # fmt: skip
"""Tables that need the text itself, or what is planted in it."""


@pytest.mark.nightly
def test_a_copy_has_the_tables_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yml").write_text(STUDY, encoding="utf-8")
    assert studies.factroots("run", "mine.yml", "--home", "home").exit_code == 0
    files = {"predictions": "predictions", "neurons": "active_neurons", "presence": "occurrences"}
    for kind, table in files.items():
        parts = sorted(Path(f"home/mine/lake/{table}").glob("*/*.parquet"))
        pl.concat([pl.read_parquet(part) for part in parts]).write_parquet(f"{kind}.parquet")
    for kind, owner in (("presence", "counts"), ("predictions", "bare"), ("neurons", "bare")):
        command = ("import", "mine.yml", kind, f"{kind}.parquet", "--id", owner, "--home", "home")
        result = studies.factroots(*command)
        assert result.exit_code == 0, result.output
    text = Path("mine.yml").read_text(encoding="utf-8")
    copied = (
        '  - {id: copied, source: "atlas:atlas-mlm", predictions: predictions.parquet, '
        "neurons: neurons.parquet, trained_on: counts}\n"
    )
    text = text.replace("models:\n", f"models:\n{copied}")
    text = text.replace("neurons.parquet}", "neurons.parquet, trained_on: atlas}")
    Path("mine.yml").write_text(text, encoding="utf-8")
    result = studies.factroots("run", "mine.yml", "--home", "home")
    assert result.exit_code == 0, result.output
    assert studies.factroots("run", "mine.yml", "--home", "home").output.count("up to date") == 1
    with duckdb.connect("home/mine/factroots.duckdb", read_only=True) as connection:

        def unlike(other: str) -> set[str]:
            found = set()
            names = connection.execute(
                """select distinct table_name from duckdb_columns() semi join duckdb_tables()
                   using (schema_name, table_name)
                   where schema_name = 'main' and column_name = 'model_id'"""
            ).fetchall()
            for (name,) in names:
                columns = {column[0] for column in connection.table(f"main.{name}").description}
                left_out = ", ".join({"model_id", "corpus_id"} & columns)
                asked, copied = (
                    connection.execute(
                        f"select * exclude ({left_out}) from main.{name} where model_id = ? "
                        "order by all",
                        [model],
                    ).fetchall()
                    for model in ("asked", other)
                )
                found |= {name} if asked != copied else set()
            return found

        assert unlike("copied") == UNLIKE | OF_TRUTH
        probing = {"fct_predictions", "p_at_1_by_language", "p_at_1_by_verdict", "hub_neurons",
                   "neuron_overlap_by_fact", "overlap_tests"}  # fmt: skip
        assert not probing & unlike("bare")
        roots = connection.execute(
            "select distinct root_code from fct_fact_roots where model_id = 'bare' "
            "and rule_code = 'paper'"
        ).fetchall()
        assert roots == [("undetermined",)]
