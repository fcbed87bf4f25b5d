"""Simple mark-up is read without the library, and gives the library's text."""

from __future__ import annotations

import pytest

from ingestion.corpora import simple_markup
from ingestion.corpora.wikitext import MEDIA_NAMESPACES, plain_text
from ingestion.corpora.wikitext_tokens import text_of_tokens
from tests.helpers.wikitext import ARTICLE

SPECIAL = [
    "{{a|{{b}}{{c}}=d}} e",  # no template: the library's rule for two in a row
    "{{a\nb|c}} d\n{{e|f\n== g }} h ==\n}} i",
    "{{ |a}} {{}} {{a<b>|c}} {{{d|e}}} {{{{f}}|g}}",
    "a {{nbsp}}b{{'}}c {{Template:nbsp}} {{Bio|Nome=Ada|Cognome=X}}",
    "[[a|b [c]]] [[[d]]] [[[[e]]]] [[f\ng]] [[]] [[h{{i}}|j]]",
    "[[File:a.jpg|thumb|b [[c]] {{d}} <ref>e</ref>]]f\n[[File:a.jpg|[http://b.c d]]] e",
    "[[wikt:a|b]]\n[[x:y]] z\n[[wikt:a|b]] c [[2001: A]] [[:de:A]]",
    "[http://a.b ''c'' [[d]]] [//e.f] [news:g h] see http://i.j, k tel:5 a:b",
    "a<br>b<br />c<br clear=all>d<br/ >e</br>f",
    "<div>a\n\nb</div> c <p>d\n<center>e\n{{f|<center>g}} h</center> i",
    "{{a|<table><tr><td>b<td>c</tr></table>}} d <li>e <ol><li>f</ol>",
    "<ref name=\"a>b\">c</ref> d <ref name='e'/> f <ref name=O'G>h</ref> <ref\nname=i>j</ref>",
    "<ref name=a>b <ref>c</ref> d\n\ne </ref> f</ref> g",
    "<tr>\n=</td>=\n</tr> a {{b\n= c}} d =\n}} e [[f\n=g]]=\n]] h",
    "{|\n|a\n{|\n|b\n|}\n|}c\n{|}\n|}\n {| d\n|}e\n:{| f\n|}\n{{g|\n{|\n|}}\n|}h",
    "a | b {{c}} d\n| e\n{{f}}| g {{h}} i\n&#124;j {{k}} l",
    "&amp;lt; &nbsp; &#39;&#x27; &#0; &#00039; &bogus; &notit; &#1114112; &x",
    "''a''<!-- b -->''c'' ''d''{{e}}''f'' '''[[g|h']]'' ''i'''",
    "a <!-- {{ [[ --> b -->\n<!-- c -->* d\n* e <!-- f\n --> g\nh",
    "== a ==\n==b\n= c = d\n=== [[e]] ===\n== f: http://g ==\n----\nh",
    "<math>{</math> <math>\\frac{<}{b}</math> <nowiki>{{</nowiki> <pre>\n* a</pre> <nowiki/>b",
    "a }} b ]] c |} d > e </ref> f </div> g\n|} h",
    "<center><gallery><center></gallery>\n</center> {{{|}}\n}}} mailto:{{a}} <math\n>b</math>",
    "<td>[http://</li>]\n</ref> {{a|[http://b }} c]\n}} d",
    "[[|[http://<ref >]]\n]]",
    "<math>a</math >b <nowiki>{{</nowiki\n>c <math></math\r>d</math>",
    "<table><tr><table b></tr>\n</table> c <small>d <small e>f</small>\ng",
    "&ampİ; <ſmall>a</ſmall> <ſection/> b <ſource>c</ſource> <nowiKi>[[d]]</nowiKi> [httpſ://e f]",
    "; a : b http://c\n: d\n#e [[f]]\n*g {{h|\n}} i\nj",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SPECIAL)))
def test_special_cases_are_as_the_library_reads_them(number: int) -> None:
    wikitext = SPECIAL[number]
    for text in (wikitext, f"{wikitext}\n\na '''b''' [[c]]", f"d\n{wikitext} ''e''\n\nf"):
        assert plain_text(text) == plain_text(text, read=text_of_tokens)


def test_an_article_of_simple_mark_up_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = plain_text(ARTICLE, read=text_of_tokens)
    assert "Berne is the de facto capital of Switzerland & has 134,591" in expected

    def refuse(wikitext: str, _: object) -> str:
        raise AssertionError(wikitext)

    monkeypatch.setattr(simple_markup, "text_of_tokens", refuse)
    assert plain_text(ARTICLE, MEDIA_NAMESPACES) == expected
