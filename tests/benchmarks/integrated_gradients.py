"""Costs of integrated gradients per fact, compared with the plain way of computing them.

Run: ``python -m tests.benchmarks.integrated_gradients [--facts 8] [--plain-facts 1] …``

Both ways take the integral of the same facts, a left Riemann sum of 20 steps from zero in every
layer, over a model of BERT-base's shape with random weights (``--vocabulary 119547`` is mBERT's;
``--family gpt2 --layers 24 --hidden 1024`` is GPT-2 medium's shape). The plain way is the published
one: one prompt at a time, for each layer one batch of all steps through the whole model, with the
head at every position and a backward pass to the layer. Ours is run with the same points, where
both must give the same attributions, and as it is by default: with few points, and more where the
completeness residual asks for them. Both residuals are printed. CPU seconds of the process are
printed next to seconds on the clock, which other work on the machine stretches.

The floating-point bound is the time that the matrix products of a run, forward and backward, as
torch's ``flop_counter`` counts them, take at this machine's sustained rate of the model's largest
product (``tests.benchmarks.probing.matmul_rate``), measured before and after the run.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from models_gpu.loading.load import LoadedModel, choose_device, wrap
from models_gpu.methods import integrated_gradients
from models_gpu.methods.integrated_gradients import Attributions, attribute
from models_gpu.methods.integration_paths import PathSettings
from models_gpu.prompting.build import build_queries
from models_gpu.prompting.queries import Queries
from tests.benchmarks.probing import matmul_rate
from tests.helpers.tiny_models import facts, tokenizer_of

PROJECT = Path(__file__).resolve().parents[2]

STEPS = 20
CITIES = ["Paris", "Berlin", "Roma", "Wien", "Bern", "Lima", "Oslo", "Riga", "Sofia", "Praha"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", type=int, default=8)
    parser.add_argument("--plain-facts", type=int, default=1, help="0: only ours")
    parser.add_argument("--family", choices=["bert", "gpt2"], default="bert")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--vocabulary", type=int, default=30_522)
    parser.add_argument("--device", default=None, help="cpu, cuda; None: the best there is")
    parser.add_argument("--threads", type=int, default=None, help="of torch on a CPU")
    return parser.parse_args()


def random_model(options: argparse.Namespace) -> LoadedModel:
    torch.manual_seed(0)
    heads = max(1, options.hidden // 64)
    if options.family == "bert":
        model: Any = transformers.BertForMaskedLM(
            transformers.BertConfig(
                vocab_size=options.vocabulary, hidden_size=options.hidden,
                num_hidden_layers=options.layers, num_attention_heads=heads,
                intermediate_size=4 * options.hidden,
            )
        )  # fmt: skip
    else:
        model = transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=options.vocabulary, n_embd=options.hidden, n_layer=options.layers,
                n_head=heads,
            )
        )  # fmt: skip
    return wrap(model, tokenizer_of(options.family), options.device or choose_device())


def questions(count: int) -> pl.DataFrame:
    """Facts of one object token each, in queries of about twelve tokens."""
    template = "[X] and [X2] was the capital of the city in [Y]"
    return facts(
        *(
            (
                f"f{i:05}", "P36", template.replace("[X2]", CITIES[i // 10 % 10]), CITIES[i % 10],
                CITIES[(i + i // 100) % 10],
            )
            for i in range(count)
        )
    )  # fmt: skip


def plain_way(model: LoadedModel, queries: Queries, row: int) -> torch.Tensor:
    """``[layers, units]`` of one fact, as published."""
    query, fact = queries.row_query[row], queries.row_fact[row]
    first, last = queries.token_offsets[[query, query + 1]]
    ids = torch.from_numpy(queries.token_ids[first:last].astype(np.int64)).to(model.device)[None]
    begin, end = queries.scored_offsets[[query, query + 1]]
    golds = queries.gold_ids[queries.gold_offsets[fact] :]
    positions = queries.scored_positions[begin:end]
    total = []
    for down in model.view.down_projections:
        scores = torch.zeros(model.view.neuron_count, device=model.device)
        for position, gold in zip(positions.tolist(), golds.tolist(), strict=False):
            kept: list[torch.Tensor] = []
            handle = down.register_forward_pre_hook(
                lambda _, inputs, kept=kept: kept.append(inputs[0])
            )
            with torch.no_grad():
                model.view.model(input_ids=ids)
            handle.remove()
            clean = kept[0][0, position]
            points = torch.arange(STEPS, device=model.device)[:, None] / STEPS * clean
            points.requires_grad_()

            def put(_: Any, inputs: Any, at: int = position, to: Any = points) -> Any:
                states = inputs[0].clone()
                states[:, at] = to
                return (states,)

            handle = down.register_forward_pre_hook(put)
            logits = model.view.model(input_ids=ids.expand(STEPS, -1)).logits
            handle.remove()
            probability = logits[:, position].softmax(-1)[:, gold]
            (gradient,) = torch.autograd.grad(probability.sum(), points)
            scores += clean * gradient.mean(0)
        total.append(scores)
    return torch.stack(total)


def timed(model: LoadedModel, run: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, seconds on the clock, CPU seconds."""
    if model.device.type == "cuda":
        torch.cuda.synchronize()
    started, busy = time.perf_counter(), time.process_time()
    result = run()
    if model.device.type == "cuda":
        torch.cuda.synchronize()
    return result, time.perf_counter() - started, time.process_time() - busy


