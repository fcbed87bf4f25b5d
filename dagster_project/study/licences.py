"""Licences of the sources of a study's tables; published with the tables.

Only official sources are known here; users know the licences of their own files.
"""

from __future__ import annotations

from dagster_project.study.schema import Study
from warehouse.publish import Material

__all__ = ["study_materials"]

_CC = "https://creativecommons.org/licenses/"
_FACTS = {
    "mlama": ("mLAMA 1.1", "CC-BY-NC-SA-4.0", f"{_CC}by-nc-sa/4.0/"),
    "mpararel": ("mParaRel", None, None),
    "bmlama": ("BMLAMA", None, None),
    "klar": ("KLAR", None, None),
    "popqa": ("PopQA", "MIT", "https://opensource.org/license/mit"),
    "atlas": ("Unicode CLDR", "Unicode-3.0", "https://www.unicode.org/license.txt"),
    "table": ("the study's own facts", None, None),
}
_CORPORA = {
    "wikipedia_dump": ("CC-BY-SA-4.0", f"{_CC}by-sa/4.0/"),
    "atlas": ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
}


def study_materials(study: Study) -> list[Material]:
    """Lists the facts first, then the corpora in the study's order."""
    return [
        Material("facts", *_FACTS[study.facts.kind]),
        *(
            Material("corpus", corpus.id, *_CORPORA.get(corpus.kind, (None, None)))
            for corpus in study.corpora
        ),
    ]
