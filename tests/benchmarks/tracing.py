"""Costs of tracing: MB/s of every stage, compared with other ways, and hours for 53 Wikipedias.

Run: ``python -m tests.benchmarks.tracing [--gigabyte | --before FOLDER] [--other-cleaners]``. Needs
the real data
(``FACTROOTS_REAL_DATA``, default ``../shared/data`` next to the project). All of it runs on one
thread and is timed in processor seconds, so that a busy machine does not count. ``--gigabyte``
instead traces 1 GB of text and prints its resident memory (Linux; some minutes).
``--before FOLDER`` traces whole dumps with this checkout and with another one (a git worktree), in
turn, and compares the rows; and the text of all articles with mwparserfromhell's alone.
``--other-cleaners`` compares those of mwparserfromhell's tree, wikitextparser and WikiExtractor
that are installed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import ahocorasick
import numpy as np
from transformers import AutoTokenizer

from ingestion.corpora import Document, WikipediaDump, list_files
from ingestion.corpora.mediawiki import Page, read_pages
from ingestion.corpora.streams import CutStreamError, stream_blocks
from ingestion.corpora.wikitext import plain_text
from ingestion.corpora.wikitext_tokens import text_of_tokens
from ingestion.facts import FactsSettings, open_facts
from ingestion.tracing import (
    FactNames,
    Matcher,
    TokenCounter,
    TracingSettings,
    collect_names,
    count_documents,
)
from ingestion.tracing.borders import border_classes, is_bounded, name_edges
from ingestion.tracing.counting import BATCH_CHARACTERS
from ingestion.tracing.units import chunk_starts, sentence_starts

PROJECT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("FACTROOTS_REAL_DATA", PROJECT.parent / "shared" / "data"))
DUMPS = {"en": "enwiki-*.bz2", "el": "elwiki-*.xz", "uk": "ukwiki-*.xz", "ja": "jawiki-*.xz"}
ALL_DUMPS = {**DUMPS, "hy": "hywiki-*.xz", "vi": "viwiki-*.xz", "nl": "nlwiki-*.xml"}
XML_GB, TEXT_GB = 100, 30
PLAIN_LOOP_BYTES = 40_000

Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds of processor time, and the result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def names_of(language: str) -> FactNames:
    source = open_facts(FactsSettings("mlama", DATA / "mlama1.1.zip", 0.0))
    return collect_names(source.read(language).fact_labels, language)


def mbert() -> str:
    folder = DATA / "tokenizers" / "bert-base-multilingual-cased"
    return str(AutoTokenizer.from_pretrained(folder).backend_tokenizer.to_str())


def blocks_of(file: Any) -> Iterator[bytes]:
    try:
        for block, _ in stream_blocks(file):
            yield block
    except CutStreamError:
        return


def articles_of(language: str) -> tuple[Any, list[Page]]:
    (file,) = list_files(WikipediaDump(DUMPS[language]), language, DATA / "wikipedia")
    pages = [page for page in read_pages(file) if isinstance(page, Page)]
    return file, [page for page in pages if page.namespace == 0 and not page.is_redirect]


def stage_table() -> dict[str, float]:
    """MB/s of each stage on four real dumps; returns processor seconds per GB of XML or text."""
    tokenizer = mbert()
    seconds: Counter[str] = Counter()
    megabytes: Counter[str] = Counter()
    print("MB/s of stored XML (unpack, parse), wikitext (clean) and text (the rest), one thread\n")
    header = ("unpack", "parse", "clean", "sentences", "tokens+chunks", "match", "match+count")
    print(f"{'':4}" + "".join(f"{name:>15}" for name in header))
    for language in DUMPS:
        file, pages = articles_of(language)
        took: dict[str, tuple[float, float]] = {}
        spent, size = timed(lambda file=file: sum(map(len, blocks_of(file))))
        took["unpack"] = (size / 1e6, spent)
        both, _ = timed(lambda file=file: sum(1 for _ in read_pages(file)))
        took["parse"] = (size / 1e6, both - spent)
        wikitext = sum(len(page.wikitext.encode()) for page in pages) / 1e6
        spent, texts = timed(lambda pages=pages: [plain_text(page.wikitext) for page in pages])
        took["clean"] = (wikitext, spent)
        text = sum(len(each.encode()) for each in texts) / 1e6
        spent, sentences = timed(
            lambda texts=texts, language=language: [sentence_starts(t, language) for t in texts]
        )
        took["sentences"] = (text, spent)
        counter = TokenCounter(tokenizer)
        spent, _ = timed(
            lambda texts=texts, sentences=sentences, counter=counter: [
                chunks(t, s, counter) for t, s in zip(texts, sentences, strict=True)
            ]
        )
        took["tokens+chunks"] = (text, spent)
        names = names_of(language)
        matcher = Matcher(names.names)
        # As much text as one batch searches: the engine starts again for each batch.
        documents = [Document(str(n), each) for n, each in enumerate(texts)]
        repeats = max(1, BATCH_CHARACTERS // sum(map(len, texts)))
        whole = "\0".join(texts * repeats)
        matcher.find("warm")
        spent, _ = timed(lambda matcher=matcher, whole=whole: matcher.find(whole))
        took["match"] = (text * repeats, spent)
        settings = TracingSettings(units=("sentence", "article"))
        count_documents(documents[:1], language, names, settings)
        both, _ = timed(
            lambda d=documents * repeats, n=names, s=settings, language=language: count_documents(
                d, language, n, s
            )
        )
        took["match+count"] = (text * repeats, both - took["sentences"][1] * repeats)
        for name, (size_mb, spent) in took.items():
            megabytes[name] += size_mb
            seconds[name] += spent
        print(f"{language:4}" + "".join(f"{took[n][0] / took[n][1]:15.1f}" for n in header))
    print(f"{'all':4}" + "".join(f"{megabytes[n] / seconds[n]:15.1f}" for n in header))
    share = megabytes["clean"] / megabytes["unpack"]
    of_text = megabytes["sentences"] / megabytes["unpack"]
    print(f"\narticles are {share:.0%} of the XML, text {of_text:.0%} of it")
    per_gb = {name: 1_000 * seconds[name] / megabytes[name] for name in header}
    per_gb["clean"] *= share
    return per_gb


def chunks(text: str, starts: list[int], counter: TokenCounter) -> list[int]:
    spans = zip(starts, [*starts[1:], len(text)], strict=True)
    counts = counter.counts([text[start:end] for start, end in spans])
    return chunk_starts(text, starts, counts, counter, 512)


def extrapolation(per_gb: dict[str, float]) -> None:
    """Hours for all 53 Wikipedias, from the stages' seconds per gigabyte."""
    xml = (per_gb["unpack"] + per_gb["parse"] + per_gb["clean"]) * XML_GB
    chunked = per_gb["sentences"] + per_gb["tokens+chunks"] + per_gb["match+count"]
    plain = per_gb["sentences"] + per_gb["match+count"]
    print(
        f"\n53 Wikipedias ({XML_GB} GB of XML, {TEXT_GB} GB of text), hours if all cores are busy"
    )
    print(f"{'corpus and units':44}" + "".join(f"{f'{n} cores':>12}" for n in (2, 16, 64)))
    for what, total in (
        ("dumps, chunks (tokens counted)", xml + chunked * TEXT_GB),
        ("dumps, sentences and articles", xml + plain * TEXT_GB),
        ("Parquet of clean text, chunks", chunked * TEXT_GB),
        ("Parquet of clean text, sentences, articles", plain * TEXT_GB),
    ):
        print(f"{what:44}" + "".join(f"{total / 3600 / n:12.1f}" for n in (2, 16, 64)))


