"""Charts: how each figure of the report looks, as Vega-Lite specifications made with Altair.

Every function looks at the figure's rows only to learn which models and languages there are, and
returns a chart over a data set called 'rows'. Colours are safe for colour-blind readers (Okabe and
Ito 2008 for categories, viridis for amounts) and stand on light and dark ground; text takes the
page's colour. No function here changes a number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import polars as pl

Drawing = Any
"""An Altair chart; its chained methods are untyped."""


@dataclass(frozen=True)
class View:
    """What a chart is about."""

    rows: pl.DataFrame
    """The figure's rows, as its query gives them."""
    languages: tuple[str, ...]
    """Languages of the study by family, branch, then code, so that relatives stand together."""


ROWS = alt.NamedData("rows")
CATEGORIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999"]
ROOTS = {
    "shared": "#0072B2",
    "independent": "#009E73",
    "transferred": "#D55E00",
    "cue": "#E69F00",
    "undetermined": "#999999",
}
WIDTH = 680
PERCENT = ".0%"
_WORDS = "replace(datum.label, /_/g, ' ')"


def rates_by_language(view: View) -> Drawing:
    """P@1 of every language with its interval, one colour per model."""
    height = (
        max(14, 5 * view.rows["model_id"].n_unique() + 6) * view.rows["language_code"].n_unique()
    )
    order = view.rows["language_name"].unique(maintain_order=True).to_list()
    base = alt.Chart(ROWS, width=WIDTH - 120, height=min(1400, height)).encode(
        y=alt.Y("language_name:N", sort=order, title=None),
        yOffset="model_id:N",
        color=_by_model(view.rows),
        tooltip=_tooltip(view.rows, "full_match_rate"),
    )
    line = base.mark_rule(strokeWidth=1.5).encode(
        x=alt.X("full_match_rate_low:Q", title="P@1", axis=alt.Axis(format=PERCENT)),
        x2="full_match_rate_high:Q",
    )
    return line + base.mark_point(filled=True, size=36, opacity=1).encode(x="full_match_rate:Q")


def rate_against_text(view: View) -> Drawing:
    """One point per language, labelled where there is room; the hover names the others."""
    labelled = _labels_that_fit(view.rows, WIDTH - 40, 340)
    size = alt.X("character_count:Q", title="characters of training text", scale=_log(view.rows))
    rate = alt.Y("full_match_rate:Q", title="P@1", axis=alt.Axis(format=PERCENT))
    base = alt.Chart(ROWS, width=WIDTH - 40, height=340)
    points = base.mark_point(filled=True, size=40, opacity=1).encode(
        x=size, y=rate, color=_by_model(view.rows), tooltip=_tooltip(view.rows, "full_match_rate")
    )
    names = (
        base.transform_filter(alt.FieldOneOfPredicate("language_code", labelled))
        .mark_text(align="left", dx=6, fontSize=10)
        .encode(x=size, y=rate, text="language_code:N")
    )
    return (points + names).facet(facet=_facet("model_id", view.rows), columns=1)


def rate_by_token_count(view: View) -> Drawing:
    """P@1 over the object's length, with intervals."""
    base = alt.Chart(ROWS, width=WIDTH - 40, height=260).encode(
        x=alt.X("object_token_count:O", title="tokens of the object", axis=alt.Axis(labelAngle=0)),
        color=_by_model(view.rows),
        tooltip=_tooltip(view.rows, "full_match_rate"),
    )
    rate = alt.Y("full_match_rate:Q", title="P@1", axis=alt.Axis(format=PERCENT))
    rule = base.mark_rule().encode(y="full_match_rate_low:Q", y2="full_match_rate_high:Q")
    return base.mark_line(point=True).encode(y=rate) + rule


