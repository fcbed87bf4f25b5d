"""Templates whose rendering is the first sentence of an article, or a character within one.

Without them an article of it.wikipedia loses the birth place, nationality and occupation of every
person: ``{{Bio}}`` renders *Dante Alighieri (Firenze, 1265 – …) è stato un poeta italiano.*
``l{{'}}''Iliade''`` and ``Louis{{nbsp}}XIV`` are names.
What belongs here: their sentences from their parameters. What does not: parsing wikitext. Templates
of other wikis that do so are lost, as all templates are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["CHARACTER_TEMPLATES", "LEAD_TEMPLATES", "template_name"]

Parameters = Mapping[str, str]
"""Values by lower-case name; missing and empty ones are ''."""


def _bio(values: Parameters) -> str:
    """Sentence of it.wikipedia's ``{{Bio}}``; empty without a name."""
    name = " ".join(filter(None, map(values.get, ("titolo", "nome", "cognome"))))
    if not values.get("nome"):
        return ""
    life = [_event(values, "nascita"), _event(values, "morte")]
    jobs = [value for key in ("", "2", "3") if (value := values.get(f"attività{key}", ""))]
    listed = " e ".join([", ".join(jobs[:-1]), jobs[-1]] if len(jobs) > 1 else jobs)
    if more := values.get("attivitàaltre"):
        listed += more if more.startswith(",") else f" {more}"
    nation, second = values.get("nazionalità", ""), values.get("nazionalitànaturalizzato", "")
    ending, article = ("a", "una") if values.get("sesso", "").upper() == "F" else ("o", "un")
    nation += f" naturalizzat{ending} {second}" if second else ""
    what = " ".join(filter(None, (listed, nation)))
    verb = f"è stat{ending} {article}" if life[1] else f"è {article}"
    dates = " – ".join(filter(None, life))
    sentence = f"{name} ({dates})" if dates else name
    end = values.get("fineincipit") or (f"{verb} {what}" if what else "")
    sentence += f" {end}" if end else ""
    return f"{sentence}{values.get('postnazionalità', '')}."


def _event(values: Parameters, event: str) -> str:
    """Place and date of birth ('nascita') or death ('morte')."""
    date = " ".join(filter(None, (values.get(f"giornomese{event}"), values.get(f"anno{event}"))))
    return ", ".join(filter(None, (values.get(f"luogo{event}"), date)))


LEAD_TEMPLATES: Mapping[str, Callable[[Parameters], str]] = {"bio": _bio}
"""Lower-case name of a template → its sentence."""

_BLANKS = ("nbsp", "space", "spaces", "spc", "thinsp", "thin space", "hair space", "nnbsp")
CHARACTER_TEMPLATES: Mapping[str, str] = {
    **{"'": "'", "'s": "'s", "`": "'", "s'": "s'", "apostrophe": "'", "shy": ""},
    **dict.fromkeys(_BLANKS, " "),
    **dict.fromkeys(("ndash", "endash", "en dash"), "–"),
    **dict.fromkeys(("snd", "spnd", "spaced ndash", "spaced en dash"), " – "),
    **dict.fromkeys(("mdash", "emdash", "em dash"), "—"),
    **dict.fromkeys(("·", "dot", "middot", "bull", "•"), " · "),
}
"""Lower-case name of a template → the characters that it is."""


def template_name(written: str) -> str:
    """Name of a template as the tables above have it."""
    return written.strip().lower().replace("_", " ").removeprefix("template:")
