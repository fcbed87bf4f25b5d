"""Resolves a study: opens its inputs, identifies its models, reports all problems at once.

Nothing is computed here and no weights are loaded. Inputs have a fingerprint of their content,
models of their commit or weight files; the plan compares these. The form of the study file is
checked in ``dagster_project.study.load``.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path

import polars as pl

from dagster_project.paths import PROJECT
from dagster_project.study.home import Home
from dagster_project.study.load import Narrowing, load_study
from dagster_project.study.sandbox import home_problem, language_problem, outside
from dagster_project.study.schema import (
    ATLAS_ALIASES,
    CorpusBlock,
    DegenerateBlock,
    EditsBlock,
    FactChecksBlock,
    ModelBlock,
    Problem,
    Study,
    StudyError,
    near_match,
)
from ingestion.atlas.world import CORPORA as ATLAS_CORPORA
from ingestion.atlas.world import FACTS_FILE as ATLAS_FACTS
from ingestion.corpora import (
    CorpusError,
    CorpusSettings,
    JsonLines,
    ParquetText,
    PlainText,
    WikipediaDump,
    check_layout,
    corpus_digest,
)
from ingestion.facts import FactsError, FactSource, FactsSettings, open_facts
from ingestion.facts.sampling import SampledFacts
from ingestion.facts.wordings import AtlasWordings, WordingSource, open_wordings
from ingestion.import_kinds import ImportKind
from ingestion.imports import ImportedFile, ImportsError, read_import
from ingestion.lake import LakeError, fingerprint, part_path, read_part, read_provenance
from ingestion.languages import LanguagesError, known_languages, language_table, read_languages
from ingestion.restricted import RestrictedError, read_bytes
from ingestion.tracing.names import NamesError, read_aliases
from models_gpu.errors import ModelError, as_model_error
from models_gpu.loading.inspection import ModelCard, inspect
from models_gpu.loading.source import ResolvedModel, resolve
from models_gpu.loading.spec import ModelSpec
from models_gpu.loading.tokenizers import load_tokenizer

__all__ = [
    "BrokenModel",
    "ResolvedStudy",
    "StudyCorpus",
    "StudyModel",
    "check_restricted",
    "resolve_block",
    "resolve_study",
    "study_facts",
]

LOG = logging.getLogger("factroots")
ATLAS_WEIGHTS = PROJECT / "models_gpu" / "atlas" / "weights"
ATLAS_CHECKPOINTS = PROJECT / "build" / "atlas-checkpoints"
_ATLAS_PREFIX = "atlas:"
_ALIASES_OF_ATLAS = PROJECT / "ingestion" / "atlas_aliases.csv"
"""Not in the folder of Atlas, whose files are the fingerprint of its corpora."""


@dataclass(frozen=True)
class StudyModel:
    """A model of the study, identified."""

    resolved: ResolvedModel
    """Its weights and tokenizer, identified but not loaded."""
    source: str
    """Where it comes from, as the study file has it."""
    corpus_id: str | None
    """Corpus that it was trained on, if the study has it."""
    card: ModelCard | None
    """Its description; None if the lake already has the description of this very model."""
    languages: tuple[str, ...] | None = None
    """Languages in which it is asked; None: all of the study."""
    files: Mapping[str, ImportedFile] = field(default_factory=dict)
    """Step → file of others that it takes the model's rows from, instead of computing them."""
    objective: str | None = None
    """Objective of a model without weights; None: the weights say it."""
    made_by: str | None = None
    """Who made the files."""

    @property
    def has_weights(self) -> bool:
        """Whether there is a model to ask, or only what others wrote of it."""
        return self.objective is None

    def is_asked(self, language: str) -> bool:
        """Whether it is asked in a language of the study."""
        return self.languages is None or language in self.languages

    @property
    def id(self) -> str:
        """Name of the model in the warehouse."""
        return self.resolved.spec.model_id

    @property
    def fingerprint(self) -> str:
        """Hash of everything that its answers depend on."""
        spec = self.resolved.spec
        return fingerprint(self.resolved.fingerprint, spec.dtype, spec.mask_counts)

    @property
    def details(self) -> dict[str, str]:
        """What identifies it to a person; written into every part made with it."""
        made_of = {"source": self.source, "revision": self.resolved.revision}
        return {**made_of, "dtype": self.resolved.spec.dtype} if self.has_weights else made_of


