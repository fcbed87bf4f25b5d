"""What edits of neurons change."""

from __future__ import annotations

from ingestion.contract.columns import (
    BOOL,
    DOUBLE,
    FACT,
    INT32,
    LANGUAGE,
    MODEL,
    TEXT,
    TOKENS,
    Column,
    LakeTable,
)

__all__ = ["TABLES"]

TABLES: tuple[LakeTable, ...] = (
    LakeTable(
        "interventions",
        "One row per model, queried language, fact, set of edited neurons, factor and query: the "
        "log-probability of the right answer before and after the edit (docs/method.md#edits).",
        (
            "model_id",
            "language_code",
            "fact_id",
            "edit_set_code",
            "neuron_language_code",
            "edit_factor",
            "is_random",
            "query_code",
        ),
        (
            MODEL,
            LANGUAGE,
            FACT,
            Column(
                "edit_set_code",
                TEXT,
                "Set of the fact's neurons that is edited. 'likn': knowledge neurons shared by all "
                "edited languages. 'own': those of the queried language. 'own_subset': a random "
                "subset of 'own' with as many neurons as 'likn'. 'other': those of another "
                "language. 'union': those of any edited language. 'sequence': those of all edited "
                "languages, one language after the other, so a neuron of n languages is multiplied "
                "n times. 'probeless': the active neurons of the queried or of the base language.",
            ),
            Column(
                "neuron_language_code",
                TEXT,
                "Language whose neurons are edited. 'all' for likn, union and sequence.",
            ),
            Column(
                "edit_factor",
                DOUBLE,
                "Factor that multiplies the activations at the positions of the object's tokens: "
                "0 suppresses, 2 doubles.",
            ),
            Column(
                "is_random",
                BOOL,
                "Whether the same number of random neurons of the same layers is edited instead.",
            ),
            Column(
                "query_code",
                TEXT,
                "What is asked. 'related': the fact itself. 'unrelated': a fact of another "
                "relation with another object that is right in all edited languages.",
            ),
            Column("queried_fact_id", TEXT, "Identifier of the fact that is asked."),
            Column("neuron_count", INT32, "Edited neurons."),
            Column(
                "log_prob_before",
                DOUBLE,
                "Natural log-probability of the queried fact's object in the unchanged model, "
                "summed over its tokens.",
            ),
            Column("log_prob_after", DOUBLE, "The same in the edited model."),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "degenerate_pairs",
        "One row per model, language, fact and pair of neurons: the log-probability of the right "
        "answer without either neuron and without both (docs/method.md#degenerate-neurons). The "
        "pairs are those of the fact's best knowledge neurons; pairs of random neurons of the same "
        "layers that cost about as much alone serve as a null. Computed in float64.",
        ("model_id", "language_code", "fact_id", "is_random", "neuron_rank_a", "neuron_rank_b"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            Column(
                "is_random",
                BOOL,
                "Whether the neurons are replaced by random neurons of the same layers.",
            ),
            Column(
                "neuron_rank_a",
                INT32,
                "Rank by attribution of the pair's better knowledge neuron, from 1. For a random "
                "pair the rank of the neuron that its first neuron replaces.",
            ),
            Column("neuron_rank_b", INT32, "The same for the other neuron; the larger number."),
            Column("layer_index_a", INT32, "Transformer layer of the first neuron, from 0."),
            Column("neuron_index_a", INT32, "First neuron within its layer, from 0."),
            Column("layer_index_b", INT32, "Transformer layer of the second neuron, from 0."),
            Column("neuron_index_b", INT32, "Second neuron within its layer, from 0."),
            Column(
                "log_prob",
                DOUBLE,
                "Natural log-probability of the object in the unchanged model, summed over its "
                "tokens.",
            ),
            Column("log_prob_without_a", DOUBLE, "The same with the first neuron suppressed."),
            Column("log_prob_without_b", DOUBLE, "The same with the second neuron suppressed."),
            Column("log_prob_without_both", DOUBLE, "The same with both suppressed."),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "degenerate_sets",
        "One row per model, language, fact, searched neurons and set size: the set with the "
        "largest gap between one_left_log_prob and none_left_log_prob, found greedily from the "
        "best pair (docs/method.md#degenerate-neurons). Empty unless the study asks for sets of "
        "more than two neurons.",
        ("model_id", "language_code", "fact_id", "is_random", "set_size"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            Column(
                "is_random",
                BOOL,
                "Whether random neurons of the same layers were searched instead of the fact's "
                "best knowledge neurons.",
            ),
            Column("set_size", INT32, "Neurons in the set."),
            Column(
                "neuron_ranks",
                TOKENS,
                "Ranks of its neurons by attribution, from 1, in the order in which the search "
                "added them. For random neurons the ranks of the neurons that they replace.",
            ),
            Column("layer_indexes", TOKENS, "Transformer layers of its neurons, from 0, in order."),
            Column("neuron_indexes", TOKENS, "Its neurons within their layers, from 0, in order."),
            Column(
                "log_prob",
                DOUBLE,
                "Natural log-probability of the object in the unchanged model, summed over its "
                "tokens.",
            ),
            Column(
                "one_left_log_prob",
                DOUBLE,
                "The same with all neurons of the set but one suppressed: the minimum over the "
                "neuron that is left.",
            ),
            Column(
                "none_left_log_prob", DOUBLE, "The same with all neurons of the set suppressed."
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "fact_checks",
        "One row per model, language, checked fact, candidate object (the right or a wrong one) "
        "and set of the relation's neurons: their attribution to the candidate, their activation, "
        "and the candidate's probability (docs/method.md#fact-checks). Scores are raw; SQL applies "
        "the threshold.",
        ("model_id", "language_code", "fact_id", "is_true", "neuron_set_code", "is_random"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            Column(
                "is_true",
                BOOL,
                "Whether the candidate is the fact's own object. Otherwise it is an object of the "
                "relation that is not true of the subject.",
            ),
            Column(
                "neuron_set_code",
                TEXT,
                "Neurons of the relation, learned from its training facts: those that most of "
                "these facts share. 'knowledge': their knowledge neurons. 'degenerate': the "
                "neurons of their degenerate pairs.",
            ),
            Column(
                "is_random",
                BOOL,
                "Whether the same number of random neurons of the same layers is used instead.",
            ),
            Column(
                "split",
                TEXT,
                "Split of the relation's facts by subject. 'train': the neurons are learned from "
                "these facts; the model gets all of them right. 'validation': the threshold is "
                "chosen on them. 'test': the check is evaluated on them.",
            ),
            Column("candidate_object_id", TEXT, "Identifier of the candidate."),
            Column("candidate_label", TEXT, "Name of the candidate in this language."),
            Column("candidate_token_count", INT32, "Tokens of the candidate."),
            Column("neuron_count", INT32, "Neurons in the set; 0 if no fact gave any."),
            Column(
                "attribution_score",
                DOUBLE,
                "Mean attribution of the neurons to the candidate's tokens, divided by the number "
                "of tokens. Null without neurons.",
                is_nullable=True,
            ),
            Column(
                "activation_score",
                DOUBLE,
                "Mean activation of the neurons, also averaged over the positions of the "
                "candidate's tokens. Null without neurons.",
                is_nullable=True,
            ),
            Column(
                "log_prob",
                DOUBLE,
                "Natural log-probability of the candidate, summed over its tokens.",
            ),
            Column(
                "is_top",
                BOOL,
                "Whether each of its tokens is the most probable token of the whole vocabulary.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
)
