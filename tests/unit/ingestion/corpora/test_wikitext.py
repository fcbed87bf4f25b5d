"""Wikitext to text: sentences are kept, everything else is dropped."""

from __future__ import annotations

import contextlib
import random
import re
import time
import unicodedata

import mwparserfromhell
import pytest

from ingestion.corpora.wikitext import WikitextError, _tidied, plain_text
from ingestion.corpora.wikitext_tokens import text_of_tokens
from ingestion.text import normal_text


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("'''Berlin''' is ''the'' capital.", "Berlin is the capital."),
        ("[[Berlin]]er [[Paris|city of light]].", "Berliner city of light."),
        ("A{{Infobox|a={{b|[[c]]}}\n|d=e}} B", "A B"),
        ("A<ref name='x'>not [[this]]</ref> B<ref name=y/> C.", "A B C."),
        ("A <!-- no --> B", "A B"),
        ("A <!-- no --> B <nowiki><!-- x</nowiki>", "A B <!-- x"),
        ("A <!-- no --> B <!-- no\nC", "A B\nC"),
        ("== Head ==\nText", "Text"),
        ("Before\n* item [[one]]\n# two\n: three\n; four : five\nAfter", "Before\nAfter"),
        ("* item<br>still the item\nAfter", "After"),
        ("Before\n{| class=x\n|-\n! h\n| cell [[a]]\n|}\nAfter", "Before\nAfter"),
        ("Before <table><tr><td>cell</td></tr></table> After", "Before\nAfter"),
        ("Before <ul><li>item</li></ul> after", "Before after"),
        ("[[File:A.jpg|thumb|a [[caption]]]]Text", "Text"),
        ("[[Datei:Bild.JPG|mini|Bild von [[Berlin]]]] Text", "Text"),
        ("Text\n[[Kategorie:Berlin| ]]\n[[Catégorie:Ville]]\n[[de:Berlin]]", "Text"),
        ("Text [[:Category:Berlin]] end", "Text Category:Berlin end"),
        ("See [[2001: A Space Odyssey]] now", "See 2001: A Space Odyssey now"),
        ("x [http://a.b shown] [http://c.d] http://e.f y", "x shown y"),
        ("Tom &amp; Jerry &#233;&#xE9;&nbsp;!", "Tom & Jerry éé !"),
        ("<math>x^2</math>Text <gallery>\nA.jpg|b\n</gallery>", "Text"),
        ("<nowiki>[[kept]]</nowiki> <b>bold</b> H<sub>2</sub>O", "[[kept]] bold H2O"),
        ("__NOTOC__ Text", "Text"),
        ("Name ({{IPA|x}}) is", "Name is"),
        ("-{zh-hans:计算机;zh-hant:電腦}-和-{简}-", "计算机和简"),
        (
            "-{H|zh-hans:甲;zh-hant:乙}--{T|zh-hans:奥巴马;zh-hant:歐巴馬}-他生于檀香山。",
            "他生于檀香山。",
        ),
        ("-{A|zh-hans:简;zh-hant:繁}-和-{A|繁=>zh-cn:简;}-", "简和简"),
        ("-{zh-hans;zh-hant|文}-和-{zh; zh-cn|字}- -{R|简}--{-|zh-hans:去}-", "文和字 简"),
        ("-{N|zh-hant}-文和-{N|zh}--{D|zh-hans:甲;zh-hant:乙}-", "文和甲"),
        ("-{sr-ec:Београд; sr-el:Beograd}- је -{sr-el:grad; sr-ec:град}-.", "Београд је град."),
        ("-{kk-latn:Almaty; kk-cyrl:Алматы}- -{uz-cyrl:Бу;uz-latn:Bu}-", "Алматы Bu"),
        ("-{iu|ᓄ}- -{ike-latn:nu;ike-cans:ᓄ}- -{ku-arab:هە;ku-latn:Hew}-", "ᓄ ᓄ Hew"),
        ("-{tg-latn:Duşanbe; tg:Душанбе}- -{gan-hant:電;gan-hans:电}-", "Душанбе 电"),
        ("-{H|crh-cyrl:а;crh-latn:b}--{ban-x-pku:a}- -{tly-cyrl:а}- -{de:x}-", "a а de:x"),
        ("-{zh-hans:外-{zh-hans:内;zh-hant:內}-;zh-hant:x}-。", "外内。"),
        ("Text\n[[en:Cologne]] [[fr:Cologne]]", "Text"),
        ("__БЕЗ_ОГЛАВЛЕНИЯ__ Text", "Text"),
        ("a <b und c> d <span class=x>e</span>", "a <b und c> d e"),
        ("Text [[en:Cologne]], [[fr:Cologne|x]] more [[:en:Cologne|here]].", "Text, more here."),
        ("a <5 and b < 6 <nosuch>c</nosuch> <3", "a <5 and b < 6 c <3"),
        ("''<i>'x'</i>'' and <small>'''y'''</small>", "'x' and y"),
        ("", ""),
        ("{{only|a template}}\n* and a list", ""),
    ],
)
def test_what_is_text_stays_and_the_rest_goes(wikitext: str, text: str) -> None:
    assert plain_text(wikitext) == text


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        # From issues of mwparserfromhell (353) and wikitextparser (51): bold in a later line.
        ("Il lit l'''Iliade''.\n\nIl est '''né''' à Lyon.", "Il lit l'Iliade.\nIl est né à Lyon."),
        (
            "Il écrit l'''Iliade''.\n\nPuis l'''Odyssée''.\n\nEnfin l'''Énéide''.",
            "Il écrit l'Iliade.\nPuis l'Odyssée.\nEnfin l'Énéide.",
        ),
        ("''Sentinel'''s crew. '''Bold''' ''b''.", "Sentinel's crew. Bold b."),
        ("L'''Eneide'' e l'''Iliade''.", "LEneide e lIliade."),
        ("''''Tis''' so, '''''both''''' and ''''''six'''''.", "'Tis so, both and 'six."),
        ("'''''Both''' italic'' and '''b ''i''''' end.", "Both italic and b i end."),
        ("An open ''italic.\nThe next'' line.", "An open italic.\nThe next line."),
        ("rock 'n' roll, it's O'Neill's", "rock 'n' roll, it's O'Neill's"),
        ("dell'''[[Iliade]]'' di Omero", "dell'Iliade di Omero"),
        ("d''[[Lista d''e paise]]'', [[a|l'''Iliade'']]", "dLista d''e paise, l'Iliade"),
        ("l'<nowiki/>''Iliade'' et <nowiki>''x''</nowiki>", "l'Iliade et ''x''"),
        ("l&#39;''Iliade'', ''Iliad''{{sic}}'s, ''A''<!-- -->''B''.", "l'Iliade, Iliad's, A'B."),
        ("l'''Iliade''<ref>'''one\nmore'' ''</ref> est '''ici'''.", "l'Iliade est ici."),
        ("l{{'}}''Iliade''. ''Sun''{{'s}} d&apos;''Or''", "l'Iliade. Sun's d'Or"),
        ("O'''Brien's''\n\nand in<i>'side'''wo''rds</i>", "O'Brien's\nand in'side'words"),
    ],
)
def test_quotes_are_paired_within_a_line_as_mediawiki_does(wikitext: str, text: str) -> None:
    assert plain_text(wikitext) == text


