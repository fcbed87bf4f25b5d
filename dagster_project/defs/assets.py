"""The lake's assets, one per step, built from the steps' declarations.

Here a step meets Dagster: its tables become the outputs of one op, and the parts it wrote become
metadata of their partitions. Each table can be materialised alone; its step then computes all of
its tables. What the marts are belongs in ``dagster_project.defs.marts``.
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from dagster_project.defs.asset_specs import lake_key, lake_spec, report_partition, results
from dagster_project.defs.partitions import (
    StudyPartitions,
    languages_by_owner,
    partition_key,
    sync_partitions,
)
from dagster_project.runtime.compute import (
    ModelsFailedError,
    compute_corpora,
    compute_models,
    compute_study,
)
from dagster_project.runtime.workers import Workers
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.registry import STEP_OF_TABLE, STEPS
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
            deps=[_dependency(step, name) for name in step.reads],
            partitions=partitions,
        )
        for table in step.tables
    ]


def _dependency(step: Step, table: str) -> dg.AssetDep:
    """A table that a step reads; of a corpus, a model reads all that the study has.

    Without that, Dagster looks for a corpus of the model's name, and refuses to materialise all.
    """
    is_of_corpus = isinstance(STEP_OF_TABLE[table], CorpusStep) and isinstance(step, ModelStep)
    mapping = dg.AllPartitionMapping() if is_of_corpus else None
    return dg.AssetDep(lake_key(table), partition_mapping=mapping)


def _study_asset(step: StudyStep) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=step.name, specs=_specs(step, None), description=step.description, can_subset=True
    )
    def compute(
        context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
    ) -> Iterator[dg.MaterializeResult[None]]:
        # Without the sensor, nothing else makes them.
        sync_partitions(context.instance, workspace.plan.study)
        left = set(context.selected_asset_keys)
        for result in results(workspace, compute_study(workspace, step)):
            assert result.asset_key is not None, "results names it"
            if result.asset_key in left:
                left.remove(result.asset_key)
                yield result
            else:
                # A step writes all of its tables, also when one of them was asked for.
                context.log_event(
                    dg.AssetMaterialization(result.asset_key, metadata=result.metadata)
                )
        # A study without this step has an empty table. Without a result, Dagster would skip all
        # that reads it.
        for key in left:
            yield dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": 0})

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
        _require_known(workspace, step, chosen)
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


def _require_known(workspace: Workspace, step: Step, chosen: Mapping[str, Sequence[str]]) -> None:
    """Refuses partitions of models or corpora that the study does not have.

    Dagster's page lets people add a partition, and a model can leave the study meanwhile.

    Raises:
        Failure: the study lacks one of them; says why, if it is known.
    """
    study = workspace.plan.study
    known = study.models if isinstance(step, ModelStep) else study.corpora
    unknown = sorted(set(chosen) - {each.id for each in known})
    if unknown:
        reasons = [model.reason for model in study.broken_models if model.id in unknown]
        names = ", ".join(repr(name) for name in unknown)
        raise dg.Failure(
            "; ".join(reasons)
            or f"the study file has no {names}: add it there, not as a partition",
            allow_retries=False,
        )
