with
published_fact_checks_table_3 as (select * from {{ ref('published_fact_checks_table_3') }}),

final as (
    select
        published_source,
        row_number,
        printed_precision,
        printed_recall,
        printed_precision + printed_tolerance >= printed_recall / (1 + printed_recall) as is_possible_as_printed,
        printed_recall as precision,
        printed_precision as recall,
        2 * printed_precision * printed_recall / nullif(printed_precision + printed_recall, 0) as f1_score,
        2 / 3::double as always_true_f1_score,
        note,
    from published_fact_checks_table_3
    order by published_source, row_number
)

select * from final
