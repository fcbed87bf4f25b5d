"""Samples: per relation, nested, the same facts in every language."""

from __future__ import annotations

import pytest

from ingestion.facts import FactsError, FactSource, FactsSettings, open_facts
from ingestion.facts.sampling import SampledFacts


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> FactSource:
    """Ten facts of two relations; German lacks the odd ones."""
    path = tmp_path_factory.mktemp("facts") / "facts.csv"
    rows = ["language,relation,template,subject,object,fact_id"]
    for relation in ("P36", "P30"):
        for number in range(10):
            for code in ("en", "de") if number % 2 == 0 else ("en",):
                name = f"{relation}-{number}"
                rows.append(f"{code},{relation},[X] in [Y] ({code}),s{name},o{number},{name}")
    path.write_text("\n".join(rows) + "\n")
    return open_facts(FactsSettings("table", path, 0.0))


def ids(facts: SampledFacts, language: str) -> set[str]:
    found = facts.read(language)
    assert found.fact_labels["fact_id"].to_list() == found.facts["fact_id"].to_list()
    return set(found.facts["fact_id"])


def sample(source: FactSource, count: int | None, **changes: object) -> SampledFacts:
    settings = {"relations": None, "count": count, "seed": 0, **changes}
    return SampledFacts(source, ("en", "de"), **settings)  # type: ignore[arg-type]


def test_a_sample_has_as_many_facts_of_each_relation_the_same_in_every_language(
    source: FactSource,
) -> None:
    facts = sample(source, 4)
    english = ids(facts, "en")
    assert sorted(fact[:3] for fact in english) == ["P30"] * 4 + ["P36"] * 4
    # German has those of the chosen facts that it has names for.
    assert ids(facts, "de") == {fact for fact in english if int(fact[-1]) % 2 == 0}


def test_a_larger_sample_contains_a_smaller_one_and_the_seed_draws_another(
    source: FactSource,
) -> None:
    small, large, all_ = (ids(sample(source, count), "en") for count in (3, 6, 99))
    assert small < large < all_
    assert len(all_) == 20
    assert len({frozenset(ids(sample(source, 3, seed=seed), "en")) for seed in range(5)}) > 1


def test_only_chosen_relations_are_kept_with_their_templates(source: FactSource) -> None:
    facts = sample(source, None, relations=("P30",))
    assert len(ids(facts, "en")) == 10
    assert facts.read("de").prompts["relation_id"].to_list() == ["P30"]
    assert len(ids(sample(source, 2, relations=("P30",)), "en")) == 2


def test_a_relation_that_is_not_there_is_named_with_a_near_one(source: FactSource) -> None:
    with pytest.raises(FactsError, match="no relation 'P366'; did you mean 'P36'"):
        sample(source, 2, relations=("P366",)).read("en")


def test_the_digest_changes_with_the_sample_and_with_other_languages(source: FactSource) -> None:
    base = sample(source, 4)
    others = (
        sample(source, 5),
        sample(source, None),
        sample(source, 4, seed=1),
        sample(source, 4, relations=("P30",)),
        SampledFacts(source, ("en",), None, 4, 0),
    )
    digests = {facts.digest("en") for facts in (base, *others)}
    assert len(digests) == 6
    assert base.digest("en") == sample(source, 4).digest("en")
