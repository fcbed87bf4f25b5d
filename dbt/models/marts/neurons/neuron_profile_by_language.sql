-- Averages of decimals are exact, so that the order of the rows does not matter.
with final as (
    select
        profiles.model_id,
        profiles.method_code,
        profiles.language_code,
        profiles.layer_index,
        profiles.bin_index,
        count(*) as scored_fact_count,
        avg(profiles.contiguous_score::decimal(18, 9)) as contiguous_score,
        avg(profiles.strided_score::decimal(18, 9)) as strided_score,
    from {{ ref('stg_lake__neuron_profiles') }} as profiles
    semi join {{ ref('dim_languages') }} as languages using (language_code)
    semi join {{ ref('dim_models') }} as models using (model_id)
    group by all
    order by model_id, method_code, language_code, layer_index, bin_index
)

select * from final