def other_matchers() -> None:
    """The same lines, the same names, the same counts: how long does each way take?"""
    language = "en"
    _, pages = articles_of(language)
    lines = [line for page in pages for line in plain_text(page.wikitext).split("\n")]
    names = list(names_of(language).names)
    # The rule as a plain table, so that the others do not pay for arrays of one.
    grid = np.indices((6, 6, 6, 6)).reshape(4, -1)
    rule = dict(zip(zip(*grid.tolist(), strict=True), is_bounded(*grid).tolist(), strict=True))
    first, last = (edge.tolist() for edge in name_edges(names))
    edges = dict(zip(names, zip(first, last, strict=True), strict=True))
    classes = border_classes().tobytes()

    def bounded(line: str, start: int, end: int) -> bool:
        before = classes[ord(line[start - 1])] if start else 0
        after = classes[ord(line[end])] if end < len(line) else 0
        return bool(rule[before, *edges[line[start:end]], after])

    def ours(engine: str) -> Callable[[list[str]], Counter[str]]:
        matcher = Matcher(names, engine=engine)  # type: ignore[arg-type]

        def count(given: list[str]) -> Counter[str]:
            matches = matcher.find("\0".join(given))
            found = np.bincount(matches.names, minlength=len(names))
            return Counter({names[i]: int(found[i]) for i in np.flatnonzero(found)})

        return count

    automaton = ahocorasick.Automaton()
    for name in names:
        automaton.add_word(name, name)
    automaton.make_automaton()

    def per_line(given: list[str]) -> Counter[str]:
        found: Counter[str] = Counter()
        for line in given:
            for end, name in automaton.iter(line):
                if bounded(line, end - len(name) + 1, end + 1):
                    found[name] += 1
        return found

    def plain_loop(given: list[str]) -> Counter[str]:
        found: Counter[str] = Counter()
        for line in given:
            for name in names:
                start = line.find(name)
                while start >= 0:
                    if bounded(line, start, start + len(name)):
                        found[name] += 1
                    start = line.find(name, start + 1)
        return found

    size = sum(len(line.encode()) for line in lines) / 1e6
    few, taken = [], 0
    for line in lines:
        few.append(line)
        taken += len(line.encode())
        if taken > PLAIN_LOOP_BYTES:
            break
    ways: list[tuple[str, Callable[[list[str]], Counter[str]], list[str], float]] = [
        ("ours, polars", ours("polars"), lines * 8, size * 8),
        ("pyahocorasick per line", per_line, lines, size),
        ("plain Python loop", plain_loop, few, taken / 1e6),
    ]
    if importlib.util.find_spec("hyperscan"):
        ways.insert(1, ("ours, hyperscan", ours("hyperscan"), lines * 8, size * 8))
    print(f"\nMatching {len(names):,} names at word borders in {size:.1f} MB of English")
    whole, beginning = ways[0][1](lines), ways[0][1](few)
    least = dict.fromkeys((what for what, *_ in ways), float("inf"))
    for what, way, given, _ in ways:
        expected = beginning if given is few else whole
        assert way(few if given is few else lines) == expected, f"{what} counts otherwise"
    # In turn, because the machine may be shared.
    for _ in range(3):
        for what, way, given, _ in ways:
            spent, _ = timed(lambda way=way, given=given: way(given))
            least[what] = min(least[what], spent)
    rows = [(what, megabytes / least[what]) for what, _, _, megabytes in ways]
    slowest = rows[-1][1]
    for what, speed in rows:
        print(f"{what:28}{speed:12.3f} MB/s{speed / slowest:12,.0f} x")


