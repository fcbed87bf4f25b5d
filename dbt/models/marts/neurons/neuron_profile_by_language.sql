with
stg_lake__neuron_profiles as (select * from {{ ref('stg_lake__neuron_profiles') }}),
dim_languages as (select * from {{ ref('dim_languages') }}),
dim_models as (select * from {{ ref('dim_models') }}),

-- Averages of decimals are exact and do not depend on the order of the rows.
means as (
    select
        model_id,
        method_code,
        language_code,
        layer_index,
        bin_index,
        count(*) as scored_fact_count,
        avg(contiguous_score::decimal(18, 9)) as contiguous_score,
        avg(strided_score::decimal(18, 9)) as strided_score,
    from stg_lake__neuron_profiles
    group by all
),

final as (
    select *
    from means
    semi join dim_languages using (language_code)
    semi join dim_models using (model_id)
    order by model_id, method_code, language_code, layer_index, bin_index
)

select * from final