@dataclass(frozen=True)
class BrokenModel:
    """A model of the study that cannot be identified."""

    id: str
    """Name of the model in the study."""
    source: str
    """Where it should come from, as the study file has it."""
    reason: str
    """Why it cannot be used, beginning with its name."""
    line: int | None
    """Line of its block in the study file."""


@dataclass(frozen=True)
class StudyCorpus:
    """A corpus of the study, found."""

    id: str
    """Name of the corpus in the warehouse."""
    settings: CorpusSettings
    """Where its files lie and how they are read."""
    folder: Path
    """What its relative paths are relative to."""
    fingerprints: Mapping[str, str]
    """Language → hash of its text."""
    is_atlas: bool
    """Whether it is an Atlas corpus, whose files are written before they are read."""
    file: ImportedFile | None = None
    """Counts that others made, in the place of text."""
    made_by: str | None = None
    """Who made them."""


@dataclass(frozen=True)
class ResolvedStudy:
    """A study whose inputs exist."""

    study: Study
    """The study file."""
    facts: FactSource | None
    """The facts, opened; None on workers, which read them from the lake."""
    facts_fingerprints: Mapping[str, str]
    """Language → hash of its input."""
    models: tuple[StudyModel, ...]
    """The models, in the study's order, without those that are broken."""
    broken_models: tuple[BrokenModel, ...]
    """Models that cannot be identified; only with ``keep_going``."""
    corpora: tuple[StudyCorpus, ...]
    """The corpora, in the study's order."""
    aliases_fingerprint: str | None
    """Hash of the table of aliases; None without one."""
    described_languages: pl.DataFrame
    """Rows of the lake table ``languages``."""
    knowledge_languages: tuple[str, ...]
    """Languages whose facts integrated gradients attribute. Empty in a run that is narrowed to
    other languages, because the facts are chosen by the answers in all of them."""
    signal_languages: Mapping[str, tuple[str, ...]]
    """Signal → languages in which it is measured. Empty in a run that is narrowed to other
    languages, for the same reason."""
    within: Path | None = None
    """Folder of a restricted study, with links resolved: none of its files lies elsewhere."""
    wordings: WordingSource | None = None
    """File of further templates; None without one, and on workers."""
    wordings_fingerprints: Mapping[str, str] = field(default_factory=dict)
    """Language → hash of its further templates in that file."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the study, in the order of their codes."""
        return tuple(self.facts_fingerprints)

    def aliases(self) -> pl.DataFrame | None:
        """Other names of entities in all languages; None in a study without them.

        Raises:
            NamesError: the table cannot be read any more.
        """
        found = _alias_file(self.study, self.within)
        return None if found is None else read_aliases(*found)

    @property
    def traced_models(self) -> tuple[StudyModel, ...]:
        """Models whose training text the study has."""
        return tuple(model for model in self.models if model.corpus_id is not None)

    def edited_languages(
        self, block: EditsBlock | DegenerateBlock | FactChecksBlock | None
    ) -> tuple[str, ...]:
        """Languages in which a block's neurons are edited or checked; none where no facts are
        attributed, as in a run that is narrowed to other languages."""
        return block.languages if block is not None and self.knowledge_languages else ()

    def chunk_model(self, corpus_id: str) -> StudyModel | None:
        """The model whose tokenizer measures chunks: the first one trained on the corpus."""
        trained = (
            model
            for model in self.traced_models
            if model.corpus_id == corpus_id and model.has_weights
        )
        return next(trained, None)


