"""The list of all steps, and the plan that follows from it."""

from __future__ import annotations

from dagster_project.steps import (
    active_neurons,
    atlas_truth,
    continuations,
    degenerate_pairs,
    degenerate_sets,
    edit_propagations,
    fact_checks,
    fact_popularity,
    facts,
    interventions,
    knowledge_neurons,
    label_tokens,
    latent_languages,
    models,
    name_cues,
    object_aliases,
    object_rankings,
    occurrences,
    patches,
    predictions,
    subject_swaps,
    text_gradients,
    wording_neurons,
    wording_predictions,
    wordings,
    world_answers,
)
from dagster_project.steps.plan import Plan
from dagster_project.steps.step import Step
from dagster_project.study.resolved import ResolvedStudy

__all__ = ["STEPS", "STEP_OF_TABLE", "make_plan"]

STEPS: tuple[Step, ...] = (
    facts.STEP,
    fact_popularity.STEP,
    wordings.STEP,
    name_cues.STEP,
    atlas_truth.STEP,
    world_answers.STEP,
    models.STEP,
    predictions.STEP,
    object_rankings.STEP,
    continuations.STEP,
    object_aliases.STEP,
    subject_swaps.STEP,
    wording_predictions.STEP,
    active_neurons.STEP,
    wording_neurons.STEP,
    knowledge_neurons.STEP,
    interventions.STEP,
    edit_propagations.STEP,
    degenerate_pairs.STEP,
    degenerate_sets.STEP,
    fact_checks.STEP,
    latent_languages.STEP,
    patches.STEP,
    occurrences.STEP,
    text_gradients.STEP,
    label_tokens.STEP,
)
"""All steps, each after those that it depends on."""

STEP_OF_TABLE = {table: step for step in STEPS for table in step.tables}
"""Lake table → the step that computes it; ``missing_models`` belongs to the marts."""


def make_plan(study: ResolvedStudy) -> Plan:
    """Lists every part that a study needs."""
    plan = Plan(study)
    for step in STEPS:
        plan.add(step.parts(plan))
    return plan
