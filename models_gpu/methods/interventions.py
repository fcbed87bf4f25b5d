"""Interventions: what editing a fact's neurons does to that fact and to others (docs/method.md#edits).

What belongs here: the matched facts, the sets of neurons that are edited for each, and the rows of
the lake table ``interventions``. What does not: running edits (``models_gpu.engine.edits``),
effects and verdicts (SQL).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from models_gpu.engine.edits import Neuron, build_edits, run_edits
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.neuron_sets import (
    ALL_LANGUAGES,
    NeuronsOfFacts,
    joint_neurons,
    random_counterparts,
    random_subset,
)
from models_gpu.prompting.queries import build_queries
from models_gpu.seeded import shuffled

__all__ = ["EditSettings", "LanguageNeurons", "MatchedFact", "interventions", "matched_facts"]

Progress = Callable[[int, int], None]

_SCHEMA = pl.Schema(
    {
        "fact_id": pl.String,
        "edit_set_code": pl.String,
        "neuron_language_code": pl.String,
        "edit_factor": pl.Float64,
        "is_random": pl.Boolean,
        "query_code": pl.String,
        "queried_fact_id": pl.String,
        "neuron_count": pl.Int32,
        "log_prob_before": pl.Float64,
        "log_prob_after": pl.Float64,
    }
)
_KEY = [
    "fact_id", "edit_set_code", "neuron_language_code", "edit_factor", "is_random", "query_code",
]  # fmt: skip


@dataclass(frozen=True)
class EditSettings:
    """What is edited, and how."""

    factors: tuple[float, ...] = (0.0, 2.0)
    """What activations are multiplied by: 0 suppresses, 2 enhances."""
    base_language: str | None = None
    """Language whose PROBELESS neurons are edited in every language; None leaves that out."""
    base_factors: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)
    """What these are multiplied by, as in the code of Zhao et al."""
    seed: int = 0
    """Seed of all random neurons."""


@dataclass(frozen=True)
class LanguageNeurons:
    """Neurons of the facts of one language."""

    knowledge: NeuronsOfFacts
    """Knowledge neurons (integrated gradients above the threshold)."""
    active: NeuronsOfFacts = field(default_factory=dict)
    """First PROBELESS neurons; a fact without any is not edited at them."""


@dataclass(frozen=True)
class MatchedFact:
    """A fact that is edited in every language."""

    fact_id: str
    """The fact."""
    unrelated_id: str | None
    """A fact of another relation with another object; None where no other fact is right."""


@dataclass(frozen=True)
class _EditSet:
    """Neurons that are edited together."""

    code: str
    language: str
    neurons: tuple[Neuron, ...]
    factors: tuple[float, ...]
    times: tuple[int, ...]
    """How often each neuron is edited."""


def matched_facts(
    facts: pl.DataFrame, neurons: Mapping[str, LanguageNeurons], count: int, seed: int
) -> list[MatchedFact]:
    """The facts on which all sets of neurons are compared, the same in every language (docs/method.md#edits).

    Args:
        facts: ``fact_id, relation_id, object_id`` of the facts that are right in every language.
        neurons: per language. Only facts with a knowledge neuron that all languages share qualify.
        count: most facts.
        seed: of the choice; with a smaller count the same facts come first.
    """
    known = {fact: (relation, answer) for fact, relation, answer in facts.iter_rows()}
    qualified = [
        fact
        for fact in known
        if joint_neurons([own.knowledge.get(fact, ()) for own in neurons.values()])[0]
    ]
    chosen = []
    for fact in shuffled(qualified, seed, "fact")[:count]:
        relation, answer = known[fact]
        others = [other for other, own in known.items() if own[0] != relation and own[1] != answer]
        unrelated = shuffled(others, seed, "unrelated", fact)[:1]
        chosen.append(MatchedFact(fact, unrelated[0] if unrelated else None))
    return sorted(chosen, key=lambda own: own.fact_id)


def interventions(
    model: LoadedModel,
    language: str,
    facts: pl.DataFrame,
    matched: Sequence[MatchedFact],
    neurons: Mapping[str, LanguageNeurons],
    *,
    settings: EditSettings,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Every edit of every matched fact, asked in one language.

    Sets of neurons, by ``edit_set_code``: 'likn', shared by all languages; 'own', the language's;
    'own_subset', as many of these as the fact has LIKN, drawn at random; 'other', another
    language's; 'union', of all languages; 'sequence', all languages' one after the other, so that a
    neuron of n languages is multiplied n times; 'probeless', the active neurons of the language or
    of the base language. Each stands beside as many random neurons of the same layers, which are
    asked about the same fact; the sets themselves are also asked about an unrelated one.

    Args:
        model: from ``models_gpu.loading.load``.
        language: the language that is asked in, one of ``neurons``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label`` in it.
        matched: from ``matched_facts``.
        neurons: per language; the order of languages is that of the edits in sequence.
        settings: the edits.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with rows done and rows in all.

    Returns:
        Columns of the lake table ``interventions`` without model and language, sorted by key.

    Raises:
        ModelError: a matched fact that is not in ``facts``, and as ``run_edits``.
    """
    wanted = {one.fact_id for one in matched} | {one.unrelated_id for one in matched}
    asked = facts.filter(pl.col("fact_id").is_in([fact for fact in wanted if fact is not None]))
    queries = build_queries(model, asked, "gold")
    place = {fact: row for row, fact in enumerate(queries.fact_ids.to_list())}
    unknown_ids = sorted(fact for fact in wanted if fact is not None and fact not in place)
    if unknown_ids:
        raise ModelError(
            f"{len(unknown_ids)} facts that are to be edited are not among the facts of {language}, "
            f"such as '{unknown_ids[0]}'; neurons and facts are of different versions"
        )
    rows: list[dict[str, Any]] = []
    edited: list[tuple[Neuron, ...]] = []
    factors: list[list[float]] = []
    units = model.view.neuron_count
    for one in matched:
        for group in _edit_sets(one.fact_id, language, neurons, settings):
            names = (settings.seed, "random", one.fact_id, language, group.code, group.language)
            controls = random_counterparts(group.neurons, units, names)
            asks = [(False, "related", one.fact_id), (True, "related", one.fact_id)]
            if one.unrelated_id is not None:
                asks.append((False, "unrelated", one.unrelated_id))
            for factor in group.factors:
                for is_random, query, fact in asks:
                    own = controls if is_random else group.neurons
                    rows.append(
                        {
                            "fact_id": one.fact_id,
                            "edit_set_code": group.code,
                            "neuron_language_code": group.language,
                            "edit_factor": factor,
                            "is_random": is_random,
                            "query_code": query,
                            "queried_fact_id": fact,
                            "neuron_count": len(own),
                        }
                    )
                    edited.append(own)
                    factors.append([factor**times for times in group.times])
    asked_rows = [place[row["queried_fact_id"]] for row in rows]
    plain = sorted(set(asked_rows))
    edits = build_edits(
        [*asked_rows, *plain], [*edited, *[()] * len(plain)], [*factors, *[()] * len(plain)]
    )
    answers = run_edits(model, queries, edits, token_budget=token_budget, progress=progress)
    before = dict(zip(plain, answers.log_prob[len(rows) :].tolist(), strict=True))
    return (
        pl.DataFrame(rows, schema={name: _SCHEMA[name] for name in list(_SCHEMA)[:-2]})
        .with_columns(
            log_prob_before=pl.Series([before[row] for row in asked_rows], dtype=pl.Float64),
            log_prob_after=pl.Series(answers.log_prob[: len(rows)], dtype=pl.Float64),
        )
        .select(_SCHEMA.names())
        .sort(_KEY)
    )


def _edit_sets(
    fact: str, language: str, neurons: Mapping[str, LanguageNeurons], settings: EditSettings
) -> Iterator[_EditSet]:
    """The sets of one fact that have any neuron."""
    knowledge = {code: own.knowledge.get(fact, ()) for code, own in neurons.items()}
    shared, held = joint_neurons(list(knowledge.values()))
    own = knowledge[language]
    subset = random_subset(own, len(shared), (settings.seed, "subset", fact, language))
    every = tuple(sorted(held))
    counted = tuple(held[neuron] for neuron in every)
    sets = [
        ("likn", ALL_LANGUAGES, shared),
        ("own", language, own),
        ("own_subset", language, subset),
        *(("other", code, held_by) for code, held_by in knowledge.items() if code != language),
        ("union", ALL_LANGUAGES, every),
    ]
    for code, source, members in sets:
        if members:
            yield _EditSet(code, source, members, settings.factors, (1,) * len(members))
    if every:
        yield _EditSet("sequence", ALL_LANGUAGES, every, settings.factors, counted)
    wanted = {language: set(settings.factors)}
    if settings.base_language is not None:
        wanted.setdefault(settings.base_language, set()).update(settings.base_factors)
    for source, factors in wanted.items():
        members = neurons[source].active.get(fact, ())
        if members:
            times = (1,) * len(members)
            yield _EditSet("probeless", source, members, tuple(sorted(factors)), times)
