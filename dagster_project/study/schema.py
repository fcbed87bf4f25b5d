"""The study file: its blocks, their settings and defaults.

Reading and checking it belongs in ``dagster_project.study.load``. Whether the languages, models and
corpora that it names exist is checked by ``dagster_project.study.resolve``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from dagster_project.study.yaml_file import line_of, lines
from ingestion.corpora import LARGEST_DOCUMENT
from ingestion.errors import FactrootsError
from models_gpu.settings import (
    CheckSettings,
    EditSettings,
    Mode,
    PatchPositions,
    PatchSettings,
    PathSettings,
    ProbelessSettings,
    PropagationSettings,
    Quadrature,
    SplitSettings,
    Swap,
    SwapSettings,
    TextGradientSettings,
)

__all__ = [
    "ATLAS_ALIASES",
    "LARGEST",
    "AnswersBlock",
    "AttributionBlock",
    "ContinuationBlock",
    "CorpusBlock",
    "DegenerateBlock",
    "EditPropagationBlock",
    "EditsBlock",
    "FactChecksBlock",
    "FactsBlock",
    "IntegratedGradientsBlock",
    "LatentLanguagesBlock",
    "ModelBlock",
    "PatchingBlock",
    "ProbelessBlock",
    "ProbingBlock",
    "Problem",
    "RankingBlock",
    "RefreshBlock",
    "SignalsBlock",
    "Study",
    "StudyError",
    "SubjectSwapsBlock",
    "TextGradientsBlock",
    "TracingBlock",
    "WordingsBlock",
    "near_match",
]

_CLOSED = ConfigDict(extra="forbid")
LARGEST = 2**31 - 1
"""Numbers above this do not fit the integers of the lake and of torch."""
# Strict: without it, pydantic reads a truth value or a text as a number.
_Count = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
_SeveralAtLeast = Annotated[int, Field(strict=True, ge=2, le=LARGEST)]
# Counts whose cost nothing else ends; counts of facts end with the facts.
_Points = Annotated[int, Field(strict=True, ge=1, le=1_000)]  # 20 are published; n x n weights
_Steps = Annotated[int, Field(strict=True, ge=1, le=1_000)]  # a backward pass each
_Width = Annotated[int, Field(strict=True, ge=1, le=256)]  # its square is stored per matrix
_Folds = Annotated[int, Field(strict=True, ge=2, le=100)]  # copies of every text
_Candidates = Annotated[int, Field(strict=True, ge=2, le=200)]  # all pairs of them: 19,900
_RandomPairs = Annotated[int, Field(strict=True, ge=0, le=10_000)]  # a forward pass each, per fact
_Others = Annotated[int, Field(strict=True, ge=1, le=100)]  # a query each, per answer
_Examples = Annotated[int, Field(strict=True, ge=0, le=1_000)]  # stand before every query
_NewTokens = Annotated[int, Field(strict=True, ge=1, le=1_000)]  # a forward pass each, per prompt
_BatchTokens = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]  # in memory at once
_Processes = Annotated[int, Field(strict=True, ge=1, le=1_000)]  # half a gigabyte each
_Seed = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
_Share = Annotated[float, Field(strict=True, ge=0, lt=1, allow_inf_nan=False)]
_Rate = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
_Tolerance = Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)]
_Factor = Annotated[float, Field(strict=True, ge=0, le=1e6, allow_inf_nan=False)]
_Factors = Annotated[tuple[_Factor, ...], Field(min_length=1)]
_Names = Annotated[tuple[str, ...], Field(min_length=1)]
_Languages = _Names | Literal["all"]


ATLAS_ALIASES = "atlas"
"""Name of the embedded table of aliases."""


@dataclass(frozen=True)
class Problem:
    """One problem of a study."""

    message: str
    """What is wrong, what exists, and what to do."""
    line: int | None = None
    """Line of the study file, from 1; None if the problem is not about one line."""


class StudyError(FactrootsError):
    """All problems of a study at once."""

    def __init__(
        self, path: Path, problems: Sequence[Problem], sound_part: Study | None = None
    ) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        self.sound_part = sound_part
        """The study without its malformed entries, so that the rest can be checked too."""
        lines = [
            f"  {path.name}:{problem.line}: {problem.message}"
            if problem.line
            else f"  {path.name}: {problem.message}"
            for problem in self.problems
        ]
        count = f"{len(lines)} problem{'s' if len(lines) > 1 else ''}"
        super().__init__("\n".join([f"{count} in study {path}:", *lines]))


@dataclass(frozen=True)
class FactsBlock:
    """Where the facts come from."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    kind: Literal["mpararel", "klar", "popqa", "mlama", "bmlama", "table", "atlas"]
    """Layout of the facts: a published data set, your own table, or the embedded Atlas."""
    path: str | None = None
    """Zip, folder or file, relative to the study file; null downloads mLAMA (Atlas needs none)."""
    max_rejected_rate: _Rate = 0.01
    """Share of input lines that may be rejected before the run stops with an error."""
    relations: _Names | None = None
    """Relations to ask for, such as ``[P36, P103]``; null: all that the facts have."""
    sample: _Count | None = None
    """Facts per relation, the same in every language; a larger sample contains a smaller one; null:
    all."""
    seed: _Seed = 0
    """Seed of the sample."""
    wordings: str | None = None
    """Further templates of the relations, for ``wordings``: a CSV with language, relation, template
    and optionally template_id, the patterns of mParaRel (folder or zip), or the prompts of X-FACTR.
    """
    language_table: str | None = None
    """CSV with name, family, script and place of languages that factroots does not know, or
    describes otherwise; its columns are those of ``ingestion/languages.csv``."""

    @property
    def is_whole(self) -> bool:
        """Whether the study asks for all facts."""
        return self.relations is None and self.sample is None


