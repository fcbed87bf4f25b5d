"""The report: figures and a list of facts, drawn from the published warehouse file alone.

``queries/`` holds one SQL file per figure: its first comment line is the title, the second says
what the figure shows. ``charts`` draws them, ``facts`` makes the list of facts, ``page`` puts all
into one HTML file. Nothing here computes a metric: what a mart lacks is added to dbt.
"""
