"""How work is handed out, and what is said when it cannot be; Ray itself is in ``test_ray``."""

from __future__ import annotations

import sys

import pytest

from dagster_project.runtime.connect import workers_at
from dagster_project.runtime.workers import (
    ThisProcess,
    WorkersError,
    code_fingerprint,
    shares,
)


def test_shares_are_of_nearly_equal_weight_and_none_is_empty() -> None:
    weights = {"en": 90, "de": 40, "fr": 30, "it": 30, "cy": 5}
    assert shares(weights, 2) == [["en", "cy"], ["de", "fr", "it"]]
    assert shares(weights, 1) == [["en", "de", "fr", "it", "cy"]]
    assert shares({"en": 0, "de": 0}, 9) == [["en"], ["de"]]
    assert shares({}, 3) == []


def test_one_process_takes_a_task_when_the_last_one_is_done() -> None:
    workers, seen = workers_at(None), []
    assert isinstance(workers, ThisProcess)

    def tasks() -> object:
        for task in (1, 2):
            seen.append(f"asked for {task}")
            yield workers.put(10), task

    def add(shared: int, task: int) -> int:
        seen.append(f"did {task}")
        return shared + task

    assert list(workers.each(add, tasks(), is_of_model=True)) == [(1, 11), (2, 12)]
    assert seen == ["asked for 1", "did 1", "asked for 2", "did 2"]


def test_without_the_extra_ray_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "dagster_ray", None)
    monkeypatch.delitem(sys.modules, "dagster_project.runtime.ray_cluster", raising=False)
    with pytest.raises(WorkersError, match=r"pip install 'factroots\[ray\]'"):
        workers_at("local")


def test_versions_of_the_code_are_told_apart_by_its_files() -> None:
    assert len(code_fingerprint()) == 16
