"""Neurons that stand out for a fact, or drive its answer."""

from __future__ import annotations

from ingestion.contract.columns import (
    DOUBLE,
    FACT,
    FLOAT,
    INT32,
    LANGUAGE,
    LAYER,
    MODEL,
    TEXT,
    WORDING,
    Column,
    LakeTable,
    importable,
)

__all__ = ["TABLES"]

METHOD = Column(
    "method_code",
    TEXT,
    "Method and variant. 'probeless' scores FFN neurons; 'probeless-layer' scores the outputs of "
    "the layers. The suffix '-normalised' means that each neuron is first divided by its standard "
    "deviation.",
)

NEURON = Column("neuron_index", INT32, "Neuron within its layer, from 0.")

MODE = Column(
    "mode_code",
    TEXT,
    "Baseline of the integration path (docs/method.md#integrated-gradients). 'zero': all neurons "
    "at 0. 'zero_norm_held': the same, with the clean denominator of a norm behind the down "
    "projection. 'amig': one path from each b^(i), the neurons when token i of the query is "
    "replaced; the attributions are summed over i. 'amig_mean': one path from the mean of the "
    "b^(i). 'amig_code': the same path with the prefactor of the published code; its attributions "
    "do not add up.",
)

SCORED_NEURON = (
    Column(
        "neuron_rank",
        INT32,
        "Rank by score, from 1. Equal scores are ordered by layer, then neuron.",
    ),
    LAYER,
    NEURON,
    Column(
        "neuron_score",
        FLOAT,
        "Mean absolute difference between the neuron's activation for this fact and for "
        "the relation's other facts that are right in this language. Unit: activation; "
        "standard deviations if the method is normalised.",
    ),
)
"""One active neuron of a fact."""

TABLES: tuple[LakeTable, ...] = (
    LakeTable(
        "active_neurons",
        "One row per model, language, fact that is right there, method and rank: the neurons that "
        "are most active for the fact (docs/method.md#probeless).",
        ("model_id", "language_code", "fact_id", "method_code", "neuron_rank"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            METHOD,
            *importable(*SCORED_NEURON),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "wording_neurons",
        "One row per model, language, wording, fact that is right in this wording, method and "
        "rank: the neurons that are most active for the fact when it is asked so, compared with "
        "the other facts that are right in this wording. '1' is computed again, because the facts "
        "can be a sample. Empty unless the study asks for wordings and PROBELESS.",
        ("model_id", "language_code", "template_id", "fact_id", "method_code", "neuron_rank"),
        (MODEL, LANGUAGE, WORDING, FACT, METHOD, *SCORED_NEURON),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "neuron_profiles",
        "One row per model, language, fact that is right there, method, layer and bin of neurons: "
        "the mean score of the bin's neurons for the fact (docs/method.md#probeless).",
        ("model_id", "language_code", "fact_id", "method_code", "layer_index", "bin_index"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            METHOD,
            LAYER,
            Column("bin_index", INT32, "Bin of the layer's neurons, from 0."),
            Column(
                "contiguous_score",
                FLOAT,
                "Mean neuron score of the bin, if neighbouring neurons share a bin.",
            ),
            Column(
                "strided_score",
                FLOAT,
                "Mean neuron score of the bin, if neurons are assigned to the bins in turn, as in "
                "the published heat maps.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "unscored_facts",
        "One row per model, language, fact that is right there and method that gives it no "
        "neurons.",
        ("model_id", "language_code", "fact_id", "method_code"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            METHOD,
            Column(
                "reason_code",
                TEXT,
                "Reason. 'only_fact': no other fact of the relation is right in this language. "
                "'no_contrast': the relation's right facts have too few different queries (only "
                "one; only two if the method is normalised), so neurons cannot be compared.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "knowledge_neurons",
        "One row per model, language, attributed fact, mode and rank: the neurons with the largest "
        "attributions by integrated gradients, which drive the prediction of the fact "
        "(docs/method.md#integrated-gradients). Scores are raw; SQL applies the threshold.",
        ("model_id", "language_code", "fact_id", "mode_code", "neuron_rank"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            MODE,
            Column(
                "neuron_rank",
                INT32,
                "Rank by attribution, from 1. Equal attributions are ordered by layer, then "
                "neuron.",
            ),
            LAYER,
            NEURON,
            Column(
                "attribution_score",
                FLOAT,
                "Contribution of the neuron to the probability of the object's tokens, summed over "
                "the tokens. Positive if the neuron raises the probability. "
                "Null if an imported file does not say.",
                is_nullable=True,
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
    LakeTable(
        "attribution_quality",
        "One row per model, language, attributed fact, mode and layer: how closely the "
        "attributions of the layer's neurons add up to the change in probability "
        "(docs/method.md#integrated-gradients).",
        ("model_id", "language_code", "fact_id", "mode_code", "layer_index"),
        (
            MODEL,
            LANGUAGE,
            FACT,
            MODE,
            LAYER,
            Column(
                "object_token_count",
                INT32,
                "Tokens of the object. The probabilities and attributions of this row are sums "
                "over them.",
            ),
            Column(
                "baseline_count",
                INT32,
                "Integration paths per token: 1. In mode 'amig' one per replaced token of the "
                "query.",
            ),
            Column(
                "clean_probability",
                DOUBLE,
                "Probability of the object's tokens in the unchanged model, summed over tokens.",
            ),
            Column(
                "baseline_probability",
                DOUBLE,
                "The same sum with the layer's neurons at the baseline, averaged over the paths.",
            ),
            Column(
                "attribution_sum",
                DOUBLE,
                "Sum of the attributions of all neurons of the layer, over tokens and paths.",
            ),
            Column(
                "completeness_residual",
                DOUBLE,
                "Absolute difference between attribution_sum and baseline_count · "
                "(clean_probability − baseline_probability). 0 for an exact integral.",
            ),
        ),
        partition_by=("model_id", "language_code"),
    ),
)
