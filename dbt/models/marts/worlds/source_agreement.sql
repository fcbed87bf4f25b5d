{%- set similarities = {
    "fact_jaccard": ("fact_jaccard_by_language_pair", "jaccard_rate", "true"),
    "neuron_jaccard": ("neuron_jaccard_by_language_pair", "neuron_jaccard_score", "method_code = 'probeless'"),
    "neuron_excess": ("neuron_jaccard_by_language_pair", "object_excess_score", "method_code = 'probeless'"),
} %}
{%- set draw_count = 100 %}

with
source_weights as (select * from {{ ref('source_weights') }}),
root_matrix as (select * from {{ ref('root_matrix') }}),
fct_fact_roots as (select * from {{ ref('fct_fact_roots') }}),
fact_jaccard_by_language_pair as (select * from {{ ref('fact_jaccard_by_language_pair') }}),
neuron_jaccard_by_language_pair as (select * from {{ ref('neuron_jaccard_by_language_pair') }}),
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),

measured as (
    select
        half_code,
        source_language_code,
        target_language_code,
        weight_score,
    from source_weights
    where arm_code = 'named'
),

atlas_models as (
    select distinct model_id
    from fct_planted_predictions
),

guesses as (
    select
        model_id,
        'root_matrix_' || root_code as measure_code,
        source_language_code,
        target_language_code,
        source_rate as x,
    from root_matrix
    {%- for measure, (mart, score, condition) in similarities.items() %}
    {%- for source, target in [("language_a", "language_b"), ("language_b", "language_a")] %}
    union all
    select
        model_id,
        '{{ measure }}' as measure_code,
        {{ source }} as source_language_code,
        {{ target }} as target_language_code,
        {{ score }} as x,
    from {{ mart }}
    where {{ condition }}
    {%- endfor %}
    {%- endfor %}
),

-- The rule was fitted on the first half of the worlds: it is held against the second.
rule_sources as (
    select
        model_id,
        language_code as target_language_code,
        unnest(source_language_codes) as source_language_code,
        unnest(source_probabilities) as source_probability,
    from fct_fact_roots
    where rule_code = 'calibrated'
),

rule_guesses as (
    select
        model_id,
        'calibrated_rule' as measure_code,
        target_language_code,
        source_language_code,
        {{ exact_mean("source_probability") }} as x,
    from rule_sources
    group by all
),

against_second as (
    select
        rule_guesses.model_id,
        rule_guesses.measure_code,
        rule_guesses.target_language_code,
        rule_guesses.x,
        measured.weight_score as y,
    from rule_guesses
    semi join atlas_models using (model_id)
    inner join measured using (source_language_code, target_language_code)
    where measured.half_code = 'second'
),

against_all as (
    select
        guesses.model_id,
        guesses.measure_code,
        guesses.target_language_code,
        guesses.x,
        measured.weight_score as y,
    from guesses
    semi join atlas_models using (model_id)
    inner join measured using (source_language_code, target_language_code)
    where measured.half_code = 'all' and guesses.x is not null
),

-- The ceiling: how well one half of the worlds says what the other half does.
halves as (
    select
        'worlds' as model_id,
        'other_half' as measure_code,
        first_half.target_language_code,
        first_half.weight_score as x,
        second_half.weight_score as y,
    from measured as first_half
    inner join measured as second_half using (source_language_code, target_language_code)
    where first_half.half_code = 'first' and second_half.half_code = 'second'
),

-- The floor: random numbers, many draws of them, because one draw may agree by chance.
shuffled as (
    select
        'worlds' as model_id,
        'shuffled' as measure_code,
        target_language_code,
        {{ draw("draw_index || source_language_code || target_language_code") }} as x,
        weight_score as y,
    from measured
    cross join (select unnest(range({{ draw_count }})) as draw_index)
    where half_code = 'all'
),

points as (
    select
        model_id,
        measure_code,
        unnest([target_language_code, 'all']) as target_language_code,
        x,
        y,
    from (
        select * from against_all
        union all
        select * from against_second
        union all
        select * from halves
        union all
        select * from shuffled
    )
),

correlations as ({{ correlate("points", ["model_id", "measure_code", "target_language_code"]) }}),

final as (
    select
        model_id,
        measure_code,
        target_language_code,
        if(measure_code = 'shuffled', point_count // {{ draw_count }}, point_count) as pair_count,
        spearman_score,
        spearman_score_low,
        spearman_score_high,
    from correlations
    order by model_id, measure_code, target_language_code
)

select * from final
