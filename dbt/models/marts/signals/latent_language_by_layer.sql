{%- set keys = ["model_id", "language_code", "layer_index", "name_group_code"] %}
{%- set key_list = keys | join(", ") %}
{%- set measures = ["over_random", "log_prob", "log_prob_over_random"] %}

with
stg_lake__latent_languages as (select * from {{ ref('stg_lake__latent_languages') }}),
dim_models as (select * from {{ ref('dim_models') }}),
dim_languages as not materialized (select * from {{ ref('dim_languages') }}),
dim_facts as (select * from {{ ref('dim_facts') }}),

-- A name that is written as in the asked language is the name in the asked language.
names as (
    select
        names.model_id,
        names.language_code,
        names.layer_index,
        names.fact_id,
        names.is_random,
        names.name_rank,
        names.name_log_prob,
        case
            when names.is_same_name then 'asked'
            when names.name_language_code = 'en' then 'english'
            when named.script = asked.script then 'same_script'
            else 'other_script'
        end as name_group_code,
    from stg_lake__latent_languages as names
    semi join dim_models using (model_id)
    inner join dim_languages as asked using (language_code)
    inner join dim_languages as named on names.name_language_code = named.language_code
),

name_groups as (
    select
        unnest(['asked', 'english', 'same_script', 'other_script']) as name_group_code,
        unnest([1, 2, 3, 4]) as group_number,
),

-- The best name of each group.
best_names as (
    select
        model_id,
        language_code,
        layer_index,
        fact_id,
        is_random,
        name_group_code,
        max(name_log_prob) as log_prob,
        min(name_rank) as name_rank,
    from names
    group by all
),

-- Facts count that have names to choose from. Of equal names the first group has it.
winners as (
    select
        model_id,
        language_code,
        layer_index,
        fact_id,
        is_random,
        arg_max(name_group_code, (log_prob, -group_number)) as best_group_code,
    from best_names
    inner join name_groups using (name_group_code)
    group by all
    having count(*) > 1
),

-- One row per fact and group; a group without a name of the fact is never the best.
observations as (
    select
        own.model_id,
        own.language_code,
        own.layer_index,
        name_groups.name_group_code,
        own.fact_id,
        (own.best_group_code = name_groups.name_group_code)::integer as is_best,
        (other.best_group_code = name_groups.name_group_code)::integer as is_random_best,
        is_best - is_random_best as over_random,
        own_best.log_prob,
        own_best.log_prob - other_best.log_prob as log_prob_over_random,
        own_best.name_rank,
        {{ object_block() }} as block_index,
    from winners as own
    cross join name_groups
    inner join dim_facts on own.fact_id = dim_facts.fact_id
    left join winners as other
        on own.model_id = other.model_id
        and own.language_code = other.language_code
        and own.layer_index = other.layer_index
        and own.fact_id = other.fact_id
        and other.is_random
    left join best_names as own_best
        on own.model_id = own_best.model_id
        and own.language_code = own_best.language_code
        and own.layer_index = own_best.layer_index
        and own.fact_id = own_best.fact_id
        and name_groups.name_group_code = own_best.name_group_code
        and not own_best.is_random
    left join best_names as other_best
        on own.model_id = other_best.model_id
        and own.language_code = other_best.language_code
        and own.layer_index = other_best.layer_index
        and own.fact_id = other_best.fact_id
        and name_groups.name_group_code = other_best.name_group_code
        and other_best.is_random
    where not own.is_random
),

means as (
    {{ observed_block_means("observations", keys, measures) }}
),

counts as (
    select
        {{ key_list }},
        count(*) as fact_count,
        count(log_prob) as named_fact_count,
        sum(is_best)::bigint as best_count,
        count(*) filter (where name_rank = 1) as first_count,
        count(is_random_best) as random_fact_count,
        coalesce(sum(is_random_best), 0)::bigint as random_best_count,
    from observations
    group by all
),

final as (
    select
        {{ key_list }},
        counts.fact_count,
        counts.named_fact_count,
        counts.best_count,
        {{ wilson('counts.best_count', 'counts.fact_count', 'best_rate') }},
        counts.first_count,
        {{ wilson('counts.first_count', 'counts.fact_count', 'first_rate') }},
        counts.random_fact_count,
        counts.random_best_count,
        {{ wilson('counts.random_best_count', 'counts.random_fact_count', 'random_best_rate') }},
        {%- for measure in measures %}
        means.{{ measure }}_score,
        means.{{ measure }}_score_low,
        means.{{ measure }}_score_high,
        {%- endfor %}
    from counts
    inner join means using ({{ key_list }})
    order by {{ key_list }}
)

select * from final
