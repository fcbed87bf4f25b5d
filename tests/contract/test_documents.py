"""Links, anchors, paths and citations of the documents lead somewhere."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"), PROJECT / "warehouse" / "README.md"]
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CITATION = re.compile(r"docs/[a-z-]+\.md(?:#[a-z0-9-]+)?")
PATH = re.compile(
    r"`((?:ingestion|models_gpu|dagster_project|dbt|docs|tests|warehouse)/[\w./-]+?)/?`"
)
STUDY_FOLDERS = ("warehouse/atlas", "warehouse/mine")
ANCHORS = (
    "facts", "probing", "verdicts", "contained", "aliases", "ranking", "consistency",
    "examples-and-chat", "wordings", "p-at-1", "factors", "probeless", "integrated-gradients",
    "edits",
    "degenerate-neurons", "fact-checks", "tracing", "fact-types", "subject-swaps", "roots",
    "calibrated-rule",
)  # fmt: skip


def text_of(path: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Anchors of a page: those that are set, and those of its headings, as GitHub makes them."""
    text = text_of(path)
    headings = re.findall(r"^#+ +(.+)$", text, flags=re.MULTILINE)
    made = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}
    return made | set(re.findall(r'<a id="([^"]+)"></a>', text))


def problem(target: str, page: Path) -> str | None:
    """What is wrong with a relative link of a page."""
    path, _, anchor = target.partition("#")
    found = (page.parent / path).resolve() if path else page
    if not found.exists():
        return f"{target}: there is no {path}"
    if anchor and anchor not in anchors(found):
        return f"{target}: {path or page.name} has no anchor {anchor}"
    return None


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_of_a_document_leads_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(text_of(page)) if "://" not in target]
    assert [found for target in targets if (found := problem(target, page))] == []


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_path_that_a_document_names_is_there(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        pytest.skip("it names what was there once")
    named = PATH.findall(text_of(page))
    missing = [p for p in named if not p.startswith(STUDY_FOLDERS) and not (PROJECT / p).exists()]
    assert missing == []


def definitions(path: Path) -> set[str]:
    """Names that a module defines, and the members of its classes as ``Class.member``."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        found |= defined(node)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{member}" for inner in node.body for member in defined(inner)}
    return found


def defined(node: ast.stmt) -> set[str]:
    """Names that one statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def is_there(dotted: str) -> bool:
    """Whether a dotted name is a module, or a definition of one."""
    names = dotted.split(".")
    for end in range(len(names), 0, -1):
        path = PROJECT.joinpath(*names[:end])
        if path.is_dir() and end == len(names):
            return True
        if path.with_suffix(".py").is_file():
            return end == len(names) or ".".join(names[end:]) in definitions(
                path.with_suffix(".py")
            )
    return False


def renamed_python_names() -> list[tuple[str, list[str], list[str]]]:
    """Rows of the changelog's tables of Python names: package, old names, new names."""
    rows, package = [], ""
    for line in (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            package = ""
        elif found := re.fullmatch(r"In `(\w+)`:", line):
            package = found[1]
        elif package and line.startswith("| `"):
            old, new = line.strip("| ").split(" | ")
            rows.append((package, *(re.findall(r"`([\w.]+)`", cell) for cell in (old, new))))
    return rows


def test_the_changelog_leads_from_old_python_names_to_names_that_are_there() -> None:
    rows = renamed_python_names()
    assert len(rows) > 80
    assert ("models_gpu", ["capture.Neuron"], ["settings.NeuronKind"]) in rows
    # A name without a dot is a parameter, except in the tables of modules.
    new = {f"{package}.{name}" for package, _, names in rows for name in names if "." in name}
    assert {name for name in new if not is_there(name)} == set()
    moved = {
        f"{package}.{name}"
        for package, olds, news in rows
        for name in olds
        if "." in name and name not in news
    }
    assert {name for name in moved if is_there(name)} == set()


def test_every_fault_names_a_test_that_is_there() -> None:
    text = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`" in line]
    named = {name for row in rows for name in re.findall(r"`([\w/]*test_\w+)`", row)}
    assert len(named) > 5
    folders = [PROJECT / "tests", PROJECT / "tests" / "integration"]
    assert {
        name for name in named if not any((at / f"{name}.py").exists() for at in folders)
    } == set()


def test_every_definition_has_its_anchor() -> None:
    text = (PROJECT / "docs" / "method.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r'<a id="([^"]+)"></a>', text)) == ANCHORS


def test_every_citation_of_a_document_resolves() -> None:
    tracked = subprocess.run(
        ["git", "grep", "-I", "--name-only", "-z", "-E", r"docs/[a-z-]+\.md"],
        cwd=PROJECT, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    assert "DATA_DICTIONARY.md" in tracked
    broken = []
    for name in filter(None, tracked.split("\0")):
        text = (PROJECT / name).read_text(encoding="utf-8")
        broken += [
            f"{name}: {found}"
            for cited in sorted(set(CITATION.findall(text)))
            if (found := problem(cited, PROJECT / "README.md"))
        ]
    assert broken == []


def test_nothing_cites_a_section_by_number() -> None:
    found = subprocess.run(
        ["git", "grep", "-I", "-n", "-E", "METHOD(\\.md)? §|METHOD\\.md|§[0-9]", "--", ":!tests"],
        cwd=PROJECT, capture_output=True,
    ).stdout.decode()  # fmt: skip
    assert found == ""
