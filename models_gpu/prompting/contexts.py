"""Contexts: text that stands before every query of a model, solved examples or a chat's turns.

What belongs here: putting such text in front of the facts' templates, so that every method asks the
same. What does not: queries (``models_gpu.prompting.build``). Definitions:
docs/method.md#examples-and-chat.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from ingestion.errors import first_line
from models_gpu.errors import ModelError
from models_gpu.seeded import shuffled

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel
    from models_gpu.loading.spec import ModelSpec

__all__ = ["chat_prefix", "in_context", "with_examples"]

_SLOT = re.compile(r"\[[XY]\]")
_MARK = "%%answer%%"


def in_context(model: LoadedModel, spec: ModelSpec, facts: pl.DataFrame) -> pl.DataFrame:
    """Put the model's examples and chat turns in front of every template.

    Args:
        model: gives tokenizer and family.
        spec: how the study asks the model.
        facts: columns ``FACT_COLUMNS``, all facts of one language.

    Raises:
        ModelError: a chat with a model that has no chat template, or with a masked model.
    """
    if spec.examples:
        facts = with_examples(facts, spec.examples, spec.examples_seed, spec.other_objects)
    if spec.chat is not None:
        prefix = chat_prefix(model, spec.chat)
        facts = facts.with_columns((pl.lit(prefix) + pl.col("template")).alias("template"))
    return facts


def with_examples(
    facts: pl.DataFrame, count: int, seed: int, other_objects: bool = False
) -> pl.DataFrame:
    """Put solved queries of the same relation in front of every template, one per line.

    Examples are taken in an order that is drawn once per relation, so that most facts have the
    same ones. A fact never sees its own subject, and no subject twice. It gets fewer examples where
    the relation has not enough of them.

    Args:
        facts: columns ``FACT_COLUMNS``, all facts of one language.
        count: examples per fact.
        seed: seed of the order; a fact has its place in it in every language.
        other_objects: whether an example may not have the fact's object either.
    """
    contexts: dict[str, str] = {}
    for own in facts.partition_by("relation_id"):
        rows = {row["fact_id"]: row for row in own.to_dicts()}
        solved = [
            (rows[fact]["subject_label"], rows[fact]["object_label"], _solved(rows[fact]))
            for fact in shuffled(rows, seed, "example")
            # Text in a name that looks like a slot would be filled.
            if not _SLOT.search(rows[fact]["subject_label"] + rows[fact]["object_label"])
        ]
        for fact, row in rows.items():
            chosen: dict[str, str] = {}
            for subject, name, text in solved:
                if len(chosen) == count:
                    break
                is_same = other_objects and name == row["object_label"]
                if subject != row["subject_label"] and not is_same:
                    chosen.setdefault(subject, text)
            contexts[fact] = "".join(f"{text}\n" for text in chosen.values())
    before = pl.col("fact_id").replace_strict(contexts, return_dtype=pl.String)
    return facts.with_columns((before + pl.col("template")).alias("template"))


def _solved(row: dict[str, str]) -> str:
    names = {"[X]": row["subject_label"], "[Y]": row["object_label"]}
    return _SLOT.sub(lambda slot: names[slot.group()], row["template"])


def chat_prefix(model: LoadedModel, message: str) -> str:
    """Text of a chat up to the answer: the user's message, and the beginning of the reply.

    Raises:
        ModelError: a masked model, or one whose tokenizer has no chat template that can be used.
    """
    if not model.family.is_causal:
        raise ModelError("'chat' is for causal models; a masked model has no turns")
    tokenizer = model.tokenizer
    turns = [
        {"role": "user", "content": message},
        {"role": "assistant", "content": _MARK},
    ]
    try:
        text = str(tokenizer.apply_chat_template(turns, tokenize=False))
    # A template is a program of the model's authors, so that any error can come out of it.
    except Exception as error:
        raise ModelError(
            f"the tokenizer has no chat template that can be used ({first_line(error)}); leave "
            "'chat' out, or take the instruction-tuned version of the model"
        ) from error
    prefix, mark, _ = text.partition(_MARK)
    if not mark or _SLOT.search(prefix):
        raise ModelError("the chat template of the tokenizer leaves the answer out, or has a slot")
    start = tokenizer.bos_token
    # Special tokens in front are added when the query is tokenised.
    is_added = start and model.encoder.encode("").ids[:1] == [tokenizer.bos_token_id]
    return prefix.removeprefix(start) if is_added else prefix
