-- Facts that cannot be shared between languages, because the table of facts does not identify them
select
    printf(
        '%d of %d facts are identified by their labels alone, so each of them belongs to one of the %d languages, and '
        || 'nothing can be said about sharing them. Give rows of the same fact the same fact_id, or the same '
        || 'subject_id and object_id.',
        count(*) filter (where has_no_id),
        count(*),
        (select count(*) from dim_languages)
    ) as note,
from (
    select
        language_count = 1
        and starts_with(fact_id, 'fact-')
        and (starts_with(subject_id, 'label-') or starts_with(object_id, 'label-')) as has_no_id,
    from dim_facts
) as facts
having bool_or(has_no_id) and (select count(*) from dim_languages) > 1
