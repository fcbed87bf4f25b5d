"""Declarations: what a step computes, what it depends on, and what its compute function gets.

There are three kinds of step, by what their parts belong to: the study, a model, or a corpus. A
step is named after its first table; Dagster's asset and op have the same name. Steps know neither
Dagster nor torch nor how rows are written.
"""

from __future__ import annotations

import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from dagster_project.runtime.workers import Workers
from dagster_project.steps.libraries import versions
from dagster_project.steps.plan import Part, Plan
from dagster_project.study.home import Home
from dagster_project.study.resolved import ResolvedStudy, StudyCorpus, StudyModel
from dagster_project.study.schema import Study
from ingestion.contract import LAKE
from ingestion.imports import ImportedFile, ImportsError, neurons_of_model
from ingestion.lake import fingerprint
from ingestion.text import normal_column
from ingestion.tracing.names import ALIAS_COLUMNS
from models_gpu.errors import ModelError
from models_gpu.lake_rows import lake_rows

if TYPE_CHECKING:
    from models_gpu.loading.load import LoadedModel
    from models_gpu.progress import Progress

__all__ = [
    "AFTER_CORPORA",
    "Computed",
    "CorpusStep",
    "CorpusTask",
    "ModelLanguage",
    "ModelStep",
    "ModelTask",
    "Step",
    "StudyStep",
    "StudyTask",
    "details_of_predictions",
    "settings_of",
]

LOG = logging.getLogger("factroots")

IMPORTS_VERSION = "2"
"""Version of the code that makes rows of the lake from files of others."""
VERDICT_TABLES = ("object_rankings", "continuations")
"""Tables that can say which answers are right, in addition to ``predictions``."""
AFTER_CORPORA = 3
"""From this wave on, steps of a model run after the corpora are searched."""


