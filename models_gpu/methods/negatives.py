"""Wrong objects: which facts are checked, with what in place of the object, and in which part.

What belongs here: splitting a relation's subjects, choosing facts, and finding for each an object
that is really wrong. What does not: running a model (``models_gpu.methods.fact_checks``).
Definitions: docs/method.md#fact-checks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from models_gpu.errors import ModelError
from models_gpu.seeded import shuffled

__all__ = ["TEST", "TRAIN", "VALIDATION", "SplitSettings", "checked_pairs"]

TRAIN, VALIDATION, TEST = "train", "validation", "test"

_LABELLED = ("fact_id", "relation_id", "subject_id", "object_id", "object_label")
_LISTED = ("relation_id", "subject_id", "object_id")
_SCHEMA = pl.Schema(
    {
        "fact_id": pl.String,
        "relation_id": pl.String,
        "split": pl.String,
        "is_true": pl.Boolean,
        "candidate_object_id": pl.String,
        "candidate_label": pl.String,
    }
)


@dataclass(frozen=True)
class SplitSettings:
    """How many facts are checked, and how subjects are split."""

    facts: int = 20
    """Most facts per relation and part."""
    validation_share: float = 0.2
    """Share of a relation's subjects on which a threshold is chosen."""
    test_share: float = 0.2
    """Share of a relation's subjects on which it is judged."""
    seed: int = 0
    """Seed of the split, of the facts and of the wrong objects."""


@dataclass(frozen=True)
class _Fact:
    """A fact of one relation, as one language calls its object."""

    id: str
    subject: str
    object: str
    label: str


def checked_pairs(
    facts: pl.DataFrame, listed: pl.DataFrame, right: Collection[str], settings: SplitSettings
) -> pl.DataFrame:
    """The facts of one language that are checked, each with its own object and with a wrong one.

    A relation's subjects are split, so that no subject is in two parts; the same subjects are split
    alike in all languages that have them. Of the training part only facts that the model gets right
    are taken, for only these have neurons to learn from; of the others any fact, as a checker does
    not know which the model knows.

    The wrong object is that of another fact of the relation, drawn among all of them, so that wrong
    objects are as common as right ones and commonness alone tells nothing. It is neither a true
    object of the subject in any listed fact, nor called like one. Facts without one are left out.

    Args:
        facts: columns ``fact_id, relation_id, subject_id, object_id, object_label`` of one
            language.
        listed: columns ``relation_id, subject_id, object_id`` of all facts, whatever the language.
        right: facts that the model gets right.
        settings: counts, shares and seed.

    Returns:
        Columns ``fact_id, relation_id, split, is_true, candidate_object_id, candidate_label``,
        two rows a fact, sorted by relation, fact, and the wrong object first.

    Raises:
        ModelError: a missing column, shares that leave nothing to train on.
    """
    _check(facts, listed, settings)
    true_objects: dict[tuple[str, str], set[str]] = defaultdict(set)
    for relation, subject, true in listed.select(_LISTED).iter_rows():
        true_objects[relation, subject].add(true)
    of_relation: dict[str, list[_Fact]] = defaultdict(list)
    for fact, relation, subject, true, label in facts.select(_LABELLED).iter_rows():
        of_relation[relation].append(_Fact(fact, subject, true, label))
    rows: list[tuple[object, ...]] = []
    for relation, own in of_relation.items():
        part_of = _split(relation, {fact.subject for fact in own}, settings)
        by_id = {fact.id: fact for fact in own}
        true_names: dict[str, set[str]] = defaultdict(set)
        for fact in own:
            true_names[fact.subject].add(_folded(fact.label))
        taken = dict.fromkeys((TRAIN, VALIDATION, TEST), 0)
        for place in shuffled(by_id, settings.seed, "fact"):
            fact = by_id[place]
            part = part_of[fact.subject]
            if taken[part] == settings.facts or (part == TRAIN and fact.id not in right):
                continue
            true = true_objects[relation, fact.subject] | {fact.object}
            wrong = _wrong(fact, own, true, true_names[fact.subject], settings.seed)
            if wrong is None:
                continue
            taken[part] += 1
            rows += [
                (fact.id, relation, part, True, fact.object, fact.label),
                (fact.id, relation, part, False, wrong.object, wrong.label),
            ]
    pairs = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    return pairs.sort("relation_id", "fact_id", "is_true")


def _split(relation: str, subjects: Collection[str], settings: SplitSettings) -> dict[str, str]:
    """Subject → part: the first of the shuffled subjects are tested, the next develop."""
    order = shuffled(subjects, settings.seed, "subject", relation)
    test = int(len(order) * settings.test_share + 0.5)
    validation = test + int(len(order) * settings.validation_share + 0.5)
    return {
        subject: TEST if place < test else VALIDATION if place < validation else TRAIN
        for place, subject in enumerate(order)
    }


def _wrong(
    fact: _Fact, own: Sequence[_Fact], true: Collection[str], names: Collection[str], seed: int
) -> _Fact | None:
    others = {
        other.id: other
        for other in own
        if other.object not in true and _folded(other.label) not in names
    }
    return others[shuffled(others, seed, "wrong", fact.id)[0]] if others else None


def _folded(label: str) -> str:
    return label.strip().casefold()


def _check(facts: pl.DataFrame, listed: pl.DataFrame, settings: SplitSettings) -> None:
    for frame, names in ((facts, _LABELLED), (listed, _LISTED)):
        missing = [name for name in names if name not in frame.columns]
        if missing:
            raise ModelError(
                f"facts have no column {', '.join(missing)}; they need {', '.join(names)}"
            )
    if settings.validation_share + settings.test_share >= 1:
        raise ModelError(
            f"validation_share {settings.validation_share} and test_share {settings.test_share} "
            "leave no subjects to train on; together they must be below 1"
        )
