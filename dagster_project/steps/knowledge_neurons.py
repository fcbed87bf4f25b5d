"""Knowledge neurons: which neurons drive the prediction of the facts that a model gets right."""

import logging
import time
from collections.abc import Iterable

import dagster as dg
import polars as pl

from dagster_project.defs.asset_specs import lake_spec
from dagster_project.defs.partitions import MODEL_LANGUAGES
from dagster_project.runtime.workers import Workers
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.models import for_each_model, progress, questions
from dagster_project.steps.probeless import matched_facts
from dagster_project.study.plan import CODE_VERSIONS
from dagster_project.study.resolve import StudyModel

__all__ = ["attribute_facts", "integrated_gradients"]

LOG = logging.getLogger("factroots")


@dg.multi_asset(
    specs=[
        lake_spec(
            table,
            group="lake_neurons",
            code_version=CODE_VERSIONS["integrated_gradients"],
            kinds=("torch", "parquet"),
            deps=("facts", "fact_labels", "prompts", "predictions"),
            partitions=MODEL_LANGUAGES,
        )
        for table in ("knowledge_neurons", "attribution_quality")
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def integrated_gradients(
    context: dg.AssetExecutionContext,
    workspace: dg.ResourceParam[Workspace],
    workers: dg.ResourceParam[Workers],
) -> tuple[None, None]:
    """Integrated gradients of the facts that each chosen model gets right in most languages.

    Facts are chosen by the predictions in all languages that are attributed, whatever partitions
    are materialised. A model that fails does not hold back the others: the step fails at the end,
    naming it.
    """
    for_each_model(
        context, workspace, workers, attribute_facts, workspace.plan.integrated_gradients
    )
    return None, None


def attribute_facts(workspace: Workspace, model: StudyModel, languages: Iterable[str]) -> None:
    """Integrated gradients of one model in the languages that ask for them and lack them.

    Raises:
        ModelError: the model cannot be loaded or run. Languages that were finished stay.
    """
    plan = workspace.plan
    todo = [
        language
        for language in languages
        if workspace.unfinished(plan.integrated_gradients(model, language))
    ]
    if not todo:
        return
    # torch takes seconds to import.
    from models_gpu.loading.load import load
    from models_gpu.methods.fact_choice import facts_in_most_languages
    from models_gpu.methods.integration_paths import PathSettings
    from models_gpu.methods.knowledge_neurons import knowledge_neurons

    block = plan.study.study.attribution.integrated_gradients
    assert block is not None, "the plan attributes nothing without this block"
    chosen = facts_in_most_languages(
        {
            language: matched_facts(workspace, model, language, block.forced)
            for language in plan.study.knowledge_languages
        },
        block.facts,
    )
    loaded = load(model.resolved)
    for language in todo:
        started = time.perf_counter()
        parts = plan.integrated_gradients(model, language)
        tables = knowledge_neurons(
            loaded,
            questions(workspace, language),
            chosen[language],
            settings=PathSettings(block.mode, block.steps, block.quadrature),
            top=block.top,
            token_budget=plan.study.study.probing.batch_tokens,
            progress=progress(parts[0].label),
        )
        for part in parts:
            rows = getattr(tables, part.table).with_columns(
                model_id=pl.lit(model.id), language_code=pl.lit(language)
            )
            workspace.write(part, rows, started, {"device": str(loaded.device)})
        LOG.info(
            "knowledge_neurons %s/%s: %s facts, %.1f s",
            model.id,
            language,
            f"{len(chosen[language]):,}",
            time.perf_counter() - started,
        )
