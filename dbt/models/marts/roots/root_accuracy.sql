-- Roots that are compatible with each truth. The truth says which text states a fact, not which
-- neurons hold it: independent and shared are both compatible if the text states it.
{%- set agreements = {
    "stated_here_only": ["independent", "shared"],
    "stated_here_and_elsewhere": ["independent", "shared"],
    "transferred": ["transferred"],
    "guess": ["cue"],
    "untold": [],
} %}
{%- set root_codes = ["cue", "independent", "shared", "transferred", "undetermined"] %}

with
stg_lake__atlas_truth as (select * from {{ ref('stg_lake__atlas_truth') }}),
fct_fact_roots as (select * from {{ ref('fct_fact_roots') }}),
fct_planted_predictions as (select * from {{ ref('fct_planted_predictions') }}),

planted_counts as (
    select
        corpus_id,
        fact_id,
        count(*) filter (where is_planted) as planted_language_count,
    from stg_lake__atlas_truth
    group by all
),

-- An absent answer is transferred or guessed, as its control models show; untold without one.
judged as (
    select
        roots.model_id,
        roots.root_code,
        case
            when planted.presence_code = 'here' and planted_counts.planted_language_count > 1
            then 'stated_here_and_elsewhere'
            when planted.presence_code = 'here' then 'stated_here_only'
            when planted.presence_code = 'nowhere' or planted.is_guess then 'guess'
            when not planted.is_guess then 'transferred'
            else 'untold'
        end as truth_code,
    from fct_fact_roots as roots
    inner join fct_planted_predictions as planted using (model_id, language_code, fact_id)
    inner join planted_counts
        on planted.corpus_id = planted_counts.corpus_id
        and planted.fact_id = planted_counts.fact_id
),

cells as (
    select
        models.model_id,
        cell.*,
    from (select distinct model_id from judged) as models
    cross join (
        values
            {%- for truth, agreeing in agreements.items() %}
            {%- set outer = loop %}
            {%- for root in root_codes %}
            ('{{ truth }}', '{{ root }}', {{ "null" if root == "undetermined" or truth == "untold" else root in agreeing }})
            {{- "," if not (loop.last and outer.last) }}
            {%- endfor %}
            {%- endfor %}
    ) as cell (truth_code, root_code, is_agreement)
),

counts as (
    select
        model_id,
        truth_code,
        root_code,
        count(*) as root_count,
    from judged
    group by all
),

filled as (
    select
        cells.model_id,
        cells.truth_code,
        cells.root_code,
        cells.is_agreement,
        coalesce(counts.root_count, 0) as root_count,
        sum(coalesce(counts.root_count, 0)) over (
            partition by cells.model_id, cells.truth_code
        )::bigint as truth_count,
    from cells
    left join counts using (model_id, truth_code, root_code)
),

final as (
    select
        *,
        {{ wilson('root_count', 'truth_count', 'root_rate') }},
    from filled
    order by model_id, truth_code, root_code
)

select * from final
