"""An analyst who keeps asking a published file, as a process: ``reader.py FILE STOP``.

Opens the file again each time, asks several questions of one connection and prints, once a file
STOP is there, how often and what was seen; ends with an error if a query fails or if the tables do
not belong to the same refresh.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import duckdb

PAUSE = 0.05
"""Seconds between two questions: leaves the processor to the refresh."""

QUESTIONS = """
select
    (select identity from operations.publication),
    (select count(*) from dim_languages),
    (select count(distinct language_code) from fct_predictions),
    (select sum(fact_count)::bigint from p_at_1_by_language),
    (select count(*) from fct_predictions);
"""


def main(path: str, stop: Path) -> None:
    """Ask until the file STOP is there."""
    count, seen = 0, set()
    while not stop.exists():
        with duckdb.connect(path, read_only=True) as connection:
            answers = {connection.execute(QUESTIONS).fetchone() for _ in range(3)}
        if len(answers) != 1:
            raise SystemExit(f"one connection saw two states: {answers}")
        [(identity, languages, asked, facts, predictions)] = answers
        if f"{languages} languages" != identity or languages != asked or facts != predictions:
            raise SystemExit(f"half a state: {answers}")
        seen.add(identity)
        count += 1
        time.sleep(PAUSE)
    print(count, *sorted(seen), sep=";")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
