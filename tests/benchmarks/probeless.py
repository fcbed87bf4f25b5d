"""Costs of PROBELESS per fact, compared with the plain way of computing it.

Run: ``python -m tests.benchmarks.probeless [--facts 300] [--language en] [--device cuda] …``

Both ways score the same facts of the same model, a BERT of mBERT's real shape with random weights
over mLAMA's real queries where ``--mlama`` and ``--tokenizer`` point at them, else over Atlas. All
of these facts are taken as matched, the largest relations first. The plain way is the published
one: every fact's activations, with all tokens of the query, are written to a file each, and read
again for a double loop over the facts of a relation. Ours runs from the facts to Parquet on disk.
Both must give the same top scores. ``--only-ours`` leaves the plain way out, for whole languages;
``--language all`` runs every language. ``--group 5000`` scores one made-up relation of that size.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch
import transformers

from models_gpu.engine.activations import activation_hooks
from models_gpu.loading.load import LoadedModel, choose_device, wrap
from models_gpu.methods.probeless import NeuronTables, ProbelessSettings, group_scores, probeless
from models_gpu.prompting.build import build_queries
from tests.benchmarks.probing import VOCABULARY_SIZE, read_facts, read_tokenizer

PROJECT = Path(__file__).resolve().parents[2]

REAL_DATA = Path(os.environ.get("FACTROOTS_REAL_DATA", PROJECT.parent / "shared" / "data"))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", type=int, default=300, help="per language; 0: every fact")
    parser.add_argument("--per-relation", type=int, default=100, help="most facts of a relation")
    parser.add_argument("--language", default="en", dest="languages", help="codes, or 'all'")
    parser.add_argument("--device", default=None, help="cpu, cuda; None: the best there is")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=768)
    parser.add_argument("--threads", type=int, default=None, help="of torch on a CPU")
    parser.add_argument("--normalised", action="store_true")
    parser.add_argument("--only-ours", action="store_true")
    parser.add_argument("--group", type=int, default=None, help="score one made-up relation only")
    parser.add_argument("--mlama", type=Path, default=REAL_DATA / "mlama1.1.zip")
    parser.add_argument(
        "--tokenizer", type=Path,
        default=REAL_DATA / "tokenizers" / "bert-base-multilingual-cased",
    )  # fmt: skip
    parser.set_defaults(queries=0)
    return parser.parse_args()


def chosen_facts(table: pl.DataFrame, options: argparse.Namespace) -> pl.DataFrame:
    """The first facts of each relation, relations with most facts first."""
    ranked = table.with_columns(
        size=pl.len().over("relation_id"), place=pl.int_range(pl.len()).over("relation_id")
    ).filter(pl.col("place") < options.per_relation)
    ranked = ranked.sort("size", "relation_id", "place", descending=[True, False, False])
    return ranked.head(options.facts or table.height).select(table.columns)


def plain_way(
    model: LoadedModel, facts: pl.DataFrame, settings: ProbelessSettings, folder: Path
) -> tuple[dict[str, np.ndarray], int]:
    """Best scores per fact, and bytes written: one pickle per fact, then the double loop."""
    written = 0
    for fact in facts.iter_rows(named=True):
        queries = build_queries(model, pl.DataFrame([fact]), "gold")
        layers: list[np.ndarray] = []
        token_ids = torch.from_numpy(queries.token_ids.astype(np.int64))[None].to(model.device)
        with (
            torch.inference_mode(),
            activation_hooks(
                model.view, "ffn", lambda _, x, keep=layers: keep.append(x.cpu().numpy())
            ),
        ):
            model.view.encode(token_ids, None)
        path = folder / f"{fact['fact_id']}.pickle"
        with path.open("wb") as file:
            pickle.dump((np.concatenate(layers), queries.scored_positions), file)
        written += path.stat().st_size
    best: dict[str, np.ndarray] = {}
    for group in facts.partition_by("relation_id"):
        if group.height < 2:
            continue
        vectors = []
        for fact_id in group["fact_id"]:
            with (folder / f"{fact_id}.pickle").open("rb") as file:
                states, masks = pickle.load(file)
            vectors.append(states[:, masks].mean(1).reshape(-1))
        x = np.stack(vectors).astype(np.float64)
        if settings.is_normalised:
            spread = x.std(0)
            x = np.divide(x, spread, out=np.zeros_like(x), where=spread > 0)
        for place, fact_id in enumerate(group["fact_id"]):
            score = np.zeros(x.shape[1])
            for other in range(len(x)):
                score += np.abs(x[place] - x[other])
            score /= len(x) - 1
            best[fact_id] = np.sort(score)[::-1][: settings.top]
    return best, written


def ours(
    model: LoadedModel, facts: pl.DataFrame, settings: ProbelessSettings, folder: Path
) -> tuple[NeuronTables, int]:
    """Tables, and bytes written as Parquet."""
    tables = probeless(model, facts, facts["fact_id"], settings=[settings])
    written = 0
    for name, table in vars(tables).items():
        path = folder / f"{name}.parquet"
        table.write_parquet(path, compression="zstd")
        written += path.stat().st_size
    return tables, written


def peak_bytes() -> int:
    """Most memory of this process since ``forget_peak`` (outside Linux: since its start)."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [x for x in status.read_text().splitlines() if x.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def measure_group(count: int, options: argparse.Namespace) -> None:
    """One relation of ``count`` facts, its activations drawn at random: scoring alone."""
    device = torch.device(options.device or choose_device())
    activations = torch.empty(options.layers, count, 4 * options.hidden, device=device)
    activations.normal_(generator=torch.Generator(device).manual_seed(0))
    settings = ProbelessSettings(is_normalised=options.normalised)
    group_scores(activations[:, :64], np.arange(64), settings)
    forget_peak()
    before = peak_bytes()
    started = time.perf_counter()
    group_scores(activations, np.arange(count), settings)
    seconds = time.perf_counter() - started
    held = activations.numel() * 4
    print(
        f"{count} facts × {options.layers * 4 * options.hidden} neurons on {device}: "
        f"{seconds:.1f} s, "
        f"{1e3 * seconds / count:.2f} ms/fact; activations {held / 2**30:.2f} GiB, "
        f"scoring {(peak_bytes() - before) / 2**30:.2f} GiB on top; "
        f"the process at its peak {peak_bytes() / 2**30:.2f} GiB"
    )
    if device.type == "cuda":
        print(f"peak memory on the device: {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")


