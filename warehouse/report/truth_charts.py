"""Draws the charts of studies with a known truth; see ``charts`` for the conventions."""

from __future__ import annotations

import altair as alt

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
    facet,
    tooltip,
)

__all__ = ["accuracy", "acquisition", "transfer_effect"]


def accuracy(view: View) -> Drawing:
    """Draw a confusion matrix: true kind (rows), traced root (columns), share of the row."""
    base = alt.Chart(ROWS, width=340, height=alt.Step(34)).encode(
        x=alt.X("root_code:N", title="traced root", sort=list(ROOTS), axis=alt.Axis(labelAngle=0)),
        y=alt.Y("truth_code:N", title="truth", axis=alt.Axis(labelExpr=WORDS)),
        tooltip=tooltip(view.rows),
    )
    share = alt.Color("root_rate:Q", title="share of row", scale=AMOUNTS)
    ink = alt.condition("datum.root_rate > 0.6", alt.value("black"), alt.value("white"))
    cells = base.mark_rect().encode(color=share)
    counts = base.mark_text().encode(text="root_count:Q", color=ink)
    return (cells + counts).facet(facet=facet("model_id", view.rows), columns=1)


def transfer_effect(view: View) -> Drawing:
    """Draw transfer effects with intervals, by what the languages share; zero is no transfer."""
    base = alt.Chart(ROWS, width=(WIDTH - 180) / 2, height=150).encode(
        y=alt.Y("stratum_code:N", title=None, axis=alt.Axis(labelExpr=WORDS)),
        yOffset="corpus_id:N",
        color=alt.Color("corpus_id:N", title=None, scale=alt.Scale(range=CATEGORIES)),
        tooltip=tooltip(view.rows),
    )
    axis = alt.Axis(format="+.0%")
    line = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("effect_score_low:Q", title="difference in P@1", axis=axis),
        x2="effect_score_high:Q",
    )
    point = base.mark_point(filled=True, size=50, opacity=1).encode(x="effect_score:Q")
    zero = base.mark_rule(color="#999999", strokeDash=[4, 4]).encode(
        x=alt.datum(0),
        y=alt.value(0),
        y2=alt.value(150),
        yOffset=alt.value(0),
        color=alt.value("#999999"),
    )
    column = alt.Column("contrast_code:N", title=None, header=alt.Header(labelExpr=WORDS))
    return (zero + line + point).facet(column=column)


def acquisition(view: View) -> Drawing:
    """Draw P@1 over training steps."""
    return (
        alt.Chart(ROWS, width=WIDTH - 40, height=260)
        .mark_line(point=True)
        .encode(
            x=alt.X("step_index:Q", title="training step"),
            y=alt.Y("full_match_rate:Q", title="P@1", axis=alt.Axis(format=PERCENT)),
            color=alt.Color("presence_code:N", title="stated", scale=alt.Scale(range=CATEGORIES)),
            tooltip=tooltip(view.rows),
        )
        .facet(facet=facet("training_run_id", view.rows), columns=1)
    )
