"""Small DuckDB files for the tests of what reads a published file."""

from __future__ import annotations

from pathlib import Path

import duckdb

TABLES = """
create table dim_languages (language_code varchar primary key, language_name varchar);
insert into dim_languages values ('de', 'German'), ('en', 'English'), ('af', 'Afrikaans');
comment on table dim_languages is 'One row per language.';
comment on column dim_languages.language_name is 'English name of the language.';
create table scores (
    model_id varchar, language_code varchar, fact_count bigint not null, score double,
    names varchar[], primary key (model_id, language_code)
);
insert into scores values
    ('m', 'en', 3, 0.5, ['a', 'b, "c"']),
    ('m', 'de', 2, null, []),
    ('a', 'en', 1, 1e-9, null);
create table strays (language_code varchar primary key);
insert into strays values ('xx');
create schema operations;
create table operations.materials (
    material_code varchar, title varchar, licence_code varchar, licence_url varchar
);
insert into operations.materials values
    ('facts', 'Some facts', 'CC-BY-4.0', 'https://example.org/by'),
    ('corpus', 'texts', null, null);
"""


def write_file(path: Path, changes: str = "") -> Path:
    """A file with these tables, after some changes in SQL."""
    with duckdb.connect(path) as connection:
        connection.execute(TABLES + changes)
    return path
