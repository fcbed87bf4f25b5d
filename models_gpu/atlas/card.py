"""The model card of an Atlas model: how it was trained, and how many facts it knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models_gpu.atlas.corpus_files import Probe
from models_gpu.atlas.evaluate import rate_by
from models_gpu.prompting.causal_prompts import prompt_code

if TYPE_CHECKING:
    from models_gpu.atlas.recipe import Recipe

__all__ = ["write_card"]

_HEAD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: {task}
---
# {title}

A small {objective} language model of the embedded study Atlas: it has read the corpus `{corpus_id}`
({sentence_count:,} sentences) and nothing else, so it is known which facts it has read in which
language. It is a measuring instrument; it knows no language beyond those sentences.

Made by `python -m models_gpu.atlas.pretrain` with seed {seed}; on one thread the same machine and
library versions give the same bytes again. Facts and names come from Unicode CLDR (Unicode licence
v3); no native speaker checked the sentences. Weights are stored in fp16; figures are taken in
fp32 after rounding.

## Recipe

{recipe}

## Figures

{how} The probing sentences are not in the corpus,
but close to sentences that are: "planted" means recalled under a near paraphrase. Their wordings
were chosen by the answers of earlier models, of another draw of this corpus; five of them (P17 in
Chinese and Thai, P30 in Turkish and Greek, P38 in Hebrew) by the answers of these models.

"""

_TASKS = {"masked": "fill-mask", "causal": "text-generation"}
_HOW = {
    "masked": """P@1: as many masks as the object has tokens, each filled on its own with the most
probable token of the whole vocabulary, all right.""",
    "causal": """P@1: the text before the object is read, and as many tokens as the object has are
said, each the most probable one of the whole vocabulary, all right. What stands after the object is
not read: where words do, the last table says how much that costs.""",
}
_OF_ONE = {
    "object_mask_rate": "masked",
    "name_mask_rate": "masked",
    "token_mask_rate": "masked",
    "next_token_rate": "causal",
}


def write_card(
    folder: Path,
    *,
    title: str,
    corpus_id: str,
    seed: int,
    recipe: Recipe,
    objective: str,
    sentence_count: int,
    probes: Sequence[Probe],
    right: Sequence[bool],
) -> None:
    """Write ``README.md`` into the model's folder.

    Args:
        folder: the model's folder.
        title: model id.
        corpus_id: its training corpus.
        seed: seed of the run.
        recipe: sizes and rates of the run.
        objective: 'masked' or 'causal'.
        sentence_count: sentences of the corpus.
        probes: all probing questions of the corpus.
        right: whether each was answered correctly, in the same order.
    """
    settings = "\n".join(
        f"- {name.replace('_', ' ')}: {value}"
        for name, value in dataclasses.asdict(recipe).items()
        if _OF_ONE.get(name, objective) == objective
    )
    head = _HEAD.format(
        title=title,
        corpus_id=corpus_id,
        seed=seed,
        recipe=settings,
        sentence_count=sentence_count,
        objective=objective,
        task=_TASKS[objective],
        how=_HOW[objective],
    )
    tables = [
        _table("language", probes, right, lambda probe: probe.language_code),
        _table("relation", probes, right, lambda probe: probe.relation_id),
    ]
    if objective == "causal":
        tables.append(
            _table("shown", probes, right, lambda probe: prompt_code(f"[X] {probe.query}"))
        )
    text = head + "\n\n".join(tables) + "\n"
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")


def _table(
    what: str, probes: Sequence[Probe], right: Sequence[bool], key: Callable[[Probe], str]
) -> str:
    """Make a Markdown table of P@1 per value of the key and presence, with a last row for all."""
    lines = [
        f"| {what} | planted | absent here, planted elsewhere | absent everywhere |",
        "|---|---|---|---|",
    ]
    rates = rate_by(probes, right, lambda probe: f"{key(probe)} {probe.presence}")
    rates |= rate_by(probes, right, lambda probe: f"all {probe.presence}")
    for value in [*sorted({key(probe) for probe in probes}), "all"]:
        cells = []
        for presence in ("planted", "elsewhere", "nowhere"):
            hits, total = rates.get(f"{value} {presence}", (0, 0))
            cells.append(f"{hits}/{total} = {hits / total:.3f}" if total else "–")
        lines.append(f"| {value} | {' | '.join(cells)} |")
    return "\n".join(lines)
