"""Samples of facts: some relations, and some facts of each, the same in every language.

What does not belong here: reading facts, which the sources do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import polars as pl

from ingestion.facts.source import FactsError, FactSource, LanguageFacts
from ingestion.lake import fingerprint
from ingestion.text import did_you_mean

__all__ = ["SampledFacts"]


@dataclass(frozen=True)
class SampledFacts:
    """A source with some of the facts of another one; a ``FactSource``.

    The facts of a relation are taken in an order that the seed draws, so that a larger sample
    contains a smaller one. The order is over the facts that any language of the study has, and a
    language has those of the chosen facts that it has a label for.
    """

    source: FactSource
    """All facts."""
    study_languages: Sequence[str]
    """Languages whose facts are drawn from."""
    relations: tuple[str, ...] | None
    """Relations to keep; None keeps all."""
    count: int | None
    """Facts per relation; None keeps all."""
    seed: int
    """Seed of the order."""

    def languages(self) -> tuple[str, ...]:
        """As of the source."""
        return self.source.languages()

    def digest(self, language: str) -> str:
        """As of a source; a sample depends on the facts of all languages of the study."""
        codes = [language] if self.count is None else [language, *sorted(self.study_languages)]
        inputs = [self.source.digest(code) for code in codes]
        return fingerprint(inputs, sorted(self.relations or ()), self.count, self.seed)

    def read(self, language: str) -> LanguageFacts:
        """As of a source.

        Raises:
            FactsError: as of the source, or a relation that no language of the study has.
        """
        found = self._whole[language] if language in self._whole else self.source.read(language)
        kept = self._of_relations(found.facts)
        prompts = self._of_relations(found.prompts)
        if self.count is not None:
            kept = kept.filter(pl.col("fact_id").is_in(self._chosen.implode()))
        labels = found.fact_labels.join(kept.select("fact_id"), on="fact_id", how="semi")
        return replace(found, facts=kept, fact_labels=labels, prompts=prompts)

    @cached_property
    def _whole(self) -> dict[str, LanguageFacts]:
        """All facts of every language of the study."""
        whole = {code: self.source.read(code) for code in self.study_languages}
        known: set[str] = set()
        for found in whole.values():
            known |= {*found.facts["relation_id"], *found.prompts["relation_id"]}
        for name in self.relations or ():
            if name not in known:
                raise FactsError(
                    f"the facts have no relation '{name}'{did_you_mean(name, known)} They have "
                    f"{len(known)}: {', '.join(sorted(known))}."
                )
        return whole

    @cached_property
    def _chosen(self) -> pl.Series:
        """Ids of the chosen facts."""
        assert self.count is not None, "asked for by a sample alone"
        frames = [self._of_relations(found.facts) for found in self._whole.values()]
        facts = pl.concat(frames).select("fact_id", "relation_id").unique()
        drawn = [self._place(fact) for fact in facts["fact_id"]]
        first = facts.with_columns(drawn=pl.Series(drawn)).sort("drawn")
        return first.group_by("relation_id", maintain_order=True).head(self.count or 0)["fact_id"]

    def _place(self, fact: str) -> bytes:
        return sha256(f"{self.seed}\x1f{fact}".encode()).digest()

    def _of_relations(self, rows: pl.DataFrame) -> pl.DataFrame:
        if self.relations is None:
            return rows
        return rows.filter(pl.col("relation_id").is_in(self.relations))
