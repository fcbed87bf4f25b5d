"""Calls dbt: its variables, its environment, its manifest, and a fingerprint of its files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dagster_project.paths import DBT_PROJECT
from dagster_project.study.home import Home
from dagster_project.study.schema import Study
from ingestion.errors import FactrootsError

__all__ = [
    "DBT_EXECUTABLE",
    "MANIFEST",
    "VERSION",
    "compile_models",
    "dbt_environment",
    "dbt_failures",
    "dbt_fingerprint",
    "dbt_variables",
    "manifest_version",
    "parse",
    "prepare_manifest",
    "read_manifest",
    "start_parsing",
]

LOG = logging.getLogger("factroots")

DBT_EXECUTABLE = Path(sys.executable).with_name("dbt")
"""dbt of the same environment, whether or not that is on the PATH."""
MANIFEST = "manifest.json"
"""Name of dbt's manifest in its target folder."""
VERSION = "manifest.version"
"""Name of the file next to it that says what it was parsed from: ``manifest_version``."""
_ARTEFACTS = {"target", "logs", "dbt_packages"}


class DbtError(FactrootsError):
    """dbt could not read the project; the message has dbt's output."""


def dbt_variables(study: Study, home: Home) -> str:
    """The ``--vars`` of a study, as JSON."""
    verdict = {} if study.verdict == "exact" else {"verdict": study.verdict}
    return json.dumps({"lake": str(home.marts_lake), "study_name": study.name, **verdict})


def dbt_environment(home: Home) -> dict[str, str]:
    """Environment variables that the profile, the macros and dbt's own settings read.

    The same for every command: if one of them changes, dbt parses the whole project again.
    """
    return {
        "FACTROOTS_BUILD": str(home.build_file),
        "FACTROOTS_PREVIEWS": str(home.previews),
        "DBT_LOG_PATH": str(home.build / "logs"),
        # Dagster keeps what dbt prints. A file with the same lines would cost as much again.
        "DBT_LOG_LEVEL_FILE": "none",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def dbt_failures(run_results: Path) -> str:
    """Lists models and tests that failed, each with dbt's reason; empty without results.

    Args:
        run_results: dbt's file ``run_results.json``, which it writes if it gets that far.
    """
    if not run_results.exists():
        return ""
    results = json.loads(run_results.read_text(encoding="utf-8"))["results"]
    return "; ".join(
        f"{result['unique_id'].split('.')[2]}: {' '.join(str(result['message']).split())}"
        for result in results
        if result["status"] in ("error", "fail")
    )


def dbt_fingerprint() -> str:
    """Fingerprint of the dbt project's files: models, macros, tests, seeds, settings."""
    digest = hashlib.sha256()
    for path in sorted(DBT_PROJECT.rglob("*")):
        relative = path.relative_to(DBT_PROJECT)
        if path.is_file() and not _ARTEFACTS & set(relative.parts):
            digest.update(f"{relative.as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def parse(target: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Path:
    """Parses the project and returns dbt's manifest, written into a folder of its own.

    Raises:
        DbtError: the project does not parse; with dbt's message.
    """
    return _manifest("parse", target, arguments, environment or {"DBT_LOG_PATH": str(target)})


def compile_models(target: Path) -> Path:
    """Compiles the models' SQL for a lake at ``lake`` and returns dbt's manifest.

    Reads no database and no lake.

    Raises:
        DbtError: the project does not compile; with dbt's message.
    """
    environment = {"DBT_LOG_PATH": str(target), "FACTROOTS_BUILD": ":memory:"}
    arguments = ("--no-introspect", "--no-populate-cache", "--select", "resource_type:model")
    return _manifest("compile", target, arguments, environment)


def _manifest(
    command: str, target: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> Path:
    done = subprocess.run(
        [*_command(command, target), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DbtError(f"dbt cannot {command} {DBT_PROJECT}:\n{done.stdout}{done.stderr}")
    return target / MANIFEST


def _command(command: str, target: Path) -> list[str]:
    places = ("--project-dir", DBT_PROJECT, "--profiles-dir", DBT_PROJECT, "--target-path", target)
    return [str(DBT_EXECUTABLE), "--quiet", command, *map(str, places)]


def start_parsing(study: Study, home: Home, target: Path) -> subprocess.Popen[bytes]:
    """Starts to parse the project for a study, in another process; writes into ``target`` only."""
    return subprocess.Popen(
        [*_command("parse", target), "--vars", dbt_variables(study, home)],
        env={**os.environ, **dbt_environment(home), "DBT_LOG_PATH": str(target)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def manifest_version(study: Study, home: Home) -> str:
    """What a manifest was parsed from: the project's place, its files, the study's variables."""
    return f"{DBT_PROJECT}\n{dbt_fingerprint()} {dbt_variables(study, home)}"


def prepare_manifest(study: Study, home: Home) -> dict[str, Any]:
    """Returns dbt's manifest for this study; parses again only if project or paths changed.

    A damaged manifest is named and made again.

    Raises:
        DbtError: the project does not parse; with dbt's message.
    """
    target = home.dbt_target
    manifest, mark = target / MANIFEST, target / VERSION
    version = manifest_version(study, home)
    with contextlib.suppress(OSError):
        recorded = mark.read_text(encoding="utf-8", errors="replace")
        if recorded.partition("\n")[0] != str(DBT_PROJECT):
            # What dbt keeps of a project that stood elsewhere has the old paths of its seeds.
            shutil.rmtree(target, ignore_errors=True)
        elif manifest.exists() and recorded == version:
            try:
                return read_manifest(manifest)
            except ValueError as error:
                LOG.warning("%s is damaged, and is made again: %s", manifest, error)
                # dbt's own cache of the project may be damaged as well.
                shutil.rmtree(target, ignore_errors=True)
    parse(target, "--vars", dbt_variables(study, home), environment=dbt_environment(home))
    mark.write_text(version, encoding="utf-8")
    return read_manifest(manifest)


def read_manifest(path: Path) -> dict[str, Any]:
    """Reads a file ``manifest.json``.

    Raises:
        ValueError: it is damaged.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not {"nodes", "sources"} <= found.keys():
        raise ValueError("it has no nodes and sources")
    return found
