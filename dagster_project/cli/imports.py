"""``factroots import``: what a file of others has for a study."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table

from dagster_project.study.import_file import FoundRows

__all__ = ["imported_table"]

_SHOWN = 10


def imported_table(found: FoundRows) -> Group:
    """A line on the rows, the first rejected ones, and a table of languages."""
    file = found.file
    lines = [
        f"{file.path.name}: {file.rows.height:,} rows, {len(file.rejected):,} rejected, "
        f"{found.other_count:,} about facts or languages that the study does not have"
    ]
    lines += [f"  line {line}: {reason}" for line, reason in file.rejected[:_SHOWN]]
    if len(file.rejected) > _SHOWN:
        lines.append(f"  and {len(file.rejected) - _SHOWN:,} more")
    if file.unread:
        lines.append(f"  columns that nothing reads: {', '.join(file.unread)}")
    table = Table("language", "facts", "with a row")
    for language, (facts, answered) in found.fact_counts.items():
        table.add_row(language, f"{facts:,}", f"{answered:,}")
    return Group(*lines, table)
