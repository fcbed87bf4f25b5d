"""How ``factroots explain`` finds a fact."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.small_files import write_file
from warehouse.explain import ExplainError, explain

TABLES = """
create table dim_models as select 'm' as model_id;
create table dim_facts as
from (values ('f1', 'P17'), ('f2', 'P17')) as rows (fact_id, relation_id);
create table dim_fact_labels as
from (
    values
    ('f1', 'en', 'Tijuana', 'Mexico'),
    ('f1', 'af', 'Tijuana', 'Mexiko'),
    ('f1', 'de', 'Tichuana', 'Mexiko'),
    ('f2', 'de', 'Paris', 'Frankreich')
) as rows (fact_id, language_code, subject_label, object_label);
"""


@pytest.mark.parametrize(
    ("fact", "languages", "hint"),
    [
        ("Tijua", ["de"], "; did you mean 'Tijuana' (en)? factroots sql"),
        ("tijuano", ["de", "af"], "; did you mean 'Tijuana' (af)? factroots sql"),
        ("Pariss", ["de"], "; did you mean 'Paris' (de)? factroots sql"),
        ("zzz", ["de"], "in de; factroots sql"),
    ],
)
def test_a_misspelt_name_is_answered_with_names_like_it(
    tmp_path: Path, fact: str, languages: list[str], hint: str
) -> None:
    file = write_file(tmp_path / "factroots.duckdb", TABLES)
    with pytest.raises(ExplainError) as raised:
        explain(file, "m", fact, languages)
    assert hint in str(raised.value)
