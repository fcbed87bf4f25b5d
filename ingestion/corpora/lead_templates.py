"""Templates whose rendering is the first sentence of an article.

Without them an article of it.wikipedia loses the birth place, nationality and occupation of every
person: ``{{Bio}}`` renders *Dante Alighieri (Firenze, 1265 – …) è stato un poeta italiano.*
What belongs here: their sentences from their parameters. What does not: parsing wikitext. Templates
of other wikis that do so are lost, as all templates are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["LEAD_TEMPLATES"]

Parameters = Mapping[str, str]
"""Values by lower-case name; missing and empty ones are ''."""


def _bio(values: Parameters) -> str:
    """Sentence of it.wikipedia's ``{{Bio}}``; empty without a name."""
    name = " ".join(filter(None, (values.get("nome"), values.get("cognome"))))
    if not values.get("nome"):
        return ""
    life = [_event(values, "nascita"), _event(values, "morte")]
    jobs = [value for key in ("", "2", "3") if (value := values.get(f"attività{key}", ""))]
    listed = " e ".join([", ".join(jobs[:-1]), jobs[-1]] if len(jobs) > 1 else jobs)
    what = " ".join(filter(None, (listed, values.get("nazionalità"))))
    is_woman = values.get("sesso", "").upper() == "F"
    verb = ("è stata una" if is_woman else "è stato un") if life[1] else "è un"
    verb = "è una" if is_woman and not life[1] else verb
    dates = " – ".join(filter(None, life))
    sentence = f"{name} ({dates})" if dates else name
    if what:
        sentence += f" {verb} {what}"
    return f"{sentence}{values.get('postnazionalità', '')}."


def _event(values: Parameters, event: str) -> str:
    """Place and date of birth ('nascita') or death ('morte')."""
    date = " ".join(filter(None, (values.get(f"giornomese{event}"), values.get(f"anno{event}"))))
    return ", ".join(filter(None, (values.get(f"luogo{event}"), date)))


LEAD_TEMPLATES: Mapping[str, Callable[[Parameters], str]] = {"bio": _bio}
"""Lower-case name of a template → its sentence."""
