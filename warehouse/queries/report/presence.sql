-- Right answers with and without a source in the language's own text
-- Of the facts that the model gets right: how many does the language's training text state?
-- n: format('{:,} right answers', sum(fact_count)::bigint)
with counts as (
    select
        model_id,
        language_code,
        fact_count - absent_count as present_count,
        absent_count,
        absent_rate,
    from absence_by_language
    where scope_code = 'full_match'
        and text_unit = (select min(text_unit) from absence_by_language)
        and (model_id, corpus_id) in (select (model_id, corpus_id) from dim_models)
)

select model_id, language_code, 'stated' as source, present_count as fact_count, absent_rate from counts
union all
select model_id, language_code, 'not stated' as source, absent_count as fact_count, absent_rate from counts
order by model_id, language_code, source desc
