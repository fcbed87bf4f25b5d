"""How well an Atlas model answers its probes: P@1 by language and by what the corpus holds.

Belongs here: the plain definition of METHOD §2 for these small models, for the model card and for
the tests of the recipe. The warehouse's figures come from the general probing code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from transformers import BertForMaskedLM, PreTrainedTokenizerFast

from models_gpu.atlas.corpus_files import Probe

__all__ = ["answer_probes", "rate_by"]

_BATCH = 256


@torch.no_grad()
def answer_probes(
    model: BertForMaskedLM, tokenizer: PreTrainedTokenizerFast, probes: Sequence[Probe]
) -> list[bool]:
    """Whether each probe is answered rightly: as many masks as the answer has tokens, each mask
    filled with the argmax over the whole vocabulary, all of them right (METHOD §2)."""
    backend = tokenizer.backend_tokenizer
    answers = [
        encoding.ids
        for encoding in backend.encode_batch([p.answer for p in probes], add_special_tokens=False)
    ]
    queries = [
        encoding.ids
        for encoding in backend.encode_batch(
            [
                probe.query.replace("[Y]", " ".join(["[MASK]"] * len(answer)))
                for probe, answer in zip(probes, answers, strict=True)
            ]
        )
    ]
    model.eval()  # type: ignore[no-untyped-call]
    right = [False] * len(probes)
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, query in enumerate(queries):
        by_length[len(query)].append(index)
    for indices in by_length.values():
        for start in range(0, len(indices), _BATCH):
            batch = indices[start : start + _BATCH]
            ids = torch.tensor([queries[index] for index in batch])
            is_mask = ids == tokenizer.mask_token_id
            hidden = model.bert(ids).last_hidden_state
            filled = model.cls(hidden[is_mask]).argmax(-1)
            predictions = torch.split(filled, is_mask.sum(1).tolist())
            for index, prediction in zip(batch, predictions, strict=True):
                right[index] = prediction.tolist() == answers[index]
    return right


def rate_by(
    probes: Sequence[Probe], right: Sequence[bool], key: Callable[[Probe], str]
) -> dict[str, tuple[int, int]]:
    """Right answers and probes per value of the key, sorted by it."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for probe, is_right in zip(probes, right, strict=True):
        counts[key(probe)][0] += is_right
        counts[key(probe)][1] += 1
    return {name: (hits, total) for name, (hits, total) in sorted(counts.items())}
