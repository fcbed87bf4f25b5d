"""Wikitext to text: sentences are kept, everything else is dropped."""

from __future__ import annotations

import unicodedata

import mwparserfromhell
import pytest

from ingestion.corpora.wikitext import plain_text


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("'''Berlin''' is ''the'' capital.", "Berlin is the capital."),
        ("[[Berlin]]er [[Paris|city of light]].", "Berliner city of light."),
        ("A{{Infobox|a={{b|[[c]]}}\n|d=e}} B", "A B"),
        ("A<ref name='x'>not [[this]]</ref> B<ref name=y/> C.", "A B C."),
        ("A <!-- no --> B", "A B"),
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
        ("-{zh-hans:外-{zh-hans:内;zh-hant:內}-;zh-hant:x}-。", "外内。"),
        ("Text\n[[en:Cologne]] [[fr:Cologne]]", "Text"),
        ("__БЕЗ_ОГЛАВЛЕНИЯ__ Text", "Text"),
        ("a <b und c> d <span class=x>e</span>", "a <b und c> d e"),
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
