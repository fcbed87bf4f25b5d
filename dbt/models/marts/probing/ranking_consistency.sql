{%- set keys = ["model_id", "language_code", "other_language_code", "score_code"] %}
{%- set key_list = keys | join(", ") %}
{%- set measures = ["rank_consistency", "null_rank_consistency"] %}

with
stg_lake__object_rankings as (select * from {{ ref('stg_lake__object_rankings') }}),
fct_predictions as not materialized (select * from {{ ref('fct_predictions') }}),
int_language_facts as not materialized (select * from {{ ref('int_language_facts') }}),

-- The other fact of the null is the next one of its relation, in an order that is drawn once.
ranked as (
    select
        rankings.model_id,
        rankings.language_code,
        rankings.fact_id,
        rankings.score_code,
        predictions.relation_id,
        predictions.object_id,
        rankings.object_rank = 1 as is_right,
        rankings.candidate_ids,
        case
            when count(*) over facts > 1
            then coalesce(lead(rankings.candidate_ids) over facts_in_order, first(rankings.candidate_ids) over facts_in_order)
        end as other_candidate_ids,
    from stg_lake__object_rankings as rankings
    inner join fct_predictions as predictions using (model_id, language_code, fact_id)
    where rankings.object_rank is not null
    window
        facts as (partition by rankings.model_id, rankings.language_code, rankings.score_code, predictions.relation_id),
        facts_in_order as (
            partition by rankings.model_id, rankings.language_code, rankings.score_code, predictions.relation_id
            order by {{ draw("rankings.fact_id") }}
        )
),

objects as (
    select distinct language_code, relation_id, object_id
    from int_language_facts
    semi join ranked using (language_code, relation_id)
),

-- Objects that the other language lacks: they cannot stand in both lists.
lacking as (
    select
        objects.language_code,
        languages.language_code as other_language_code,
        objects.relation_id,
        list(objects.object_id) as object_ids,
    from objects
    inner join (select distinct language_code from objects) as languages
        on objects.language_code != languages.language_code
    anti join objects as others
        on languages.language_code = others.language_code
        and objects.relation_id = others.relation_id
        and objects.object_id = others.object_id
    group by all
),

pairs as (
    select
        a.model_id,
        a.language_code,
        b.language_code as other_language_code,
        a.score_code,
        a.relation_id,
        a.object_id,
        a.is_right,
        b.is_right as other_is_right,
        {%- for name, ids, lacked in [
            ("own_ids", "a.candidate_ids", "lacking_there"),
            ("their_ids", "b.candidate_ids", "lacking_here"),
            ("null_ids", "b.other_candidate_ids", "lacking_here"),
        ] %}
        if(
            {{ lacked }}.object_ids is null, {{ ids }},
            list_filter({{ ids }}, lambda id: not list_contains({{ lacked }}.object_ids, id))
        ) as {{ name }},
        {%- endfor %}
    from ranked as a
    inner join ranked as b
        on a.model_id = b.model_id
        and a.fact_id = b.fact_id
        and a.score_code = b.score_code
        and a.language_code != b.language_code
    left join lacking as lacking_there
        on a.language_code = lacking_there.language_code
        and b.language_code = lacking_there.other_language_code
        and a.relation_id = lacking_there.relation_id
    left join lacking as lacking_here
        on b.language_code = lacking_here.language_code
        and a.language_code = lacking_here.other_language_code
        and a.relation_id = lacking_here.relation_id
),

compared as (
    select
        *,
        {{ object_block("pairs") }} as block_index,
        {{ rank_consistency("own_ids", "their_ids") }} as rank_consistency,
        {{ rank_consistency("own_ids", "null_ids") }} as null_rank_consistency,
    from pairs
),

counts as (
    select
        {{ key_list }},
        count(*) as fact_count,
        count(*) filter (where is_right) as right_count,
        count(*) filter (where other_is_right) as other_right_count,
        count(*) filter (where is_right and other_is_right) as both_right_count,
    from compared
    group by all
),

means as (
    {{ observed_block_means("compared", keys, measures) }}
),

final as (
    select
        {{ key_list }},
        counts.fact_count,
        {%- for measure in measures %}
        means.{{ measure }}_score,
        means.{{ measure }}_score_low,
        means.{{ measure }}_score_high,
        {%- endfor %}
        counts.right_count,
        counts.both_right_count,
        {{ wilson("counts.both_right_count", "counts.right_count", "consistent_rate") }},
        counts.other_right_count,
        {{ wilson("counts.other_right_count", "counts.fact_count", "expected_rate") }},
    from counts
    inner join means using ({{ key_list }})
    order by {{ key_list }}
)

select * from final
