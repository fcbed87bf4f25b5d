with
fct_name_cues as (select * from {{ ref('fct_name_cues') }}),

counts as (
    select
        language_code,
        count(*) as fact_count,
        count(*) filter (where is_name_cue) as cue_count,
        count(other_fact_id) as other_count,
        count(*) filter (where is_other_name_cue) as other_cue_count,
    from fct_name_cues
    group by all
),

final as (
    select
        *,
        {{ wilson('cue_count', 'fact_count', 'cue_rate') }},
        {{ wilson('other_cue_count', 'other_count', 'other_cue_rate') }},
    from counts
    order by language_code
)

select * from final
