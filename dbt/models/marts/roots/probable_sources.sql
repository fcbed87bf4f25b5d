with
fct_fact_roots as (select * from {{ ref('fct_fact_roots') }}),

answers as (
    select
        model_id,
        language_code as target_language_code,
        root_code,
        source_language_codes,
        source_probabilities,
    from fct_fact_roots
    where rule_code = 'calibrated' and root_code in ('either_suffices', 'transferred')
),

totals as (
    select
        model_id,
        target_language_code,
        root_code,
        count(*) as root_count,
    from answers
    group by all
),

possible as (
    select
        model_id,
        target_language_code,
        root_code,
        unnest(source_language_codes) as source_language_code,
        unnest(source_probabilities) as source_probability,
    from answers
),

sums as (
    select
        model_id,
        target_language_code,
        root_code,
        source_language_code,
        count(*) as present_count,
        {{ exact_sum("source_probability") }} as expected_sum,
    from possible
    group by all
),

final as (
    select
        sums.model_id,
        sums.source_language_code,
        sums.target_language_code,
        sums.root_code,
        totals.root_count,
        sums.present_count,
        sums.expected_sum,
        {{ wilson('sums.expected_sum', 'totals.root_count', 'expected_rate') }},
    from sums
    inner join totals
        on sums.model_id = totals.model_id
        and sums.target_language_code = totals.target_language_code
        and sums.root_code = totals.root_code
    order by sums.model_id, sums.root_code, sums.source_language_code, sums.target_language_code
)

select * from final
