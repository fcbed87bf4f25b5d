"""An article with the mark-up that is common in Wikipedia, all of it simple."""

ARTICLE = """{{Short description|Federal city}}
{{Infobox settlement
| name = Bern <!-- the city -->
| flag = [[File:Flag.svg|border|100px]]
| population = 134591<ref name="bfs">{{cite web |url=http://a.b/c?d=e |title=Population
|accessdate=2 May 2020}}</ref>
| leader = [[Alec von Graffenried]]<br />{{small|(since 2017)}}
}}
'''Berne''' is the ''de facto'' [[capital city|capital]] of [[Switzerland]] &amp; has 134,591
inhabitants.<ref name="bfs"/> It is ''not''<!-- sic --> l'''Iliade''; see also: [[2001: A Film]],
{{lang|de|Bern}} or [http://bern.ch its site].<ref>Smith, [http://a.b "Title"], p.&nbsp;3.</ref>

[[File:Bern.jpg|thumb|The [[Emme]] in ''Berne''.<ref>{{cite book|title=X}}</ref>]]
== History ==
The city was founded in 1191{{cn|date=May 2020}}, says{{nbsp}}he.<br>In 1353 it joined the
[[Old Swiss Confederacy|Confederacy]], which had{{'}}s <sub>2</sub> eight members (<b>a</b>).

{| class="wikitable" style="text-align:right"
|-
! Year !! Inhabitants
|-
| 1900 || {{formatnum:64227}}
| style="width:10%" | [[Bern|city]]<ref>Census</ref>
|}
* First item, [[link]] {{small|note}}
*# Second: [http://c.d e]
; Term : meaning
: Indented ''text''
==== Notes ====
Text after a heading, <math>\\frac{a}{b}</math> and __NOTOC__ the end.
<references/>
{{Authority control}}
[[Category:Bern| ]]
[[de:Bern]]
"""
