with
stg_lake__fact_checks as (select * from {{ ref('stg_lake__fact_checks') }}),
dim_models as (select * from {{ ref('dim_models') }}),
dim_languages as (select * from {{ ref('dim_languages') }}),
dim_facts as (select * from {{ ref('dim_facts') }}),

checks as (
    select
        checks.*,
        dim_facts.relation_id,
    from stg_lake__fact_checks as checks
    semi join dim_models using (model_id)
    semi join dim_languages using (language_code)
    inner join dim_facts using (fact_id)
),

neurons as (
    select
        checks.*,
        kind.check_code,
        kind.check_score,
    from checks
    cross join unnest([
        {
            'check_code': if(is_random, 'random_', '') || neuron_set_code || '_attribution',
            'check_score': attribution_score
        },
        {
            'check_code': if(is_random, 'random_', '') || neuron_set_code || '_activation',
            'check_score': activation_score
        }
    ]) as kinds (kind)
),

-- Scores without neurons are the same in all rows of a candidate; one row is taken.
answers as (
    select
        checks.*,
        kind.check_code,
        kind.check_score,
    from checks
    cross join unnest([
        { 'check_code': 'always_true', 'check_score': 1::double },
        { 'check_code': 'top_1', 'check_score': is_top::integer::double },
        { 'check_code': 'probability', 'check_score': log_prob }
    ]) as kinds (kind)
    where neuron_set_code = 'knowledge' and not is_random
),

final as (
    select
        model_id,
        language_code,
        relation_id,
        fact_id,
        is_true,
        split,
        check_code,
        check_score,
    from (
        select * from neurons
        union all by name
        select * from answers
    )
    where check_score is not null
)

select * from final