def other_cleaners() -> None:
    """The same articles through every cleaner that is installed."""
    import mwparserfromhell

    ways: dict[str, Callable[[str], str]] = {
        "ours (mwparserfromhell's tokens)": plain_text,
        "mwparserfromhell's tree": lambda text: str(mwparserfromhell.parse(text).strip_code()),
    }
    if importlib.util.find_spec("wikitextparser"):
        parser = importlib.import_module("wikitextparser")
        ways["wikitextparser (GPL)"] = lambda text: str(parser.parse(text).plain_text())
    if importlib.util.find_spec("wikiextractor"):
        extract = importlib.import_module("wikiextractor.extract")
        ways["WikiExtractor (AGPL)"] = lambda text: "\n".join(
            extract.Extractor(1, 1, "", "", text).clean_text(text)
        )
    pages = [page for language in DUMPS for page in articles_of(language)[1][:60]]
    size = sum(len(page.wikitext.encode()) for page in pages) / 1e6
    print(f"\nCleaning {len(pages)} articles, {size:.1f} MB of wikitext")
    print(f"{'':36}{'MB/s':>8}{'MB of text':>12}{'list lines':>12}{'mark-up':>10}")
    for what, clean in ways.items():
        spent, texts = timed(lambda clean=clean: [clean(page.wikitext) for page in pages])
        text = "\n".join(texts)
        lists = sum(line.lstrip().startswith(("*", "#")) for line in text.split("\n"))
        marks = sum(text.count(mark) for mark in ("{{", "}}", "[[", "]]", "{|", "<ref", "||"))
        kept = len(text.encode()) / 1e6
        print(f"{what:36}{size / spent:8.1f}{kept:12.1f}{lists:12,}{marks:10,}")


