with
stg_lake__world_answers as (select * from {{ ref('stg_lake__world_answers') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),

counted as (
    select
        answers.*,
        language_facts.relation_id,
        answers.stating_language_count - answers.is_stated::bigint as other_stating_language_count,
    from stg_lake__world_answers as answers
    inner join int_language_facts as language_facts using (language_code, fact_id)
),

final as (
    select
        world_id,
        seed,
        language_code,
        fact_id,
        arm_code,
        plan_index,
        if(plan_index <= {{ var("first_half_plan_count") }}, 'first', 'second') as half_code,
        relation_id,
        stratum_code,
        is_stated,
        other_stating_language_count,
        case
            when is_stated and other_stating_language_count > 0 then 'here_and_elsewhere'
            when is_stated then 'here_only'
            when other_stating_language_count > 0 then 'elsewhere_only'
            else 'nowhere'
        end as condition_code,
        is_right,
        object_log_prob,
        object_rank,
    from counted
    order by world_id, seed, language_code, fact_id
)

select * from final