@dataclass(frozen=True)
class Computed:
    """What a compute function yields: rows of each of its tables, for one partition."""

    tables: Mapping[str, pl.DataFrame]
    """Table → rows. The columns of the partition may be left out."""
    language: str | None = None
    """Language of the partition; None for tables that are not partitioned by language."""
    corpus_id: str | None = None
    """Corpus of the partition, in a step of the study."""
    fact_count: int | None = None
    """Facts that were worked on, for the log; None logs nothing."""
    why_none: str = ""
    """Why no fact was worked on, if that is so."""
    details: Mapping[str, str] = field(default_factory=dict)
    """How the rows were made, in addition to the part's own details."""
    failed_models: Mapping[str, str] = field(default_factory=dict)
    """Models that the rows lack → why. The part then stays stale, so that they are tried again."""
    started: float | None = None
    """``time.perf_counter()`` when the work began; None means since the last yield."""

    @property
    def partition(self) -> dict[str, str]:
        """Partition columns that the compute function chose."""
        chosen = {"language_code": self.language, "corpus_id": self.corpus_id}
        return {column: value for column, value in chosen.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Step(ABC):
    """What the three kinds of step have in common."""

    tables: tuple[str, ...]
    """Lake tables that it computes together."""
    code_version: str
    """Version of its code; raise it when the computed rows change."""
    depends_on: tuple[str, ...] = ()
    """Lake tables that it reads."""
    libraries: tuple[str, ...] = ()
    """Libraries whose version changes rows: a part of the fingerprint. The others are listed, with
    reasons, in ``dagster_project.steps.libraries``."""
    group: str
    """Dagster's group of its assets."""
    block: str | None = None
    """Block of the study file that asks for it; None where every study has it."""
    compute: Callable[[Any], Iterator[Computed]]
    """Computes missing parts: gets the task of its kind of step, yields rows."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Lake tables that it reads, also those that a study's verdict can need."""
        verdicts = VERDICT_TABLES if "predictions" in self.depends_on else ()
        return (*self.depends_on, *verdicts)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What Dagster's UI shows as the kinds of its assets."""
        return ("parquet",)

    @property
    def description(self) -> str:
        """First paragraph of the docstring of the step's module."""
        return str(sys.modules[self.compute.__module__].__doc__).partition("\n\n")[0]

    @property
    def name(self) -> str:
        """Name of the step, its op and its first asset."""
        return self.tables[0]

    @abstractmethod
    def parts(self, plan: Plan) -> Iterator[Part]:
        """The parts that the study needs of this step; ``plan`` has those of the steps before."""

    def _fingerprint(self, inputs: Any) -> str:
        made_with = (versions(self.libraries),) if self.libraries else ()
        return fingerprint(self.code_version, *made_with, *inputs)

    def _parts(
        self, partition: Mapping[str, str], inputs: Any, details: Mapping[str, str]
    ) -> Iterator[Part]:
        """One part per table, all with the same fingerprint."""
        made_from = self._fingerprint(inputs)
        for table in self.tables:
            yield Part(table, partition, made_from, self.code_version, details)


@dataclass(frozen=True)
class StudyTask:
    """What the compute function of a study step gets."""

    study: ResolvedStudy
    """The study."""
    home: Home
    """Folder of the study."""
    missing: tuple[Part, ...]
    """Parts of the step that are to be computed."""
    read_part: Callable[[str, Mapping[str, str]], pl.DataFrame]
    """(Table, partition values) → rows in the lake."""


@dataclass(frozen=True, kw_only=True)
class StudyStep(Step):
    """A step whose parts belong to the study as a whole."""

    inputs: Callable[[ResolvedStudy, Mapping[str, str]], tuple[object, ...]]
    """(Study, partition) → values that its rows depend on."""
    details: Callable[[ResolvedStudy], Mapping[str, str]] = lambda _: {}
    """What identifies its inputs to a person."""
    is_part_of: Callable[[Study], bool] = lambda _: True
    """Whether a study has the step at all."""
    compute: Callable[[StudyTask], Iterator[Computed]]
    """Computes the missing parts, and others as well where that is simpler."""

    def parts(self, plan: Plan) -> Iterator[Part]:
        """One per table, or per language or Atlas corpus where the contract partitions by it."""
        study = plan.study
        if not self.is_part_of(study.study):
            return
        values = {
            "language_code": study.languages,
            "corpus_id": tuple(corpus.id for corpus in study.corpora if corpus.is_atlas),
        }
        for table in self.tables:
            partitions: list[dict[str, str]] = [{}]
            for column in LAKE[table].partition_by:
                partitions = [{column: value} for value in values[column]]
            for partition in partitions:
                made_from = self._fingerprint(self.inputs(study, partition))
                yield Part(table, partition, made_from, self.code_version, self.details(study))


@dataclass(frozen=True)
class ModelLanguage:
    """One model in one language: where a part of a model step belongs."""

    plan: Plan
    """The plan, with the parts of the steps before."""
    settings: Any
    """Block of the study file with the step's settings."""
    model: StudyModel
    """The model."""
    language: str
    """The language."""

    def part(self, table: str) -> Part:
        """The part of another step for this model and language, or for the study."""
        return self.plan.part(table, _owner(self.model, self.language))

    def fingerprints(self, *tables: str, language: str | None = None) -> list[str]:
        """Fingerprints of the parts of these tables that the study has.

        Args:
            tables: tables of steps before.
            language: another language of the same model.

        Predictions are asked for which answers are right, so the study's verdict is a part of
        their fingerprint, and of what it is reached from.
        """
        owner = _owner(self.model, language or self.language)
        return [
            self._with_verdict(part, owner) if part.table == "predictions" else part.fingerprint
            for part in self.plan.parts_of(tables, owner)
        ]

    def _with_verdict(self, predictions: Part, owner: Mapping[str, str]) -> str:
        verdict = self.plan.study.study.verdict
        if verdict == "exact":
            return predictions.fingerprint
        others = [part.fingerprint for part in self.plan.parts_of(VERDICT_TABLES, owner)]
        return fingerprint(predictions.fingerprint, verdict, others)


@dataclass(frozen=True)
class ModelTask:
    """What the compute function of a model step gets: one model, and the languages to compute."""

    study: ResolvedStudy
    """The study."""
    settings: Any
    """Block of the study file with the step's settings."""
    model: StudyModel
    """The model."""
    loaded: LoadedModel | None
    """The model's weights; None for a step that does not need them."""
    languages: tuple[str, ...]
    """Languages whose parts are missing."""
    label: str
    """First table and model, for log lines."""
    read_part: Callable[[str, Mapping[str, str]], pl.DataFrame]
    """(Table, partition values) → rows in the lake."""
    reports: Callable[[str, str], Progress]
    """(Label, language) → where a method says how much of a language is done."""

    @property
    def weights(self) -> LoadedModel:
        """The loaded model of a step that needs weights."""
        assert self.loaded is not None, "the step declares that it needs no weights"
        return self.loaded

    @property
    def batch_tokens(self) -> int | None:
        """Padded tokens per forward pass; None leaves the choice to the device."""
        return self.study.study.probing.batch_tokens

    def read(self, table: str, language: str | None = None) -> pl.DataFrame:
        """Rows of a table of the study, of a language, or of this model in a language."""
        owner = {"model_id": self.model.id}
        return self.read_part(table, owner if language is None else _owner(self.model, language))

    def imported(self, file: ImportedFile) -> Iterator[tuple[str, pl.DataFrame]]:
        """Each language of the task, with the rows that a file of others has of it."""
        facts = self.read("facts")
        for language in self.languages:
            own = facts.join(self.read("fact_labels", language), on="fact_id", how="semi")
            yield language, file.of_language(language, own)

    def queries(self, language: str, templates: pl.DataFrame | None = None) -> pl.DataFrame:
        """What every model is asked in a language: one row per fact, with template and labels.

        Args:
            language: the language.
            templates: other templates than those of ``prompts``: columns ``relation_id`` and
                ``template``. Facts of other relations are left out.
        """
        if templates is None:
            templates = self.read("prompts", language)
        facts = self.read("facts").select("fact_id", "relation_id")
        asked = (
            self.read("fact_labels", language)
            .join(facts, on="fact_id", validate="1:1")
            .join(templates, on="relation_id")
            .select("fact_id", "relation_id", "template", "subject_label", "object_label")
        )
        spec = self.model.resolved.spec
        if not spec.examples and spec.chat is None:
            return asked
        from models_gpu.prompting.contexts import in_context

        return in_context(self.weights, spec, asked)

    def aliases(self) -> pl.DataFrame:
        """Other names of entities in all languages, in normal form; no rows without a table."""
        rows = self.study.aliases()
        if rows is None:
            return pl.DataFrame(schema=dict.fromkeys(ALIAS_COLUMNS, pl.String))
        return rows.with_columns(alias=normal_column(pl.col("alias")))

    def known_facts(self, language: str, forced: int | None = None) -> list[str]:
        """Facts that the study's verdict calls right, asked with the right number of masks.

        The verdict 'exact' takes facts whose every token was the first choice.

        Args:
            language: the language; none is known where the model is not asked in it.
            forced: takes the first ``forced`` facts instead, to measure untrained models.
        """
        if not self.model.is_asked(language):
            return []
        predictions = self.read("predictions", language)
        if forced is not None:
            return predictions["fact_id"].unique().sort().head(forced).to_list()
        # The rank is the worst of the object's tokens, and null for any other number of masks.
        verdict = self.study.study.verdict
        if verdict.startswith("ranked"):
            code = pl.col("score_code") == verdict.removeprefix("ranked_")
            rankings = self.read("object_rankings", language)
            right = rankings.filter(code & (pl.col("object_rank") == 1))
            predictions = predictions.join(right, on="fact_id", how="semi")
            is_right = pl.col("gold_rank").is_not_null()
        elif verdict == "contained" and self.weights.family.is_causal:
            named = self.read("continuations", language).drop_nulls("object_offset")
            predictions = predictions.join(named, on="fact_id", how="semi")
            is_right = pl.col("gold_rank").is_not_null()
        else:
            is_right = pl.col("gold_rank") == 1
        return predictions.filter(is_right)["fact_id"].sort().to_list()

    def none_chosen(self, language: str, right: Collection[str]) -> str:
        """Says why none of the facts chosen for all languages is worked on in one of them.

        Args:
            language: the language.
            right: facts that are right in it.
        """
        if not right:
            return self.none_right(language)
        return f"none of the facts that are right in most languages is right in {language}"

    def none_right(self, *languages: str) -> str:
        """Says that no fact is right in these languages, for a step that finds nothing to do."""
        where = f"all of {', '.join(languages)}" if len(languages) > 1 else languages[0]
        verdict = self.study.study.verdict
        by = "" if verdict == "exact" else f" by the verdict {verdict}"
        return f"no fact is right in {where}{by}"

    def progress(self, language: str) -> Progress:
        """Makes the callback through which a method says how much of a language is done."""
        return self.reports(self.label, language)


def _all_languages(study: ResolvedStudy, _model: StudyModel) -> Collection[str]:
    return study.languages


def details_of_predictions(place: ModelLanguage) -> Mapping[str, str]:
    """What made the answers that a part is computed from, without the file of imported ones."""
    details = place.part("predictions").details
    return {key: value for key, value in details.items() if not key.startswith("imported")}


@dataclass(frozen=True, kw_only=True)
class ModelStep(Step):
    """A step that computes one part per table, model and language."""

    settings: Callable[[Study], Any]
    """Block of the study file with its settings; a study without the block is without the step."""
    languages: Callable[[ResolvedStudy, StudyModel], Collection[str]] = _all_languages
    """Languages of a model that it is computed in."""
    inputs: Callable[[ModelLanguage], tuple[object, ...]]
    """Values that the rows depend on: fingerprints of other parts, settings that change rows."""
    details: Callable[[ModelLanguage], Mapping[str, str]] = details_of_predictions
    """What identifies its inputs to a person."""
    compute: Callable[[ModelTask], Iterator[Computed]]
    """Computes the languages of the task, one ``Computed`` each."""
    wave: int = 0
    """When it runs: after all steps of lower waves, in every language of the model. A step that
    reads other languages than its own needs a higher wave than the tables that it reads."""
    needs_weights: bool = True
    """Whether the model is loaded, on a GPU if there is one."""
    imports: Callable[[ModelTask], Iterator[Computed]] | None = None
    """Takes the rows from a file of others, where a model has one; None: they are computed only."""
    needs_all_languages: bool = False
    """Whether it is left out for a model that is not asked in all languages of the step."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """As in ``Step``."""
        return ("torch", "parquet") if self.needs_weights else ("parquet",)

    def parts(self, plan: Plan) -> Iterator[Part]:
        """One per table, model and language."""
        settings = self.settings(plan.study.study)
        for model in plan.study.models:
            if (file := model.files.get(self.name)) is not None:
                yield from self._imported(plan, model, file)
                continue
            if settings is None or not model.has_weights:
                continue
            asked = self.languages(plan.study, model)
            if self.needs_all_languages and not all(map(model.is_asked, asked)):
                continue
            for language in plan.study.languages:
                if language in asked and model.is_asked(language):
                    place = ModelLanguage(plan, settings, model, language)
                    owner = _owner(model, language)
                    yield from self._parts(owner, self.inputs(place), self.details(place))

    def _imported(self, plan: Plan, model: StudyModel, file: ImportedFile) -> Iterator[Part]:
        """One part per table and language of a file of others."""
        for language in file.languages:
            if language in plan.study.languages and model.is_asked(language):
                place = ModelLanguage(plan, None, model, language)
                facts = place.fingerprints("facts", "fact_labels")
                details = {**model.details, **import_details(file, model.made_by)}
                inputs = ("imported", IMPORTS_VERSION, file.sha256, details, facts)
                yield from self._parts(_owner(model, language), inputs, details)


@dataclass(frozen=True)
class CorpusTask:
    """What the compute function of a corpus step gets: one corpus, and the languages to compute."""

    study: ResolvedStudy
    """The study."""
    home: Home
    """Folder of the study."""
    corpus: StudyCorpus
    """The corpus."""
    languages: tuple[str, ...]
    """Languages whose parts are missing."""
    workers: Workers
    """Who reads the corpus: this process, or the machines of a cluster."""
    read_part: Callable[[str, Mapping[str, str]], pl.DataFrame]
    """(Table, partition values) → rows in the lake."""


@dataclass(frozen=True, kw_only=True)
class CorpusStep(Step):
    """A step that computes one part per table, corpus and language."""

    is_possible: Callable[[ResolvedStudy, StudyCorpus], bool] = lambda *_: True
    """Whether the study has what a corpus needs; without it, the corpus is left out."""
    inputs: Callable[[Plan, StudyCorpus, str], tuple[object, ...]]
    """(Plan, corpus, language) → values that the rows depend on."""
    compute: Callable[[CorpusTask], Iterator[Computed]]
    """Computes the languages of the task, one ``Computed`` each, in any order."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """As in ``Step``."""
        return ("polars", "parquet")

    def parts(self, plan: Plan) -> Iterator[Part]:
        """One per table, corpus and language of the corpus."""
        for corpus in plan.study.corpora:
            if not self.is_possible(plan.study, corpus):
                continue
            for language in corpus.fingerprints:
                partition = {"corpus_id": corpus.id, "language_code": language}
                if corpus.file is None:
                    yield from self._parts(partition, self.inputs(plan, corpus, language), {})
                elif corpus.file.step == self.name:
                    yield self._imported(plan, corpus, partition, corpus.file)

    def _imported(
        self, plan: Plan, corpus: StudyCorpus, partition: Mapping[str, str], file: ImportedFile
    ) -> Part:
        """The part of the first table: others count facts, and do not say how much they read."""
        labels = plan.part("fact_labels", partition).fingerprint
        details = import_details(file, corpus.made_by)
        made_from = self._fingerprint(("imported", IMPORTS_VERSION, file.sha256, details, labels))
        return Part(self.name, partition, made_from, self.code_version, details)


def import_neurons(task: ModelTask, tables: tuple[str, ...]) -> Iterator[Computed]:
    """Takes the neurons of others, the first table of a step; they publish none of its others."""
    first, *others = tables
    empty = {table: lake_rows(table, []) for table in others}
    file = _of_model(task, task.model.files[first])
    details = {"imported_rejected": str(len(file.rejected))}
    for language, rows in task.imported(file):
        why_none = f"the file has no row about a fact of {language}"
        count = rows["fact_id"].n_unique()
        tables_made = {first: rows, **empty}
        yield Computed(tables_made, language, fact_count=count, why_none=why_none, details=details)


def _of_model(task: ModelTask, file: ImportedFile) -> ImportedFile:
    """The file without neurons that the model does not have; nobody knows how large a bare one is.

    Raises:
        ModelError: no row is left, or more are rejected than the study allows.
    """
    if not task.model.has_weights:
        return file
    row = task.read("models").row(by_predicate=pl.col("model_id") == task.model.id, named=True)
    try:
        own = neurons_of_model(
            file,
            row["layer_count"],
            row["neuron_count"],
            row["hidden_size"],
            task.study.study.facts.max_rejected_rate,
        )
    except ImportsError as error:
        raise ModelError(f"model '{task.model.id}': {error}") from error
    if beyond := sorted(set(own.rejected) - set(file.rejected)):
        LOG.warning("%s: %d rows of %s are left out; line %d: %s",
                    task.label, len(beyond), file.path.name, *beyond[0])  # fmt: skip
    return own


def import_details(file: ImportedFile, made_by: str | None) -> dict[str, str]:
    """What the lake records of a file of others."""
    found = {
        "imported_file": file.path.name,
        "imported_sha256": file.sha256,
        "imported_rejected": str(len(file.rejected)),
    }
    # One line, also where the study file folds it.
    return {**found, "imported_from": " ".join(made_by.split())} if made_by else found


def _owner(model: StudyModel, language: str) -> dict[str, str]:
    return {"model_id": model.id, "language_code": language}


def settings_of(block: Any, without: Collection[str] = ()) -> dict[str, object]:
    """What a block of the study file sets, without the settings that change no row of a part."""
    return {name: value for name, value in asdict(block).items() if name not in without}
