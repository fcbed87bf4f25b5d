"""Shared parts of the charts: colours, sizes, axes, tooltips and three kinds of chart.

Colours are safe for colour-blind readers (Okabe and Ito 2008 for categories, viridis for amounts)
and readable on light and dark backgrounds; text has the page's colour. What does not belong here:
computing numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import polars as pl

__all__ = [
    "AMOUNTS",
    "AROUND_ZERO",
    "CATEGORIES",
    "PERCENT",
    "PROBABLE_ROOTS",
    "ROOTS",
    "ROWS",
    "WIDTH",
    "WORDS",
    "Drawing",
    "View",
    "by_model",
    "facet",
    "language_axis",
    "language_width",
    "matrix",
    "one_at_a_time",
    "stacked",
    "switched",
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
    """Codes of the study's languages, ordered by family, branch and code."""
    order: tuple[str, ...] = ()
    """The same codes in the order of all matrices: languages that know the same are neighbours."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Code → English name."""
    families: Mapping[str, str] = field(default_factory=dict)
    """Code → family."""


ROWS = alt.NamedData("rows")
CATEGORIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999"]
ROOTS = {
    "shared": "#0072B2",
    "independent": "#009E73",
    "transferred": "#D55E00",
    "cue": "#E69F00",
    "undetermined": "#999999",
}
PROBABLE_ROOTS = {
    "either_suffices": "#0072B2",
    "own_text_needed": "#009E73",
    "transferred": "#D55E00",
    "guess": "#E69F00",
    "undetermined": "#999999",
}
"""By the calibrated rule; a colour says nearly the same as in ``ROOTS``."""
AMOUNTS = alt.Scale(scheme=alt.SchemeParams("viridis", extent=[0.2, 1]))
"""viridis without its darkest end, which is invisible on a dark background."""
AROUND_ZERO: dict[str, Any] = {"scheme": "blueorange"}
WIDTH = 850
"""Width of the card in pixels, less what axis labels need."""
PERCENT = ".0%"
WORDS = "replace(datum.label, /_/g, ' ')"


def by_model(rows: pl.DataFrame, legend: Any = "top") -> alt.Color:
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
        title = name.replace("_", " ")
        if kind.is_float():
            is_share = "rate" in name
            tips.append(alt.Tooltip(f"{name}:Q", title=title, format=".1%" if is_share else ".3f"))
        elif kind.is_integer() and name.endswith("_count"):
            tips.append(alt.Tooltip(f"{name}:Q", title=title, format=","))
        else:
            tips.append(alt.Tooltip(f"{name}:N", title=title))
    return tips


def one_at_a_time(chart: Drawing, rows: pl.DataFrame) -> Drawing:
    """Show the rows of one model, which the page chooses."""
    return switched(_of_one_model(chart, rows), rows)


def switched(chart: Drawing, rows: pl.DataFrame) -> Drawing:
    """Give a chart the parameter ``model`` if there are several; its parts filter by it."""
    if not _has_several(rows):
        return chart
    return chart.add_params(alt.param("model", value=rows["model_id"].min()))


def _of_one_model(chart: Drawing, rows: pl.DataFrame) -> Drawing:
    return chart.transform_filter("datum.model_id === model") if _has_several(rows) else chart


def _has_several(rows: pl.DataFrame) -> bool:
    return "model_id" in rows.columns and rows["model_id"].n_unique() > 1


def language_width(languages: tuple[str, ...]) -> int:
    """Width of a chart with every language on its x axis, in pixels."""
    return min(WIDTH - 60, max(300, 44 * len(languages)))


def language_axis(view: View, **settings: Any) -> alt.Axis:
    """Axis of language codes that shows English names."""
    return alt.Axis(labelExpr=_names(view), labelOverlap=False, labelLimit=120, **settings)


def _names(view: View) -> str:
    return f"({dict(view.names)})[datum.value] || datum.value"


