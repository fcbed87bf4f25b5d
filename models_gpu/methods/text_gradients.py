"""Text gradients: which passages of the training text pull a model as a query does?

What belongs here: the losses of queries and texts, the similarity of their gradients, BM25, and the
rows of the lake table ``text_gradients``. What does not: projecting gradients
(``models_gpu.engine.projected_gradients``), ranks and rates (SQL). Definitions:
docs/signals.md#text-gradients.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import torch

from models_gpu.engine.projected_gradients import Sample, projected_gradients
from models_gpu.lake_rows import lake_rows
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress
from models_gpu.prompting.build import FACT_COLUMNS, build_queries
from models_gpu.prompting.causal_prompts import NO_SUBJECT
from models_gpu.settings import TextGradientSettings

__all__ = ["TextVectors", "bm25", "text_gradients", "text_vectors"]

_K1, _B = 1.5, 0.75
"""Parameters of BM25, the usual ones."""


class TextVectors:
    """Normalised gradients of the texts of one language, and the tokens of the texts."""

    def __init__(
        self,
        fact_ids: Sequence[str],
        relation_ids: Sequence[str],
        vectors: torch.Tensor,
        tokens: Sequence[Sequence[int]],
    ) -> None:
        self.fact_ids = fact_ids
        """``[texts]`` fact that each text states."""
        self.relation_ids = relation_ids
        """``[texts]`` relation of that fact."""
        self.vectors = vectors
        """``[texts, numbers]`` unit vectors on the host."""
        self.tokens = tokens
        """``[texts]`` token ids without special tokens."""


def text_vectors(
    model: LoadedModel,
    texts: pl.DataFrame,
    *,
    settings: TextGradientSettings,
    progress: Progress | None = None,
) -> TextVectors:
    """Compute the projected gradient of each text's loss, with length 1.

    The loss of a text is the mean over its tokens of -log P. A causal model reads the text once. A
    masked model reads ``folds`` copies; token i is masked in copy i modulo ``folds``, and predicted
    there. A text is cut to the model's positions.

    Args:
        model: from ``models_gpu.loading.load``.
        texts: columns ``fact_id, relation_id, evidence_text``, one text per fact.
        settings: width, folds and seed.
        progress: called with work done and work in all.
    """
    texts = texts.sort("fact_id")
    samples, tokens = [], []
    for text in texts["evidence_text"]:
        encoding = model.encoder.encode(text)
        ids = encoding.ids[: model.position_count]
        special = encoding.special_tokens_mask[: model.position_count]
        samples.append(_sample_of_text(model, ids, special, settings.folds))
        tokens.append([token for token, is_special in zip(ids, special, strict=True)
                       if not is_special])  # fmt: skip
    vectors = projected_gradients(model, samples, settings, progress)
    return TextVectors(
        texts["fact_id"].to_list(), texts["relation_id"].to_list(), _unit(vectors), tokens
    )


def text_gradients(
    model: LoadedModel,
    facts: pl.DataFrame,
    texts: Mapping[str, TextVectors],
    *,
    settings: TextGradientSettings,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Compare the query of each fact with the texts of its relation, in every language.

    The loss of a query is -log P(object | query). Its gradient is projected as that of the texts.

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``FACT_COLUMNS``, the chosen facts of one language.
        texts: per language of a text, from ``text_vectors`` with the same settings.
        settings: width, folds and seed.
        progress: called with work done and work in all.

    Returns:
        Columns of the lake table ``text_gradients`` without model and language, sorted by key.
        Facts that the model cannot be asked, or is asked without their subject, have no rows.
    """
    facts = facts.select(FACT_COLUMNS).sort("fact_id")
    queries = build_queries(model, facts, "gold", leaves_out=True)
    golds, codes = np.diff(queries.gold_offsets), queries.prompt_codes.to_list()
    samples: dict[str, Sample] = {}
    for fact, query in zip(queries.row_fact.tolist(), queries.row_query.tolist(), strict=True):
        if golds[fact] == 0 or codes[fact] == NO_SUBJECT:
            continue
        samples[queries.fact_ids[fact]] = Sample(
            [queries.token_ids[slice(*queries.token_offsets[query : query + 2])].tolist()],
            [
                (0, position, gold)
                for position, gold in zip(
                    queries.scored_positions[slice(*queries.scored_offsets[query : query + 2])],
                    queries.gold_ids[slice(*queries.gold_offsets[fact : fact + 2])],
                    strict=True,
                )
            ],
            1.0,
        )
    if not samples:
        return lake_rows("text_gradients", [])
    vectors = _unit(projected_gradients(model, list(samples.values()), settings, progress))
    place = {fact: index for index, fact in enumerate(samples)}
    relations = dict(facts.select("fact_id", "relation_id").iter_rows())
    statements = _statements(model, facts)
    frames = []
    for language, own in texts.items():
        similarity = (vectors @ own.vectors.T).double().numpy()
        words = bm25([statements[fact] for fact in place], own.tokens)
        rows = [
            (fact, language, text, similarity[row, column], words[row, column])
            for fact, row in place.items()
            for column, text in enumerate(own.fact_ids)
            if own.relation_ids[column] == relations[fact]
        ]
        columns = ("fact_id", "text_language_code", "text_fact_id", "gradient_score", "bm25_score")
        frames.append(pl.DataFrame(rows, schema=list(columns), orient="row"))
    return lake_rows("text_gradients", [frame for frame in frames if len(frame)])