@pytest.mark.parametrize(
    "broken",
    [
        "{{never closed",
        "[[never closed",
        "{| never closed\n| a",
        "'''''",
        "<ref>open",
        "<!-- open <!-- twice",
        "<gallery>",
        "{{{{{{",
        "]]}}|}",
    ],
)
def test_mark_up_that_does_not_close_costs_at_most_its_line(broken: str) -> None:
    text = plain_text(f"First line.\n{broken}\nLast line.")
    assert text.startswith("First line.")
    assert "Last line." in text


def test_localised_namespaces_come_from_the_header() -> None:
    wikitext = "Siehe [[Bild:Karte|Karte]] und [[Film:Titel|den Film]]."
    assert plain_text(wikitext, {"bild"}) == "Siehe und den Film."


def test_text_is_in_one_normal_form() -> None:
    decomposed = unicodedata.normalize("NFD", "Ångström é")
    assert plain_text(decomposed) == "Ångström é"


def test_prose_is_the_same_as_the_librarys_own_tree_gives() -> None:
    wikitext = (
        "The '''[[cat]]''' [[sit|sat]] on the ''mat'' &ndash; [http://x.y see].\n\nIt {{a}}purred."
    )
    expected = mwparserfromhell.parse(wikitext).strip_code().replace("\n\n", "\n")
    assert plain_text(wikitext) == expected


INFOBOX = "{{Infobox country\n| capital = {{nowrap|[[Sucre]]\n| code = 591\n}}"


@pytest.mark.parametrize(
    "wikitext",
    [
        INFOBOX + "'''Bolivia''' is a country.",
        INFOBOX + "\n'''Bolivia''' is a country.",
        INFOBOX.replace("{{nowrap|[[Sucre]]", "[[Sucre]]")[:-1] + "\n'''Bolivia''' is a country.",
        "{{Infobox|a={{b|c}}\n| d = {{e|\nf}} '''Bolivia''' is a country.",
    ],
)
def test_an_infobox_with_a_brace_too_few_does_not_take_the_lead(wikitext: str) -> None:
    lines = plain_text(wikitext + "\n\nIt is in {{nowrap|South}} America.").split("\n")
    assert lines == ["Bolivia is a country.", "It is in America."]


BIO = """{{Bio
|Nome = [[Dante]]
|Cognome = Alighieri
|Sesso = M
|LuogoNascita = [[Firenze]]
|GiornoMeseNascita = 29 maggio
|AnnoNascita = 1265{{#tag:ref|nota}}
|LuogoMorte = Ravenna
|AnnoMorte = 1321
|Attività = poeta
|Attività2 = scrittore
|Attività3 = politico
|Nazionalità = italiano
|PostNazionalità = , detto {{sc|x}}il Sommo
}}
È il padre della lingua."""


