-- An answer is one of many: its p value is corrected for all answers of the model that were tested with
-- the same null.
{{ config(materialized='table') }}

{%- set answer = "model_id, method_code, language_code, fact_id" %}

with
int_root_overlaps as (select * from {{ ref('int_root_overlaps') }}),

answers as (
    select
        {{ answer }},
        null_code,
        any_value(relation_id) as relation_id,
        any_value(object_id) as object_id,
        any_value(compared_language_count) as compared_language_count,
        min(adjusted_p_value) as p,
    from int_root_overlaps
    group by all
),

corrected as (
    {{ adjust_p_values("answers", ["model_id", "method_code", "null_code"], ["p"]) }}
),

final as (
    select
        {{ answer }},
        null_code,
        relation_id,
        object_id,
        compared_language_count,
        p as adjusted_p_value,
        p_adjusted as across_facts_p_value,
    from corrected
)

select * from final
