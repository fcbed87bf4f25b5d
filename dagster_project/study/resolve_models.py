"""Resolves the models of a study: commits and weight files, tokenizers, imported answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dagster_project.paths import PROJECT
from dagster_project.study.home import Home
from dagster_project.study.resolved import BrokenModel, StudyModel
from dagster_project.study.schema import (
    ModelBlock,
    Problem,
    Study,
    near_match,
)
from ingestion.import_kinds import ImportKind
from ingestion.imports import ImportedFile, ImportsError, read_import
from ingestion.lake import LakeError, fingerprint, part_path, read_part, read_provenance
from ingestion.restricted import RestrictedError
from models_gpu.errors import ModelError, as_model_error
from models_gpu.loading.inspection import inspect
from models_gpu.loading.source import ResolvedModel, resolve
from models_gpu.loading.spec import ModelSpec
from models_gpu.loading.tokenizers import load_tokenizer

__all__ = [
    "ATLAS_CHECKPOINTS",
    "ATLAS_PREFIX",
    "ATLAS_WEIGHTS",
    "Recorded",
    "check_neurons",
    "resolve_block",
    "resolve_models",
]


ATLAS_WEIGHTS = PROJECT / "models_gpu" / "atlas" / "weights"
ATLAS_CHECKPOINTS = PROJECT / "build" / "atlas-checkpoints"
REAL_WEIGHTS = PROJECT / "build" / "real"
ATLAS_PREFIX = "atlas:"


def resolve_block(
    study: Study, block: ModelBlock, homes: Path, within: Path | None = None
) -> StudyModel:
    """Identifies and inspects one model as if the study named it.

    Args:
        study: the study.
        block: the model.
        homes: folder that holds one home per study.
        within: folder of a restricted study, with links resolved; None trusts the model.

    Raises:
        ModelError: it cannot be used; says why and what would be right.
    """
    recorded = Recorded.of(Home((homes / study.name).resolve()))
    with as_model_error(block.id):
        return _resolve_model(study, block, recorded, within, is_inspected=True)


def resolve_models(
    study: Study,
    chosen: Sequence[str],
    recorded: Recorded,
    within: Path | None,
    *,
    is_inspected: bool,
) -> tuple[list[StudyModel], list[BrokenModel]]:
    """Identifies the chosen models; those that cannot be identified come second."""
    models: list[StudyModel] = []
    broken: list[BrokenModel] = []
    corpora = {block.id for block in study.corpora}
    for block in study.models:
        if block.id not in chosen:
            continue
        try:
            with as_model_error(block.id):
                model = _resolve_model(study, block, recorded, within, is_inspected=is_inspected)
                # The tracing of a corpus needs the tokenizer of its first model.
                if model.has_weights and model.corpus_id in corpora - {
                    other.corpus_id for other in models
                }:
                    _check_tokenizer(model, recorded)
            models.append(model)
        except ModelError as error:
            line = study.block_line("models", block.id)
            source = block.source or str(block.predictions)
            broken.append(BrokenModel(block.id, source, str(error), line))
    return models, broken


def _check_tokenizer(model: StudyModel, recorded: Recorded) -> None:
    """Loads the tokenizer of a model, unless the model was inspected now or by an earlier run.

    Raises:
        ModelError: it does not load.
    """
    if model.card is not None or recorded.fingerprints.get(model.id) == model.fingerprint:
        return
    folder = model.resolved.fetch_description()
    try:
        load_tokenizer(model.resolved.spec, folder)
    except ModelError as error:
        raise ModelError(f"model '{model.id}' in {folder}: {error}") from error


def _resolve_model(
    study: Study,
    block: ModelBlock,
    recorded: Recorded,
    within: Path | None,
    *,
    is_inspected: bool,
) -> StudyModel:
    files = _files(study, block, within)
    languages = None if block.languages == "all" else tuple(sorted(block.languages))
    if (answers := files.get("predictions")) is not None:
        own = answers.languages if languages is None else set(answers.languages) & set(languages)
        languages = tuple(sorted(own))
    only = study.corpora[0].id if len(study.corpora) == 1 else None
    corpus_id = block.trained_on or only
    if block.source is None:
        return _without_weights(block, files, corpus_id, languages)
    source = block.source
    if source.startswith(ATLAS_PREFIX):
        source = str(_atlas_folder(block.id, source.removeprefix(ATLAS_PREFIX)))
        within = None
    elif (folder := study.model_folder(source)) is not None:
        if folder.resolve().parent == REAL_WEIGHTS and not folder.exists():
            raise ModelError(
                f"model {block.id!r}: {folder.name} is not fetched yet: run `make real` in a "
                "checkout of the repository (320 MB)"
            )
        source = str(folder)
    spec = ModelSpec(
        model_id=block.id,
        source=source,
        revision=block.revision or recorded.revisions.get((block.id, block.source)),
        dtype=block.dtype,
        mask_counts=block.mask_counts,
        examples=block.examples,
        examples_seed=block.examples_seed,
        other_objects=block.other_objects,
        chat=block.chat,
        trust_remote_code=block.trust_remote_code,
        allow_pickle=block.allow_pickle,
        within=within,
    )
    found = resolve(spec)
    model = StudyModel(
        found, block.source, corpus_id, None, languages, files, made_by=block.made_by
    )
    if not is_inspected or recorded.fingerprints.get(block.id) == model.fingerprint:
        return model
    return replace(model, card=inspect(found))


def _files(study: Study, block: ModelBlock, within: Path | None) -> dict[str, ImportedFile]:
    """Reads the files that others made of a model.

    Raises:
        ModelError: one cannot be used; says why.
    """
    names: dict[ImportKind, str | None] = {
        "predictions": block.predictions,
        "neurons": block.neurons,
    }
    try:
        read = [
            read_import(study.locate(name), kind, within, study.facts.max_rejected_rate)
            for kind, name in names.items()
            if name
        ]
    except (ImportsError, RestrictedError) as error:
        raise ModelError(f"model '{block.id}': {error}") from error
    return {file.step: file for file in read}


def _without_weights(
    block: ModelBlock,
    files: Mapping[str, ImportedFile],
    corpus_id: str | None,
    languages: tuple[str, ...] | None,
) -> StudyModel:
    """A model that is known from files of others alone; its revision is the hash of its answers."""
    answers = files["predictions"]
    spec = ModelSpec(model_id=block.id, source=str(block.predictions))
    revision = f"sha256:{answers.sha256}"
    resolved = ResolvedModel(spec, revision, None, fingerprint(revision), "")
    objective = block.objective or "masked"
    return StudyModel(
        resolved, spec.source, corpus_id, None, languages, files, objective, block.made_by
    )


def _atlas_folder(model_id: str, name: str) -> Path:
    """Finds the folder of an embedded model, or of a checkpoint made on this machine.

    Raises:
        ModelError: there is no model of that name, or the checkpoint is not made yet.
    """
    shipped = sorted(path.name for path in ATLAS_WEIGHTS.iterdir())
    if name in shipped:
        return ATLAS_WEIGHTS / name
    trained, step, number = name.rpartition("-step")
    if not step or not number.isdecimal() or trained not in shipped:
        raise ModelError(
            f"model {model_id!r}: there is no embedded model {name!r}.{near_match(name, shipped)}"
        )
    if not (ATLAS_CHECKPOINTS / name / "config.json").is_file():
        raise ModelError(
            f"model {model_id!r}: the checkpoint {name!r} is not made yet: run "
            "`make atlas-checkpoints` (minutes)"
        )
    return ATLAS_CHECKPOINTS / name


def check_neurons(
    study: Study, models: Sequence[StudyModel], recorded: Recorded, problems: list[Problem]
) -> None:
    """Reports models with fewer neurons than the study keeps, or bins for; each needs its size."""
    probeless, path = study.attribution.probeless, study.attribution.integrated_gradients
    for model in models:
        card = model.card
        is_known = recorded.fingerprints.get(model.id) == model.fingerprint
        sizes = recorded.sizes.get(model.id) if is_known else None
        if card is not None:
            sizes = card.layer_count, card.neuron_count, card.hidden_size
        if sizes is None:
            continue
        layers, width, hidden = sizes
        asked = []
        if path is not None and "knowledge_neurons" not in model.files:
            asked.append(("integrated_gradients: top", path.top, layers * width))
        if probeless is not None and "active_neurons" not in model.files:
            of_ffn = {variant.startswith("ffn") for variant in probeless.variants}
            least = min(width if is_ffn else hidden for is_ffn in of_ffn)
            asked.append(("probeless: top", probeless.top, layers * least))
            asked.append(("probeless: bins", probeless.bins, least))
        line = study.section_line("attribution")
        for name, wanted, most in asked:
            if wanted > most:
                has = "a layer of " if name.endswith("bins") else ""
                message = f"attribution.{name} is {wanted:,}; {has}model {model.id!r} has {most:,}"
                problems.append(Problem(f"{message} neurons, so write at most {most:,}", line))


@dataclass(frozen=True)
class Recorded:
    """What an earlier run recorded of the study's models in the lake."""

    revisions: Mapping[tuple[str, str], str]
    """(id, source) → commit at which a hub model was first resolved. Newer commits on the hub
    change nothing until the study names one."""
    fingerprints: Mapping[str, str]
    """Id → fingerprint of the model that was inspected."""
    sizes: Mapping[str, tuple[int, int, int]]
    """Id → its layers, FFN neurons per layer, and width of the residual stream."""

    @classmethod
    def of(cls, home: Home) -> Recorded:
        """Reads what a home has recorded; nothing of a new one."""
        path = part_path(home.lake, "models", {})
        made_by = read_provenance(path)
        try:
            rows = read_part(path) if made_by else None
        except LakeError:
            rows = None
        if made_by is None or rows is None:
            return cls({}, {}, {})
        known = rows.select("model_id", "source", "revision").iter_rows()
        commits = {(m, s): r for m, s, r in known if not r.startswith("sha256:")}
        # A model that could not be described has a fingerprint and no row.
        inspected = {m: made_by.details[m] for m in rows["model_id"] if m in made_by.details}
        columns = ("model_id", "layer_count", "neuron_count", "hidden_size")
        sizes = {
            m: (layers, neurons, hidden)
            for m, layers, neurons, hidden in rows.select(columns).drop_nulls().iter_rows()
        }
        return cls(commits, inspected, sizes)
