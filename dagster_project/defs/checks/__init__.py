"""The lake's checks: what must hold of its tables, asked by Great Expectations, told by Dagster.

``expectations`` says what must hold, ``validation`` asks it of the files, ``assets`` makes blocking
asset checks of the answers. What dbt makes of the lake is dbt's to test.
"""
