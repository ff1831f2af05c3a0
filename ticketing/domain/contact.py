"""Contacts, and who is calling: a unique number is known, a shared one uncertain, anything else unknown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NewType

from msgspec import Struct
from msgspec.structs import replace

from ticketing.domain.errors import InvalidContactError
from ticketing.domain.phone_number import CallerNumber, NumberKind
from ticketing.domain.text import NAME_LENGTH, clean_text

ContactId = NewType("ContactId", str)  # "contact_" + a number given by the store

_E164 = re.compile(r"\+[1-9][0-9]{4,14}")  # ITU-T E.164: at most 15 digits
_EMAIL = re.compile(r"[^@\s<>]{1,64}@[^@\s<>]{1,190}")


class ContactDraft(Struct, frozen=True, kw_only=True):
    """A contact as given by people or a list. `external_id` is its key in the list it comes from."""

    name: str
    organisation: str = ""
    emails: tuple[str, ...] = ()
    phone_numbers: tuple[str, ...] = ()  # E.164
    vip: bool = False
    contract: str = ""
    language: str = ""
    site: str = ""
    external_id: str = ""


class Contact(ContactDraft, frozen=True, kw_only=True):
    id: ContactId


class Certainty(StrEnum):
    KNOWN = "known"
    UNCERTAIN = "uncertain"
    UNKNOWN = "unknown"


class Identification(Struct, frozen=True, kw_only=True):
    """`contacts` holds one for KNOWN, two or more for UNCERTAIN, none for UNKNOWN."""

    number: CallerNumber
    certainty: Certainty = Certainty.UNKNOWN
    contacts: tuple[Contact, ...] = ()

    @property
    def contact_ids(self) -> tuple[ContactId, ...]:
        return tuple(contact.id for contact in self.contacts)


def identify(number: CallerNumber, contacts: Sequence[Contact]) -> Identification:
    """Who calls, given the contacts that have exactly this number. Names and fragments never identify anybody."""
    if number.kind is not NumberKind.E164 or number.e164 is None:
        return Identification(number=number)
    owners = {contact.id: contact for contact in contacts if number.e164 in contact.phone_numbers}
    certainty = (Certainty.UNKNOWN, Certainty.KNOWN)[len(owners)] if len(owners) < 2 else Certainty.UNCERTAIN
    return Identification(number=number, certainty=certainty, contacts=tuple(owners.values()))


def check_contact(draft: ContactDraft) -> ContactDraft:
    """`draft` cleaned: no control characters, no repeated address. Raises InvalidContactError naming the field."""
    name = clean_text(draft.name, NAME_LENGTH)
    if not name:
        raise InvalidContactError("name: a contact needs one")
    phone_numbers = tuple(dict.fromkeys(draft.phone_numbers))
    for position, phone_number in enumerate(phone_numbers):
        if not _E164.fullmatch(phone_number):
            raise InvalidContactError(f"phone_numbers[{position}]: not in E.164 form, as in +33123456789")
    emails = tuple(dict.fromkeys(clean_text(email, NAME_LENGTH * 2) for email in draft.emails))
    for position, email in enumerate(emails):
        if not _EMAIL.fullmatch(email):
            raise InvalidContactError(f"emails[{position}]: not of the form name@domain")
    return replace(
        draft,
        name=name,
        phone_numbers=phone_numbers,
        emails=emails,
        organisation=clean_text(draft.organisation, NAME_LENGTH),
        contract=clean_text(draft.contract, NAME_LENGTH),
        language=clean_text(draft.language, 35),  # BCP 47 tags are at most 35 characters in practice (RFC 5646, 4.4.1)
        site=clean_text(draft.site, NAME_LENGTH),
        external_id=clean_text(draft.external_id, NAME_LENGTH),
    )
