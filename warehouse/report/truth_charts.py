"""Draws the charts of studies with a known truth; see ``charts`` for the conventions."""

from __future__ import annotations

import altair as alt

from warehouse.report.drawing import (
    AMOUNTS,
    AROUND_ZERO,
    CATEGORIES,
    PERCENT,
    ROWS,
    WIDTH,
    WORDS,
    Drawing,
    View,
    facet,
    matrix,
    one_at_a_time,
    switched,
    tooltip,
)

__all__ = [
    "accuracy",
    "acquisition",
    "signals",
    "source_arrows",
    "source_graph",
    "source_weights",
    "sources_and_similarity",
    "survival",
    "transfer_effect",
]


POINTS = "format(100 * datum.value, '+.0f')"
"""Label of an axis or legend in percentage points."""
TRUTHS = ["guess", "own_text_needed", "either_suffices", "transferred"]
"""True roots, in the order of the roots that claim them."""


def accuracy(view: View) -> Drawing:
    """Draw a confusion matrix: traced root (rows), true root (columns), share of the row."""
    base = alt.Chart(ROWS, width=alt.Step(120), height=alt.Step(40)).encode(
        x=alt.X(
            "truth_code:N",
            title="true root",
            sort=TRUTHS,
            axis=alt.Axis(labelExpr=WORDS, labelAngle=0),
        ),
        y=alt.Y("root_code:N", title="traced root", sort=[*TRUTHS, "cue", "independent", "shared"]),
        tooltip=tooltip(view.rows),
    )
    share = alt.Color("precision_score:Q", title="share of row", scale=AMOUNTS)
    ink = alt.condition("datum.precision_score > 0.6", alt.value("black"), alt.value("white"))
    cells = base.mark_rect().encode(color=share)
    claims = base.transform_filter("datum.is_claim").mark_rect(
        filled=False, stroke=CATEGORIES[1], strokeWidth=3
    )
    shares = base.mark_text(dy=-6).encode(
        text=alt.Text("precision_score:Q", format=".0%"), color=ink
    )
    chances = base.mark_text(dy=9, fontSize=9).encode(
        text=alt.Text("chance_score:Q", format=".0%"), color=ink
    )
    layers = cells + claims + shares + chances
    return one_at_a_time(layers, view.rows)


def _points(view: View, score: str, y: str, title: str, zero: float | None) -> Drawing:
    """Scores with their intervals, one row each, a panel per model."""
    base = alt.Chart(ROWS, width=WIDTH - 220, height=alt.Step(22)).encode(
        y=alt.Y(f"{y}:N", title=None, axis=alt.Axis(labelExpr=WORDS, labelLimit=200)),
        tooltip=tooltip(view.rows),
    )
    line = base.mark_rule(strokeWidth=2).encode(
        x=alt.X(f"{score}_low:Q", title=title, scale=alt.Scale(zero=False)),
        x2=f"{score}_high:Q",
    )
    point = base.mark_point(filled=True, size=60, opacity=1).encode(x=f"{score}:Q")
    layers = line + point
    if zero is not None:
        floor = alt.Chart(ROWS).mark_rule(color="#999999", strokeDash=[4, 4])
        layers = floor.encode(x=alt.datum(zero)) + layers
    return one_at_a_time(layers, view.rows)


def survival(view: View) -> Drawing:
    """Draw how often answers of each root are right without their own text."""
    return _points(view, "survival_rate", "root_code", "right without the own text", None)


def signals(view: View) -> Drawing:
    """Draw how well scores predict that; 0.5 is chance."""
    return _points(view, "auroc_score", "signal_code", "AUROC", 0.5)


def source_weights(view: View) -> Drawing:
    """Draw the directed matrix of source weights, blue below zero and orange above."""
    largest = float(view.rows["weight_score"].abs().max() or 1)  # type: ignore[arg-type]
    scale = alt.Scale(**AROUND_ZERO, domain=[-largest, largest])
    colour = alt.Color(
        "weight_score:Q",
        title=["change of P(right)", "(percentage points)"],
        scale=scale,
        legend=alt.Legend(labelExpr=POINTS),
    )
    fields = ("source_language_code", "target_language_code")
    titles = ("source: its text states the fact", "target: it is asked")
    cells = matrix(view, colour, field_names=fields, titles=titles)
    x, y = (alt.X(f"{fields[0]}:N"), alt.Y(f"{fields[1]}:N"))
    above = (
        alt.Chart(ROWS)
        .transform_filter("datum.is_above_zero")
        .mark_point(size=60, stroke="black", strokeWidth=1.5)
        .encode(x=x, y=y)
    )
    return alt.layer(cells, above)