def residual(parts: list[Attributions]) -> float:
    """Largest difference between a layer's sum of attributions and what the layer changes."""
    return max(
        float((part.scores.sum(-1) - (part.clean - part.baseline)).abs().max()) for part in parts
    )


class FlopCounter(TorchDispatchMode):
    """Counts matrix products; ``FlopCounterMode`` refuses gradients of single tensors."""

    total = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func.overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=result)
        return result


def needed_flop(model: LoadedModel, queries: Queries, settings: PathSettings) -> float:
    """Floating-point operations of the matrix products of all batches, forward and backward."""
    in_threads = integrated_gradients.core_pool
    # The counter sees the operations of its own thread alone.
    integrated_gradients.core_pool = lambda _: contextlib.nullcontext()
    try:
        with FlopCounter() as counter:
            list(attribute(model, queries, settings))
    finally:
        integrated_gradients.core_pool = in_threads
    return counter.total


def main() -> None:
    """Measure and print."""
    options = arguments()
    transformers.logging.set_verbosity_error()
    if options.threads:
        torch.set_num_threads(options.threads)
    model = random_model(options)
    table = questions(options.facts)
    queries = build_queries(model, table, "gold")
    settings = PathSettings("zero", STEPS, "left")
    list(attribute(model, build_queries(model, table.head(1), "gold"), PathSettings(steps=1)))
    flop = [needed_flop(model, queries, each) for each in (settings, PathSettings())]
    before = matmul_rate(model, options.hidden)
    parts, seconds, busy = timed(model, lambda: list(attribute(model, queries, settings)))
    chosen, own_seconds, own_busy = timed(
        model, lambda: list(attribute(model, queries, PathSettings()))
    )
    rate = (before + matmul_rate(model, options.hidden)) / 2
    print(
        f"{options.family} {options.layers} × {options.hidden}, vocabulary {options.vocabulary}, "
        f"{STEPS} steps, on {model.device} with {torch.get_num_threads()} threads; queries of "
        f"{queries.lengths.mean():.1f} tokens"
    )
    print(f"{'way':<28}{'facts':>7}{'s/fact':>10}{'CPU s/fact':>12}{'facts/s':>10}")
    count = options.facts
    print(
        f"{'ours':<28}{count:>7}{seconds / count:>10.3f}{busy / count:>12.3f}"
        f"{count / seconds:>10.2f}"
    )
    print(
        f"{'ours, by default':<28}{count:>7}{own_seconds / count:>10.3f}{own_busy / count:>12.3f}"
        f"{count / own_seconds:>10.2f}"
    )
    print(
        f"largest residual: {residual(parts):.1e} with {STEPS} steps, {residual(chosen):.1e} by "
        "default"
    )
    for way, needed, took in zip(("ours", "by default"), flop, (seconds, own_seconds), strict=True):
        print(
            f"{way}: {needed / count / 1e9:.0f} GFLOP a fact, at {rate / 1e9:.1f} GFLOP/s "
            f"{needed / rate / took:.0%} of the floating-point bound"
        )
    if model.device.type == "cuda":
        print(f"peak memory on the device: {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")
    if not options.plain_facts:
        return
    ours = {int(f): part.scores[:, i] for part in parts for i, f in enumerate(part.facts)}
    few = min(options.plain_facts, count)
    plain, plain_seconds, plain_busy = timed(
        model, lambda: [plain_way(model, queries, row) for row in range(few)]
    )
    print(
        f"{'plain: one prompt at a time':<28}{few:>7}{plain_seconds / few:>10.3f}"
        f"{plain_busy / few:>12.3f}{few / plain_seconds:>10.2f}"
    )
    worst = max(
        float((ours[int(queries.row_fact[row])] - scores).abs().max() / scores.abs().max())
        for row, scores in enumerate(plain)
    )
    print(
        f"by default: {plain_seconds / few / (own_seconds / count):.1f}× faster on the clock, "
        f"{plain_busy / few / (own_busy / count):.1f}× in CPU time"
    )
    print(
        f"ours: {plain_seconds / few / (seconds / count):.1f}× faster on the clock, "
        f"{plain_busy / few / (busy / count):.1f}× in CPU time; "
        f"largest difference of a score, as a share of the fact's largest: {worst:.1e}"
    )
    assert worst < 1e-3


if __name__ == "__main__":
    main()
