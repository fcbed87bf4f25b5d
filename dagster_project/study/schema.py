"""The study file: what a user edits, what a run depends on, what a schedule watches.

Only the file's own form is checked here (keys, types, ids), each problem with its line. Whether the
languages, models and corpora that it names exist is found out by ``dagster_project.study.resolve``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, get_args, get_type_hints
from zoneinfo import available_timezones

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from dagster_project.paths import STUDIES
from ingestion.errors import FactrootsError
from ingestion.store import address_problem

__all__ = [
    "AttributionBlock",
    "CorpusBlock",
    "DegenerateBlock",
    "EditsBlock",
    "FactChecksBlock",
    "FactsBlock",
    "IntegratedGradientsBlock",
    "ModelBlock",
    "ProbelessBlock",
    "ProbingBlock",
    "Problem",
    "RefreshBlock",
    "Study",
    "StudyError",
    "TracingBlock",
    "embedded_studies",
    "load_study",
    "near_match",
]

_CLOSED = ConfigDict(extra="forbid")
_Count = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(ge=0, lt=1)]
_Factor = Annotated[float, Field(ge=0)]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a study."""

    message: str
    """What is wrong, what exists, and what to do."""
    line: int | None = None
    """Line of the study file, from 1; None when it is not about one line."""


class StudyError(FactrootsError):
    """All that is wrong with a study, at once."""

    def __init__(
        self, path: Path, problems: Sequence[Problem], sound_part: Study | None = None
    ) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        self.sound_part = sound_part
        """The study without its malformed entries, so that the rest can be checked as well."""
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
    kind: Literal["mlama", "bmlama", "table", "atlas"]
    """Layout of the facts: mLAMA, BMLAMA, your own table, or the embedded Atlas."""
    path: str | None = None
    """Zip, folder or file, relative to the study file; null downloads mLAMA (Atlas needs none)."""
    max_rejected_rate: float = 0.01
    """Share of input lines that may be rejected before the run stops with an error."""


@dataclass(frozen=True)
class ModelBlock:
    """One model to probe."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    id: str
    """Name of the model in the warehouse."""
    source: str
    """Hub name, folder (relative to the study file), or ``atlas:<id>`` for an embedded one."""
    revision: str | None = None
    """Commit, tag or branch of a hub model; null takes the newest once and records its commit."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Arithmetic of the forward pass."""
    mask_counts: Literal["gold", "all"] = "gold"
    """Masks per query: exactly the object's tokens, or every count up to the longest object."""
    trained_on: str | None = None
    """Id of the corpus block with this model's training text; null takes the only one, if any."""
    trust_remote_code: bool = False
    """Allow the model repository's own Python code to run on this machine."""
    allow_pickle: bool = False
    """Allow weights in pickle files, which can run code when they are loaded."""


@dataclass(frozen=True)
class CorpusBlock:
    """One training corpus."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    id: str
    """Name of the corpus in the warehouse."""
    kind: Literal["wikipedia_dump", "parquet", "jsonl", "text", "atlas"]
    """How the text is stored; ``atlas`` writes the embedded corpus of that id."""
    path: str | tuple[str, ...] | None = None
    """Files, with ``{language}`` and globs; relative to the study file, or a URL."""
    languages: tuple[str, ...] | Literal["all"] = "all"
    """Languages of the study that the corpus has."""
    text_column: str = "text"
    """Column of a Parquet file, or key of a JSON line, that holds the text."""
    title_column: str = "title"
    """Column or key that holds the document's title."""
    document: Literal["line", "file"] = "line"
    """What one document of plain text is."""


@dataclass(frozen=True)
class TracingBlock:
    """How the facts are looked for in the corpora."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    units: tuple[Literal["chunk", "sentence", "article"], ...] = ("chunk",)
    """Kinds of text units in which subject and object must meet; one pass serves all."""
    matching: Literal["exact", "casefold", "substring"] = "exact"
    """How a name is recognised: as it is written, whatever its case, or also inside words."""
    chunk_tokens: int = 512
    """Most tokens in a chunk, by the tokenizer of the corpus' first model."""
    aliases: str | None = None
    """CSV with language_code, entity_id, alias: other names of an entity."""
    engine: Literal["polars", "hyperscan"] = "polars"
    """What finds the names (hyperscan is an extra); the counts are the same."""
    processes: int = 1
    """Files read side by side, each taking about half a gigabyte; the counts are the same."""


