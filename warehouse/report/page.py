"""Writes the report: one HTML file with all figures and the list of facts.

What belongs here: assembling and writing the page. What does not: choosing, querying or drawing
figures. The page opens from disk without a network, because it contains the drawing library. Its
data is compressed; the browser decompresses what the reader looks at.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from warehouse.connection import not_published, opened
from warehouse.explanation import SIGNALS
from warehouse.files import replace_file
from warehouse.report.errors import ReportError
from warehouse.report.facts import (
    BUDGETS,
    CALIBRATED_ROOTS,
    CHUNK,
    PAPER_ROOTS,
    FactPages,
    chunks_that_fit,
    read_facts,
)
from warehouse.report.figures import Figure, read_figures
from warehouse.report.head import Head, read_head
from warehouse.report.library import drawing_library
from warehouse.report.neuron_charts import neurons_side_by_side
from warehouse.report.stamp import PAGE, STAMP, made_from
from warehouse.summary import read_notes

__all__ = ["Report", "make_page", "packed", "write_report"]

_TEMPLATES = Path(__file__).with_name("templates")
_SCRIPTS = ("page.js", "facts.js")


@dataclass(frozen=True)
class Report:
    """A written report."""

    path: Path
    """The HTML file."""
    bytes: int
    """Its size in bytes."""
    sections: dict[str, list[Figure]]
    """Its figures by section, for ``write_figures``."""
    fact_count: int
    """Number of facts in the list: all of the study."""

    @property
    def figure_count(self) -> int:
        """Number of figures."""
        return sum(map(len, self.sections.values()))


def write_report(published_file: Path, folder: Path, fact: str | None = None) -> Report:
    """Write the report of a published warehouse.

    Args:
        published_file: the warehouse.
        folder: folder for ``report.html``.
        fact: id or name of the facts whose neurons are shown; None shows the facts known in most
            languages.

    Raises:
        ReportError: no warehouse, one of another version, an unknown fact, or a write error.
    """
    if not published_file.exists():
        raise ReportError(not_published(published_file))
    try:
        with opened(published_file) as file:
            connection = file.connection
            sections = read_figures(connection, fact)
            facts = read_facts(connection)
            notes = read_notes(connection)
            head = read_head(connection)
            models = connection.sql("from dim_models order by model_id").pl().to_dicts()
    except duckdb.Error as error:
        raise ReportError(f"cannot read {published_file}: {error}") from error
    path = folder / PAGE
    try:
        page = make_page(head, models, notes, sections, facts, drawing_library(folder))
        replace_file(path, page.encode())
        replace_file(folder / STAMP, json.dumps(made_from(published_file, path)).encode())
    except OSError as error:
        raise ReportError(f"cannot write the report to {folder}: {error}") from error
    return Report(path, path.stat().st_size, sections, len(facts.index["id"]))


def packed(value: Any) -> str:
    """Encode a value as gzipped JSON in base64, which is safe in HTML and the same in each run."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def make_page(
    head: Head,
    models: list[dict[str, Any]],
    notes: list[str],
    sections: dict[str, list[Figure]],
    facts: FactPages,
    library: str,
) -> str:
    """Assemble the page: head, figures by section, facts, models; ``library`` draws them."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        head=head,
        models=models,
        notes=notes,
        sections=sections,
        columns={
            figure.name: packed({name: figure.rows[name].to_list() for name in figure.rows.columns})
            for figures in sections.values()
            for figure in figures
        },
        charts={
            figure.name: packed(figure.chart) for figures in sections.values() for figure in figures
        },
        facts=packed(_fact_list(facts)),
        fact_chunks={
            name: chunks_that_fit(facts.parts[name], packed, budget)
            for name, budget in BUDGETS.items()
        },
        fact_count=len(facts.index["id"]),
        neuron_chart=_neuron_chart(facts),
        # Only its own end tag can end a script element.
        library=Markup(library.replace("</script", "<\\/script")),
        style=Markup((_TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup(
            "\n".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in _SCRIPTS)
        ),
    )


def _fact_list(facts: FactPages) -> dict[str, Any]:
    """What the page reads before it shows any fact."""
    return {
        **facts.index,
        "languages": facts.languages,
        "models": facts.models,
        "roots": {"calibrated": CALIBRATED_ROOTS, "paper": PAPER_ROOTS},
        "signals": list(SIGNALS.values()),
        "chunk": CHUNK,
    }


def _neuron_chart(facts: FactPages) -> str | None:
    """Chart of a fact's neurons in chosen languages; None if no fact has neurons."""
    if not any(found for models in facts.parts["neurons"] for found in models):
        return None
    return packed(neurons_side_by_side().to_dict(validate=False))
