{#-
    P(T >= t) for Student's t with `df` degrees of freedom: T is turned into a normal value (Wallace
    1959), whose tail is a Chebyshev fit with a relative error below 1.2e-7 (Numerical Recipes,
    erfcc). From four degrees of freedom on the result is within 4 % if P is above 0.005, and too
    large (conservative) below.
-#}
{% macro student_tail(t, df) -%}
    {%- set z = "(sqrt(ln(1 + (" ~ t ~ ") * (" ~ t ~ ") / (" ~ df ~ ")) * (" ~ df ~ ")) * (8 * (" ~ df ~ ") + 1) / (8 * (" ~ df ~ ") + 3) / sqrt(2))" -%}
    {%- set u = "(1 / (1 + 0.5 * " ~ z ~ "))" -%}
    {%- set coefficients = [
        -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806,
        0.27886807, -1.13520398, 1.48851587, -0.82215223, 0.17087277,
    ] -%}
    {%- set polynomial = namespace(text="0") -%}
    {%- for coefficient in coefficients | reverse -%}
        {%- set polynomial.text = "(" ~ coefficient ~ " + " ~ u ~ " * " ~ polynomial.text ~ ")" -%}
    {%- endfor -%}
    {%- set tail = "(0.5 * " ~ u ~ " * exp(-" ~ z ~ " * " ~ z ~ " + " ~ polynomial.text ~ "))" -%}
    (case when ({{ t }}) >= 0 then {{ tail }} else 1 - {{ tail }} end)
{%- endmacro %}

{#-
    A select of all rows of `tests` with a column <p>_adjusted for each p value named in `p_values`,
    adjusted for the number of tests in the row's group of `keys` (Benjamini & Hochberg 1995): the
    expected share of false discoveries among all tests with this or a smaller p value. Rows without a
    p value do not count and get none.
-#}
{% macro adjust_p_values(tests, keys, p_values) -%}
    {%- set key_list = keys | join(", ") -%}
    with ranked as (
        select
            *,
            {%- for p in p_values %}
            count({{ p }}) over (partition by {{ key_list }}) as {{ p }}_tests,
            count({{ p }}) over (partition by {{ key_list }} order by {{ p }} nulls last) as {{ p }}_place,
            {%- endfor %}
        from {{ tests }}
    )

    select
        * exclude (
            {%- for p in p_values %}
            {{ p }}_tests, {{ p }}_place{{ "," if not loop.last }}
            {%- endfor %}
        ),
        {%- for p in p_values %}
        case
            when {{ p }} is not null
            then min({{ p }} * ({{ p }}_tests / {{ p }}_place)) over (
                partition by {{ key_list }}
                order by {{ p }} desc nulls first
            )
        end as {{ p }}_adjusted,
        {%- endfor %}
    from ranked
{%- endmacro %}
