"""The asset ``missing_models``: the models that the marts are built without, and why."""

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg
import polars as pl

from dagster_project.defs.asset_specs import lake_key, lake_spec
from dagster_project.runtime.workspace import Workspace
from dagster_project.steps.plan import Part, State
from ingestion.contract import LAKE
from ingestion.lake import fingerprint

__all__ = ["missing_models"]

LOG = logging.getLogger("factroots")


@dg.multi_asset(
    name="missing_models",
    specs=[
        lake_spec(
            "missing_models",
            group="lake_complete",
            code_version="1",
            deps=("predictions", "active_neurons", "occurrences", "label_tokens", "atlas_truth"),
        )
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "every_model_is_computed",
            asset=lake_key("missing_models"),
            description="Every model that the study names is in the warehouse.",
        )
    ],
)
def missing_models(workspace: dg.ResourceParam[Workspace]) -> Iterator[dg.MaterializeResult[None]]:
    """Finds the models that are not completely computed, so that the marts are built without them.

    Raises:
        Failure: a part that every model needs is missing, or no model is computed.
    """
    plan, home = workspace.plan, workspace.home
    workspace.sync.share(plan.parts())
    lacking = [
        part.label
        for part in plan.parts()
        if "model_id" not in part.partition
        and part.table != "models"
        and part.state(home.lake) is not State.DONE
    ]
    if lacking:
        raise dg.Failure(
            f"the lake lacks {len(lacking)} parts that every model needs, such as {lacking[0]}: "
            "nothing is built, and the last published file stays. Materialise them first.",
            allow_retries=False,
        )
    found = workspace.missing_models()
    reasons = "; ".join(model.message for model in found)
    if len(found) == len(plan.study.models) + len(plan.study.broken_models):
        raise dg.Failure(
            f"no model of the study is computed, so nothing is published ({reasons})",
            allow_retries=False,
        )
    if found:
        LOG.warning("published without %d of the models: %s", len(found), reasons)
    started = time.perf_counter()
    rows = [asdict(model) for model in found]
    part = Part("missing_models", {}, fingerprint(rows), "1")
    if part.state(home.lake) is not State.DONE:
        frame = pl.DataFrame(rows, schema=pl.Schema(LAKE["missing_models"].schema))
        workspace.write(part, frame, started)
    yield dg.MaterializeResult(
        asset_key=lake_key("missing_models"),
        metadata={"models": len(found), "why": reasons or "all models of the study are there"},
        check_results=[
            dg.AssetCheckResult(
                check_name="every_model_is_computed",
                passed=not found,
                severity=dg.AssetCheckSeverity.WARN,
                description=reasons or None,
            )
        ],
    )