@dataclass(frozen=True)
class ModelBlock:
    """One model to probe."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    id: str
    """Name of the model in the warehouse."""
    source: str | None = None
    """Hub name, folder or GGUF file (relative to the study file), or ``atlas:<id>`` for an embedded
    model. Left out where there are no weights, but ``predictions``."""
    predictions: str | None = None
    """CSV, JSON lines or Parquet file with predictions of somebody else; nothing is asked then."""
    neurons: str | None = None
    """File with active or knowledge neurons that somebody else found, instead of those of
    ``attribution``."""
    objective: Literal["masked", "causal"] | None = None
    """What a model without ``source`` is; null: masked."""
    made_by: str | None = None
    """Who made the files, and how: a paper, an address, a name."""
    revision: str | None = None
    """Commit, tag or branch of a hub model; null takes the newest once and records its commit."""
    revisions: _Names | None = None
    """Several of them, such as ``[step1000, step2000]``: each is a model of its own, with the id
    ``<id>-step1000``; together they are the checkpoints of one training run."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Arithmetic of the forward pass."""
    mask_counts: Literal["gold", "all"] = "gold"
    """Masks per query: exactly the object's tokens, or every count up to the longest object."""
    trained_on: str | None = None
    """Id of the corpus block with this model's training text; null takes the only one, if any."""
    languages: _Languages = "all"
    """Languages of the study that this model is asked in."""
    examples: _Examples = 0
    """Solved queries of the same relation, with other subjects, before every query."""
    examples_seed: _Seed = 0
    """Seed of the order in which examples are taken."""
    other_objects: bool = False
    """Take no example that has the fact's own object."""
    chat: str | None = None
    """Message of the user, such as ``Complete the sentence.``, before the query, which begins the
    reply; for causal models with a chat template. null: no chat."""
    trust_remote_code: bool = False
    """Allow the model repository's own Python code to run on this machine."""
    allow_pickle: bool = False
    """Allow weights in pickle files, which can run code when they are loaded."""

    def each(self) -> tuple[ModelBlock, ...]:
        """The models of this block: one per revision.

        The id of a checkpoint ends in ``-step<N>`` if its revision names a step, which makes
        checkpoints of one block a series.
        """
        if self.revisions is None:
            return (self,)
        return tuple(
            replace(self, id=f"{self.id}-{_short(name)}", revision=name, revisions=None)
            for name in self.revisions
        )


def _short(revision: str) -> str:
    """What a revision adds to an id: its step, or its name."""
    step = re.search(r"step[-_]?(\d+)", revision)
    return f"step{int(step[1])}" if step else re.sub(r"[^A-Za-z0-9._-]", "-", revision)


