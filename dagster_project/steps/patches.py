"""Patches: does an answer follow when states come from a query in another language?"""

from __future__ import annotations

from collections.abc import Iterator

from dagster_project.steps.step import Computed, ModelLanguage, ModelStep, ModelTask, settings_of
from dagster_project.study.schema import PatchingBlock

__all__ = ["STEP"]


def _inputs(place: ModelLanguage) -> tuple[object, ...]:
    """Queries and answers in all languages count: states and facts come from them."""
    languages = place.plan.study.signal_languages["patching"]
    answers = {code: place.fingerprints("predictions", language=code) for code in languages}
    settings = settings_of(place.settings, without=("languages",))
    return answers, place.fingerprints("facts"), settings


def _patch(task: ModelTask) -> Iterator[Computed]:
    from models_gpu.methods.fact_choice import facts_in_most_languages
    from models_gpu.methods.patching import LanguageFacts, patches
    from models_gpu.settings import PatchSettings

    block: PatchingBlock = task.settings
    ids = task.read("facts").select("fact_id", "subject_id", "object_id")
    known = {
        code: LanguageFacts(
            task.queries(code).join(ids, on="fact_id", validate="1:1"), set(task.known_facts(code))
        )
        for code in task.study.signal_languages["patching"]
    }
    chosen = facts_in_most_languages({code: own.right for code, own in known.items()}, block.facts)
    for language in task.languages:
        rows = patches(
            task.weights,
            language,
            chosen[language],
            known,
            settings=PatchSettings(block.positions, block.seed),
            token_budget=task.batch_tokens,
            progress=task.progress(language),
        )
        why_none = "no other fact gives a state to put in"
        if not chosen[language]:
            why_none = task.none_chosen(language, known[language].right)
        yield Computed(
            {"patches": rows}, language, fact_count=rows["fact_id"].n_unique(), why_none=why_none
        )


STEP = ModelStep(
    tables=("patches",),
    code_version="1",
    depends_on=("facts", "fact_labels", "prompts", "predictions"),
    group="lake_signals",
    block="signals.patching",
    settings=lambda study: study.signals.patching,
    languages=lambda study, _: study.signal_languages["patching"],
    inputs=_inputs,
    compute=_patch,
    needs_all_languages=True,
    wave=1,
)