def sources_and_similarity(view: View) -> Drawing:
    """Draw three matrices per model: measured effects, facts right in both, shared neurons."""
    names = ["measured effect", "right in both", "shared neurons above chance"]
    found = [name for name in names if name in set(view.rows["matrix"])]
    scale = alt.Scale(scheme=AMOUNTS.scheme, domain=[0, 1])
    panels = []
    for name in found:
        legend = alt.Legend() if name == found[-1] else None
        colour = alt.Color("rank_score:Q", title="rank", scale=scale, legend=legend)
        side, only = (WIDTH - 180) // 3, f"datum.matrix === '{name}'"
        panels.append(matrix(view, colour, side, names=False, only=only).properties(title=name))
    return switched(alt.hconcat(*panels), view.rows)


def source_graph(view: View) -> Drawing:
    """Draw the source weights above zero as arrows between languages in a circle."""
    kinds = {"same script": CATEGORIES[0], "other script": CATEGORIES[1]}
    frame = alt.Scale(domain=[-1.25, 1.25])
    base = alt.Chart(ROWS, width=WIDTH - 200, height=WIDTH - 260)
    arrows = base.transform_filter("datum.kind === 'arrow'").encode(
        color=alt.Color(
            "script:N",
            title=None,
            scale=alt.Scale(domain=list(kinds), range=[*kinds.values()]),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=["label:N", "script:N", "weight_score:Q", "weight_score_low:Q"],
    )
    width = alt.Size("weight_score:Q", legend=None, scale=alt.Scale(range=[0.5, 6]))
    lines = arrows.mark_rule(opacity=0.7).encode(
        x=alt.X("x:Q", scale=frame, axis=None),
        y=alt.Y("y:Q", scale=frame, axis=None),
        x2="x2:Q",
        y2="y2:Q",
        size=width,
    )
    heads = arrows.mark_point(shape="triangle", filled=True, size=90, opacity=1).encode(
        x="head_x:Q", y="head_y:Q", angle=alt.Angle("head_angle:Q", scale=None)
    )
    names = base.transform_filter("datum.kind === 'language'").mark_text(fontSize=12)
    named = names.transform_calculate(name=f"({dict(view.names)})[datum.label]")
    return lines + heads + named.encode(x="x:Q", y="y:Q", text="name:N")


def source_arrows(view: View) -> Drawing:
    """Draw the largest source weights as arrows' names with intervals."""
    order = view.rows["pair"].to_list()
    base = alt.Chart(ROWS, width=WIDTH - 160, height=alt.Step(18)).encode(
        y=alt.Y("pair:N", title=None, sort=order),
        color=alt.Color(
            "script:N",
            title=None,
            scale=alt.Scale(domain=["same script", "other script"], range=CATEGORIES[:2]),
        ),
        tooltip=tooltip(view.rows),
    )
    line = base.mark_rule(strokeWidth=2).encode(
        x=alt.X(
            "weight_score_low:Q",
            title="change of P(right) (percentage points)",
            axis=alt.Axis(labelExpr=POINTS),
        ),
        x2="weight_score_high:Q",
    )
    return line + base.mark_point(filled=True, size=60, opacity=1).encode(x="weight_score:Q")


def transfer_effect(view: View) -> Drawing:
    """Draw transfer effects with intervals, by what the languages share; zero is no transfer."""
    base = alt.Chart(ROWS, width=(WIDTH - 200) / 2, height=170).encode(
        y=alt.Y("stratum_code:N", title=None, axis=alt.Axis(labelExpr=WORDS)),
        yOffset="corpus_id:N",
        color=alt.Color("corpus_id:N", title=None, scale=alt.Scale(range=CATEGORIES)),
        tooltip=tooltip(view.rows),
    )
    axis = alt.Axis(labelExpr=POINTS)
    line = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("effect_score_low:Q", title="difference in P@1 (percentage points)", axis=axis),
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
        alt.Chart(ROWS, width=WIDTH - 60, height=260)
        .mark_line(point=True)
        .encode(
            x=alt.X("step_index:Q", title="training step"),
            y=alt.Y("full_match_rate:Q", title="P@1", axis=alt.Axis(format=PERCENT)),
            color=alt.Color("presence_code:N", title="stated", scale=alt.Scale(range=CATEGORIES)),
            tooltip=tooltip(view.rows),
        )
        .facet(facet=facet("training_run_id", view.rows), columns=1)
    )
