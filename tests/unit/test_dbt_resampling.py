"""The macros behind the tests of the neuron marts, rendered alone and held against scipy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import jinja2
import numpy as np
import pytest
from scipy import stats


@pytest.fixture(scope="module")
def macros(project: Path) -> Any:
    folder = project / "dbt" / "macros"
    names = ("significance", "resampling", "haversine")
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    environment.globals["var"] = lambda name, default: default
    source = "".join((folder / f"{name}.sql").read_text() for name in names)
    return environment.from_string(source).module


def ask(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("df", [4, 10, 63])
@pytest.mark.parametrize("t", [-3.0, -0.5, 0.0, 0.5, 2.0, 4.0, 9.0, 30.0])
def test_the_tail_of_student_is_that_of_scipy(macros: Any, t: float, df: int) -> None:
    [(p,)] = ask(f"select {macros.student_tail(f'({t}::double)', str(df))}")
    # Never too small, close where a test is decided, the order of magnitude beyond.
    ratio = p / stats.t.sf(t, df)
    assert 0.998 < ratio < (1.05 if p > 0.005 else 1.6)


def test_p_values_are_adjusted_as_scipy_does_also_with_ties_and_gaps(macros: Any) -> None:
    p = [0.001, 0.04, 0.04, 0.2, 0.9, 0.0005]
    values = ", ".join(f"('a', {x}::double)" for x in p)
    values += ", ('a', null), ('b', 0.03), ('b', null)"
    query = macros.adjust_p_values("tests", ["model_id"], ["p"])
    found = ask(
        f"""with tests as (select * from (values {values}) as test (model_id, p)),
            adjusted as ({query}) select model_id, p, p_adjusted from adjusted order by all"""
    )
    expected = sorted(zip(p, stats.false_discovery_control(p), strict=True))
    assert [row[2] for row in found[:6]] == pytest.approx([adjusted for _, adjusted in expected])
    assert found[6:] == [("a", None, None), ("b", pytest.approx(0.03), pytest.approx(0.03)),
                         ("b", None, None)]  # fmt: skip


def test_resamples_are_poisson_with_mean_one_and_independent(macros: Any) -> None:
    rows = ask(f"select * from ({macros.bootstrap_weights(64)}) order by all")
    assert [row[:2] for row in rows] == [(r, b) for r in range(1000) for b in range(64)]
    weights = np.array([row[2] for row in rows]).reshape(1000, 64)
    observed = np.bincount(weights.reshape(-1), minlength=8)[:8] / weights.size
    assert observed == pytest.approx(stats.poisson.pmf(range(8), 1), abs=0.006)
    between = np.corrcoef(weights.T)[np.triu_indices(64, 1)]
    assert np.abs(between).max() < 0.15
    assert ask(f"select * from ({macros.bootstrap_weights(64)}) order by all") == rows


def test_distances_are_great_circles(macros: Any) -> None:
    places = """(select 52.52 as latitude, 13.405 as longitude) as a,
        (select 35.68 as latitude, 139.69 as longitude) as b,
        (select -52.52 as latitude, -166.595 as longitude) as c"""
    [(tokyo, antipode, same)] = ask(
        f"""select {macros.haversine("a", "b")}, {macros.haversine("a", "c")},
            {macros.haversine("a", "a")} from {places}"""
    )
    assert tokyo == pytest.approx(8918, abs=5)
    assert antipode == pytest.approx(np.pi * 6371.0088)
    assert same == 0
