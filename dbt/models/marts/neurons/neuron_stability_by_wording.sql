{%- set keys = ["model_id", "method_code", "language_code"] %}
{%- set key_list = keys | join(", ") %}
{%- set sets = {
    "neuron_jaccard": ("a.neurons", "b.neurons"),
    "relation_null": ("a.neurons", "b.relation_neurons"),
    "object_null": ("a.neurons", "b.object_neurons"),
    "same_wording": ("a.neurons", "a.relation_neurons"),
} %}
{%- set excesses = {
    "relation_excess": "relation_null", "object_excess": "object_null", "wording_excess": "same_wording",
} %}
{%- set measures = (sets.keys() | list) + (excesses.keys() | list) %}

with
int_wording_neurons as not materialized (select * from {{ ref('int_wording_neurons') }}),
dim_models as (select * from {{ ref('dim_models') }}),

compared as (
    select
        {%- for key in keys %}
        a.{{ key }},
        {%- endfor %}
        a.fact_id,
        {{ object_block("a") }} as block_index,
        len(a.neurons) as neuron_count,
        {%- for name, (left_set, right_set) in sets.items() %}
        len(list_intersect({{ left_set }}, {{ right_set }}))
            / (
                len({{ left_set }}) + len({{ right_set }}) - len(list_intersect({{ left_set }}, {{ right_set }}))
            ) as {{ name }},
        {%- endfor %}
    from int_wording_neurons as a
    inner join int_wording_neurons as b using ({{ key_list }}, fact_id)
    where a.template_id < b.template_id
),

observations as (
    select
        *,
        {%- for name, null in excesses.items() %}
        neuron_jaccard - {{ null }} as {{ name }},
        {%- endfor %}
    from compared
),

means as (
    {{ observed_block_means("observations", keys, measures) }}
),

counts as (
    select
        {{ key_list }},
        count(distinct fact_id) as fact_count,
        any_value(neuron_count) as neuron_count,
    from observations
    group by all
),

-- Two sets of k of N neurons share k * k / N by chance.
chances as (
    select
        {{ key_list }},
        counts.fact_count,
        counts.neuron_count ** 2
            / (models.layer_count * if(starts_with(counts.method_code, 'probeless-layer'), models.hidden_size, models.neuron_count))
            as chance_count,
        chance_count / (2 * counts.neuron_count - chance_count) as chance_score,
    from counts
    inner join dim_models as models using (model_id)
),

final as (
    select
        {{ key_list }},
        chances.fact_count,
        means.neuron_jaccard_count as wording_pair_count,
        chances.chance_score,
        {%- for name in measures %}
        {%- if not loop.first %}
        means.{{ name }}_count,
        {%- endif %}
        means.{{ name }}_score,
        means.{{ name }}_score_low,
        means.{{ name }}_score_high,
        {%- endfor %}
    from means
    inner join chances using ({{ key_list }})
    order by {{ key_list }}
)

select * from final