def resolve_study(
    study_name: str,
    homes: Path,
    *,
    only_models: Sequence[str] | None = None,
    only_languages: Sequence[str] | None = None,
    keep_going: bool = False,
    restrict: Path | None = None,
    narrowing: Narrowing | None = None,
) -> ResolvedStudy:
    """Reads a study and finds everything that it names.

    Args:
        study_name: study file, or the name of an embedded study.
        homes: folder that holds one home per study; recorded revisions are looked up in its lake.
        only_models: narrows the study to these of its models.
        only_languages: narrows the study to these of its languages.
        keep_going: leaves out models that cannot be used; the asset ``models`` then checks what
            needs their files.
        restrict: folder that all paths must stay inside; the study file's paths are checked before
            anything is opened, and every file again when it is opened.
        narrowing: facts to narrow the study to.

    Raises:
        StudyError: all problems of the file and of what it names, each with its line.
    """
    problems: list[Problem] = []
    try:
        study = load_study(study_name, restrict)
    except StudyError as error:
        if error.sound_part is None:
            raise
        study = error.sound_part
        problems += error.problems
    study = study if narrowing is None else narrowing.of(study)
    within = None if restrict is None else restrict.resolve()
    home = Home((homes / study.name).resolve())
    if within is not None:
        check_restricted(study, homes, within, problems)
    recorded = _Recorded.of(home)
    facts = _open_facts(study, within, problems)
    every_language = _languages(study, facts, problems)
    languages = _narrowed("language", every_language, only_languages, problems)
    if facts is not None and not study.facts.is_whole:
        block = study.facts
        facts = SampledFacts(facts, every_language, block.relations, block.sample, block.seed)
    knowledge = _knowledge_languages(study, every_language, problems)
    _check_edited(study, knowledge, problems)
    signals = _signal_languages(study, every_language, problems)
    ids = [block.id for block in study.models]
    chosen = _narrowed("model", ids, only_models, problems)
    models, broken = _models(study, chosen, recorded, within, is_inspected=not keep_going)
    if not keep_going:
        problems += [Problem(model.reason, model.line) for model in broken]
    _check_block_languages(study, "model", study.models, every_language, problems)
    _check_block_languages(study, "corpus", study.corpora, every_language, problems)
    corpora = _corpora(study, home, languages, within, problems)
    _check_file_languages(study, models, corpora, every_language, problems)
    aliases = _aliases_fingerprint(study, within, problems)
    described = _described(study, languages, within, problems)
    wordings = _wordings(study, every_language, within, problems)
    if problems or facts is None:
        raise StudyError(study.path, problems)
    fingerprints = {language: facts.digest(language) for language in languages}
    if not set(knowledge) <= set(languages):
        knowledge = ()
    signals = {name: own if set(own) <= set(languages) else () for name, own in signals.items()}
    return ResolvedStudy(
        study,
        facts,
        fingerprints,
        tuple(models),
        tuple(broken),
        corpora,
        aliases,
        described,
        knowledge,
        signals,
        within,
        wordings,
        {language: wordings.digest(language) for language in languages} if wordings else {},
    )


def check_restricted(
    study: Study, homes: Path, within: Path, problems: Sequence[Problem] = ()
) -> None:
    """Refuses a study that reaches out of a folder, before anything that it names is opened.

    Raises:
        StudyError: everything that reaches out, each with its line, after other problems.
    """
    found = outside(study, within)
    if (why := home_problem(Home(homes / study.name), within)) is not None:
        found.append(Problem(why))
    if found:
        raise StudyError(study.path, [*problems, *found])


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
    recorded = _Recorded.of(Home((homes / study.name).resolve()))
    with as_model_error(block.id):
        return _resolve_model(study, block, recorded, within, is_inspected=True)


def _open_facts(study: Study, within: Path | None, problems: list[Problem]) -> FactSource | None:
    block = study.facts
    kind, path = block.kind, study.locate(block.path) if block.path else None
    if kind == "atlas":
        kind, path, within = "table", ATLAS_FACTS, None
    settings = FactsSettings(
        kind=kind,
        path=path,
        max_rejected_rate=block.max_rejected_rate,
        within=within,
    )
    try:
        return open_facts(settings, on_progress=_tell_download)
    except (FactsError, RestrictedError) as error:
        problems.append(Problem(f"facts: {error}", study.section_line("facts")))
        return None


