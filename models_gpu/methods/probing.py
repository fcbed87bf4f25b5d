"""Probing: which tokens a language model predicts in the place of a fact's object.

What belongs here: groups of facts, and rows of the lake table ``predictions`` from their scores.
What does not: scores (``models_gpu.engine.scoring``), verdicts (SQL), reading or writing files,
choosing facts. Definitions: docs/method.md#probing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import torch

from models_gpu.engine.devices import device_plan
from models_gpu.engine.scoring import Scores, score_queries
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress
from models_gpu.prompting.build import build_queries
from models_gpu.prompting.causal_prompts import UNASKED
from models_gpu.prompting.queries import Queries
from models_gpu.ragged import Ints, Longs, offsets_of, ranges

__all__ = ["default_token_budget", "prediction_rows", "probe", "probe_each"]

Key = TypeVar("Key")


def probe(
    model: LoadedModel,
    facts: pl.DataFrame,
    *,
    mask_counts: str,
    token_budget: int | None = None,
    top: int = 5,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Predict the objects of facts of one language.

    The predicted tokens and their text depend neither on ``token_budget`` nor on the order of
    ``facts``. Log-probabilities vary in the last digits, and ranks below the top with them. In half
    precision near ties are not computed again: there the shape of a batch can change a prediction.

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``fact_id, relation_id, template, subject_label, object_label``, one row
            each.
        mask_counts: 'gold', as many masks as the object has tokens; 'all', every number from 1 to
            the longest object of the relation among ``facts``, for masked models only.
        token_budget: most tokens of a batch, padding included; chosen for the device when None.
        top: number of candidates per mask.
        progress: called with work done and work in all; the last call has both equal. The second
            number shrinks when it is known how many continuations a causal model needs.

    Returns:
        The columns of the lake table ``predictions`` except ``model_id`` and ``language_code``,
        sorted by fact_id, mask_count.

    Raises:
        ModelError: facts without valid queries (see ``build_queries``), a query that does not fit
            on the device alone, logits that are not numbers.
    """
    queries = build_queries(model, facts, mask_counts, leaves_out=True)
    scores = score_queries(model, queries, token_budget=token_budget, top=top, progress=progress)
    return prediction_rows(model, queries, scores)


def default_token_budget(device: torch.device) -> int:
    """Most tokens of a batch, padding included, if a study does not set it."""
    return device_plan(device).token_budget


def probe_each(
    model: LoadedModel,
    groups: Iterable[tuple[Key, pl.DataFrame]],
    *,
    mask_counts: str,
    token_budget: int | None = None,
    top: int = 5,
    progress: Callable[[Key, float, float], None] | None = None,
) -> Iterator[tuple[Key, pl.DataFrame]]:
    """Run ``probe`` for several groups of facts, such as languages, with no idle time between them.

    The next group is tokenised while the device works. On an accelerator the rows of the previous
    group are built at the same time. So a group is yielded there when the next one has been scored;
    on a CPU, which gains nothing by this, it is yielded at once.

    Args:
        model: from ``models_gpu.loading.load``.
        groups: key and facts of each group; iterated in another thread, one group at a time.
        mask_counts: as of ``probe``.
        token_budget: as of ``probe``.
        top: as of ``probe``.
        progress: called with the group's key, work done and work in all.

    Yields:
        Key and predictions of each group, in the order of ``groups``.
    """
    source = iter(groups)

    def next_group() -> tuple[Key, Queries] | None:
        group = next(source, None)
        if group is None:
            return None
        key, facts = group
        return key, build_queries(model, facts, mask_counts, leaves_out=True)

    groups_behind = device_plan(model.device).groups_behind
    building: deque[tuple[Key, Future[pl.DataFrame]]] = deque()
    with ThreadPoolExecutor(1) as tokenising, ThreadPoolExecutor(1) as row_building:
        coming = tokenising.submit(next_group)
        while (group := coming.result()) is not None:
            key, queries = group
            coming = tokenising.submit(next_group)
            report = None if progress is None else _with_key(progress, key)
            scores = score_queries(
                model, queries, token_budget=token_budget, top=top, progress=report
            )
            building.append((key, row_building.submit(prediction_rows, model, queries, scores)))
            while len(building) > groups_behind:
                done, rows = building.popleft()
                yield done, rows.result()
        for done, rows in building:
            yield done, rows.result()


