"""Patching: does the answer follow when states come from a query in another language?

What belongs here: which two facts are combined, which positions replace which, and the rows of the
lake table ``patches``. What does not: running patches (``models_gpu.engine.patching``), rates of
changed answers (SQL). Definitions: docs/signals.md#patching.

A fact is asked in the asked language. The source is a query in a source language about another
fact of the same relation. Its states replace those of the asked query, in one layer after the
other. If the answer becomes the source fact's object, named in the asked language, then the states
of that layer hold the object, and not its name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch

from models_gpu.engine.patching import Patches, PatchResults, record_states, run_patches
from models_gpu.lake_rows import lake_rows
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.fact_choice import true_objects
from models_gpu.progress import Progress
from models_gpu.prompting.build import build_queries, facts_among, name_tokens
from models_gpu.prompting.causal_prompts import NO_SUBJECT, prompt_code
from models_gpu.prompting.queries import Queries
from models_gpu.prompting.subjects import subject_positions
from models_gpu.ragged import offsets_of
from models_gpu.seeded import shuffled
from models_gpu.settings import PatchSettings

__all__ = ["LanguageFacts", "PatchSettings", "aligned", "patches"]

_TRIED_FACTS = 50
"""Other facts of the relation that are looked at as sources of one fact."""


@dataclass(frozen=True)
class LanguageFacts:
    """The facts of one language."""

    facts: pl.DataFrame
    """Columns ``fact_id, relation_id, template, subject_label, object_label, subject_id,
    object_id``."""
    right: Collection[str]
    """Ids of those that are right."""


@dataclass(frozen=True)
class _Pair:
    """An asked fact with its source and control, for one source language."""

    source_language: str
    fact: str
    source: str
    control: str | None


def patches(
    model: LoadedModel,
    language: str,
    chosen: Collection[str],
    known: Mapping[str, LanguageFacts],
    *,
    settings: PatchSettings,
    token_budget: int | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Patch the queries of facts in one language with states from queries in all languages.

    Args:
        model: from ``models_gpu.loading.load``.
        language: the asked language, one of ``known``; as a source language it is the control.
        chosen: ids of the asked facts; only those that are right are asked.
        known: per source language.
        settings: positions and seed.
        token_budget: most tokens of a batch; chosen for the device when None.
        progress: called with patches done and patches in all.

    Returns:
        Columns of the lake table ``patches`` without model and language, sorted by key. A fact for
        which no other fact of the relation qualifies as a source has no rows.

    Raises:
        ModelError: a chosen fact that is not in the language, and as ``run_patches``.
    """
    pairs = _pairs(model, language, chosen, known, settings.seed)
    asked = _Asked(model, known[language].facts, known, pairs)
    sources = [_Source(model, code, known[code].facts, pairs) for code in known]
    states = [
        record_states(
            model, own.queries, own.state_query, own.state_position, token_budget=token_budget
        )
        for own in sources
        if own.facts
    ]
    if not states:
        return lake_rows("patches", [])
    starts = offsets_of(np.array([len(own.state_query) for own in sources], dtype=np.int64))
    placed = {own.language: (own, int(start)) for own, start in zip(sources, starts, strict=False)}
    plan = _Plan()
    for pair in pairs:
        source, start = placed[pair.source_language]
        for query, answers in asked.answers(pair).items():
            for code in settings.positions:
                parts = source.replaced(pair.source, asked.parts[query], code)
                cells = [(position, start + state) for position, state in parts.items()]
                plan.add(pair, code, query, cells, answers)
    results = run_patches(
        model,
        asked.queries,
        plan.patches(),
        torch.cat(states, dim=1),
        token_budget=token_budget,
        progress=progress,
    )
    return lake_rows("patches", [_rows(plan, results)])


