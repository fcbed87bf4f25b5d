"""Writes figures as files for papers: SVG, PNG, PDF, and their rows as CSV.

Each picture names its study, its model, the number of observations and the day of publication.
What does not belong here: choosing and drawing figures.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import polars.selectors

from warehouse.connection import not_published, opened
from warehouse.files import replace_file
from warehouse.report.errors import ReportError
from warehouse.report.figures import Figure, read_figures
from warehouse.report.head import read_head
from warehouse.tables import known_names

__all__ = ["missing_scripts", "specification", "write_figures"]

FONT = "Noto Sans, Noto Sans CJK SC, Noto Sans Arabic, Noto Sans Thai, DejaVu Sans, sans-serif"
"""Fonts of the pictures; a letter that the first lacks is taken from the next that has it."""
_SCALE = 2.0
_NOBODYS = "\U0010fffd"
"""A character that no font has."""


def write_figures(
    published_file: Path,
    folder: Path,
    names: Sequence[str] = (),
    formats: Sequence[str] = ("svg", "png", "csv"),
    fact: str | None = None,
    sections: dict[str, list[Figure]] | None = None,
) -> tuple[list[Path], set[str]]:
    """Write figures of a published warehouse as files.

    A figure that shows one model at a time gives a picture for each model.

    Args:
        published_file: the warehouse.
        folder: where the files are written.
        names: figures to write; none: all.
        formats: some of 'svg', 'png', 'pdf' and 'csv'.
        fact: id or name of the facts whose neurons are shown, as in ``read_figures``.
        sections: figures of this file that were read before, with this fact; None reads them.

    Returns:
        The files, in the order of the report, and the scripts in them that this machine has no
        font for.

    Raises:
        ReportError: no warehouse, one of another version, an unknown figure or fact, or a write
            error.
    """
    if not published_file.exists():
        raise ReportError(not_published(published_file))
    try:
        with opened(published_file) as file:
            sections = read_figures(file.connection, fact) if sections is None else sections
            head = read_head(file.connection)
    except duckdb.Error as error:
        raise ReportError(f"cannot read {published_file}: {error}") from error
    figures = {figure.name: figure for found in sections.values() for figure in found}
    for name in names:
        if name not in figures:
            raise ReportError(
                f"the report of this study has no figure '{name}'; "
                f"{known_names(name, list(figures))}"
            )
    chosen = [figure for name, figure in figures.items() if not names or name in names]
    source = f"{head.name}, {head.published_on}"
    try:
        files = [path for figure in chosen for path in _files(figure, folder, source, formats)]
    except OSError as error:
        raise ReportError(f"cannot write figures to {folder}: {error}") from error
    texts = [
        text
        for figure in chosen
        for column in figure.rows.select(polars.selectors.string())
        for text in column.drop_nulls().unique().to_list()
    ]
    return files, missing_scripts(texts) if set(formats) - {"csv"} else set()


def specification(figure: Figure, source: str, model: str | None) -> dict[str, Any]:
    """Vega-Lite specification of a picture, with its data, its title and what it was made from.

    Args:
        figure: a figure of the report.
        source: the study and its date.
        model: the model that is shown; None if the figure shows all at once.
    """
    params = [
        {**param, "value": model} if param["name"] == "model" and model else param
        for param in figure.chart.get("params", [])
    ]
    shown = [model] if model else sorted(set(figure.rows.to_dict().get("model_id", [])))
    counts = [
        f"{name}: n = {words}" if name and not model else f"n = {words}"
        for name, words in figure.counts.items()
        if not model or name == model
    ]
    return {
        **figure.chart,
        **({"params": params} if params else {}),
        "datasets": {**figure.chart.get("datasets", {}), "rows": figure.rows.to_dicts()},
        "title": {
            "text": figure.title,
            "subtitle": [", ".join([*shown, source]), *counts],
            "anchor": "start",
            "offset": 12,
        },
        "config": {**figure.chart.get("config", {}), "font": FONT},
        "padding": 10,
    }


def missing_scripts(texts: Sequence[str]) -> set[str]:
    """Scripts of these texts for which this machine has no font: they are drawn as boxes.

    Scripts are the first words of Unicode's names, such as 'CJK', 'HANGUL' or 'THAI'.
    """
    letters = {
        unicodedata.name(letter, "").split(" ")[0]: letter
        for letter in sorted(set("".join(texts)))
        if letter.isalpha() and not letter.isascii()
    }
    nothing = _drawn(_NOBODYS)
    return {script for script, letter in letters.items() if _drawn(letter) == nothing}


def _drawn(letter: str) -> bytes:
    import vl_convert

    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">'
        f'<text x="5" y="30" font-size="20" font-family="{FONT}">{letter}</text></svg>'
    )
    return bytes(vl_convert.svg_to_png(svg))


def _files(figure: Figure, folder: Path, source: str, formats: Sequence[str]) -> Iterator[Path]:
    import vl_convert

    if "csv" in formats:
        yield _written(folder / f"{figure.name}.csv", figure.rows.write_csv().encode())
    pictures = [name for name in formats if name != "csv"]
    models: Sequence[str | None] = figure.models or [None]
    for model in models if pictures else ():
        svg = vl_convert.vegalite_to_svg(specification(figure, source, model))
        contents: dict[str, Callable[[str], bytes]] = {
            "svg": str.encode,
            "png": partial(vl_convert.svg_to_png, scale=_SCALE),
            "pdf": vl_convert.svg_to_pdf,
        }
        stem = f"{figure.name}-{model}" if model else figure.name
        for name in pictures:
            yield _written(folder / f"{stem}.{name}", contents[name](svg))


def _written(path: Path, content: bytes) -> Path:
    replace_file(path, content)
    return path
