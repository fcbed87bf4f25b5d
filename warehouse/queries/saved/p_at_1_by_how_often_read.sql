-- Is a fact known better the more often the training text states it?
-- A fact is counted in each language. The interval is Wilson's, with as many answers as would tell as much if
-- those to one fact in several languages were independent (effective_count).
-- columns: model_id, least_shared_count, most_shared_count, fact_count, full_match_count,
--   full_match_rate, full_match_rate_low, full_match_rate_high, effective_count
-- rows: 0..*, one per model_id, least_shared_count
-- variables: unit = chunk
with classes (least_shared_count, most_shared_count) as (
    values (0, 0), (1, 1), (2, 3), (4, 9), (10, 99), (100, null)
),

asked as (
    select
        models.model_id,
        models.corpus_id,
        languages.language_code,
    from dim_models as models
    inner join p_at_1_by_language as languages using (model_id)
),

facts as (
    select
        asked.model_id,
        classes.least_shared_count,
        any_value(classes.most_shared_count) as most_shared_count,
        count(*) as fact_count,
        count(known.fact_id) as full_match_count,
    from fct_fact_presence as presence
    inner join asked using (corpus_id, language_code)
    inner join classes
        on presence.shared_count >= classes.least_shared_count
        and presence.shared_count <= coalesce(classes.most_shared_count, presence.shared_count)
    left join (from fct_predictions where is_full_match) as known
        on asked.model_id = known.model_id
        and presence.language_code = known.language_code
        and presence.fact_id = known.fact_id
    where presence.text_unit = coalesce(getvariable('unit'), 'chunk')
    group by asked.model_id, classes.least_shared_count, presence.fact_id
),

sums as (
    select
        model_id,
        least_shared_count,
        any_value(most_shared_count) as most_shared_count,
        sum(fact_count)::bigint as fact_count,
        sum(full_match_count)::bigint as full_match_count,
        sum(full_match_count) / sum(fact_count) as full_match_rate,
        count(*) as distinct_count,
        sum(full_match_count * full_match_count) as square_sum,
        sum(full_match_count * fact_count) as product_sum,
        sum(fact_count * fact_count) as size_square_sum,
    from facts
    group by model_id, least_shared_count
),

effective as (
    select
        *,
        square_sum - 2 * full_match_rate * product_sum + full_match_rate ** 2 * size_square_sum as spread,
        case
            when distinct_count = 1 or full_match_count in (0, fact_count) then distinct_count
            else least(
                fact_count,
                full_match_rate * (1 - full_match_rate) * fact_count ** 2
                * (distinct_count - 1) / distinct_count / nullif(spread, 0)
            )
        end as effective_count,
        1.959964 ** 2 / effective_count as z2,
        sqrt(z2 * (full_match_rate * (1 - full_match_rate) + z2 / 4)) as half,
    from sums
)

select
    model_id,
    least_shared_count,
    most_shared_count,
    fact_count,
    full_match_count,
    full_match_rate,
    greatest(0, least(full_match_rate, (full_match_rate + z2 / 2 - half) / (1 + z2))) as full_match_rate_low,
    least(1, greatest(full_match_rate, (full_match_rate + z2 / 2 + half) / (1 + z2))) as full_match_rate_high,
    effective_count,
from effective
order by model_id, least_shared_count