def _wordings(
    study: Study, languages: Sequence[str], within: Path | None, problems: list[Problem]
) -> WordingSource | None:
    block, line = study.wordings, study.section_line("wordings")
    if block is None:
        return None
    problems += [
        Problem(f"wordings: the study has no language {code!r}.{near_match(code, languages)}", line)
        for code in (() if block.languages == "all" else block.languages)
        if languages and code not in languages
    ]
    if study.facts.wordings is None:
        return AtlasWordings() if study.facts.kind == "atlas" else None
    try:
        return open_wordings(study.locate(study.facts.wordings), within)
    except (FactsError, RestrictedError) as error:
        problems.append(Problem(f"facts.wordings: {error}", study.section_line("facts")))
        return None


def _tell_download(done: int, total: int | None) -> None:
    LOG.info("facts: %.1f of %s MB fetched", done / 1e6, f"{total / 1e6:.1f}" if total else "?")


def _languages(study: Study, facts: FactSource | None, problems: list[Problem]) -> list[str]:
    known = facts.languages() if facts else known_languages()
    line = study.section_line("facts")
    problems += [
        Problem(f"facts: {why}", line) for code in known if (why := language_problem(code))
    ]
    known = tuple(code for code in known if language_problem(code) is None)
    if study.languages == "all":
        return list(known) if facts else []
    line = study.section_line("languages")
    problems += [
        Problem(f"the facts have no language {code!r}.{near_match(code, known)}", line)
        for code in study.languages
        if code not in known
    ]
    return sorted(code for code in study.languages if code in known)


def _knowledge_languages(
    study: Study, languages: Sequence[str], problems: list[Problem]
) -> tuple[str, ...]:
    block = study.attribution.integrated_gradients
    if block is None:
        return ()
    if block.languages == "all":
        return tuple(languages)
    line = study.section_line("attribution")
    problems += [
        Problem(
            f"attribution.integrated_gradients: the study has no language {code!r}."
            f"{near_match(code, languages)}",
            line,
        )
        for code in block.languages
        if languages and code not in languages
    ]
    return tuple(sorted(set(block.languages) & set(languages)))


def _check_block_languages(
    study: Study,
    what: str,
    blocks: Sequence[ModelBlock | CorpusBlock],
    languages: Sequence[str],
    problems: list[Problem],
) -> None:
    """Reports languages of models and corpora that the study does not have."""
    section = {"model": "models", "corpus": "corpora"}[what]
    for block in blocks:
        problems += [
            Problem(
                f"{what} {block.id!r}: the study has no language {code!r}."
                f"{near_match(code, languages)}",
                study.block_line(section, block.id),
            )
            for code in (() if block.languages == "all" else block.languages)
            if languages and code not in languages
        ]


def _check_file_languages(
    study: Study,
    models: Sequence[StudyModel],
    corpora: Sequence[StudyCorpus],
    languages: Sequence[str],
    problems: list[Problem],
) -> None:
    """Reports files of others without a language of the study: nothing would be imported."""
    files = [("models", model.id, file) for model in models for file in model.files.values()]
    files += [("corpora", each.id, each.file) for each in corpora if each.file is not None]
    for section, owner, file in files:
        if languages and not set(file.languages) & set(languages):
            has = ", ".join(map(repr, file.languages[:5]))
            problems.append(
                Problem(
                    f"{file.path} has no language of the study: it has {has}, the study "
                    f"{', '.join(map(repr, languages[:5]))}",
                    study.block_line(section, owner),
                )
            )


def study_facts(study: Study, within: Path | None) -> dict[str, pl.DataFrame]:
    """Reads which facts each language of a study has, without its models and corpora.

    Returns:
        Language → columns ``fact_id, relation_id, subject_id, object_id``.

    Raises:
        StudyError: the facts cannot be read, or lack a language of the study.
    """
    problems: list[Problem] = []
    facts = _open_facts(study, within, problems)
    languages = _languages(study, facts, problems)
    if problems or facts is None:
        raise StudyError(study.path, problems)
    block = study.facts
    if not block.is_whole:
        facts = SampledFacts(facts, languages, block.relations, block.sample, block.seed)
    found = {language: facts.read(language) for language in languages}
    return {
        language: each.facts.join(each.fact_labels.select("fact_id"), on="fact_id", how="semi")
        for language, each in found.items()
    }


