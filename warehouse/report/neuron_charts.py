"""Draws the charts of neurons and of edits; see ``charts`` for the conventions."""

from __future__ import annotations

import altair as alt

from warehouse.report.drawing import (
    AMOUNTS,
    CATEGORIES,
    PERCENT,
    ROWS,
    WIDTH,
    WORDS,
    Drawing,
    View,
    by_model,
    facet,
    language_axis,
    one_at_a_time,
    tooltip,
)

__all__ = [
    "degenerate_layers",
    "degenerate_sets",
    "edit_effects",
    "fact_checks",
    "layers",
    "neurons_side_by_side",
    "one_fact",
    "shared_neurons",
    "three_languages",
]


NUMBERS = alt.Axis(labelAngle=0, labelOverlap=True, labelSeparation=4)
"""Axis of small numbers; labels that do not fit are omitted."""


def one_fact(view: View) -> Drawing:
    """Draw a fact's active neurons, one row per language; the fact is chosen below it."""
    facts = view.rows.select("fact").unique(maintain_order=True)["fact"].to_list()
    chosen = alt.param(
        name="fact", value=facts[0], bind=alt.binding_select(options=facts, name="fact ")
    )
    layer_count = int(max(view.rows["layer_index"])) + 1
    axis = alt.Axis(
        values=[16 * layer for layer in range(layer_count)], labelExpr="datum.value / 16"
    )
    chart = (
        alt.Chart(ROWS, width=WIDTH - 80, height=alt.Step(15))
        .transform_calculate(place_end="datum.place_index + 1")
        .mark_rect()
        .encode(
            x=alt.X(
                "place_index:Q",
                title="layers, each in 16 parts",
                axis=axis,
                scale=alt.Scale(nice=False),
            ),
            x2="place_end:Q",
            y=alt.Y(
                "language_code:N", title=None, sort=list(view.languages), axis=language_axis(view)
            ),
            color=alt.Color(
                "active_neuron_count:Q",
                title="neurons",
                scale=AMOUNTS,
                legend=alt.Legend(orient="top"),
            ),
            tooltip=tooltip(view.rows),
        )
        .add_params(chosen)
        .transform_filter("datum.fact === fact")
    )
    return one_at_a_time(chart, view.rows)


def three_languages(view: View) -> Drawing:
    """Draw a fact's neurons in three languages side by side; shared ones stand out."""
    counts = {name: int(max(view.rows[name])) for name in ("layer_count", "neuron_count")}
    return one_at_a_time(neurons_side_by_side(**counts), view.rows)


def neurons_side_by_side(layer_count: int = 12, neuron_count: int = 3072) -> Drawing:
    """Draw a fact's neurons in a few languages, one panel each, by layer; shared ones stand out.

    Layers and neurons per layer are also parameters of the chart. Its rows have language_name,
    layer_index, neuron_index and language_count: how many of the shown languages
    have this neuron.
    """
    kinds = ["in this language only", "in two languages", "in three languages"]
    colours = [CATEGORIES[6], CATEGORIES[5], CATEGORIES[1]]
    across = alt.Scale(domainMin=0, domainMax=alt.ExprRef("neuron_count"), nice=False)
    upwards = alt.Scale(domainMin=-0.5, domainMax=alt.ExprRef("layer_count - 0.5"), nice=False)
    whole = alt.Axis(tickMinStep=1, format="d", grid=False)
    return (
        alt.Chart(ROWS, width=(WIDTH - 100) / 3, height=240)
        .transform_calculate(
            low="datum.layer_index - 0.4",
            high="datum.layer_index + 0.4",
            shared=f"{kinds}[datum.language_count - 1]",
        )
        .mark_rule(strokeWidth=2)
        .encode(
            x=alt.X("neuron_index:Q", title="neuron", scale=across, axis=alt.Axis(grid=False)),
            y=alt.Y("low:Q", title="layer", scale=upwards, axis=whole),
            y2="high:Q",
            color=_by_kind("shared", kinds, colours),
            tooltip=["language_name:N", "layer_index:Q", "neuron_index:Q", "shared:N"],
        )
        .facet(facet=alt.Facet("language_name:N", title=None, sort=None), columns=3)
        .add_params(
            alt.param("layer_count", value=layer_count),
            alt.param("neuron_count", value=neuron_count),
        )
    )