GIGABYTE = """
import json, re, sys, time
from pathlib import Path
from ingestion.corpora import PlainText
from ingestion.tracing import TracingArguments, TracingSettings, trace_corpus
from tests.benchmarks.tracing import mbert, names_of

# Not getrusage: its peak is inherited from the process that starts this one.
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3

if __name__ == "__main__":
    names, tokenizer = names_of("en"), mbert()
    before = peak()
    settings = TracingSettings(units=("chunk", "sentence", "article"))
    start = time.process_time()
    corpus = PlainText(sys.argv[1])
    counts = trace_corpus(TracingArguments(corpus, "en", names, settings, tokenizer))
    print(json.dumps({
        "text_bytes": counts.unit_counts["text_bytes"],
        "seconds": time.process_time() - start,
        "resident_mb_before": before,
        "resident_mb": peak(),
    }))
"""


def gigabyte(target: int) -> None:
    """Resident memory of a process that traces 1 GB of text in all three units."""
    _, pages = articles_of("en")
    texts = [plain_text(page.wikitext).replace("\n", " ") + "\n" for page in pages]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "text.txt")
        with path.open("w", encoding="utf-8") as out:
            while out.tell() < target:
                out.writelines(texts)
        answer = subprocess.run(
            [sys.executable, "-c", GIGABYTE, str(path)],
            cwd=PROJECT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    found = json.loads(answer.stdout)
    print(
        f"\n{found['text_bytes'] / 1e9:.2f} GB of text, three units: {found['seconds']:.0f} s, "
        f"{found['text_bytes'] / 1e6 / found['seconds']:.1f} MB/s (its words repeat, so tokens are "
        f"cheaper than in real text); resident memory at most {found['resident_mb']:.0f} MB, "
        f"{found['resident_mb_before']:.0f} MB of it before the first text"
    )


WHOLE_DUMP = """
import hashlib, json, sys, time
from pathlib import Path
from ingestion import tracing
from ingestion.corpora import WikipediaDump
from tests.benchmarks.tracing import DATA, mbert, names_of

language, pattern = sys.argv[1:]
names, tokenizer = names_of(language), mbert()
settings = tracing.TracingSettings(units=("chunk", "sentence", "article"))

def trace(files):
    corpus, folder = WikipediaDump(files), DATA / "wikipedia"
    if isinstance(tracing.TracingArguments, type):
        arguments = tracing.TracingArguments(corpus, language, names, settings, tokenizer)
        return tracing.trace_corpus(arguments, folder=folder)
    return tracing.trace_corpus(corpus, language, names, settings, tokenizer, folder=folder)

if __name__ == "__main__":
    trace("minidumps/{language}.xml.bz2")  # what all shards of a language share is made once
    start = time.process_time()
    counts = trace(pattern)
    seconds = time.process_time() - start
    rows = hashlib.sha256(repr(sorted(counts.unit_counts.items())).encode())
    for kind in sorted(counts.mention_counts):
        rows.update(counts.mention_counts[kind].tobytes() + counts.shared_counts[kind].tobytes())
        rows.update(repr(sorted(counts.evidence[kind].items())).encode())
    print(json.dumps([seconds, rows.hexdigest()]))
"""


def compare_checkouts(before: Path, rounds: int) -> None:
    """Least processor seconds of both for each dump, and hours for all 53 Wikipedias."""
    print("Processor seconds of whole dumps; what all shards of a language share is not counted\n")
    print(f"{'':4}{'MB of XML':>12}{'before':>10}{'now':>10}{'ratio':>8}   rows")
    total = np.zeros(3)
    for language, pattern in ALL_DUMPS.items():
        found: dict[Path, list[tuple[float, str]]] = {before: [], PROJECT: []}
        for folder in [before, PROJECT] * rounds:
            answer = subprocess.run(
                [sys.executable, "-c", WHOLE_DUMP, language, pattern],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(folder), "FACTROOTS_REAL_DATA": str(DATA)},
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            found[folder].append(tuple(json.loads(answer.stdout)))
        (file,) = list_files(WikipediaDump(pattern), language, DATA / "wikipedia")
        size = sum(map(len, blocks_of(file))) / 1e6
        old, new = (min(found[folder]) for folder in (before, PROJECT))
        total += (size, old[0], new[0])
        rows = "equal" if old[1] == new[1] else "other"
        print(
            f"{language:4}{size:12.1f}{old[0]:10.2f}{new[0]:10.2f}{old[0] / new[0]:8.2f}   {rows}"
        )
    hours = total[1:] / total[0] * XML_GB * 1e3 / 3600 / 2
    print(f"{'all':4}{total[0]:12.1f}{total[1]:10.2f}{total[2]:10.2f}{total[1] / total[2]:8.2f}")
    print(
        f"\n53 Wikipedias ({XML_GB} GB) on two cores: {hours[0]:.1f} h before, {hours[1]:.1f} h now"
    )


def compare_texts() -> None:
    """Whether simple mark-up gives the text of mwparserfromhell in every article of every dump."""
    files = sorted((DATA / "wikipedia").rglob("*wiki*")) + sorted(DATA.rglob("minidumps/*"))
    count = 0
    for path in filter(Path.is_file, files):
        (file,) = list_files(WikipediaDump(str(path)), "xx", path.parent)
        for page in read_pages(file):
            if isinstance(page, Page):
                expected = plain_text(page.wikitext, read=text_of_tokens)
                assert plain_text(page.wikitext) == expected, (path.name, page.title)
                count += 1
    print(f"{count:,} pages have the text that mwparserfromhell's tokens alone give")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabyte", action="store_true", help="only trace 1 GB of text")
    parser.add_argument("--bytes", type=int, default=1_000_000_000, help="size of that text")
    parser.add_argument("--other-cleaners", action="store_true", help="also compare cleaners")
    parser.add_argument("--before", type=Path, help="folder of another checkout")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each dump in each checkout")
    given = parser.parse_args()
    if given.before:
        compare_checkouts(given.before.resolve(), given.rounds)
        compare_texts()
        return
    if given.gigabyte:
        gigabyte(given.bytes)
        return
    extrapolation(stage_table())
    other_matchers()
    if given.other_cleaners:
        other_cleaners()


if __name__ == "__main__":
    main()
