"""Continuations: what a causal model writes after a prompt, whatever the object's length.

What belongs here: the texts. What does not: generating tokens (``models_gpu.engine.decoding``),
finding names in the texts (``ingestion.facts.answers``). Definitions: docs/method.md#contained.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from models_gpu.engine.batching import core_pool
from models_gpu.engine.decoding import continue_greedily, decoding_work
from models_gpu.engine.devices import device_plan
from models_gpu.engine.scoring import NEAR_TIE
from models_gpu.loading.load import LoadedModel
from models_gpu.progress import Progress, ProgressReporter
from models_gpu.prompting.causal_prompts import tokenise_prompts

__all__ = ["continuations"]

_SCHEMA = {"fact_id": pl.String, "token_count": pl.Int32, "continuation_text": pl.String}


def continuations(
    model: LoadedModel,
    facts: pl.DataFrame,
    token_count: int,
    *,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Continue the prompt of every fact greedily; an end-of-text token does not stop it.

    Args:
        model: from ``models_gpu.loading.load``. A masked model writes nothing: no rows.
        facts: columns ``FACT_COLUMNS``, one row per fact of one language.
        token_count: tokens to generate.
        token_budget: most tokens of the prompts of a batch; chosen for the device when None.
        progress: called with work done and work in all.

    Returns:
        Columns ``fact_id, token_count, continuation_text``. A prompt that leaves too few positions,
        or has a token without an embedding, has no tokens and an empty text.

    Raises:
        ModelError: a prompt that does not fit on the device alone.
    """
    if not model.family.is_causal or facts.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    # Without an object and the space before it, which is a part of the first word of an answer.
    head = pl.col("template").str.replace(r" +\[Y\]", "[Y]")
    prompts = tokenise_prompts(model, facts.with_columns(template=head, object_label=pl.lit("")))
    starts, ends = prompts.prompt_offsets[:-1], prompts.prompt_offsets[1:]
    limit, vocabulary = model.position_count, model.view.vocabulary_size
    places: dict[bytes, int] = {}
    place_of: list[int | None] = []
    for begin, end in zip(starts, ends, strict=True):
        ids = prompts.prompt_ids[begin:end]
        fits = limit is None or len(ids) + token_count - 1 <= limit
        is_asked = fits and ids.max() < vocabulary
        place_of.append(places.setdefault(ids.tobytes(), len(places)) if is_asked else None)
    plan = device_plan(model.device)
    texts = [np.frombuffer(text, dtype=np.int32) for text in places]
    steps = np.full(len(places), token_count, dtype=np.int64)
    total = float(decoding_work(model, texts, steps).sum())
    reporter = ProgressReporter(model.device, progress, total)
    with torch.inference_mode(), core_pool(model.device) as pool:
        written = continue_greedily(
            model,
            texts,
            steps,
            top=2,
            near_tie=NEAR_TIE if model.dtype == torch.float32 else None,
            token_budget=token_budget or plan.token_budget,
            row_count=max(1, plan.logit_bytes // (4 * vocabulary)),
            advance=reporter.advance,
            pool=pool,
        )
    reporter.finish()
    tokens = written.token_ids[:, 0].cpu().numpy().reshape(-1, token_count).tolist()
    answers = model.tokenizer.batch_decode(tokens) if tokens else []
    rows = {
        "fact_id": facts["fact_id"],
        "token_count": [0 if place is None else token_count for place in place_of],
        "continuation_text": ["" if place is None else answers[place] for place in place_of],
    }
    return pl.DataFrame(rows, schema=_SCHEMA)
