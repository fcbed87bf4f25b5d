{{ config(materialized='table') }}

{%- set nulls = ["object", "relation"] %}
{%- set pair = "model_id, null_code, language_a, language_b" %}

with
int_neuron_overlaps as (select * from {{ ref('int_neuron_overlaps') }}),
int_root_scopes as (select * from {{ ref('int_root_scopes') }}),

compared as (
    select neurons.*
    from int_neuron_overlaps as neurons
    semi join int_root_scopes as scopes
        on neurons.model_id = scopes.model_id
        and neurons.method_code = scopes.method_code
),

-- One null overlap per fact: a mean of two would vary less than the single overlap it is compared with.
null_values as (
    {%- for null in nulls %}
    select
        model_id,
        '{{ null }}' as null_code,
        language_a,
        language_b,
        relation_id,
        {{ null }}_null_single_score as null_value,
    from compared
    where {{ null }}_null_single_score is not null
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

levels as (
    select
        {{ pair }},
        avg(null_value order by null_value) as null_score,
        stddev_samp(null_value order by null_value) as null_spread,
    from null_values
    group by all
    having count(*) >= {{ var("smallest_null") }} and null_spread > 0
),

-- Pairs of languages differ in how much any two facts overlap. Standardized by their pair's null, the
-- overlaps of all pairs of languages in a relation can be compared.
final as (
    select
        {{ pair }},
        compared.relation_id,
        compared.fact_id,
        compared.jaccard_score,
        levels.null_score,
        (compared.jaccard_score - levels.null_score) / levels.null_spread as excess,
    from compared
    inner join levels using (model_id, language_a, language_b)
    union all
    select
        {{ pair }},
        null_values.relation_id,
        null as fact_id,
        null as jaccard_score,
        null as null_score,
        (null_values.null_value - levels.null_score) / levels.null_spread,
    from null_values
    inner join levels using ({{ pair }})
)

select * from final
