"""Partitions: a model of the study, and a model in one language."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

__all__ = [
    "LANGUAGES",
    "MODELS",
    "MODEL_LANGUAGES",
    "model_language",
    "split_key",
    "sync_partitions",
]

MODELS = dg.DynamicPartitionsDefinition(name="models")
LANGUAGES = dg.DynamicPartitionsDefinition(name="languages")
MODEL_LANGUAGES = dg.MultiPartitionsDefinition({"model": MODELS, "language": LANGUAGES})


def model_language(model_id: str, language_code: str) -> dg.MultiPartitionKey:
    """Dagster's key of a model in a language."""
    return dg.MultiPartitionKey({"model": model_id, "language": language_code})


def split_key(key: str) -> tuple[str, str]:
    """Model id and language code of a key."""
    multi = MODEL_LANGUAGES.get_partition_key_from_str(key)
    return multi.keys_by_dimension["model"], multi.keys_by_dimension["language"]


def sync_partitions(
    instance: dg.DagsterInstance, models: Iterable[str], languages: Iterable[str]
) -> None:
    """Make Dagster's partitions those of the study: new ones are added, others are dropped."""
    for definition, wanted in ((MODELS, list(models)), (LANGUAGES, list(languages))):
        name = str(definition.name)
        present = instance.get_dynamic_partitions(name)
        for stranger in set(present) - set(wanted):
            instance.delete_dynamic_partition(name, stranger)
        instance.add_dynamic_partitions(name, [key for key in wanted if key not in present])
