"""The errors that a user can mend: the command line shows their message and no traceback."""

from __future__ import annotations

from dagster_project.cli.run import RunFailedError
from dagster_project.dbt.project import DbtError
from dagster_project.runtime.workers import WorkersError
from dagster_project.study.home import HomeError
from dagster_project.study.schema import StudyError
from ingestion.corpora import CorpusError
from ingestion.facts import FactsError
from ingestion.lake import LakeError
from models_gpu.errors import ModelError
from warehouse.explain import ExplainError
from warehouse.publish import PublishError
from warehouse.query import QueryError
from warehouse.report.errors import ReportError
from warehouse.tables import WarehouseError

__all__ = ["USER_ERRORS"]

USER_ERRORS = (
    CorpusError,
    DbtError,
    ExplainError,
    FactsError,
    HomeError,
    LakeError,
    ModelError,
    PublishError,
    QueryError,
    ReportError,
    RunFailedError,
    StudyError,
    WarehouseError,
    WorkersError,
)
