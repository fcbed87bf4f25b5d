"""Each planted fault changes a line that is there, and names tests that are there."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.planted_faults import FAULTS, PROJECT


def test_each_fault_can_be_planted() -> None:
    lines = {fault: (PROJECT / fault.path).read_text(encoding="utf-8") for fault in FAULTS}
    assert [fault.name for fault, text in lines.items() if fault.old not in text] == []
    tests = {Path(PROJECT / test) for fault in FAULTS for test in fault.tests.split()}
    assert {test for test in tests if not test.exists()} == set()
