"""What the log says of a finished part."""

from __future__ import annotations

import logging

import pytest

from dagster_project.runtime.compute import _log
from dagster_project.steps.registry import STEP_OF_TABLE
from dagster_project.steps.step import Computed


@pytest.mark.parametrize(
    ("count", "rate"), [(3, "0.3 facts/s"), (99, "9.9 facts/s"), (45_678, "4,568 facts/s")]
)
def test_a_slow_rate_has_a_decimal(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, count: int, rate: str
) -> None:
    logger = logging.getLogger("factroots")
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(logger, "handlers", [])
    caplog.set_level(logging.INFO, "factroots")
    step = STEP_OF_TABLE["predictions"]
    _log(step, {"model_id": "m"}, Computed({}, "en", fact_count=count), 10.0)
    assert caplog.messages == [f"predictions m/en: {count:,} facts, 10.0 s, {rate}"]