def aligned(targets: Sequence[int], sources: Sequence[int], *, at_end: bool) -> list[int]:
    """Choose the source position for every target position.

    Args:
        targets: positions that are replaced, ascending.
        sources: positions of the same part in the source query, ascending; at least one.
        at_end: whether last positions are aligned, as for subjects, or first ones.

    Returns:
        ``[targets]`` positions of the source. Where it has fewer, its outermost one is repeated.
    """
    count = len(sources)
    if at_end:
        ends = range(len(targets) - 1, -1, -1)
        return [sources[count - 1 - min(from_end, count - 1)] for from_end in ends]
    return [sources[min(place, count - 1)] for place in range(len(targets))]


def _pairs(
    model: LoadedModel,
    language: str,
    chosen: Collection[str],
    known: Mapping[str, LanguageFacts],
    seed: int,
) -> list[_Pair]:
    """Choose a source and a control for every asked fact and source language.

    Both are right in both languages, of the fact's relation, and have an object that is not true of
    the fact's subject and a name of as many tokens as the fact's own. Other facts are tried in an
    order that follows from seed and fact, the same for all source languages.
    """
    own = known[language]
    rows = {row["fact_id"]: row for row in own.facts.iter_rows(named=True)}
    facts_among(own.facts, chosen)
    true_of = true_objects(own.facts)
    of_relation: dict[str, list[str]] = defaultdict(list)
    for fact, row in rows.items():
        if fact in own.right:
            of_relation[row["relation_id"]].append(fact)
    askable = {code: _askable(model, one) for code, one in known.items()}
    true_objects_of = {
        fact: true_of[rows[fact]["relation_id"], rows[fact]["subject_id"]]
        for fact in sorted(askable[language].intersection(chosen))
    }
    tried = {
        fact: [
            other
            for other in shuffled(of_relation[rows[fact]["relation_id"]], seed, "source", fact)
            if rows[other]["object_id"] not in true
        ][:_TRIED_FACTS]
        for fact, true in true_objects_of.items()
    }
    found = []
    for fact, fitting in _fitting(model, tried, rows).items():
        true = true_objects_of[fact]
        for code in known:
            usable = [rows[one] for one in fitting if one in askable[code]]
            if not usable:
                continue
            source = usable[0]
            taken = true_of[source["relation_id"], source["subject_id"]] | true
            rest = [one["fact_id"] for one in usable if one["object_id"] not in taken]
            found.append(_Pair(code, fact, source["fact_id"], rest[0] if rest else None))
    return found


def _askable(model: LoadedModel, known: LanguageFacts) -> set[str]:
    """Select the right facts whose query holds the subject."""
    right = known.facts.filter(pl.col("fact_id").is_in(list(known.right)))
    if not model.family.is_causal:
        return set(right["fact_id"])
    pairs = right.select("fact_id", "template").iter_rows()
    return {fact for fact, template in pairs if prompt_code(template) != NO_SUBJECT}


