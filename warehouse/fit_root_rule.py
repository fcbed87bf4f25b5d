"""Fits the calibrated rule for roots and writes its coefficients, ``make root-rule``.

The rule says how probable a right answer would be without its own text. The Atlas worlds know
that: logistic regressions of the answers of the first half of the worlds on features of the base
model's answers. dbt applies the coefficients to every study. Figures about the rule are from the
other half of the worlds and from other models. Definitions: docs/method.md#calibrated-rule.
"""

from __future__ import annotations

import argparse
import csv
import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["COEFFICIENTS_FILE", "fit_rule"]

_PROJECT = Path(__file__).resolve().parents[1]
COEFFICIENTS_FILE = _PROJECT / "dbt" / "seeds" / "root_rule_coefficients.csv"
_ANSWERS_FILE = _PROJECT / "ingestion" / "atlas" / "world_answers.parquet"

_ANSWERS = (
    "object_frequency_score", "other_full_match_score", "object_log_prob_rank", "same_answer_score",
)  # fmt: skip
FEATURES = {
    "answers": _ANSWERS,
    "swaps": (*_ANSWERS, "masked_log_prob_rank", "other_subject_log_prob_rank"),
}
"""Feature set → its features, columns of ``fct_root_features``."""

_BASE = "atlas-mlm"
_RIDGE = 1.0
"""Weight of the squared coefficients of standardised features."""
_DIGITS = 4

_ROWS = """
    select
        features.*,
        truth.nowhere_count,
        truth.nowhere_right_count,
        truth.elsewhere_only_count,
        truth.elsewhere_only_right_count,
        planted.presence_code,
    from fct_root_features as features
    inner join fct_true_roots as truth using (language_code, fact_id)
    inner join fct_planted_predictions as planted using (model_id, language_code, fact_id)
    where truth.half_code = 'first' and features.model_id = ?
    order by features.language_code, features.fact_id
"""
_GAIN = """
    select
        avg(is_right::integer) filter (where condition_code = 'here_only') as here,
        avg(is_right::integer) filter (where condition_code = 'nowhere') as nowhere,
    from fct_world_answers
    where arm_code = 'named' and seed = 1 and half_code = 'first'
"""

_LINKS = """
    select
        link_code,
        sum(unexpected_statement * unexpected_is_right) / sum(unexpected_statement ** 2) as weight,
    from intermediate.int_source_cells
    where arm_code = 'named' and half_code = 'first'
    group by link_code
    order by link_code
"""
"""Effect of another language's statement, as in ``source_weights_by_link``, in half the worlds."""

Floats = npt.NDArray[np.float64]
Coefficient = tuple[str, str, str, str, float]
"""Statement, feature set, outcome, feature, coefficient."""


def fit_rule(connection: duckdb.DuckDBPyConnection) -> list[Coefficient]:
    """Fit all coefficients on a published Atlas file.

    Answers that the text states and that it does not state are fitted apart; 'unknown' is for
    studies without a traced text. Outcomes: 'nowhere', right in worlds in which no language states
    the fact; 'elsewhere', in which only others do; 'guess', stated nowhere in the model's own text.
    'source' is by how much another language's statement raises P(right), by how the names agree.

    Args:
        connection: build file of an Atlas study in which subject swaps were measured.

    Returns:
        Rows of the seed ``root_rule_coefficients``.
    """
    names = [column[0] for column in connection.execute(_ROWS, [_BASE]).description]
    rows = pl.DataFrame(connection.fetchall(), schema=names, orient="row", infer_schema_length=None)
    found: list[Coefficient] = []
    for features in FEATURES:
        for statement in ("stated", "unstated", "unknown"):
            some = rows
            if statement != "unknown":
                some = rows.filter(pl.col("statement_code") == statement)
            for outcome in ("nowhere", "elsewhere_only"):
                right = some[f"{outcome}_right_count"].to_numpy().astype(float)
                wrong = some[f"{outcome}_count"].to_numpy() - right
                found += _fit(some, statement, features, outcome, right, wrong)
        is_guess = (rows["presence_code"] == "nowhere").to_numpy().astype(float)
        found += _fit(rows, "unknown", features, "guess", is_guess, 1 - is_guess)
    here, nowhere = connection.execute(_GAIN).fetchall()[0]
    gain = round((here - nowhere) / (1 - nowhere), _DIGITS)
    found.append(("stated", "all", "own_text", "gain", gain))
    for link, weight in connection.execute(_LINKS).fetchall():
        found.append(("unstated", "all", "source", link, round(weight, _DIGITS)))
    return found


def _fit(
    rows: pl.DataFrame, statement: str, features: str, outcome: str, right: Floats, wrong: Floats
) -> Iterator[Coefficient]:
    columns = FEATURES[features]
    values = rows.select(pl.col(columns).cast(pl.Float64)).to_numpy()
    has_all = ~np.isnan(values).any(axis=1)
    weights = logistic(values[has_all], right[has_all], wrong[has_all])
    for name, weight in zip((*columns, "intercept"), weights.tolist(), strict=True):
        yield statement, features, outcome, name, round(weight, _DIGITS)


def logistic(values: Floats, right: Floats, wrong: Floats) -> Floats:
    """Fit a ridge logistic regression by Newton's method.

    Args:
        values: ``[rows, features]``.
        right: ``[rows]`` how often the outcome happened.
        wrong: ``[rows]`` how often it did not.

    Returns:
        ``[features + 1]`` coefficients of the features as given; the last one is the intercept.
    """
    mean, scale = values.mean(axis=0), values.std(axis=0)
    design = np.column_stack([(values - mean) / scale, np.ones(len(values))])
    ridge = np.diag([_RIDGE] * values.shape[1] + [0.0])
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        rate = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (right - (right + wrong) * rate) - ridge @ weights
        curve = (design * ((right + wrong) * rate * (1 - rate))[:, None]).T @ design + ridge
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-10:
            break
    own = weights[:-1] / scale
    return np.append(own, weights[-1] - own @ mean)


def _write(rows: Sequence[Coefficient], path: Path) -> None:
    digest = pl.read_parquet_metadata(_ANSWERS_FILE)["recipe_digest"]
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(
            ["statement_code", "feature_set_code", "outcome_code", "feature_code", "coefficient",
             "recipe_digest", "fit_date"]
        )  # fmt: skip
        lines.writerows([*row, digest, today] for row in rows)


def main() -> None:
    """Fits the rule and writes the seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse", type=Path, help="build file of Atlas with subject swaps")
    arguments = parser.parse_args()
    with duckdb.connect(str(arguments.warehouse), read_only=True) as connection:
        _write(fit_rule(connection), COEFFICIENTS_FILE)


if __name__ == "__main__":
    main()
