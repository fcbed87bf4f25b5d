"""Candidate scores: the log-probabilities of many objects after the same text.

What belongs here: scoring several continuations of one prompt with one key-value cache, and
scoring objects at the masks of one query. What does not: which objects are candidates, and ranks
(``models_gpu.methods.rankings``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch

from models_gpu.engine.batching import core_pool, plan_batches, run_with_oom_retry
from models_gpu.engine.devices import device_plan
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress, ProgressReporter, forward_work
from models_gpu.prompting.queries import Queries
from models_gpu.ragged import Longs, ranges

__all__ = ["Doubles", "continuation_log_probs", "masked_log_probs"]

Doubles = npt.NDArray[np.float64]
Tokens = tuple[int, ...]


def continuation_log_probs(
    model: LoadedModel,
    prompts: Sequence[Tokens],
    continuations: Sequence[Sequence[Tokens]],
    progress: Progress | None = None,
) -> list[Doubles]:
    """Score all continuations of every prompt; a prompt is read once.

    A prompt and its continuations are a batch of their own, so that a score does not depend on
    other prompts.

    Args:
        model: a causal model.
        prompts: distinct prompts, at least one token each.
        continuations: of each prompt, at least one token each.
        progress: called with work done and work in all.

    Returns:
        For each prompt the natural log-probabilities of its continuations: sums over their tokens.

    Raises:
        ModelError: a prompt that does not fit on the device with its continuations.
    """
    lengths = np.fromiter(map(len, prompts), dtype=np.int64, count=len(prompts))
    order = np.argsort(-lengths, kind="stable")
    found: list[Doubles] = [np.empty(0)] * len(prompts)
    inner = [sum(len(text) - 1 for text in own) for own in continuations]
    outer = np.array(inner, dtype=np.int64) + 1
    work = forward_work(model, lengths + outer - 1, outer)
    reporter = ProgressReporter(model.device, progress, float(work.sum()))

    @torch.inference_mode()
    def run(start: int, stop: int) -> None:
        for place in order[start:stop].tolist():
            found[place] = _after_prompt(model, prompts[place], continuations[place])
            reporter.advance(float(work[place]))

    with core_pool(model.device) as pool:
        each = [(place, place + 1) for place in range(len(prompts))]
        run_with_oom_retry(each, lengths[order], run, model.release_memory, "prompt", pool)
    reporter.finish()
    return found


def masked_log_probs(
    model: LoadedModel,
    queries: Queries,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> Doubles:
    """Score the objects of all rows of a masked model's queries.

    Args:
        model: a masked model.
        queries: from ``build_queries`` with 'gold'; many rows may share a query.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with work done and work in all.

    Returns:
        ``[rows]`` natural log-probabilities: sums over the tokens, each at its mask. An object
        without tokens has NaN.

    Raises:
        ModelError: a query that does not fit on the device alone.
    """
    counts = np.diff(queries.gold_offsets)[queries.row_fact]
    own = np.repeat(np.arange(len(counts)), counts)
    masks = ranges(queries.scored_offsets[:-1][queries.row_query], counts)
    golds = queries.gold_ids[ranges(queries.gold_offsets[:-1][queries.row_fact], counts)]
    order = np.argsort(masks, kind="stable")
    sorted_masks = masks[order]
    values = np.empty(len(masks))
    mask_query = np.repeat(np.arange(queries.count), queries.scored_counts)
    work = forward_work(model, queries.lengths, queries.scored_counts)
    reporter = ProgressReporter(model.device, progress, float(work.sum()))

    @torch.inference_mode()
    def run(start: int, stop: int) -> None:
        begin, end = queries.token_offsets[[start, stop]]
        length = int(queries.lengths[start])
        tokens = torch.from_numpy(queries.token_ids[begin:end].astype(np.int64)).view(-1, length)
        low, high = queries.scored_offsets[[start, stop]]
        places = (mask_query[low:high] - start) * length + queries.scored_positions[low:high]
        hidden = model.view.encode_at(
            tokens.to(model.device), None, torch.from_numpy(places).to(model.device)
        )
        first, last = np.searchsorted(sorted_masks, [low, high])
        mine = order[first:last]
        values[mine] = _picked(model, hidden, masks[mine] - low, golds[mine].astype(np.int64))
        reporter.advance(float(work[start:stop].sum()))

    budget = token_budget or device_plan(model.device).token_budget
    with core_pool(model.device) as pool:
        batches = plan_batches(queries.lengths, budget, 0.0)
        run_with_oom_retry(batches, queries.lengths, run, model.release_memory, "query", pool)
    reporter.finish()
    sums = np.bincount(own, weights=values, minlength=len(counts))
    return np.where(counts > 0, sums, np.nan)


def _after_prompt(model: LoadedModel, prompt: Tokens, continuations: Sequence[Tokens]) -> Doubles:
    """Score the continuations of one prompt.

    Every distinct beginning of a continuation is a *context*, in which a next token is scored. The
    empty context is the prompt itself. The others lie in few *rows*: the beginnings that are no
    beginning of another one.
    """
    view, device = model.view, model.device
    rows = _longest({text[:-1] for text in continuations if len(text) > 1})
    hidden, cache = view.encode_with_cache(torch.tensor([prompt], device=device))
    states = [hidden[0, -1:]]
    place_of: dict[Tokens, int] = {(): 0}
    if rows:
        longest = max(map(len, rows))
        tokens = np.zeros((len(rows), longest), dtype=np.int64)
        picked: list[int] = []
        for row, text in enumerate(rows):
            tokens[row, : len(text)] = text
            for count in range(1, len(text) + 1):
                if text[:count] not in place_of:
                    place_of[text[:count]] = len(place_of)
                    picked.append(row * longest + count - 1)
        cache.batch_select_indices(torch.zeros(len(rows), dtype=torch.int64, device=device))
        hidden, _ = view.encode_with_cache(torch.from_numpy(tokens).to(device), cache)
        states.append(hidden.flatten(0, 1)[torch.tensor(picked, device=device)])
    pairs = [(place_of[text[:at]], text[at]) for text in continuations for at in range(len(text))]
    contexts, nexts = np.array(pairs, dtype=np.int64).T
    scores = _picked(model, torch.cat(states), contexts, nexts)
    owner = np.repeat(np.arange(len(continuations)), [len(text) for text in continuations])
    return np.bincount(owner, weights=scores).astype(np.float64, copy=False)


def _longest(texts: set[Tokens]) -> list[Tokens]:
    """The texts that are not the beginning of another one."""
    ordered = sorted(texts)
    kept = [text for text, after in pairwise(ordered) if after[: len(text)] != text]
    return [*kept, *ordered[-1:]]


def _picked(model: LoadedModel, hidden: torch.Tensor, rows: Longs, tokens: Longs) -> Doubles:
    """Log-probabilities of some tokens, each after the hidden state of its row."""
    vocabulary = model.view.vocabulary_size
    at_once = max(1, device_plan(model.device).logit_bytes // (4 * vocabulary))
    order = np.argsort(rows, kind="stable")
    found = np.empty(len(rows))
    buffer = torch.empty(
        (min(at_once, len(hidden)), vocabulary), dtype=model.dtype, device=model.device
    )
    for low in range(0, len(hidden), at_once):
        block = hidden[low : low + at_once]
        logits = model.view.compute_logits(block, out=buffer[: len(block)]).float()
        first, last = np.searchsorted(rows[order], [low, low + len(block)])
        mine = order[first:last]
        place = torch.from_numpy(rows[mine] - low).to(model.device)
        token = torch.from_numpy(tokens[mine]).to(model.device)
        found[mine] = (logits[place, token] - logits.logsumexp(-1)[place]).cpu().numpy()
    return found
