-- What the test of overlaps can and cannot say about a language, for every method of the lake. Shares of
-- p values above a half are twice those of the null (Storey 2002), so 1 - 2 * share is above it.
{%- set keys = ["model_id", "method_code", "language_code"] %}
{%- set key_list = keys | join(", ") %}

with
int_overlap_answers as not materialized (select * from {{ ref('int_overlap_answers') }}),
int_root_overlaps as (select * from {{ ref('int_root_overlaps') }}),

answers as (
    select
        model_id,
        method_code,
        unnest([language_code, 'all']) as language_code,
        relation_id,
        object_id,
        null_code,
        (adjusted_p_value < {{ var("significance_level") }})::integer as is_found,
        (across_facts_p_value < {{ var("significance_level") }})::integer as is_found_across_facts,
        1 as is_tested,
    from int_overlap_answers
),

object_answers as not materialized (
    select * from answers
    where null_code = 'object'
),

pairs as (
    select
        model_id,
        method_code,
        unnest([language_code, 'all']) as language_code,
        relation_id,
        object_id,
        (p_value > 0.5)::integer as is_high,
        1 as is_tested,
    from int_root_overlaps
    where null_code = 'object'
),

found_clusters as (
    {{ effective_counts("object_answers", keys, "relation_id, object_id", "is_found", "is_tested", "found") }}
),

high_clusters as (
    {{ effective_counts("pairs", keys, "relation_id, object_id", "is_high", "is_tested", "high") }}
),

counts as (
    select
        {{ key_list }},
        count(*) filter (where null_code = 'object') as answer_count,
        count(*) filter (where null_code = 'relation') as no_object_null_count,
        coalesce(sum(is_found) filter (where null_code = 'object'), 0)::bigint as found_count,
        coalesce(sum(is_found_across_facts) filter (where null_code = 'object'), 0)::bigint as across_facts_found_count,
    from answers
    group by all
),

pair_counts as (
    select
        {{ key_list }},
        count(*) as pair_test_count,
        sum(is_high) / count(*) as high,
    from pairs
    group by all
),

bounds as (
    select
        counts.*,
        found_clusters.found_cluster_count,
        found_count / nullif(answer_count, 0) as found_rate,
        {{ clustered_wilson("found_rate", "found_effective_count", "found_cluster_count", "found_rate") }},
        coalesce(pair_counts.pair_test_count, 0) as pair_test_count,
        pair_counts.high,
        {{ clustered_wilson("pair_counts.high", "high_effective_count", "high_cluster_count", "high") }},
    from counts
    left join pair_counts using ({{ key_list }})
    left join found_clusters using ({{ key_list }})
    left join high_clusters using ({{ key_list }})
),

final as (
    select
        {{ key_list }},
        answer_count,
        no_object_null_count,
        coalesce(found_cluster_count, 0) as object_count,
        found_count,
        found_rate,
        found_rate_low,
        found_rate_high,
        ({{ var("significance_level") }} * answer_count)::double as expected_false_sum,
        across_facts_found_count,
        pair_test_count,
        {%- for share, bound in [("high", ""), ("high_high", "_low"), ("high_low", "_high")] %}
        if({{ share }} < 0.5, 1 - 2 * {{ share }}, 0 * {{ share }}) as above_null_score{{ bound }},
        {%- endfor %}
    from bounds
    order by {{ key_list }}
)

select * from final
