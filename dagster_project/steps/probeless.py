"""Neurons: which of them stand out for the facts that a model gets right."""

import logging
import time
from collections.abc import Iterable

import dagster as dg
import polars as pl

from dagster_project.defs.asset_specs import lake_spec
from dagster_project.defs.partitions import MODEL_LANGUAGES
from dagster_project.runtime.workers import Workers
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.models import for_each_model, per_second, progress, questions
from dagster_project.study.plan import CODE_VERSIONS
from dagster_project.study.resolve import StudyModel

__all__ = ["attribute_languages", "probeless_neurons"]

LOG = logging.getLogger("factroots")


@dg.multi_asset(
    specs=[
        lake_spec(
            table,
            group="lake_neurons",
            code_version=CODE_VERSIONS["probeless"],
            kinds=("torch", "parquet"),
            deps=("facts", "fact_labels", "prompts", "predictions"),
            partitions=MODEL_LANGUAGES,
        )
        for table in ("active_neurons", "neuron_profiles", "unscored_facts")
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def probeless_neurons(
    context: dg.AssetExecutionContext,
    workspace: dg.ResourceParam[Workspace],
    workers: dg.ResourceParam[Workers],
) -> tuple[None, None, None]:
    """PROBELESS over the facts that each chosen model gets right in each chosen language.

    A model that fails does not hold back the others: the step fails at the end, naming it.
    """
    for_each_model(context, workspace, workers, attribute_languages, workspace.plan.probeless)
    return None, None, None


def attribute_languages(workspace: Workspace, model: StudyModel, languages: Iterable[str]) -> None:
    """PROBELESS of one model in the languages that lack it.

    Raises:
        ModelError: the model cannot be loaded or run. Languages that were finished stay.
    """
    plan = workspace.plan
    todo = [
        language for language in languages if workspace.unfinished(plan.probeless(model, language))
    ]
    if not todo:
        return
    # torch takes seconds to import.
    from models_gpu.loading.load import load
    from models_gpu.methods.probeless import ProbelessSettings, probeless

    block = plan.study.study.attribution.probeless
    assert block is not None, "the plan has no neurons without this block"
    loaded = load(model.resolved)
    for language in todo:
        started = time.perf_counter()
        parts = plan.probeless(model, language)
        facts = questions(workspace, language)
        matched = matched_facts(workspace, model, language, block.forced)
        tables = probeless(
            loaded,
            facts,
            matched,
            settings=[
                ProbelessSettings(
                    top=block.top,
                    neuron="layer_output" if variant.startswith("layer_output") else "ffn",
                    is_normalised=variant.endswith("normalised"),
                    bins=block.bins,
                )
                for variant in block.variants
            ],
            token_budget=plan.study.study.probing.batch_tokens,
            progress=progress(parts[0].label),
        )
        for part in parts:
            rows = getattr(tables, part.table).with_columns(
                model_id=pl.lit(model.id), language_code=pl.lit(language)
            )
            workspace.write(part, rows, started, {"device": str(loaded.device)})
        seconds = time.perf_counter() - started
        LOG.info(
            "active_neurons %s/%s: %s facts right, %.1f s, %s",
            model.id,
            language,
            f"{len(matched):,}",
            seconds,
            per_second(len(matched), seconds, "facts"),
        )


def matched_facts(
    workspace: Workspace, model: StudyModel, language: str, forced: int | None
) -> list[str]:
    """Facts whose every token was the first choice, asked with as many masks as it has tokens.

    Args:
        workspace: the study.
        model: the model.
        language: the language.
        forced: for measurements with untrained models, take the first so many facts instead.
    """
    predictions = workspace.read(workspace.plan.predictions(model, language))
    if forced is not None:
        return predictions["fact_id"].unique().sort().head(forced).to_list()
    # The rank is the worst of the object's tokens, and null for any other number of masks.
    return predictions.filter(pl.col("gold_rank") == 1)["fact_id"].sort().to_list()