def published_beside_measured(view: View) -> Drawing:
    """Measured over published, with the line on which they agree."""
    values = pl.concat([view.rows["published_value"], view.rows["measured_value"]])
    most = 1.05 * float(np.max(values.to_numpy()))
    scale = alt.Scale(domain=[0, most])
    points = (
        alt.Chart(ROWS, width=420, height=420)
        .mark_point(filled=True, size=40, opacity=1)
        .encode(
            x=alt.X("published_value:Q", title="published P@1", scale=scale),
            y=alt.Y("measured_value:Q", title="measured P@1", scale=scale),
            color=alt.Color("model_code:N", title=None, scale=alt.Scale(range=CATEGORIES)),
            tooltip=_tooltip(view.rows),
        )
    )
    ends = pl.DataFrame({"x": [0.0, most], "y": [0.0, most]})
    line = alt.Chart(ends).mark_line(color="#999999", strokeDash=[4, 4]).encode(x="x:Q", y="y:Q")
    return line + points


def fact_similarity(view: View) -> Drawing:
    """A square of languages per model."""
    square = _square(view.rows, view.languages, "jaccard_rate", "Jaccard", 1)
    return square.facet(facet=_facet("model_id", view.rows), columns=1)


def neuron_similarity(view: View) -> Drawing:
    """Two squares per model with the same colours: the same fact, and the null beside it."""
    kinds = ["same fact", "other fact, same object"]
    square = _square(view.rows, view.languages, "score", "Jaccard", 2)
    return square.facet(
        row=_facet("model_id", view.rows), column=alt.Column("kind:N", sort=kinds, title=None)
    )


def explained(view: View) -> Drawing:
    """Mantel correlations, filled where shuffles reach them in fewer than one of 20 cases."""
    return (
        alt.Chart(ROWS, width=(WIDTH - 160) / 3, height=110)
        .mark_point(size=70, strokeWidth=2)
        .encode(
            x=alt.X("mantel_score:Q", title="Mantel correlation"),
            y=alt.Y("factor_code:N", title=None),
            color=_by_model(view.rows),
            fillOpacity=alt.condition("datum.mantel_p_score < 0.05", alt.value(1), alt.value(0)),
            fill=alt.Fill("model_id:N", scale=alt.Scale(range=CATEGORIES)),
            tooltip=_tooltip(view.rows),
        )
        .facet(
            column=alt.Column("similarity_code:N", title=None, header=alt.Header(labelExpr=_WORDS))
        )
    )


def presence(view: View) -> Drawing:
    """Right answers per language, split by whether its text states them."""
    colours = {"stated": CATEGORIES[0], "not stated": CATEGORIES[1]}
    return _stacked(
        view.rows, view.languages, "source", colours, "fact_count", "right answers", "zero"
    )


def fact_types(view: View) -> Drawing:
    """Types of absent and predictable facts per language."""
    colours = {
        "shared_tokens": CATEGORIES[4],
        "naming": CATEGORIES[3],
        "others": CATEGORIES[1],
    }
    title = "right answers not stated"
    return _stacked(
        view.rows, view.languages, "fact_type_code", colours, "type_count", title, "zero"
    )


def roots(view: View) -> Drawing:
    """Share of each root among a language's right answers."""
    title = "share of right answers"
    return _stacked(view.rows, view.languages, "root_code", ROOTS, "root_count", title, "normalize")


def transfer_sources(view: View) -> Drawing:
    """From source languages (across) to the languages that know without a text (down)."""
    side = _side(view.languages, 1)
    return (
        alt.Chart(ROWS, width=side, height=side)
        .mark_rect()
        .encode(
            x=alt.X("source_language_code:N", title="stated in", sort=list(view.languages)),
            y=alt.Y("target_language_code:N", title="known in", sort=list(view.languages)),
            color=alt.Color("source_count:Q", title="facts", scale=alt.Scale(scheme="viridis")),
            tooltip=_tooltip(view.rows),
        )
        .facet(facet=_facet("model_id", view.rows), columns=1)
    )


def one_fact(view: View) -> Drawing:
    """One row of cells per language; the fact and the model are chosen below the figure."""
    facts = view.rows.select("fact").unique(maintain_order=True)["fact"].to_list()
    models = view.rows["model_id"].unique(maintain_order=True).to_list()
    chosen = [
        alt.param(
            name="fact", value=facts[0], bind=alt.binding_select(options=facts, name="fact ")
        ),
        alt.param(
            name="model", value=models[0], bind=alt.binding_select(options=models, name="model ")
        ),
    ]
    return (
        alt.Chart(ROWS, width=WIDTH - 40, height=alt.Step(13))
        .mark_rect()
        .encode(
            x=alt.X("place_index:O", title="layers, each in 16 parts", axis=alt.Axis(labels=False)),
            y=alt.Y("language_code:N", title=None, sort=list(view.languages)),
            color=alt.Color(
                "active_neuron_count:Q", title="neurons", scale=alt.Scale(scheme="viridis")
            ),
            tooltip=_tooltip(view.rows),
        )
        .add_params(*chosen)
        .transform_filter("datum.fact === fact && datum.model_id === model")
    )