def test_a_template_that_is_a_blank_or_a_dash_does_not_join_two_words() -> None:
    text = plain_text("Louis{{nbsp}}XIV{{snd}}king{{·}}1{{ndash}}2{{shy}}3")
    assert text == "Louis XIV – king · 1–23"


def test_the_sentence_that_the_template_of_a_biography_renders_is_text() -> None:
    assert plain_text(BIO).split("\n") == [
        "Dante Alighieri (Firenze, 29 maggio 1265 – Ravenna, 1321) è stato un poeta, scrittore e "
        "politico italiano, detto il Sommo.",
        "È il padre della lingua.",
    ]
    woman = "{{bio|Nome=Ada|Sesso=F|LuogoNascita=Roma|Attività=pittrice|Nazionalità=italiana}} X."
    assert plain_text(woman) == "Ada (Roma) è una pittrice italiana. X."
    other = (
        "{{Template:Bio|Titolo=Sir|Nome=Ugo|Sesso=M|AnnoMorte=1321|Attività=poeta|AttivitàAltre="
        "e [[abate]]|Nazionalità=italiano|NazionalitàNaturalizzato=francese}}"
    )
    assert plain_text(other) == (
        "Sir Ugo (1321) è stato un poeta e abate italiano naturalizzato francese."
    )
    ending = "{{Bio|Nome=A|Attività=re|Nazionalità=x|FineIncipit=fu l'ultimo [[re]] di Roma}}"
    assert plain_text(ending) == "A fu l'ultimo re di Roma."
    assert plain_text("{{Bio|Cognome=x}} Y. {{Bio}} {{Bio|}} {{Biox|Nome=a}}") == "Y."


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("One <center>two.\n\nThree <div>four</div>.", "One two.\nThree\nfour"),
        ("One <div>two.\n<DIV>Three</div> four.", "One two.\nThree\nfour."),
        # What is in a comment or in source text opens and closes nothing.
        ("<table>One <!-- <table> --> two.</table> Three.", "Three."),
        ("<table>One <source><table></source> two.</table> Three.", "Three."),
        ("<source>One <table> two</source> three </table> four.", "three four."),
    ],
)
def test_a_tag_that_nothing_closes_is_no_mark_up(wikitext: str, text: str) -> None:
    assert plain_text(wikitext) == text
    assert plain_text(wikitext, read=text_of_tokens) == text


def test_pages_with_many_tags_that_nothing_closes_are_read() -> None:
    """The library reads to the end of the page for each of them."""
    rows = "|<center>One\n" * 5_000
    assert plain_text(f"{{|\n{rows}|}}\nTwo stays.") == "Two stays."
    assert plain_text("One. " + "<div>" * 50_000 + "Two.") == "One. Two."


@pytest.mark.parametrize(
    ("unit", "count"),
    [
        (" ", 300_000), ("(", 100_000), ("<b>", 50_000), ("a <5 ", 50_000), ("<ref name=", 50_000),
        ("<div>", 50_000), ("<ref>x", 50_000), ("{{a|", 50_000), ("[http://x ", 50_000),
        ("<nowiki>", 50_000), ("-{zh:", 20_000), ("\n{|\n|a", 20_000), ("<!--", 50_000),
        ("<p>x\n", 50_000), ("__a_", 50_000), ("'''''", 50_000), ("&", 100_000), ("<", 100_000),
        ('<b a="', 50_000), ("==", 50_000), ("[[a|", 50_000), ("\n;a:", 50_000), ("~~", 50_000),
    ],
)  # fmt: skip
def test_no_page_takes_minutes(unit: str, count: int) -> None:
    """The library alone takes hours for some of them."""
    started = time.process_time()
    with contextlib.suppress(WikitextError):
        plain_text("A sentence. " + unit * count)
    assert time.process_time() - started < 20


def tidied_plainly(text: str) -> str:
    """What ``_tidied`` does, with one plain pattern for each rule."""
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ?(?:\([\s,;:、，；]*\)|（[\s,;:、，；]*）)", "", text)
    text = re.sub(r" (?=[,.;](?:\s|$))", "", normal_text(text.replace("\x04", "'")))
    lines = re.split(r" ?\n[ \n]*", text.strip())
    return "\n".join(line for line in lines if re.search(r"[^\W\d_]", line))


def test_lines_are_tidied_as_by_one_pattern_for_each_rule() -> None:
    rng = random.Random(5)
    parts = [*"ab1,.;:()（） \n\r\t", "  ", "\u2028", "\u2029", "\xa0", "\u3000", "e\u0301"]
    parts += ["\x04", "\u200d", "\xad", " (", ") ", " \n", "\n ", "、"]
    for _ in range(3_000):
        text = "".join(rng.choices(parts, k=rng.randint(0, 30)))
        assert _tidied(text) == tidied_plainly(text), text
