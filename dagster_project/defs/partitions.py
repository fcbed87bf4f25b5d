"""Partitions: a model in one language, and a corpus in one language."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from dagster_project.study.resolve import ResolvedStudy

__all__ = [
    "CORPORA",
    "CORPUS_LANGUAGES",
    "LANGUAGES",
    "MODELS",
    "MODEL_LANGUAGES",
    "corpus_language",
    "languages_by_owner",
    "model_language",
    "sync_partitions",
]

MODELS = dg.DynamicPartitionsDefinition(name="models")
LANGUAGES = dg.DynamicPartitionsDefinition(name="languages")
CORPORA = dg.DynamicPartitionsDefinition(name="corpora")
MODEL_LANGUAGES = dg.MultiPartitionsDefinition({"model": MODELS, "language": LANGUAGES})
CORPUS_LANGUAGES = dg.MultiPartitionsDefinition({"corpus": CORPORA, "language": LANGUAGES})


def model_language(model_id: str, language_code: str) -> dg.MultiPartitionKey:
    """Dagster's key of a model in a language."""
    return dg.MultiPartitionKey({"model": model_id, "language": language_code})


def corpus_language(corpus_id: str, language_code: str) -> dg.MultiPartitionKey:
    """Dagster's key of a corpus in a language."""
    return dg.MultiPartitionKey({"corpus": corpus_id, "language": language_code})


def languages_by_owner(
    partitions: dg.MultiPartitionsDefinition, keys: Iterable[str]
) -> dict[str, list[str]]:
    """Model or corpus → its languages among the keys, both in order."""
    owner = next(name for name in partitions.partition_dimension_names if name != "language")
    chosen: dict[str, list[str]] = {}
    for key in sorted(keys):
        dimensions = partitions.get_partition_key_from_str(key).keys_by_dimension
        chosen.setdefault(dimensions[owner], []).append(dimensions["language"])
    return chosen


def sync_partitions(instance: dg.DagsterInstance, study: ResolvedStudy) -> list[str]:
    """Make Dagster's partitions those of the study: new ones are added, others are dropped.

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
        for stranger in set(present) - set(wanted):
            instance.delete_dynamic_partition(name, stranger)
        instance.add_dynamic_partitions(name, [key for key in wanted if key not in present])
    return list(instance.get_dynamic_partitions(str(LANGUAGES.name)))
