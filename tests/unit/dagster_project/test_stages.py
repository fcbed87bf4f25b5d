"""Stages: exactly the partitions that lack something, in the order of the flow."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from dagster_project.defs.asset_specs import lake_key
from dagster_project.defs.partitions import MODEL_LANGUAGES
from dagster_project.defs.stages import Stage, stages
from dagster_project.steps.plan import Part


def asset(*tables: str, partitions: dg.PartitionsDefinition | None = None) -> dg.AssetsDefinition:
    specs = [dg.AssetSpec(lake_key(table), partitions_def=partitions) for table in tables]

    @dg.multi_asset(name=f"make_{tables[0]}", specs=specs)
    def made():
        pass

    return made


ASSETS = [
    asset("facts", "languages"),
    asset("predictions", partitions=MODEL_LANGUAGES),
    asset("active_neurons", "neuron_profiles", partitions=MODEL_LANGUAGES),
    asset("missing_models"),
]


def part(table: str, *owner: str) -> Part:
    columns = ("model_id", "language_code")
    return Part(table, dict(zip(columns, owner, strict=False)), "fingerprint", "1")


def staged(folder: Path, *missing: Part) -> list[Stage]:
    workspace = SimpleNamespace(home=SimpleNamespace(lake=folder), identity="now")
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


def test_an_asset_that_makes_several_tables_is_asked_for_whole(tmp_path: Path) -> None:
    neurons, _ = staged(tmp_path, part("neuron_profiles", "m", "it"))
    assert neurons.keys == (lake_key("active_neurons"), lake_key("neuron_profiles"))
    inputs, _ = staged(tmp_path, part("facts"))
    assert inputs.job == "read_inputs"
    assert inputs.keys == (lake_key("facts"), lake_key("languages"))


def test_another_reason_makes_another_run(tmp_path: Path) -> None:
    wanted = part("predictions", "m", "it")
    once, again = (staged(tmp_path, wanted)[0].identity for _ in range(2))
    assert once == again
    wanted.path(tmp_path).parent.mkdir(parents=True)
    wanted.path(tmp_path).write_bytes(b"damaged")
    assert staged(tmp_path, wanted)[0].identity != once


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_models_keep_the_order_of_the_study(tmp_path: Path, order: tuple[str, str]) -> None:
    found = staged(tmp_path, *(part("predictions", model, "it") for model in order))
    assert [stage.name for stage in found] == [*(f"model {model}" for model in order), "marts"]
