"""What a study names, resolved: models, corpora, languages, each with its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from dagster_project.paths import PROJECT
from dagster_project.study.schema import (
    ATLAS_ALIASES,
    DegenerateBlock,
    EditsBlock,
    FactChecksBlock,
    Study,
)
from ingestion.corpora import (
    CorpusSettings,
)
from ingestion.facts import FactSource
from ingestion.facts.sampling import SampledFacts
from ingestion.facts.wordings import WordingSource
from ingestion.imports import ImportedFile
from ingestion.lake import fingerprint
from ingestion.tracing.names import read_aliases
from models_gpu.loading.inspection import ModelCard
from models_gpu.loading.source import ResolvedModel

__all__ = [
    "ALIASES_OF_ATLAS",
    "BrokenModel",
    "ResolvedStudy",
    "StudyCorpus",
    "StudyModel",
    "alias_file",
]


ALIASES_OF_ATLAS = PROJECT / "ingestion" / "atlas_aliases.csv"
"""Not in the folder of Atlas, whose files are the fingerprint of its corpora."""


@dataclass(frozen=True)
class StudyModel:
    """A model of the study, identified."""

    resolved: ResolvedModel
    """Its weights and tokenizer, identified but not loaded."""
    source: str
    """Where it comes from, as the study file has it."""
    corpus_id: str | None
    """Corpus that it was trained on, if the study has it."""
    card: ModelCard | None
    """Its description; None if the lake already has the description of this very model."""
    languages: tuple[str, ...] | None = None
    """Languages in which it is asked; None: all of the study."""
    files: Mapping[str, ImportedFile] = field(default_factory=dict)
    """Step → file of others that it takes the model's rows from, instead of computing them."""
    objective: str | None = None
    """Objective of a model without weights; None: the weights say it."""
    made_by: str | None = None
    """Who made the files."""

    @property
    def has_weights(self) -> bool:
        """Whether there is a model to ask, or only what others wrote of it."""
        return self.objective is None

    def is_asked(self, language: str) -> bool:
        """Whether it is asked in a language of the study."""
        return self.languages is None or language in self.languages

    @property
    def id(self) -> str:
        """Name of the model in the warehouse."""
        return self.resolved.spec.model_id

    @property
    def fingerprint(self) -> str:
        """Hash of everything that its answers depend on."""
        spec = self.resolved.spec
        return fingerprint(self.resolved.fingerprint, spec.dtype, spec.mask_counts)

    @property
    def details(self) -> dict[str, str]:
        """What identifies it to a person; written into every part made with it."""
        made_of = {"source": self.source, "revision": self.resolved.revision}
        return {**made_of, "dtype": self.resolved.spec.dtype} if self.has_weights else made_of


@dataclass(frozen=True)
class BrokenModel:
    """A model of the study that cannot be identified."""

    id: str
    """Name of the model in the study."""
    source: str
    """Where it should come from, as the study file has it."""
    reason: str
    """Why it cannot be used, beginning with its name."""
    line: int | None
    """Line of its block in the study file."""


@dataclass(frozen=True)
class StudyCorpus:
    """A corpus of the study, found."""

    id: str
    """Name of the corpus in the warehouse."""
    settings: CorpusSettings
    """Where its files lie and how they are read."""
    folder: Path
    """What its relative paths are relative to."""
    fingerprints: Mapping[str, str]
    """Language → hash of its text."""
    is_atlas: bool
    """Whether it is an Atlas corpus, whose files are written before they are read."""
    file: ImportedFile | None = None
    """Counts that others made, in the place of text."""
    made_by: str | None = None
    """Who made them."""


@dataclass(frozen=True)
class ResolvedStudy:
    """A study whose inputs exist."""

    study: Study
    """The study file."""
    facts: FactSource | None
    """The facts, opened; None on workers, which read them from the lake."""
    facts_fingerprints: Mapping[str, str]
    """Language → hash of its input."""
    models: tuple[StudyModel, ...]
    """The models, in the study's order, without those that are broken."""
    broken_models: tuple[BrokenModel, ...]
    """Models that cannot be identified; only with ``keep_going``."""
    corpora: tuple[StudyCorpus, ...]
    """The corpora, in the study's order."""
    aliases_fingerprint: str | None
    """Hash of the table of aliases; None without one."""
    described_languages: pl.DataFrame
    """Rows of the lake table ``languages``."""
    knowledge_languages: tuple[str, ...]
    """Languages whose facts integrated gradients attribute. Empty in a run that is narrowed to
    other languages, because the facts are chosen by the answers in all of them."""
    signal_languages: Mapping[str, tuple[str, ...]]
    """Signal → languages in which it is measured. Empty in a run that is narrowed to other
    languages, for the same reason."""
    within: Path | None = None
    """Folder of a restricted study, with links resolved: none of its files lies elsewhere."""
    wordings: WordingSource | None = None
    """File of further templates; None without one, and on workers."""
    wordings_fingerprints: Mapping[str, str] = field(default_factory=dict)
    """Language → hash of its further templates in that file."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the study, in the order of their codes."""
        return tuple(self.facts_fingerprints)

    def aliases(self) -> pl.DataFrame | None:
        """Other names of entities in all languages; None in a study without them.

        Raises:
            NamesError: the table cannot be read any more.
        """
        found = alias_file(self.study, self.within)
        return None if found is None else read_aliases(*found)

    @property
    def whole_facts(self) -> FactSource | None:
        """The facts without the sample that the study asks for."""
        return self.facts.source if isinstance(self.facts, SampledFacts) else self.facts

    @property
    def traced_models(self) -> tuple[StudyModel, ...]:
        """Models whose training text the study has."""
        return tuple(model for model in self.models if model.corpus_id is not None)

    def edited_languages(
        self, block: EditsBlock | DegenerateBlock | FactChecksBlock | None
    ) -> tuple[str, ...]:
        """Languages in which a block's neurons are edited or checked; none where no facts are
        attributed, as in a run that is narrowed to other languages."""
        return block.languages if block is not None and self.knowledge_languages else ()

    def chunk_model(self, corpus_id: str) -> StudyModel | None:
        """The model whose tokenizer measures chunks: the first one trained on the corpus."""
        trained = (
            model
            for model in self.traced_models
            if model.corpus_id == corpus_id and model.has_weights
        )
        return next(trained, None)


def alias_file(study: Study, within: Path | None) -> tuple[Path, Path | None] | None:
    """The table of aliases, and the folder that it must lie in; None in a study without one."""
    name = study.tracing.aliases
    if name == ATLAS_ALIASES:
        return ALIASES_OF_ATLAS, None
    return None if name is None else (study.locate(name), within)
