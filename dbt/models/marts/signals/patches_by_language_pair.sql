{%- set keys = ["model_id", "language_code", "source_language_code", "position_code", "layer_index"] %}
{%- set key_list = keys | join(", ") %}
{%- set measures = ["over_control", "source_delta", "delta_over_control"] %}

with
int_patched_answers as (select * from {{ ref('int_patched_answers') }}),

counts as (
    select
        {{ key_list }},
        any_value(language_pair_code) as language_pair_code,
        count(*) as fact_count,
        {%- for name, column in [
            ("source", "is_source"),
            ("own", "is_own"),
            ("source_name", "is_source_name"),
            ("control", "is_control"),
        ] %}
        count({{ column }}) as {{ name }}_fact_count,
        coalesce(sum({{ column }}), 0)::bigint as {{ name }}_count,
        {%- endfor %}
    from int_patched_answers
    group by {{ key_list }}
),

means as (
    {{ observed_block_means("int_patched_answers", keys, measures) }}
),

final as (
    select
        {{ key_list }},
        counts.language_pair_code,
        counts.fact_count,
        counts.source_count,
        {{ wilson('counts.source_count', 'counts.fact_count', 'source_rate') }},
        counts.own_count,
        {{ wilson('counts.own_count', 'counts.fact_count', 'own_rate') }},
        counts.source_name_fact_count,
        counts.source_name_count,
        {{ wilson('counts.source_name_count', 'counts.source_name_fact_count', 'source_name_rate') }},
        counts.control_fact_count,
        counts.control_count,
        {{ wilson('counts.control_count', 'counts.control_fact_count', 'control_rate') }},
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
