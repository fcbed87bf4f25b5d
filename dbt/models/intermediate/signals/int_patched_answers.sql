{%- set answers = ["own", "source", "source_name", "control"] %}

with
stg_lake__patches as (select * from {{ ref('stg_lake__patches') }}),
dim_models as (select * from {{ ref('dim_models') }}),
dim_languages as not materialized (select * from {{ ref('dim_languages') }}),
dim_facts as (select * from {{ ref('dim_facts') }}),

-- One row per patched query and layer, with its answers as columns.
patched as (
    select
        model_id,
        language_code,
        source_language_code,
        fact_id,
        position_code,
        layer_index,
        {%- for answer in answers %}
        max(is_top::integer) filter (where answer_code = '{{ answer }}') as is_{{ answer }},
        max(log_prob_after - log_prob_before) filter (where answer_code = '{{ answer }}') as {{ answer }}_delta,
        {%- endfor %}
    from stg_lake__patches
    semi join dim_models using (model_id)
    group by all
),

final as (
    select
        patched.*,
        patched.is_source - patched.is_control as over_control,
        patched.source_delta - patched.control_delta as delta_over_control,
        case
            when patched.language_code = patched.source_language_code then 'same_language'
            when asked.script = source.script then 'same_script'
            else 'other_script'
        end as language_pair_code,
        {{ object_block() }} as block_index,
    from patched
    inner join dim_facts using (fact_id)
    inner join dim_languages as asked using (language_code)
    inner join dim_languages as source on patched.source_language_code = source.language_code
)

select * from final
