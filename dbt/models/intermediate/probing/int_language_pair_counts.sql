with
dim_models as (select * from {{ ref('dim_models') }}),
dim_languages as not materialized (select * from {{ ref('dim_languages') }}),
dim_facts as (select * from {{ ref('dim_facts') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),
fct_predictions as (select * from {{ ref('fct_predictions') }}),

language_pairs as (
    select
        models.model_id,
        first_languages.language_code as language_a,
        second_languages.language_code as language_b,
    from dim_models as models
    inner join dim_languages as first_languages
        on models.language_codes is null or list_contains(models.language_codes, first_languages.language_code)
    inner join dim_languages as second_languages
        on first_languages.language_code < second_languages.language_code
        and (
            models.language_codes is null
            or list_contains(models.language_codes, second_languages.language_code)
        )
),

-- Small integers, because the joins below compare millions of pairs of languages and facts.
language_numbers as (
    {{ numbered("dim_languages", "language_code", "language_number", "smallint") }}
),

fact_numbers as (
    {{ numbered("dim_facts", "fact_id", "fact_number") }}
),

held as (
    select
        language_numbers.language_number,
        fact_numbers.fact_number,
    from int_language_facts
    inner join language_numbers using (language_code)
    inner join fact_numbers using (fact_id)
),

matched as (
    select
        predictions.model_id,
        language_numbers.language_number,
        fact_numbers.fact_number,
    from fct_predictions as predictions
    inner join language_numbers using (language_code)
    inner join fact_numbers using (fact_id)
    where predictions.is_full_match
),

shared as (
    select
        a.language_number as number_a,
        b.language_number as number_b,
        count(*) as shared_fact_count,
    from held as a
    inner join held as b
        on a.fact_number = b.fact_number
        and a.language_number < b.language_number
    group by all
),

-- Facts that are right in one language, among those that the dataset holds in the other one.
matched_and_held as (
    select
        matched.model_id,
        matched.language_number,
        held.language_number as other_number,
        count(*) as full_match_count,
    from matched
    inner join held
        on matched.fact_number = held.fact_number
        and matched.language_number != held.language_number
    group by all
),

matched_in_both as (
    select
        a.model_id,
        a.language_number as number_a,
        b.language_number as number_b,
        count(*) as intersection_count,
    from matched as a
    inner join matched as b
        on a.model_id = b.model_id
        and a.fact_number = b.fact_number
        and a.language_number < b.language_number
    group by all
),

final as (
    select
        language_pairs.model_id,
        language_pairs.language_a,
        language_pairs.language_b,
        coalesce(shared.shared_fact_count, 0) as shared_fact_count,
        coalesce(in_a.full_match_count, 0) as full_match_a_count,
        coalesce(in_b.full_match_count, 0) as full_match_b_count,
        coalesce(matched_in_both.intersection_count, 0) as intersection_count,
    from language_pairs
    inner join language_numbers as a on language_pairs.language_a = a.language_code
    inner join language_numbers as b on language_pairs.language_b = b.language_code
    left join shared
        on a.language_number = shared.number_a
        and b.language_number = shared.number_b
    left join matched_and_held as in_a
        on language_pairs.model_id = in_a.model_id
        and a.language_number = in_a.language_number
        and b.language_number = in_a.other_number
    left join matched_and_held as in_b
        on language_pairs.model_id = in_b.model_id
        and b.language_number = in_b.language_number
        and a.language_number = in_b.other_number
    left join matched_in_both
        on language_pairs.model_id = matched_in_both.model_id
        and a.language_number = matched_in_both.number_a
        and b.language_number = matched_in_both.number_b
)

select * from final
