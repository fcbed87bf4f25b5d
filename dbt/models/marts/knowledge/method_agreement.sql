with
int_method_overlaps as (select * from {{ ref('int_method_overlaps') }}),

sums as (
    select
        model_id,
        method_code,
        other_method_code,
        language_code,
        count(*) as fact_count,
        sum(neuron_count)::bigint as neuron_count,
        sum(other_neuron_count)::bigint as other_neuron_count,
        sum(shared_count)::bigint as shared_count,
        sum(expected_count order by fact_id) as expected_count,
        avg(
            shared_count / (neuron_count + other_neuron_count - shared_count) order by fact_id
        ) as neuron_jaccard_score,
        avg(shared_count - expected_count order by fact_id) as excess,
        stddev_samp(shared_count - expected_count order by fact_id) / sqrt(count(*)) as excess_error,
    from int_method_overlaps
    group by all
),

final as (
    select
        model_id,
        method_code,
        other_method_code,
        language_code,
        fact_count,
        neuron_count,
        other_neuron_count,
        shared_count,
        expected_count,
        shared_count / neuron_count as shared_score,
        expected_count / neuron_count as null_score,
        neuron_jaccard_score,
        excess as excess_score,
        {%- for bound, sign in [("low", "-"), ("high", "+")] %}
        case
            when fact_count >= {{ var("smallest_sample", 8) }}
            then excess {{ sign }} {{ student_quantile("nullif(fact_count - 1, 0)") }} * excess_error
        end as excess_score_{{ bound }},
        {%- endfor %}
    from sums
    order by model_id, method_code, other_method_code, language_code
)

select * from final
