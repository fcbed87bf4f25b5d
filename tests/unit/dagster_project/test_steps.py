"""The steps: every lake table has one, and each can rely on those that it depends on."""

from __future__ import annotations

import pytest

from dagster_project.steps.registry import STEP_OF_TABLE, STEPS
from dagster_project.steps.step import ModelStep, Step
from ingestion.contract import LAKE


def test_every_lake_table_is_computed_by_one_step() -> None:
    tables = [table for step in STEPS for table in step.tables]
    assert len(tables) == len(set(tables))
    # The run that builds the marts writes this one.
    assert set(tables) == LAKE.keys() - {"missing_models"}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_comes_after_those_that_it_depends_on(step: Step) -> None:
    for table in step.depends_on:
        earlier = STEP_OF_TABLE[table]
        assert STEPS.index(earlier) < STEPS.index(step)
        if isinstance(step, ModelStep) and isinstance(earlier, ModelStep):
            assert earlier.wave <= step.wave


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_described_and_named_after_its_module(step: Step) -> None:
    assert step.compute.__module__.rpartition(".")[2] == step.name
    assert step.description.endswith((".", "?"))
