{#-
    A select of model_code, the name of a model in the tables of Chen et al. (2024), and the model_id of
    each such model of the study. The name must be a whole part of the model's source.
-#}
{% macro models_of_chen(models) -%}
    {%- set sources = {
        "m-BERT": "bert-base-multilingual-(un)?cased",
        "m-GPT": "mGPT",
        "BERT": "bert-base-(un)?cased",
        "GPT-2": "gpt2",
    } -%}
    {%- for model_code, source in sources.items() %}
    select
        '{{ model_code }}' as model_code,
        model_id,
    from {{ models }}
    where regexp_matches(source, '(^|[/\\]){{ source }}[/\\]*$')
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
