"""Fact checks: do a relation's neurons distinguish right objects from wrong ones?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from dagster_project.steps.step import (
    Computed,
    ModelLanguage,
    ModelStep,
    ModelTask,
    details_of_predictions,
    settings_of,
)
from dagster_project.study.schema import FactChecksBlock, IntegratedGradientsBlock, Study

__all__ = ["STEP"]


def _path(study: Study) -> IntegratedGradientsBlock:
    path = study.attribution.integrated_gradients
    assert path is not None, "load_study refuses fact checks without this block"
    return path


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    """All facts count: what is true of a subject in any language is no wrong object in this one."""
    path = _path(place.plan.study.study)
    return (
        *place.fingerprints("predictions", "facts"),
        settings_of(place.settings, without=("languages",)),
        (asdict(path.path), path.forced),
    )


def _details(place: ModelLanguage) -> dict[str, str]:
    path = _path(place.plan.study.study)
    integral = {
        "mode": path.mode,
        "steps": str(path.path.first_steps),
        "quadrature": path.quadrature,
    }
    return {**details_of_predictions(place), **integral}


def _check(task: ModelTask) -> Iterator[Computed]:
    """Finds neurons on the training split of each relation and scores objects by them."""
    from models_gpu.methods.fact_checks import CheckSettings, fact_checks
    from models_gpu.methods.negatives import SplitSettings, checked_pairs

    block: FactChecksBlock = task.settings
    path = _path(task.study.study)
    split = SplitSettings(block.facts, block.validation_share, block.test_share, block.seed)
    settings = CheckSettings(
        path=path.path,
        threshold=block.threshold,
        candidates=block.candidates,
        single_share=block.single_share,
        pair_share=block.pair_share,
        shared=block.shared,
        seed=block.seed,
    )
    facts = task.read("facts")
    for language in task.languages:
        queries = task.queries(language)
        known = set(task.known_facts(language, path.forced))
        pairs = checked_pairs(
            queries.join(facts.drop("relation_id"), on="fact_id", validate="1:1"),
            facts,
            known,
            split,
        )
        rows = fact_checks(
            task.weights,
            queries,
            pairs,
            settings=settings,
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        why_none = "no relation has enough right facts" if known else task.none_right(language)
        yield Computed(
            {"fact_checks": rows},
            language,
            fact_count=rows["fact_id"].n_unique(),
            why_none=why_none,
        )


STEP = ModelStep(
    tables=("fact_checks",),
    code_version="5",
    depends_on=("facts", "fact_labels", "prompts", "predictions"),
    group="lake_neurons",
    block="attribution.fact_checks",
    settings=lambda study: study.attribution.fact_checks,
    languages=lambda study, _: study.edited_languages(study.study.attribution.fact_checks),
    inputs=_inputs,
    details=_details,
    compute=_check,
    wave=2,
)
