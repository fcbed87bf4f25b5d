with
fct_fact_roots as (select * from {{ ref('fct_fact_roots') }}),
p_at_1_by_language as (select * from {{ ref('p_at_1_by_language') }}),

roots as (
    {%- for rule, roots in {
        "paper": ["cue", "independent", "shared", "transferred", "undetermined"],
        "calibrated": ["either_suffices", "guess", "own_text_needed", "transferred", "undetermined"],
    }.items() %}
    select
        '{{ rule }}' as rule_code,
        unnest(['{{ roots | join("', '") }}']) as root_code,
    {{- " union all" if not loop.last }}
    {%- endfor %}
),

counts as (
    select
        model_id,
        language_code,
        rule_code,
        root_code,
        count(*) as root_count,
        count(is_guess) as twin_fact_count,
        count(*) filter (where is_guess) as guess_count,
    from fct_fact_roots
    group by all
),

-- A language without a right answer has rows of zeros.
filled as (
    select
        p_at_1.model_id,
        p_at_1.language_code,
        roots.rule_code,
        roots.root_code,
        coalesce(counts.root_count, 0) as root_count,
        p_at_1.right_count as full_match_count,
        coalesce(counts.twin_fact_count, 0) as twin_fact_count,
        coalesce(counts.guess_count, 0) as guess_count,
    from p_at_1_by_language as p_at_1
    cross join roots
    left join counts using (model_id, language_code, rule_code, root_code)
),

final as (
    select
        model_id,
        language_code,
        rule_code,
        root_code,
        root_count,
        full_match_count,
        {{ wilson('root_count', 'full_match_count', 'root_rate') }},
        twin_fact_count,
        guess_count,
        {{ wilson('guess_count', 'twin_fact_count', 'guess_rate') }},
    from filled
    order by model_id, language_code, rule_code, root_code
)

select * from final