@dataclass(frozen=True)
class ProbelessBlock:
    """Neurons by PROBELESS (Zhao et al. 2024; docs/method.md#probeless): one forward pass, no gradients."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    top: int = 50
    """Active neurons per fact."""
    variants: tuple[
        Literal["ffn", "ffn-normalised", "layer_output", "layer_output-normalised"], ...
    ] = ("ffn",)
    """Which values count as neurons; normalised ones in units of their standard deviation."""
    bins: int = 16
    """Bins per layer of a fact's profile."""
    forced: int | None = None
    """For measurements with untrained models: take so many facts a language as right."""


@dataclass(frozen=True)
class IntegratedGradientsBlock:
    """Neurons by integrated gradients (Dai et al. 2022, Chen et al. 2024; docs/method.md#integrated-gradients)."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    mode: Literal["zero", "amig", "amig_mean", "amig_code"] = "zero"
    """Where the path begins: at zero, or where tokens of the query are replaced."""
    steps: _Count = 10
    """Points on the path; each costs a forward and a backward pass per fact, token and layer."""
    quadrature: Literal["left", "midpoint", "gauss"] = "gauss"
    """Where the points lie: 'left' with 20 steps is what was published, 'gauss' is more exact."""
    languages: tuple[str, ...] | Literal["all"] = "all"
    """Languages in which facts are attributed; ``all`` takes every language of the study."""
    facts: _Count | None = None
    """Most facts: those right in most of the languages, the same ones everywhere; null: all."""
    top: _Count = 100
    """Neurons kept per fact; the threshold is applied to these."""
    forced: int | None = None
    """For measurements with untrained models: take so many facts a language as right."""


@dataclass(frozen=True)
class EditsBlock:
    """What edits of a fact's neurons change (Chen et al. 2024, Zhao et al. 2024; docs/method.md#edits)."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    """Languages whose knowledge neurons are compared, all of them also asked in; edits in sequence
    follow this order. Integrated gradients must attribute facts in them."""
    facts: _Count = 20
    """Most facts: right in all of these languages, with a knowledge neuron that they share."""
    threshold: _Share = 0.3
    """A neuron is edited if its attribution exceeds this share of its fact's largest one."""
    factors: tuple[_Factor, ...] = (0.0, 2.0)
    """What activations are multiplied by: 0 suppresses, 2 enhances."""
    active: _Count = 50
    """First PROBELESS neurons that are edited, where the study has them."""
    base_language: str | None = None
    """Language whose PROBELESS neurons are edited in every language; null leaves that out."""
    base_factors: tuple[_Factor, ...] = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)
    """What these are multiplied by, as in the code of Zhao et al."""
    seed: int = 0
    """Seed of the choice of facts and of all random neurons."""


