"""Interventions: the effect of editing a fact's neurons on that fact and on unrelated ones.

What belongs here: which facts are matched across languages, which sets of neurons are edited for
each, and the rows of the lake table ``interventions``. What does not: running edits
(``models_gpu.engine.edits``), effects and verdicts (SQL). Definitions: docs/method.md#edits.

``edit_set_code`` names the set of neurons:

- 'likn': neurons that all languages share (language-independent knowledge neurons);
- 'own': neurons of the queried language;
- 'own_subset': as many of 'own' as the fact has LIKN, drawn at random;
- 'other': neurons of another language;
- 'union': neurons of any language;
- 'sequence': the neurons of all languages one language after the other, so that the factor is
  applied n times to a neuron of n languages;
- 'probeless': PROBELESS neurons of the queried language or of the base language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from models_gpu.engine.edits import Neuron, build_edits, run_edits
from models_gpu.lake_rows import lake_rows, lake_schema
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.neuron_sets import (
    ALL_LANGUAGES,
    NeuronsOfFacts,
    joint_neurons,
    random_controls,
    random_subset,
)
from models_gpu.progress import Progress
from models_gpu.prompting.build import build_queries, facts_among
from models_gpu.seeded import shuffled
from models_gpu.settings import EditSettings

__all__ = ["EditSettings", "LanguageNeurons", "MatchedFact", "interventions", "matched_facts"]


@dataclass(frozen=True)
class LanguageNeurons:
    """Neurons of the facts of one language."""

    knowledge: NeuronsOfFacts
    """Knowledge neurons: integrated gradients above the threshold."""
    active: NeuronsOfFacts = field(default_factory=dict)
    """Best PROBELESS neurons; a fact without any gets no 'probeless' edit."""


@dataclass(frozen=True)
class MatchedFact:
    """A fact that is edited in every language."""

    fact_id: str
    """Id of the fact."""
    unrelated_id: str | None
    """A fact of another relation with another object; None if there is none."""


@dataclass(frozen=True)
class _EditSet:
    """Neurons that are edited together."""

    code: str
    language: str
    neurons: tuple[Neuron, ...]
    factors: tuple[float, ...]
    times: tuple[int, ...]
    """How often the factor is applied to each neuron."""


def matched_facts(
    facts: pl.DataFrame, neurons: Mapping[str, LanguageNeurons], count: int, seed: int
) -> list[MatchedFact]:
    """Choose the facts on which all sets of neurons are compared, the same in every language.

    Args:
        facts: ``fact_id, relation_id, object_id`` of the facts that are right in every language.
        neurons: per language. Only facts with a knowledge neuron in all languages qualify.
        count: largest number of facts.
        seed: seed of the choice. A smaller count chooses a subset of the same facts.

    Returns:
        The chosen facts, sorted by id.
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
    return sorted(chosen, key=lambda one: one.fact_id)


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
    """Run every edit of every matched fact in one language.

    Each set of neurons (see the module) has a control: equally many random neurons of the same
    layers. Set and control are edited while the fact itself is queried. The set is also edited
    while an unrelated fact is queried.

    Args:
        model: from ``models_gpu.loading.load``.
        language: the queried language, one of ``neurons``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label`` in it.
        matched: from ``matched_facts``.
        neurons: per language; 'sequence' takes the languages in this order.
        settings: which edits.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with work done and work in all.

    Returns:
        Columns of the lake table ``interventions`` without model and language, sorted by key.

    Raises:
        ModelError: a matched fact that is not in ``facts``, and as ``run_edits``.
    """
    related = [one.fact_id for one in matched]
    unrelated = [one.unrelated_id for one in matched if one.unrelated_id is not None]
    queries = build_queries(model, facts_among(facts, {*related, *unrelated}), "gold")
    row_of_fact = {fact: row for row, fact in enumerate(queries.fact_ids.to_list())}
    rows: list[dict[str, Any]] = []
    edited: list[tuple[Neuron, ...]] = []
    factors: list[list[float]] = []
    for one in matched:
        for group in _edit_sets(one.fact_id, language, neurons, settings):
            names = (settings.seed, "random", one.fact_id, language, group.code, group.language)
            controls = random_controls(group.neurons, model.view.neuron_count, names)
            own = _rows_of_set(one, group)
            rows += own
            edited += [controls if row["is_random"] else group.neurons for row in own]
            factors += [[row["edit_factor"] ** times for times in group.times] for row in own]
    queried = [row_of_fact[row["queried_fact_id"]] for row in rows]
    # The unedited model is run once per fact, after all edits.
    plain = sorted(set(queried))
    none: list[tuple[()]] = [()] * len(plain)
    edits = build_edits([*queried, *plain], [*edited, *none], [*factors, *none])
    results = run_edits(model, queries, edits, token_budget=token_budget, progress=progress)
    after, before = results.log_prob[: len(rows)], results.log_prob[len(rows) :]
    before_of_row = dict(zip(plain, before.tolist(), strict=True))
    table = pl.DataFrame(rows, schema=lake_schema("interventions")).with_columns(
        log_prob_before=pl.Series([before_of_row[row] for row in queried], dtype=pl.Float64),
        log_prob_after=pl.Series(after, dtype=pl.Float64),
    )
    return lake_rows("interventions", [table])


def _rows_of_set(one: MatchedFact, group: _EditSet) -> list[dict[str, Any]]:
    """List the edits of one set as rows of the lake, without their results."""
    cases = [(False, "related", one.fact_id), (True, "related", one.fact_id)]
    if one.unrelated_id is not None:
        cases.append((False, "unrelated", one.unrelated_id))
    return [
        {
            "fact_id": one.fact_id,
            "edit_set_code": group.code,
            "neuron_language_code": group.language,
            "edit_factor": factor,
            "is_random": is_random,
            "query_code": query,
            "queried_fact_id": fact,
            "neuron_count": len(group.neurons),
        }
        for factor in group.factors
        for is_random, query, fact in cases
    ]


def _edit_sets(
    fact: str, language: str, neurons: Mapping[str, LanguageNeurons], settings: EditSettings
) -> Iterator[_EditSet]:
    """Yield the sets of one fact that are not empty."""
    knowledge = {code: own.knowledge.get(fact, ()) for code, own in neurons.items()}
    shared, language_counts = joint_neurons(list(knowledge.values()))
    own = knowledge[language]
    subset = random_subset(own, len(shared), (settings.seed, "subset", fact, language))
    every = tuple(sorted(language_counts))
    times_of_each = tuple(language_counts[neuron] for neuron in every)
    sets = [
        ("likn", ALL_LANGUAGES, shared),
        ("own", language, own),
        ("own_subset", language, subset),
        *(("other", code, members) for code, members in knowledge.items() if code != language),
        ("union", ALL_LANGUAGES, every),
    ]
    for code, source, members in sets:
        if members:
            yield _EditSet(code, source, members, settings.factors, (1,) * len(members))
    if every:
        yield _EditSet("sequence", ALL_LANGUAGES, every, settings.factors, times_of_each)
    wanted = {language: set(settings.factors)}
    if settings.base_language is not None:
        wanted.setdefault(settings.base_language, set()).update(settings.base_factors)
    for source, factors in wanted.items():
        members = neurons[source].active.get(fact, ())
        if members:
            times = (1,) * len(members)
            yield _EditSet("probeless", source, members, tuple(sorted(factors)), times)
