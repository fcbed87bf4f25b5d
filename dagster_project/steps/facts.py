"""Facts: from the data set to the dimension tables and the labels of every language."""

import logging
import time
from collections.abc import Iterator

import dagster as dg
import polars as pl

from dagster_project.defs.asset_specs import lake_spec, results
from dagster_project.runtime.workspace import Workspace
from dagster_project.study.plan import CODE_VERSIONS
from ingestion.atlas.truth import atlas_truth as planted_truth
from ingestion.facts import merge_facts, relations_table
from ingestion.languages import language_table

__all__ = ["atlas_truth", "ingested_facts"]

LOG = logging.getLogger("factroots")
_GROUP = "lake_facts"


@dg.multi_asset(
    specs=[
        lake_spec(table, group=_GROUP, code_version=CODE_VERSIONS["facts"])
        for table in (
            "languages",
            "relations",
            "facts",
            "fact_labels",
            "prompts",
            "rejected_rows",
        )
    ],
)
def ingested_facts(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:
    """Read the facts of every language of the study and write the parts that are not up to date."""
    parts = workspace.plan.facts()
    if workspace.unfinished(parts):
        write_facts(workspace)
    yield from results(workspace, parts)


@dg.multi_asset(
    specs=[
        lake_spec(
            "atlas_truth",
            group=_GROUP,
            code_version=CODE_VERSIONS["atlas_truth"],
        )
    ],
)
def atlas_truth(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:
    """Write which facts were planted where, for every Atlas corpus of the study."""
    parts = workspace.plan.atlas_truth()
    for part in workspace.unfinished(parts):
        started = time.perf_counter()
        workspace.write(part, planted_truth(part.partition["corpus_id"]), started)
    yield from results(workspace, parts)


def write_facts(workspace: Workspace) -> None:
    """Ingest every language of the study and write all six tables.

    Languages are read one after another, so memory holds one language's labels and all facts.

    Raises:
        FactsError: input that cannot be read, or too many rejected lines.
    """
    plan, source = workspace.plan, workspace.plan.study.facts
    assert source is not None, "only workers are without, and they write no facts"
    begun = time.perf_counter()
    label_count = rejected_count = 0
    facts: dict[str, pl.DataFrame] = {}
    relations: set[str] = set()
    for language in plan.study.languages:
        started = time.perf_counter()
        found = source.read(language)
        facts[language] = found.facts
        relations |= {*found.facts["relation_id"], *found.prompts["relation_id"]}
        label_count += len(found.fact_labels)
        rejected_count += len(found.rejected_rows)
        for table, frame in (
            ("fact_labels", found.fact_labels),
            ("prompts", found.prompts),
            ("rejected_rows", found.rejected_rows),
        ):
            workspace.write(plan.ingested(table, language), frame, started)
    started = time.perf_counter()
    workspace.write(plan.ingested("facts"), merge_facts(facts), started)
    workspace.write(plan.ingested("relations"), relations_table(relations), started)
    workspace.write(plan.ingested("languages"), language_table(plan.study.languages), started)
    LOG.info(
        "facts: %s labels in %d languages, %s lines rejected, %.1f s",
        f"{label_count:,}",
        len(facts),
        f"{rejected_count:,}",
        time.perf_counter() - begun,
    )
