"""An interaction: one contact with a customer, whatever the channel. For calls there is one per Asterisk Linkedid.

Merge rule. Records of one interaction arrive more than once, late, and out of order (journal replay, retries, a
restart that knows less). `merge` is monotone: a fact once known is never erased, only replaced by what a record of
the same or a later `as_of` says; an earlier record fills gaps and changes nothing else. So any record may be sent
again, and for records that are snapshots of one growing call every order of arrival ends in the same row.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from msgspec import Struct
from msgspec.structs import replace

from ticketing.domain.contact import Certainty, ContactId
from ticketing.domain.disposition import DispositionKind
from ticketing.domain.phone_number import NumberKind
from ticketing.domain.text import LINE_LENGTH, NAME_LENGTH, NOTE_LENGTH, clean_line, clean_text
from ticketing.domain.ticket_number import TicketNumber

InteractionId = NewType("InteractionId", str)  # "interaction_" + a number given by the store

_MOST_STEPS = 200  # a menu loop must not grow the row without end


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class InteractionRecord(Struct, frozen=True, kw_only=True):
    """What is known at `as_of`. None, empty text and empty collections mean "not known", never "no longer so".

    All instants are aware. `keyed_digits` maps a field of the menu to what was keyed there; whoever fills it leaves
    out PINs and other secrets. `hold_time` is the sum so far. The values of WITNESSES come with their keys.
    """

    linkedid: str
    as_of: datetime
    direction: Direction = Direction.INBOUND
    channel: str = "voice"
    caller_given: str | None = None  # the number as the network presented it
    caller_kind: NumberKind | None = None
    caller_e164: str | None = None
    caller_name: str | None = None
    called_number: str | None = None
    certainty: Certainty | None = None
    contact_ids: tuple[ContactId, ...] = ()
    queue: str | None = None
    language: str | None = None
    flow: str | None = None  # of the menus, with the version the caller entered: "hotline@0a1b2c3d4e5f"
    ivr_path: tuple[str, ...] = ()
    ivr_times: tuple[float, ...] = ()  # seconds from `started_at` at which each step of the path began
    keyed_digits: dict[str, str] = {}
    keyed_ticket: str | None = None
    started_at: datetime | None = None
    queued_at: datetime | None = None
    offered_at: datetime | None = None
    answered_at: datetime | None = None
    talk_ended_at: datetime | None = None
    ended_at: datetime | None = None
    wrap_up_ended_at: datetime | None = None
    hold_time: timedelta | None = None
    agent_id: str | None = None
    wrap_up_code: str | None = None
    note: str | None = None
    termination_result: str | None = None
    termination_reason: str | None = None

    @property
    def conversation_time(self) -> timedelta:
        """Answer to end of talk, hold included; zero until both are known."""
        if self.answered_at is None or self.talk_ended_at is None:
            return timedelta()
        return max(self.talk_ended_at - self.answered_at, timedelta())

    @property
    def wait_time(self) -> timedelta | None:
        """Queue entry to answer, or to the end for a call not answered."""
        until = self.answered_at or self.ended_at
        if self.queued_at is None or until is None:
            return None
        return max(until - self.queued_at, timedelta())


class Interaction(InteractionRecord, frozen=True, kw_only=True):
    """As stored. `ticket_number` is the latest ticket it hangs on (it may hang on several)."""

    id: InteractionId
    disposition: DispositionKind | None = None
    ticket_number: TicketNumber | None = None


KEY_FIELDS = ("linkedid", "as_of")
FACT_FIELDS = tuple(name for name in InteractionRecord.__struct_fields__ if name not in KEY_FIELDS)
# Facts that only make sense together follow their witness: a caller of kind "anonymous" has no old E.164 left over.
WITNESSES = {
    "caller_e164": "caller_kind",
    "contact_ids": "certainty",
    "termination_reason": "termination_result",
    "ivr_times": "ivr_path",
}


def merge(old: InteractionRecord, new: InteractionRecord) -> InteractionRecord:
    """The merge rule above, for two records of the same linkedid; `new` is the one that arrived later."""
    if old.linkedid != new.linkedid:
        raise ValueError("records of two interactions cannot be merged")
    first, second = (new, old) if new.as_of >= old.as_of else (old, new)
    facts = {}
    for name in FACT_FIELDS:
        witness = WITNESSES.get(name, name)
        source = second if _is_blank(getattr(first, witness)) else first
        facts[name] = getattr(source, name)
    return InteractionRecord(linkedid=old.linkedid, as_of=first.as_of, **facts)


def _is_blank(value: object) -> bool:
    return value is None or value in ("", (), {})


_LINES = {
    "caller_given": LINE_LENGTH,
    "caller_e164": 32,
    "caller_name": LINE_LENGTH,
    "called_number": LINE_LENGTH,
    "queue": LINE_LENGTH,
    "language": LINE_LENGTH,
    "flow": LINE_LENGTH,
    "keyed_ticket": LINE_LENGTH,
    "agent_id": LINE_LENGTH,
    "wrap_up_code": LINE_LENGTH,
    "termination_result": LINE_LENGTH,
    "termination_reason": LINE_LENGTH,
}


def clean_record(record: InteractionRecord) -> InteractionRecord:
    """`record` fit for any store: hostile text cleaned and bounded, blank text None, witnesses filled in where the
    facts imply them (a reason without a result says nothing and is dropped).

    Raises ValueError for an instant without time zone or a linkedid that is empty or too long: the sender's own fault.
    """
    linkedid = clean_line(record.linkedid, NAME_LENGTH)
    if linkedid is None or linkedid != record.linkedid:
        raise ValueError(f"linkedid: expected 1 to {NAME_LENGTH} printable characters")
    changes: dict[str, object] = {name: clean_line(getattr(record, name), limit) for name, limit in _LINES.items()}
    changes["channel"] = clean_line(record.channel, 16) or "voice"
    if record.note:
        changes["note"] = clean_text(record.note, NOTE_LENGTH, multiline=True) or None
    if record.ivr_path:
        changes["ivr_path"] = tuple(clean_line(step) or "" for step in record.ivr_path[:_MOST_STEPS])
    if record.ivr_times:
        changes["ivr_times"] = tuple(round(max(0.0, float(at)), 1) for at in record.ivr_times[:_MOST_STEPS])
    if record.keyed_digits:
        pairs = list(record.keyed_digits.items())[:_MOST_STEPS]
        changes["keyed_digits"] = {clean_line(key) or "": clean_line(digits) or "" for key, digits in pairs}
    for name in ("as_of", *(field for field in FACT_FIELDS if field.endswith("_at"))):
        instant = getattr(record, name)
        if instant is not None and instant.tzinfo is None:
            raise ValueError(f"{name}: an instant without time zone")
    if record.caller_kind is None and changes["caller_e164"] is not None:
        changes["caller_kind"] = NumberKind.E164
    if record.certainty is None and record.contact_ids:
        changes["certainty"] = Certainty.KNOWN if len(record.contact_ids) == 1 else Certainty.UNCERTAIN
    if changes["termination_result"] is None:
        changes["termination_reason"] = None
    return replace(record, **changes)