def _fitting(
    model: LoadedModel, tried: Mapping[str, Sequence[str]], rows: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Keep for each fact the tried ones whose object has as many tokens as its own, in its query.

    Names are tokenised together, because a fact alone costs much more.
    """
    pairs = [(fact, other) for fact, others in tried.items() for other in (fact, *others)]
    frame = pl.DataFrame(
        [
            (rows[fact]["template"], rows[fact]["subject_label"], rows[other]["object_label"])
            for fact, other in pairs
        ],
        schema=dict.fromkeys(("template", "subject_label", "object_label"), pl.String),
        orient="row",
    )
    counts = dict(zip(pairs, name_tokens(model, frame).list.len().to_list(), strict=True))
    return {
        fact: [one for one in others if counts[fact, one] == counts[fact, fact] > 0]
        for fact, others in tried.items()
    }


@dataclass(frozen=True)
class _Answer:
    """An answer that is scored in a patched query."""

    code: str
    fact: str
    row: int
    """Row of the asked queries."""


class _Asked:
    """The queries in the asked language: every asked fact with the objects that are scored."""

    def __init__(
        self,
        model: LoadedModel,
        facts: pl.DataFrame,
        known: Mapping[str, LanguageFacts],
        pairs: Sequence[_Pair],
    ) -> None:
        self._rows = {row["fact_id"]: row for row in facts.iter_rows(named=True)}
        labels = {
            code: dict(one.facts.select("fact_id", "object_label").iter_rows())
            for code, one in known.items()
        }
        self._foreign = _foreign_names(model, self._rows, labels, pairs)
        wanted = sorted({key for pair in pairs for _, _, key in self._names(pair)})
        ids = [str(place).zfill(9) for place in range(len(wanted))]
        frame = pl.DataFrame(
            [
                {**self._rows[fact], "fact_id": own, "object_label": name}
                for own, (fact, name) in zip(ids, wanted, strict=True)
            ],
            schema=facts.schema,
        )
        self.queries = build_queries(model, frame, "gold", leaves_out=True)
        self._row_of_name = {
            wanted[fact]: row for row, fact in enumerate(self.queries.row_fact.tolist())
        }
        self.parts = _parts(model, self.queries, frame)
        """Positions of subject and object in every query."""

    def _names(self, pair: _Pair) -> Iterator[tuple[str, str, tuple[str, str]]]:
        """Yield the answers of a pair: code, its fact, and asked fact with the answer's name."""
        facts = [("own", pair.fact), ("source", pair.source), ("control", pair.control)]
        for code, fact in facts:
            if fact is not None:
                yield code, fact, (pair.fact, self._rows[fact]["object_label"])
        foreign = self._foreign.get((pair.source_language, pair.fact))
        if foreign is not None:
            yield "source_name", pair.source, (pair.fact, foreign)

    def answers(self, pair: _Pair) -> dict[int, list[_Answer]]:
        """Get the answers of a pair, by the query that scores them."""
        found: dict[int, list[_Answer]] = defaultdict(list)
        for code, fact, name in self._names(pair):
            row = self._row_of_name.get(name)
            if row is None:
                continue
            found[int(self.queries.row_query[row])].append(_Answer(code, fact, row))
        return found


@dataclass(frozen=True)
class _Parts:
    """Positions of a query, ascending."""

    subject: list[int]
    """Those of the subject's tokens."""
    object: list[int]
    """The masks, or in a causal model the last token of the prompt."""


def _parts(model: LoadedModel, queries: Queries, facts: pl.DataFrame) -> dict[int, _Parts]:
    """Find the positions of subject and object in every query."""
    subjects = subject_positions(model, queries, facts)
    found = {}
    for fact, query in zip(queries.row_fact.tolist(), queries.row_query.tolist(), strict=True):
        begin, end = queries.scored_offsets[[query, query + 1]]
        places: list[int] = queries.scored_positions[begin:end].tolist()
        subject = subjects[queries.fact_ids[fact]]
        if model.family.is_causal:
            # The tokens of the object are no part of the prompt, even if one has a character of it.
            subject = [position for position in subject if position <= places[0]]
            places = places[:1]
        found[query] = _Parts(subject, places)
    return found


def _foreign_names(
    model: LoadedModel,
    rows: Mapping[str, Any],
    labels: Mapping[str, Mapping[str, str]],
    pairs: Sequence[_Pair],
) -> dict[tuple[str, str], str]:
    """Find the source object's names in the source language that can be scored as answers.

    Such a name has other tokens than the name in the asked language, and as many.
    """
    frame = pl.DataFrame(
        [
            {**rows[pair.fact], "code": pair.source_language,
             "foreign": labels[pair.source_language][pair.source],
             "here": rows[pair.source]["object_label"]}
            for pair in pairs
        ]
    )  # fmt: skip
    if frame.is_empty():
        return {}
    foreign, here = (
        name_tokens(model, frame.with_columns(object_label=name)) for name in ("foreign", "here")
    )
    usable = frame.filter((foreign.list.len() == here.list.len()) & (foreign != here))
    return {
        (code, fact): name
        for code, fact, name in usable.select("code", "fact_id", "foreign").iter_rows()
    }


class _Source:
    """The source queries of one language, and the positions whose states are recorded."""

    def __init__(
        self, model: LoadedModel, language: str, facts: pl.DataFrame, pairs: Sequence[_Pair]
    ) -> None:
        self.language = language
        self.facts = sorted({pair.source for pair in pairs if pair.source_language == language})
        frame = facts_among(facts, self.facts)
        self.queries = build_queries(model, frame, "gold")
        parts = _parts(model, self.queries, frame)
        self._states: dict[str, _Parts] = {}
        """Recorded states of each fact, by their place among those of the language."""
        queries: list[int] = []
        positions: list[int] = []
        for place, query in zip(
            self.queries.row_fact.tolist(), self.queries.row_query.tolist(), strict=True
        ):
            own, first = parts[query], len(positions)
            positions += own.subject + own.object
            queries += [query] * (len(positions) - first)
            places = list(range(first, len(positions)))
            count = len(own.subject)
            self._states[self.queries.fact_ids[place]] = _Parts(places[:count], places[count:])
        self.state_query = np.array(queries, dtype=np.int64)
        self.state_position = np.array(positions, dtype=np.int64)

    def replaced(self, fact: str, target: _Parts, code: str) -> dict[int, int]:
        """Choose a recorded state for every replaced position of an asked query.

        Nothing is replaced if the part has no token in one of the two queries.
        """
        own = self._states[fact]
        cells: dict[int, int] = {}
        for part, at_end in (("subject", True), ("object", False)):
            wanted, states = getattr(target, part), getattr(own, part)
            if code in (part, "both") and wanted and states:
                cells |= dict(zip(wanted, aligned(wanted, states, at_end=at_end), strict=True))
        return cells


class _Plan:
    """Collects patches and targets, and what each of them means."""

    def __init__(self) -> None:
        self.meanings: list[tuple[_Pair, str, _Answer]] = []
        """For each target: pair, position code, answer."""
        self._query: list[int] = []
        self._cells: list[list[tuple[int, int]]] = []
        self._target_patch: list[int] = []

    def add(
        self,
        pair: _Pair,
        code: str,
        query: int,
        cells: list[tuple[int, int]],
        answers: Sequence[_Answer],
    ) -> None:
        """Add one patched query, unless nothing is replaced in it."""
        if not cells:
            return
        self.meanings += [(pair, code, answer) for answer in answers]
        self._target_patch += [len(self._query)] * len(answers)
        self._query.append(query)
        self._cells.append(cells)

    def patches(self) -> Patches:
        """Make arrays of what was added."""
        flat = [cell for own in self._cells for cell in own]
        cells = np.array(flat, dtype=np.int64).reshape(-1, 2)
        return Patches(
            query=np.array(self._query, dtype=np.int64),
            cell_offsets=offsets_of(np.array([len(own) for own in self._cells], dtype=np.int64)),
            position=cells[:, 0],
            state=cells[:, 1],
            target_patch=np.array(self._target_patch, dtype=np.int64),
            target_row=np.array([answer.row for *_, answer in self.meanings], dtype=np.int64),
        )


def _rows(plan: _Plan, results: PatchResults) -> pl.DataFrame:
    """Make one row per target and layer."""
    layers, count = results.log_prob.shape[0] - 1, len(plan.meanings)
    meanings = pl.DataFrame(
        [
            (pair.source_language, pair.fact, pair.source, code, answer.code, answer.fact)
            for pair, code, answer in plan.meanings
        ],
        schema=[
            "source_language_code", "fact_id", "source_fact_id", "position_code", "answer_code",
            "answer_fact_id",
        ],
        orient="row",
    ).with_columns(log_prob_before=pl.Series(results.log_prob[-1]))  # fmt: skip
    return pl.concat([meanings] * layers).with_columns(
        layer_index=pl.Series(np.repeat(np.arange(layers, dtype=np.int32), count)),
        log_prob_after=pl.Series(results.log_prob[:-1].reshape(-1)),
        is_top=pl.Series(results.is_top[:-1].reshape(-1)),
    )
