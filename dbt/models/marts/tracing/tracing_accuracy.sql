with
stg_lake__atlas_truth as (select * from {{ ref('stg_lake__atlas_truth') }}),
fct_fact_presence as (select * from {{ ref('fct_fact_presence') }}),

checked as (
    select
        truth.corpus_id,
        presence.text_unit,
        truth.language_code,
        truth.is_planted,
        coalesce(truth.distractor_kind, 'none') as distractor_kind,
        coalesce(presence.is_present, false) as is_found,
    from stg_lake__atlas_truth as truth
    inner join fct_fact_presence as presence using (corpus_id, language_code, fact_id)
),

planted as (
    select
        corpus_id,
        text_unit,
        language_code,
        count(*) filter (where is_planted) as planted_count,
        count(*) filter (where is_planted and is_found) as planted_found_count,
    from checked
    group by all
),

unplanted as (
    select
        corpus_id,
        text_unit,
        language_code,
        'all' as distractor_kind,
        count(*) filter (where not is_planted) as unplanted_count,
        count(*) filter (where not is_planted and is_found) as unplanted_found_count,
    from checked
    group by all
    union all
    select
        corpus_id,
        text_unit,
        language_code,
        distractor_kind,
        count(*),
        count(*) filter (where is_found),
    from checked
    where not is_planted
    group by all
),

-- Precision needs planted facts: each kind of unplanted facts is combined with all planted ones.
counts as (
    select
        unplanted.corpus_id,
        unplanted.text_unit,
        unplanted.language_code,
        unplanted.distractor_kind,
        planted.planted_count,
        planted.planted_found_count,
        unplanted.unplanted_count,
        unplanted.unplanted_found_count,
        planted.planted_found_count + unplanted.unplanted_found_count as found_count,
    from unplanted
    inner join planted using (corpus_id, text_unit, language_code)
),

final as (
    select
        *,
        {{ wilson('planted_found_count', 'planted_count', 'recall') }},
        {{ wilson('planted_found_count', 'found_count', 'precision') }},
    from counts
    order by corpus_id, text_unit, language_code, distractor_kind
)

select * from final
