"""Files of facts: every line becomes a label or template, or is a rejected row."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import polars as pl

from ingestion.facts import FactsSettings, LanguageFacts, merge_facts, open_facts
from ingestion.facts.source import lines_of
from tests.fuzz.cases import damaged, label, run

LANGUAGES = ("de", "en", "ja")


def test_every_row_of_a_table_is_accepted_or_rejected(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"

    def check(rng: random.Random) -> None:
        content = _table(rng)
        content = damaged(rng, content) if rng.random() < 0.7 else content
        path.write_bytes(content)
        found = _read("table", path)
        lines = lines_of(content)[1:]
        count = sum(1 for line in lines if line.strip())
        assert sum(len(f.fact_labels) + len(f.rejected_rows) for f in found) == count, content

    run("tables", 150, check)


def test_every_line_of_mlama_is_accepted_or_rejected(tmp_path: Path) -> None:
    def check(rng: random.Random) -> None:
        count = 0
        for language in LANGUAGES:
            folder = tmp_path / language
            folder.mkdir(exist_ok=True)
            for name, content in _mlama(rng).items():
                content = damaged(rng, content) if rng.random() < 0.2 else content
                (folder / name).write_bytes(content)
                count += sum(1 for line in lines_of(content) if line.strip())
        found = _read("mlama", tmp_path)
        rows = sum(len(f.fact_labels) + len(f.prompts) + len(f.rejected_rows) for f in found)
        assert rows == count

    run("mlama", 60, check)


def test_every_row_of_bmlama_is_accepted_or_rejected(tmp_path: Path) -> None:
    path = tmp_path / "en.tsv"

    def check(rng: random.Random) -> None:
        rows = [
            ["", "P36", f"[X] is in [Y] {relation}", label(rng), label(rng), "P36:0", "a,b"]
            for relation in ("",) * rng.randint(1, 6)
        ]
        text = "\n".join("\t".join(row) for row in rows)
        content = damaged(rng, text.encode()) if rng.random() < 0.8 else text.encode()
        path.write_bytes(content)
        _read("bmlama", tmp_path)

    try:
        run("bmlama", 100, check)
    except AssertionError as error:
        if "every case is refused" not in str(error):
            raise


def test_a_parquet_file_of_any_types_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "facts.parquet"

    def check(rng: random.Random) -> None:
        names = ["language", "relation", "template", "subject", "object"]
        values = [["en", "P36", "[X] is in [Y]", label(rng), label(rng)] for _ in range(3)]
        frame = pl.DataFrame(values, schema=names, orient="row")
        if rng.random() < 0.5:
            odd = rng.choice([pl.Categorical, pl.Binary, pl.Utf8])
            frame = frame.with_columns(pl.col(rng.choice(names)).cast(odd))
        if rng.random() < 0.3:
            frame = frame.with_columns(pl.lit(None).alias(rng.choice([*names, "fact_id"])))
        frame.write_parquet(path)
        if rng.random() < 0.3:
            path.write_bytes(damaged(rng, path.read_bytes()))
        found = _read("table", path)
        assert sum(len(f.fact_labels) + len(f.rejected_rows) for f in found) == len(frame)

    run("parquet facts", 150, check)


def _read(kind: str, path: Path) -> list[LanguageFacts]:
    source = open_facts(FactsSettings(kind, path, 1.0))  # type: ignore[arg-type]
    found = [source.read(language) for language in source.languages()]
    digests = [source.digest(language) for language in source.languages()]
    assert all(len(digest) == 64 for digest in digests)
    merge_facts(dict(zip(source.languages(), (facts.facts for facts in found), strict=True)))
    return found


def _table(rng: random.Random) -> bytes:
    names = ["language", "relation", "template", "subject", "object"]
    names += rng.sample(["fact_id", "subject_id", "object_id"], rng.randint(0, 3))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for number in range(rng.randint(1, 12)):
        row = [rng.choice(LANGUAGES), f"P{number % 3}", "[X] is in [Y]", label(rng), label(rng)]
        writer.writerow([*row, *(rng.choice(["", f"Q{number}"]) for _ in names[5:])])
    return out.getvalue().encode("utf-8", "surrogatepass")


def _mlama(rng: random.Random) -> dict[str, bytes]:
    templates = [{"relation": f"P{n}", "template": f"[X] {label(rng)} [Y]"} for n in range(2)]
    files = {"templates.jsonl": templates}
    for relation in ("P0", "P1"):
        files[f"{relation}.jsonl"] = [
            {
                "uuid": f"{relation}-{n}",
                "sub_uri": f"Q{n}",
                "obj_uri": f"Q{n + 9}",
                "sub_label": label(rng),
                "obj_label": label(rng),
            }
            for n in range(rng.randint(0, 4))
        ]
    return {
        name: "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
        for name, rows in files.items()
    }
