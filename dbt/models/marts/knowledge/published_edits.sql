with
published_edits_table_2 as (select * from {{ ref('published_edits_table_2') }}),
edit_effects as (select * from {{ ref('edit_effects') }}),
dim_models as (select * from {{ ref('dim_models') }}),

study_models as (
    {{ models_of_chen("dim_models") }}
),

-- The change against another row of the same table, from the printed figures, with the error that their
-- rounding leaves.
changes as (
    select
        published.*,
        published.printed_success_score / base.printed_success_score - 1 as change,
        (published.printed_tolerance + base.printed_tolerance * (1 + abs(change))) / base.printed_success_score
            as change_tolerance,
    from published_edits_table_2 as published
    left join published_edits_table_2 as base
        on published.published_source = base.published_source
        and published.language_code = base.language_code
        and published.model_code = base.model_code
        and published.change_from_edit_set_code = base.edit_set_code
),

final as (
    select
        published.row_number || coalesce('@' || study_models.model_id, '') as comparison_id,
        published.published_source,
        published.row_number,
        published.language_code,
        published.model_code,
        published.edit_set_code,
        published.printed_success_score,
        published.change_from_edit_set_code,
        published.printed_change_percent / 100 as printed_change_score,
        published.change as change_score,
        abs(published.printed_change_percent / 100 - published.change) <= published.change_tolerance + 0.00005
            as is_possible_as_printed,
        study_models.model_id,
        measured.published_success_score as measured_success_score,
        measured.over_unrelated_score as measured_over_unrelated_score,
    from changes as published
    left join study_models using (model_code)
    left join edit_effects as measured
        on study_models.model_id = measured.model_id
        and published.language_code = measured.language_code
        and published.edit_set_code = measured.edit_set_code
        and measured.edit_factor = 0
    order by comparison_id
)

select * from final
