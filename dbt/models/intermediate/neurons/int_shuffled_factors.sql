{%- set factors = {
    "distance": haversine("a", "b"),
    "family": "(a.language_family = b.language_family)::integer::double",
    "branch": "(a.language_branch = b.language_branch)::integer::double",
    "script": "(a.script = b.script)::integer::double",
} %}

with
dim_languages as (select * from {{ ref('dim_languages') }}),
dim_models as (select * from {{ ref('dim_models') }}),
int_predictions as (select * from {{ ref('int_predictions') }}),

language_numbers as (
    {{ numbered("dim_languages", "language_code", "language_number", "smallint") }}
),

-- The tokens of the objects' names in a language. Models with one tokenizer share them.
tokenizers as (
    select
        tokenizer_hash,
        min(model_id) as model_id,
    from dim_models
    group by all
),

tokens as (
    select distinct
        tokenizers.tokenizer_hash,
        predictions.language_code,
        unnest(predictions.gold_token_ids) as token_id,
    from int_predictions as predictions
    inner join tokenizers using (model_id)
),

token_counts as (
    select
        tokenizer_hash,
        language_code,
        count(*) as token_count,
    from tokens
    group by all
),

common_tokens as (
    select
        a.tokenizer_hash,
        a.language_code as language_a,
        b.language_code as language_b,
        count(*) as common_count,
    from tokens as a
    inner join tokens as b using (tokenizer_hash, token_id)
    group by all
),

-- Both orders of every two languages, because shuffling does not keep the order.
factors as (
    select
        tokenizers.tokenizer_hash,
        a.language_number as number_a,
        b.language_number as number_b,
        {%- for name, factor in factors.items() %}
        {{ factor }} as {{ name }},
        {%- endfor %}
        coalesce(
            common_tokens.common_count
            / (counts_a.token_count + counts_b.token_count - common_tokens.common_count), 0
        ) as shared_tokens,
    from language_numbers as a
    inner join language_numbers as b on a.language_number != b.language_number
    cross join tokenizers
    left join token_counts as counts_a
        on tokenizers.tokenizer_hash = counts_a.tokenizer_hash
        and a.language_code = counts_a.language_code
    left join token_counts as counts_b
        on tokenizers.tokenizer_hash = counts_b.tokenizer_hash
        and b.language_code = counts_b.language_code
    left join common_tokens
        on tokenizers.tokenizer_hash = common_tokens.tokenizer_hash
        and a.language_code = common_tokens.language_a
        and b.language_code = common_tokens.language_b
),

-- Permutation 0 changes nothing.
shuffles as (
    select
        permutation.permutation_index,
        language_number,
        language_code,
        row_number() over (
            partition by permutation.permutation_index
            order by
                case when permutation.permutation_index > 0
                    then {{ draw("permutation.permutation_index || ':' || language_code") }}
                end,
                language_number
        )::smallint as shuffled_number,
    from language_numbers
    cross join range({{ var("mantel_permutation_count", 999) + 1 }}) as permutation (permutation_index)
),

final as (
    select
        factors.tokenizer_hash,
        a.permutation_index,
        a.language_code as language_a,
        b.language_code as language_b,
        {%- for name in factors %}
        factors.{{ name }},
        {%- endfor %}
        factors.shared_tokens,
    from shuffles as a
    inner join shuffles as b
        on a.permutation_index = b.permutation_index
        and a.language_number < b.language_number
    inner join factors
        on a.shuffled_number = factors.number_a
        and b.shuffled_number = factors.number_b
)

select * from final
