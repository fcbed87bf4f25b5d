"""Writes ``constraints.txt``: the versions that ``make`` installs, of every extra (``make lock``).

Asks pip which files it would install into an empty environment; installs nothing. The versions of
an earlier lock do not hold: the lock is the newest set that ``pyproject.toml`` allows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
HEAD = """\
# Versions that `make` installs, so that two installations a month apart are the same. Written by
# `make lock`; users of the wheel are not bound by them. A new GPU may need a newer torch:
# `make run CONSTRAINTS=` installs the newest of everything.
"""


def locked(arguments: list[str]) -> str:
    """The text of the lock.

    Args:
        arguments: more arguments for pip, such as ``--constraint FILE``.
    """
    with (PROJECT / "pyproject.toml").open("rb") as file:
        extras = ",".join(tomllib.load(file)["project"]["optional-dependencies"])
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
        command += ["--quiet", "--report", str(report), *arguments, f"{PROJECT}[{extras}]"]
        subprocess.run(command, check=True)
        found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    pins = {
        # A local version, such as +cpu, names a build of the same release.
        item["name"].lower().replace("_", "-"): item["version"].partition("+")[0]
        for item in found
    }
    del pins["factroots"]
    return HEAD + "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


if __name__ == "__main__":
    (PROJECT / "constraints.txt").write_text(locked(sys.argv[1:]), encoding="utf-8")