def _check_edited(study: Study, knowledge: Sequence[str], problems: list[Problem]) -> None:
    """Reports languages of edits and checks that have no knowledge neurons."""
    line = study.section_line("attribution")
    for name in ("edits", "degenerate", "fact_checks"):
        block: EditsBlock | DegenerateBlock | FactChecksBlock | None = getattr(
            study.attribution, name
        )
        if block is None or not knowledge:
            continue
        problems += [
            Problem(
                f"attribution.{name}: integrated_gradients attributes no facts in {code!r}."
                f"{near_match(code, knowledge)}",
                line,
            )
            for code in block.languages
            if code not in knowledge
        ]


def _signal_languages(
    study: Study, languages: Sequence[str], problems: list[Problem]
) -> dict[str, tuple[str, ...]]:
    """Finds the languages of each signal of the study, and reports those that it does not have."""
    line = study.section_line("signals")
    found = {}
    for signal in fields(study.signals):
        block = getattr(study.signals, signal.name)
        if block is None:
            continue
        named = getattr(block, "languages", "all")
        asked = languages if named == "all" else named
        problems += [
            Problem(
                f"signals.{signal.name}: the study has no language {code!r}."
                f"{near_match(code, languages)}",
                line,
            )
            for code in asked
            if languages and code not in languages
        ]
        found[signal.name] = tuple(code for code in languages if code in asked)
    return found


def _narrowed(
    what: str, names: Sequence[str], only: Sequence[str] | None, problems: list[Problem]
) -> list[str]:
    if only is None:
        return list(names)
    problems += [
        Problem(f"--{what}s: the study has no {what} {name!r}.{near_match(name, names)}")
        for name in only
        if name not in names
    ]
    return [name for name in names if name in only]