def layers(view: View) -> Drawing:
    """Draw the share of active neurons by layer, one line per method."""
    chart = (
        alt.Chart(ROWS, width=WIDTH - 60, height=220)
        .mark_line(point=True)
        .encode(
            x=alt.X("layer_index:O", title="layer", axis=NUMBERS),
            y=alt.Y("layer_rate:Q", title="share of neurons", axis=alt.Axis(format=PERCENT)),
            color=alt.Color(
                "method_code:N",
                title=None,
                scale=alt.Scale(range=CATEGORIES),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=tooltip(view.rows),
        )
    )
    return one_at_a_time(chart, view.rows)


def shared_neurons(view: View) -> Drawing:
    """Draw facts with shared knowledge neurons by number of languages; the null is a tick."""
    axis = alt.Axis(format=PERCENT)
    base = alt.Chart(ROWS, width=(WIDTH - 120) / 2, height=220).encode(
        x=alt.X("shared_language_count:O", title="languages", axis=alt.Axis(labelAngle=0)),
        tooltip=tooltip(view.rows),
    )
    found = base.mark_bar(color=CATEGORIES[5], width=26).encode(
        y=alt.Y("shared_fact_rate:Q", title="share of facts", axis=axis)
    )
    interval = base.mark_rule(color=CATEGORIES[0], strokeWidth=2).encode(
        y="shared_fact_rate_low:Q", y2="shared_fact_rate_high:Q"
    )
    null = base.mark_tick(color=CATEGORIES[1], thickness=3, width=26).encode(y="null_fact_score:Q")
    return (found + interval + null).facet(facet=facet("model_id", view.rows), columns=2)


def edit_effects(view: View) -> Drawing:
    """Draw the effects of edits by set of neurons; the queried language is chosen below it."""
    asked = ["the fact itself", "an unrelated fact", "the fact, random neurons"]
    languages = view.rows["language_code"].unique(maintain_order=True).to_list()
    chosen = alt.param(
        name="edited",
        value=languages[0],
        bind=alt.binding_select(options=languages, name="queried language "),
    )
    base = (
        alt.Chart(ROWS, width=(WIDTH - 200) / 2, height=alt.Step(9))
        .transform_filter("datum.language_code === edited")
        .encode(
            y=alt.Y("neurons:N", title=None, axis=alt.Axis(labelExpr=WORDS)),
            yOffset=alt.YOffset("asked:N", sort=asked),
            color=_by_kind("asked", asked),
            tooltip=tooltip(view.rows),
        )
    )
    # Too few facts have no interval: a line without length, so that the axis has numbers.
    bound = "isValid(datum.delta_score_{0}) ? datum.delta_score_{0} : datum.delta_score"
    line = (
        base.transform_calculate(low=bound.format("low"), high=bound.format("high"))
        .mark_rule(strokeWidth=2)
        .encode(
            x=alt.X("low:Q", title="change of log P", axis=alt.Axis(grid=True)),
            x2="high:Q",
        )
    )
    point = base.mark_point(filled=True, size=40, opacity=1).encode(x="delta_score:Q")
    zero = alt.Chart(ROWS).mark_rule(color=CATEGORIES[6]).encode(x=alt.datum(0))
    edits = alt.Column("edit:N", sort=["suppressed", "doubled"], title=None)
    return one_at_a_time((zero + line + point).facet(column=edits).add_params(chosen), view.rows)


def degenerate_layers(view: View) -> Drawing:
    """Draw the share of each kind of neuron by layer, one panel per model and language."""
    kinds = ["knowledge", "degenerate as published", "degenerate, above random pairs"]
    chart = (
        alt.Chart(ROWS, width=_panel_width(view), height=150)
        .mark_bar()
        .encode(
            xOffset=alt.XOffset("kind:N", sort=kinds),
            x=alt.X("layer_index:O", title="layer", axis=NUMBERS),
            y=alt.Y("layer_score:Q", title="share of neurons", axis=alt.Axis(format=PERCENT)),
            color=_by_kind("kind", kinds),
            tooltip=tooltip(view.rows),
        )
        .facet(column=alt.Column("language_code:N", title=None))
    )
    return one_at_a_time(chart, view.rows)


def degenerate_sets(view: View) -> Drawing:
    """Draw the share of facts with a degenerate set by its size, for real and random neurons."""
    searched = ["knowledge neurons", "random neurons"]
    base = alt.Chart(ROWS, width=_panel_width(view), height=150).encode(
        x=alt.X("set_size:O", title="neurons of the set", axis=NUMBERS),
        xOffset=alt.XOffset("searched:N", sort=searched),
        color=_by_kind("searched", searched),
        tooltip=tooltip(view.rows),
    )
    axis = alt.Axis(format=PERCENT)
    rate = base.mark_point(filled=True, size=50, opacity=1).encode(
        y=alt.Y("published_fact_rate:Q", title="share of facts", axis=axis)
    )
    interval = base.mark_rule(strokeWidth=2).encode(
        y="published_fact_rate_low:Q", y2="published_fact_rate_high:Q"
    )
    chart = (interval + rate).facet(column=alt.Column("language_code:N", title=None))
    return one_at_a_time(chart, view.rows)


def fact_checks(view: View) -> Drawing:
    """Draw how well each check separates right from wrong objects; a tick marks guessing."""
    order = view.rows["check_code"].unique(maintain_order=True).to_list()
    base = alt.Chart(ROWS, width=(WIDTH - 100) / 3, height=alt.Step(9)).encode(
        y=alt.Y("check_code:N", title=None, sort=order, axis=alt.Axis(labelExpr=WORDS)),
        yOffset="model_id:N",
        tooltip=tooltip(view.rows),
    )
    share = alt.Scale(domain=[0, 1])
    colour = by_model(view.rows, "top")
    line = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("score_low:Q", title=None, scale=share),
        x2="score_high:Q",
        color=colour,
    )
    point = base.mark_point(filled=True, size=40, opacity=1).encode(x="score:Q", color=colour)
    guess = base.mark_tick(color=CATEGORIES[6], thickness=2).encode(x="guessing_score:Q")
    return (guess + line + point).facet(
        row=alt.Row("language_code:N", title=None),
        column=alt.Column("measure:N", title=None, sort=["AUROC", "balanced accuracy", "F1"]),
    )


def _by_kind(field: str, kinds: list[str], colours: list[str] = CATEGORIES) -> alt.Color:
    """One colour per kind, in this order, with the legend above the panels."""
    return alt.Color(
        f"{field}:N",
        title=None,
        scale=alt.Scale(domain=kinds, range=colours),
        legend=alt.Legend(orient="top", labelLimit=0),
    )


def _panel_width(view: View) -> int:
    """Width of one of several panels in a row, one per language, in pixels."""
    return max(150, (WIDTH - 80) // view.rows["language_code"].n_unique() - 20)
