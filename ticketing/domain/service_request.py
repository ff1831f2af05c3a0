"""Requests from the catalogue, made on the keypad."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from ticketing.domain.contact import ContactId

REQUEST = "request"  # the category of such tickets


class ServiceRequest(Struct, frozen=True, kw_only=True):
    """`answers`: by field, what was keyed; secret ones never get here. `proof`: how the caller showed who they are."""

    linkedid: str
    item: str
    title: str
    contact_id: ContactId | None
    requested_at: datetime
    queue: str = ""
    service: str = ""
    answers: dict[str, str] = {}
    proof: str = ""
    text: str = ""  # for people, in the ticket
