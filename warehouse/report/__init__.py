"""Draws the report, figures and a list of facts, only from the published warehouse file.

``warehouse/queries/report`` has one SQL file per figure: its first comment line is the title, the
second the caption. ``charts`` draws the figures, ``facts`` reads the list of facts, ``page`` writes
one HTML file. What does not belong here: metrics, which are computed in dbt.
"""
