{%- set keys = ["model_id", "position_code", "layer_index", "language_pair_code"] %}
{%- set key_list = keys | join(", ") %}
{%- set measures = ["source", "own", "source_name", "control", "over_control"] %}

with
int_patched_answers as (select * from {{ ref('int_patched_answers') }}),

-- Patches of one fact depend on each other, in all pairs of languages.
observations as (
    select
        int_patched_answers.*,
        is_source as source,
        is_own as own,
        is_source_name as source_name,
        is_control as control,
    from int_patched_answers
),

counts as (
    select
        {{ key_list }},
        count(distinct language_code || ' ' || source_language_code) as language_pair_count,
        count(distinct fact_id) as fact_count,
        count(*) as patch_count,
        {%- for measure in measures[:4] %}
        coalesce(sum({{ measure }}), 0)::bigint as {{ measure }}_count,
        count({{ measure }}) as {{ measure }}_patch_count,
        {%- endfor %}
    from observations
    group by all
),

means as (
    {{ bootstrap_means("observations", keys, measures) }}
),

final as (
    select
        {{ key_list }},
        counts.language_pair_count,
        counts.fact_count,
        counts.patch_count,
        {%- for measure in measures[:4] %}
        {%- if measure in ("source_name", "control") %}
        counts.{{ measure }}_patch_count,
        {%- endif %}
        counts.{{ measure }}_count,
        means.{{ measure }}_score as {{ measure }}_rate,
        means.{{ measure }}_score_low as {{ measure }}_rate_low,
        means.{{ measure }}_score_high as {{ measure }}_rate_high,
        {%- endfor %}
        means.over_control_score,
        means.over_control_score_low,
        means.over_control_score_high,
    from counts
    inner join means using ({{ key_list }})
    order by {{ key_list }}
)

select * from final
