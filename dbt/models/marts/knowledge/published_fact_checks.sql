with
published_fact_checks_table_3 as (select * from {{ ref('published_fact_checks_table_3') }}),
fact_check_scores as (select * from {{ ref('fact_check_scores') }}),
dim_models as (select * from {{ ref('dim_models') }}),

study_models as (
    {{ models_of_chen("dim_models") }}
),

-- With recall R, all wrong objects accepted gives the smallest precision: R / (1 + R).
final as (
    select
        published.row_number || coalesce('@' || study_models.model_id, '') as comparison_id,
        published.published_source,
        published.row_number,
        published.language_code,
        published.model_code,
        published.check_code,
        published.printed_precision,
        published.printed_recall,
        published.printed_f1_score,
        published.printed_precision + published.printed_tolerance
            >= published.printed_recall / (1 + published.printed_recall) as is_possible_as_printed,
        published.printed_recall + published.printed_tolerance
            >= published.printed_precision / (1 + published.printed_precision) as is_possible_as_swapped,
        published.printed_recall as precision,
        published.printed_precision as recall,
        2 * published.printed_precision * published.printed_recall
        / nullif(published.printed_precision + published.printed_recall, 0) as f1_score,
        2 / 3::double as always_true_f1_score,
        study_models.model_id,
        measured.precision as measured_precision,
        measured.recall as measured_recall,
        measured.f1_score as measured_f1_score,
        published.note,
    from published_fact_checks_table_3 as published
    left join study_models using (model_code)
    left join fact_check_scores as measured
        on study_models.model_id = measured.model_id
        and published.language_code = measured.language_code
        and published.check_code = measured.check_code
        and measured.relation_id = 'all'
    order by comparison_id
)

select * from final
