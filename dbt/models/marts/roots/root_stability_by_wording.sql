{%- set keys = ["model_id", "language_code", "root_code", "template_id"] %}
{%- set key_list = keys | join(", ") %}

with
int_wording_answers as not materialized (select * from {{ ref('int_wording_answers') }}),
fct_fact_roots as (select * from {{ ref('fct_fact_roots') }}),

first_answers as (
    select
        answers.model_id,
        answers.language_code,
        answers.fact_id,
        answers.is_full_match,
        case when answers.is_full_match then roots.root_code else 'not_right' end as root_code,
    from int_wording_answers as answers
    left join fct_fact_roots as roots
        on answers.model_id = roots.model_id
        and answers.language_code = roots.language_code
        and answers.fact_id = roots.fact_id
        and roots.rule_code = 'paper'
    where answers.template_id = '1'
),

-- What the text states does not depend on the words of the question; whether the answer is right does.
cells as (
    select
        answers.model_id,
        answers.language_code,
        scope.root_code,
        answers.template_id,
        answers.object_cluster,
        count(*) as fact_count,
        count(*) filter (where answers.is_full_match = first_answers.is_full_match) as kept_count,
    from int_wording_answers as answers
    inner join first_answers using (model_id, language_code, fact_id)
    cross join unnest([first_answers.root_code, 'all']) as scope (root_code)
    where answers.template_id != '1' and first_answers.root_code is not null
    group by all
),

counts as (
    select
        {{ key_list }},
        sum(fact_count)::bigint as fact_count,
        sum(kept_count)::bigint as kept_count,
    from cells
    group by all
),

effective_counts as (
    {{ effective_counts("cells", keys, "object_cluster", "kept_count", "fact_count", "kept") }}
),

final as (
    select
        {{ key_list }},
        counts.fact_count,
        counts.kept_count,
        counts.kept_count / counts.fact_count as kept_rate,
        {{ clustered_wilson(
            "counts.kept_count / counts.fact_count", "effective_counts.kept_effective_count",
            "effective_counts.kept_cluster_count", "kept_rate"
        ) }},
    from counts
    inner join effective_counts using ({{ key_list }})
    order by {{ key_list }}
)

select * from final
