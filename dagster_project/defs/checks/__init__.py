"""The lake's checks, run by Great Expectations and shown by Dagster.

``expectations`` defines them, ``validation`` runs them on the files, ``assets`` makes them blocking
asset checks. Tests of the marts belong in dbt.
"""
