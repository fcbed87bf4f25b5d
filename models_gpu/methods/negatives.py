"""Negatives: which facts are checked, with which wrong object, and in which split.

What belongs here: splitting the subjects of a relation, choosing facts, and drawing a wrong object
for each fact. What does not: running a model (``models_gpu.methods.fact_checks``). Definitions:
docs/method.md#fact-checks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from models_gpu.errors import ModelError
from models_gpu.lake_rows import lake_schema
from models_gpu.methods.fact_choice import true_objects
from models_gpu.seeded import shuffled
from models_gpu.settings import SplitSettings

__all__ = ["TEST", "TRAIN", "VALIDATION", "SplitSettings", "checked_pairs"]

TRAIN, VALIDATION, TEST = "train", "validation", "test"

_LABELLED = ("fact_id", "relation_id", "subject_id", "object_id", "object_label")
_LISTED = ("relation_id", "subject_id", "object_id")
_PAIR = (
    "fact_id", "relation_id", "split", "is_true", "candidate_object_id", "candidate_label",
)  # fmt: skip


@dataclass(frozen=True)
class _Fact:
    """A fact of one relation, with the label of its object in one language."""

    id: str
    subject: str
    object: str
    label: str


def checked_pairs(
    facts: pl.DataFrame, listed: pl.DataFrame, right: Collection[str], settings: SplitSettings
) -> pl.DataFrame:
    """Choose the facts of one language to check, each with its true and with a wrong object.

    The subjects of a relation are split, so that no subject is in two splits. Languages with the
    same subjects have the same split. Training facts are facts that the model predicts correctly,
    because only these have knowledge neurons. Validation and test facts are any facts, because a
    fact checker does not know which facts the model knows.

    Wrong objects are the objects of other facts of the relation. They are drawn by their frequency
    among these facts, so that frequency is not a cue. A wrong object is not a true object of the
    subject in any listed fact and does not have the label of one. Facts without such an object are
    left out.

    Args:
        facts: columns ``fact_id, relation_id, subject_id, object_id, object_label`` of one
            language.
        listed: columns ``relation_id, subject_id, object_id`` of all facts in any language.
        right: ids of the facts that the model predicts correctly.
        settings: counts, shares and seed.

    Returns:
        Columns ``fact_id, relation_id, split, is_true, candidate_object_id, candidate_label``,
        two rows per fact. Rows are sorted by relation and fact, the wrong object first.

    Raises:
        ModelError: a missing column, shares that leave nothing to train on.
    """
    _check(facts, listed, settings)
    true_of = true_objects(listed)
    by_relation: dict[str, list[_Fact]] = defaultdict(list)
    for fact, relation, subject, true, label in facts.select(_LABELLED).iter_rows():
        by_relation[relation].append(_Fact(fact, subject, true, label))
    rows = [
        row
        for relation, own in by_relation.items()
        for row in _pairs_of(relation, own, true_of, right, settings)
    ]
    types = {**lake_schema("facts"), **lake_schema("fact_checks")}
    pairs = pl.DataFrame(rows, schema={name: types[name] for name in _PAIR}, orient="row")
    return pairs.sort("relation_id", "fact_id", "is_true")


def _pairs_of(
    relation: str,
    own: Sequence[_Fact],
    true_of: Mapping[tuple[str, str], set[str]],
    right: Collection[str],
    settings: SplitSettings,
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of one relation in the order of ``_PAIR``, two rows per fact."""
    split_of = _split(relation, {fact.subject for fact in own}, settings)
    by_id = {fact.id: fact for fact in own}
    true_labels: dict[str, set[str]] = defaultdict(set)
    for fact in own:
        true_labels[fact.subject].add(_folded(fact.label))
    taken = dict.fromkeys((TRAIN, VALIDATION, TEST), 0)
    for fact_id in shuffled(by_id, settings.seed, "fact"):
        fact = by_id[fact_id]
        split = split_of[fact.subject]
        if taken[split] == settings.facts or (split == TRAIN and fact.id not in right):
            continue
        true = true_of.get((relation, fact.subject), set()) | {fact.object}
        wrong = _wrong(fact, own, true, true_labels[fact.subject], settings.seed)
        if wrong is None:
            continue
        taken[split] += 1
        yield fact.id, relation, split, True, fact.object, fact.label
        yield fact.id, relation, split, False, wrong.object, wrong.label


def _split(relation: str, subjects: Collection[str], settings: SplitSettings) -> dict[str, str]:
    """Map each subject to its split: of the shuffled subjects test comes first, then validation."""
    order = shuffled(subjects, settings.seed, "subject", relation)
    test = int(len(order) * settings.test_share + 0.5)
    validation = test + int(len(order) * settings.validation_share + 0.5)
    return {
        subject: TEST if place < test else VALIDATION if place < validation else TRAIN
        for place, subject in enumerate(order)
    }


def _wrong(
    fact: _Fact, own: Sequence[_Fact], true: Collection[str], labels: Collection[str], seed: int
) -> _Fact | None:
    """Draw a fact whose object is not true of this fact's subject; None if there is none."""
    others = {
        other.id: other
        for other in own
        if other.object not in true and _folded(other.label) not in labels
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
