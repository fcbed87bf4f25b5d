"""Edits: what a model answers when neurons of a fact are suppressed or enhanced."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import dagster as dg
import polars as pl

from dagster_project.defs.asset_specs import lake_spec
from dagster_project.defs.partitions import MODEL_LANGUAGES
from dagster_project.runtime.workers import Workers
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.models import (
    for_each_model,
    lacking,
    progress,
    questions,
    write_rows,
)
from dagster_project.study.plan import CODE_VERSIONS, Part
from dagster_project.study.resolve import StudyModel
from dagster_project.study.schema import DegenerateBlock

__all__ = [
    "degenerate_pairs",
    "degenerate_sets",
    "edit_languages",
    "interventions",
    "pair_languages",
    "set_languages",
]


def _spec(table: str, neurons: Sequence[str]) -> dg.AssetSpec:
    return lake_spec(
        table,
        group="lake_neurons",
        code_version=CODE_VERSIONS[table],
        kinds=("torch", "parquet"),
        deps=("facts", "fact_labels", "prompts", *neurons),
        partitions=MODEL_LANGUAGES,
    )


@dg.multi_asset(
    name="edited_facts",
    specs=[
        _spec(
            "interventions",
            ("knowledge_neurons", "active_neurons"),
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def interventions(
    context: dg.AssetExecutionContext,
    workspace: dg.ResourceParam[Workspace],
    workers: dg.ResourceParam[Workers],
) -> None:
    """Edit the neurons of matched facts of each chosen model, asked in each chosen language.

    A model that fails does not hold back the others: the step fails at the end, naming it.
    """
    for_each_model(context, workspace, workers, edit_languages, workspace.plan.interventions)


@dg.multi_asset(
    name="suppressed_pairs",
    specs=[_spec("degenerate_pairs", ("knowledge_neurons",))],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def degenerate_pairs(
    context: dg.AssetExecutionContext,
    workspace: dg.ResourceParam[Workspace],
    workers: dg.ResourceParam[Workers],
) -> None:
    """Suppress pairs of knowledge neurons of each chosen model in each chosen language.

    A model that fails does not hold back the others: the step fails at the end, naming it.
    """
    for_each_model(context, workspace, workers, pair_languages, workspace.plan.degenerate_pairs)


@dg.multi_asset(
    name="suppressed_sets",
    specs=[_spec("degenerate_sets", ("knowledge_neurons",))],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def degenerate_sets(
    context: dg.AssetExecutionContext,
    workspace: dg.ResourceParam[Workspace],
    workers: dg.ResourceParam[Workers],
) -> None:
    """Search larger sets of knowledge neurons of each chosen model in each chosen language.

    A model that fails does not hold back the others: the step fails at the end, naming it.
    """
    for_each_model(context, workspace, workers, set_languages, workspace.plan.degenerate_sets)


def edit_languages(workspace: Workspace, model: StudyModel, languages: Iterable[str]) -> None:
    """Interventions of one model in the languages that ask for them and lack them.

    Raises:
        ModelError: the model cannot be loaded or run. Languages that were finished stay.
    """
    plan = workspace.plan
    todo = lacking(workspace, model, languages, plan.interventions)
    block = plan.study.study.attribution.edits
    if not todo or block is None:
        return
    # torch takes seconds to import.
    from models_gpu.loading.load import load
    from models_gpu.methods.interventions import (
        EditSettings,
        LanguageNeurons,
        interventions,
        matched_facts,
    )
    from models_gpu.methods.neuron_sets import first_neurons, knowledge_neurons_above

    knowledge = {code: _knowledge(workspace, model, code) for code in block.languages}
    neurons = {
        code: LanguageNeurons(
            knowledge_neurons_above(rows, block.threshold),
            first_neurons(_active(workspace, model, code), block.active),
        )
        for code, rows in knowledge.items()
    }
    in_all = set.intersection(*(set(rows["fact_id"]) for rows in knowledge.values()))
    known = (
        workspace.read(plan.ingested("facts"))
        .filter(pl.col("fact_id").is_in(sorted(in_all)))
        .select("fact_id", "relation_id", "object_id")
    )
    matched = matched_facts(known, neurons, block.facts, block.seed)
    settings = EditSettings(block.factors, block.base_language, block.base_factors, block.seed)
    loaded = load(model.resolved)
    for language, part in todo.items():
        started = time.perf_counter()
        rows = interventions(
            loaded,
            language,
            questions(workspace, language),
            matched,
            neurons,
            settings=settings,
            token_budget=plan.study.study.probing.batch_tokens,
            progress=progress(part.label),
        )
        write_rows(workspace, part, rows, started, len(matched), str(loaded.device))


def pair_languages(workspace: Workspace, model: StudyModel, languages: Iterable[str]) -> None:
    """Suppressed pairs of one model in the languages that ask for them and lack them.

    Raises:
        ModelError: the model cannot be loaded or run. Languages that were finished stay.
    """

    def search(loaded: Any, block: DegenerateBlock, *asked: Any, **settings: Any) -> pl.DataFrame:
        from models_gpu.methods.degenerate_pairs import degenerate_pairs

        return degenerate_pairs(loaded, *asked, random_pairs=block.random_pairs, **settings)

    _suppress(workspace, model, languages, workspace.plan.degenerate_pairs, search)


def set_languages(workspace: Workspace, model: StudyModel, languages: Iterable[str]) -> None:
    """Degenerate sets of one model in the languages that ask for them and lack them.

    Raises:
        ModelError: the model cannot be loaded or run. Languages that were finished stay.
    """

    def search(loaded: Any, block: DegenerateBlock, *asked: Any, **settings: Any) -> pl.DataFrame:
        from models_gpu.methods.degenerate_sets import degenerate_sets

        return degenerate_sets(loaded, *asked, largest=block.largest_set, **settings)

    _suppress(workspace, model, languages, workspace.plan.degenerate_sets, search)


def _suppress(
    workspace: Workspace,
    model: StudyModel,
    languages: Iterable[str],
    planned: Callable[[StudyModel, str], tuple[Part, ...]],
    search: Callable[..., pl.DataFrame],
) -> None:
    """Search the candidates of every language that lacks its part, and write what is found."""
    plan = workspace.plan
    todo = lacking(workspace, model, languages, planned)
    block = plan.study.study.attribution.degenerate
    if not todo or block is None:
        return
    # torch takes seconds to import.
    from models_gpu.loading.load import load

    loaded = load(model.resolved)
    for language, part in todo.items():
        started = time.perf_counter()
        candidates = _candidates(workspace, model, language, block)
        rows = search(
            loaded,
            block,
            questions(workspace, language),
            candidates,
            seed=block.seed,
            token_budget=plan.study.study.probing.batch_tokens,
            progress=progress(part.label),
        )
        write_rows(workspace, part, rows, started, len(candidates), str(loaded.device))


def _candidates(
    workspace: Workspace, model: StudyModel, language: str, block: DegenerateBlock
) -> dict[str, tuple[tuple[int, int], ...]]:
    """The best knowledge neurons of the facts whose neurons are tried, the same for all sizes."""
    from models_gpu.methods.neuron_sets import first_neurons
    from models_gpu.seeded import shuffled

    found = first_neurons(_knowledge(workspace, model, language), block.candidates)
    return {fact: found[fact] for fact in shuffled(found, block.seed, "fact")[: block.facts]}


def _knowledge(workspace: Workspace, model: StudyModel, language: str) -> pl.DataFrame:
    """Rows of ``knowledge_neurons`` of the study's mode."""
    (part,) = (
        part
        for part in workspace.plan.integrated_gradients(model, language)
        if part.table == "knowledge_neurons"
    )
    return workspace.read(part)


def _active(workspace: Workspace, model: StudyModel, language: str) -> pl.DataFrame:
    """Rows of ``active_neurons`` over FFN neurons; none where the study has none."""
    own = (
        workspace.read(part).filter(pl.col("method_code") == "probeless")
        for part in workspace.plan.probeless(model, language)
        if part.table == "active_neurons"
    )
    empty = dict.fromkeys(("neuron_rank", "layer_index", "neuron_index"), pl.Int32)
    return next(own, pl.DataFrame(schema={"fact_id": pl.String, **empty}))
