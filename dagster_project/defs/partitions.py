"""Partitions: a model in one language, and a corpus in one language."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from dagster_project.steps.plan import Part
from dagster_project.study.resolve import ResolvedStudy

__all__ = [
    "CORPORA",
    "CORPUS_LANGUAGES",
    "LANGUAGES",
    "MODELS",
    "MODEL_LANGUAGES",
    "languages_by_owner",
    "partition_key",
    "sync_partitions",
]

MODELS = dg.DynamicPartitionsDefinition(name="models")
LANGUAGES = dg.DynamicPartitionsDefinition(name="languages")
CORPORA = dg.DynamicPartitionsDefinition(name="corpora")
MODEL_LANGUAGES = dg.MultiPartitionsDefinition({"model": MODELS, "language": LANGUAGES})
CORPUS_LANGUAGES = dg.MultiPartitionsDefinition({"corpus": CORPORA, "language": LANGUAGES})


def partition_key(part: Part) -> dg.MultiPartitionKey:
    """Dagster's key of a part that belongs to a model or corpus in a language."""
    dimensions = {"model_id": "model", "corpus_id": "corpus", "language_code": "language"}
    return dg.MultiPartitionKey(
        {dimensions[column]: value for column, value in part.partition.items()}
    )


def languages_by_owner(
    partitions: dg.MultiPartitionsDefinition, keys: Iterable[str]
) -> dict[str, list[str]]:
    """Groups partition keys: model or corpus → its languages, both in order."""
    owner = next(name for name in partitions.partition_dimension_names if name != "language")
    chosen: dict[str, list[str]] = {}
    for key in sorted(keys):
        dimensions = partitions.get_partition_key_from_str(key).keys_by_dimension
        chosen.setdefault(dimensions[owner], []).append(dimensions["language"])
    return chosen


def sync_partitions(instance: dg.DagsterInstance, study: ResolvedStudy) -> list[str]:
    """Makes Dagster's partitions those of the study: adds new ones and deletes others.

    Returns:
        Languages of the study in the order in which Dagster keeps them, which ranges follow.
    """
    for definition, wanted in (
        (MODELS, [model.id for model in study.models]),
        (CORPORA, [corpus.id for corpus in study.corpora]),
        (LANGUAGES, list(study.languages)),
    ):
        name = str(definition.name)
        present = instance.get_dynamic_partitions(name)
        for removed in set(present) - set(wanted):
            instance.delete_dynamic_partition(name, removed)
        instance.add_dynamic_partitions(name, [key for key in wanted if key not in present])
    return list(instance.get_dynamic_partitions(str(LANGUAGES.name)))
