"""A small sound lake, and a table of corruptions: one for each thing that is asked of a lake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ingestion.contract import LAKE

Place = tuple[str, ...]
"""Table, then the values of its partition."""
Change = Callable[[pl.DataFrame], pl.DataFrame | None]
"""A part's rows → the corrupted rows; None where the part is gone."""

LANGUAGES = ("de", "en", "ja", "cy")
"""The last has been added to the study: no model was asked in it, no text was searched."""
FACTS = {"f1": "P36", "f2": "P36", "f3": "P36", "f4": "P30", "f5": "P30"}
MAKER = {"revision": "first", "tokenizer_hash": "0123", "dtype": "float32"}


def sound_parts() -> dict[Place, pl.DataFrame]:
    """Parts of a study of two models and one corpus."""
    parts: dict[Place, list[Mapping[str, Any]]] = {
        ("languages",): [{"language_code": code, "latitude": 50.0} for code in LANGUAGES],
        ("relations",): [{"relation_id": relation} for relation in ("P30", "P36")],
        ("facts",): [
            {"fact_id": f, "relation_id": relation, "subject_id": f"s{f}", "object_id": f"o{f}"}
            for f, relation in FACTS.items()
        ],
        ("models",): [
            {
                **MAKER, "model_id": model, "objective": objective, "mask_counts": "gold",
                "layer_count": 2, "neuron_count": 8, "hidden_size": 4, "vocabulary_size": 100,
                "architecture": "bert", "parameter_count": 1, "is_imported": False,
            }
            for model, objective in (("m", "causal"), ("n", "masked"))
        ],
        ("atlas_truth", "wiki"): [
            {"corpus_id": "wiki", "language_code": code, "fact_id": fact, "is_planted": True}
            for code in LANGUAGES
            for fact in FACTS
        ],
        ("world_answers",): [
            {"world_id": "w", "arm_code": "named", "stratum_code": "half", "object_log_prob": -0.5,
             "language_code": code, "fact_id": fact, "stating_language_count": 4}
            for code in LANGUAGES
            for fact in FACTS
        ],
    }  # fmt: skip
    for code in LANGUAGES:
        own = {"language_code": code}
        facts = [{**own, "fact_id": fact} for fact in FACTS]
        parts["fact_labels", code] = facts
        template = "[X] is in [Y] ."
        parts["prompts", code] = [
            {**own, "relation_id": relation, "template": template} for relation in ("P30", "P36")
        ]
        parts["rejected_rows", code] = [own]
        parts["rejected_wordings", code] = [own]
        parts["wordings", code] = [
            {**own, "relation_id": "P36", "template_id": name, "template": f"[X] {name} [Y] ."}
            for name in ("2", "3")
        ]
        if code == LANGUAGES[-1]:
            break
        parts["name_cues", code] = [
            {
                **row,
                "subject_transliterated": "pique",
                "object_transliterated": "pieces",
                "object_letter_count": 6,
                "common_letter_count": 2,
                "other_fact_id": f"f{6 - int(row['fact_id'][1])}"
                if row["fact_id"] != "f3"
                else None,
                "other_object_letter_count": 4 if row["fact_id"] != "f3" else None,
                "other_common_letter_count": 1 if row["fact_id"] != "f3" else None,
            }
            for row in facts
        ]
        parts["corpus_sizes", "wiki", code] = [
            {**own, "corpus_id": "wiki", "page_count": 2, "is_truncated": False}
        ]
        parts["occurrences", "wiki", code] = [
            {
                **row, "corpus_id": "wiki", "text_unit": "chunk", "evidence_document": "Page",
                "evidence_offset": 0, "evidence_distance": 0, "evidence_text": "…",
            }
            for row in facts
        ]  # fmt: skip
        for model in ("m", "n"):
            answered = [{**row, "model_id": model} for row in facts]
            parts |= _asked(model, code, answered)
            parts |= _edited(model, code, answered[:2])
            parts |= _signals(model, code, answered)
            parts |= _attributed(model, code, answered[:2])
    return {place: _frame(place[0], rows) for place, rows in parts.items()}


def _asked(
    model: str, code: str, answered: Sequence[Mapping[str, Any]]
) -> dict[Place, list[Mapping[str, Any]]]:
    """Answers to some facts in all ways of asking, and their active neurons."""
    parts: dict[Place, list[Mapping[str, Any]]] = {}
    scored = [{**row, "method_code": "probeless"} for row in answered[:3]]
    parts["predictions", model, code] = [
        {**row, "prompt_code": "whole", "gold_log_prob": -1.0, "gold_rank": 1} for row in answered
    ]
    parts["wording_predictions", model, code] = [
        {
            **row,
            "template_id": name,
            "prompt_code": "whole",
            "gold_log_prob": -1.0,
            "gold_rank": 1,
        }
        for row in answered[:3]
        for name in ("2", "3")
    ]
    parts["wording_neurons", model, code] = [
        {**row, "template_id": name, "neuron_rank": rank}
        for row in scored
        for name in ("1", "2", "3")
        for rank in (1, 2)
    ]
    parts["label_tokens", model, code] = answered
    parts["object_rankings", model, code] = [
        {
            **row, "score_code": score, "candidate_count": 3, "object_score": -1.0,
            "object_rank": 1, "candidate_ids": ["a", "b"], "candidate_scores": [-1.0, -2.0],
        }
        for row in answered
        for score in ("sum", "mean", "less_prior")
    ]  # fmt: skip
    if model == "m":
        parts["continuations", model, code] = answered
    parts["object_aliases", model, code] = answered
    parts["subject_swaps", model, code] = [
        {**row, "swap_code": "masked", "object_log_prob": -1.0, "object_rank": 1}
        for row in answered[:3]
    ]
    parts["active_neurons", model, code] = [
        {**row, "neuron_rank": rank} for row in scored for rank in (1, 2)
    ]
    parts["neuron_profiles", model, code] = scored
    parts["unscored_facts", model, code] = [
        {**answered[3], "method_code": "probeless", "reason_code": "only_fact"}
    ]
    return parts


