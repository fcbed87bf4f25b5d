{#- A select that counts the facts, the three kinds of matches and the right answers per `keys` in `predictions`. -#}
{% macro match_counts(predictions, keys) -%}
    select
        {{ keys | join(", ") }},
        count(*) as fact_count,
        count(*) filter (where is_full_match) as full_match_count,
        {#- Imported answers without tokens have no partial matches that could be counted. #}
        case when count(is_partial_match) = count(is_full_match) then count(*) filter (where is_partial_match) end
            as partial_match_count,
        count(*) filter (where is_any_object_match) as any_object_match_count,
        count(*) filter (where is_right) as right_count,
    from {{ predictions }}
    group by all
{%- endmacro %}
