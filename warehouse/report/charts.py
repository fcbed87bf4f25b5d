"""Draws the charts of answers, languages and roots as Vega-Lite specifications with Altair.

Every function reads the figure's rows only to find the models and languages, and returns a chart
over a data set named 'rows'. Shared parts of the charts are in ``drawing``.
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import polars as pl

from warehouse.report.drawing import (
    AMOUNTS,
    AROUND_ZERO,
    CATEGORIES,
    PERCENT,
    PROBABLE_ROOTS,
    ROOTS,
    ROWS,
    WIDTH,
    WORDS,
    Drawing,
    View,
    by_model,
    language_axis,
    language_width,
    matrix,
    one_at_a_time,
    stacked,
    switched,
    tooltip,
)

__all__ = [
    "commonest_answers",
    "correlations",
    "explained",
    "fact_similarity",
    "fact_types",
    "neuron_similarity",
    "one_token",
    "presence",
    "probable_roots",
    "probable_sources",
    "published_beside_measured",
    "rate_against_text",
    "rate_by_stating_languages",
    "rate_by_token_count",
    "rate_without_cues",
    "rates_by_language",
    "roots",
    "transfer_sources",
]


def rates_by_language(view: View) -> Drawing:
    """Draw P@1 of every language with its interval, one colour per model."""
    height = (
        max(14, 5 * view.rows["model_id"].n_unique() + 6) * view.rows["language_code"].n_unique()
    )
    order = view.rows["language_name"].unique(maintain_order=True).to_list()
    base = alt.Chart(ROWS, width=WIDTH - 60, height=min(1400, height)).encode(
        y=alt.Y("language_name:N", sort=order, title=None),
        yOffset="model_id:N",
        color=by_model(view.rows),
        tooltip=tooltip(view.rows),
    )
    line = base.mark_rule(strokeWidth=1.5).encode(
        x=alt.X("full_match_rate_low:Q", title="P@1", axis=alt.Axis(format=PERCENT)),
        x2="full_match_rate_high:Q",
    )
    return line + base.mark_point(filled=True, size=36, opacity=1).encode(x="full_match_rate:Q")


def rate_against_text(view: View) -> Drawing:
    """Draw P@1 against the amount of text, one point per language, labelled if there is room."""
    sides = _labels_that_fit(view.rows, WIDTH - 40, 340)
    size = alt.X(
        "character_count:Q",
        title="characters of training text",
        scale=_log(view.rows),
        axis=alt.Axis(values=_ticks(view.rows), format="~s"),
    )
    rate = alt.Y("full_match_rate:Q", title="P@1", axis=alt.Axis(format=PERCENT))
    base = alt.Chart(ROWS, width=WIDTH - 40, height=340)
    points = base.mark_point(filled=True, size=40, opacity=1).encode(
        x=size, y=rate, color=by_model(view.rows, legend=None), tooltip=tooltip(view.rows)
    )
    names = [
        base.transform_filter(alt.FieldOneOfPredicate("language_code", sides[name]))
        .mark_text(align=align, dx=across, dy=down, fontSize=10)
        .encode(x=size, y=rate, text="language_name:N")
        for name, (align, across, down) in _SIDES.items()
        if sides[name]
    ]
    label = (
        "'Pearson ' + format(datum.pearson_score, '.2f') + ' [' + format({0}_low, '.2f') + ', ' + "
    )
    label += "format({0}_high, '.2f') + '], Spearman ' + format(datum.spearman_score, '.2f')"
    correlation = (
        base.transform_window(row="row_number()", groupby=["model_id"])
        .transform_filter("datum.row === 1 && isValid(datum.pearson_score)")
        .transform_calculate(label=label.format("datum.pearson_bootstrap_score"))
        .mark_text(align="left", fontSize=12)
        .encode(x=alt.value(8), y=alt.value(-8), text="label:N")
    )
    return one_at_a_time(alt.layer(points, *names, correlation), view.rows)


def rate_by_token_count(view: View) -> Drawing:
    """Draw P@1 against the object's length in tokens, with intervals."""
    base = alt.Chart(ROWS, width=WIDTH - 40, height=260).encode(
        x=alt.X("object_token_count:O", title="tokens of the object", axis=alt.Axis(labelAngle=0)),
        color=by_model(view.rows),
        tooltip=tooltip(view.rows),
    )
    rate = alt.Y("full_match_rate:Q", title="P@1", axis=alt.Axis(format=PERCENT))
    rule = base.mark_rule().encode(y="full_match_rate_low:Q", y2="full_match_rate_high:Q")
    return base.mark_line(point=True).encode(y=rate) + rule


