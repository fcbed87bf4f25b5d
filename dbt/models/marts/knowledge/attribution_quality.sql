with
stg_lake__attribution_quality as (select * from {{ ref('stg_lake__attribution_quality') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
dim_models as (select * from {{ ref('dim_models') }}),

facts as (
    select
        *,
        baseline_count * (clean_probability - baseline_probability) as expected_sum,
    from stg_lake__attribution_quality
    semi join int_language_facts using (language_code, fact_id)
    semi join dim_models using (model_id)
),

final as (
    select
        model_id,
        {{ method_of_mode("mode_code") }} as method_code,
        language_code,
        layer_index,
        count(*) as attributed_fact_count,
        avg(clean_probability order by fact_id) as clean_probability,
        avg(baseline_probability order by fact_id) as baseline_probability,
        avg(attribution_sum order by fact_id) as attribution_sum,
        avg(expected_sum order by fact_id) as expected_sum,
        avg(completeness_residual order by fact_id) as mean_residual,
        max(completeness_residual) as largest_residual,
        sum(completeness_residual order by fact_id)
            / nullif(sum(abs(expected_sum) order by fact_id), 0) as residual_score,
    from facts
    group by all
    order by model_id, method_code, language_code, layer_index
)

select * from final