def _edited(
    model: str, code: str, facts: Sequence[Mapping[str, Any]]
) -> dict[Place, list[Mapping[str, Any]]]:
    """Degenerate sets and fact checks of some facts."""
    parts: dict[Place, list[Mapping[str, Any]]] = {}
    parts["degenerate_sets", model, code] = [
        {
            **row,
            "set_size": size,
            "log_prob": -1.0,
            "one_left_log_prob": -1.0,
            "none_left_log_prob": -2.0,
            "neuron_ranks": places[:size],
            "layer_indexes": places[:size],
            "neuron_indexes": places[:size],
        }
        for row in facts
        for places in ([1, 2, 3],)
        for size in (2, 3)
    ]
    parts["fact_checks", model, code] = [
        {
            **row,
            "is_true": is_true,
            "neuron_set_code": neurons,
            "is_random": is_random,
            "split": "test",
            "log_prob": -1.0,
            "attribution_score": 0.5,
            "activation_score": 0.5,
        }
        for row in facts
        for is_true in (True, False)
        for neurons in ("knowledge", "degenerate")
        for is_random in (True, False)
    ]
    return parts


def _attributed(
    model: str, code: str, facts: Sequence[Mapping[str, Any]]
) -> dict[Place, list[Mapping[str, Any]]]:
    """Knowledge neurons of some facts, their quality, edits and pairs."""
    attributed = [{**row, "mode_code": "zero"} for row in facts]
    edit = {"edit_set_code": "own", "neuron_language_code": code, "query_code": "related"}
    edits = [
        {**row, **edit, "queried_fact_id": row["fact_id"], "is_random": is_random,
         "log_prob_before": -1.0, "log_prob_after": -2.0}
        for row in facts
        for is_random in (False, True)
    ]  # fmt: skip
    unrelated = {"query_code": "unrelated", "queried_fact_id": "f4", "is_random": False}
    pair = {
        "neuron_rank_a": 1, "neuron_rank_b": 2, "neuron_index_a": 2, "log_prob": -1.0,
        "log_prob_without_a": -1.0, "log_prob_without_b": -1.0, "log_prob_without_both": -2.0,
    }  # fmt: skip
    return {
        ("knowledge_neurons", model, code): [
            {**row, "neuron_rank": rank} for row in attributed for rank in (1, 2)
        ],
        ("attribution_quality", model, code): [
            {**row, "layer_index": layer, "clean_probability": 0.75, "baseline_probability": 0.25}
            for row in attributed
            for layer in (0, 1)
        ],
        ("interventions", model, code): [*edits, *({**row, **unrelated} for row in edits[::2])],
        ("latent_languages", model, code): [
            {
                **row,
                "layer_index": layer,
                "is_random": False,
                "name_language_code": code,
                "name_log_prob": -1.0,
            }
            for row in facts[:1]
            for layer in (0, 1)
        ],
        ("patches", model, code): [
            {
                **row,
                "layer_index": layer,
                "source_language_code": code,
                "source_fact_id": source,
                "position_code": "subject",
                "answer_code": answer,
                "answer_fact_id": fact,
                "log_prob_before": -1.0,
                "log_prob_after": -2.0,
            }
            for row, source in zip(facts, ("f2", "f1"), strict=True)
            for layer in (0, 1)
            for answer, fact in (("own", row["fact_id"]), ("source", source), ("control", "f3"))
        ],
        ("degenerate_pairs", model, code): [
            {**row, **pair, "is_random": is_random} for row in facts for is_random in (False, True)
        ],
    }


def _signals(
    model: str, code: str, facts: Sequence[Mapping[str, Any]]
) -> dict[Place, list[Mapping[str, Any]]]:
    """Changed facts with their controls, and texts of facts with their gradients."""
    scores = dict.fromkeys(
        ("new_log_prob_before", "new_log_prob_after", "old_log_prob_before", "old_log_prob_after"),
        -1.0,
    )
    return {
        ("edit_propagations", model, code): [
            {**row, **scores, "target_language_code": target, "query_code": query,
             "queried_fact_id": row["fact_id"] if query == "edited" else "f3"}
            for row in facts[:2]
            for target in ("de", "en", "ja")
            for query in ("edited", "control")
        ],
        ("text_gradients", model, code): [
            {**row, "text_language_code": "en", "text_fact_id": text["fact_id"]}
            for row in facts[:2]
            for text in facts[:2]
        ],
    }  # fmt: skip


_GIVEN = {
    "mask_count", "prompt_code", "gold_token_ids", "predicted_token_ids", "candidate_token_ids",
    "candidate_log_probs", "subject_count", "object_count", "separate_count", "neuron_score",
    "attribution_score", "architecture", "parameter_count",
}  # fmt: skip
"""Columns that are null in what others made alone."""


