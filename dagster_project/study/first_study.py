"""The study file that ``factroots init`` writes: small, commented, and ready to run."""

from __future__ import annotations

from pathlib import Path

from dagster_project.study.schema import Problem, StudyError

__all__ = ["write_first_study"]

_TEXT = """\
# A study: what models are asked. All keys: docs/study-file.md, or `factroots schema`.
# What it costs: factroots plan {file}.  Run it: factroots run {file}
name: {name}

# null downloads mLAMA (non-commercial licence). Your own: {{kind: table, path: facts.csv}}.
# Begin with a sample: the same facts in every language; a larger one contains a smaller one.
facts: {{kind: mlama, path: null, relations: [P36, P103, P30], sample: 100}}
languages: [en, de, fr]          # or all; "no" in quotes

models:
  - {{id: mbert, source: google-bert/bert-base-multilingual-cased}}
  # A decoder, as it is and with three solved examples before every query:
  # - {{id: gemma, source: google/gemma-3-270m}}
  # - {{id: gemma-3-shot, source: google/gemma-3-270m, examples: 3}}

# How answers are judged. The exact match is hard on decoders, which like to begin with an article.
answers:
  ranking: {{}}                    # rank among all objects of the relation
  # continuation: {{tokens: 10}}   # decoders: is the object named in the next ten tokens?
# verdict: ranked_less_prior     # which answers count as right below; exact by default

# Which neurons: one forward pass per right answer.
# attribution:
#   probeless: {{top: 50}}

# The text that the models were trained on: is a fact stated there?
# corpora:
#   - {{id: wikipedia, kind: wikipedia_dump, path: "dumps/{{language}}wiki-*.xml.bz2"}}
"""


def write_first_study(path: Path) -> None:
    """Write a commented study file.

    Raises:
        StudyError: the file is there already, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEXT.format(name=path.stem, file=path.name))
    except FileExistsError as error:
        raise StudyError(
            path, [Problem("the file is there already: choose another name")]
        ) from error
    except OSError as error:
        raise StudyError(path, [Problem(f"it cannot be written: {error.strerror}")]) from error
