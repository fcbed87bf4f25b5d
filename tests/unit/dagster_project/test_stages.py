"""Stages: exactly the partitions that lack something, in the order of the flow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagster_project.defs.asset_specs import lake_key
from dagster_project.defs.stages import Stage, stages
from dagster_project.steps.plan import Part, Plan
from ingestion.contract import LAKE

ASSETS = [lake_key(table) for table in LAKE]


def part(table: str, *owner: str) -> Part:
    columns = ("model_id", "language_code")
    return Part(table, dict(zip(columns, owner, strict=False)), "fingerprint", "1")


def staged(folder: Path, *missing: Part, has: Sequence[Part] = ()) -> list[Stage]:
    products = {"published_file": folder / "factroots.duckdb", "report_file": folder / "page"}
    home = SimpleNamespace(lake=folder, **products)
    plan = Plan(None)  # type: ignore[arg-type]
    plan.add(has)
    plan.add(missing)
    workspace = SimpleNamespace(home=home, fingerprint="now", plan=plan)
    # Languages as Dagster keeps them: German was added last.
    return stages(workspace, missing, ASSETS, ["en", "it", "ru", "de"])  # type: ignore[arg-type]


def test_neighbours_that_lack_the_same_make_one_run(tmp_path: Path) -> None:
    lacking = [part("predictions", "m", language) for language in ("de", "en", "ru")]
    first, second, marts = staged(tmp_path, *lacking)
    assert [(str(stage.first), str(stage.last)) for stage in (first, second)] == [
        ("en|m", "en|m"),
        ("ru|m", "de|m"),
    ]
    assert {stage.model_id for stage in (first, second)} == {"m"}
    assert marts.keys == (lake_key("missing_models"),)


def test_a_run_goes_on_over_languages_in_which_the_study_lacks_an_asset(tmp_path: Path) -> None:
    lacking = [part("predictions", "m", language) for language in ("en", "it", "ru")]
    lacking += [part("wording_predictions", "m", "it")]
    whole, _ = staged(tmp_path, *lacking)
    assert (str(whole.first), str(whole.last)) == ("en|m", "ru|m")
    assert whole.keys == tuple(map(lake_key, ("predictions", "wording_predictions")))
    # English has its own wordings, which are not computed again.
    first, rest, _ = staged(tmp_path, *lacking, has=[part("wording_predictions", "m", "en")])
    assert first.keys == (lake_key("predictions"),)
    assert (str(rest.first), str(rest.last)) == ("it|m", "ru|m")


def test_an_asset_that_makes_several_tables_is_asked_for_whole(tmp_path: Path) -> None:
    neurons, _ = staged(tmp_path, part("neuron_profiles", "m", "it"))
    tables = ("active_neurons", "neuron_profiles", "unscored_facts")
    assert neurons.keys == tuple(map(lake_key, tables))
    inputs, _ = staged(tmp_path, part("facts"))
    assert inputs.job == "read_inputs"
    tables = ("fact_labels", "facts", "languages", "prompts", "rejected_rows", "relations")
    assert inputs.keys == tuple(map(lake_key, tables))


def test_neurons_chosen_over_all_languages_wait_for_the_answers_in_all_of_them(
    tmp_path: Path,
) -> None:
    found = staged(
        tmp_path,
        part("interventions", "m", "en"),
        part("knowledge_neurons", "m", "en"),
        part("predictions", "m", "de"),
    )
    first = [stage.keys[0].path[-1] for stage in found[:-1]]
    assert first == ["predictions", "attribution_quality", "interventions"]


def test_gradients_of_texts_wait_for_the_search_in_the_text(tmp_path: Path) -> None:
    columns = {"corpus_id": "c", "language_code": "en"}
    found = staged(
        tmp_path,
        part("text_gradients", "m", "en"),
        Part("occurrences", columns, "fingerprint", "1"),
        part("edit_propagations", "m", "en"),
        part("predictions", "m", "de"),
    )
    first = [stage.keys[-1].path[-1] for stage in found[:-1]]
    assert first == ["predictions", "edit_propagations", "occurrences", "text_gradients"]


def test_another_reason_makes_another_run(tmp_path: Path) -> None:
    wanted = part("predictions", "m", "it")
    once, again = (staged(tmp_path, wanted)[0].fingerprint for _ in range(2))
    assert once == again
    wanted.path(tmp_path).parent.mkdir(parents=True)
    wanted.path(tmp_path).write_bytes(b"damaged")
    assert staged(tmp_path, wanted)[0].fingerprint != once


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_models_keep_the_order_of_the_study(tmp_path: Path, order: tuple[str, str]) -> None:
    found = staged(tmp_path, *(part("predictions", model, "it") for model in order))
    assert [stage.name for stage in found] == [*(f"model {model}" for model in order), "marts"]
