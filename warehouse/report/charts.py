"""Draws the charts of answers, languages and roots as Vega-Lite specifications with Altair.

Every function reads the figure's rows only to find the models and languages, and returns a chart
over a data set named 'rows'. Shared parts of the charts are in ``drawing``.
"""

from __future__ import annotations

import math

import altair as alt
import polars as pl

from warehouse.report.drawing import (
    AMOUNTS,
    CATEGORIES,
    PERCENT,
    ROOTS,
    ROWS,
    WIDTH,
    WORDS,
    Drawing,
    View,
    by_model,
    facet,
    language_width,
    side,
    square,
    stacked,
    tooltip,
)

__all__ = [
    "explained",
    "fact_similarity",
    "fact_types",
    "neuron_similarity",
    "presence",
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
    base = alt.Chart(ROWS, width=WIDTH - 120, height=min(1400, height)).encode(
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
    size = alt.X("character_count:Q", title="characters of training text", scale=_log(view.rows))
    rate = alt.Y("full_match_rate:Q", title="P@1", axis=alt.Axis(format=PERCENT))
    base = alt.Chart(ROWS, width=WIDTH - 40, height=340)
    points = base.mark_point(filled=True, size=40, opacity=1).encode(
        x=size, y=rate, color=by_model(view.rows, legend=None), tooltip=tooltip(view.rows)
    )
    names = [
        base.transform_filter(alt.FieldOneOfPredicate("language_code", codes))
        .mark_text(align="left" if shift > 0 else "right", dx=shift, fontSize=10)
        .encode(x=size, y=rate, text="language_code:N")
        for shift, codes in ((6, sides["right"]), (-6, sides["left"]))
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
        .encode(x=alt.value(8), y=alt.value(12), text="label:N")
    )
    return alt.layer(points, *names, correlation).facet(
        facet=facet("model_id", view.rows), columns=1
    )


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
    return (rule + point + count).facet(facet=facet("model_id", view.rows), columns=1)


def rate_without_cues(view: View) -> Drawing:
    """Draw two connected points per language: P@1 with and without cues."""
    rates = {"full_match_rate": "all right answers", "left_rate": "without cues"}
    base = alt.Chart(ROWS, width=language_width(view.languages), height=200).encode(
        x=alt.X("language_code:N", title=None, sort=list(view.languages)),
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
                legend=alt.Legend(labelExpr=f"({dict(rates)})[datum.value]"),
            ),
        )
    )
    return (line + points).facet(facet=facet("model_id", view.rows), columns=1)


def published_beside_measured(view: View) -> Drawing:
    """Draw measured against published values, one panel per metric, with the line of equality."""
    ticks = alt.Axis(tickCount=5)
    base = alt.Chart(ROWS, width=250, height=250).encode(
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
    """Draw one heat map of language pairs per model."""
    panel = square(view.rows, view.languages, "jaccard_rate", "Jaccard", 1)
    return panel.facet(facet=facet("model_id", view.rows), columns=1)


def neuron_similarity(view: View) -> Drawing:
    """Draw two heat maps per model with one colour scale: the same fact, and the null."""
    kinds = ["same fact", "other fact, same object"]
    panel = square(view.rows, view.languages, "score", "Jaccard", 2)
    return panel.facet(
        row=facet("model_id", view.rows), column=alt.Column("kind:N", sort=kinds, title=None)
    )


def explained(view: View) -> Drawing:
    """Draw Mantel correlations; points with a p-value below 0.05 are filled."""
    return (
        alt.Chart(ROWS, width=(WIDTH - 160) / 3, height=110)
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
    return stacked(
        view.rows, view.languages, "source", colours, "fact_count", "right answers", "zero"
    )


def fact_types(view: View) -> Drawing:
    """Draw the types of predictable facts that are absent from the text, per language."""
    colours = {
        "shared_tokens": CATEGORIES[4],
        "naming": CATEGORIES[3],
        "others": CATEGORIES[1],
    }
    title = "right answers not stated"
    return stacked(
        view.rows, view.languages, "fact_type_code", colours, "type_count", title, "zero"
    )


def roots(view: View) -> Drawing:
    """Draw the share of each root among a language's right answers."""
    title = "share of right answers"
    return stacked(view.rows, view.languages, "root_code", ROOTS, "root_count", title, "normalize")


def transfer_sources(view: View) -> Drawing:
    """Draw transferred facts from source languages (columns) to target languages (rows)."""
    length = side(view.languages, 1)
    return (
        alt.Chart(ROWS, width=length, height=length)
        .mark_rect()
        .encode(
            x=alt.X("source_language_code:N", title="stated in", sort=list(view.languages)),
            y=alt.Y("target_language_code:N", title="known in", sort=list(view.languages)),
            color=alt.Color("source_count:Q", title="facts", scale=AMOUNTS),
            tooltip=tooltip(view.rows),
        )
        .facet(facet=facet("model_id", view.rows), columns=1)
    )


def _log(rows: pl.DataFrame) -> alt.Scale:
    sizes = rows["character_count"].to_numpy()
    low, high = float(sizes.min()), float(sizes.max())
    return alt.Scale(type="log", domain=[low / 1.15, high * 1.3], nice=False)


def _labels_that_fit(rows: pl.DataFrame, width: float, height: float) -> dict[str, list[str]]:
    """Select the languages whose label overlaps no point or other label, by side of the point.

    A language is labelled on the same side in the panels of all models, or in none, so panels can
    be compared. Languages with a high P@1 come first.
    """
    low, high = (math.log(end) for end in _log(rows).to_dict()["domain"])
    top = float(rows["full_match_rate"].to_numpy().max()) or 1.0
    spots: dict[str, dict[str, tuple[float, float]]] = {}
    for row in rows.sort("full_match_rate", descending=True).iter_rows(named=True):
        spots.setdefault(row["language_code"], {})[row["model_id"]] = (
            (math.log(row["character_count"]) - low) / (high - low) * width,
            row["full_match_rate"] / top * height,
        )
    taken = [(model, x - 3, x + 3, y) for own in spots.values() for model, (x, y) in own.items()]
    fitting: dict[str, list[str]] = {"right": [], "left": []}
    for code, own in spots.items():
        for side_name, start in (("right", 5), ("left", -5 - 7 * len(code))):
            boxes = [(m, x + start, x + start + 7 * len(code), y) for m, (x, y) in own.items()]
            if not any(_overlap(box, other) for box in boxes for other in taken):
                fitting[side_name].append(code)
                taken += boxes
                break
    return fitting


def _overlap(one: tuple[str, float, float, float], other: tuple[str, float, float, float]) -> bool:
    """Whether two boxes (model, left, right, middle) are in one panel and overlap."""
    same_panel = one[0] == other[0]
    return same_panel and one[1] < other[2] and other[1] < one[2] and abs(one[3] - other[3]) < 9