def main() -> None:
    """Measure and print."""
    options = arguments()
    transformers.logging.set_verbosity_error()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.group:
        measure_group(options.group, options)
        return
    tables = read_facts(options)
    tokenizer = read_tokenizer(options, tables)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=VOCABULARY_SIZE, num_hidden_layers=options.layers, hidden_size=options.hidden,
        intermediate_size=4 * options.hidden, num_attention_heads=max(1, options.hidden // 64),
    )  # fmt: skip
    model = wrap(transformers.BertForMaskedLM(config), tokenizer, options.device or choose_device())
    settings = ProbelessSettings(is_normalised=options.normalised)
    chosen = {language: chosen_facts(table, options) for language, table in tables.items()}
    count = sum(facts.height for facts in chosen.values())
    probeless(model, next(iter(chosen.values())).head(8), [], settings=[settings])
    forget_peak()
    before = peak_bytes()
    print(
        f"BERT {options.layers} × {options.hidden} on {model.device}, "
        f"{torch.get_num_threads()} threads: {count} facts of {len(chosen)} languages, largest "
        f"relation {max(f['relation_id'].value_counts()['count'].max() for f in chosen.values())}"
    )
    found: dict[str, NeuronTables] = {}
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        our_bytes = 0
        for language, facts in chosen.items():
            found[language], written = ours(model, facts, settings, Path(folder))
            our_bytes += written
        our_seconds = time.perf_counter() - started
    print(f"{'way':<28}{'seconds':>10}{'ms/fact':>10}{'bytes written':>16}{'bytes/fact':>12}")
    print(
        f"{'ours, facts to Parquet':<28}{our_seconds:>10.1f}{1e3 * our_seconds / count:>10.2f}"
        f"{our_bytes:>16,}{our_bytes // count:>12,}"
    )
    peak = peak_bytes()
    print(
        f"peak memory of the process: {peak / 2**30:.2f} GiB, "
        f"{(peak - before) / 2**30:.2f} GiB above that with model and facts loaded"
    )
    if model.device.type == "cuda":
        print(f"peak memory on the device: {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")
    if options.only_ours:
        return
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        plain_bytes, worst = 0, 0.0
        plain: dict[str, dict[str, np.ndarray]] = {}
        for language, facts in chosen.items():
            plain[language], written = plain_way(model, facts, settings, Path(folder))
            plain_bytes += written
        seconds = time.perf_counter() - started
    print(
        f"{'plain: store, double loop':<28}{seconds:>10.1f}{1e3 * seconds / count:>10.2f}"
        f"{plain_bytes:>16,}{plain_bytes // count:>12,}"
    )
    for language, best in plain.items():
        active = found[language].active_neurons
        for (fact_id,), rows in active.partition_by("fact_id", as_dict=True).items():
            expected = best[str(fact_id)]
            scores = rows["neuron_score"].to_numpy().astype(np.float64)
            worst = max(worst, float(np.max(np.abs(scores - expected) / expected)))
    print(
        f"ours: {seconds / our_seconds:.1f}× faster, {plain_bytes / our_bytes:.1f}× fewer bytes; "
        f"largest relative difference of a top score {worst:.1e}"
    )
    assert worst < 1e-3


if __name__ == "__main__":
    main()
