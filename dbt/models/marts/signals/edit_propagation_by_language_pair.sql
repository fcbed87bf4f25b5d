{%- set keys = "model_id, source_language_code, target_language_code, name_code" %}

with
stg_lake__edit_propagations as (select * from {{ ref('stg_lake__edit_propagations') }}),
stg_lake__models as (select * from {{ ref('stg_lake__models') }}),

changes as (
    select
        model_id,
        language_code,
        fact_id,
        new_object_label,
    from stg_lake__edit_propagations
    where query_code = 'edited' and target_language_code = language_code
),

-- One row per changed fact and language that is asked, with its control.
asked as (
    select
        edited.model_id,
        edited.language_code as source_language_code,
        edited.target_language_code,
        unnest(
            if(edited.new_object_label = changes.new_object_label, ['all'], ['all', 'other_name'])
        ) as name_code,
        edited.is_new_top_before,
        edited.is_new_top_after,
        control.is_new_top_after as is_control_top_after,
        edited.new_log_prob_after - edited.new_log_prob_before
            - (control.new_log_prob_after - control.new_log_prob_before) as excess,
    from stg_lake__edit_propagations as edited
    inner join stg_lake__models using (model_id)
    inner join changes using (model_id, language_code, fact_id)
    left join stg_lake__edit_propagations as control
        on edited.model_id = control.model_id
        and edited.language_code = control.language_code
        and edited.fact_id = control.fact_id
        and edited.target_language_code = control.target_language_code
        and control.query_code = 'control'
    where edited.query_code = 'edited'
),

counts as (
    select
        {{ keys }},
        count(*) as fact_count,
        count(*) filter (where is_new_top_before) as before_count,
        count(*) filter (where is_new_top_after) as propagated_count,
        count(is_control_top_after) as control_count,
        count(*) filter (where is_control_top_after) as control_propagated_count,
        avg(excess order by excess) as excess_mean,
        var_samp(excess order by excess) / count(excess) as excess_variance,
    from asked
    group by all
),

final as (
    select
        {{ keys }},
        fact_count,
        before_count,
        propagated_count,
        {{ wilson('propagated_count', 'fact_count', 'propagated_rate') }},
        control_count,
        control_propagated_count,
        {{ wilson('control_propagated_count', 'control_count', 'control_propagated_rate') }},
        {{ normal_interval("excess_mean", "excess_variance", "excess_score") }},
    from counts
    order by {{ keys }}
)

select * from final