def layers(view: View) -> Drawing:
    """Share of the active neurons by layer, a line per method."""
    return (
        alt.Chart(ROWS, width=WIDTH - 60, height=200)
        .mark_line(point=True)
        .encode(
            x=alt.X("layer_index:O", title="layer", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("layer_rate:Q", title="share of neurons", axis=alt.Axis(format=PERCENT)),
            color=alt.Color("method_code:N", title=None, scale=alt.Scale(range=CATEGORIES)),
            tooltip=_tooltip(view.rows),
        )
        .facet(facet=_facet("model_id", view.rows), columns=1)
    )


def shared_neurons(view: View) -> Drawing:
    """Facts with shared knowledge neurons by number of languages; the null as a tick."""
    axis = alt.Axis(format=PERCENT)
    base = alt.Chart(ROWS, width=260, height=200).encode(
        x=alt.X("shared_language_count:O", title="languages", axis=alt.Axis(labelAngle=0)),
        tooltip=_tooltip(view.rows),
    )
    found = base.mark_bar(color=CATEGORIES[0]).encode(
        y=alt.Y("shared_fact_rate:Q", title="share of facts", axis=axis)
    )
    null = base.mark_tick(color=CATEGORIES[1], thickness=3).encode(y="null_fact_score:Q")
    return (found + null).facet(facet=_facet("model_id", view.rows), columns=2)


def accuracy(view: View) -> Drawing:
    """Confusion matrix: true kind down, traced root across, share of the row as colour."""
    base = alt.Chart(ROWS, width=340, height=alt.Step(34)).encode(
        x=alt.X("root_code:N", title="traced root", sort=list(ROOTS), axis=alt.Axis(labelAngle=0)),
        y=alt.Y("truth_code:N", title="truth", axis=alt.Axis(labelExpr=_WORDS)),
        tooltip=_tooltip(view.rows),
    )
    share = alt.Color("root_rate:Q", title="share of row", scale=alt.Scale(scheme="viridis"))
    ink = alt.condition("datum.root_rate > 0.6", alt.value("black"), alt.value("white"))
    cells = base.mark_rect().encode(color=share)
    counts = base.mark_text().encode(text="root_count:Q", color=ink)
    return (cells + counts).facet(facet=_facet("model_id", view.rows), columns=1)


def transfer_effect(view: View) -> Drawing:
    """Effects with their intervals by what the languages share; zero is no transfer."""
    base = alt.Chart(ROWS, width=(WIDTH - 180) / 2, height=150).encode(
        y=alt.Y("stratum_code:N", title=None, axis=alt.Axis(labelExpr=_WORDS)),
        yOffset="corpus_id:N",
        color=alt.Color("corpus_id:N", title=None, scale=alt.Scale(range=CATEGORIES)),
        tooltip=_tooltip(view.rows),
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
    column = alt.Column("contrast_code:N", title=None, header=alt.Header(labelExpr=_WORDS))
    return (zero + line + point).facet(column=column)


def acquisition(view: View) -> Drawing:
    """P@1 over training steps."""
    return (
        alt.Chart(ROWS, width=WIDTH - 40, height=260)
        .mark_line(point=True)
        .encode(
            x=alt.X("step_index:Q", title="training step"),
            y=alt.Y("full_match_rate:Q", title="P@1", axis=alt.Axis(format=PERCENT)),
            color=alt.Color("presence_code:N", title="stated", scale=alt.Scale(range=CATEGORIES)),
            tooltip=_tooltip(view.rows),
        )
        .facet(facet=_facet("training_run_id", view.rows), columns=1)
    )


def _by_model(rows: pl.DataFrame) -> alt.Color:
    colour = alt.Color("model_id:N", title=None, scale=alt.Scale(range=CATEGORIES))
    return colour if rows["model_id"].n_unique() > 1 else colour.legend(None)


def _facet(field: str, rows: pl.DataFrame) -> Any:
    """Panels by model, without a headline where there is one model only."""
    if rows[field].n_unique() > 1:
        return alt.Facet(f"{field}:N", title=None)
    return alt.Facet(f"{field}:N", title=None, header=alt.Header(labels=False))


def _tooltip(rows: pl.DataFrame, *_: str) -> list[alt.Tooltip]:
    """Every column of the row, rates in per cent."""
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


def _side(languages: tuple[str, ...], columns: int) -> int:
    room = WIDTH if columns == 1 else (WIDTH + 160) // columns
    return min(room - 60, max(200, 22 * len(languages)))


def _square(
    rows: pl.DataFrame, languages: tuple[str, ...], field: str, title: str, columns: int
) -> Drawing:
    side = _side(languages, columns)
    small = side / max(1, len(languages)) < 12
    axis = alt.Axis(labelFontSize=7 if small else 10, labelOverlap=False)
    return (
        alt.Chart(ROWS, width=side, height=side)
        .mark_rect()
        .encode(
            x=alt.X("column_code:N", title=None, sort=list(languages), axis=axis),
            y=alt.Y("row_code:N", title=None, sort=list(languages), axis=axis),
            color=alt.Color(f"{field}:Q", title=title, scale=alt.Scale(scheme="viridis")),
            tooltip=_tooltip(rows),
        )
    )


def _stacked(
    rows: pl.DataFrame,
    languages: tuple[str, ...],
    field: str,
    colours: dict[str, str],
    amount: str,
    title: str,
    stack: str,
) -> Drawing:
    """One bar per language, in the order of ``colours``."""
    width = min(WIDTH - 40, max(240, 24 * len(languages)))
    rank = "indexof(" + str(list(colours)) + f", datum.{field})"
    axis = alt.Axis(format=PERCENT) if stack == "normalize" else alt.Axis()
    return (
        alt.Chart(ROWS, width=width, height=240)
        .transform_calculate(order=rank)
        .mark_bar()
        .encode(
            x=alt.X("language_code:N", title=None, sort=list(languages)),
            y=alt.Y(f"{amount}:Q", title=title, stack=stack, axis=axis),  # type: ignore[arg-type]
            color=alt.Color(
                f"{field}:N",
                title=None,
                scale=alt.Scale(domain=list(colours), range=list(colours.values())),
            ),
            order=alt.Order("order:Q"),
            tooltip=_tooltip(rows),
        )
        .facet(facet=_facet("model_id", rows), columns=1)
    )


def _log(rows: pl.DataFrame) -> alt.Scale:
    sizes = rows["character_count"].to_numpy()
    low, high = float(sizes.min()), float(sizes.max())
    return alt.Scale(type="log", domain=[low / 1.15, high * 1.3], nice=False)


def _labels_that_fit(rows: pl.DataFrame, width: float, height: float) -> list[str]:
    """Languages whose labels do not run into one another, the best known first.

    A language is labelled in all models' panels or in none, so that panels can be compared.
    """
    scale = _log(rows).to_dict()["domain"]
    low, high = math.log(scale[0]), math.log(scale[1])
    top = float(rows["full_match_rate"].to_numpy().max()) or 1.0
    taken: dict[str, list[tuple[float, float]]] = {}
    fitting = []
    for (code,), group in rows.sort("full_match_rate", descending=True).group_by(
        ["language_code"], maintain_order=True
    ):
        spots = {
            row["model_id"]: (
                (math.log(row["character_count"]) - low) / (high - low) * width,
                row["full_match_rate"] / top * height,
            )
            for row in group.iter_rows(named=True)
        }
        if all(
            abs(x - x2) > 22 or abs(y - y2) > 10
            for model, (x, y) in spots.items()
            for x2, y2 in taken.get(model, [])
        ):
            fitting.append(str(code))
            for model, spot in spots.items():
                taken.setdefault(model, []).append(spot)
    return fitting
