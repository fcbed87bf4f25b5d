"""Tracing: did a fact stand in the training text, and what do its names share?"""

import logging
import shutil
import time

import dagster as dg
import polars as pl

from dagster_project.assets.common import lake_spec, report_partition, unfinished_parts
from dagster_project.partitions import (
    CORPUS_LANGUAGES,
    MODEL_LANGUAGES,
    corpus_language,
    languages_by_owner,
    model_language,
)
from dagster_project.plan import CODE_VERSIONS
from dagster_project.resolve import StudyCorpus, StudyModel
from dagster_project.workspace import Workspace
from ingestion.atlas.corpus import write_corpus
from ingestion.lake import fingerprint
from ingestion.tracing import TracingSettings, collect_names, finish, trace_corpus
from ingestion.tracing import label_pieces as pieces_of
from models_gpu.source import load_tokenizer, tokenizer_hash

__all__ = ["label_pieces", "traced_corpora"]

LOG = logging.getLogger("factroots")
_GROUP = "lake_tracing"


@dg.multi_asset(
    specs=[
        lake_spec(
            table,
            group=_GROUP,
            code_version=CODE_VERSIONS["tracing"],
            kinds=("polars", "parquet"),
            deps=("facts", "fact_labels", "models"),
            partitions=CORPUS_LANGUAGES,
        )
        for table in ("occurrences", "corpus_sizes")
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def traced_corpora(
    context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]
) -> tuple[None, None]:
    """Look for every fact of each chosen language in each chosen corpus, one pass a language."""
    chosen = languages_by_owner(CORPUS_LANGUAGES, context.partition_keys)
    for corpus in workspace.plan.study.corpora:
        for language in chosen.get(corpus.id, ()):
            if language in corpus.digests:
                trace_language(workspace, corpus, language)
                for part in workspace.plan.tracing(corpus, language):
                    key = corpus_language(corpus.id, language)
                    report_partition(context, workspace, part, key)
    return None, None


@dg.multi_asset(
    name="cut_labels",
    specs=[
        lake_spec(
            "label_pieces",
            group=_GROUP,
            code_version=CODE_VERSIONS["label_pieces"],
            deps=("fact_labels", "models"),
            partitions=MODEL_LANGUAGES,
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def label_pieces(context: dg.AssetExecutionContext, workspace: dg.ResourceParam[Workspace]) -> None:
    """Cut the names of each chosen language with the tokenizer of each chosen model."""
    chosen = languages_by_owner(MODEL_LANGUAGES, context.partition_keys)
    for model in workspace.plan.study.traced_models:
        languages = chosen.get(model.id, [])
        cut_labels(workspace, model, languages)
        for language in languages:
            part = workspace.plan.label_pieces(model, language)
            report_partition(context, workspace, part, model_language(model.id, language))


def trace_language(workspace: Workspace, corpus: StudyCorpus, language: str) -> None:
    """One pass over a corpus in one language, unless what it would find is there.

    Raises:
        CorpusError: a file cannot be read; what was counted of others is kept for the next run.
    """
    plan, study = workspace.plan, workspace.plan.study
    parts = plan.tracing(corpus, language)
    if not unfinished_parts(workspace, parts):
        return
    started = time.perf_counter()
    if corpus.is_atlas:
        _write_atlas(workspace, corpus)
    tokenizer_json, tokenizer_id = None, None
    if (counter := study.chunk_model(corpus.id)) is not None:
        tokenizer = load_tokenizer(counter.resolved.spec, counter.resolved.fetch())
        tokenizer_json = tokenizer.backend_tokenizer.to_str()
        tokenizer_id = tokenizer_hash(tokenizer)
    settings = study.study.tracing
    ingested = {part.label: part for part in plan.facts()}
    aliases = None
    if settings.aliases is not None:
        aliases = pl.read_csv(study.study.locate(settings.aliases), infer_schema=False)
    names = collect_names(
        workspace.read(ingested[f"fact_labels {language}"]),
        language,
        workspace.read(ingested["facts"]),
        aliases,
    )
    kept = workspace.home.tracing / corpus.id / language
    counts = trace_corpus(
        corpus.settings,
        language,
        names,
        TracingSettings(
            units=settings.units,
            matching=settings.matching,
            chunk_tokens=settings.chunk_tokens,
            engine=settings.engine,
        ),
        tokenizer_json,
        folder=corpus.folder,
        processes=settings.processes,
        keep=kept,
    )
    occurrences, sizes = finish(counts, names, corpus.id, language, tokenizer_id)
    for part, frame in zip(parts, (occurrences, sizes), strict=True):
        workspace.write(part, frame, started)
    shutil.rmtree(kept, ignore_errors=True)
    (row,) = sizes.to_dicts()
    seconds = max(time.perf_counter() - started, 0.001)
    LOG.info(
        "occurrences %s/%s: %s documents, %.1f MB of text, %.1f s, %.1f MB/s%s",
        corpus.id,
        language,
        f"{row['document_count']:,}",
        row["text_bytes"] / 1e6,
        seconds,
        row["text_bytes"] / 1e6 / seconds,
        f"; {row['problem_note']}" if row["problem_note"] else "",
    )


def cut_labels(workspace: Workspace, model: StudyModel, languages: list[str]) -> None:
    """Write ``label_pieces`` of a model for the languages that lack them."""
    plan = workspace.plan
    parts = {language: plan.label_pieces(model, language) for language in languages}
    todo = {part.label for part in unfinished_parts(workspace, list(parts.values()))}
    if not todo:
        return
    tokenizer = load_tokenizer(model.resolved.spec, model.resolved.fetch())
    tokenizer_json = tokenizer.backend_tokenizer.to_str()
    described = workspace.read(plan.models()).filter(pl.col("model_id") == model.id)
    ignored: int | None = described["ignored_token_id"].item()
    ingested = {part.label: part for part in plan.facts()}
    for language, part in parts.items():
        if part.label in todo:
            started = time.perf_counter()
            labels = workspace.read(ingested[f"fact_labels {language}"])
            frame = pieces_of(labels, language, model.id, tokenizer_json, ignored)
            workspace.write(part, frame, started)
    LOG.info("label_pieces %s: %d languages", model.id, len(todo))


def _write_atlas(workspace: Workspace, corpus: StudyCorpus) -> None:
    """The embedded corpus as files, written anew when it is not the one of this version."""
    folder = workspace.home.corpora / corpus.id
    mark, version = folder / "version", fingerprint(corpus.digests)
    if mark.exists() and mark.read_text(encoding="utf-8") == version:
        return
    started = time.perf_counter()
    write_corpus(corpus.id, folder, list(corpus.digests))
    mark.write_text(version, encoding="utf-8")
    LOG.info("corpus %s written, %.1f s", corpus.id, time.perf_counter() - started)