def rate_by_stating_languages(view: View) -> Drawing:
    """Draw P@1 against the number of languages that state a fact, with intervals and counts."""
    axis = alt.Axis(tickMinStep=1, format="d", grid=False)
    title = "other languages whose text states the fact"
    base = alt.Chart(ROWS, width=WIDTH - 40, height=220).encode(
        x=alt.X("present_language_count:Q", title=title, axis=axis),
        tooltip=tooltip(view.rows),
    )
    # Room for the counts above the points.
    room = alt.Scale(domain=[0, 1.15])
    shares = alt.Axis(format=PERCENT, values=[0, 0.2, 0.4, 0.6, 0.8, 1])
    rate = alt.Y("full_match_rate:Q", title="P@1", axis=shares, scale=room)
    rule = base.mark_rule(color=CATEGORIES[0]).encode(
        y="full_match_rate_low:Q", y2="full_match_rate_high:Q"
    )
    point = base.mark_point(filled=True, opacity=1, color=CATEGORIES[0]).encode(
        y=rate, size=alt.Size("fact_count:Q", scale=alt.Scale(range=[15, 150]), legend=None)
    )
    count = (
        base.transform_calculate(n="'n ' + format(datum.fact_count, ',')")
        .mark_text(fontSize=9, baseline="top", dy=3)
        .encode(y=alt.value(0), text="n:N")
    )
    return one_at_a_time(rule + point + count, view.rows)


def rate_without_cues(view: View) -> Drawing:
    """Draw two connected points per language: P@1 with and without cues."""
    rates = {"full_match_rate": "all right answers", "left_rate": "without cues"}
    base = alt.Chart(ROWS, width=language_width(view.languages), height=200).encode(
        x=alt.X(
            "language_code:N",
            title=None,
            sort=list(view.languages),
            axis=language_axis(view, labelAngle=-60),
        ),
        tooltip=tooltip(view.rows),
    )
    axis = alt.Axis(format=PERCENT)
    line = base.mark_rule(color=CATEGORIES[6], strokeWidth=2).encode(
        y=alt.Y("full_match_rate:Q", title="P@1", axis=axis), y2="left_rate:Q"
    )
    points = (
        base.transform_fold(list(rates), ["kind", "rate"])
        .mark_point(filled=True, size=40, opacity=1)
        .encode(
            y="rate:Q",
            color=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=list(rates), range=CATEGORIES[:2]),
                legend=alt.Legend(labelExpr=f"({dict(rates)})[datum.value]", orient="top"),
            ),
        )
    )
    return one_at_a_time(line + points, view.rows)


def published_beside_measured(view: View) -> Drawing:
    """Draw measured against published values, one panel per metric, with the line of equality."""
    ticks = alt.Axis(tickCount=5)
    base = alt.Chart(ROWS, width=350, height=300).encode(
        x=alt.X("published_value:Q", title="published", axis=ticks, scale=alt.Scale(zero=True)),
        tooltip=tooltip(view.rows),
    )
    points = base.mark_point(filled=True, size=36, opacity=0.8).encode(
        y=alt.Y("measured_value:Q", title="measured", axis=ticks), color=by_model(view.rows)
    )
    equal = base.mark_line(color=CATEGORIES[6], strokeDash=[4, 4]).encode(y="published_value:Q")
    header = alt.Header(labelExpr="replace(replace(datum.value, 'p_at_1', 'P@1'), /_/g, ' ')")
    return (
        (equal + points)
        .facet(facet=alt.Facet("metric_code:N", title=None, header=header), columns=2)
        .resolve_scale(x="independent", y="independent")
    )


def fact_similarity(view: View) -> Drawing:
    """Draw three heat maps of language pairs: facts in common above chance; both parts of it."""
    large = matrix(view, _excess("excess_rate", "Jaccard above chance", view.rows["excess_rate"]))
    parts = {"jaccard_rate": "the same facts", "expected_rate": "by chance"}
    small = [_part(view, name, title) for name, title in parts.items()]
    return switched(alt.vconcat(large, alt.hconcat(*small)), view.rows)


def neuron_similarity(view: View) -> Drawing:
    """Draw three heat maps of language pairs: overlap above the null; overlap and null."""
    kind = "datum.kind === '{}'"
    values = view.rows.filter(pl.col("kind") == "excess")["score"]
    large = matrix(view, _excess("score", "overlap above null", values), only=kind.format("excess"))
    kinds = ("same fact", "other fact, same object")
    small = [_part(view, "score", title, kind.format(title)) for title in kinds]
    return switched(alt.vconcat(large, alt.hconcat(*small)), view.rows)


