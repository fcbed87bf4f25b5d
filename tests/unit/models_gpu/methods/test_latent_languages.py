"""Names are compared if they have as many tokens, and so are those of one other object."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.latent_languages import latent_languages
from models_gpu.prompting.build import build_queries
from tests.helpers.plain_layers import head_logits, layer_outputs, object_scores
from tests.helpers.tiny_models import FAMILIES, facts, loaded

ASKED = facts(
    ("a", "P36", "[X] is in [Y]", "Oslo", "Lima"),
    ("b", "P36", "[X] is in [Y]", "Roma", "Riga"),
    ("c", "P36", "[X] is in [Y]", "Bern", "Paris Oslo"),
    ("d", "P36", "[X] is in [Y]", "Oslo", "Wien"),
    ("e", "P19", "[X] was born in [Y]", "Roma", "Sofia"),
).with_columns(
    subject_id=pl.concat_str(pl.lit("S"), "subject_label"),
    object_id=pl.Series(["QL", "QR", "QP", "QW", "QS"]),
)
NAMES = pl.DataFrame(
    [
        ("P36", "QL", "en", "Lima"), ("P36", "QL", "de", "Lima"), ("P36", "QL", "fr", "Peru"),
        ("P36", "QL", "it", "Lima town"),
        ("P36", "QR", "en", "Riga"), ("P36", "QR", "de", "Latvia"), ("P36", "QR", "fr", "Riga"),
        ("P36", "QW", "en", "Wien"), ("P36", "QW", "fr", "Austria"),
        ("P36", "QP", "en", "Paris Oslo"),
        ("P19", "QS", "en", "Sofia"), ("P19", "QL", "fr", "Praha"),
    ],
    schema=["relation_id", "object_id", "language_code", "object_label"],
    orient="row",
)  # fmt: skip


def latent(model: LoadedModel, chosen: str = "abce", **options: int) -> pl.DataFrame:
    return latent_languages(model, "en", ASKED, list(chosen), NAMES, seed=3, **options)


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return latent(loaded("bert"))


def test_names_of_other_lengths_are_left_out(rows: pl.DataFrame) -> None:
    own = rows.filter(is_random=False, layer_index=0)
    found = own.select("fact_id", "name_language_code", "object_id", "is_same_name", "token_count")
    assert found.rows() == [
        ("a", "de", "QL", True, 1),
        ("a", "en", "QL", True, 1),
        ("a", "fr", "QL", False, 1),  # Italian has two words.
        ("b", "en", "QR", True, 1),  # "Latvia" is more than one piece.
        ("b", "fr", "QR", True, 1),
        ("c", "en", "QP", True, 2),
        ("e", "en", "QS", True, 1),
    ]


def test_the_null_is_one_other_object_with_most_of_the_same_languages(rows: pl.DataFrame) -> None:
    null = rows.filter(is_random=True, layer_index=1)
    found = null.select("fact_id", "name_language_code", "object_id", "is_same_name").rows()
    # Oslo is also in Vienna, which is true and no null for the fact. Riga's German name is longer.
    assert found[:2] == [("a", "en", "QR", True), ("a", "fr", "QR", True)]
    assert {row[0] for row in found} == {"a", "b"}
    assert {row[2] for row in found if row[0] == "b"} <= {"QL", "QW"}
    # Objects of another relation are not drawn, nor are languages without the fact's own name.
    assert {row[1] for row in found if row[0] == "b"} == {"en", "fr"}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_is_what_the_layer_predicts(family: str) -> None:
    model = loaded(family)
    found = latent(model)
    assert found.height >= 8
    label = {tuple(place): name for *place, name in NAMES.iter_rows()}
    relation = dict(ASKED.select("fact_id", "relation_id").iter_rows())
    for row in found.iter_rows(named=True):
        place = (relation[row["fact_id"]], row["object_id"], row["name_language_code"])
        name = label[place]
        frame = ASKED.filter(fact_id=row["fact_id"]).with_columns(object_label=pl.lit(name))
        query = build_queries(model, frame, "gold")
        assert len(query.gold_ids) == row["token_count"]
        states = layer_outputs(model, query.token_ids.tolist())[row["layer_index"]]
        logits = head_logits(model, states)
        log_prob, rank = object_scores(
            logits, query.scored_positions.tolist(), query.gold_ids.tolist()
        )
        assert row["name_log_prob"] == pytest.approx(log_prob, abs=1e-4)
        assert row["name_rank"] == rank


def test_order_and_batches_change_nothing(rows: pl.DataFrame) -> None:
    model = loaded("bert")
    again = latent_languages(
        model, "en", ASKED.reverse(), list("ecba"), NAMES.reverse(), seed=3, token_budget=7
    )
    assert_frame_equal(again, rows, abs_tol=1e-4)
    # A fact's rows do not depend on the other facts that are asked.
    assert_frame_equal(latent(model, "a"), rows.filter(fact_id="a"), abs_tol=1e-4)


def test_a_name_that_the_vocabulary_lacks_is_not_compared() -> None:
    model = loaded("bert")
    asked = ASKED.with_columns(
        object_label=pl.when(fact_id="b").then(pl.lit("Ωμέγα")).otherwise("object_label")
    )
    names = NAMES.with_columns(
        object_label=pl.when(pl.col("object_label") == "Peru")
        .then(pl.lit("Ωμέγα"))
        .otherwise("object_label")
    )
    found = latent_languages(model, "en", asked, list("ab"), names, seed=3)
    assert set(found["fact_id"]) == {"a"}
    own = found.filter(is_random=False)
    assert set(own["name_language_code"]) == {"de", "en"}


def test_without_facts_there_are_no_rows(rows: pl.DataFrame) -> None:
    assert_frame_equal(latent(loaded("bert"), ""), rows.clear())


def test_a_fact_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ModelError, match="not among the facts, such as 'gone'"):
        latent_languages(loaded("bert"), "en", ASKED, ["gone"], NAMES, seed=3)
