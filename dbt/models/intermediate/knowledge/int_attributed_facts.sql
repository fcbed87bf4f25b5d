with
stg_lake__attribution_quality as (select * from {{ ref('stg_lake__attribution_quality') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
dim_models as (select * from {{ ref('dim_models') }}),

layers as (
    select
        model_id,
        mode_code,
        language_code,
        fact_id,
        any_value(object_token_count) as object_token_count,
        any_value(clean_probability) as clean_probability,
        max(completeness_residual) as largest_residual,
        max(completeness_residual / baseline_count) as largest_path_residual,
    from stg_lake__attribution_quality
    semi join dim_models using (model_id)
    group by all
),

final as (
    select
        layers.model_id,
        layers.mode_code,
        {{ method_of_mode("layers.mode_code") }} as method_code,
        layers.language_code,
        layers.fact_id,
        facts.relation_id,
        facts.object_id,
        layers.object_token_count,
        layers.clean_probability,
        layers.largest_residual,
        -- The prefactor of the published code is not made to add up.
        layers.mode_code = 'amig_code' or layers.largest_path_residual <= {{ var("largest_residual", 0.1) }}
            as is_complete,
    from layers
    inner join int_language_facts as facts using (language_code, fact_id)
)

select * from final