def _excess(name: str, title: str, values: pl.Series) -> alt.Color:
    """Colours around zero, the same on both sides."""
    largest = float(values.abs().max() or 1)  # type: ignore[arg-type]
    scale = alt.Scale(**AROUND_ZERO, domain=[-largest, largest])
    return alt.Color(f"{name}:Q", title=title, scale=scale)


def _part(view: View, name: str, title: str, only: str = "true") -> Drawing:
    """Small heat map of a Jaccard similarity; all have one scale of colours."""
    scale = alt.Scale(scheme=AMOUNTS.scheme, domain=[0, 1])
    colour = alt.Color(f"{name}:Q", title="Jaccard", scale=scale)
    side = (WIDTH - 200) // 2
    return matrix(view, colour, side, names=False, only=only).properties(title=title)


def correlations(view: View) -> Drawing:
    """Draw correlations with P@1 and their intervals, a panel for Pearson's and Spearman's."""
    base = alt.Chart(ROWS, width=(WIDTH - 260) / 2, height=alt.Step(10)).encode(
        y=alt.Y("factor:N", title=None, axis=alt.Axis(labelLimit=260)),
        yOffset="model_id:N",
        color=by_model(view.rows),
        tooltip=tooltip(view.rows),
    )
    zero = alt.Chart(ROWS).mark_rule(color=CATEGORIES[6]).encode(x=alt.datum(0))
    line = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("score_low:Q", title="correlation", scale=alt.Scale(domain=[-1, 1])),
        x2="score_high:Q",
    )
    point = base.mark_point(filled=True, size=40, opacity=1).encode(x="score:Q")
    return (zero + line + point).facet(column=alt.Column("kind:N", title=None))


def one_token(view: View) -> Drawing:
    """Draw P@1 of objects with one token and its interval, with P@1 of all facts in grey."""
    order = view.rows["language_name"].unique(maintain_order=True).to_list()
    base = alt.Chart(ROWS, width=WIDTH - 60, height=alt.Step(18)).encode(
        y=alt.Y("language_name:N", sort=order, title=None), tooltip=tooltip(view.rows)
    )
    all_facts = base.mark_point(filled=True, size=36, opacity=1, color=CATEGORIES[6]).encode(
        x="full_match_rate:Q"
    )
    line = base.mark_rule(strokeWidth=1.5, color=CATEGORIES[0]).encode(
        x=alt.X("object_mean_score_low:Q", title="P@1", axis=alt.Axis(format=PERCENT)),
        x2="object_mean_score_high:Q",
    )
    point = base.mark_point(filled=True, size=40, opacity=1, color=CATEGORIES[0]).encode(
        x="object_mean_score:Q"
    )
    return one_at_a_time(all_facts + line + point, view.rows)


