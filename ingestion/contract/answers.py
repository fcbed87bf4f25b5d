"""What models answer, and to which questions."""

from __future__ import annotations

import pyarrow as pa

from ingestion.contract.columns import (
    FACT,
    FLOAT,
    INT32,
    LANGUAGE,
    MODEL,
    TEXT,
    TOKENS,
    WORDING,
    Column,
    LakeTable,
    importable,
)

__all__ = ["TABLES"]

ANSWER = (
    Column(
        "mask_count",
        INT32,
        "Mask tokens in the query. For a causal model the number of generated tokens, "
        "which is the object's token count.",
    ),
    Column(
        "prompt_code",
        TEXT,
        "Part of the template that the model saw. 'whole': all words. A causal model sees "
        "only what precedes the object. 'cut': the words after the object are missing. "
        "'no_subject': the subject is missing too, because it follows the object. "
        "'unasked': the fact cannot be asked, because a query is longer than the model's "
        "positions or a token has no embedding; there is no answer.",
    ),
    Column(
        "gold_token_ids",
        TOKENS,
        "Token ids of the object's label, without the ignored token. Empty if the label "
        "has no tokens, or has the unknown token: no answer can then be right.",
    ),
    Column(
        "predicted_token_ids",
        TOKENS,
        "Masked model: the argmax over the whole vocabulary at each mask, independently. "
        "Causal model: its greedy continuation.",
    ),
    Column("predicted_text", TEXT, "The predicted tokens, decoded."),
    Column(
        "gold_log_prob",
        FLOAT,
        "Natural log-probability of the object: the sum over its tokens. Masked model: "
        "each token at its mask. Causal model: each token after the right tokens before "
        "it. Null if mask_count is not the object's token count, or if it has the unknown "
        "token.",
        is_nullable=True,
    ),
    Column(
        "gold_rank",
        INT32,
        "Worst rank of the object's tokens, from 1, each scored as for gold_log_prob. 1 "
        "means that every token is the argmax. Null where gold_log_prob is null.",
        is_nullable=True,
    ),
)
"""What a model answers to one query."""

TABLES: tuple[LakeTable, ...] = (
    LakeTable(
        "predictions",
        "One row per model, language, fact and number of masks: what a masked model fills in, or "
        "what a causal model generates. Whether it is right is decided in SQL.",
        ("model_id", "language_code", "fact_id", "mask_count"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            *importable(*ANSWER),
            Column(
                "candidate_token_ids",
                pa.list_(TOKENS),
                "The five most probable token ids for each predicted token, best first. "
                "Null if an imported file does not say.",
                is_nullable=True,
            ),
            Column(
                "candidate_log_probs",
                pa.list_(pa.list_(pa.float32())),
                "Natural log-probabilities of candidate_token_ids. "
                "Null if an imported file does not say.",
                is_nullable=True,
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "wording_predictions",
        "One row per model, language, further wording, fact and number of masks: the answer to the "
        "fact in this wording. Empty unless the study asks for wordings.",
        ("model_id", "language_code", "template_id", "fact_id", "mask_count"),
        (MODEL, LANGUAGE, WORDING, FACT, *ANSWER),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "object_rankings",
        "One row per model, language, fact and kind of score: where the object stands among all "
        "objects that the relation has in this language (docs/method.md#ranking).",
        ("model_id", "language_code", "fact_id", "score_code"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            Column(
                "score_code",
                TEXT,
                "What candidates are ordered by. 'sum': natural log-probability, summed over the "
                "tokens of the name. 'mean': the same, divided by their number. 'less_prior': the "
                "sum, less that of the same name in the template without a subject.",
            ),
            Column(
                "candidate_count",
                INT32,
                "Objects that were compared: distinct objects of the relation in this language "
                "that the model can be asked for.",
            ),
            Column(
                "object_score",
                FLOAT,
                "Score of the fact's own object, in nats. Null if the model cannot be asked for "
                "it, or if a causal model does not read the subject ('less_prior').",
                is_nullable=True,
            ),
            Column(
                "object_rank",
                INT32,
                "1 + objects with a higher score. Null where object_score is null.",
                is_nullable=True,
            ),
            Column(
                "candidate_ids",
                pa.list_(pa.string()),
                "object_id of the best candidates, at most 20, best first, equal ones by id.",
            ),
            Column("candidate_scores", pa.list_(pa.float32()), "Their scores, in nats."),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "continuations",
        "One row per causal model, language and fact: what the model writes after the prompt, and "
        "where the object stands in it (docs/method.md#contained).",
        ("model_id", "language_code", "fact_id"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            Column("token_count", INT32, "Tokens that were generated, greedily."),
            Column("continuation_text", TEXT, "Their text."),
            Column(
                "object_offset",
                INT32,
                "Letters before the object's name in this text, both folded (case, articles, "
                "blanks, Chinese variants). 0: the text begins with it. Null if it is not there.",
                is_nullable=True,
            ),
            Column(
                "alias_offset",
                INT32,
                "The same for the first of the object's names and aliases. Null if none is there.",
                is_nullable=True,
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "object_aliases",
        "One row per model, language, fact and other name of its object, with the tokens that the "
        "name would have in the place of the object (docs/method.md#aliases). Empty in studies "
        "without aliases.",
        ("model_id", "language_code", "fact_id", "alias_label"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            Column("alias_label", TEXT, "Other name of the object, in normal form."),
            Column(
                "alias_token_ids",
                TOKENS,
                "Token ids of this name, without the ignored token. Empty if it has no tokens, or "
                "has the unknown token: no answer can then match.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "subject_swaps",
        "One row per model, language, right answer and text that replaces the subject: how "
        "probable the object still is (docs/method.md#subject-swaps).",
        ("model_id", "language_code", "fact_id", "swap_code", "swap_index"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            Column(
                "swap_code",
                TEXT,
                "What replaces the subject. 'masked': as many masks as its name has tokens (causal "
                "model: the letter X). 'first_part', 'last_part': half of its tokens, with masks "
                "for the others (causal model: the half alone). 'invented': letters of the "
                "language in the same shape. 'other_subject': another subject of the relation that "
                "does not have this object.",
            ),
            Column("swap_index", INT32, "Number of the text among those of its code, from 0."),
            Column("subject_label", TEXT, "The text in the place of the subject."),
            Column(
                "object_log_prob",
                FLOAT,
                "Natural log-probability of the fact's object in this query, as gold_log_prob of "
                "predictions. Null if the model cannot be asked it.",
                is_nullable=True,
            ),
            Column(
                "object_rank",
                INT32,
                "Worst rank of the object's tokens, from 1, as gold_rank of predictions. 1 means "
                "that the answer is the same. Null where object_log_prob is null.",
                is_nullable=True,
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
)
