"""Greedy answers: what a causal model itself generates in place of the object.

What belongs here: finding where a teacher-forced pass is not the model's own answer, and putting
the model's own tokens there. What does not: generating (``models_gpu.engine.decoding``).

A causal model reads the gold tokens of an object in one pass (teacher forcing). At each position
the pass gives the most probable token after the *gold* tokens before it. The model's own answer is
the most probable token after its *own* tokens before it. Both are the same up to and including the
first wrong token: until there the model's own tokens are the gold ones. Only positions after it
must be generated token by token, so a right answer costs nothing, and neither does a wrong last
token.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import torch

from models_gpu.engine.decoding import continue_greedily, decoding_work
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress, ProgressReporter, forward_work
from models_gpu.prompting.queries import Queries
from models_gpu.ragged import Ints, Longs, ranges

__all__ = ["answer_greedily", "most_work"]


@dataclass(frozen=True)
class _Unfinished:
    """Queries with a wrong token before their last one; arrays ``[queries]`` of this kind."""

    texts: list[bytes]
    """Token ids (int32) up to and including the first wrong token."""
    first_mask: Longs
    """The mask after the first wrong token: the first one that must be generated."""
    mask_counts: Longs
    """How many masks must be generated, at least one."""


def answer_greedily(
    model: LoadedModel,
    queries: Queries,
    top_ids: torch.Tensor,
    top_log_probs: torch.Tensor,
    *,
    near_tie: float | None,
    token_budget: int,
    row_count: int,
    progress: Progress | None,
    pool: Executor | None,
) -> int:
    """Replace teacher-forced predictions after a first wrong token by the model's own, in place.

    Args:
        model: a causal model.
        queries: its queries.
        top_ids: ``[masks, top]`` int32, teacher-forced predictions, best first.
        top_log_probs: ``[masks, top]`` float32, their log-probabilities.
        near_tie: as of ``continue_greedily``, as for the other arguments.
        token_budget: as of ``continue_greedily``.
        row_count: as of ``continue_greedily``.
        progress: called with work done and work in all, that of the teacher-forced pass included.
        pool: as of ``continue_greedily``.

    Returns:
        Continuations with a near tie, which were generated again, alone.

    Raises:
        ModelError: a text that does not fit on the device alone.
    """
    unfinished = _unfinished(queries, top_ids[:, 0].cpu().numpy())
    # Facts with one prompt and several objects can continue from the same tokens. Each such text is
    # generated once, with as many tokens as the longest of its objects needs.
    steps: dict[bytes, int] = {}
    for text, needed in zip(unfinished.texts, unfinished.mask_counts.tolist(), strict=True):
        steps[text] = max(needed, steps.get(text, 0))
    texts = [np.frombuffer(text, dtype=np.int32) for text in steps]
    counts = np.fromiter(steps.values(), dtype=np.int64, count=len(steps))
    done = forward_work(model, len(queries.token_ids), int(queries.scored_offsets[-1]))
    total = done + float(decoding_work(model, texts, counts).sum())
    reporter = ProgressReporter(model.device, progress, total, done)
    answers = continue_greedily(
        model,
        texts,
        counts,
        top=top_ids.shape[1],
        near_tie=near_tie,
        token_budget=token_budget,
        row_count=row_count,
        advance=reporter.advance,
        pool=pool,
    )
    reporter.finish()
    place = {text: number for number, text in enumerate(steps)}
    text_of_query = np.array([place[text] for text in unfinished.texts], dtype=np.int64)
    starts = answers.offsets[text_of_query]
    target = torch.from_numpy(ranges(unfinished.first_mask, unfinished.mask_counts))
    source = torch.from_numpy(ranges(starts, unfinished.mask_counts)).to(model.device)
    top_ids[target.to(model.device)] = answers.token_ids[source]
    top_log_probs[target.to(model.device)] = answers.log_probs[source]
    return answers.recomputed_count


def most_work(model: LoadedModel, queries: Queries) -> float:
    """Count the work if every object's first token is wrong, as most are: nobody knows before."""
    later = queries.scored_counts - 1
    work = forward_work(model, queries.lengths + later - 1, later)
    return float(work[later > 0].sum())


def _unfinished(queries: Queries, predicted: Ints) -> _Unfinished:
    """Find the first wrong token of every query, and what remains to be generated after it.

    Args:
        queries: of a causal model.
        predicted: ``[masks]`` the most probable token at each mask.
    """
    query_of_mask = np.repeat(np.arange(queries.count), queries.scored_counts)
    is_last = np.zeros(len(query_of_mask), dtype=bool)
    is_last[queries.scored_offsets[1:] - 1] = True
    inner = np.flatnonzero(~is_last)
    # The gold token of an inner mask is the next token of the query; the last one is not in it.
    places = queries.token_offsets[query_of_mask[inner]] + queries.scored_positions[inner]
    wrong = inner[predicted[inner] != queries.token_ids[places + 1]]
    _, first = np.unique(query_of_mask[wrong], return_index=True)
    first_wrong = wrong[first]
    texts: list[bytes] = []
    for mask in first_wrong.tolist():
        begin = queries.token_offsets[query_of_mask[mask]]
        read = queries.token_ids[begin : begin + queries.scored_positions[mask] + 1]
        texts.append(read.tobytes() + predicted[mask].tobytes())
    first_mask = first_wrong + 1
    ends = queries.scored_offsets[query_of_mask[first_wrong] + 1]
    return _Unfinished(texts, first_mask, ends - first_mask)