def _models(
    study: Study,
    chosen: Sequence[str],
    recorded: _Recorded,
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


def _check_tokenizer(model: StudyModel, recorded: _Recorded) -> None:
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
    recorded: _Recorded,
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
    if source.startswith(_ATLAS_PREFIX):
        source = str(_atlas_folder(block.id, source.removeprefix(_ATLAS_PREFIX)))
        within = None
    elif (folder := study.model_folder(source)) is not None:
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


@dataclass(frozen=True)
class _Recorded:
    """What an earlier run recorded of the study's models in the lake."""

    revisions: Mapping[tuple[str, str], str]
    """(id, source) → commit at which a hub model was first resolved. Newer commits on the hub
    change nothing until the study names one."""
    fingerprints: Mapping[str, str]
    """Id → fingerprint of the model that was inspected."""

    @classmethod
    def of(cls, home: Home) -> _Recorded:
        path = part_path(home.lake, "models", {})
        made_by = read_provenance(path)
        try:
            rows = read_part(path) if made_by else None
        except LakeError:
            rows = None
        if made_by is None or rows is None:
            return cls({}, {})
        known = rows.select("model_id", "source", "revision").iter_rows()
        commits = {(m, s): r for m, s, r in known if not r.startswith("sha256:")}
        # A model that could not be described has a fingerprint and no row.
        inspected = {m: made_by.details[m] for m in rows["model_id"] if m in made_by.details}
        return cls(commits, inspected)


def _corpora(
    study: Study,
    home: Home,
    languages: Sequence[str],
    within: Path | None,
    problems: list[Problem],
) -> tuple[StudyCorpus, ...]:
    found = []
    for block in study.corpora:
        line = study.block_line("corpora", block.id)
        if block.kind == "atlas" and block.id not in ATLAS_CORPORA:
            message = f"there is no Atlas corpus {block.id!r}.{near_match(block.id, ATLAS_CORPORA)}"
            problems.append(Problem(message, line))
            continue
        chosen = languages if block.languages == "all" else block.languages
        settings = replace(_corpus_settings(block, home), largest_document=block.largest_document)
        if block.kind != "atlas":
            settings = replace(settings, within=within)
        if block.kind == "presence":
            found.append(_presence(study, block, set(chosen) & set(languages), within, problems))
            continue
        fingerprints: dict[str, str] = {}
        for language in sorted(set(chosen) & set(languages)):
            try:
                if block.kind == "atlas":
                    fingerprints[language] = _atlas_fingerprint()
                    continue
                fingerprints[language] = corpus_digest(settings, language, study.path.parent)
            except RestrictedError as error:
                problems.append(Problem(f"corpus {block.id!r}: {error}", line))
            except CorpusError as error:
                remedy = "Correct the path, or list the languages that it has under 'languages'."
                problems.append(Problem(f"corpus {block.id!r}: {error} {remedy}", line))
                continue
            try:
                check_layout(settings, language, study.path.parent)
            except CorpusError as error:
                problems.append(Problem(f"corpus {block.id!r}: {error}", line))
        found.append(
            StudyCorpus(block.id, settings, study.path.parent, fingerprints, block.kind == "atlas")
        )
    return tuple(found)


def _presence(
    study: Study,
    block: CorpusBlock,
    languages: Collection[str],
    within: Path | None,
    problems: list[Problem],
) -> StudyCorpus:
    """Reads counts that others made, and reports why they cannot be used."""
    path, file = study.locate(str(block.path)), None
    try:
        file = read_import(path, "presence", within, study.facts.max_rejected_rate)
    except (ImportsError, RestrictedError) as error:
        line = study.block_line("corpora", block.id)
        problems.append(Problem(f"corpus {block.id!r}: {error}", line))
    own = {} if file is None else dict.fromkeys(sorted(set(file.languages) & set(languages)), file)
    return StudyCorpus(
        block.id,
        PlainText(str(path)),
        study.path.parent,
        {language: each.sha256 for language, each in own.items()},
        is_atlas=False,
        file=file,
        made_by=block.made_by,
    )


def _corpus_settings(block: CorpusBlock, home: Home) -> CorpusSettings:
    path = block.path or ""
    if block.kind == "parquet":
        return ParquetText(path, block.text_column, block.title_column)
    if block.kind == "jsonl":
        return JsonLines(path, block.text_column, block.title_column)
    if block.kind == "text":
        return PlainText(path, block.document)
    if block.kind == "atlas":
        path = str(home.corpora / block.id / "xml" / "{language}wiki.xml.bz2")
    return WikipediaDump(path)


@cache
def _atlas_fingerprint() -> str:
    """Fingerprint of everything that the embedded corpora are written from."""
    sources = sorted(
        path for path in ATLAS_FACTS.parent.iterdir() if path.suffix in (".csv", ".py", ".yml")
    )
    return fingerprint([hashlib.sha256(path.read_bytes()).hexdigest() for path in sources])


def _described(
    study: Study, languages: Sequence[str], within: Path | None, problems: list[Problem]
) -> pl.DataFrame:
    path, own = study.facts.language_table, None
    line = study.section_line("facts")
    try:
        if path is not None:
            own = read_languages(study.locate(path), within)
        return language_table(languages, own)
    except (LanguagesError, OSError, RestrictedError) as error:
        problems.append(Problem(str(error), line))
        return language_table(())


def _alias_file(study: Study, within: Path | None) -> tuple[Path, Path | None] | None:
    """The table of aliases, and the folder that it must lie in; None in a study without one."""
    name = study.tracing.aliases
    if name == ATLAS_ALIASES:
        return _ALIASES_OF_ATLAS, None
    return None if name is None else (study.locate(name), within)


def _aliases_fingerprint(study: Study, within: Path | None, problems: list[Problem]) -> str | None:
    found = _alias_file(study, within)
    if found is None:
        return None
    path, within = found
    line = study.section_line("tracing")
    if not path.is_file():
        problems.append(Problem(f"tracing.aliases: there is no file {path}", line))
        return None
    try:
        content = read_bytes(path, within)
        read_aliases(path, within)
    except (NamesError, OSError, RestrictedError) as error:
        problems.append(Problem(f"tracing.aliases: {error}", line))
        return None
    return hashlib.sha256(content).hexdigest()
