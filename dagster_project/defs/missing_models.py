"""The asset ``missing_models``: the models that the marts are built without, and why."""

import logging
from collections.abc import Iterator

import dagster as dg

from dagster_project.defs.asset_specs import lake_key, lake_spec
from dagster_project.runtime.marts_input import MISSING_MODELS_VERSION, LakeIncompleteError
from dagster_project.runtime.workspace import Workspace
from ingestion.contract import LAKE

__all__ = ["missing_models"]

LOG = logging.getLogger("factroots")


@dg.multi_asset(
    name="missing_models",
    specs=[
        lake_spec(
            "missing_models",
            group="lake_complete",
            code_version=MISSING_MODELS_VERSION,
            # It is asked which parts are there.
            deps=sorted(LAKE.keys() - {"missing_models"}),
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
    workspace.sync.share(workspace.plan.parts())
    try:
        workspace.prepare_marts()
    except LakeIncompleteError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    found = workspace.missing_models()
    reasons = "; ".join(model.message for model in found)
    if found:
        LOG.warning("published without %d of the models: %s", len(found), reasons)
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
