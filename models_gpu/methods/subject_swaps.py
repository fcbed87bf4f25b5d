"""Subject swaps: does a right answer need its subject, or would another subject get it as well?

What belongs here: other texts in the place of a subject, and the object's probability with them.
What does not: which answers are guesses (SQL). Definitions: docs/method.md#subject-swaps.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

import numpy as np
import polars as pl

from models_gpu.engine.scoring import score_queries
from models_gpu.lake_rows import lake_rows
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.probing import prediction_rows
from models_gpu.progress import Progress
from models_gpu.prompting.build import FACT_COLUMNS, build_queries, facts_among
from models_gpu.prompting.causal_prompts import NO_SUBJECT, prompt_code
from models_gpu.prompting.clozes import mask_joint
from models_gpu.seeded import generator, shuffled
from models_gpu.settings import Swap, SwapSettings

__all__ = ["subject_swaps"]

NEUTRAL_SUBJECT = "X"
"""Stands for the subject of a causal model, which has no mask token."""
_DRAWS = 20


def subject_swaps(
    model: LoadedModel,
    facts: pl.DataFrame,
    chosen: Collection[str],
    *,
    settings: SwapSettings | None = None,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Ask facts again with other texts in the place of their subjects.

    The swaps are described at ``models_gpu.settings.Swap``. A fact lacks a swap that does not
    exist: parts of a name of one token, other subjects where all have the same object, invented
    names where every text of that shape is a subject. A causal model that does not see the subject
    (prompt code 'no_subject') gets no rows.

    Args:
        model: from ``models_gpu.loading.load``.
        facts: columns ``FACT_COLUMNS``, all facts of one language; other subjects are drawn here.
        chosen: ids of the facts to ask again.
        settings: which swaps, how many other subjects, seed.
        token_budget: most tokens of a batch, padding included; chosen for the device when None.
        progress: called with work done and work in all.

    Returns:
        The columns of the lake table ``subject_swaps`` except ``model_id`` and ``language_code``,
        sorted by fact_id, swap_code, swap_index. They do not depend on ``token_budget`` or on the
        order of ``facts``, except for the last digits of log-probabilities.

    Raises:
        ModelError: a chosen fact that is not among ``facts``, facts without valid queries.
    """
    settings = settings or SwapSettings()
    asked = facts_among(facts.select(FACT_COLUMNS), chosen).sort("fact_id")
    if model.family.is_causal:
        codes = asked["template"].map_elements(prompt_code, return_dtype=pl.String)
        asked = asked.filter(codes != NO_SUBJECT)
    swapped = pl.DataFrame(
        list(_Swaps(model, facts, settings).of(asked)),
        schema={
            "own_id": pl.String, "swap_code": pl.String, "swap_index": pl.Int32,
            "subject_label": pl.String,
        },
        orient="row",
    )  # fmt: skip
    if swapped.is_empty():
        return lake_rows("subject_swaps", [])
    # Each swap is asked as a fact of its own.
    queries = asked.drop("subject_label").rename({"fact_id": "own_id"}).join(
        swapped.with_row_index("fact_id").cast({"fact_id": pl.String}), on="own_id"
    )  # fmt: skip
    built = build_queries(model, queries.select(FACT_COLUMNS), "gold", leaves_out=True)
    scores = score_queries(model, built, token_budget=token_budget, top=1, progress=progress)
    answers = prediction_rows(model, built, scores).select(
        "fact_id",
        pl.col("gold_log_prob").alias("object_log_prob"),
        pl.col("gold_rank").alias("object_rank"),
    )
    rows = queries.join(answers, on="fact_id", validate="1:1").drop("fact_id")
    return lake_rows("subject_swaps", [rows.rename({"own_id": "fact_id"})])


