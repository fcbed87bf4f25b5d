-- A query and the texts of one language about facts of its relation. The excess says how far its own
-- text is above the texts about other facts, in their standard deviations: a whole language that is
-- similar to the query drops out.
{%- set measures = {"gradient": "gradient_score", "bm25": "bm25_score"} %}

with
stg_lake__text_gradients as (select * from {{ ref('stg_lake__text_gradients') }}),
stg_lake__models as (select * from {{ ref('stg_lake__models') }}),

scores as (
    {%- for measure, score in measures.items() %}
    select
        gradients.model_id,
        gradients.language_code as target_language_code,
        gradients.fact_id,
        gradients.text_language_code as source_language_code,
        '{{ measure }}' as measure_code,
        gradients.text_fact_id = gradients.fact_id as is_own,
        gradients.{{ score }} as score,
    from stg_lake__text_gradients as gradients
    inner join stg_lake__models using (model_id)
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

others as (
    select
        model_id,
        target_language_code,
        fact_id,
        source_language_code,
        measure_code,
        max(score) filter (where is_own) as own_score,
        max(score) filter (where not is_own) as best_other_score,
        count(*) as text_count,
        avg(score order by score) filter (where not is_own) as other_mean,
        stddev_samp(score order by score) filter (where not is_own) as other_deviation,
    from scores
    group by all
),

final as (
    select
        *,
        (own_score - other_mean) / nullif(round(other_deviation, 9), 0) as own_excess,
        (best_other_score - other_mean) / nullif(round(other_deviation, 9), 0) as best_other_excess,
    from others
    where own_score is not null
)

select * from final
