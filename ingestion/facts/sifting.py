"""Decides which lines become facts, labels and prompts, and which are rejected, for all formats.

Each line is either accepted or rejected, so both always add up to the input. What does not belong
here: files and their syntax; each format passes its lines as columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ingestion.facts.source import FactsError, LanguageFacts, as_table
from ingestion.text import normal_column

__all__ = [
    "FACT_LINE",
    "TEMPLATE_LINE",
    "FactLines",
    "check_rejected_rate",
    "cut_text",
    "normalized",
    "sift",
    "template_problem",
]

_CUT = 500
"""Characters of a rejected line that are stored, enough to recognise it."""

_PLACE = {"source_file": pl.String, "line_number": pl.Int32, "reason": pl.String}
TEMPLATE_LINE = pl.Schema({**_PLACE, "relation_id": pl.String, "template": pl.String})
"""Columns of a template line; ``reason`` is set if the line could not be parsed."""
FACT_LINE = pl.Schema(
    {
        **_PLACE,
        "relation_id": pl.String,
        "fact_id": pl.String,
        "subject_id": pl.String,
        "object_id": pl.String,
        "subject_label": pl.String,
        "object_label": pl.String,
    }
)
"""Columns of a fact line; ``reason`` is set if the line could not be parsed."""


@dataclass(frozen=True)
class FactLines:
    """The parsed lines of one language, before they are accepted or rejected."""

    language: str
    """Code of the language."""
    templates: pl.DataFrame
    """Frame of schema ``TEMPLATE_LINE`` in reading order."""
    facts: pl.DataFrame
    """Frame of schema ``FACT_LINE`` in reading order."""
    texts: Mapping[str, Sequence[bytes]]
    """For each source file, its raw lines; line 1 is item 0."""


def cut_text(line: bytes) -> str:
    """Decode a line, with bad bytes marked and no line end, and cut it after 500 characters."""
    return line.rstrip(b"\r")[: 4 * _CUT].decode(errors="replace")[:_CUT]


def template_problem(template: pl.Expr) -> pl.Expr:
    """Why a template cannot be used, or null: [X] and [Y] must each occur in it once."""
    problem = pl.lit(None, pl.String)
    for slot, meaning in (("[Y]", "object"), ("[X]", "subject")):
        count = template.str.count_matches(slot, literal=True)
        problem = (
            pl.when(count == 0)
            .then(pl.lit(f"template has no {slot} (the {meaning}'s slot)"))
            .when(count > 1)
            .then(pl.format(f"template has {slot} {{}} times", count))
            .otherwise(problem)
        )
    return problem


def _is_blank(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().str.len_bytes() == 0


def _blank_problem(columns: Mapping[str, str]) -> pl.Expr:
    return pl.coalesce(
        pl.when(_is_blank(column)).then(pl.lit(f"{meaning} is empty"))
        for column, meaning in columns.items()
    )


def _repeat_problem(key: str, meaning: str) -> pl.Expr:
    """Which earlier accepted line this line repeats, or null; rejected lines are ignored."""
    good = pl.col("reason").is_null()
    place = pl.format("{} line {}", "source_file", "line_number")
    # Rejected lines form their own group, so they cannot make a later accepted line a repeat.
    group = [good, pl.col(key)]
    return pl.when(good & (pl.int_range(pl.len()).over(group) > 0)).then(
        pl.format(f"{meaning} {{}} again; first in {{}}", key, place.first().over(group))
    )


def _judge(lines: pl.DataFrame, *problems: pl.Expr) -> pl.DataFrame:
    """Set ``reason`` to the first problem of each line that has no reason yet."""
    for problem in problems:
        lines = lines.with_columns(reason=pl.coalesce("reason", problem))
    return lines


def normalized(lines: pl.DataFrame, changed: str, *columns: str) -> pl.DataFrame:
    """Put columns into normal form; ``changed`` says whether that changed any of them."""
    before = [pl.col(column).alias(f"{column}_before") for column in columns]
    lines = lines.with_columns(*before, *(normal_column(pl.col(column)) for column in columns))
    is_changed = [pl.col(column) != pl.col(f"{column}_before") for column in columns]
    return lines.with_columns(pl.any_horizontal(is_changed).fill_null(False).alias(changed))


def sift(lines: FactLines) -> LanguageFacts:
    """Sort one language's lines into lake tables.

    Labels, templates and identifiers are stored in normal form, and a column says where a label or
    template differs from the file. If several lines have one fact_id, or several templates one
    relation, the first is accepted.

    Returns:
        Frames with the contract's columns; accepted and rejected lines add up to all lines.
    """
    named = lines.templates.with_columns(normal_column(pl.col("relation_id")))
    templates = _judge(
        normalized(named, "is_template_changed", "template"),
        _blank_problem({"relation_id": "relation", "template": "template"}),
        template_problem(pl.col("template")),
        _repeat_problem("relation_id", "template of relation"),
    )
    prompts = templates.filter(pl.col("reason").is_null())
    names = ("relation_id", "fact_id", "subject_id", "object_id")
    identified = lines.facts.with_columns(normal_column(pl.col(*names)))
    has_template = pl.col("relation_id").is_in(prompts["relation_id"].to_list())
    facts = _judge(
        normalized(identified, "is_label_changed", "subject_label", "object_label"),
        _blank_problem(
            {
                "relation_id": "relation",
                "fact_id": "fact identifier",
                "subject_id": "subject identifier",
                "object_id": "object identifier",
                "subject_label": "subject label",
                "object_label": "object label",
            }
        ),
        pl.when(~has_template).then(
            pl.format(f"relation {{}} has no usable template in '{lines.language}'", "relation_id")
        ),
        _repeat_problem("fact_id", "fact"),
    )
    language = pl.lit(lines.language).alias("language_code")
    accepted = facts.filter(pl.col("reason").is_null()).sort("fact_id").with_columns(language)
    place = ["source_file", "line_number", "reason"]
    rejected = (
        pl.concat([templates.select(place), facts.select(place)])
        .filter(pl.col("reason").is_not_null())
        .sort("source_file", "line_number")
    )
    texts = [
        cut_text(lines.texts[file][number - 1])
        for file, number in rejected.select("source_file", "line_number").iter_rows()
    ]
    return LanguageFacts(
        facts=as_table(accepted, "facts"),
        fact_labels=as_table(accepted, "fact_labels"),
        prompts=as_table(prompts.with_columns(language).sort("relation_id"), "prompts"),
        rejected_rows=as_table(
            rejected.with_columns(language, pl.Series("line_text", texts, pl.String)),
            "rejected_rows",
        ),
    )


def check_rejected_rate(
    language: str, line_count: int, rejected_rows: pl.DataFrame, max_rate: float
) -> None:
    """Refuse a language if more of its lines are rejected than the study allows.

    Raises:
        FactsError: the share of rejected lines is over ``max_rate``; the message names the worst
            file and its first rejected lines.
    """
    count = rejected_rows.height
    if not line_count or count / line_count <= max_rate:
        return
    worst, in_worst = (
        rejected_rows.group_by("source_file")
        .len()
        .sort(["len", "source_file"], descending=[True, False])
        .row(0)
    )
    first = rejected_rows.filter(pl.col("source_file") == worst).head(3)
    examples = "\n".join(
        f"  {row['source_file']}:{row['line_number']}: {row['reason']}: {row['line_text'][:120]}"
        for row in first.iter_rows(named=True)
    )
    raise FactsError(
        f"{count} of {line_count} lines of language '{language}' are rejected "
        f"({count / line_count:.1%}; the study allows {max_rate:.1%}). "
        f"Worst file: {worst} ({in_worst} lines), starting with\n{examples}\n"
        "Correct the file, or increase max_rejected_rate under facts in the study."
    )
