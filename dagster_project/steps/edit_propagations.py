"""Edit propagations: a fact is changed in one language, and the model is asked in the others."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.steps.step import (
    Computed,
    ModelLanguage,
    ModelStep,
    ModelTask,
    settings_of,
)
from dagster_project.study.schema import EditPropagationBlock

__all__ = ["STEP"]


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    """The answers in all languages count: the facts are chosen by them."""
    block: EditPropagationBlock = place.settings
    answers = {
        code: place.fingerprints("predictions", language=code) for code in sorted(block.languages)
    }
    return answers, settings_of(block, without=("languages",))


def _change(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.methods.counterfactuals import counterfactuals
    from models_gpu.methods.edit_propagation import edit_propagation
    from models_gpu.methods.fact_choice import facts_in_most_languages
    from models_gpu.settings import PropagationSettings

    block: EditPropagationBlock = task.settings
    languages = sorted(block.languages)
    queries = {code: task.queries(code) for code in languages}
    known = {code: task.known_facts(code) for code in languages}
    chosen = facts_in_most_languages(known, block.facts)
    facts = task.read("facts")
    for language in task.languages:
        changes = counterfactuals(facts, queries, chosen[language], block.seed)
        rows = edit_propagation(
            task.weights,
            language,
            queries,
            changes,
            settings=PropagationSettings(
                block.steps, block.learning_rate, block.stop_probability, block.weights
            ),
            progress=task.progress(language),
        )
        why_none = "no chosen fact has another object that it could be changed to"
        if not chosen[language]:
            why_none = task.none_chosen(language, known[language])
        yield Computed(
            {"edit_propagations": rows},
            language,
            fact_count=len(changes),
            why_none=why_none,
        )


STEP = ModelStep(
    tables=("edit_propagations",),
    code_version="1",
    depends_on=("facts", "fact_labels", "prompts", "predictions"),
    group="lake_signals",
    block="signals.edit_propagation",
    settings=lambda study: study.signals.edit_propagation,
    languages=lambda study, _: study.signal_languages["edit_propagation"],
    inputs=_inputs,
    compute=_change,
    needs_all_languages=True,
    wave=1,
)