class _Swaps:
    """Makes the texts that replace the subjects of one language."""

    def __init__(self, model: LoadedModel, facts: pl.DataFrame, settings: SwapSettings) -> None:
        self._model = model
        self._settings = settings
        self._mask = model.tokenizer.mask_token
        self._names: dict[str, set[str]] = defaultdict(set)
        self._with_object: dict[tuple[str, str], set[str]] = defaultdict(set)
        for relation, subject, name in facts.select(
            "relation_id", "subject_label", "object_label"
        ).iter_rows():
            self._names[relation].add(subject)
            self._with_object[relation, name].add(subject)
        self._letters = _letters_by_category(facts["subject_label"])
        # One order for all facts of a relation, so that they share the queries of a few subjects.
        self._in_order = {
            relation: shuffled(names, settings.seed, relation)
            for relation, names in self._names.items()
        }
        self._new_names: dict[str, list[str]] = {}

    def of(self, facts: pl.DataFrame) -> Iterator[tuple[str, Swap, int, str]]:
        """Fact, swap, its index, and the text in the place of the subject."""
        labels = facts["subject_label"].to_list()
        encodings = self._model.encoder.encode_batch(labels, add_special_tokens=False)
        rows = zip(
            *(facts[column] for column in ("fact_id", "relation_id", "object_label")),
            labels, encodings, strict=True,
        )  # fmt: skip
        for fact, relation, name, label, encoding in rows:
            for swap in dict.fromkeys(self._settings.swaps):
                if swap == "other_subject":
                    texts = self._others(relation, name)
                elif swap == "invented":
                    texts = self._invented(relation)
                else:
                    texts = self._masked(swap, label, encoding.offsets)
                for index, text in enumerate(texts):
                    yield fact, swap, index, text

    def _others(self, relation: str, name: str) -> list[str]:
        """The first subjects of the relation that do not have the object."""
        same = self._with_object[relation, name]
        others = (one for one in self._in_order[relation] if one not in same)
        return list(islice(others, self._settings.other_subjects))

    def _invented(self, relation: str) -> list[str]:
        """New names in the shape of the relation's first subjects, the same for all its facts."""
        if relation not in self._new_names:
            count = self._settings.other_subjects
            found = (self._new_name(relation, one) for one in self._in_order[relation])
            self._new_names[relation] = list(islice(filter(None, found), count))
        return self._new_names[relation]

    def _new_name(self, relation: str, label: str) -> str | None:
        """Draw each letter of a name from those of its kind; None if only known names are drawn."""
        random = generator(self._settings.seed, relation, label, "invented")
        for _ in range(_DRAWS):
            text = "".join(
                letters[random.integers(len(letters))]
                if (letters := self._letters.get(unicodedata.category(letter)))
                else letter
                for letter in label
            )
            if text not in self._names[relation]:
                return text
        return None

    def _masked(self, swap: Swap, label: str, offsets: Sequence[tuple[int, int]]) -> list[str]:
        """The subject without its name ('masked'), or with a part of it."""
        half = len(offsets) // 2
        if swap == "masked":
            return [self._masks(max(len(offsets), 1)) or NEUTRAL_SUBJECT]
        if half == 0:
            return []
        joint = mask_joint(self._model) if self._mask else ""
        if swap == "first_part":
            return [label[: offsets[half - 1][1]] + joint + self._masks(len(offsets) - half)]
        return [self._masks(half) + joint + label[offsets[half][0] :]]

    def _masks(self, count: int) -> str:
        return mask_joint(self._model).join([self._mask] * count) if self._mask else ""


def _letters_by_category(labels: pl.Series) -> dict[str, list[str]]:
    """Letters and digits of all labels by Unicode category, sorted; one entry per letter."""
    found: dict[str, set[str]] = defaultdict(set)
    for letter in np.unique(list("".join(labels))).tolist():
        if unicodedata.category(letter)[0] in "LMN":
            found[unicodedata.category(letter)].add(letter)
    return {category: sorted(letters) for category, letters in found.items()}