@dataclass(frozen=True)
class CorpusBlock:
    """One training corpus."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    id: str
    """Name of the corpus in the warehouse."""
    kind: Literal["wikipedia_dump", "parquet", "jsonl", "text", "atlas", "presence"]
    """How the text is stored; ``atlas`` writes the embedded corpus of that id. ``presence``: there
    is no text, but a file with counts that somebody else made."""
    path: str | _Names | None = None
    """Files, with ``{language}`` and globs; relative to the study file, or a URL. Of kind
    ``presence``: one CSV, JSON lines or Parquet file."""
    made_by: str | None = None
    """Who made the counts of kind ``presence``, and how."""
    languages: _Languages = "all"
    """Languages of the study that the corpus has."""
    text_column: str = "text"
    """Column of a Parquet file, or key of a JSON line, that holds the text."""
    title_column: str | None = "title"
    """Column or key that holds the document's title; null: file and number."""
    document: Literal["line", "file"] = "line"
    """What one document of plain text is."""
    largest_document: _Count = LARGEST_DOCUMENT
    """Bytes of a page, row, line or file above which it is lost and counted as broken. More costs
    memory and time; MediaWiki allows 2 MB, the largest books have 10 MB."""


@dataclass(frozen=True)
class TracingBlock:
    """How facts are searched in the corpora."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    units: Annotated[tuple[Literal["chunk", "sentence", "article"], ...], Field(min_length=1)] = (
        "chunk",
    )
    """Text units in which subject and object must occur together; one pass counts all."""
    matching: Literal["exact", "casefold", "substring"] = "exact"
    """How a name is recognised: exactly, ignoring case, or also inside words."""
    chunk_tokens: _Count = 512
    """Maximal tokens per chunk, by the tokenizer of the corpus' first model."""
    aliases: str | None = None
    """CSV with language_code, entity_id, alias: other names of an entity, in texts and answers; or
    ``atlas``: those that CLDR has for the entities of Atlas."""
    engine: Literal["polars", "hyperscan"] = "polars"
    """Search engine for names (hyperscan is an extra); the counts are the same."""
    chinese: Literal["opencc", "zhconv"] = "opencc"
    """Library that converts Chinese names to simplified characters, for the fact types; zhconv (the
    extra 'paper') gives the published counts exactly."""
    processes: _Processes = 1
    """Files read in parallel, each with half a gigabyte; the counts are the same."""


@dataclass(frozen=True)
class ProbelessBlock:
    """Active neurons by PROBELESS: one forward pass, no gradients.

    Source: Zhao et al. 2024; docs/method.md#probeless.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    top: _Count = ProbelessSettings.top
    """Active neurons per fact; at most as many as the model has."""
    variants: Annotated[
        tuple[Literal["ffn", "ffn-normalised", "layer_output", "layer_output-normalised"], ...],
        Field(min_length=1),
    ] = ("ffn",)
    """Values that count as neurons; normalised: divided by their standard deviation."""
    bins: _Count = ProbelessSettings.bins
    """Bins per layer of a fact's profile; at most as many as a layer has neurons."""
    forced: _Count | None = None
    """Takes this many facts per language as right, to measure untrained models."""


@dataclass(frozen=True)
class IntegratedGradientsBlock:
    """Knowledge neurons by integrated gradients.

    Source: Dai et al. 2022, Chen et al. 2024; docs/method.md#integrated-gradients.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    mode: Mode = PathSettings.mode
    """Baseline of the path: zero, or activations with tokens of the query replaced."""
    steps: _Points | None = PathSettings.steps
    """Points on the path; each costs a forward and backward pass per fact, token and layer. null:
    4, and a ``tolerance`` of 0.0003 if there is none."""
    tolerance: _Tolerance | None = PathSettings.tolerance
    """Doubles the points of a path while its attributions miss more than this probability; null:
    never."""
    most_steps: _Points = PathSettings.most_steps
    """Most points on a path, reached by doubling."""
    quadrature: Quadrature = PathSettings.quadrature
    """Positions of the points: 'left' with 20 steps as published; 'gauss' is more exact."""
    languages: _Languages = "all"
    """Languages in which facts are attributed; ``all`` takes every language of the study."""
    facts: _Count | None = None
    """Maximal facts: those right in most languages, the same in each language; null: all."""
    top: _Count = 100
    """Neurons kept per fact, at most as many as the model has; the threshold is applied to them."""
    forced: _Count | None = None
    """Takes this many facts per language as right, to measure untrained models."""

    @property
    def path(self) -> PathSettings:
        """The integral."""
        return PathSettings(self.mode, self.steps, self.quadrature, self.tolerance, self.most_steps)


@dataclass(frozen=True)
class EditsBlock:
    """Interventions: what changes when a fact's neurons are suppressed or enhanced.

    Source: Chen et al. 2024, Zhao et al. 2024; docs/method.md#edits.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    languages: _Names
    """Languages whose knowledge neurons are edited, and in which the model is asked. Integrated
    gradients must attribute facts in them. Edits in sequence follow this order."""
    facts: _Count = 20
    """Maximal facts: right in all languages, with a knowledge neuron shared by all."""
    threshold: _Share = 0.3
    """A neuron is edited if its attribution exceeds threshold x the fact's largest."""
    factors: _Factors = EditSettings.factors
    """What activations are multiplied by: 0 suppresses, 2 enhances."""
    active: _Count = 50
    """How many of a fact's active neurons are edited, if the study has PROBELESS."""
    base_language: str | None = EditSettings.base_language
    """Language whose active neurons are edited in every language; null: none."""
    base_factors: _Factors = EditSettings.base_factors
    """What these activations are multiplied by, as in the code of Zhao et al."""
    seed: _Seed = 0
    """Seed of the choice of facts and of all random neurons."""


