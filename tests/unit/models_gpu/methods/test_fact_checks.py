"""Scores of true and wrong objects are those of the relation's neurons, one object at a time."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from models_gpu.engine.activations import record_activations
from models_gpu.engine.edits import Neuron, build_edits, run_edits
from models_gpu.errors import ModelError
from models_gpu.loading.load import LoadedModel
from models_gpu.methods.fact_checks import CheckSettings, fact_checks, shared_neurons
from models_gpu.methods.integrated_gradients import attribute
from models_gpu.methods.integration_paths import PathSettings
from models_gpu.prompting.build import build_queries
from tests.helpers.tiny_models import facts, loaded

PATH = PathSettings("zero", 3, "gauss")
SETTINGS = CheckSettings(PATH, candidates=4, single_share=0.5, pair_share=1.0, shared=0.4, seed=5)
TEMPLATES = {"P36": "[X] is in [Y]", "P19": "[X] was born in [Y]"}
PARTS = ("train", "train", "train", "validation", "test")
SUBJECTS = ("Roma", "Bern", "Wien", "Sofia", "Praha")
OBJECTS = (("Oslo", "Lima"), ("Lima Oslo", "Riga"), ("Peru", "Oslo"), ("Riga", "Lima Peru"),
           ("Oslo", "Riga"))  # fmt: skip

ASKED = facts(
    *(
        (f"{relation}-{number}", relation, template, subject, true)
        for relation, template in TEMPLATES.items()
        for number, (subject, (true, _)) in enumerate(zip(SUBJECTS, OBJECTS, strict=True))
    )
)
PAIRS = pl.DataFrame(
    [
        (f"{relation}-{number}", relation, part, is_true, f"Q{label}", label)
        for relation in TEMPLATES
        for number, (part, objects) in enumerate(zip(PARTS, OBJECTS, strict=True))
        for is_true, label in zip((True, False), objects, strict=True)
    ],
    schema=["fact_id", "relation_id", "split", "is_true", "candidate_object_id",
            "candidate_label"],
    orient="row",
)  # fmt: skip


@pytest.fixture(scope="module", params=["bert", "gpt2"])
def model(request: pytest.FixtureRequest) -> LoadedModel:
    return loaded(request.param)


@pytest.fixture(scope="module")
def rows(model: LoadedModel) -> pl.DataFrame:
    return fact_checks(model, ASKED, PAIRS, settings=SETTINGS)


def test_progress_is_told_within_a_relation(model: LoadedModel) -> None:
    told: list[tuple[float, float]] = []
    fact_checks(model, ASKED, PAIRS, settings=SETTINGS, progress=lambda *pair: told.append(pair))
    assert told == sorted(told)
    assert told[-1] == (PAIRS.height, PAIRS.height)
    halfway = [done for done, total in told if 0 < done < total / 2]
    assert len(set(halfway)) > 5, "the first of two relations says nothing until it is done"


def alone(model: LoadedModel, fact_id: str, label: str) -> tuple[np.ndarray, np.ndarray, float]:
    """Attributions and activations ``[layers, units]`` and log P of one candidate, by itself."""
    own = ASKED.filter(fact_id=fact_id).with_columns(object_label=pl.lit(label))
    queries = build_queries(model, own, "gold")
    (found,) = attribute(model, queries, PATH)
    tokens = len(queries.gold_ids)
    activations = record_activations(model, queries)[:, 0].numpy()
    plain = run_edits(model, queries, build_edits([0], [()], [()]))
    return found.scores[:, 0].numpy() / tokens, activations, float(plain.log_prob[0])


def neurons_of(model: LoadedModel, relation: str, threshold: float) -> list[tuple[Neuron, ...]]:
    """Knowledge neurons of the training facts, found one fact at a time."""
    found = []
    for number in range(3):
        scores, _, _ = alone(model, f"{relation}-{number}", OBJECTS[number][0])
        places = np.argwhere(scores > threshold * scores.max())
        found.append(tuple((int(layer), int(unit)) for layer, unit in places))
    return found


def test_scores_are_means_over_the_neurons_that_training_facts_share(
    model: LoadedModel, rows: pl.DataFrame
) -> None:
    own = shared_neurons(neurons_of(model, "P36", SETTINGS.threshold), SETTINGS.shared)
    known = rows.filter(neuron_set_code="knowledge", is_random=False)
    for number, is_true in ((4, True), (4, False), (3, False)):
        label = OBJECTS[number][0 if is_true else 1]
        attributions, activations, log_prob = alone(model, f"P36-{number}", label)
        (row,) = known.filter(fact_id=f"P36-{number}", is_true=is_true).to_dicts()
        places = tuple(np.array(own).T)
        assert row["neuron_count"] == len(own)
        assert row["attribution_score"] == pytest.approx(attributions[places].mean(), abs=1e-6)
        assert row["activation_score"] == pytest.approx(activations[places].mean(), abs=1e-5)
        assert row["log_prob"] == pytest.approx(log_prob, abs=1e-4)
        assert (row["candidate_label"], row["split"]) == (label, PARTS[number])


def test_every_candidate_is_scored_by_both_sets_beside_random_ones(rows: pl.DataFrame) -> None:
    assert rows.height == PAIRS.height * 4
    counts = rows.group_by("fact_id", "is_true", "neuron_set_code").agg(
        pl.col("neuron_count").n_unique(), pl.col("log_prob").n_unique()
    )
    assert counts["neuron_count"].to_list() == [1] * (PAIRS.height * 2)
    assert counts["log_prob"].to_list() == [1] * (PAIRS.height * 2)
    assert rows.filter(pl.col("neuron_count") > 0)["attribution_score"].null_count() == 0
    random, own = (
        rows.filter(neuron_set_code="knowledge", is_random=each) for each in (True, False)
    )
    assert (random["attribution_score"] != own["attribution_score"]).all()


def test_a_masked_model_activates_alike_for_candidates_of_one_length() -> None:
    found = fact_checks(loaded("bert"), ASKED, PAIRS, settings=SETTINGS)
    own = found.filter(neuron_set_code="knowledge", is_random=False)
    both = own.filter("is_true").join(own.filter(~pl.col("is_true")), on="fact_id", suffix="_wrong")
    alike = both["activation_score"] == both["activation_score_wrong"]
    same_length = both["candidate_token_count"] == both["candidate_token_count_wrong"]
    assert alike.equals(same_length)
    assert alike.any()
    assert not alike.all()


def test_relations_order_and_batches_change_nothing(model: LoadedModel, rows: pl.DataFrame) -> None:
    again = fact_checks(model, ASKED.reverse(), PAIRS.reverse(), settings=SETTINGS, token_budget=20)
    assert_frame_equal(again, rows, abs_tol=1e-5)
    one = fact_checks(model, ASKED, PAIRS.filter(relation_id="P19"), settings=SETTINGS)
    assert_frame_equal(one, rows.filter(pl.col("fact_id").str.starts_with("P19")), abs_tol=1e-5)


def test_without_training_facts_there_are_no_scores_but_probabilities(
    model: LoadedModel, rows: pl.DataFrame
) -> None:
    judged = PAIRS.filter(pl.col("split") != "train")
    found = fact_checks(model, ASKED, judged, settings=SETTINGS)
    assert found["attribution_score"].null_count() == found.height == judged.height * 4
    assert set(found["neuron_count"]) == {0}
    kept = rows.filter(pl.col("split") != "train")
    assert found["log_prob"].to_numpy() == pytest.approx(kept["log_prob"].to_numpy(), abs=1e-5)


def test_a_neuron_is_shared_by_more_facts_than_the_share_of_the_most() -> None:
    facts_of = [((0, 1), (0, 2)), ((0, 1), (1, 0)), ((0, 1), (0, 2)), ((0, 2),)]
    # (0, 1) and (0, 2) are in three facts, (1, 0) in one.
    assert shared_neurons(facts_of, 0.7) == ((0, 1), (0, 2))
    assert shared_neurons(facts_of, 0.3) == ((0, 1), (0, 2), (1, 0))
    assert shared_neurons([], 0.7) == ()


def test_a_pair_of_no_fact_is_an_error(model: LoadedModel) -> None:
    with pytest.raises(ModelError, match="5 chosen facts are not among the facts, such as"):
        fact_checks(model, ASKED.filter(relation_id="P36"), PAIRS, settings=SETTINGS)