def matrix(
    view: View,
    colour: alt.Color,
    length: int = WIDTH - 290,
    field_names: tuple[str, str] = ("column_code", "row_code"),
    titles: tuple[str | None, str | None] = (None, None),
    names: bool = True,
    only: str = "true",
) -> Drawing:
    """Heat map of language pairs in the common order, with a strip that shows the families.

    Args:
        view: rows with two languages each.
        colour: what a cell shows.
        length: side of the square in pixels, at most; small studies have a smaller one.
        field_names: columns with the languages of the x and the y axis.
        titles: of both axes.
        names: whether to write English names; else the codes.
        only: condition on the rows that are drawn. If there are several models, their parameter
            ``model`` is a condition too: ``switched`` adds it.
    """
    present = {code for name in field_names for code in view.rows[name]}
    order = [code for code in view.order if code in present]
    side = min(length, 34 * len(order))
    settings: dict[str, Any] = {
        "labelFontSize": 10 if side / max(1, len(order)) >= 12 else 8,
        "labelPadding": 12,
        "ticks": False,
    }
    if not names:
        settings |= {"labelExpr": "datum.value", "labelOverlap": True}
    axis = language_axis(view, **settings) if names else alt.Axis(**settings)
    turned = language_axis(view, **settings, labelAngle=-60) if names else axis
    x, y = (f"{name}:N" for name in field_names)
    scale = alt.Scale(domain=order)
    cells = (
        _of_one_model(alt.Chart(ROWS, width=side, height=side), view.rows)
        .transform_filter(only)
        .mark_rect()
        .encode(
            x=alt.X(x, title=titles[0], scale=scale, sort=None, axis=turned),
            y=alt.Y(y, title=titles[1], scale=scale, sort=None, axis=axis),
            color=colour,
            tooltip=tooltip(view.rows),
        )
    )
    families = alt.InlineData(
        values=[{"code": code, "family": view.families.get(code, "")} for code in order]
    )
    strip = (
        alt.Chart(families)
        .mark_rect()
        .encode(
            color=alt.Color(
                "family:N",
                title="family",
                scale=alt.Scale(scheme="tableau20"),
                legend=alt.Legend(symbolLimit=0) if names else None,
            ),
            tooltip=["code:N", "family:N"],
        )
    )
    beside = strip.encode(
        y=alt.Y("code:N", title=titles[1], scale=scale, sort=None, axis=axis),
        x=alt.value(-10),
        x2=alt.value(-3),
    )
    below = strip.encode(
        x=alt.X("code:N", title=titles[0], scale=scale, sort=None, axis=turned),
        y=alt.value(side + 3),
        y2=alt.value(side + 10),
    )
    strips = alt.layer(beside, below)
    return alt.layer(cells, strips).resolve_scale(color="independent")


def stacked(
    view: View, field_name: str, colours: dict[str, str], amount: str, title: str, stack: str
) -> Drawing:
    """One stacked bar per language, with the parts in the order of ``colours``."""
    rank = "indexof(" + str(list(colours)) + f", datum.{field_name})"
    axis = alt.Axis(format=PERCENT) if stack == "normalize" else alt.Axis()
    order = list(view.languages)
    chart = (
        alt.Chart(ROWS, width=language_width(view.languages), height=260)
        .transform_calculate(order=rank)
        .mark_bar()
        .encode(
            x=alt.X(
                "language_code:N",
                title=None,
                sort=order,
                axis=language_axis(view, labelAngle=-60),
            ),
            y=alt.Y(f"{amount}:Q", title=title, stack=stack, axis=axis),
            color=alt.Color(
                f"{field_name}:N",
                title=None,
                scale=alt.Scale(domain=list(colours), range=list(colours.values())),
                legend=alt.Legend(labelExpr=WORDS, orient="top"),
            ),
            order=alt.Order("order:Q"),
            tooltip=tooltip(view.rows),
        )
    )
    return one_at_a_time(chart, view.rows)