@dataclass(frozen=True)
class DegenerateBlock:
    """Pairs of neurons of which either can do without the other (Chen et al. 2024; docs/method.md#degenerate-neurons)."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    """Languages; integrated gradients must attribute facts in them."""
    facts: _Count = 50
    """Most facts per language."""
    candidates: Annotated[int, Field(ge=2)] = 20
    """Best knowledge neurons of a fact, of which all pairs are tried."""
    random_pairs: Annotated[int, Field(ge=0)] = 40
    """Random pairs per fact, in the same layers: what chance alone would give."""
    largest_set: Annotated[int, Field(ge=2)] = 2
    """Neurons of the largest sets; above 2 they are searched greedily, beside random ones."""
    seed: int = 0
    """Seed of the choice of facts and of the random pairs."""


@dataclass(frozen=True)
class FactChecksBlock:
    """Do neurons tell right objects from wrong ones (Chen et al. 2024; docs/method.md#fact-checks)?"""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    """Languages; integrated gradients must attribute facts in them, and are taken as set there."""
    facts: _Count = 20
    """Most facts per relation and part; each costs the integral of two objects."""
    validation_share: _Share = 0.2
    """Share of a relation's subjects on which the threshold is chosen."""
    test_share: _Share = 0.2
    """Share of a relation's subjects on which it is judged; neurons are learnt from the rest."""
    threshold: _Share = 0.3
    """Knowledge neurons of a fact exceed this share of its largest attribution."""
    candidates: Annotated[int, Field(ge=2)] = 20
    """Best neurons of a fact of which all pairs are tried for degeneracy."""
    single_share: _Share = 0.8
    """A pair is degenerate if the answer keeps at least this share of P without either neuron."""
    pair_share: _Share = 0.75
    """And less than this share without both."""
    shared: _Share = 0.7
    """A relation's neurons are those of more training facts than this share of the most."""
    seed: int = 0
    """Seed of the split, the facts, the wrong objects and the random neurons."""


@dataclass(frozen=True)
class AttributionBlock:
    """Which neurons stand for a fact."""

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
class ProbingBlock:
    """How queries are run; nothing here changes a result."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    batch_tokens: int | None = None
    """Padded tokens per forward pass; null chooses by device."""


@dataclass(frozen=True)
class RefreshBlock:
    """When the study is brought up to date by itself, while ``factroots ui`` is at work."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED
    watch: bool = True
    """Look at this file twice a minute and compute what a change of it leaves missing or stale."""
    schedule: str | None = None
    """Cron line of five fields, such as ``0 2 * * *``, at which all that is missing, stale or
    damaged is computed, failed models included; null for none."""
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
    languages: tuple[str, ...] | Literal["all"] = "all"
    """Languages to ask in; ``all`` takes every language that the facts have."""
    corpora: tuple[CorpusBlock, ...] = ()
    """The texts that the models were trained on."""
    probing: ProbingBlock = ProbingBlock()
    """How queries are run."""
    attribution: AttributionBlock = AttributionBlock()
    """Which neurons stand for a fact; nothing is attributed unless it is asked for."""
    tracing: TracingBlock = TracingBlock()
    """How facts are looked for in the corpora."""
    refresh: RefreshBlock = RefreshBlock()
    """When it is brought up to date by itself."""
    lake: str | None = None
    """Where machines share finished parts: ``s3://bucket/prefix``, any other address that fsspec
    understands, or a folder, below which each study has its own; null shares nothing."""
    path: Path = Path()
    """The study file; set by ``load_study``."""

    def locate(self, path: str) -> Path:
        """A path of the study file: relative ones start at the file's own folder."""
        return self.path.parent / Path(path).expanduser()

    def block_line(self, section: str, block_id: str) -> int | None:
        """Line on which the block of this id begins, for messages about it."""
        entries = _child(_compose(self.path), section)
        if isinstance(entries, yaml.SequenceNode):
            for entry in entries.value:
                node = _child(entry, "id")
                if isinstance(node, yaml.ScalarNode) and node.value == block_id:
                    return int(node.start_mark.line) + 1
        return self.section_line(section)

    def section_line(self, section: str) -> int | None:
        """Line on which a top-level section begins; None where the file leaves it out."""
        return _line(_compose(self.path), [section])


def near_match(wrong: str, known: Sequence[str]) -> str:
    """' Did you mean …?' for a misspelt name, or the names that exist."""
    close = difflib.get_close_matches(wrong, known, n=3, cutoff=0.6)
    if close:
        return f" Did you mean {' or '.join(repr(name) for name in close)}?"
    return f" Known: {', '.join(sorted(known))}."


def embedded_studies() -> dict[str, Path]:
    """Studies that come with the project, by name."""
    return {path.stem: path for path in sorted(STUDIES.glob("*.yml"))}


def load_study(study: str) -> Study:
    """Read a study by file name, or an embedded one by its name.

    Raises:
        StudyError: every problem of form at once, each with its line.
    """
    path = embedded_studies().get(study, Path(study).expanduser())
    if not path.is_file():
        known = ", ".join(embedded_studies())
        problem = Problem(f"no such file, nor an embedded study (there are: {known})")
        raise StudyError(path, [problem])
    path = path.resolve()
    try:
        root = _compose(path)
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise StudyError(path, [Problem(f"not readable as YAML: {error}", line)]) from error
    if not isinstance(data, dict):
        problem = Problem("a study is a mapping of keys such as name, facts, models", 1)
        raise StudyError(path, [problem])
    adapter = TypeAdapter(Study)
    try:
        parsed = adapter.validate_python({**data, "path": path})
    except ValidationError as error:
        details = [dict(detail) for detail in error.errors() if not _is_echo(dict(detail))]
        problems = [_problem(root, detail) for detail in details]
        try:
            sound = adapter.validate_python({**_without(data, details), "path": path})
        except ValidationError:
            raise StudyError(path, problems) from error
        raise StudyError(path, [*problems, *_contradictions(sound)], sound) from error
    problems = _contradictions(parsed)
    if problems:
        raise StudyError(path, problems, parsed)
    return parsed


def _contradictions(study: Study) -> list[Problem]:
    problems = []
    if not _ID.fullmatch(study.name):
        problems.append(Problem(f"name {study.name!r}: {_ID_RULE}", study.section_line("name")))
    if not study.models:
        problems.append(Problem("models is empty: name at least one", study.section_line("models")))
    if not study.languages:
        line = study.section_line("languages")
        problems.append(Problem("languages is empty: name some, or write 'all'", line))
    if study.languages != "all" and len(set(study.languages)) < len(study.languages):
        line = study.section_line("languages")
        problems.append(Problem("languages names one twice", line))
    for section, ids in (
        ("models", [block.id for block in study.models]),
        ("corpora", [block.id for block in study.corpora]),
    ):
        for block_id in ids:
            line = study.block_line(section, block_id)
            if not _ID.fullmatch(block_id):
                problems.append(Problem(f"id {block_id!r}: {_ID_RULE}", line))
        for block_id in {block_id for block_id in ids if ids.count(block_id) > 1}:
            line = study.section_line(section)
            problems.append(Problem(f"{section} has {block_id!r} twice: ids are unique", line))
    if study.lake is not None and (why := address_problem(study.lake)) is not None:
        problems.append(Problem(f"lake: {why}", study.section_line("lake")))
    for corpus in study.corpora:
        if (corpus.path is None) != (corpus.kind == "atlas"):
            needs = "takes no path" if corpus.kind == "atlas" else "needs a path"
            line = study.block_line("corpora", corpus.id)
            problems.append(Problem(f"corpus {corpus.id!r} of kind {corpus.kind} {needs}", line))
    attribution = study.attribution
    line = study.section_line("attribution")
    if attribution.integrated_gradients is None:
        problems += [
            Problem(f"attribution.{name} needs attribution.integrated_gradients beside it", line)
            for name, asked in (
                ("edits", attribution.edits),
                ("degenerate", attribution.degenerate),
                ("fact_checks", attribution.fact_checks),
            )
            if asked is not None
        ]
    degenerate = attribution.degenerate
    if degenerate is not None and degenerate.largest_set > degenerate.candidates:
        message = (
            f"attribution.degenerate: largest_set {degenerate.largest_set} exceeds candidates "
            f"{degenerate.candidates}, of which sets are made; raise these or lower the other"
        )
        problems.append(Problem(message, line))
    checks = attribution.fact_checks
    if checks is not None and checks.validation_share + checks.test_share >= 1:
        message = (
            f"attribution.fact_checks: validation_share {checks.validation_share} and test_share "
            f"{checks.test_share} leave no subjects to learn from; together they must be below 1"
        )
        problems.append(Problem(message, line))
    edits = attribution.edits
    base = None if edits is None else edits.base_language
    if edits is not None and base is not None and base not in edits.languages:
        hint = near_match(base, edits.languages)
        message = f"attribution.edits: base_language {base!r} is not in its languages.{hint}"
        problems.append(Problem(message, line))
    corpora = [block.id for block in study.corpora]
    for block in study.models:
        if block.trained_on is not None and block.trained_on not in corpora:
            hint = near_match(block.trained_on, corpora) if corpora else " The study has none."
            message = f"trained_on names no corpus: {block.trained_on!r}.{hint}"
            problems.append(Problem(message, study.block_line("models", block.id)))
    line = study.section_line("refresh")
    if study.refresh.schedule is not None and not _is_cron(study.refresh.schedule):
        message = (
            f"refresh.schedule: {study.refresh.schedule!r} is no cron line. Write minute, hour, "
            "day of the month, month and day of the week as numbers, such as '0 2 * * *' for every "
            "night at two"
        )
        problems.append(Problem(message, line))
    if study.refresh.timezone not in available_timezones():
        hint = near_match(study.refresh.timezone, ["UTC", *available_timezones()])
        message = f"refresh.timezone: there is no {study.refresh.timezone!r}."
        hint = hint if "Did you mean" in hint else " Write a name such as Europe/Berlin."
        problems.append(Problem(message + hint, line))
    return problems


_CRON_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _is_cron(line: str) -> bool:
    """Whether a line has five cron fields of numbers, ranges, lists and steps, within limits."""
    entries = line.split()
    if len(entries) != len(_CRON_LIMITS):
        return False
    for entry, (lowest, highest) in zip(entries, _CRON_LIMITS, strict=True):
        for item in entry.split(","):
            found = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?", item)
            if found is None:
                return False
            first, last, _ = found.groups()
            bounds = [int(first or lowest), int(last or first or highest)]
            if not lowest <= bounds[0] <= bounds[1] <= highest:
                return False
    return True


_ID_RULE = "an id starts with a letter or digit and has only letters, digits, '.', '_' and '-'"


def _problem(root: yaml.Node | None, detail: dict[str, Any]) -> Problem:
    """One pydantic error, in words of the study file and with its line."""
    keys = [key for key in detail["loc"] if not _is_variant(key)]
    where = ".".join(str(key) for key in keys)
    line = _line(root, keys)
    if detail["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = [f.name for f in fields(_owner(keys[:-1])) if f.name != "path" or len(keys) > 1]
        return Problem(f"unknown key {where!r}.{near_match(str(keys[-1]), known)}", line)
    if detail["type"] in ("missing", "missing_argument"):
        return Problem(f"key {where!r} is missing", line)
    expected = detail["msg"].lower().replace("tuple", "list")
    message = f"{where}: {expected}, not {detail['input']!r}"
    if isinstance(detail["input"], bool) and "languages" in keys:
        message += ". YAML reads a bare no or yes as a truth value: write it in quotes"
    return Problem(message, line)


def _is_variant(key: object) -> bool:
    """Pydantic names the tried member of a union in the path; the study file knows no such key."""
    return isinstance(key, str) and ("[" in key)


def _owner(keys: Sequence[object]) -> type:
    """Dataclass that a path of keys leads to, from the study down."""
    owner: Any = Study
    for key in keys:
        if isinstance(key, str):
            owner = get_type_hints(owner)[key]
            for inner in (owner, *get_args(owner)):
                if is_dataclass(inner) and not isinstance(inner, UnionType):
                    owner = inner
    return owner  # type: ignore[no-any-return]


def _is_echo(detail: dict[str, Any]) -> bool:
    """A list of languages fails twice, as a list and as the word 'all': the first says more."""
    return detail["type"] == "literal_error" and isinstance(detail["input"], list)


def _without(data: dict[str, Any], details: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The study less its malformed entries: an unknown key alone, else its list item or section."""
    drop = set()
    for detail in details:
        keys = tuple(key for key in detail["loc"] if not _is_variant(key))
        if detail["type"] not in ("unexpected_keyword_argument", "extra_forbidden"):
            item = next((index for index, key in enumerate(keys) if isinstance(key, int)), 0)
            keys = keys[: item + 1]
        drop.add(keys)

    def kept(value: Any, keys: tuple[object, ...]) -> Any:
        if isinstance(value, dict):
            inner = value.items()
            return {k: kept(v, (*keys, k)) for k, v in inner if (*keys, k) not in drop}
        if isinstance(value, list):
            return [kept(v, (*keys, i)) for i, v in enumerate(value) if (*keys, i) not in drop]
        return value

    return kept(data, ())  # type: ignore[no-any-return]


def _compose(path: Path) -> yaml.Node | None:
    return yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)


def _child(node: yaml.Node | None, key: object) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
        return node.value[key]  # type: ignore[no-any-return]
    return None


def _line(root: yaml.Node | None, keys: Sequence[object]) -> int | None:
    """Line of the deepest key on the path that the file has."""
    node, line = root, None
    for key in keys:
        names = node.value if isinstance(node, yaml.MappingNode) else []
        line = next((name.start_mark.line + 1 for name, _ in names if name.value == str(key)), line)
        node = _child(node, key)
        if node is None:
            break
        if isinstance(key, int):
            line = node.start_mark.line + 1
    return line
