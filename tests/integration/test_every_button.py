"""Materialize on the page of Dagster: all assets at once, then assets alone, by GraphQL.

The real web server, daemon and runs. Alone is pressed for one asset of each group and for the
published ones, because every run takes seconds; FACTROOTS_BUTTONS=all presses every asset.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import studies
from tests.helpers.user_interface import Server, user_interface

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

STUDY = """\
name: tiny
facts: {kind: table, path: facts.csv}
languages: [de, en]
attribution:
  probeless: {top: 5, bins: 4, forced: 6}
models:
  - {id: first, source: ./first}
corpora:
  - {id: texts, kind: text, path: "texts/{language}.txt"}
refresh: {watch: false}
"""
ASSETS = "{assetNodes {assetKey {path} groupName isMaterializable partitionKeys}}"
LINEAGE = """\
{assetNodes(assetKeys: [{path: ["p_at_1_by_language"]}]) {metadataEntries {__typename}}}
"""
BACKFILL = """\
mutation($given: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $given) {
    ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}
"""
BACKFILL_STATUS = """\
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) {... on PartitionBackfill {status}}}
"""
REPOSITORY = """\
{repositoriesOrError {... on RepositoryConnection {nodes {name location {name}}}}}
"""
LAUNCH = """\
mutation($given: ExecutionParams!) {
  launchRun(executionParams: $given) {
    ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}
"""
RUNS = "{runsOrError {... on Runs {results {runId status}}}}"
PATIENCE_SECONDS = 1800.0


@dataclass(frozen=True)
class Page:
    """What a person sees, and can press."""

    server: Server
    """The web server."""
    study: Path
    """The study file."""
    homes: Path
    """Folder of the home."""

    def ask(self, query: str, **variables: object) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        with urllib.request.urlopen(self.server.request("/graphql", body), timeout=300) as answer:
            content = json.load(answer)
        assert "errors" not in content, content["errors"]
        (found,) = content["data"].values()
        return found

    def assets(self) -> list[dict[str, Any]]:
        """The assets that can be materialised."""
        return [asset for asset in self.ask(ASSETS) if asset["isMaterializable"]]

    def runs(self) -> dict[str, str]:
        """Run → its status."""
        return {run["runId"]: run["status"] for run in self.ask(RUNS)["results"]}

    def press(self, asset: dict[str, Any]) -> str:
        """Materialise one asset alone, in one partition if it has any; returns the run's status."""
        (repository,) = self.ask(REPOSITORY)["nodes"]
        partition = asset["partitionKeys"][:1]
        tags = [{"key": "dagster/partition", "value": key} for key in partition]
        given = {
            "selector": {
                "repositoryName": repository["name"],
                "repositoryLocationName": repository["location"]["name"],
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [{"path": asset["assetKey"]["path"]}],
            },
            "runConfigData": {},
            "executionMetadata": {"tags": tags},
        }
        answer = self.ask(LAUNCH, given=given)
        assert "run" in answer, answer
        run_id = answer["run"]["runId"]
        return wait_for(lambda: self.runs()[run_id], {"SUCCESS", "FAILURE", "CANCELED"})


def wait_for(look: Any, ends: set[str]) -> str:
    """Look until the status is one of some."""
    until = time.monotonic() + PATIENCE_SECONDS
    status = "not asked"
    while status not in ends:
        assert time.monotonic() < until, status
        time.sleep(1)
        # On a machine with much else to do, the code location does not always answer in time.
        with contextlib.suppress(urllib.error.HTTPError):
            status = str(look())
    return status


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("buttons")
    study = studies.write_study(folder / "study")
    study.write_text(STUDY)
    (folder / "homes").mkdir()
    with user_interface(study, folder / "homes") as server:
        yield Page(server, study, folder / "homes")


def test_the_page_opens_before_the_lineage_is_read_and_shows_it_later(page: Page) -> None:
    logged = (page.homes / "ui.log").read_text()
    assert "Open http" in logged
    assert "column lineage of" not in logged.partition("Open http")[0]

    def shown() -> str:
        (asset,) = page.ask(LINEAGE)
        kinds = {entry["__typename"] for entry in asset["metadataEntries"]}
        return str("TableColumnLineageMetadataEntry" in kinds)

    assert wait_for(shown, {"True"}) == "True"


def test_all_assets_at_once_are_materialised_without_a_red_run(page: Page) -> None:
    assets = page.assets()
    assert len(assets) > 100
    given = {"assetSelection": [asset["assetKey"] for asset in assets], "allPartitions": True}
    answer = page.ask(BACKFILL, given=given)
    assert "backfillId" in answer, answer
    ends = {"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}
    status = wait_for(lambda: page.ask(BACKFILL_STATUS, id=answer["backfillId"])["status"], ends)
    assert status == "COMPLETED_SUCCESS"
    assert set(page.runs().values()) == {"SUCCESS"}
    run = studies.factroots("run", page.study, "--home", page.homes)
    assert "Nothing to do" in run.stdout, run.stdout + run.stderr


def test_each_asset_alone_is_materialised(page: Page) -> None:
    published = page.homes / "tiny" / "factroots.duckdb"
    before = studies.published_tables(published)
    assets = page.assets()
    if os.environ.get("FACTROOTS_BUTTONS") != "all":
        # The last of a group reads others of it.
        assets = list({asset["groupName"]: asset for asset in assets}.values())
    names = ("factroots_duckdb", "report")
    last = [each for each in page.assets() if each["assetKey"]["path"] in ([n] for n in names)]
    pressed = {}
    for asset in [*(each for each in assets if each not in last), *last]:
        pressed["/".join(asset["assetKey"]["path"])] = page.press(asset)
    assert set(pressed) >= set(names)
    assert {name: status for name, status in pressed.items() if status != "SUCCESS"} == {}
    assert studies.published_tables(published) == before
    run = studies.factroots("run", page.study, "--home", page.homes)
    assert "Nothing to do" in run.stdout, run.stdout + run.stderr


def test_a_partition_that_no_study_has_is_refused(page: Page) -> None:
    asset = next(each for each in page.assets() if each["partitionKeys"])
    assert page.press(asset | {"partitionKeys": ["en|nobody"]}) == "FAILURE"
