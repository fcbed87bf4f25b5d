"""The Python interface: run a study, open what it published, show it in Dagster.

In an installed wheel this module is the package ``factroots``, which contains the others
(``factroots.ingestion`` …). Nothing heavy is imported before it is used. Computing belongs in the
packages, options of the command line in ``dagster_project.cli``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ingestion.errors import FactrootsError

if TYPE_CHECKING:
    import dagster as dg

    from warehouse.opened import Explanation, Warehouse

__all__ = ["Explanation", "FactrootsError", "Warehouse", "definitions", "open", "run"]


def run(
    study: str | Path = "atlas",
    *,
    home: str | Path | None = None,
    models: Sequence[str] | None = None,
    languages: Sequence[str] | None = None,
    keep_going: bool = False,
    ray: str | None = None,
    lake: str | None = None,
    restrict: str | Path | None = None,
) -> Warehouse:
    """Compute what is missing or stale, publish it, and open the result.

    The same as the command ``factroots run``. A model that fails is left out of the published
    tables; ``Warehouse.table("operations.missing_models")`` names it.

    Args:
        study: a study file, or the name of an embedded study.
        home: folder that holds one folder per study; None takes the environment variable
            FACTROOTS_HOME, or the default of the command line.
        models: only these models of the study; None takes all.
        languages: only these languages; None takes all.
        keep_going: leave out models that cannot be used, instead of refusing the study.
        ray: address of a Ray cluster; None computes in this process.
        lake: address of a shared lake; None takes the study's own.
        restrict: folder that the study must stay inside; None trusts it.

    Raises:
        FactrootsError: the study cannot be run; the message says what is wrong and what to do.
    """
    from dagster_project.cli.run import refresh
    from dagster_project.runtime.connect import workers_at
    from dagster_project.runtime.workspace import Workspace
    from dagster_project.study.home import homes_folder
    from warehouse.opened import Warehouse

    workspace = Workspace(
        str(study),
        homes_folder(home),
        tuple(models) if models is not None else None,
        tuple(languages) if languages is not None else None,
        keep_going,
        Path(restrict) if restrict is not None else None,
        lake,
    )
    refresh(workspace, workers_at(ray))
    return Warehouse(workspace.home.published_file)


def open(study: str | Path = "atlas", *, home: str | Path | None = None) -> Warehouse:
    """Open the published tables of a study, read-only.

    Args:
        study: a study file, the name of an embedded study, or a published file (``*.duckdb``).
        home: folder that holds one folder per study, as in ``run``.

    Raises:
        FactrootsError: there is no such study, or it has not been run yet.
    """
    from dagster_project.runtime.workspace import Workspace
    from dagster_project.study.home import homes_folder
    from warehouse.opened import Warehouse

    if Path(study).suffix == ".duckdb":
        return Warehouse(Path(study))
    return Warehouse(Workspace(str(study), homes_folder(home)).home.published_file)


def definitions(
    study: str | Path = "atlas",
    *,
    home: str | Path | None = None,
    key_prefix: str = "",
    ray: str | None = None,
    lake: str | None = None,
    restrict: str | Path | None = None,
) -> dg.Definitions:
    """Give a study to a Dagster deployment: ``defs = factroots.definitions(...)`` in a file.

    One study per file, because Dagster has one process per file and the study's name, home and
    prefix become environment variables of that process.

    Args:
        study: a study file, or the name of an embedded study. Paths should be absolute: relative
            ones are taken from the folder in which Dagster was started.
        home: as in ``run``.
        key_prefix: what the keys of all assets begin with, such as ``mine`` or ``team/mine``;
            needed where the deployment has assets with the same keys, such as a second study.
        ray: as in ``run``.
        lake: as in ``run``.
        restrict: as in ``run``.

    Raises:
        FactrootsError: the study file is malformed.
    """
    from dagster_project.definitions import study_definitions

    given = {
        "FACTROOTS_STUDY": study,
        "FACTROOTS_HOME": home,
        "FACTROOTS_KEY_PREFIX": key_prefix,
        "FACTROOTS_RAY": ray,
        "FACTROOTS_LAKE": lake,
        "FACTROOTS_RESTRICT": restrict,
    }
    os.environ |= {name: str(value) for name, value in given.items() if value}
    return study_definitions()


def command_line() -> NoReturn:
    """Run the command ``factroots``."""
    from dagster_project.cli.main import command_line

    command_line()


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Return what is imported only when it is asked for: two classes and the version."""
        if name in ("Explanation", "Warehouse"):
            import warehouse.opened as opened

            return getattr(opened, name)
        if name == "__version__":
            from importlib.metadata import version

            return version("factroots")
        raise AttributeError(f"module 'factroots' has no attribute {name!r}")
