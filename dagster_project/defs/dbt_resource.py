"""dbt's command line as Dagster's resource, with two private methods of dagster-dbt replaced.

``DbtCliResource`` starts dbt once only to learn its version, and loads a dbt adapter into this
process only to read column metadata during a build. Each takes seconds, the adapter would also
open the DuckDB file that dbt writes, and dagster-dbt has no public switch for either.
"""

from collections.abc import Sequence
from importlib import metadata

from dagster_dbt import DbtCliResource
from packaging.version import Version

from dagster_project.dbt.project import DBT_EXECUTABLE
from dagster_project.paths import DBT_PROJECT

__all__ = ["dbt_resource"]


class _InstalledDbt(DbtCliResource):
    """dbt of this environment."""

    @property
    def _cli_version(self) -> Version:
        return Version(metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> None:
        """Does nothing: column metadata is not fetched during the build."""


def dbt_resource() -> DbtCliResource:
    """dbt's command line over this project's models."""
    return _InstalledDbt(
        project_dir=str(DBT_PROJECT),
        profiles_dir=str(DBT_PROJECT),
        dbt_executable=str(DBT_EXECUTABLE),
    )
