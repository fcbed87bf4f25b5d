"""What dbt gives to its templates, for sqlfluff, which renders them without dbt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_PROJECT = Path("dbt/dbt_project.yml")
"""From the root of the repository, where sqlfluff is started."""
_VARIABLES = yaml.load(_PROJECT.read_text(encoding="utf-8"), yaml.CSafeLoader)["vars"]


def var(name: str, default: Any = None) -> Any:
    """Value of a dbt variable in ``dbt_project.yml``."""
    return _VARIABLES.get(name, default)


def ref(name: str) -> str:
    """Name of a model or seed."""
    return name


def source(schema: str, name: str) -> str:
    """Name of a lake table."""
    return f"{schema}.{name}"


def config(**_: Any) -> str:
    """Nothing: settings of a model render to no SQL."""
    return ""


def _stub(text: str) -> Any:
    return lambda *_, **__: text


def _select(rows: str, *_: Any, **__: Any) -> str:
    return f"select * from {rows}"


def averages_over_languages(languages: str, cells: str, *_: Any) -> str:
    """Rows of both inputs."""
    return f"select * from {languages} cross join {cells}"


# The project's macros, as short as possible: what they expand to would take minutes to parse.
haversine = sorted_quantile = partial_correlation = student_tail = _stub("1")
student_quantile = object_block = _stub("1")
draw = first_listed = method_of_mode = _stub("1")
exact = exact_total = exact_sum = exact_mean = two_way_sum = _stub("1")
is_right = has_own_tokens = _stub("true")
lake_glob = _stub("''")
rank_consistency = link_code = _stub("1")
wilson = normal_interval = clustered_wilson = _stub("1 as rate")
source_effects = two_way_variance = effective_counts = clustered_correlation = _select
adjust_p_values = models_of_chen = block_means = observed_block_means = _select
cluster_variance = correlate = match_counts = numbered = subjects_with_rivals = _select


def without_database(relation: str) -> str:
    """The relation itself: its name has no database here."""
    return relation


def fact_keys() -> dict[str, list[str]]:
    """One table of facts."""
    return {"fct_predictions": ["model_id", "language_code", "fact_id"]}
