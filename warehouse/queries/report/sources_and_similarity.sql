-- Who teaches whom, next to the paper's two matrices
-- Left: measured effect of the column's text on the row's answers. Middle: facts that are right in both languages (Jaccard; Zhao et al., Figure 3). Right: active neurons that both languages share, minus those of other facts with the same object (Figure 5 shows them with the chance part). Colour is the rank of a pair in its matrix, from 0 to 1. The table source_agreement has the rank correlations. Languages are in the order of the other matrices; the strip shows their family.
-- n: format('{:,} pairs of languages', count(*) filter (matrix = 'measured effect'))
with pairs as (
    select
        facts.model_id,
        facts.language_a,
        facts.language_b,
        facts.jaccard_rate,
        neurons.object_excess_score,
    from fact_jaccard_by_language_pair as facts
    left join neuron_jaccard_by_language_pair as neurons
        on facts.model_id = neurons.model_id
        and facts.language_a = neurons.language_a
        and facts.language_b = neurons.language_b
        and neurons.method_code = 'probeless'
),

directed as (
    select *, language_a as column_code, language_b as row_code from pairs
    union all
    select *, language_b as column_code, language_a as row_code from pairs
),

cells as (
    select
        directed.model_id,
        directed.row_code,
        directed.column_code,
        unnest(['measured effect', 'right in both', 'shared neurons above chance']) as matrix,
        unnest([weights.weight_score, directed.jaccard_rate, directed.object_excess_score]) as score,
    from directed
    inner join source_weights as weights
        on directed.column_code = weights.source_language_code
        and directed.row_code = weights.target_language_code
    where weights.arm_code = 'named' and weights.half_code = 'all'
)

select
    cells.model_id,
    cells.matrix,
    cells.row_code,
    cells.column_code,
    cells.score,
    percent_rank() over (partition by cells.model_id, cells.matrix order by cells.score) as rank_score,
from cells
inner join dim_languages as languages on cells.row_code = languages.language_code
where cells.score is not null
order by
    cells.model_id,
    cells.matrix,
    languages.script,
    languages.language_family,
    languages.language_branch,
    cells.row_code,
    cells.column_code