def prediction_rows(model: LoadedModel, queries: Queries, scores: Scores) -> pl.DataFrame:
    """Turn scores into rows of the lake table ``predictions``, without model and language."""
    counts = queries.scored_counts[queries.row_query]
    masks = ranges(queries.scored_offsets[:-1][queries.row_query], counts)
    offsets = offsets_of(counts)
    predicted = scores.top_ids[masks, 0]
    gold_counts = np.diff(queries.gold_offsets)[queries.row_fact]
    gold = queries.gold_ids[ranges(queries.gold_offsets[:-1][queries.row_fact], gold_counts)]
    is_unwritable = _have_unknown(model, gold, gold_counts)

    row_count = len(counts)
    log_prob = np.zeros(row_count, dtype=np.float32)
    rank = np.zeros(row_count, dtype=np.int32)
    is_unscored = np.ones(row_count, dtype=bool)
    scored = scores.scored_rows
    if len(scored):
        starts = offsets_of(gold_counts[scored])[:-1]
        log_prob[scored] = np.add.reduceat(scores.gold_log_probs.astype(np.float64), starts)
        rank[scored] = np.maximum.reduceat(scores.gold_ranks, starts)
        is_unscored[scored] = False
    is_unscored |= is_unwritable
    gold = gold[~np.repeat(is_unwritable, gold_counts)]
    gold_counts = np.where(is_unwritable, 0, gold_counts)
    fact_ids = queries.fact_ids.gather(queries.row_fact)
    table = pa.table(
        {
            "fact_id": fact_ids.to_arrow(compat_level=pl.CompatLevel.oldest()),
            "mask_count": pa.array(counts.astype(np.int32)),
            "prompt_code": queries.prompt_codes.gather(queries.row_fact).to_arrow(
                compat_level=pl.CompatLevel.oldest()
            ),
            "gold_token_ids": _lists(gold, offsets_of(gold_counts)),
            "predicted_token_ids": _lists(predicted, offsets),
            "predicted_text": _texts(model.tokenizer, predicted, counts),
            "gold_log_prob": pa.array(log_prob, mask=is_unscored),
            "gold_rank": pa.array(rank, mask=is_unscored),
            "candidate_token_ids": _candidates(scores.top_ids[masks], offsets),
            "candidate_log_probs": _candidates(scores.top_log_probs[masks], offsets),
        }
    )
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return _with_unasked(model, queries, frame)


def _with_unasked(model: LoadedModel, queries: Queries, rows: pl.DataFrame) -> pl.DataFrame:
    """Add a row without an answer for every fact that the model cannot be asked."""
    facts = np.setdiff1d(np.arange(len(queries.fact_ids)), queries.row_fact)
    if not len(facts):
        return rows
    golds = [queries.gold_ids[slice(*queries.gold_offsets[[f, f + 1]])].tolist() for f in facts]
    unknown = model.unknown_token_ids
    written = [[] if unknown.intersection(gold) else gold for gold in golds]
    empty: list[list[int]] = [[] for _ in facts]
    unasked = pl.DataFrame(
        {
            "fact_id": queries.fact_ids.gather(facts),
            "mask_count": [max(len(gold), 1) for gold in golds],
            "prompt_code": [UNASKED] * len(facts),
            "gold_token_ids": written,
            "predicted_token_ids": empty,
            "predicted_text": [""] * len(facts),
            "gold_log_prob": [None] * len(facts),
            "gold_rank": [None] * len(facts),
            "candidate_token_ids": empty,
            "candidate_log_probs": empty,
        },
        schema=rows.schema,
    )
    return pl.concat([rows, unasked]).sort("fact_id", "mask_count")


def _have_unknown(model: LoadedModel, gold: Ints, counts: Longs) -> npt.NDArray[np.bool_]:
    """``[rows]`` whether the object has the unknown token, which stands for any other text too."""
    is_unknown = np.isin(gold, list(model.unknown_token_ids))
    owner = np.repeat(np.arange(len(counts)), counts)
    return np.bincount(owner[is_unknown], minlength=len(counts)) > 0


def _with_key(progress: Callable[[Key, float, float], None], key: Key) -> Progress:
    def report(done: float, total: float) -> None:
        progress(key, done, total)

    return report


def _lists(values: npt.NDArray[Any], offsets: Longs) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))


def _candidates(values: npt.NDArray[Any], offsets: Longs) -> pa.ListArray:
    """Lists (one per row) of lists (one per mask) of the values ``[masks, top]``."""
    count, width = values.shape
    inner = _lists(np.ascontiguousarray(values).reshape(-1), np.arange(count + 1) * width)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), inner)


def _texts(tokenizer: Any, token_ids: Ints, counts: Longs) -> pa.Array:
    """Decode the text of every row; each distinct sequence of ids is decoded once."""
    starts = offsets_of(counts)[:-1]
    texts = np.empty(len(counts), dtype=object)
    for count in np.unique(counts).tolist():
        rows = np.flatnonzero(counts == count)
        sequences = token_ids[starts[rows, None] + np.arange(count)]
        distinct, place = np.unique(sequences, axis=0, return_inverse=True)
        texts[rows] = np.array(_decode(tokenizer, distinct.tolist()), dtype=object)[place.ravel()]
    return pa.array(texts, type=pa.string())


def _decode(tokenizer: Any, sequences: list[list[int]]) -> list[str]:
    # Cleaning up is done in Python, sequence by sequence; without it the batch is decoded in Rust.
    if tokenizer.clean_up_tokenization_spaces:
        return [tokenizer.decode(sequence) for sequence in sequences]
    texts: list[str] = tokenizer.backend_tokenizer.decode_batch(
        sequences, skip_special_tokens=False
    )
    return texts
