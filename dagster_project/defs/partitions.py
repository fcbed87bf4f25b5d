"""Partitions: a model in one language, and a corpus in one language.

Dagster keeps the keys of dynamic partitions under a name that the whole instance shares. So each
study has names of its own, and nobody else's keys are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import dagster as dg

from dagster_project.defs.asset_specs import key_prefix
from dagster_project.steps.plan import Part
from dagster_project.study.resolved import ResolvedStudy

__all__ = [
    "StudyPartitions",
    "languages_by_owner",
    "partition_key",
    "study_partitions",
    "sync_partitions",
]


@dataclass(frozen=True)
class StudyPartitions:
    """The partitions of one study."""

    models: dg.DynamicPartitionsDefinition
    """Its models."""
    languages: dg.DynamicPartitionsDefinition
    """Its languages."""
    corpora: dg.DynamicPartitionsDefinition
    """Its corpora."""
    model_languages: dg.MultiPartitionsDefinition
    """A model in a language."""
    corpus_languages: dg.MultiPartitionsDefinition
    """A corpus in a language."""


def study_partitions(study_name: str) -> StudyPartitions:
    """The partitions of a study, named ``factroots_<study>_models`` and so on."""
    return _named("_".join(["factroots", *key_prefix(), study_name]))


@cache
def _named(name: str) -> StudyPartitions:
    models, languages, corpora = (
        dg.DynamicPartitionsDefinition(name=f"{name}_{kind}")
        for kind in ("models", "languages", "corpora")
    )
    return StudyPartitions(
        models,
        languages,
        corpora,
        dg.MultiPartitionsDefinition({"model": models, "language": languages}),
        dg.MultiPartitionsDefinition({"corpus": corpora, "language": languages}),
    )


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
    own = study_partitions(study.study.name)
    for definition, wanted in (
        (own.models, [model.id for model in study.models]),
        (own.corpora, [corpus.id for corpus in study.corpora]),
        (own.languages, list(study.languages)),
    ):
        name = str(definition.name)
        present = instance.get_dynamic_partitions(name)
        for removed in set(present) - set(wanted):
            instance.delete_dynamic_partition(name, removed)
        instance.add_dynamic_partitions(name, [key for key in wanted if key not in present])
    return list(instance.get_dynamic_partitions(str(own.languages.name)))
