"""Words to avoid in documents, docstrings, comments and descriptions, each with better ones.

The readers' first language is often not English. Spelling is checked by codespell (``make check``).
"""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

AVOIDED = {
    r"a model that says": "a model that predicts",
    r"affair": "task; or name who does it",
    r"akin": "similar, related",
    r"anew": "again",
    r"beside": "next to, with, in addition to, compared with",
    r"betwixt": "between",
    r"heed(s|ed|ing)?": "note, consider",
    r"kept back": "prevented, delayed",
    r"mend(s|ed|ing)?": "fix, repair",
    r"(?<!one )(?<!each )(?<!some )(?<!most )(?<!both )(?<!all )of which": "a new sentence",
    r"so many": "the number, as a name: `count` neurons",
    r"strangers?": "unknown ids, people you do not know",
    r"told": "passed, reported; told from: distinguished, separated",
    r"twins": "control models, control neurons",
    r"what (has |have )?became of|what (has|have) become of": "the state of, the result of",
}
WORD = re.compile("|".join(rf"\b(?:{word})\b" for word in AVOIDED), re.IGNORECASE)
AREAS = {
    "documents": (
        ":(glob)*.md",
        "docs",
        "*README.md",
        "CITATION.cff",
        "Makefile",
        "*.toml",
        ".github",
        ".ci",
    ),
    "ingestion": ("ingestion",),
    "models_gpu": ("models_gpu",),
    "dagster_project": ("dagster_project",),
    "dbt": ("dbt",),
    "warehouse": ("warehouse",),
    "tests": ("tests",),
}
# Other languages, generated pages (their words are checked where they are written), this list.
LEFT_OUT = ("phrases.yml", "DATA_DICTIONARY.md", "sources.yml", "test_words.py")
PROSE = (".md", ".yml", ".yaml", ".toml", ".cff", ".html", ".js", ".css", "")


def passages(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a file, with their numbers; of code only comments and strings."""
    if path.suffix == ".py":
        text = path.read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if tokenize.tok_name[token.type] in ("COMMENT", "STRING", "FSTRING_MIDDLE"):
                yield from enumerate(token.string.splitlines(), token.start[0])
    elif path.suffix in (*PROSE, ".sql"):
        yield from enumerate(path.read_text(encoding="utf-8").splitlines(), 1)


@pytest.mark.parametrize("area", AREAS)
def test_words_are_plain(project: Path, area: str) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *AREAS[area]], cwd=project, capture_output=True, check=True
    ).stdout.decode()
    names = [name for name in listed.split("\0") if name and not name.endswith(LEFT_OUT)]
    assert names
    found = [
        f"{name}:{number}: {hit[0]!r}, write {better}"
        for name in names
        for number, line in passages(project / name)
        for hit in WORD.finditer(line)
        for better in [next(b for word, b in AVOIDED.items() if re.match(word, hit[0], re.I))]
    ]
    assert not found, "\n".join(found)