@dataclass(frozen=True)
class DegenerateBlock:
    """Degenerate neurons: pairs and sets in which one neuron can replace another.

    Source: Chen et al. 2024; docs/method.md#degenerate-neurons.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    languages: _Names
    """Languages; integrated gradients must attribute facts in them."""
    facts: _Count = 50
    """Maximal facts per language."""
    candidates: _Candidates = 20
    """Best knowledge neurons of a fact; all pairs of them are tried."""
    random_pairs: _RandomPairs = 40
    """Random pairs per fact in the same layers, as the chance level."""
    largest_set: _Candidates = 2
    """Size of the largest sets; above 2, sets are searched greedily, with random controls."""
    seed: _Seed = 0
    """Seed of the choice of facts and of the random pairs."""


@dataclass(frozen=True)
class FactChecksBlock:
    """Fact checks: do neurons distinguish right objects from wrong ones?

    Source: Chen et al. 2024; docs/method.md#fact-checks.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    languages: _Names
    """Languages; integrated gradients must attribute facts in them, with their settings."""
    facts: _Count = SplitSettings.facts
    """Maximal facts per relation and split; each costs two integrals."""
    validation_share: _Share = SplitSettings.validation_share
    """Share of a relation's subjects on which the threshold is chosen."""
    test_share: _Share = SplitSettings.test_share
    """Share of a relation's subjects for the test; neurons are found on the rest."""
    threshold: _Share = CheckSettings.threshold
    """Knowledge neurons of a fact exceed threshold x its largest attribution."""
    candidates: _Candidates = CheckSettings.candidates
    """Best neurons of a fact; all pairs of them are tested for degeneracy."""
    single_share: _Share = CheckSettings.single_share
    """A pair is degenerate if the answer keeps this share of P without either neuron,"""
    pair_share: _Share = CheckSettings.pair_share
    """and less than this share without both."""
    shared: _Share = CheckSettings.shared
    """Keep neurons found in more than `shared` x as many training facts as the most frequent
    neuron."""
    seed: _Seed = 0
    """Seed of the split, the facts, the wrong objects and the random neurons."""


@dataclass(frozen=True)
class AttributionBlock:
    """Which neurons are computed for a fact."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    probeless: ProbelessBlock | None = None
    """PROBELESS; null leaves it out."""
    integrated_gradients: IntegratedGradientsBlock | None = None
    """Integrated gradients; null leaves them out."""
    edits: EditsBlock | None = None
    """Edits of neurons; null leaves them out."""
    degenerate: DegenerateBlock | None = None
    """Degenerate neurons; null leaves them out."""
    fact_checks: FactChecksBlock | None = None
    """Fact checking by neurons; null leaves it out."""


@dataclass(frozen=True)
class EditPropagationBlock:
    """Edit propagation: a fact is changed in one language, and the model is asked in the others.

    Source: Ifergan et al. 2024; docs/signals.md#edit-propagation.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    languages: Annotated[tuple[str, ...], Field(min_length=2)]
    """Languages; facts are changed in each of them, and asked in all."""
    facts: _Count = 20
    """Maximal facts: those right in most of these languages; a fact is changed where it is right.
    Each costs a few forward and backward passes per language."""
    steps: _Steps = PropagationSettings.steps
    """Maximal gradient steps of a change."""
    learning_rate: Annotated[float, Field(strict=True, gt=0, le=100)] = (
        PropagationSettings.learning_rate
    )
    """Factor on the gradient; too large a value changes other subjects as well."""
    stop_probability: Annotated[float, Field(strict=True, gt=0, lt=1)] = (
        PropagationSettings.stop_probability
    )
    """A change ends once the new object has this probability."""
    weights: Literal["ffn", "all"] = PropagationSettings.weights
    """Weights that are changed: the down projections of the FFN layers, or all."""
    seed: _Seed = 0
    """Seed of the new objects and of the control subjects."""