def _frame(table: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows of a table; what a row leaves out is made up, or null where it may."""
    schema = pl.Schema(LAKE[table].schema)
    made_up: dict[type, object] = {
        pl.String: "name", pl.Int32: 1, pl.Int64: 1, pl.Float32: 0.5, pl.Float64: 0.5,
        pl.Boolean: True,
    }  # fmt: skip
    blank: dict[str, object] = {}
    for column in LAKE[table].columns:
        kind = schema[column.name]
        if column.is_nullable and column.name not in _GIVEN:
            blank[column.name] = None
        elif column.name == "candidate_log_probs":
            blank[column.name] = [[-1.0]]
        elif isinstance(kind, pl.List):
            blank[column.name] = [[7]] if isinstance(kind.inner, pl.List) else [7]
            if kind.inner == pl.String:
                blank[column.name] = ["piece"]
        else:
            blank[column.name] = made_up[type(kind)]
    if table == "attribution_quality":
        blank |= {"completeness_residual": 0.0}
    if table == "corpus_sizes":
        blank |= dict.fromkeys(("redirect_count", "other_namespace_count", "empty_count"), 0)
        blank |= {"broken_count": 1}
    return pl.DataFrame([{**blank, **row} for row in rows], schema=schema)


def change(where: str, **values: Any) -> Change:
    """Give the rows that an SQL condition picks other values."""
    return lambda rows: rows.with_columns(
        pl.when(pl.sql_expr(where)).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def drop(where: str) -> Change:
    """Take away the rows that an SQL condition picks."""
    return lambda rows: rows.filter(~pl.sql_expr(where))


def add(**values: Any) -> Change:
    """Put in a copy of the first row, with other values."""

    def added(rows: pl.DataFrame) -> pl.DataFrame:
        changed = [pl.lit(value).alias(name) for name, value in values.items()]
        return pl.concat([rows, rows.head(1).with_columns(changed).cast(dict(rows.schema))])

    return added


def retype(column: str, kind: Any) -> Change:
    """Give a column another type."""
    return lambda rows: rows.with_columns(pl.col(column).cast(kind))


def no_parquet(_rows: pl.DataFrame) -> None:
    """Put something in the part's place that cannot be read."""


def gone(_rows: pl.DataFrame) -> None:
    """Take the part away."""


@dataclass(frozen=True)
class Corruption:
    """One fault, and the only thing that notices it."""

    fault: str
    """What went wrong, in words."""
    place: Place
    """The part that is spoilt."""
    change: Change
    """How."""
    expectation: str
    """Name of the expectation that fails."""
    problem: str
    """What it says of the rows."""
    maker: Mapping[str, str] | None = None
    """What the part's footer says of its making, where that is the fault."""
    table: str | None = None
    """Table on which it fails, where that is another one than the spoilt."""

    @property
    def failure(self) -> tuple[str, str]:
        """Table and expectation that fail."""
        return self.table or self.place[0], self.expectation


_WIKI = ("occurrences", "wiki")
_TWICE = "2 rows share this key"
_ONE_CHECK = "fact_id = 'f1' and is_true and is_random and neuron_set_code = 'knowledge'"


def one_patch(fact: str, answer: str) -> str:
    """Condition that picks one row of ``patches``."""
    return f"fact_id = '{fact}' and answer_code = '{answer}' and layer_index = 0"


# fmt: off
CORRUPTIONS = (
    # Parts.
    Corruption("a part is missing", ("label_tokens", "n", "ja"), gone,
               "parts", "the part is not there"),
    Corruption("a part is no Parquet", ("label_tokens", "m", "en"), no_parquet,
               "parts", "the part cannot be read"),
    Corruption("a wrong type", ("neuron_profiles", "n", "ja"), retype("bin_index", pl.Int64),
               "parts", "bin_index is int64, the contract says int32"),
    Corruption("a column too few", ("label_tokens", "n", "en"),
               lambda rows: rows.drop("object_folded"),
               "parts", "there is no column object_folded"),
    Corruption("a column too many", ("label_tokens", "n", "de"),
               lambda rows: rows.with_columns(x=1),
               "parts", "the contract has no column x"),
    Corruption("a stale model revision", ("predictions", "m", "ja"), lambda rows: rows,
               "makers", "revision second made the part, the study has first",
               {**MAKER, "revision": "second"}),
    Corruption("another arithmetic", ("label_tokens", "m", "ja"), lambda rows: rows,
               "makers", "dtype float16 made the part, the study has float32",
               {**MAKER, "dtype": "float16"}),
    Corruption("a row of another part", ("active_neurons", "n", "de"),
               add(language_code="en", neuron_rank=3),
               "partitions", "the row belongs to another part than n/de"),

    # What the study takes.
    Corruption("a dropped language", ("languages",), drop("language_code = 'cy'"),
               "complete", "the study has this language, the table has not"),
    Corruption("an extra language", ("languages",), add(language_code="fr"),
               "complete", "the table has this language, the study has not"),
    Corruption("a dropped model", ("models",), drop("model_id = 'n'"),
               "complete", "the study has this model, the table has not"),
    Corruption("an extra model", ("models",), add(model_id="x"),
               "complete", "the table has this model, the study has not"),
    Corruption("a language without facts", ("fact_labels", "cy"), drop("true"),
               "complete", "the language has no facts"),

    # Each fact in each part, and no other.
    Corruption("a dropped fact", ("facts",), drop("fact_id = 'f5'"),
               "fact_id in facts", "fact_id is not in facts", table="fact_labels"),
    Corruption("a fact that no language holds", ("facts",), add(fact_id="f9"),
               "complete", "the fact has a label in no language"),
    Corruption("an unlisted relation", ("prompts", "de"), add(relation_id="P99"),
               "relation_id in relations", "relation_id is not in relations"),
    Corruption("a dropped template", ("prompts", "en"), drop("relation_id = 'P36'"),
               "complete", "facts of this relation have no template"),
    Corruption("names not compared", ("name_cues", "de"), drop("fact_id = 'f1'"),
               "complete", "the names of the fact are not compared"),
    Corruption("a fact without its truth", ("atlas_truth", "wiki"),
               drop("fact_id = 'f1' and language_code = 'de'"),
               "complete", "the fact is neither planted nor left out"),
    Corruption("a world without an answer", ("world_answers",),
               drop("fact_id = 'f1' and language_code = 'de'"),
               "complete", "the fact has no answer in a world"),
    Corruption("an unanswered fact", ("predictions", "m", "de"), drop("fact_id = 'f2'"),
               "complete", "the fact has no prediction"),
    Corruption("an orphan answer", ("predictions", "m", "en"), add(fact_id="f9"),
               "fact_id in fact_labels", "fact_id is not in fact_labels"),
    Corruption("a wording twice", ("wordings", "de"),
               change("template_id = '3'", template="[X] 2 [Y] ."),
               "complete", "the template is that of the facts, or of another wording"),
    Corruption("a wording that the facts have", ("wordings", "en"),
               change("template_id = '2'", template="[X] is in [Y] ."),
               "complete", "the template is that of the facts, or of another wording"),
    Corruption("a wording without a slot", ("wordings", "ja"),
               change("template_id = '2'", template="[X] is there ."),
               "values", "not so: contains(template, '[X]') and contains(template, '[Y]')"),
    Corruption("a further wording with the first name", ("wordings", "en"),
               change("template_id = '3'", template_id="1"),
               "values", "not so: template_id != '1'"),
    Corruption("a fact not asked in a wording", ("wording_predictions", "m", "de"),
               drop("fact_id = 'f2' and template_id = '3'"),
               "complete", "the fact is not asked in all wordings of its relation"),
    Corruption("an unknown wording", ("wording_predictions", "m", "ja"),
               change("fact_id = 'f3' and template_id = '3'", template_id="9"),
               "complete", "the wording is not one of the relation"),
    Corruption("an answer to the first wording", ("wording_predictions", "m", "en"),
               change("fact_id = 'f3' and template_id = '3'", template_id="1"),
               "values", "not so: template_id != '1'"),
    Corruption("an answer in words without masks", ("wording_predictions", "n", "en"),
               change("fact_id = 'f1' and template_id = '2'", mask_count=0),
               "values", "not so: mask_count >= 1"),
    Corruption("a prompt of no kind in other words", ("wording_predictions", "n", "ja"),
               change("fact_id = 'f1' and template_id = '2'", prompt_code="half"),
               "values", "not so: prompt_code in ('whole', 'cut', 'no_subject', 'unasked')"),
    Corruption("more tokens than masks in other words", ("wording_predictions", "n", "de"),
               change("fact_id = 'f1' and template_id = '2'", mask_count=2),
               "values", "not so: len(predicted_token_ids) = if(prompt_code = 'unasked', 0, "
               "mask_count)"),
    Corruption("a rank without a probability in other words", ("wording_predictions", "n", "de"),
               change("fact_id = 'f2' and template_id = '2'", gold_log_prob=None),
               "values", "not so: (gold_rank is null) = (gold_log_prob is null)"),
    Corruption("a gap in the ranks of a wording", ("wording_neurons", "m", "de"),
               drop("fact_id = 'f1' and template_id = '2' and neuron_rank = 1"),
               "complete", "ranks have gaps"),
    Corruption("a neuron of a wording below 0", ("wording_neurons", "m", "en"),
               change("fact_id = 'f1' and template_id = '2'", neuron_score=-1.0),
               "values", "not so: neuron_score >= 0"),
    Corruption("uncut names", ("label_tokens", "m", "de"), drop("fact_id = 'f2'"),
               "complete", "the fact has no pieces"),
    Corruption("a fact not looked for", (*_WIKI, "de"), drop("fact_id = 'f1'"),
               "complete", "the fact was not looked for"),
    Corruption("a text without a search", (*_WIKI, "ja"), drop("true"),
               "complete", "nothing was looked for"),
    Corruption("a text without a size", ("corpus_sizes", "wiki", "ja"), drop("true"),
               "complete", "the text has no size"),
    Corruption("a gap in the ranks", ("active_neurons", "m", "de"),
               drop("fact_id = 'f1' and neuron_rank = 1"),
               "complete", "ranks have gaps"),
    Corruption("a neuron without a score", ("active_neurons", "n", "en"),
               change("fact_id = 'f1'", neuron_score=None),
               "complete", "a neuron has no score"),
    Corruption("a neuron without an attribution", ("knowledge_neurons", "n", "en"),
               change("fact_id = 'f1'", attribution_score=None),
               "complete", "a neuron has no attribution"),
    Corruption("neurons without a profile", ("neuron_profiles", "m", "de"), drop("fact_id = 'f1'"),
               "complete", "the fact has neurons and no profile"),
    Corruption("a profile without neurons", ("neuron_profiles", "m", "en"), add(fact_id="f5"),
               "complete", "the fact has a profile and no neurons"),
    Corruption("a gap in the ranks of attributions", ("knowledge_neurons", "m", "de"),
               drop("fact_id = 'f1' and neuron_rank = 1"),
               "complete", "ranks have gaps"),
    Corruption("neurons without a quality", ("attribution_quality", "m", "ja"),
               drop("fact_id = 'f1'"), "complete", "the fact has neurons and no quality",
               table="knowledge_neurons"),
    Corruption("a dropped layer", ("attribution_quality", "m", "de"),
               drop("fact_id = 'f1' and layer_index = 0"),
               "complete", "not every layer is there"),
    Corruption("a quality without neurons", ("knowledge_neurons", "m", "ja"),
               drop("fact_id = 'f2'"), "complete", "the fact has a quality and no neurons",
               table="attribution_quality"),
    Corruption("an edit without its random control", ("interventions", "m", "de"),
               drop("fact_id = 'f1' and is_random"), "complete",
               "the fact was not asked after this edit, or not after its random control"),
    Corruption("a change not asked in its language", ("edit_propagations", "m", "de"),
               drop("fact_id = 'f1' and target_language_code = 'de'"),
               "complete", "the fact was not asked in the language of its change"),
    Corruption("a text not compared", ("text_gradients", "m", "de"),
               drop("fact_id = 'f1' and text_fact_id = 'f2'"),
               "complete", "a query was not compared with all texts of its relation"),
    Corruption("a layer that was not read", ("latent_languages", "m", "de"),
               drop("fact_id = 'f1' and layer_index = 0"),
               "complete", "not every layer is there"),
    Corruption("names in other languages alone", ("latent_languages", "m", "en"),
               change("fact_id = 'f1'", name_language_code="fr"),
               "complete", "the object has no name in the asked language"),
    Corruption("a last layer of another model", ("latent_languages", "m", "ja"),
               change("fact_id = 'f1' and layer_index = 1", name_log_prob=-2.0),
               "complete", "the last layer predicts otherwise than the model"),
    Corruption("a layer that was not patched", ("patches", "m", "de"),
               drop("fact_id = 'f1' and layer_index = 0 and answer_code = 'control'"),
               "complete", "not every layer is there"),
    Corruption("a patch without its source's answer", ("patches", "m", "en"),
               drop("fact_id = 'f1' and answer_code = 'source'"),
               "complete", "the answers of both facts are not there"),
    Corruption("random pairs alone", ("degenerate_pairs", "m", "de"),
               drop("fact_id = 'f1' and not is_random"),
               "complete", "the fact has random pairs alone"),
    Corruption("a fact with and without neurons", ("unscored_facts", "m", "ja"), add(fact_id="f1"),
               "complete", "the fact has neurons all the same"),
    Corruption("a size left out", ("degenerate_sets", "m", "de"),
               drop("fact_id = 'f1' and set_size = 2"),
               "complete", "sizes of sets have gaps"),
    Corruption("a check without its neurons", ("fact_checks", "m", "de"),
               drop("fact_id = 'f1' and neuron_set_code = 'degenerate' and is_random"),
               "complete", "the fact is not checked with both objects and all neurons"),
    Corruption("a wrong object that is right", ("fact_checks", "m", "en"),
               change("fact_id = 'f1' and not is_true", candidate_object_id="of1"),
               "complete", "the wrong object is a true one of the subject"),
    Corruption("a subject in two parts", ("fact_checks", "m", "ja"),
               change("fact_id = 'f1' and is_true", split="train"),
               "complete", "facts of the subject are in two parts"),

    # Keys.
    Corruption("a doubled language", ("languages",), add(), "key", _TWICE),
    Corruption("a doubled answer", ("predictions", "m", "de"), add(), "key", _TWICE),
    Corruption("a doubled search", (*_WIKI, "en"), add(), "key", _TWICE),
    Corruption("a doubled profile", ("neuron_profiles", "n", "en"), add(), "key", _TWICE),

    # Values. Rules of single tables first, then those that follow a column's name.
    Corruption("planted by no sentence", ("atlas_truth", "wiki"),
               change("fact_id = 'f2' and language_code = 'de'", planted_count=0),
               "values", "not so: is_planted = (planted_count > 0)"),
    Corruption("planted and a distractor", ("atlas_truth", "wiki"),
               change("fact_id = 'f3' and language_code = 'de'", distractor_kind="x"),
               "values", "not so: not (is_planted and distractor_kind is not null)"),
    Corruption("an arm of no design", ("world_answers",),
               change("fact_id = 'f2' and language_code = 'de'", arm_code="x"),
               "values", "not so: arm_code in ('named', 'unnamed', 'bridged')"),
    Corruption("a stratum of no design", ("world_answers",),
               change("fact_id = 'f3' and language_code = 'de'", stratum_code="x"),
               "values", "not so: stratum_code in ('nowhere', 'one', 'all_but_one', 'sparse', "
               "'half', 'dense')"),
    Corruption("a plan before the first", ("world_answers",),
               change("fact_id = 'f4' and language_code = 'de'", plan_index=0),
               "values", "not so: plan_index >= 1"),
    Corruption("right without the first rank", ("world_answers",),
               change("fact_id = 'f5' and language_code = 'de'", is_right=False),
               "values", "not so: is_right = (object_rank = 1)"),
    Corruption("stated by nobody", ("world_answers",),
               change("fact_id = 'f2' and language_code = 'en'", stating_language_count=0),
               "values", "not so: stating_language_count >= is_stated::integer"),
    Corruption("pages that became nothing", ("corpus_sizes", "wiki", "de"),
               change("true", page_count=9),
               "values", "not so: page_count = document_count + redirect_count "
               "+ other_namespace_count + empty_count + broken_count"),
    Corruption("tokens of no tokenizer", ("corpus_sizes", "wiki", "de"),
               change("true", token_count=9),
               "values", "not so: (token_count is null) = (tokenizer_hash is null)"),
    Corruption("chunks of no tokenizer", ("corpus_sizes", "wiki", "de"),
               change("true", chunk_count=9),
               "values", "not so: (chunk_count is null) = (tokenizer_hash is null)"),
    Corruption("a cut text without a note", ("corpus_sizes", "wiki", "en"),
               change("true", is_truncated=True),
               "values", "not so: problem_note is not null or not is_truncated"),
    Corruption("an unknown objective", ("models",), change("model_id = 'x'", objective="x"),
               "values", "not so: objective in ('masked', 'causal')"),
    Corruption("an unknown arithmetic", ("models",), change("model_id = 'x'", dtype="int4"),
               "values", "not so: dtype in ('float32', 'bfloat16', 'float16')"),
    Corruption("an unknown way to ask", ("models",), change("model_id = 'x'", mask_counts="x"),
               "values", "not so: mask_counts in ('gold', 'all')"),
    Corruption("a model without layers", ("models",), change("model_id = 'x'", layer_count=0),
               "values", "not so: least(layer_count, neuron_count, hidden_size, "
               "vocabulary_size, parameter_count) > 0"),
    Corruption("weights without a width", ("models",),
               change("model_id = 'x'", hidden_size=None),
               "values", "not so: is_imported or not (architecture is null or layer_count is null "
               "or neuron_count is null or hidden_size is null or vocabulary_size is null "
               "or parameter_count is null or tokenizer_hash is null or dtype is null "
               "or mask_counts is null)"),
    Corruption("an ignored token that is none", ("models",),
               change("model_id = 'x'", ignored_token_id=100),
               "values", "not so: ignored_token_id between 0 and vocabulary_size - 1"),
    Corruption("an unknown unit", (*_WIKI, "en"), change("fact_id = 'f2'", text_unit="page"),
               "values", "not so: text_unit in ('chunk', 'sentence', 'article')"),
    Corruption("shared more often than there", (*_WIKI, "en"),
               change("fact_id = 'f3'", shared_count=2),
               "values", "not so: shared_count <= least(subject_count, object_count)"),
    Corruption("apart more often than together", (*_WIKI, "en"),
               change("fact_id = 'f1'", separate_count=9),
               "values", "not so: separate_count <= shared_count"),
    Corruption("shared without evidence", (*_WIKI, "en"),
               change("fact_id = 'f4'", evidence_text=None),
               "complete", "the text was read, and a count or its evidence is missing"),
    Corruption("evidence of nothing", (*_WIKI, "de"),
               change("fact_id = 'f2'", shared_count=0, separate_count=0),
               "values", "not so: evidence_text is null or shared_count > 0"),
    Corruption("evidence without a document", (*_WIKI, "en"),
               change("fact_id = 'f5'", evidence_document=None),
               "values", "not so: (evidence_document is null) = (evidence_text is null)"),
    Corruption("evidence without an offset", (*_WIKI, "en"),
               change("fact_id = 'f5'", evidence_offset=None),
               "values", "not so: (evidence_offset is null) = (evidence_text is null)"),
    Corruption("evidence without a distance", (*_WIKI, "en"),
               change("fact_id = 'f5'", evidence_distance=None),
               "values", "not so: (evidence_distance is null) = (evidence_text is null)"),
    Corruption("a query without masks", ("predictions", "n", "de"),
               change("fact_id = 'f1'", mask_count=0,
                      predicted_token_ids=[], candidate_token_ids=[], candidate_log_probs=[]),
               "values", "not so: mask_count >= 1"),
    Corruption("an unknown prompt", ("predictions", "m", "en"),
               change("fact_id = 'f4'", prompt_code="x"),
               "values", "not so: prompt_code in ('whole', 'cut', 'no_subject', 'unasked')"),
    Corruption("an answer too short", ("predictions", "n", "de"),
               change("fact_id = 'f2'", predicted_token_ids=[]),
               "values",
               "not so: len(predicted_token_ids) = if(prompt_code = 'unasked', 0, mask_count)"),
    Corruption("a mask without candidates", ("predictions", "n", "de"),
               change("fact_id = 'f3'", candidate_token_ids=[]),
               "values",
               "not so: len(candidate_token_ids) = if(prompt_code = 'unasked', 0, mask_count)"),
    Corruption("a mask without scores", ("predictions", "n", "de"),
               change("fact_id = 'f3'", candidate_log_probs=[]),
               "values",
               "not so: len(candidate_log_probs) = if(prompt_code = 'unasked', 0, mask_count)"),
    Corruption("a rank without a score", ("predictions", "n", "de"),
               change("fact_id = 'f4'", gold_log_prob=None),
               "complete", "the model was asked, and the answer lacks a value"),
    Corruption("a candidate above certainty", ("predictions", "n", "de"),
               change("fact_id = 'f5'", candidate_log_probs=[[0.5]]),
               "values", "not so: list_max(flatten(candidate_log_probs)) <= 0.0001"),
    Corruption("letters of another name", ("name_cues", "de"),
               change("fact_id = 'f2'", object_letter_count=9),
               "values", "not so: object_letter_count = length(object_transliterated)"),
    Corruption("more letters in common than there are", ("name_cues", "de"),
               change("fact_id = 'f2'", common_letter_count=10),
               "values", "not so: common_letter_count <= object_letter_count"),
    Corruption("more letters in common than the other name has", ("name_cues", "en"),
               change("fact_id = 'f1'", other_common_letter_count=5),
               "values", "not so: other_common_letter_count <= other_object_letter_count"),
    Corruption("a comparison without letters", ("name_cues", "en"),
               change("fact_id = 'f2'", other_object_letter_count=None),
               "values", "not so: (other_object_letter_count is null) = (other_fact_id is null)"),
    Corruption("a comparison without a result", ("name_cues", "en"),
               change("fact_id = 'f4'", other_common_letter_count=None),
               "values", "not so: (other_common_letter_count is null) = (other_fact_id is null)"),
    Corruption("a fact compared with itself", ("name_cues", "ja"),
               change("fact_id = 'f1'", other_fact_id="f1"),
               "values", "not so: other_fact_id != fact_id"),
    Corruption("a template without its slot", ("prompts", "ja"),
               change("relation_id = 'P30'", template="[X] ."),
               "values", "not so: contains(template, '[X]') and contains(template, '[Y]')"),
    Corruption("a negative score", ("active_neurons", "m", "en"),
               change("fact_id = 'f1'", neuron_score=-1.0),
               "values", "not so: neuron_score >= 0"),
    Corruption("a negative profile", ("neuron_profiles", "m", "ja"),
               change("fact_id = 'f1'", strided_score=-1.0),
               "values", "not so: strided_score >= 0"),
    Corruption("a negative profile of neighbours", ("neuron_profiles", "m", "ja"),
               change("fact_id = 'f1'", contiguous_score=-1.0),
               "values", "not so: contiguous_score >= 0"),
    Corruption("an unknown reason", ("unscored_facts", "n", "ja"), change("true", reason_code="x"),
               "values", "not so: reason_code in ('only_fact', 'no_contrast')"),
    Corruption("a set of one neuron", ("degenerate_sets", "n", "de"),
               lambda rows: rows.with_columns(set_size=pl.lit(1, pl.Int32)).head(1),
               "values", "not so: set_size >= 2"),
    Corruption("a set without a rank", ("degenerate_sets", "n", "en"),
               change("fact_id = 'f1' and set_size = 3", neuron_ranks=[1, 2]),
               "values", "not so: len(neuron_ranks) = set_size"),
    Corruption("a set without a layer", ("degenerate_sets", "n", "en"),
               change("fact_id = 'f1' and set_size = 3", layer_indexes=[1, 2]),
               "values", "not so: len(layer_indexes) = set_size"),
    Corruption("a set without a unit", ("degenerate_sets", "n", "en"),
               change("fact_id = 'f1' and set_size = 3", neuron_indexes=[1, 2]),
               "values", "not so: len(neuron_indexes) = set_size"),
    Corruption("unknown neurons", ("fact_checks", "n", "de"),
               change(_ONE_CHECK, neuron_set_code="x"),
               "values", "not so: neuron_set_code in ('knowledge', 'degenerate')"),
    Corruption("an unknown part", ("fact_checks", "n", "en"),
               change(_ONE_CHECK, split="x"),
               "values", "not so: split in ('train', 'validation', 'test')"),
    Corruption("neurons that contribute nothing known", ("fact_checks", "n", "ja"),
               change(_ONE_CHECK, attribution_score=None),
               "values", "not so: (attribution_score is null) = (neuron_count = 0)"),
    Corruption("neurons that hold nothing known", ("fact_checks", "n", "ja"),
               change(_ONE_CHECK, activation_score=None),
               "values", "not so: (activation_score is null) = (neuron_count = 0)"),
    Corruption("neurons of an unknown path", ("knowledge_neurons", "m", "en"),
               change("fact_id = 'f1'", mode_code="x"),
               "values", "not so: mode_code in ('zero', 'zero_norm_held', 'amig', 'amig_mean', "
               "'amig_code')"),
    Corruption("a quality of an unknown path", ("attribution_quality", "m", "en"),
               change("fact_id = 'f1'", mode_code="x"),
               "values", "not so: mode_code in ('zero', 'zero_norm_held', 'amig', 'amig_mean', "
               "'amig_code')"),
    Corruption("an object without tokens", ("attribution_quality", "n", "de"),
               change("fact_id = 'f1'", object_token_count=0),
               "values", "not so: least(object_token_count, baseline_count) >= 1"),
    Corruption("a probability above certainty", ("attribution_quality", "n", "de"),
               change("fact_id = 'f2'", clean_probability=1.5, attribution_sum=1.25),
               "values", "not so: greatest(clean_probability, baseline_probability) "
               "<= object_token_count + 0.0001"),
    Corruption("a negative residual", ("attribution_quality", "n", "en"),
               change("fact_id = 'f1'", completeness_residual=-0.1),
               "values", "not so: completeness_residual >= 0"),
    Corruption("a residual of other attributions", ("attribution_quality", "n", "en"),
               change("fact_id = 'f2'", attribution_sum=9.0),
               "values", "not so: abs(completeness_residual - abs(attribution_sum - baseline_count "
               "* (clean_probability - baseline_probability))) < 0.000001"),
    Corruption("a score of no kind", ("object_rankings", "m", "de"),
               change("fact_id = 'f1' and score_code = 'sum'", score_code="x"),
               "values", "not so: score_code in ('sum', 'mean', 'less_prior')"),
    Corruption("a fact that a score leaves out", ("object_rankings", "m", "ja"),
               drop("fact_id = 'f1' and score_code = 'sum'"),
               "complete", "the fact is not ranked by every score"),
    Corruption("a rank without a score", ("object_rankings", "m", "de"),
               change("fact_id = 'f2' and score_code = 'sum'", object_score=None),
               "values", "not so: (object_rank is null) = (object_score is null)"),
    Corruption("a rank behind the last candidate", ("object_rankings", "m", "en"),
               change("fact_id = 'f1' and score_code = 'sum'", object_rank=4),
               "values", "not so: object_rank between 1 and candidate_count"),
    Corruption("a candidate without a score", ("object_rankings", "m", "en"),
               change("fact_id = 'f2' and score_code = 'sum'", candidate_ids=["a"]),
               "values", "not so: len(candidate_ids) = len(candidate_scores)"),
    Corruption("more best candidates than candidates", ("object_rankings", "m", "en"),
               change("fact_id = 'f3' and score_code = 'sum'", candidate_count=1),
               "values", "not so: len(candidate_ids) <= candidate_count"),
    Corruption("a first rank with another score than the best", ("object_rankings", "n", "de"),
               change("fact_id = 'f1' and score_code = 'mean'", object_score=-1.5),
               "values", "not so: object_rank != 1 or object_score = candidate_scores[1]"),
    Corruption("candidates out of order", ("object_rankings", "n", "de"),
               change("fact_id = 'f2' and score_code = 'mean'", candidate_scores=[-1.0, -0.5]),
               "values", "not so: candidate_scores = list_reverse_sort(candidate_scores)"),
    Corruption("a candidate beyond certainty", ("object_rankings", "n", "de"),
               change("fact_id = 'f3' and score_code = 'mean'", object_score=0.5,
                      candidate_scores=[0.5, -1.0]),
               "values", "not so: score_code = 'less_prior' or candidate_scores[1] <= 0.0001"),
    Corruption("a prompt that was not continued", ("continuations", "m", "de"),
               drop("fact_id = 'f1'"),
               "complete", "the prompt of the fact was not continued"),
    Corruption("fewer tokens than none", ("continuations", "m", "en"),
               change("fact_id = 'f1'", token_count=-1),
               "values", "not so: token_count >= 0"),
    Corruption("a name before the text", ("continuations", "m", "en"),
               change("fact_id = 'f2'", alias_offset=-1, object_offset=None),
               "values", "not so: alias_offset >= 0"),
    Corruption("a name before all of its names", ("continuations", "m", "en"),
               change("fact_id = 'f3'", alias_offset=3, object_offset=1),
               "values", "not so: object_offset is null or alias_offset <= object_offset"),
    Corruption("a swap of no kind", ("subject_swaps", "m", "en"),
               change("fact_id = 'f1'", swap_code="x"),
               "values", "not so: swap_code in ('masked', 'first_part', 'last_part', 'invented', "
               "'other_subject')"),
    Corruption("a swap before the first", ("subject_swaps", "m", "en"),
               change("fact_id = 'f2'", swap_index=-1),
               "values", "not so: swap_index >= 0"),
    Corruption("a swap with a rank and no probability", ("subject_swaps", "m", "en"),
               change("fact_id = 'f3'", object_log_prob=None),
               "values", "not so: (object_log_prob is null) = (object_rank is null)"),
    Corruption("a swap of rank nought", ("subject_swaps", "n", "de"),
               change("fact_id = 'f1'", object_rank=0),
               "values", "not so: object_rank >= 1"),
    Corruption("a swap beyond certainty", ("subject_swaps", "n", "de"),
               change("fact_id = 'f2'", object_log_prob=0.5),
               "values", "not so: object_log_prob <= 0.0001"),
    Corruption("an unknown set of neurons", ("interventions", "m", "en"),
               change("fact_id = 'f1' and is_random", edit_set_code="x"),
               "values", "not so: edit_set_code in ('likn', 'own', 'own_subset', 'other', 'union', "
               "'sequence', 'probeless')"),
    Corruption("all languages' neurons as one's own", ("interventions", "m", "en"),
               change("fact_id = 'f2' and is_random", neuron_language_code="all"),
               "values", "not so: (neuron_language_code = 'all') = "
               "(edit_set_code in ('likn', 'union', 'sequence'))"),
    Corruption("an unknown question", ("interventions", "m", "ja"),
               change("fact_id = 'f1' and query_code = 'unrelated'", query_code="x"),
               "values", "not so: query_code in ('related', 'unrelated')"),
    Corruption("a related question about another fact", ("interventions", "n", "de"),
               change("fact_id = 'f1' and is_random", queried_fact_id="f4"),
               "values", "not so: (queried_fact_id = fact_id) = (query_code = 'related')"),
    Corruption("a random edit of another fact", ("interventions", "n", "de"),
               change("fact_id = 'f2' and query_code = 'unrelated'", is_random=True),
               "values", "not so: not is_random or query_code = 'related'"),
    Corruption("a negative factor", ("interventions", "n", "en"),
               change("fact_id = 'f1' and is_random", edit_factor=-1.0),
               "values", "not so: edit_factor >= 0"),
    Corruption("an edit of nothing", ("interventions", "n", "en"),
               change("fact_id = 'f2' and is_random", neuron_count=0),
               "values", "not so: neuron_count >= 1"),
    Corruption("an edit beyond certainty", ("interventions", "n", "ja"),
               change("fact_id = 'f1' and is_random", log_prob_after=0.5),
               "values", "not so: greatest(log_prob_before, log_prob_after) <= 0.0001"),
    Corruption("an unknown subject", ("edit_propagations", "m", "en"),
               change("fact_id = 'f1' and query_code = 'control' and target_language_code = 'de'",
                      query_code="x"),
               "values", "not so: query_code in ('edited', 'control')"),
    Corruption("a control that is the changed fact", ("edit_propagations", "m", "ja"),
               change("fact_id = 'f1' and query_code = 'control' and target_language_code = 'de'",
                      queried_fact_id="f1"),
               "values", "not so: (queried_fact_id = fact_id) = (query_code = 'edited')"),
    Corruption("fewer steps than none", ("edit_propagations", "n", "de"),
               change("fact_id = 'f1' and query_code = 'control' and target_language_code = 'de'",
                      step_count=-1),
               "values", "not so: step_count >= 0"),
    Corruption("a changed answer above certainty", ("edit_propagations", "n", "en"),
               change("fact_id = 'f1' and query_code = 'control' and target_language_code = 'de'",
                      new_log_prob_after=0.5),
               "values", "not so: greatest(new_log_prob_before, new_log_prob_after, "
               "old_log_prob_before, old_log_prob_after) <= 0.0001"),
    Corruption("a cosine above 1", ("text_gradients", "n", "de"),
               change("fact_id = 'f1'", gradient_score=1.5),
               "values", "not so: abs(gradient_score) <= 1.0001"),
    Corruption("a negative weight of words", ("text_gradients", "n", "en"),
               change("fact_id = 'f1'", bm25_score=-1.0),
               "values", "not so: bm25_score >= 0"),
    Corruption("a name without tokens", ("latent_languages", "n", "de"),
               change("layer_index = 0", token_count=0), "values", "not so: token_count >= 1"),
    Corruption("a name that is not its own", ("latent_languages", "n", "en"),
               change("layer_index = 0", is_same_name=False),
               "values", "not so: is_same_name or name_language_code != language_code"),
    Corruption("an unknown position", ("patches", "m", "ja"),
               change(one_patch("f1", "own"), position_code="x"),
               "values", "not so: position_code in ('subject', 'object', 'both')"),
    Corruption("an unknown answer", ("patches", "m", "ja"),
               change(one_patch("f2", "control"), answer_code="x"),
               "values", "not so: answer_code in ('own', 'source', 'source_name', 'control')"),
    Corruption("a fact that is its own source", ("patches", "n", "de"),
               change(one_patch("f1", "control"), source_fact_id="f1"),
               "values", "not so: source_fact_id != fact_id"),
    Corruption("an own answer of another fact", ("patches", "n", "de"),
               change(one_patch("f2", "own"), answer_fact_id="f3"),
               "values", "not so: (answer_fact_id = fact_id) = (answer_code = 'own')"),
    Corruption("a source's answer of another fact", ("patches", "n", "en"),
               change(one_patch("f1", "source"), answer_fact_id="f3"),
               "values", "not so: (answer_fact_id = source_fact_id) "
               "= (answer_code in ('source', 'source_name'))"),
    Corruption("a foreign name in the own language", ("patches", "n", "en"),
               change(one_patch("f2", "control"), answer_code="source_name",
                      answer_fact_id="f1"),
               "values", "not so: answer_code != 'source_name' "
               "or source_language_code != language_code"),
    Corruption("a patch beyond certainty", ("patches", "n", "ja"),
               change(one_patch("f1", "own"), log_prob_after=0.5),
               "values", "not so: greatest(log_prob_before, log_prob_after) <= 0.0001"),
    Corruption("a pair in the wrong order", ("degenerate_pairs", "m", "en"),
               change("fact_id = 'f1'", neuron_rank_a=3),
               "values", "not so: 1 <= neuron_rank_a and neuron_rank_a < neuron_rank_b"),
    Corruption("a neuron paired with itself", ("degenerate_pairs", "m", "en"),
               change("fact_id = 'f2'", neuron_index_a=1),
               "values",
               "not so: (layer_index_a, neuron_index_a) != (layer_index_b, neuron_index_b)"),
    Corruption("a layer below the first", ("degenerate_pairs", "m", "ja"),
               change("fact_id = 'f1'", layer_index_b=-1),
               "values", "not so: least(layer_index_a, neuron_index_a, layer_index_b, "
               "neuron_index_b) >= 0"),
    Corruption("an answer above certainty without a pair", ("degenerate_pairs", "n", "de"),
               change("fact_id = 'f1'", log_prob_without_both=0.5),
               "values", "not so: greatest(log_prob_without_a, log_prob_without_b, "
               "log_prob_without_both) <= 0.0001"),
    Corruption("a null", ("predictions", "n", "en"), change("fact_id = 'f1'", predicted_text=None),
               "values", "predicted_text is null"),
    Corruption("a score that is no number", ("active_neurons", "m", "en"),
               change("fact_id = 'f2'", neuron_score=float("nan")),
               "values", "not so: isfinite(neuron_score)"),
    Corruption("an answer above certainty", ("predictions", "n", "en"),
               change("fact_id = 'f2'", gold_log_prob=0.5),
               "values", "not so: gold_log_prob <= 0.0001"),
    Corruption("a rank from 0", ("predictions", "n", "en"), change("fact_id = 'f3'", gold_rank=0),
               "values", "not so: gold_rank >= 1"),
    Corruption("a negative size", ("corpus_sizes", "wiki", "en"), change("true", text_bytes=-1),
               "values", "not so: text_bytes >= 0"),
    Corruption("a place off the map", ("languages",), change("language_code = 'de'", latitude=91.0),
               "values", "not so: latitude between -90 and 90"),
    Corruption("a place off the map, sideways", ("languages",),
               change("language_code = 'de'", longitude=181.0),
               "values", "not so: longitude between -180 and 180"),
    Corruption("a blank name", ("fact_labels", "de"), change("fact_id = 'f1'", object_label=" "),
               "values", "not so: trim(object_label) != ''"),
    Corruption("a layer that the model lacks", ("active_neurons", "m", "ja"),
               change("fact_id = 'f1'", layer_index=2),
               "neurons", "the model has no such neuron"),
    Corruption("a unit that the layer lacks", ("active_neurons", "m", "ja"),
               change("fact_id = 'f2'", neuron_index=8),
               "neurons", "the model has no such neuron"),
    Corruption("a pair that the model lacks", ("degenerate_pairs", "m", "ja"),
               change("fact_id = 'f2'", neuron_index_b=8),
               "neurons", "the model has no such neuron"),
)
# fmt: on
"""Read as a table: what went wrong, where, how; what notices it, and what that says."""
