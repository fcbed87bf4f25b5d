"""Shared parts of the charts: colours, sizes, axes, tooltips and three kinds of chart.

Colours are safe for colour-blind readers (Okabe and Ito 2008 for categories, viridis for amounts)
and readable on light and dark backgrounds; text has the page's colour. What does not belong here:
computing numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

__all__ = [
    "AMOUNTS",
    "CATEGORIES",
    "PERCENT",
    "ROOTS",
    "ROWS",
    "WIDTH",
    "WORDS",
    "Drawing",
    "View",
    "by_model",
    "facet",
    "language_width",
    "side",
    "square",
    "stacked",
    "tooltip",
]

Drawing = Any
"""An Altair chart; its chained methods are untyped."""


@dataclass(frozen=True)
class View:
    """Data that a chart needs."""

    rows: pl.DataFrame
    """Rows of the figure's query."""
    languages: tuple[str, ...]
    """Languages of the study, ordered by family, branch and code."""


ROWS = alt.NamedData("rows")
CATEGORIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999"]
ROOTS = {
    "shared": "#0072B2",
    "independent": "#009E73",
    "transferred": "#D55E00",
    "cue": "#E69F00",
    "undetermined": "#999999",
}
AMOUNTS = alt.Scale(scheme=alt.SchemeParams("viridis", extent=[0.2, 1]))
"""viridis without its darkest end, which is invisible on a dark background."""
WIDTH = 680
PERCENT = ".0%"
WORDS = "replace(datum.label, /_/g, ' ')"


def by_model(rows: pl.DataFrame, legend: Any = "right") -> alt.Color:
    """One colour per model, with a legend on the given side if there are several models."""
    several = rows["model_id"].n_unique() > 1
    return alt.Color(
        "model_id:N",
        title=None,
        scale=alt.Scale(range=CATEGORIES),
        legend=alt.Legend(orient=legend) if several and legend else None,
    )


def facet(field: str, rows: pl.DataFrame, channel: Any = alt.Facet) -> Any:
    """One panel per value of ``field``, without a header if there is only one value."""
    if rows[field].n_unique() > 1:
        return channel(f"{field}:N", title=None)
    return channel(f"{field}:N", title=None, header=alt.Header(labels=False))


def tooltip(rows: pl.DataFrame, *_: str) -> list[alt.Tooltip]:
    """Tooltip with every column of the row; rates in per cent."""
    tips = []
    for name, kind in rows.schema.items():
        if kind.is_float():
            is_share = "rate" in name
            tips.append(alt.Tooltip(f"{name}:Q", format=".1%" if is_share else ".3f"))
        elif kind.is_integer() and name.endswith("_count"):
            tips.append(alt.Tooltip(f"{name}:Q", format=","))
        else:
            tips.append(alt.Tooltip(f"{name}:N"))
    return tips


def side(languages: tuple[str, ...], columns: int) -> int:
    """Side of a square chart with every language on both axes, in pixels."""
    room = WIDTH if columns == 1 else (WIDTH + 160) // columns
    return min(room - 60, max(200, 22 * len(languages)))


def language_width(languages: tuple[str, ...]) -> int:
    """Width of a chart with every language on its x axis, in pixels."""
    return min(WIDTH - 40, max(240, 24 * len(languages)))


def square(
    rows: pl.DataFrame, languages: tuple[str, ...], field: str, title: str, columns: int
) -> Drawing:
    """Heat map of language pairs with ``field`` as colour."""
    length = side(languages, columns)
    small = length / max(1, len(languages)) < 12
    axis = alt.Axis(labelFontSize=7 if small else 10, labelOverlap=False)
    return (
        alt.Chart(ROWS, width=length, height=length)
        .mark_rect()
        .encode(
            x=alt.X("column_code:N", title=None, sort=list(languages), axis=axis),
            y=alt.Y("row_code:N", title=None, sort=list(languages), axis=axis),
            color=alt.Color(f"{field}:Q", title=title, scale=AMOUNTS),
            tooltip=tooltip(rows),
        )
    )


def stacked(
    rows: pl.DataFrame,
    languages: tuple[str, ...],
    field: str,
    colours: dict[str, str],
    amount: str,
    title: str,
    stack: str,
) -> Drawing:
    """One stacked bar per language, with the parts in the order of ``colours``."""
    rank = "indexof(" + str(list(colours)) + f", datum.{field})"
    axis = alt.Axis(format=PERCENT) if stack == "normalize" else alt.Axis()
    return (
        alt.Chart(ROWS, width=language_width(languages), height=240)
        .transform_calculate(order=rank)
        .mark_bar()
        .encode(
            x=alt.X("language_code:N", title=None, sort=list(languages)),
            y=alt.Y(f"{amount}:Q", title=title, stack=stack, axis=axis),  # type: ignore[arg-type]
            color=alt.Color(
                f"{field}:N",
                title=None,
                scale=alt.Scale(domain=list(colours), range=list(colours.values())),
                legend=alt.Legend(labelExpr=WORDS),
            ),
            order=alt.Order("order:Q"),
            tooltip=tooltip(rows),
        )
        .facet(facet=facet("model_id", rows), columns=1)
    )
