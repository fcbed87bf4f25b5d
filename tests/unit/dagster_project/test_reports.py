"""Lines about the work of a model: often enough, with the time that is really left."""

from __future__ import annotations

import logging
import re

import pytest

from dagster_project.runtime.reports import Reports


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(caplog: pytest.LogCaptureFixture) -> Clock:
    caplog.set_level(logging.INFO, logger="factroots")
    return Clock()


def run(clock: Clock, reports: Reports, seconds: int) -> None:
    """Lets seconds pass, as the thread of ``reports`` sees them."""
    for _ in range(seconds):
        clock.now += 1
        reports.tick()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_long_batch_is_reported_every_five_seconds(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    reports = Reports(clock=clock)
    report = reports.progress("knowledge_neurons gemma", "en")
    run(clock, reports, 12)  # Queries are built.
    report(0, 10)
    run(clock, reports, 30)  # The first of ten batches.
    report(1, 10)
    run(clock, reports, 10)
    assert lines(caplog) == [
        *(f"knowledge_neurons gemma/en: at work for {seconds} s" for seconds in (5, 10)),
        *(f"knowledge_neurons gemma/en: at work for {seconds} s" for seconds in (3, 8, 13, 18, 23)),
        "knowledge_neurons gemma/en: at work for 28 s",
        "knowledge_neurons gemma/en: 10%, 4 min left",
        "knowledge_neurons gemma/en: 10%, 4 min left",
    ]


def test_time_left_does_not_count_what_came_before_the_first_batch(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    reports = Reports(clock=clock)
    report = reports.progress("predictions m", "en")
    clock.now = 100.0
    report(0, 40)
    clock.now = 106.0
    report(4, 40)
    reports.tick()
    assert lines(caplog) == ["predictions m/en: 10%, 54 s left"]


def test_all_models_are_the_rest_of_this_part_and_the_other_parts(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    told = []

    def others(language: str, whole: float) -> float:
        told.append((language, whole))
        return 30.0

    reports = Reports(others, clock)
    report = reports.progress("predictions m", "fr")
    report(0, 1.0)
    clock.now = 10.0
    report(0.5, 1.0)
    reports.tick()
    assert told == [("fr", 20.0)]
    assert lines(caplog) == ["predictions m/fr: 50%, 10 s left; all models: 40 s"]


def test_a_thread_writes_lines_while_it_is_entered(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, logger="factroots")
    monkeypatch.setattr("dagster_project.runtime.reports.EVERY_SECONDS", 0.0)
    monkeypatch.setattr("dagster_project.runtime.reports._TICK_SECONDS", 0.001)
    with Reports() as reports:
        reports.progress("predictions m", "fr")
        while not caplog.records:
            pass
    count = len(caplog.records)
    assert all(re.fullmatch(r"predictions m/fr: at work for 0 s", text) for text in lines(caplog))
    reports.progress("predictions m", "en")
    assert len(caplog.records) == count
