{#-
    The tables of facts, each with the columns of its key. They have no index: that of ten million rows
    costs as much as the rows. Their rows lie in the order of the key, so one pass shows that no key is
    there twice (dbt/tests/keys_hold.sql). operations.table_keys tells readers of the file.
-#}
{% macro fact_keys() -%}
    {{- return({
        "fct_active_neurons": ["model_id", "method_code", "language_code", "fact_id", "neuron_rank"],
        "fct_degenerate_pairs": ["model_id", "language_code", "fact_id", "is_random", "neuron_rank_a", "neuron_rank_b"],
        "fct_degenerate_sets": ["model_id", "language_code", "fact_id", "is_random", "set_size"],
        "fct_edit_effects_by_pair": ["model_id", "language_code", "neuron_language_code", "fact_id", "edit_factor"],
        "fct_fact_presence": ["corpus_id", "text_unit", "language_code", "fact_id"],
        "fct_fact_roots": ["model_id", "language_code", "fact_id", "rule_code"],
        "fct_knowledge_neurons": ["model_id", "method_code", "language_code", "fact_id", "neuron_rank"],
        "fct_name_cues": ["language_code", "fact_id"],
        "fct_planted_predictions": ["model_id", "language_code", "fact_id"],
        "fct_predictions": ["model_id", "language_code", "fact_id"],
        "fct_root_features": ["model_id", "language_code", "fact_id"],
        "fct_root_probabilities": ["model_id", "language_code", "fact_id"],
        "fct_subject_dependence": ["model_id", "language_code", "fact_id"],
        "fct_true_roots": ["half_code", "language_code", "fact_id"],
        "fct_world_answers": ["world_id", "seed", "language_code", "fact_id"],
    }) -}}
{%- endmacro %}
