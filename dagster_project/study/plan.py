"""What a study needs in its lake, part by part, and what of it is there.

A part is identified by the fingerprint of everything it is computed from: input digests, model
weights, tokenizer, settings that change rows, and the version of the code. A part on disk with the
same fingerprint is done; with another it is stale; both are found from its footer alone. This is
the only place that decides what has to be computed: the command line, the assets and ``status``
ask here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.lake import LakeError, fingerprint, part_path, read_provenance, verify_part
from ingestion.tracing import TRACING_VERSION

if TYPE_CHECKING:
    from dagster_project.study.resolve import ResolvedStudy, StudyCorpus, StudyModel

__all__ = ["CODE_VERSIONS", "Part", "Plan", "State", "unfinished"]

LOG = logging.getLogger("factroots")

CODE_VERSIONS = {
    "facts": "1",
    "atlas_truth": "1",
    "models": "1",
    "predictions": "2",
    "probeless": "2",
    "integrated_gradients": "2",
    "interventions": "2",
    "degenerate_pairs": "2",
    "degenerate_sets": "2",
    "fact_checks": "2",
    "tracing": TRACING_VERSION,
    "label_tokens": "2",
}
"""Version of the code behind each asset; raise it when the rows that it computes change."""


class State(StrEnum):
    """What is on disk, measured against what the study asks for."""

    DONE = "done"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True)
class Part:
    """One Parquet part that the study needs."""

    table: str
    """Lake table."""
    partition: Mapping[str, str]
    """Partition column → value."""
    fingerprint: str
    """Digest of what it is computed from."""
    code_version: str
    """Version of the code that computes it."""
    details: Mapping[str, str] = field(default_factory=dict)
    """What identifies its inputs to a person: revision, dtype, tokenizer hash."""

    @property
    def label(self) -> str:
        """Name for people: ``predictions mbert/en``."""
        return " ".join([self.table, "/".join(self.partition.values())]).strip()

    def path(self, lake: Path) -> Path:
        """Its place in the lake."""
        return part_path(lake, self.table, self.partition)

    def state(self, lake: Path) -> State:
        """Whether it is there and still what the study asks for (footer only)."""
        path = self.path(lake)
        made_by = read_provenance(path)
        if made_by is None:
            return State.STALE if path.exists() else State.MISSING
        return State.DONE if made_by.fingerprint == self.fingerprint else State.STALE

    def damage(self, lake: Path) -> str | None:
        """What is wrong with its bytes; None if they are as they were written."""
        try:
            verify_part(self.path(lake))
        except LakeError as error:
            return str(error)
        return None


@dataclass(frozen=True)
class Plan:
    """All parts of one study."""

    study: ResolvedStudy
    """The study, with its inputs identified."""

    def facts(self) -> list[Part]:
        """Parts that ingestion writes in one go: the dimension tables, then one set a language."""
        whole = [self.ingested(table) for table in ("languages", "relations", "facts")]
        return whole + [
            self.ingested(table, language)
            for language in self.study.languages
            for table in ("fact_labels", "prompts", "rejected_rows")
        ]

    def ingested(self, table: str, language: str | None = None) -> Part:
        """One of ``facts``: a dimension table, or a table of one language."""
        version = CODE_VERSIONS["facts"]
        if language is not None:
            return Part(table, {"language_code": language}, self._facts_version(language), version)
        whole = fingerprint(version, self.study.facts_identity, self.study.facts_digests)
        return Part(table, {}, whole, version)

    def atlas_truth(self) -> list[Part]:
        """One part per Atlas corpus of the study."""
        version = CODE_VERSIONS["atlas_truth"]
        return [
            Part(
                "atlas_truth",
                {"corpus_id": corpus.id},
                fingerprint(version, corpus.id, list(corpus.digests.values())[:1]),
                version,
            )
            for corpus in self.study.corpora
            if corpus.is_atlas
        ]

    def tracing(self, corpus: StudyCorpus, language: str) -> tuple[Part, Part]:
        """What one pass over a corpus in one language finds: occurrences and sizes."""
        version = CODE_VERSIONS["tracing"]
        counter = self.study.chunk_model(corpus.id)
        identity = fingerprint(
            version,
            corpus.digests[language],
            self._facts_version(language),
            self.study.aliases_digest,
            self.study.tracing_identity,
            counter.resolved.tokenizer_fingerprint if counter else None,
        )
        partition = {"corpus_id": corpus.id, "language_code": language}
        return (
            Part("occurrences", partition, identity, version),
            Part("corpus_sizes", partition, identity, version),
        )

    def label_tokens(self, model: StudyModel, language: str) -> Part:
        """Names as a model's tokenizer cuts them, for models whose training text is traced."""
        version = CODE_VERSIONS["label_tokens"]
        tokenizer = model.resolved.tokenizer_fingerprint
        identity = fingerprint(version, self._facts_version(language), tokenizer)
        partition = {"model_id": model.id, "language_code": language}
        # Not the revision: other weights with the same tokenizer leave the pieces as they are.
        return Part("label_tokens", partition, identity, version, {"source": model.source})

    def models(self) -> Part:
        """The rows that describe the models; one part, so that it lists the study's alone."""
        version = CODE_VERSIONS["models"]
        identities = {model.id: model.identity for model in self.study.models}
        sources = [(model.source, model.corpus_id) for model in self.study.models]
        return Part("models", {}, fingerprint(version, identities, sources), version, identities)

    def predictions(self, model: StudyModel, language: str) -> Part:
        """What a model answers in one language."""
        version = CODE_VERSIONS["predictions"]
        facts = self._facts_version(language)
        return Part(
            "predictions",
            {"model_id": model.id, "language_code": language},
            fingerprint(version, facts, model.identity),
            version,
            {**model.details, "facts_version": facts},
        )

    def probeless(self, model: StudyModel, language: str) -> tuple[Part, ...]:
        """Neurons of the facts that a model gets right in one language; none unless asked for."""
        block = self.study.study.attribution.probeless
        if block is None:
            return ()
        version = CODE_VERSIONS["probeless"]
        settings = (block.top, sorted(block.variants), block.bins, block.forced)
        answers = self.predictions(model, language)
        identity = fingerprint(version, answers.fingerprint, settings)
        return tuple(
            Part(table, answers.partition, identity, version, answers.details)
            for table in ("active_neurons", "neuron_profiles", "unscored_facts")
        )

    def integrated_gradients(self, model: StudyModel, language: str) -> tuple[Part, ...]:
        """What drives the chosen facts in one language; none where it is not asked for.

        Which facts are chosen depends on what is right in all of these languages.
        """
        block = self.study.study.attribution.integrated_gradients
        languages = self.study.knowledge_languages
        if block is None or language not in languages:
            return ()
        version = CODE_VERSIONS["integrated_gradients"]
        settings = (
            block.mode, block.steps, block.quadrature, block.facts, block.top, block.forced
        )  # fmt: skip
        answers = {code: self.predictions(model, code).fingerprint for code in languages}
        own = self.predictions(model, language)
        details = {"steps": str(block.steps), "quadrature": block.quadrature}
        return tuple(
            Part(
                table,
                own.partition,
                fingerprint(version, answers, settings),
                version,
                {**own.details, **details},
            )
            for table in ("knowledge_neurons", "attribution_quality")
        )

    def interventions(self, model: StudyModel, language: str) -> tuple[Part, ...]:
        """What edits change in one language; none where they are not asked for.

        Facts and sets of neurons depend on the neurons of all languages of the edits.
        """
        block = self.study.study.attribution.edits
        languages = self.study.edited_languages(block)
        if block is None or language not in languages:
            return ()
        return (self._edited("interventions", model, language, languages, asdict(block)),)

    def degenerate_pairs(self, model: StudyModel, language: str) -> tuple[Part, ...]:
        """Pairs of neurons suppressed in one language; none where they are not asked for."""
        block = self.study.study.attribution.degenerate
        if block is None or language not in self.study.edited_languages(block):
            return ()
        settings = _settings(block, "languages", "largest_set")
        return (self._edited("degenerate_pairs", model, language, (language,), settings),)

    def degenerate_sets(self, model: StudyModel, language: str) -> tuple[Part, ...]:
        """Larger sets of neurons suppressed in one language; none where pairs are all."""
        block = self.study.study.attribution.degenerate
        languages = self.study.edited_languages(block)
        if block is None or block.largest_set == 2 or language not in languages:
            return ()
        settings = _settings(block, "languages", "random_pairs")
        return (self._edited("degenerate_sets", model, language, (language,), settings),)

    def fact_checks(self, model: StudyModel, language: str) -> tuple[Part, ...]:
        """Right and wrong objects scored in one language; none where that is not asked for.

        Neurons are learnt anew from facts of the training part, with the study's integral.
        """
        block = self.study.study.attribution.fact_checks
        path = self.study.study.attribution.integrated_gradients
        if block is None or path is None or language not in self.study.edited_languages(block):
            return ()
        version = CODE_VERSIONS["fact_checks"]
        settings = _settings(block, "languages")
        integral = (path.mode, path.steps, path.quadrature, path.forced)
        answers = self.predictions(model, language)
        # What is true of a subject in any language makes no wrong object in this one.
        facts = self.ingested("facts").fingerprint
        identity = fingerprint(version, answers.fingerprint, facts, settings, integral)
        integral_of = {"mode": path.mode, "steps": str(path.steps), "quadrature": path.quadrature}
        details = {**answers.details, **integral_of}
        return (Part("fact_checks", answers.partition, identity, version, details),)

    def _edited(
        self,
        table: str,
        model: StudyModel,
        language: str,
        languages: Iterable[str],
        settings: Mapping[str, object],
    ) -> Part:
        """A part that is computed from the neurons of some languages."""
        version = CODE_VERSIONS[table]
        neurons = [
            part.fingerprint
            for code in languages
            for part in (*self.integrated_gradients(model, code), *self.probeless(model, code))
        ]
        own = self.predictions(model, language)
        identity = fingerprint(version, neurons, settings)
        return Part(table, own.partition, identity, version, own.details)

    def _facts_version(self, language: str) -> str:
        """Digest of what a language's facts, labels and prompts are made from."""
        digest = self.study.facts_digests[language]
        return fingerprint(CODE_VERSIONS["facts"], self.study.facts_identity, digest)

    def parts(self) -> Iterator[Part]:
        """Every part of the study, in the order in which data flows."""
        yield from self.facts()
        yield from self.atlas_truth()
        yield self.models()
        for model in self.study.models:
            for language in self.study.languages:
                yield self.predictions(model, language)
                yield from self.probeless(model, language)
                yield from self.integrated_gradients(model, language)
                yield from self.interventions(model, language)
                yield from self.degenerate_pairs(model, language)
                yield from self.degenerate_sets(model, language)
                yield from self.fact_checks(model, language)
        for corpus in self.study.corpora:
            for language in corpus.digests:
                yield from self.tracing(corpus, language)
        for model in self.study.traced_models:
            for language in self.study.languages:
                yield self.label_tokens(model, language)

    def fingerprint(self) -> str:
        """Digest over all parts: equal for two lakes that build the same warehouse."""
        return fingerprint(sorted((part.label, part.fingerprint) for part in self.parts()))


def _settings(block: Any, *left_out: str) -> dict[str, object]:
    """What a block of the study sets, without what does not change the rows of a part."""
    return {name: value for name, value in asdict(block).items() if name not in left_out}


def unfinished(parts: Iterable[Part], lake: Path) -> list[Part]:
    """Parts that have to be computed: missing, stale, or damaged on disk; the latter are named."""
    found = []
    for part in parts:
        if part.state(lake) is not State.DONE:
            found.append(part)
        elif (damage := part.damage(lake)) is not None:
            LOG.warning("%s: %s", part.label, damage)
            found.append(part)
    return found
