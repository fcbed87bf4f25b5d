"""The statistical macros of the dbt project, rendered alone and held against scipy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import jinja2
import numpy as np
import pytest
from scipy import stats

Z = 1.959964
FILES = ("wilson", "correlate", "significance")


@pytest.fixture(scope="module")
def macros(project: Path) -> Any:
    folder = project / "dbt" / "macros"
    source = "".join((folder / f"{name}.sql").read_text() for name in FILES)
    environment = jinja2.Environment()
    environment.globals["var"] = {"interval_z": Z}.__getitem__
    return environment.from_string(source).module


def ask(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(
    ("matches", "facts"), [(0, 1), (1, 1), (3, 10), (0, 500), (500, 500), (7152, 37498)]
)
def test_a_rate_has_the_wilson_interval_of_scipy(macros: Any, matches: int, facts: int) -> None:
    [(rate, low, high)] = ask(f"select {macros.wilson(f'{matches}::bigint', facts, 'rate')}")
    expected = stats.binomtest(matches, facts).proportion_ci(0.95, method="wilson")
    assert rate == matches / facts
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert 0 <= low <= rate <= high <= 1


def test_nothing_counted_is_no_rate(macros: Any) -> None:
    assert ask(f"select {macros.wilson('0', '0', 'rate')}") == [(None, None, None)]


def correlate(macros: Any, groups: dict[str, tuple[Any, Any]]) -> dict[str, tuple[Any, ...]]:
    values = ", ".join(
        f"('{name}', {x}::double, {y}::double)"
        for name, points in groups.items()
        for x, y in zip(*points, strict=True)
    )
    query = macros.correlate("points", ["name"])
    found = ask(
        f"""with points as (from (values {values}) as point (name, x, y)),
            correlations as ({query}) select * from correlations"""
    )
    return {row[0]: row[1:] for row in found}


def test_correlations_are_those_of_scipy_also_with_ties(macros: Any) -> None:
    draw = np.random.default_rng(5)
    lengths = draw.integers(1, 5, 60)
    rates = np.round(1 / lengths + draw.random(60), 1)
    n, r, low, high, rho, rho_low, rho_high = correlate(macros, {"a": (lengths, rates)})["a"]
    pearson = stats.pearsonr(lengths, rates)
    interval = pearson.confidence_interval(0.95)
    assert n == 60
    assert (r, low, high) == pytest.approx((pearson.statistic, *interval), abs=1e-6)
    assert rho == pytest.approx(stats.spearmanr(lengths, rates).statistic, abs=1e-12)
    # Bonett & Wright 2000, equation 4.
    reach = Z * np.sqrt((1 + rho**2 / 2) / (60 - 3))
    expected = np.tanh(np.arctanh(rho) + np.array([-reach, reach]))
    assert (rho_low, rho_high) == pytest.approx(tuple(expected), abs=1e-9)


def test_groups_are_correlated_apart_and_too_little_is_null(macros: Any) -> None:
    found = correlate(
        macros,
        {
            "falling": ([1, 2, 3], [3, 2, 1]),
            "two points": ([1, 2], [1, 2]),
            "flat": ([1, 2, 3, 4], [5, 5, 5, 5]),
            "bent": ([1, 2, 3, 4], [1, 2, 3, 40]),
        },
    )
    assert found["falling"] == (3, -1.0, None, None, -1.0, None, None)
    assert found["two points"] == (2, None, None, None, None, None, None)
    assert found["flat"] == (4, None, None, None, None, None, None)
    assert found["bent"][4:] == (1.0, None, None)
    assert found["bent"][2] < found["bent"][1] < found["bent"][3]


@pytest.mark.real_data
def test_the_published_english_curve_gives_its_correlation(macros: Any, real_data: Path) -> None:
    table = np.genfromtxt(
        real_data / "published" / "masknum_objects_p1_en_mbert.csv", delimiter=",", names=True
    )
    x, y = table["mask_num"], table["mean_objectwise_p1"]
    n, r, *_ = correlate(macros, {"en": (x, y)})["en"]
    assert (n, r) == (5, pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12))
    # A language's curve is divided by its sum before the sum over languages: alone, no change.
    assert correlate(macros, {"en": (x, y / y.sum())})["en"][1] == pytest.approx(r, abs=1e-12)
    assert r < -0.5


def test_p_values_are_corrected_within_their_group_as_scipy_does(macros: Any) -> None:
    draw = np.random.default_rng(11)
    groups = {"a": draw.random(40) ** 3, "b": np.append(draw.random(7), 0.02), "c": [0.04]}
    rows = [(name, float(p)) for name, values in groups.items() for p in values]
    listed = ", ".join(f"('{name}', {p!r})" for name, p in rows)
    found = ask(
        f"""with tests as (
                select * from (values {listed}, ('b', null), ('c', null)) as test (name, p)
            )
            select name, p, p_adjusted
            from ({macros.adjust_p_values("tests", ["name"], ["p"])})"""
    )
    for name, values in groups.items():
        own = {p: adjusted for group, p, adjusted in found if group == name and p is not None}
        expected = stats.false_discovery_control(values, method="bh")
        assert [own[float(p)] for p in values] == pytest.approx(expected.tolist(), abs=1e-12)
    assert {adjusted for _, p, adjusted in found if p is None} == {None}
