-- Shuffled roots have the precision of any root: no figure of root_accuracy is right by construction.
with
root_accuracy as (select * from {{ ref('root_accuracy') }}),

final as (
    select
        'a shuffled root says more than chance' as problem,
        model_id,
        rule_code,
        half_code,
        root_code,
    from root_accuracy
    where labels_code = 'shuffled'
        and is_claim
        and root_count >= 200
        and abs(precision_score - chance_score) > 0.1
)

select * from final
