"""The macros behind the tests of the neuron marts, rendered alone and held against scipy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import jinja2
import numpy as np
import polars as pl
import pytest
from scipy import stats


@pytest.fixture(scope="module")
def macros(project: Path) -> Any:
    folder = project / "dbt" / "macros"
    names = ("significance", "resampling", "haversine", "clustered", "block_means")
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


def test_the_quantile_of_student_is_that_of_scipy(macros: Any) -> None:
    for df, tolerance in ((3, 0.01), (4, 0.003), (7, 1e-4), (20, 1e-6), (10_000, 1e-7)):
        [(t,)] = ask(f"select {macros.student_quantile(df)}")
        assert t == pytest.approx(stats.t.ppf(0.975, df), rel=tolerance), df


BLOCKS = [(5, 2.5), (1, -0.25), (3, 0.5), (2, 1.75), (4, 3.0), (1, 0.5), (1, 0.0), (6, -1.0)]


def block_means(macros: Any, blocks: list[tuple[int, float]]) -> tuple[Any, ...]:
    values = ", ".join(f"('a', {i}, {n}, {t}::double)" for i, (n, t) in enumerate(blocks))
    [row] = ask(
        f"""with blocks as (from (values {values}) as b (k, block_index, x_count, x_total)),
            means as ({macros.block_means("blocks", ["k"], ["x"])}) from means"""
    )
    return row[1:]


def test_a_mean_over_blocks_has_students_interval_of_a_ratio(macros: Any) -> None:
    n, s = np.array(BLOCKS).T
    count, blocks, mean, error, low, high = block_means(macros, BLOCKS)
    assert (count, blocks, mean) == (23, 8, pytest.approx(s.sum() / n.sum()))
    pulls = (s - n * mean) / n.sum()
    assert error == pytest.approx(np.sqrt((pulls**2).sum() * 8 / 7))
    reach = stats.t.ppf(0.975, 7) * error
    assert (low, high) == pytest.approx((mean - reach, mean + reach), rel=1e-4)
    # An empty block is none.
    seven = block_means(macros, [*BLOCKS[:7], (0, 0.0)])
    assert seven[1:] == (7, pytest.approx(8 / 17), None, None, None)


@pytest.mark.parametrize("distribution", ["normal", "exponential"])
@pytest.mark.parametrize("blocks", [8, 12, 20])
def test_the_interval_over_few_blocks_covers_the_mean(
    macros: Any, distribution: str, blocks: int
) -> None:
    """A percentile bootstrap of 8 blocks covers .91 of normal and .79 of skewed data."""
    draw = np.random.default_rng(blocks)
    data = getattr(draw, distribution)(size=(2000, blocks))
    expected = 0.0 if distribution == "normal" else 1.0
    with duckdb.connect() as connection:
        connection.register("samples", pl.DataFrame(
            {
                "k": np.repeat(np.arange(2000), blocks),
                "block_index": np.tile(np.arange(blocks), 2000),
                "x_count": np.ones(2000 * blocks, dtype=int),
                "x_total": data.reshape(-1),
            }
        ))  # fmt: skip
        [(covered,)] = connection.execute(
            f"""select avg(({expected} between x_score_low and x_score_high)::integer)
                from ({macros.block_means("samples", ["k"], ["x"])})"""
        ).fetchall()
    assert covered > (0.935 if distribution == "normal" else 0.87)


CLUSTERS = {"a": (6, 8), "b": (1, 9), "c": (4, 4), "d": (0, 3), "e": (5, 6)}
"""Cluster → right answers, answers."""


def clustered(macros: Any, clusters: dict[str, tuple[int, int]]) -> tuple[Any, ...]:
    values = ", ".join(
        f"('k', '{name}', {int(i < hits)}, 1)"
        for name, (hits, size) in clusters.items()
        for i in range(size)
    )
    rate = sum(hits for hits, _ in clusters.values()) / sum(size for _, size in clusters.values())
    counts = macros.effective_counts("cells", ["k"], "c", "hit", "one", "x")
    bounds = macros.clustered_wilson(f"{rate}", "x_effective_count", "x_cluster_count", "x")
    [row] = ask(
        f"""with cells as (from (values {values}) as v (k, c, hit, one)),
            counts as ({counts}) select x_cluster_count, x_effective_count, {bounds} from counts"""
    )
    return row


def test_answers_that_depend_on_each_other_count_as_fewer(macros: Any) -> None:
    clusters, effective, low, high = clustered(macros, CLUSTERS)
    hits, sizes = np.array(list(CLUSTERS.values())).T
    rate = 16 / 30
    variance = (((hits - rate * sizes) / 30) ** 2).sum() * 5 / 4
    assert (clusters, effective) == (5, pytest.approx(rate * (1 - rate) / variance))
    assert effective < 30
    # Wilson's interval is where the rate is t standard errors of the bound away.
    for bound in (low, high):
        error = np.sqrt(bound * (1 - bound) / effective)
        assert abs(rate - bound) / error == pytest.approx(stats.t.ppf(0.975, 4), rel=0.003)


def test_where_all_answers_are_right_each_cluster_counts_once(macros: Any) -> None:
    clusters, effective, low, high = clustered(macros, {"a": (9, 9), "b": (3, 3), "c": (2, 2)})
    assert (clusters, effective, high) == (3, 3, 1)
    assert low == pytest.approx(1 / (1 + stats.t.ppf(0.975, 2) ** 2 / 3), rel=0.02)
    assert clustered(macros, {"a": (1, 2)})[2:] == (None, None)


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
