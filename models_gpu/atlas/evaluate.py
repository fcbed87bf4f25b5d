"""How well an Atlas model answers its probes: P@1 by language and by what the corpus holds.

Belongs here: the plain definition of docs/method.md#probing for these small models, for the model
card and for the tests of the recipe. The warehouse's figures come from the general probing code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models_gpu.atlas.corpus_files import Probe

__all__ = ["Answer", "answer_in_full", "answer_probes", "rate_by"]

_BATCH = 256


@dataclass(frozen=True)
class _Question:
    """One probe as a model reads it."""

    token_ids: list[int]
    """What the model reads."""
    places: list[int]
    """Positions whose outputs answer."""
    answer: list[int]
    """What is right there."""


@dataclass(frozen=True)
class Answer:
    """What a model makes of one probe."""

    is_right: bool
    """Whether every token of the answer is the most probable one of the whole vocabulary."""
    log_prob: float
    """Natural log-probability of the answer, summed over its tokens."""
    rank: int
    """Worst rank of its tokens, from 1."""


def answer_probes(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, probes: Sequence[Probe]
) -> list[bool]:
    """Whether each probe is answered rightly; see ``answer_in_full``."""
    return [answer.is_right for answer in answer_in_full(model, tokenizer, probes)]


@torch.no_grad()
def answer_in_full(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, probes: Sequence[Probe]
) -> list[Answer]:
    """Answer each probe (docs/method.md#probing).

    A masked model gets as many masks as the answer has tokens, each filled with the argmax over the
    whole vocabulary. A causal model gets the text before the answer and says as many tokens; it
    says the right ones exactly when each is its argmax after the right ones before it.
    """
    is_masked = hasattr(model, "cls")
    questions = [
        (_masked if is_masked else _causal)(tokenizer.backend_tokenizer, probe) for probe in probes
    ]
    network: Any = model.base_model
    head: Callable[[Tensor], Tensor] = getattr(model, "cls" if is_masked else "lm_head")
    model.eval()
    answers: dict[int, Answer] = {}
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, question in enumerate(questions):
        by_length[len(question.token_ids)].append(index)
    for indices in by_length.values():
        for start in range(0, len(indices), _BATCH):
            chosen = indices[start : start + _BATCH]
            batch = [questions[index] for index in chosen]
            ids = torch.tensor([q.token_ids for q in batch], device=model.device)
            hidden = network(ids).last_hidden_state
            asked = torch.cat([states[q.places] for q, states in zip(batch, hidden, strict=True)])
            counts = [len(q.places) for q in batch]
            golds = torch.tensor([token for q in batch for token in q.answer])
            scored = _scored(head(asked).cpu(), golds, counts)
            answers.update(zip(chosen, scored, strict=True))
    return [answers[index] for index in range(len(probes))]


def _scored(logits: Tensor, golds: Tensor, counts: list[int]) -> list[Answer]:
    """One answer per question, from the logits of its tokens, (tokens, vocabulary)."""
    gold_logits = logits.gather(1, golds[:, None])
    is_said = (logits.argmax(-1) == golds).tolist()
    log_probs = (gold_logits[:, 0] - logits.logsumexp(-1)).tolist()
    ranks = ((logits > gold_logits).sum(1) + 1).tolist()
    ends = list(accumulate(counts))
    return [
        Answer(all(is_said[start:end]), sum(log_probs[start:end]), max(ranks[start:end]))
        for start, end in zip([0, *ends], ends, strict=False)
    ]


def _masked(tokenizer: Tokenizer, probe: Probe) -> _Question:
    answer = tokenizer.encode(probe.answer, add_special_tokens=False).ids
    ids = tokenizer.encode(probe.query.replace("[Y]", " ".join(["[MASK]"] * len(answer)))).ids
    mask = tokenizer.token_to_id("[MASK]")
    return _Question(ids, [place for place, token in enumerate(ids) if token == mask], answer)


def _causal(tokenizer: Tokenizer, probe: Probe) -> _Question:
    # Names are whole pieces in this vocabulary, so that text and answer can be cut apart.
    before = tokenizer.encode(probe.query.partition("[Y]")[0]).ids[:-1]
    answer = tokenizer.encode(probe.answer, add_special_tokens=False).ids
    places = list(range(len(before) - 1, len(before) + len(answer) - 1))
    return _Question(before + answer[:-1], places, answer)


def rate_by(
    probes: Sequence[Probe], right: Sequence[bool], key: Callable[[Probe], str]
) -> dict[str, tuple[int, int]]:
    """Right answers and probes per value of the key, sorted by it."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for probe, is_right in zip(probes, right, strict=True):
        counts[key(probe)][0] += is_right
        counts[key(probe)][1] += 1
    return {name: (hits, total) for name, (hits, total) in sorted(counts.items())}
