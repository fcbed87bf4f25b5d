"""A whole corpus: the same counts with any number of workers, and after any interruption."""

from __future__ import annotations

import bz2
from pathlib import Path

import polars as pl
import pytest

from ingestion.corpora import JsonLines, Shard, WikipediaDump, reading
from ingestion.tracing import (
    FactNames,
    PartialCounts,
    TracingArguments,
    TracingError,
    TracingSettings,
    collect_names,
    corpus,
    corpus_shards,
    finish,
    merge,
    read_counts,
    trace_corpus,
    trace_shard,
    write_counts,
)

SETTINGS = TracingSettings(units=("sentence", "article"))


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> WikipediaDump:
    """A dump of two files, one of several bzip2 streams, the other cut."""
    folder = tmp_path_factory.mktemp("dump")
    pages = [
        f"<page><title>P{i}</title><ns>0</ns><revision><text>[[Paris]] number {i} is in "
        f"'''{'France' if i % 3 else 'Texas'}'''.</text></revision></page>\n"
        for i in range(40)
    ]
    streams = ["<mediawiki>", *("".join(pages[i : i + 4]) for i in range(0, 20, 4)), "</mediawiki>"]
    (folder / "de-1.bz2").write_bytes(b"".join(bz2.compress(s.encode()) for s in streams))
    (folder / "de-2.xml").write_text("<mediawiki>" + "".join(pages[20:])[:-90])
    return WikipediaDump(f"{folder}/{{language}}-*")


@pytest.fixture(scope="module")
def names() -> FactNames:
    labels = pl.DataFrame(
        {
            "language_code": ["de"] * 3,
            "fact_id": ["a", "b", "c"],
            "subject_label": ["Paris", "Paris", "Bonn"],
            "object_label": ["France", "Texas", "Rhine"],
        }
    )
    return collect_names(labels, "de")


@pytest.fixture(scope="module")
def arguments(dump: WikipediaDump, names: FactNames) -> TracingArguments:
    return TracingArguments(dump, "de", names, SETTINGS)


def test_all_files_and_shards_are_counted_once(
    dump: WikipediaDump, names: FactNames, arguments: TracingArguments
) -> None:
    whole = finish(trace_corpus(arguments), names, "c", "de")
    assert whole[0]["shared_count"].to_list() == [26, 13, 0] * 2
    (sizes,) = whole[1].rows(named=True)
    assert (sizes["file_count"], sizes["page_count"], sizes["document_count"]) == (2, 40, 39)
    assert (sizes["broken_count"], sizes["is_truncated"]) == (1, True)
    assert sizes["problem_note"] == "de-2.xml: page 20 the file ends inside it"

    many = [
        shard for file in {p.file for p in corpus_shards(dump, "de")} for shard in _cut(dump, file)
    ]
    assert len(many) > 10
    parts = [trace_shard(shard, arguments) for shard in reversed(many)]
    again = finish(merge(parts), names, "c", "de")
    assert again[0].equals(whole[0])
    assert again[1].drop("problem_note").equals(whole[1].drop("problem_note"))


def _cut(dump: WikipediaDump, file: reading.SourceFile) -> tuple[Shard, ...]:
    return reading.file_shards(dump, file, 150)


def test_workers_give_what_one_process_gives(names: FactNames, arguments: TracingArguments) -> None:
    seen: list[tuple[int, int]] = []
    one = finish(trace_corpus(arguments), names, "c", "de")
    two = trace_corpus(arguments, processes=2, progress=lambda *step: seen.append(step))
    for ours, theirs in zip(finish(two, names, "c", "de"), one, strict=True):
        assert ours.equals(theirs)
    assert seen == [(1, 2), (2, 2)]


def test_finished_shards_are_not_done_again(
    dump: WikipediaDump,
    names: FactNames,
    arguments: TracingArguments,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = finish(trace_corpus(arguments, cache=tmp_path), names, "c", "de")
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 2
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    done: list[Shard] = []

    def noted(shard: Shard, arguments: TracingArguments) -> PartialCounts:
        done.append(shard)
        return trace_shard(shard, arguments)

    monkeypatch.setattr(corpus, "trace_shard", noted)
    second = finish(trace_corpus(arguments, cache=tmp_path), names, "c", "de")
    assert len(done) == 1
    assert all(a.equals(b) for a, b in zip(first, second, strict=True))
    other = TracingSettings(units=("article",))
    trace_corpus(TracingArguments(dump, "de", names, other), cache=tmp_path)
    assert len(done) == 3


def test_counts_come_back_from_their_file(
    names: FactNames, arguments: TracingArguments, tmp_path: Path
) -> None:
    counts = trace_corpus(arguments)
    write_counts(tmp_path / "x" / "part.parquet", counts)
    back = read_counts(tmp_path / "x" / "part.parquet")
    assert back is not None
    before, after = (finish(c, names, "c", "de") for c in (counts, back))
    assert all(a.equals(b) for a, b in zip(before, after, strict=True))
    assert read_counts(tmp_path / "none.parquet") is None
    # One changed bit anywhere, or a cut: it is counted again.
    content = (tmp_path / "x" / "part.parquet").read_bytes()
    for place in (0, 9, len(content) // 2, len(content) - 1):
        flipped = bytes([content[place] ^ 1])
        harmed = content[:place] + flipped + content[place + 1 :]
        (tmp_path / "harmed.parquet").write_bytes(harmed)
        assert read_counts(tmp_path / "harmed.parquet") is None
        (tmp_path / "harmed.parquet").write_bytes(content[:place])
        assert read_counts(tmp_path / "harmed.parquet") is None


def test_an_error_in_a_worker_says_what_is_wrong(tmp_path: Path, names: FactNames) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text('{"body": "x"}\n')
    lines = JsonLines(f"{tmp_path}/*.jsonl")
    with pytest.raises(ValueError, match=r"has no text under 'text'.*body"):
        trace_corpus(TracingArguments(lines, "de", names, SETTINGS), processes=2)
    with pytest.raises(TracingError, match="give the model's tokenizer"):
        trace_corpus(TracingArguments(lines, "de", names))
