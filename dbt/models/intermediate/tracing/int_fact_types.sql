with
stg_lake__label_tokens as (select * from {{ ref('stg_lake__label_tokens') }}),
stg_lake__models as (select * from {{ ref('stg_lake__models') }}),
int_language_facts as (select * from {{ ref('int_language_facts') }}),

-- The first rule of docs/method.md#fact-types that applies. It uses only names and relation, so that
-- facts that the text states get a type too.
rules as (
    select
        labels.model_id,
        labels.language_code,
        labels.fact_id,
        case
            when contains(labels.subject_folded, labels.object_folded) then 'overlap'
            when list_has_any(labels.subject_tokens, labels.object_tokens) then 'token_overlap'
            when facts.relation_id in ('{{ var("naming_relations") | join("', '") }}') then 'naming'
            else 'others'
        end as fact_rule_code,
    from stg_lake__label_tokens as labels
    inner join stg_lake__models using (model_id)
    inner join int_language_facts as facts using (language_code, fact_id)
),

final as (
    select
        *,
        case
            when fact_rule_code in ('overlap', 'token_overlap') then 'shared_tokens'
            else fact_rule_code
        end as fact_type_code,
    from rules
)

select * from final