@dataclass(frozen=True)
class TextGradientsBlock:
    """Text gradients: which passage of the training text pulls the model as a query does?

    Source: Chang et al. 2024 (TrackStar); docs/signals.md#text-gradients. Needs a model whose
    training text the study traces.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    """Languages of the queries and of the texts."""
    facts: _SeveralAtLeast = 40
    """Maximal facts: those right in most of these languages. Each costs a backward pass per
    language, and one per text."""
    width: _Width = TextGradientSettings.width
    """Numbers to which either side of a weight matrix is projected."""
    folds: _Folds = TextGradientSettings.folds
    """Masked models: copies of a text, each of whose tokens is masked in one of them."""
    seed: _Seed = 0
    """Seed of the projections."""


@dataclass(frozen=True)
class SubjectSwapsBlock:
    """Subject swaps: right answers are asked again with other texts in the place of the subject.

    Source: docs/method.md#subject-swaps.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    swaps: Annotated[
        tuple[Swap, ...],
        Field(min_length=1),
    ] = SwapSettings.swaps
    """What replaces it: masks, masks but for a part of the name, invented names of the same shapes,
    other subjects of the relation. Parts cost one query per right answer each; the others cost
    little, because answers share their queries."""
    other_subjects: _Others = SwapSettings.other_subjects
    """Other subjects and invented names per answer; the answers of a relation share them."""
    seed: _Seed = 0
    """Seed of the other subjects and of the invented names."""


@dataclass(frozen=True)
class LatentLanguagesBlock:
    """In which language every layer names the object; docs/signals.md#latent-languages."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    languages: _Languages = "all"
    """Languages in which the model is asked. Names are compared in every language of the study."""
    facts: _Count = 15
    """Maximal facts: those right in most languages, the same in each language."""
    seed: _Seed = 0
    """Seed of the other objects whose names are compared as the null."""


@dataclass(frozen=True)
class PatchingBlock:
    """Does an answer follow when states come from another language? docs/signals.md#patching."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    languages: Annotated[tuple[str, ...], Field(min_length=2)]
    """Languages; each is asked with the states of each, also with its own as a control."""
    facts: _Count = 5
    """Maximal facts per pair of languages: those right in most of the languages."""
    positions: Annotated[tuple[PatchPositions, ...], Field(min_length=1)] = PatchSettings.positions
    """Tokens whose states are replaced, one set after the other; 'object' are the masks, or in a
    causal model the last token of the prompt."""
    seed: _Seed = 0
    """Seed of the choice of the other facts."""


@dataclass(frozen=True)
class SignalsBlock:
    """What else is measured about a right answer, to decide its root."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    edit_propagation: EditPropagationBlock | None = None
    """Edit propagation; null leaves it out."""
    text_gradients: TextGradientsBlock | None = None
    """Text gradients; null leaves them out."""
    subject_swaps: SubjectSwapsBlock | None = None
    """Subject swaps; null leaves them out."""
    latent_languages: LatentLanguagesBlock | None = None
    """Names of the object at every layer; null leaves them out."""
    patching: PatchingBlock | None = None
    """States from a query in another language; null leaves them out."""


@dataclass(frozen=True)
class ProbingBlock:
    """How queries are run; nothing here changes a result."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    batch_tokens: _BatchTokens | None = None
    """Padded tokens per forward pass; null chooses by device."""


@dataclass(frozen=True)
class RankingBlock:
    """Where the object stands among all objects of its relation; docs/method.md#ranking."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    kept: _Count = 20
    """Best candidates that are stored per fact; consistency is computed from them."""


@dataclass(frozen=True)
class ContinuationBlock:
    """Does a causal model name the object in what it writes next? docs/method.md#contained."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    tokens: _NewTokens = 10
    """Tokens that are generated after the prompt."""


