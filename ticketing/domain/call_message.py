"""The message a call leaves on its ticket: the agent's words first, then the facts of the call, one a line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ticketing.domain.disposition import Disposition
from ticketing.domain.interaction import InteractionRecord
from ticketing.domain.text import LINE_LENGTH
from ticketing.domain.ticket import Message, MessageKind

SYSTEM = "system"


def call_title(record: InteractionRecord, disposition: Disposition, contact_name: str) -> str:
    """The agent's title, else one that tells calls apart in a list."""
    if disposition.title:
        return disposition.title
    who = contact_name or record.caller_e164 or record.caller_given or "an unknown caller"
    title = f"Call from {who} ({record.queue})" if record.queue else f"Call from {who}"
    return title[:LINE_LENGTH]


def call_message(record: InteractionRecord, disposition: Disposition, at: datetime) -> Message:
    facts = [
        ("Kind", disposition.kind.value),
        ("Code", disposition.code),
        ("Caller", record.caller_e164 or record.caller_given or "anonymous"),
        ("Called", record.called_number),
        ("Queue", record.queue),
        ("Menu", " > ".join(record.ivr_path)),
        ("Keyed", ", ".join(f"{field} {digits}" for field, digits in record.keyed_digits.items())),
        ("Started", _instant(record.started_at)),
        ("Queued", _instant(record.queued_at)),
        ("Answered", _instant(record.answered_at)),
        ("Talk ended", _instant(record.talk_ended_at)),
        ("Ended", _instant(record.ended_at)),
        ("Waited", _duration(record.wait_time)),
        ("Talked", _duration(record.conversation_time)),
        ("On hold", _duration(record.hold_time)),
    ]
    lines = [f"{label}: {value}" for label, value in facts if value]
    note = disposition.note or record.note
    body = "\n".join([note, "", *lines] if note else lines)
    author = record.agent_id or SYSTEM
    return Message(kind=MessageKind.CALL, author=author, body=body, at=at, linkedid=record.linkedid)


def _instant(instant: datetime | None) -> str:
    return "" if instant is None else instant.astimezone(UTC).isoformat(sep=" ", timespec="seconds")


def _duration(duration: timedelta | None) -> str:
    if duration is None or duration < timedelta(seconds=1):
        return ""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