def bm25(
    queries: Sequence[Sequence[int]], texts: Sequence[Sequence[int]]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Compute BM25 (Robertson et al. 1994; k1 = 1.5, b = 0.75) of each query and text.

    The weight of a token in n of N texts is log(1 + (N - n + 0.5) / (n + 0.5)), never negative. A
    token counts once per query.

    Returns:
        ``[queries, texts]``.
    """
    counts = [Counter(text) for text in texts]
    mean_length = sum(map(len, texts)) / max(len(texts), 1) or 1.0
    frequency = Counter(token for count in counts for token in count)
    scores = np.zeros((len(queries), len(texts)))
    for row, query in enumerate(queries):
        for token in dict.fromkeys(query):
            found = frequency[token]
            if not found:
                continue
            weight = math.log1p((len(texts) - found + 0.5) / (found + 0.5))
            for column, count in enumerate(counts):
                times = count[token]
                if times:
                    norm = _K1 * (1 - _B + _B * len(texts[column]) / mean_length)
                    scores[row, column] += weight * times * (_K1 + 1) / (times + norm)
    return scores


def _sample_of_text(
    model: LoadedModel, ids: Sequence[int], special: Sequence[int], folds: int
) -> Sample:
    """The loss of a text: every token is predicted once."""
    if model.mask_token_id is None:
        targets = [(0, place - 1, token) for place, token in enumerate(ids) if place]
        return Sample([list(ids)], targets, 1 / max(len(targets), 1))
    ordinary = [place for place, is_special in enumerate(special) if not is_special]
    count = min(folds, len(ordinary))
    copies = [list(ids) for _ in range(count)]
    targets = []
    for number, place in enumerate(ordinary):
        copies[number % count][place] = model.mask_token_id
        targets.append((number % count, place, ids[place]))
    return Sample(copies, targets, 1 / max(len(targets), 1))


def _statements(model: LoadedModel, facts: pl.DataFrame) -> dict[str, list[int]]:
    """Token ids of each query with its object in place."""
    texts = [
        template.replace("[X]", subject).replace("[Y]", answer)
        for template, subject, answer in facts.select(
            "template", "subject_label", "object_label"
        ).iter_rows()
    ]
    encodings = model.encoder.encode_batch(texts, add_special_tokens=False)
    return dict(zip(facts["fact_id"], (encoding.ids for encoding in encodings), strict=True))


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    """Divide each vector by its length; one of zeros stays so."""
    lengths: torch.Tensor = vectors.norm(dim=1, keepdim=True)
    return vectors / lengths.clamp_min(1e-30)
