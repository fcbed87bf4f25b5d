{%- set keys = ["model_id", "position_code", "layer_index", "language_pair_code"] %}
{%- set key_list = keys | join(", ") %}
{%- set answers = ["source", "own", "source_name", "control"] %}

with
int_patched_answers as (select * from {{ ref('int_patched_answers') }}),

-- One row per fact: its patches depend on each other, in all pairs of languages.
facts as (
    select
        {{ key_list }},
        fact_id,
        count(*) as patch_count,
        {%- for answer in answers %}
        coalesce(sum(is_{{ answer }}), 0)::bigint as {{ answer }}_count,
        count(is_{{ answer }}) as {{ answer }}_patch_count,
        {%- endfor %}
    from int_patched_answers
    group by all
),

counts as (
    select
        {{ key_list }},
        count(*) as fact_count,
        sum(patch_count)::bigint as patch_count,
        {%- for answer in answers %}
        sum({{ answer }}_count)::bigint as {{ answer }}_count,
        sum({{ answer }}_patch_count)::bigint as {{ answer }}_patch_count,
        {{ answer }}_count / nullif({{ answer }}_patch_count, 0)::double as {{ answer }}_rate,
        {%- endfor %}
    from facts
    group by all
),

language_pairs as (
    select
        {{ key_list }},
        count(distinct language_code || ' ' || source_language_code) as language_pair_count,
    from int_patched_answers
    group by all
),
{% for answer in answers %}
{{ answer }}_effective_counts as (
    {{ effective_counts("facts", keys, "fact_id", answer ~ "_count", answer ~ "_patch_count", answer) }}
),
{% endfor %}
means as (
    {{ observed_block_means("int_patched_answers", keys, ["over_control"]) }}
),

final as (
    select
        {{ key_list }},
        language_pairs.language_pair_count,
        counts.fact_count,
        counts.patch_count,
        {%- for answer in answers %}
        {%- if answer in ("source_name", "control") %}
        counts.{{ answer }}_patch_count,
        {%- endif %}
        counts.{{ answer }}_count,
        counts.{{ answer }}_rate,
        {{ clustered_wilson(
            "counts." ~ answer ~ "_rate",
            answer ~ "_effective_counts." ~ answer ~ "_effective_count",
            answer ~ "_effective_counts." ~ answer ~ "_cluster_count",
            answer ~ "_rate",
        ) }},
        {%- endfor %}
        means.over_control_score,
        means.over_control_score_low,
        means.over_control_score_high,
    from counts
    inner join language_pairs using ({{ key_list }})
    {%- for answer in answers %}
    left join {{ answer }}_effective_counts using ({{ key_list }})
    {%- endfor %}
    inner join means using ({{ key_list }})
    order by {{ key_list }}
)

select * from final
