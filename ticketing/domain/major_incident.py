"""Major incidents: what is broken for many, what callers are told about it, and who of them rang."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NewType

from msgspec import Struct
from msgspec.structs import replace

from ticketing.domain.errors import InvalidIncidentError
from ticketing.domain.text import LINE_LENGTH, NAME_LENGTH, clean_text, fold
from ticketing.domain.ticket_number import is_ticket_number

IncidentId = NewType("IncidentId", str)  # "incident_" + a number given by the store

SENTENCE_LENGTH = 200  # what a menu says as one value


class IncidentDraft(Struct, frozen=True, kw_only=True):
    """As declared. It concerns callers of `service` and `site`; empty: of every one. `sentences`: what callers hear,
    by language. It is told from `active_from` on, until it is closed or `active_until` has come."""

    title: str
    active_from: datetime
    service: str = ""
    site: str = ""
    sentences: dict[str, str] = {}
    expected_at: datetime | None = None  # when all is expected to work again
    active_until: datetime | None = None
    ticket_number: str | None = None
    declared_by: str = ""


class MajorIncident(IncidentDraft, frozen=True, kw_only=True):
    id: IncidentId
    declared_at: datetime
    closed_at: datetime | None = None
    closed_by: str = ""

    def is_active(self, at: datetime) -> bool:
        until = self.active_until
        return self.closed_at is None and self.active_from <= at and (until is None or at < until)

    def concerns(self, site: str, services: Collection[str]) -> bool:
        """`services`: what the caller rings about, as far as is known. Names are compared without case and accents."""
        if self.site and fold(self.site) != fold(site):
            return False
        return not self.service or fold(self.service) in {fold(service) for service in services}


class IncidentCaller(Struct, frozen=True, kw_only=True):
    """One call about an incident. `wants_word`: pressed the key to be told when it is over."""

    linkedid: str
    rang_at: datetime
    number: str = ""
    name: str = ""
    contact_id: str | None = None
    language: str = ""
    wants_word: bool = False
    told_at: datetime | None = None
    told_by: str = ""


class IncidentTally(Struct, frozen=True, kw_only=True):
    """Of one incident: calls that heard of it, callers who want word, those of them who had it."""

    rang: int = 0
    want_word: int = 0
    told: int = 0


def foremost(
    incidents: Collection[MajorIncident], site: str, services: Collection[str], at: datetime
) -> MajorIncident | None:
    """Of the active ones that concern the caller, the one that says most of whom it concerns; of several, the latest
    declared."""
    found = [incident for incident in incidents if incident.is_active(at) and incident.concerns(site, services)]
    return max(found, key=lambda one: (bool(one.site) + bool(one.service), one.declared_at, one.id), default=None)


def check_incident(draft: IncidentDraft) -> IncidentDraft:
    """`draft` cleaned. Raises InvalidIncidentError naming the field."""
    title = clean_text(draft.title, LINE_LENGTH)
    if not title:
        raise InvalidIncidentError("title: an incident needs one")
    for name in ("active_from", "active_until", "expected_at"):
        instant = getattr(draft, name)
        if instant is not None and instant.tzinfo is None:
            raise InvalidIncidentError(f"{name}: an instant without time zone")
    if draft.active_until is not None and draft.active_until <= draft.active_from:
        raise InvalidIncidentError("active_until: must come after active_from")
    if draft.ticket_number is not None and not is_ticket_number(draft.ticket_number):
        raise InvalidIncidentError("ticket_number: is no ticket's number")
    return replace(
        draft,
        title=title,
        service=clean_text(draft.service, NAME_LENGTH),
        site=clean_text(draft.site, NAME_LENGTH),
        sentences=_sentences(draft.sentences),
    )


def _sentences(given: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for language, sentence in given.items():
        if not (len(language) == 2 and language.isascii() and language.islower()):
            raise InvalidIncidentError("sentences: languages are written fr, en")
        text = " ".join(clean_text(sentence, 4 * SENTENCE_LENGTH).split())
        if len(text) > SENTENCE_LENGTH:
            raise InvalidIncidentError(f"sentences.{language}: longer than {SENTENCE_LENGTH} characters")
        if text and not any(character.isalnum() for character in text):
            raise InvalidIncidentError(f"sentences.{language}: there are no words in it")
        if text:
            kept[language] = text
    return kept
