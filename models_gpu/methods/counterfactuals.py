"""Counterfactuals: facts that a model is taught for a moment, each with a subject as control.

What belongs here: which facts are changed, to which object, and which other subject shows how far
the change spreads. What does not: changing the model (``models_gpu.methods.edit_propagation``).
Definitions: docs/signals.md#edit-propagation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from models_gpu.methods.fact_choice import true_objects
from models_gpu.seeded import shuffled

__all__ = ["Counterfactual", "counterfactuals"]


@dataclass(frozen=True)
class Counterfactual:
    """A fact with another object."""

    fact_id: str
    """The fact."""
    new_object_id: str
    """Another object of its relation, which is not true of its subject."""
    new_labels: Mapping[str, str]
    """Name of that object in every language."""
    control_fact_id: str | None
    """Fact of another subject of the relation, which does not have the new object either; None if
    there is none."""


def counterfactuals(
    facts: pl.DataFrame,
    labels: Mapping[str, pl.DataFrame],
    chosen: Collection[str],
    seed: int,
) -> list[Counterfactual]:
    """Draw another object and a control for each chosen fact.

    New objects are drawn by their frequency among the relation's facts. One has a name in every
    language, is not true of the subject in any fact of the data set, and has other names than the
    fact's own object. The control has a name in every language.

    Args:
        facts: ``fact_id, relation_id, subject_id, object_id`` of all facts.
        labels: per language ``fact_id, object_label`` of its facts.
        chosen: ids of the facts to change.
        seed: seed of the draws. The draws of a fact do not depend on the other chosen facts.

    Returns:
        Sorted by fact. A fact without another object is left out.
    """
    names: dict[str, dict[str, str]] = {}
    in_language: dict[str, dict[str, str]] = {}
    objects = dict(facts.select("fact_id", "object_id").iter_rows())
    for language, rows in labels.items():
        own = dict(rows.sort("fact_id").select("fact_id", "object_label").iter_rows())
        in_language[language] = own
        names[language] = {}
        for fact, label in own.items():
            names[language].setdefault(objects[fact], label)
    true = true_objects(facts)
    by_relation: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for fact, relation, subject, answer in facts.select(
        "fact_id", "relation_id", "subject_id", "object_id"
    ).iter_rows():
        if all(fact in own for own in in_language.values()):
            by_relation[relation].append((fact, subject, answer))
    columns = facts.filter(pl.col("fact_id").is_in(list(chosen))).select(
        "fact_id", "relation_id", "subject_id", "object_id"
    )
    found = []
    for fact, relation, subject, own_object in columns.sort("fact_id").iter_rows():
        usable = {
            other: answer
            for other, _, answer in by_relation[relation]
            if answer not in true[relation, subject]
            and all(own[answer] != own.get(own_object) for own in names.values())
        }
        if not usable:
            continue
        new = usable[shuffled(usable, seed, "object", fact)[0]]
        controls = [
            other
            for other, other_subject, _ in by_relation[relation]
            if other_subject != subject and new not in true[relation, other_subject]
        ]
        control = shuffled(controls, seed, "control", fact)[:1]
        new_labels = {language: own[new] for language, own in names.items()}
        found.append(Counterfactual(fact, new, new_labels, control[0] if control else None))
    return found