def commonest_answers(view: View) -> Drawing:
    """Draw the share of the commonest answer by language and relation, with the answer itself."""
    columns = view.rows["relation"].n_unique()
    width = max(16, (WIDTH - 200) // columns)
    base = alt.Chart(ROWS, width=alt.Step(width), height=alt.Step(18)).encode(
        x=alt.X("relation:N", title=None, axis=alt.Axis(labelAngle=0 if width > 80 else -60)),
        y=alt.Y("language_code:N", title=None, sort=list(view.languages), axis=language_axis(view)),
        tooltip=tooltip(view.rows),
    )
    cells = base.mark_rect().encode(
        color=alt.Color(
            "commonest_rate:Q",
            title="share",
            scale=alt.Scale(scheme=AMOUNTS.scheme, domain=[0, 1]),
            legend=alt.Legend(format=PERCENT),
        )
    )
    if width < 80:
        return one_at_a_time(cells, view.rows)
    ink = alt.condition("datum.commonest_rate > 0.6", alt.value("black"), alt.value("white"))
    words = base.mark_text(fontSize=11, limit=width - 8).encode(
        text="commonest_answer:N", color=ink
    )
    return one_at_a_time(cells + words, view.rows)


def explained(view: View) -> Drawing:
    """Draw Mantel correlations; points with a p-value below 0.05 are filled."""
    return (
        alt.Chart(ROWS, width=(WIDTH - 220) / 3, height=130)
        .mark_point(size=70, strokeWidth=2)
        .encode(
            x=alt.X("mantel_score:Q", title="Mantel correlation"),
            y=alt.Y("factor_code:N", title=None),
            color=by_model(view.rows),
            fillOpacity=alt.condition("datum.mantel_p_value < 0.05", alt.value(1), alt.value(0)),
            fill=alt.Fill("model_id:N", scale=alt.Scale(range=CATEGORIES)),
            tooltip=tooltip(view.rows),
        )
        .facet(
            column=alt.Column("similarity_code:N", title=None, header=alt.Header(labelExpr=WORDS))
        )
    )


def presence(view: View) -> Drawing:
    """Draw the right answers per language, split by whether its text states them."""
    colours = {"stated": CATEGORIES[0], "not stated": CATEGORIES[1]}
    return stacked(view, "source", colours, "fact_count", "right answers", "zero")


def fact_types(view: View) -> Drawing:
    """Draw the types of predictable facts that are absent from the text, per language."""
    colours = {
        "shared_tokens": CATEGORIES[4],
        "naming": CATEGORIES[3],
        "others": CATEGORIES[1],
    }
    title = "right answers not stated"
    return stacked(view, "fact_type_code", colours, "type_count", title, "zero")


def roots(view: View) -> Drawing:
    """Draw the share of each root of the paper's rule among a language's right answers."""
    return _root_shares(view, ROOTS)


def probable_roots(view: View) -> Drawing:
    """Draw the same by the calibrated rule."""
    return _root_shares(view, PROBABLE_ROOTS)


def _root_shares(view: View, colours: dict[str, str]) -> Drawing:
    return stacked(view, "root_code", colours, "root_count", "share of right answers", "normalize")


def transfer_sources(view: View) -> Drawing:
    """Draw transferred facts from possible sources (columns) to target languages (rows)."""
    return _sources(view, "source_count")


def probable_sources(view: View) -> Drawing:
    """Draw the same with the number of facts that are expected to come from each source."""
    return _sources(view, "expected_sum")


def _sources(view: View, amount: str) -> Drawing:
    colour = alt.Color(f"{amount}:Q", title="facts", scale=AMOUNTS)
    fields = ("source_language_code", "target_language_code")
    chart = matrix(view, colour, field_names=fields, titles=("stated in", "known in"))
    return switched(chart, view.rows)


_SIDES: dict[str, tuple[Any, int, int]] = {
    "right": ("left", 6, 0),
    "left": ("right", -6, 0),
    "above": ("center", 0, -10),
    "below": ("center", 0, 11),
}
"""Side of its point where a label stands → the text's alignment, shift to the right and down."""


def _log(rows: pl.DataFrame) -> alt.Scale:
    sizes = rows["character_count"].to_numpy()
    low, high = float(sizes.min()), float(sizes.max())
    return alt.Scale(type="log", domain=[low / 1.15, high * 1.3], nice=False)


def _ticks(rows: pl.DataFrame) -> list[float]:
    """Six amounts of text at equal distances on the logarithmic axis, with two digits."""
    low, high = (math.log(end) for end in _log(rows).to_dict()["domain"])
    amounts = [math.exp(low + (high - low) * (step + 0.5) / 6) for step in range(6)]
    return [float(f"{amount:.1e}") for amount in amounts]


def _labels_that_fit(rows: pl.DataFrame, width: float, height: float) -> dict[str, list[str]]:
    """Select the languages whose label overlaps no point or other label, by side of the point.

    A language is labelled on the same side in the panels of all models, or in none, so panels can
    be compared. Languages with a high P@1 come first.
    """
    low, high = (math.log(end) for end in _log(rows).to_dict()["domain"])
    top = float(rows["full_match_rate"].to_numpy().max()) or 1.0
    spots: dict[str, dict[str, tuple[float, float]]] = {}
    widths = dict(zip(rows["language_code"], rows["language_name"].str.len_chars(), strict=True))
    for row in rows.sort("full_match_rate", descending=True).iter_rows(named=True):
        spots.setdefault(row["language_code"], {})[row["model_id"]] = (
            (math.log(row["character_count"]) - low) / (high - low) * width,
            row["full_match_rate"] / top * height,
        )
    taken = [(model, x - 3, x + 3, y) for own in spots.values() for model, (x, y) in own.items()]
    fitting: dict[str, list[str]] = {name: [] for name in _SIDES}
    for code, own in spots.items():
        width = 6 * widths[code]
        starts = {"left": 0, "right": -width, "center": -width / 2}
        for name, (align, across, down) in _SIDES.items():
            start = starts[align] + across
            boxes = [(m, x + start, x + start + width, y - down) for m, (x, y) in own.items()]
            is_inside = all(x >= 0 and y < height for _, x, _, y in boxes)
            if is_inside and not any(_overlap(box, other) for box in boxes for other in taken):
                fitting[name].append(code)
                taken += boxes
                break
    return fitting


def _overlap(one: tuple[str, float, float, float], other: tuple[str, float, float, float]) -> bool:
    """Whether two boxes (model, left, right, middle) are in one panel and overlap."""
    same_panel = one[0] == other[0]
    return same_panel and one[1] < other[2] and other[1] < one[2] and abs(one[3] - other[3]) < 9
