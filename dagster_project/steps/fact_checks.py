"""Fact checks: whether neurons of a relation tell its right objects from wrong ones."""

import time
from collections.abc import Iterable

import dagster as dg

from dagster_project.defs.asset_specs import lake_spec
from dagster_project.defs.partitions import MODEL_LANGUAGES
from dagster_project.runtime.workers import Workers
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.models import for_each_model, lacking, progress, questions, write_rows
from dagster_project.steps.probeless import matched_facts
from dagster_project.study.plan import CODE_VERSIONS
from dagster_project.study.resolve import StudyModel

__all__ = ["check_languages", "fact_checks"]


@dg.multi_asset(
    name="checked_facts",
    specs=[
        lake_spec(
            "fact_checks",
            group="lake_neurons",
            code_version=CODE_VERSIONS["fact_checks"],
            kinds=("torch", "parquet"),
            deps=("facts", "fact_labels", "prompts", "predictions"),
            partitions=MODEL_LANGUAGES,
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def fact_checks(
    context: dg.AssetExecutionContext,
    workspace: dg.ResourceParam[Workspace],
    workers: dg.ResourceParam[Workers],
) -> None:
    """Score right and wrong objects by each chosen model's neurons in each chosen language.

    A model that fails does not hold back the others: the step fails at the end, naming it.
    """
    for_each_model(context, workspace, workers, check_languages, workspace.plan.fact_checks)


def check_languages(workspace: Workspace, model: StudyModel, languages: Iterable[str]) -> None:
    """Fact checks of one model in the languages that ask for them and lack them.

    Raises:
        ModelError: the model cannot be loaded or run. Languages that were finished stay.
    """
    plan = workspace.plan
    todo = lacking(workspace, model, languages, plan.fact_checks)
    if not todo:
        return
    # torch takes seconds to import.
    from models_gpu.loading.load import load
    from models_gpu.methods.fact_checks import CheckSettings, fact_checks
    from models_gpu.methods.integration_paths import PathSettings
    from models_gpu.methods.negatives import SplitSettings, checked_pairs

    block = plan.study.study.attribution.fact_checks
    path = plan.study.study.attribution.integrated_gradients
    assert block is not None, "the plan checks nothing without this block"
    assert path is not None, "a study is refused that checks without this block"
    split = SplitSettings(block.facts, block.validation_share, block.test_share, block.seed)
    settings = CheckSettings(
        path=PathSettings(path.mode, path.steps, path.quadrature),
        threshold=block.threshold,
        candidates=block.candidates,
        single_share=block.single_share,
        pair_share=block.pair_share,
        shared=block.shared,
        seed=block.seed,
    )
    listed = workspace.read(plan.ingested("facts"))
    loaded = load(model.resolved)
    for language, part in todo.items():
        started = time.perf_counter()
        asked = questions(workspace, language)
        pairs = checked_pairs(
            asked.join(listed.drop("relation_id"), on="fact_id", validate="1:1"),
            listed,
            set(matched_facts(workspace, model, language, path.forced)),
            split,
        )
        rows = fact_checks(
            loaded,
            asked,
            pairs,
            settings=settings,
            token_budget=plan.study.study.probing.batch_tokens,
            progress=progress(part.label),
        )
        checked = rows["fact_id"].n_unique()
        write_rows(workspace, part, rows, started, checked, str(loaded.device))
