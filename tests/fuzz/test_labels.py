"""Labels of any form: one normal form everywhere, and found in a text that has them."""

from __future__ import annotations

import random
import re

import polars as pl

from ingestion.corpora import Document
from ingestion.text import normal_column, normal_name, normal_text
from ingestion.tracing import TracingSettings, collect_names, count_documents
from tests.fuzz.cases import label, run
from tests.helpers import tiny_models


def test_a_label_has_one_normal_form_and_is_found_in_text_that_has_it() -> None:
    run("labels", 1000, _check_label)


def _check_label(rng: random.Random) -> None:
    subject, object_ = label(rng), label(rng)
    names = [normal_name(subject), normal_name(object_)]
    column = pl.DataFrame({"name": [subject, object_]}).select(normal_column(pl.col("name")))
    assert column["name"].to_list() == names
    assert [normal_name(name) for name in names] == names
    # A line end in a text is the end of a sentence, and a blank in a name.
    in_line = [re.sub("[\r\n\u2028\u2029]", " ", name) for name in (subject, object_)]
    text = normal_text(f"« {in_line[0]} » und « {in_line[1]} » .\nNo other.")
    assert normal_text(text) == text
    if not all(names):
        return
    labels = pl.DataFrame(
        {
            "language_code": ["de"],
            "fact_id": ["f"],
            "subject_label": [subject],
            "object_label": [object_],
        }
    )
    found = count_documents(
        [Document("t", text)], "de", collect_names(labels, "de"), TracingSettings(("article",))
    )
    assert found.shared_counts["article"].tolist() == [1], (subject, object_, text)


def test_a_label_is_asked_in_its_normal_form() -> None:
    model = tiny_models.loaded("bert")

    def check(rng: random.Random) -> None:
        from models_gpu.prompting.build import build_queries

        name = label(rng)
        both = [
            build_queries(
                model,
                tiny_models.facts(("a", "P36", "[X] is in [Y]", "Oslo", normal_name(text))),
                "gold",
            )
            for text in (name, f" \ufeff{name}\u00a0")
            if normal_name(text)
        ]
        if both:
            first, second = both
            assert first.gold_ids.tolist() == second.gold_ids.tolist()
            assert first.token_ids.tolist() == second.token_ids.tolist()

    run("questions", 60, check)
