"""Shows what ``explain`` read about one fact: a sentence for each language, then tables.

What does not belong here: reading the file (``warehouse.explain``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.jupyter import JupyterMixin
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ingestion.errors import printable

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderResult

__all__ = ["SIGNALS", "Explanation", "sentence"]

_SHOWN = 12
"""Neurons listed per language; overlaps use all of them."""
_SHOWN_SOURCES = 3
_NOTHING = "–"
_REASONS = {
    "only_fact": "no other fact of its relation is right here, so neurons cannot be compared",
    "no_contrast": "the relation's right facts have too few different queries here",
}
SIGNALS = {
    "object_frequency": "facts with this object",
    "other_full_match": "languages right",
    "object_log_prob_rank": "log-probability",
    "same_answer": "other subjects get it",
    "masked_log_prob_rank": "without subject",
    "other_subject_log_prob_rank": "with other subjects",
}
"""Feature of the calibrated rule → its heading."""


class Explanation(JupyterMixin):
    """One fact in several languages: shown by a notebook, printed by ``print``."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = dict(data)
        """Everything that is shown, as plain values with the names of the published columns."""

    @property
    def sentences(self) -> list[str]:
        """The answer and its most probable root in words, one for each language."""
        return list(self.data["sentences"])

    @property
    def tables(self) -> list[Table]:
        """Answers; the roots of the right ones by both rules; what spoke for and against; per
        method a table of neurons and, if two languages have neurons, a table of overlaps; languages
        without neurons, with the reason. Empty tables are left out."""
        data = self.data
        found = [_answers(data), _roots(data["answers"]), _signals(data["signals"])]
        for method, sets in data["neurons"].items():
            rows = [row for row in data["overlaps"] if row["method_code"] == method]
            found += [_neurons(method, sets), _overlaps(method, rows)]
        found.append(_reasons(data["without_neurons"]))
        return [table for table in found if table.row_count]

    def json(self) -> str:
        """The data as one JSON object."""
        return json.dumps(self.data, ensure_ascii=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.sentences:
            yield Text(printable(line))
        yield from self.tables

    def __str__(self) -> str:
        console = Console(width=120)
        with console.capture() as captured:
            console.print(self)
        return captured.get()


def sentence(row: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Say an answer and its most probable root in words.

    Args:
        row: columns of ``answers``; the language's labels are null if it lacks the fact.
        names: language code → English name.
    """
    fact = f"{row['fact_subject_label']} → {row['fact_object_label']} in {row['language_name']}"
    if row["subject_label"] is None:
        return f"{fact}: not asked, because this language has no names for it."
    if row["is_right"] is None:
        return f"{fact}: not answered."
    if row["is_right"]:
        return f"{fact}: right, {_stated(row)}; {_root(row, names)}."
    rank = f", the right answer has rank {row['gold_rank']:,}" if row["gold_rank"] else ""
    answer = row["predicted_text"]
    return f"{fact}: wrong ({answer!r}{rank}), {_stated(row)}."


def _stated(row: Mapping[str, Any]) -> str:
    if row["is_present"] is None:
        return "its text was not traced"
    if not row["is_present"]:
        return "not stated in its text"
    count = row["shared_count"]
    return f"stated in {count:,} {row['text_unit']}{'' if count == 1 else 's'} of its text"


def _root(row: Mapping[str, Any], names: Mapping[str, str]) -> str:
    root = str(row["root_code"]).replace("_", " ")
    if row["root_code"] in (None, "undetermined"):
        return "root: undetermined"
    found = f"most probable root: {root}"
    if row["root_probability"] is not None:
        found += f" ({_probability(row['root_probability'])})"
    sources, weights = row["source_language_codes"], row["source_probabilities"]
    if not sources:
        return found
    found += "; " if row["root_code"] == "transferred" else "; if from another language, "
    likeliest = [
        names.get(source, source)
        for source, weight in zip(sources, weights, strict=True)
        if weight >= weights[0]
    ]
    if len(sources) == 1:
        return f"{found}the only possible source is {likeliest[0]}"
    if len(likeliest) > _SHOWN_SOURCES:
        return f"{found}the source is one of {len(likeliest)} equally probable languages"
    *others, last = likeliest
    named, verb = last, "is the most probable source"
    if others:
        named, verb = f"{', '.join(others)} and {last}", "are the most probable sources"
    probability = _probability(weights[0]) + " each" * bool(others)
    return f"{found}of {len(sources)} possible languages {named} {verb} ({probability})"


def _probability(value: float) -> str:
    return f"p {value:.2f}".replace(" 0.", " .")


def _answers(data: Mapping[str, Any]) -> Table:
    title = f"{data['fact_id']}: {data['relation_id']} {data['relation_name']}, "
    table = Table(title=f"{title}asked of {data['model_id']}", title_justify="left")
    for column in ("language", "subject", "object", "predicted", "right"):
        table.add_column(column)
    for column in ("rank of the object", "its log-probability"):
        table.add_column(column, justify="right")
    for row in data["answers"]:
        if row["subject_label"] is None:
            table.add_row(row["language_code"], "not in this language", *[_NOTHING] * 5)
            continue
        rank, log_prob = row["gold_rank"], row["gold_log_prob"]
        table.add_row(
            row["language_code"],
            _cell(row["subject_label"]),
            _cell(row["object_label"]),
            _cell(row["predicted_text"] or _NOTHING),
            {True: "[green]yes[/]", False: "[red]no[/]", None: _NOTHING}[row["is_right"]],
            f"{rank:,}" if rank else _NOTHING,
            _NOTHING if log_prob is None else f"{log_prob:.2f}",
        )
    return table


def _cell(text: str) -> str:
    """Text of a model or of the facts, as it can be printed."""
    return escape(printable(text))


def _roots(answers: Sequence[Mapping[str, Any]]) -> Table:
    """Table of the right answers: is it stated, which root do both rules give, from where?"""
    table = Table(title="Where the right answers come from", title_justify="left")
    for column in ("language", "stated", "most probable root"):
        table.add_column(column)
    table.add_column("P", justify="right")
    table.add_column("most probable sources")
    table.add_column("root of the paper's rule, and why")
    for row in answers:
        if row["root_code"] is None:
            continue
        weights = zip(row["source_language_codes"], row["source_probabilities"], strict=True)
        likely = [f"{source} {weight:.2f}" for source, weight in list(weights)[:_SHOWN_SOURCES]]
        probability = row["root_probability"]
        table.add_row(
            row["language_code"],
            {True: "yes", False: "no", None: "not traced"}[row["is_present"]],
            row["root_code"].replace("_", " "),
            _NOTHING if probability is None else f"{probability:.2f}",
            ", ".join(likely) or _NOTHING,
            _cell(f"{row['paper_root_code']}: {row['paper_reason']}"),
        )
    return table


def _signals(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Table of what the calibrated rule knows about each right answer, and how it counts."""
    table = Table(
        title="Right without its own text? Probabilities, and what speaks for (+) and against (-), "
        "in log-odds compared with an average answer (a guess, where the text was not traced)",
        title_justify="left",
    )
    table.add_column("language")
    for name in ("P if stated nowhere", "P if only elsewhere", *SIGNALS.values()):
        table.add_column(name, justify="right")
    for row in rows:
        signals = (row[f"{name}_log_odds_score"] for name in SIGNALS)
        shown = [_NOTHING if signal is None else f"{signal:+.2f}" for signal in signals]
        nowhere, elsewhere = row["nowhere_score"], row["elsewhere_only_score"]
        table.add_row(row["language_code"], f"{nowhere:.2f}", f"{elsewhere:.2f}", *shown)
    return table


def _neurons(method: str, sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    places = [{(row["layer_index"], row["neuron_index"]) for row in rows} for rows in sets.values()]
    common = set.intersection(*places) if len(places) > 1 else set()
    title = f"{method}: the {_SHOWN} most active neurons (layer·neuron, score)"
    if len(places) > 1:
        title += f"; bold: active in all {len(places)} languages ({len(common)} neurons)"
    table = Table(title=title, title_justify="left")
    table.add_column("rank", justify="right")
    for code, rows in sets.items():
        table.add_column(f"{code} ({len(rows)})")
    for rank in range(min(_SHOWN, max(map(len, sets.values())))):
        cells = []
        for rows in sets.values():
            if rank >= len(rows):
                cells.append("")
                continue
            layer, neuron = rows[rank]["layer_index"], rows[rank]["neuron_index"]
            text = f"{layer}·{neuron} {rows[rank]['neuron_score']:.3f}"
            cells.append(f"[bold]{text}[/]" if (layer, neuron) in common else text)
        table.add_row(str(rank + 1), *cells)
    return table


def _overlaps(method: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(
        title=f"{method}: overlap of these sets, compared with all facts of the two languages",
        title_justify="left",
    )
    table.add_column("languages")
    for column in (
        "shared neurons", "Jaccard", "mean of all facts", "null: other fact, same relation",
        "null: other fact, same object", "facts",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    means = ("neuron_jaccard_score", "relation_null_score", "object_null_score")
    for row in rows:
        found = (row.get(name) for name in means)
        table.add_row(
            " – ".join(row["language_codes"]),
            str(row["shared_neuron_count"]),
            f"{row['overlap_score']:.3f}",
            *(_NOTHING if value is None else f"{value:.3f}" for value in found),
            f"{row['fact_count']:,}",
        )
    return table


def _reasons(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Table of the languages without neurons, by method, with the reason."""
    table = Table(title="Languages without active neurons", title_justify="left")
    for column in ("method", "language", "reason"):
        table.add_column(column)
    for row in rows:
        text = _REASONS.get(
            row["reason_code"], "right, but not recorded with the object's number of masks"
        )
        is_known = row["is_right"] or row["reason_code"]
        shown = text if is_known else "the model is not right here"
        table.add_row(row["method_code"], row["language_code"], shown)
    return table
