"""Writes published tables as a data set for the Hugging Face hub: Parquet files and a dataset card.

Nothing is uploaded: ``hf upload`` does that. What does not belong here: writing the tables
(``warehouse.export``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCardData

from ingestion.errors import FactrootsError
from warehouse.export import export
from warehouse.tables import PublishedTable, attached, published_tables, wanted_tables

__all__ = ["LicenceError", "export_dataset", "refuse_non_commercial"]

_FILE = "published"
_DATA = "data"
_HUB_LICENCES = {"Apache-2.0", "MIT", "CC0-1.0"}
"""Licences, besides those of Creative Commons, that the hub knows under the same name."""
_NON_COMMERCIAL = re.compile(r"(^|-)NC(-|$)", re.IGNORECASE)


class LicenceError(FactrootsError):
    """The licence of the facts does not allow what was asked; the message says how to go on."""


def refuse_non_commercial(licences: Iterable[tuple[str, str | None]], allowed: bool) -> None:
    """Stop before data under a non-commercial licence are written for others.

    Args:
        licences: title of a source, and the identifier of its licence.
        allowed: whether the user keeps to that licence.

    Raises:
        LicenceError: a licence is non-commercial and that is not allowed for.
    """
    for title, licence in licences:
        if licence is not None and _NON_COMMERCIAL.search(licence) and not allowed:
            raise LicenceError(
                f"{title} is under {licence}: what is made from it may be passed on only for "
                "non-commercial purposes and under the same licence. If you keep to that, add "
                "--non-commercial"
            )


def export_dataset(
    published_file: Path,
    folder: Path,
    name: str,
    tables: Sequence[str] | None = None,
    *,
    non_commercial: bool = False,
) -> list[Path]:
    """Write tables and a dataset card into a folder, which can then be uploaded.

    Args:
        published_file: the warehouse.
        folder: folder for ``README.md`` and ``data``; created if needed.
        name: name of the study, for the title.
        tables: names; None means every public table.
        non_commercial: whether facts under a non-commercial licence may be written.

    Returns:
        The written files, ``README.md`` last.

    Raises:
        LicenceError: the facts are under a non-commercial licence and that is not allowed for.
        WarehouseError: no warehouse, or an unknown table.
    """
    with attached({_FILE: published_file}) as connection:
        materials: list[tuple[str, str | None, str | None]] = connection.sql(
            f"""select title, licence_code, licence_url
                from {_FILE}.operations.materials order by material_code = 'corpus', title"""
        ).fetchall()
        refuse_non_commercial([row[:2] for row in materials], non_commercial)
        chosen = wanted_tables(published_tables(connection, _FILE), tables)
        counts = {
            table.label: connection.sql(f"select count(*) from {table.within(_FILE)}").fetchall()
            for table in chosen
        }
        languages = connection.sql(f"select language_code from {_FILE}.dim_languages order by all")
        codes = [code for (code,) in languages.fetchall()]
    files = export(published_file, folder / _DATA, ("parquet",), tables)
    card = folder / "README.md"
    card.write_text(_card(name, chosen, counts, materials, codes), encoding="utf-8")
    return [*files, card]


def _card(
    name: str,
    tables: Sequence[PublishedTable],
    counts: dict[str, list[tuple[int]]],
    materials: Sequence[tuple[str, str | None, str | None]],
    languages: Sequence[str],
) -> str:
    data = DatasetCardData(
        pretty_name=f"factroots: {name}",
        language=list(languages),
        tags=["factroots", "factual-knowledge", "multilingual", "interpretability"],
        configs=[
            {"config_name": table.label, "data_files": f"{_DATA}/{table.label}.parquet"}
            | ({"default": True} if place == 0 else {})
            for place, table in enumerate(tables)
        ],
        **_licence(materials),
    )
    lines = [f"| `{t.label}` | {counts[t.label][0][0]:,} | {_sentence(t)} |" for t in tables]
    sources = [
        f"- {title}: " + (f"[{licence}]({url})" if licence else "its licence is not known to us")
        for title, licence, url in materials
    ]
    return "\n".join(
        [
            f"---\n{data.to_yaml()}\n---\n",
            f"# factroots: {name}\n",
            "Where facts that multilingual language models know come from: tables of a study made",
            "with factroots. Every column is described in `data/datapackage.json`.\n",
            "| table | rows | what a row is |\n|---|---:|---|",
            *lines,
            "\n## Sources and their licences\n",
            *sources,
            "\nThe licences of the sources hold for what is derived from them.\n",
        ]
    )


def _sentence(table: PublishedTable) -> str:
    """The grain of a table: the first sentence of its description, on one line."""
    return " ".join(table.description.split()).partition(". ")[0].rstrip(".").replace("|", r"\|")


def _licence(materials: Sequence[tuple[str, str | None, str | None]]) -> dict[str, Any]:
    """Fields of the card: the licence of the facts, which come first."""
    _, licence, url = materials[0] if materials else ("", None, None)
    if licence is None:
        return {"license": "unknown"}
    if licence in _HUB_LICENCES or licence.startswith("CC-BY"):
        return {"license": licence.lower()}
    named = {"license": "other", "license_name": licence.lower()}
    return named | ({"license_link": url} if url else {})