@dataclass(frozen=True)
class AnswersBlock:
    """How answers are judged, in addition to the exact match of tokens."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    ranking: RankingBlock | None = None
    """Ranking among candidates; null leaves it out, unless ``verdict`` needs it."""
    continuation: ContinuationBlock | None = None
    """Longer continuations of causal models; null leaves them out, unless ``verdict`` needs them.
    """


@dataclass(frozen=True)
class WordingsBlock:
    """Facts are asked again in other words; docs/method.md#wordings."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    languages: _Languages = "all"
    """Languages in which facts are asked in other words."""
    templates: _Count = 4
    """Maximal further templates per relation and language, in the order of their identifiers."""
    sample: _Count | None = None
    """Facts per relation, drawn by seed, the same in each language; null: all. Each costs one query
    per template."""
    neurons: bool = True
    """Compute the active neurons of each wording, if the study has PROBELESS."""
    seed: _Seed = 0
    """Seed of the draw."""


@dataclass(frozen=True)
class RefreshBlock:
    """When the study is refreshed automatically, while ``factroots ui`` runs."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    watch: bool = True
    """Look at this file every 20 seconds and compute what a change makes missing or stale."""
    schedule: str | None = None
    """Cron line of five fields, such as ``0 2 * * *``: then everything missing, stale or damaged
    is computed, also failed models; null for none."""
    timezone: str = "UTC"
    """Time zone of the schedule, by its IANA name."""


@dataclass(frozen=True)
class Study:
    """Everything that a run depends on."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    name: str
    """Name of the study and of its folder below the home."""
    facts: FactsBlock
    """The facts to ask for."""
    models: tuple[ModelBlock, ...]
    """The models to ask."""
    languages: _Languages = "all"
    """Languages to ask in; ``all`` takes every language that the facts have."""
    corpora: tuple[CorpusBlock, ...] = ()
    """The texts that the models were trained on."""
    probing: ProbingBlock = ProbingBlock()
    """How queries are run."""
    answers: AnswersBlock = AnswersBlock()
    """How answers are judged, in addition to the exact match."""
    verdict: Literal["exact", "contained", "ranked_sum", "ranked_mean", "ranked_less_prior"] = (
        "exact"
    )
    """Which answers count as right, for neurons, roots and all that follows from right answers."""
    wordings: WordingsBlock | None = None
    """Other wordings of the questions; null asks each fact in one."""
    attribution: AttributionBlock = AttributionBlock()
    """Which neurons are computed for a fact; none by default."""
    signals: SignalsBlock = SignalsBlock()
    """What else is measured about right answers, to decide their roots; nothing by default."""
    tracing: TracingBlock = TracingBlock()
    """How facts are searched in the corpora."""
    refresh: RefreshBlock = RefreshBlock()
    """When it is refreshed automatically."""
    lake: str | None = None
    """Shared lake for finished parts: ``s3://bucket/prefix``, another address of fsspec, or a
    folder. Each study has a folder of its own in it; null shares nothing."""
    path: Path = Path()
    """The study file; set by ``load_study``."""

    @property
    def ranking(self) -> RankingBlock | None:
        """Settings of the ranking, if the study has it or its verdict needs it."""
        is_needed = self.verdict.startswith("ranked")
        return self.answers.ranking or (RankingBlock() if is_needed else None)

    @property
    def continuation(self) -> ContinuationBlock | None:
        """Settings of the continuations, if the study has them or its verdict needs them."""
        is_needed = self.verdict == "contained"
        return self.answers.continuation or (ContinuationBlock() if is_needed else None)

    def locate(self, path: str) -> Path:
        """A path of the study file: relative ones start at the file's own folder."""
        return self.path.parent / Path(path).expanduser()

    def model_folder(self, source: str) -> Path | None:
        """The folder that a model's source means; None for a hub name or an embedded model.

        A name that is a folder of the working directory is taken from there.
        """
        if source.startswith((".", "/", "~")) or source.endswith(".gguf"):
            return self.locate(source)
        here = Path(source)
        return here.absolute() if here.is_dir() else None

    def block_line(self, section: str, block_id: str) -> int | None:
        """Line on which the block of this id begins, for messages about it."""
        root = lines(self.path)
        entries = root.get(section)
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict) and entry.get("id") == block_id:
                return line_of(root, [section, index])
        return self.section_line(section)

    def section_line(self, section: str) -> int | None:
        """Line on which a top-level section begins; None where the file leaves it out."""
        return line_of(lines(self.path), [section])


def near_match(wrong: str, known: Sequence[str]) -> str:
    """' Did you mean …?' for a misspelt name, or the names that exist."""
    close = difflib.get_close_matches(wrong, known, n=3, cutoff=0.6)
    if close:
        return f" Did you mean {' or '.join(repr(name) for name in close)}?"
    return f" Known: {', '.join(sorted(known))}."
