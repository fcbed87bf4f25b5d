"""What a study's tables are derived from, and under which licences; published with the tables.

Licences of official sources only: what a user's own files are under, the user knows.
"""

from __future__ import annotations

from dagster_project.study.schema import Study
from warehouse.publish import Material

__all__ = ["study_materials"]

_CC = "https://creativecommons.org/licenses/"
_FACTS = {
    "mlama": ("mLAMA 1.1", "CC-BY-NC-SA-4.0", f"{_CC}by-nc-sa/4.0/"),
    "bmlama": ("BMLAMA", None, None),
    "atlas": ("Unicode CLDR", "Unicode-3.0", "https://www.unicode.org/license.txt"),
    "table": ("the study's own facts", None, None),
}
_CORPORA = {
    "wikipedia_dump": ("CC-BY-SA-4.0", f"{_CC}by-sa/4.0/"),
    "atlas": ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
}


def study_materials(study: Study) -> list[Material]:
    """Facts first, then corpora as the study lists them."""
    return [
        Material("facts", *_FACTS[study.facts.kind]),
        *(
            Material("corpus", corpus.id, *_CORPORA.get(corpus.kind, (None, None)))
            for corpus in study.corpora
        ),
    ]
