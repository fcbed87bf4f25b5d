"""Lists the licences of the default installation, and refuses copyleft (``make check``).

The default installation is what the dependencies in ``pyproject.toml`` bring, without extras, on
this platform. A package's licence is what it declares: its licence expression, else its
classifiers, else its licence field. A licence that is not known here is refused as well, so that
somebody looks at it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]
PERMISSIVE = re.compile(
    r"Apache|MIT|BSD|ISC|PSF|Python[- ]2|Python Software Foundation|Unlicense|Zlib|CC0|"
    r"Public Domain|0BSD|BSL-1|HPND|CNRI|Unicode|Historical Permission",
    re.IGNORECASE,
)
COPYLEFT = re.compile(
    r"\b(?:A|L)?GPL|General Public|Mozilla|MPL|EUPL|CDDL|Eclipse|EPL-|SSPL|Elastic|Business Source|"
    r"\bBUSL|CC-BY-(?:NC|SA)|OSL",
    re.IGNORECASE,
)
REVIEWED = {
    "certifi": "MPL-2.0 covers its list of certificates alone, which nobody changes",
    "orjson": "MPL-2.0 covers files of its own; used unchanged",
    "pathspec": "MPL-2.0 covers its own files; used unchanged",
    "tqdm": "MPL-2.0 covers its own files; used unchanged",
    "text-unidecode": "its user chooses: Artistic License or GPL; chosen is the Artistic License",
}
"""Package → why its copyleft does not reach this project or its users."""


def default_packages() -> list[metadata.Distribution]:
    """Every package that an installation without extras has, sorted by name."""
    with (PROJECT / "pyproject.toml").open("rb") as file:
        waiting = [Requirement(text) for text in tomllib.load(file)["project"]["dependencies"]]
    found: dict[str, metadata.Distribution] = {}
    seen = set()
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), ("", *sorted(wanted.extras))
        applies = wanted.marker is None or wanted.marker.evaluate()
        if not applies or (name, extras) in seen:
            continue
        seen.add((name, extras))
        found[name] = metadata.distribution(name)
        for needed in map(Requirement, found[name].requires or ()):
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                needed.marker = None
                waiting.append(needed)
    return [found[name] for name in sorted(found)]


def licence_of(distribution: metadata.Distribution) -> str:
    """What a package declares, in one line; empty if it declares nothing."""
    fields = distribution.metadata
    expression = fields.get("License-Expression")
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in fields.get_all("Classifier") or ()
        if text.startswith("License ::") and not text.endswith("OSI Approved")
    ]
    written = str(fields.get("License") or "").strip()
    return str(expression or " AND ".join(classifiers) or written[:200].replace("\n", " "))


def problem(name: str, licence: str) -> str | None:
    """Why a package may not be in the default installation; None if it may."""
    if name in REVIEWED:
        return None
    if not licence:
        return "declares no licence"
    if not COPYLEFT.search(licence):
        return None if PERMISSIVE.search(licence) else "a licence that nobody has looked at"
    # Of alternatives, one that is permissive is enough; what is joined by AND holds together.
    choices = [] if " AND " in licence else licence.split(" OR ")
    if any(PERMISSIVE.search(choice) and not COPYLEFT.search(choice) for choice in choices):
        return None
    return "copyleft"


def main() -> int:
    """Prints a line per package, and returns the number of refused ones."""
    refused = []
    for distribution in default_packages():
        name = canonicalize_name(distribution.metadata["Name"])
        licence = licence_of(distribution)
        note = REVIEWED.get(name)
        print(f"{name:32}{licence}" + (f"  ({note})" if note else ""))
        if (why := problem(name, licence)) is not None:
            refused.append(f"{name}: {why}: {licence or 'nothing'}")
    for line in refused:
        print(f"refused: {line}", file=sys.stderr)
    return len(refused)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
