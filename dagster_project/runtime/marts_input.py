"""What the marts are built from: the parts that the plan lists, in a folder of links.

The lake keeps parts that the study no longer asks for: of models, corpora, languages and settings
that left it. dbt reads all files below one folder, so it gets a folder of its own, with a link to
each part of the plan and to nothing else. Whether a part is up to date is decided by
``dagster_project.steps.plan``.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict

import polars as pl

from dagster_project.runtime.missing import MissingModel
from dagster_project.steps.plan import Part, Plan, State
from dagster_project.study.home import Home
from ingestion.contract import LAKE
from ingestion.errors import FactrootsError
from ingestion.lake import fingerprint, schema_path

__all__ = [
    "MISSING_MODELS_VERSION",
    "LakeIncompleteError",
    "link_parts",
    "missing_models_part",
    "missing_models_rows",
    "parts_of_marts",
    "require_parts",
]

MISSING_MODELS_VERSION = "1"
"""Version of the code that lists the missing models."""


class LakeIncompleteError(FactrootsError):
    """The lake lacks what every mart needs; the message says what, and what to do."""


def parts_of_marts(plan: Plan, missing: Collection[MissingModel]) -> list[Part]:
    """Lists the parts that the marts are built from: all of the plan, without missing models."""
    left_out = {model.model_id for model in missing}
    parts = [part for part in plan.parts() if part.partition.get("model_id") not in left_out]
    return [*parts, missing_models_part(missing)]


def missing_models_part(missing: Iterable[MissingModel]) -> Part:
    """The part that names the missing models."""
    made_from = fingerprint([asdict(model) for model in missing])
    return Part("missing_models", {}, made_from, MISSING_MODELS_VERSION)


def missing_models_rows(missing: Iterable[MissingModel]) -> pl.DataFrame:
    """The rows of that part."""
    rows = [asdict(model) for model in missing]
    return pl.DataFrame(rows, schema=pl.Schema(LAKE["missing_models"].schema))


def require_parts(
    plan: Plan, home: Home, missing: Sequence[MissingModel], tables: Collection[str]
) -> None:
    """Checks that the lake has what the marts need besides models.

    Args:
        plan: the plan.
        home: the study's home.
        missing: models that the marts are built without.
        tables: lake tables that are read.

    Raises:
        LakeIncompleteError: a part that every model needs is missing or stale, or no model is
            computed.
    """
    lacking = [
        part.label
        for part in plan.parts()
        if part.table in tables
        and "model_id" not in part.partition
        # Without a model that failed, this part stays stale, so that the model is tried again.
        and (part.table != "models" or not part.path(home.lake).exists())
        and (part.table == "models" or part.state(home.lake) is not State.DONE)
    ]
    if lacking:
        raise LakeIncompleteError(
            f"the lake lacks {len(lacking)} parts that every model needs, such as {lacking[0]}: "
            "nothing is built, and the last published file stays. Materialise them first."
        )
    reads_models = "missing_models" in tables
    if reads_models and len(missing) == len(plan.study.models) + len(plan.study.broken_models):
        reasons = "; ".join(model.message for model in missing)
        raise LakeIncompleteError(
            f"no model of the study is computed, so nothing is published ({reasons})"
        )


def link_parts(home: Home, parts: Iterable[Part]) -> None:
    """Fills the folder that dbt reads: links to these parts and to the empty part of each table.

    A part that is not there yet gets no link: what is built now does not read its table.
    """
    folder = home.marts_lake
    shutil.rmtree(folder, ignore_errors=True)
    wanted = [path for part in parts if (path := part.path(home.lake)).exists()]
    for path in [*wanted, *(schema_path(home.lake, table) for table in LAKE)]:
        link = folder / path.relative_to(home.lake)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
