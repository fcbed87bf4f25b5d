"""Made-up neurons of the facts that a made-up model gets right.

Of a fact's neurons some belong to the fact in all languages, some to its object, some to its
relation and the rest to nothing. What edits and degenerate pairs change is noise around plausible
means.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["NeuronTables"]

TOP = 50
"""Active neurons per fact."""
BINS = 16
ATTRIBUTED_LANGUAGES = ("en", "zh")
KEPT = 100
"""Knowledge neurons kept per fact."""
CANDIDATES, RANDOM_PAIRS = 20, 40
"""Candidates of a fact; all their pairs are tried, and random pairs too."""
_UNITS = ["layer_index", "neuron_index"]

Whole = npt.NDArray[np.int64]


class NeuronTables:
    """Pools of neurons of one model, and the tables drawn from them."""

    def __init__(
        self,
        draw: np.random.Generator,
        layers: int,
        units: int,
        relation: Whole,
        objects: Whole,
        fact_ids: list[str],
    ) -> None:
        """Draw the pools.

        Args:
            draw: where chance comes from.
            layers: layers of the model.
            units: neurons per layer.
            relation: fact → number of its relation.
            objects: fact → number of its object.
            fact_ids: fact → its identifier.
        """
        self._draw, self._layers, self._units = draw, layers, units
        self._relation, self._objects = relation, objects
        self._ids = pl.Series(fact_ids)
        self._own = self._any((len(relation), 60))
        self._of_object = self._any((int(objects.max()) + 1, 60))
        self._of_relation = self._any((int(relation.max()) + 1, 100))

    def tables(
        self, matched: Whole, language: str, attributed: int, edited: int
    ) -> Iterator[tuple[str, pl.DataFrame]]:
        """Table and rows, without model and language, of the facts right in a language."""
        yield "active_neurons", self._active(matched)
        yield "neuron_profiles", self._profiles(matched)
        if language in ATTRIBUTED_LANGUAGES:
            # The smallest numbers are the most popular facts, right in both languages.
            yield "knowledge_neurons", self._knowledge(matched[:attributed])
            yield "attribution_quality", self._quality(matched[:attributed])
            yield "interventions", self._edits(matched[:edited], language)
            yield "degenerate_pairs", self._pairs(matched[:edited])

    def _any(self, shape: tuple[int, int]) -> Whole:
        return self._draw.integers(0, self._layers * self._units, shape)

    def _some(self, pools: Whole, count: int) -> Whole:
        """``count`` of each row of pools."""
        chosen = np.argsort(self._draw.random(pools.shape, dtype=np.float32), axis=1)[:, :count]
        return np.take_along_axis(pools, chosen, axis=1)

    def _neurons(self, facts: Whole, count: int) -> Whole:
        """``count`` different neurons per fact."""
        pools = np.concatenate(
            [
                self._some(self._own[facts], 18),
                self._some(self._of_object[self._objects[facts]], 8),
                self._some(self._of_relation[self._relation[facts]], 14),
                self._any((len(facts), count)),
            ],
            axis=1,
        )
        return np.array([list(dict.fromkeys(pool))[:count] for pool in pools.tolist()])

    def _rows(self, facts: Whole, count: int, **columns: object) -> pl.DataFrame:
        """``count`` rows per fact."""
        ids = self._ids.gather(np.repeat(facts, count))
        return pl.DataFrame({"fact_id": ids, **columns})

    def _places(self, neurons: Whole, suffix: str = "") -> dict[str, npt.NDArray[np.int32]]:
        """Layer and unit of neurons."""
        pair = (neurons // self._units, neurons % self._units)
        return {
            f"{name}{suffix}": part.astype(np.int32).reshape(-1)
            for name, part in zip(_UNITS, pair, strict=True)
        }

    def _active(self, facts: Whole) -> pl.DataFrame:
        return self._rows(
            facts, TOP,
            neuron_rank=np.tile(np.arange(1, TOP + 1, dtype=np.int32), len(facts)),
            neuron_score=np.tile(np.linspace(2, 1, TOP, dtype=np.float32), len(facts)),
            **self._places(self._neurons(facts, TOP)),
        ).with_columns(method_code=pl.lit("probeless"))  # fmt: skip

    def _profiles(self, facts: Whole) -> pl.DataFrame:
        bins = self._layers * BINS
        layer = np.repeat(np.arange(self._layers, dtype=np.int32), BINS)
        # Upper layers tell facts apart.
        scores = self._draw.random(len(facts) * bins, dtype=np.float32)
        scores *= np.tile(1 + layer / self._layers, len(facts)).astype(np.float32)
        return self._rows(
            facts, bins,
            layer_index=np.tile(layer, len(facts)),
            bin_index=np.tile(np.arange(BINS, dtype=np.int32), len(facts) * self._layers),
            contiguous_score=scores,
            strided_score=scores[::-1],
        ).with_columns(method_code=pl.lit("probeless"))  # fmt: skip

    def _knowledge(self, facts: Whole) -> pl.DataFrame:
        """About a dozen of the neurons are above the threshold."""
        scores = 0.1 * np.exp(-np.arange(KEPT, dtype=np.float32) / 10)
        return self._rows(
            facts, KEPT,
            neuron_rank=np.tile(np.arange(1, KEPT + 1, dtype=np.int32), len(facts)),
            attribution_score=np.tile(scores, len(facts)),
            **self._places(self._neurons(facts, KEPT)),
        ).with_columns(mode_code=pl.lit("zero"))  # fmt: skip

    def _quality(self, facts: Whole) -> pl.DataFrame:
        count = len(facts) * self._layers
        expected = np.full(count, 0.4)
        error = self._draw.normal(0, 0.01, count)
        return self._rows(
            facts, self._layers,
            layer_index=np.tile(np.arange(self._layers, dtype=np.int32), len(facts)),
            object_token_count=np.repeat(self._objects[facts] % 4 + 1, self._layers),
            attribution_sum=expected + error,
            completeness_residual=np.abs(error),
        ).with_columns(
            mode_code=pl.lit("zero"),
            baseline_count=pl.lit(1),
            clean_probability=pl.lit(0.6),
            baseline_probability=pl.lit(0.2),
        )  # fmt: skip

    def _edits(self, facts: Whole, language: str) -> pl.DataFrame:
        """Suppressing lowers, doubling raises the fact's own answer; hardly another one's."""
        sets = (
            *((name, "all") for name in ("likn", "union", "sequence")),
            *((name, language) for name in ("own", "own_subset", "probeless")),
            *(("other", code) for code in ATTRIBUTED_LANGUAGES if code != language),
        )
        frames = []
        for (name, neuron_language), factor, is_random, query in product(
            sets, (0.0, 2.0), (False, True), ("related", "unrelated")
        ):
            if is_random and query == "unrelated":
                continue
            pull = (factor - 1) * (0.05 if is_random or query == "unrelated" else 0.6)
            asked = facts if query == "related" else np.roll(facts, 1)
            after = self._draw.normal(-1.5 + pull, 0.2, len(facts))
            frames.append(
                self._rows(
                    facts, 1,
                    queried_fact_id=self._ids.gather(asked),
                    log_prob_after=np.minimum(-0.01, after),
                ).with_columns(
                    edit_set_code=pl.lit(name),
                    neuron_language_code=pl.lit(neuron_language),
                    edit_factor=pl.lit(factor),
                    is_random=pl.lit(is_random),
                    query_code=pl.lit(query),
                    neuron_count=pl.lit(6),
                    log_prob_before=pl.lit(-1.5),
                )
            )  # fmt: skip
        return pl.concat(frames)

    def _pairs(self, facts: Whole) -> pl.DataFrame:
        """Without either neuron most of the probability is left, without both often less."""
        pairs = np.array(list(combinations(range(CANDIDATES), 2)))
        frames = []
        for is_random, chosen in ((False, pairs), (True, pairs[:RANDOM_PAIRS])):
            neurons = self._neurons(facts, CANDIDATES)
            count = len(facts) * len(chosen)
            without = -1 - np.abs(self._draw.normal(0, 0.1, (2, count)))
            interaction = np.abs(self._draw.normal(0, 0.02 if is_random else 0.15, count))
            frames.append(
                self._rows(
                    facts, len(chosen),
                    **{
                        f"neuron_rank_{side}": np.tile(chosen[:, i] + 1, len(facts))
                        for i, side in enumerate("ab")
                    },
                    **self._places(neurons[:, chosen[:, 0]], "_a"),
                    **self._places(neurons[:, chosen[:, 1]], "_b"),
                    log_prob_without_a=without[0],
                    log_prob_without_b=without[1],
                    log_prob_without_both=without.sum(axis=0) + 1 - interaction,
                ).with_columns(is_random=pl.lit(is_random), log_prob=pl.lit(-1.0))
            )  # fmt: skip
        return pl.concat(frames)
