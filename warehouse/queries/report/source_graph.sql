-- Who teaches whom, as a graph
-- An arrow from one language to another: the text of the first improves the answers of the second, above zero after correction for all pairs. The wider the arrow, the larger the effect. Languages stand in a circle, ordered by script and family.
-- n: format('{:,} effects above zero', count(*) filter (kind = 'arrow'))
with languages as (
    select
        language_code,
        script,
        2 * pi() * row_number() over (order by script, language_family, language_branch, language_code)
            / count(*) over () as place,
    from dim_languages
),

edges as (
    select
        weights.*,
        sin(source.place) as x,
        cos(source.place) as y,
        sin(target.place) as x2,
        cos(target.place) as y2,
    from source_weights as weights
    inner join languages as source on weights.source_language_code = source.language_code
    inner join languages as target on weights.target_language_code = target.language_code
    where weights.arm_code = 'named' and weights.half_code = 'all' and weights.is_above_zero
)

select
    'arrow' as kind,
    source_language_code || ' → ' || target_language_code as label,
    if(is_same_script, 'same script', 'other script') as script,
    weight_score,
    weight_score_low,
    weight_score_high,
    x,
    y,
    x2,
    y2,
    x + 0.85 * (x2 - x) as head_x,
    y + 0.85 * (y2 - y) as head_y,
    degrees(atan2(x2 - x, y2 - y)) as head_angle,
from edges
union all
select
    'language' as kind,
    language_code as label,
    script,
    null, null, null,
    1.12 * sin(place), 1.12 * cos(place),
    null, null, null, null, null,
from languages
where exists (select 1 from edges)
order by kind, weight_score desc, label
