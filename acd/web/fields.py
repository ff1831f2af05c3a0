"""Field types of request bodies. Patterns hold in Python and in ECMAScript, for they are published in OpenAPI."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

_LINE = r"^[^\x00-\x1f\x7f]*$(?!\n)"  # Python's $ also matches before a last line end
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"  # NUL breaks PostgreSQL; tabs and line ends are text

Line = Annotated[str, Meta(max_length=300, pattern=_LINE)]
Reason = Annotated[str, Meta(min_length=1, max_length=40, pattern=_LINE)]
OptionalReason = Annotated[str, Meta(max_length=40, pattern=_LINE)]
Code = Annotated[str, Meta(max_length=40, pattern=r"^[a-z0-9_]*$(?!\n)")]
Note = Annotated[str, Meta(max_length=20_000, pattern=_TEXT)]
Why = Annotated[str, Meta(min_length=1, max_length=300, pattern=_LINE)]
Text = Annotated[str, Meta(min_length=1, max_length=1000, pattern=_TEXT)]
Announcement = Annotated[str, Meta(min_length=1, max_length=600, pattern=_LINE)]
QueueText = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,39}$(?!\n)")]
Skill = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,39}$(?!\n)")]
TicketNumberText = Annotated[str, Meta(pattern=r"^[0-9]{1,20}$(?!\n)")]
Login = Annotated[str, Meta(min_length=1, max_length=40, pattern=_LINE)]
Password = Annotated[str, Meta(max_length=200)]
CallIdText = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,200}$(?!\n)")]
