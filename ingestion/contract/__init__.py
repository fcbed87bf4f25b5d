"""The lake contract: every Parquet table of the lake, its grain, its columns and what they mean.

These modules are the only definition of the lake tables. Writers validate frames against it, and
dbt's ``sources.yml`` is generated from it. They hold no I/O (see ``ingestion.lake``) and no metric
(see ``dbt/models``).
"""

from __future__ import annotations

from itertools import chain

from ingestion.contract import answers, corpora, edits, facts, models, neurons, signals, truth
from ingestion.contract.columns import CODES, Column, LakeTable

__all__ = ["CODES", "LAKE", "Column", "LakeTable"]

_IN_ORDER = (facts, truth, models, corpora, answers, neurons, edits, signals)

LAKE: dict[str, LakeTable] = {
    table.name: table for table in chain.from_iterable(each.TABLES for each in _IN_ORDER)
}
"""All lake tables by name, by what they are about."""
