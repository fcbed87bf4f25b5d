"""What has to be materialised, and in which order: one list for every way of running a study.

The command line materialises the stages one after another in its own process
(``dagster_project.cli.run``); the sensor and the schedule ask Dagster for a run of each
(``dagster_project.defs.sensors``). Which parts are missing is ``dagster_project.study.plan``'s
affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dagster_project.runtime.workspace import Workspace
from dagster_project.study.plan import Part
from ingestion.lake import fingerprint

if TYPE_CHECKING:
    import dagster as dg

__all__ = ["Job", "Stage", "job_of", "stages"]

Job = Literal["read_inputs", "run_model", "search_corpus", "build_marts"]
"""Kind of stage; the assets of one kind share their partitions."""


_WAVES = (
    {"knowledge_neurons", "attribution_quality"},
    {"interventions", "degenerate_pairs", "degenerate_sets", "fact_checks"},
)
"""Tables of a model whose facts are chosen over several languages: each wave needs the ones before
in all of them."""


@dataclass(frozen=True)
class Stage:
    """One run: some assets, over one range of partitions if they have any."""

    job: Job
    """Kind of stage; Dagster's job for it has the same name."""
    name: str
    """What it is about, for people."""
    keys: tuple[dg.AssetKey, ...]
    """Assets to materialise."""
    identity: str
    """Digest of what is asked for: the same as long as the same parts lack for the same reason."""
    model_id: str | None = None
    """The model that it computes, if it computes one: its failure is that model's alone."""
    first: dg.MultiPartitionKey | None = None
    """First partition; None for assets without partitions."""
    last: dg.MultiPartitionKey | None = None
    """Last partition of the same model or corpus, in the order in which Dagster keeps them."""

    @property
    def tags(self) -> dict[str, str]:
        """Tags that tell Dagster the range of partitions."""
        if self.first is None or self.last is None:
            return {}
        return {
            "dagster/asset_partition_range_start": self.first,
            "dagster/asset_partition_range_end": self.last,
        }


def stages(
    workspace: Workspace,
    missing: Sequence[Part],
    assets: Iterable[dg.AssetsDefinition],
    languages: Sequence[str],
) -> list[Stage]:
    """Everything that brings a study up to date, in the order of the flow; the marts come last.

    Args:
        workspace: the study.
        missing: parts to compute.
        assets: all assets of the study.
        languages: the study's languages in the order in which Dagster keeps their partitions.
    """
    lake: dict[str, AbstractSet[dg.AssetKey]] = {}
    rest = []
    for asset in assets:
        for key in asset.keys:
            if job_of(asset, key) == "build_marts":
                rest.append(key)
            else:
                lake[key.path[-1]] = asset.keys
    found = [*_inputs(workspace, missing, lake)]
    for owner in ("model", "corpus"):
        owned = [part for part in missing if _owner(part) == owner]
        for name in dict.fromkeys(part.partition[f"{owner}_id"] for part in owned):
            own = [part for part in owned if part.partition[f"{owner}_id"] == name]
            for wave in range(len(_WAVES) + 1):
                due = [part for part in own if _wave(part) == wave]
                found += _ranges(workspace, owner, name, due, lake, languages)
    identity = fingerprint("marts", workspace.identity)
    found.append(Stage("build_marts", "marts", _ordered(rest), identity))
    return found


def job_of(asset: dg.AssetsDefinition, key: dg.AssetKey) -> Job:
    """Which kind of stage an asset belongs to, by its partitions."""
    if asset.partitions_def is not None:
        names = asset.partitions_def.partition_dimension_names  # type: ignore[attr-defined]
        return "run_model" if "model" in names else "search_corpus"
    is_input = key.path[0] == "lake" and key.path[-1] != "missing_models"
    return "read_inputs" if is_input else "build_marts"


def _inputs(
    workspace: Workspace, missing: Sequence[Part], lake: Mapping[str, AbstractSet[dg.AssetKey]]
) -> Iterator[Stage]:
    own = [part for part in missing if _owner(part) is None]
    if own:
        keys = {key for part in own for key in lake[part.table]}
        yield Stage("read_inputs", "facts and models", _ordered(keys), _identity(workspace, own))


def _ranges(
    workspace: Workspace,
    owner: str,
    name: str,
    parts: Sequence[Part],
    lake: Mapping[str, AbstractSet[dg.AssetKey]],
    languages: Sequence[str],
) -> Iterator[Stage]:
    """Neighbouring languages that lack the same assets make one stage; no other partition is in."""
    import dagster as dg

    lacking: dict[str, list[Part]] = {}
    for part in parts:
        lacking.setdefault(part.partition["language_code"], []).append(part)
    wanted = {
        language: frozenset(key for part in own for key in lake[part.table])
        for language, own in lacking.items()
    }
    run: list[str] = []
    for language, following in zip(languages, [*languages[1:], None], strict=True):
        if language not in wanted:
            continue
        run.append(language)
        if following is not None and wanted.get(following) == wanted[language]:
            continue
        own = [part for member in run for part in lacking[member]]
        yield Stage(
            "run_model" if owner == "model" else "search_corpus",
            f"{owner} {name}",
            _ordered(wanted[language]),
            _identity(workspace, own),
            name if owner == "model" else None,
            dg.MultiPartitionKey({owner: name, "language": run[0]}),
            dg.MultiPartitionKey({owner: name, "language": run[-1]}),
        )
        run = []


def _wave(part: Part) -> int:
    """How many waves come before a part's."""
    waves = (number for number, tables in enumerate(_WAVES, 1) if part.table in tables)
    return next(waves, 0)


def _owner(part: Part) -> str | None:
    """Whose part it is: a model's or a corpus' in a language, or the study's."""
    if "language_code" not in part.partition:
        return None
    return next((name for name in ("model", "corpus") if f"{name}_id" in part.partition), None)


def _ordered(keys: Iterable[dg.AssetKey]) -> tuple[dg.AssetKey, ...]:
    return tuple(sorted(keys, key=str))


def _identity(workspace: Workspace, parts: Sequence[Part]) -> str:
    """A part that is there and wanted anew is told from one that was never there by its time."""
    wanted = []
    for part in parts:
        path = part.path(workspace.home.lake)
        since = path.stat().st_mtime_ns if path.exists() else 0
        wanted.append((part.label, part.fingerprint, since))
    return fingerprint(sorted(wanted))
