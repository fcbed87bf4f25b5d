"""The lake's assets, one per step, built from the steps' declarations.

Here a step meets Dagster: its tables become the outputs of one op, and the parts it wrote become
metadata of their partitions. Each table can be materialised alone; its step then computes all of
its tables. What the marts are belongs in ``dagster_project.defs.marts``.
"""

from collections.abc import Iterator

import dagster as dg

from dagster_project.defs.asset_specs import lake_key, lake_spec, report_partition, results
from dagster_project.defs.partitions import StudyPartitions, languages_by_owner, partition_key
from dagster_project.runtime.compute import (
    ModelsFailedError,
    compute_corpora,
    compute_models,
    compute_study,
)
from dagster_project.runtime.workers import Workers
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.registry import STEPS
from dagster_project.steps.step import CorpusStep, ModelStep, Step, StudyStep

__all__ = ["lake_assets"]


def lake_assets(study: StudyPartitions) -> list[dg.AssetsDefinition]:
    """One multi-asset per step, in the order of the steps, with the partitions of a study."""
    return [
        _study_asset(step) if isinstance(step, StudyStep) else _partitioned_asset(step, study)
        for step in STEPS
    ]


def _specs(step: Step, partitions: dg.MultiPartitionsDefinition | None) -> list[dg.AssetSpec]:
    return [
        lake_spec(
            table,
            group=step.group,
            code_version=step.code_version,
            kinds=step.kinds,
            deps=step.reads,
            partitions=partitions,
        )
        for table in step.tables
    ]


def _study_asset(step: StudyStep) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=step.name, specs=_specs(step, None), description=step.description, can_subset=True
    )
    def compute(
        context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
    ) -> Iterator[dg.MaterializeResult[None]]:
        for result in results(workspace, compute_study(workspace, step)):
            assert result.asset_key is not None, "results names it"
            if result.asset_key in context.selected_asset_keys:
                yield result
            else:
                # A step writes all of its tables, also when one of them was asked for.
                context.log_event(
                    dg.AssetMaterialization(result.asset_key, metadata=result.metadata)
                )

    return compute


def _partitioned_asset(step: Step, study: StudyPartitions) -> dg.AssetsDefinition:
    partitions = study.model_languages if isinstance(step, ModelStep) else study.corpus_languages

    @dg.multi_asset(
        name=step.name,
        specs=_specs(step, partitions),
        description=step.description,
        can_subset=True,
        # A model is loaded once for all partitions of a run.
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def compute(
        context: dg.AssetExecutionContext,
        workspace: dg.ResourceParam[Workspace],
        workers: dg.ResourceParam[Workers],
    ) -> Iterator[dg.MaterializeResult[None]]:
        chosen = languages_by_owner(partitions, context.partition_keys)
        if isinstance(step, ModelStep):
            parts = compute_models(workspace, workers, step, chosen)
        else:
            assert isinstance(step, CorpusStep)
            parts = compute_corpora(workspace, workers, step, chosen)
        try:
            for part in parts:
                # A step writes all of its tables, also when one of them was asked for.
                if lake_key(part.table) in context.selected_asset_keys:
                    report_partition(context, workspace, part, partition_key(part))
        except ModelsFailedError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        # The figures are on each partition already.
        asked = (lake_key(table) for table in step.tables)
        yield from (
            dg.MaterializeResult(asset_key=key)
            for key in asked
            if key in context.selected_asset_keys
        )

    return compute
