{#-
    Whether an answer of fct_predictions is right by the study's verdict, the variable `verdict`. A missing
    answer has no verdict. A masked model fills exactly the place of the object, so 'contained' is for it
    the same as 'exact'.
-#}
{% macro is_right() -%}
    {%- set verdict = var("verdict") -%}
    {%- if verdict == "exact" -%}
    is_full_match
    {%- elif verdict == "contained" -%}
    coalesce(is_contained, is_full_match)
    {%- else -%}
    case
        when is_full_match is not null
        then coalesce({{ verdict | replace("ranked_", "") }}_candidate_rank = 1, false)
    end
    {%- endif -%}
{%- endmacro %}

{#-
    Whether neurons are computed for a right answer: those of an exact match need every token of the
    object as first choice, at its own number of masks; other verdicts need its tokens alone.
-#}
{% macro has_own_tokens(gold_rank="gold_rank") -%}
    {%- if var("verdict") == "exact" -%}
    coalesce({{ gold_rank }}, 0) = 1
    {%- else -%}
    {{ gold_rank }} is not null
    {%- endif -%}
{%- endmacro %}

{#-
    RankC of two lists, best first: the overlap of their first j, for every j, with weights that fall as
    e^-j (Qi et al. 2023, softmax weights). Null for an empty list.
-#}
{% macro rank_consistency(a, b) -%}
    {%- set places = "range(1, least(len(" ~ a ~ "), len(" ~ b ~ ")) + 1)" -%}
    list_sum(list_transform(
        {{ places }},
        lambda j: exp(-j) * len(list_intersect({{ a }}[1:j], {{ b }}[1:j])) / j
    ))
    / list_sum(list_transform({{ places }}, lambda j: exp(-j)))
{%- endmacro %}
