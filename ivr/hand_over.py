"""Steps that hand the caller to somebody else, or take something for later; with the reports they end in.

Step            the shell performs it, then reports
-------------   -----------------------------------
Transfer        TransferResult
RecordMessage   MessageRecorded
KeepMessage     MessageKept
BookCallback    CallbackBooked
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, TypeAlias

import msgspec


class Transfer(msgspec.Struct, frozen=True, tag=True):
    """Ring `to` (an outside number or an extension) and join the caller to whoever answers. The report comes when it is
    over: when nobody answered, or after the talk."""

    to: str
    timeout: timedelta


class TransferResult(msgspec.Struct, frozen=True, tag=True):
    """`done`: they talked, and the other side hung up first. `failed`: not permitted, unreachable, or our fault."""

    result: Literal["done", "busy", "no_answer", "failed"]


class RecordMessage(msgspec.Struct, frozen=True, tag=True):
    """Beep and record what the caller says, until a key, `silence` without a word, or `limit`. One who hangs up has
    left their message all the same: the shell keeps it for `queue`."""

    queue: str
    limit: timedelta
    silence: timedelta


class MessageRecorded(msgspec.Struct, frozen=True, tag=True):
    """Not ok: nothing was said, or nothing could be recorded."""

    ok: bool


class KeepMessage(msgspec.Struct, frozen=True, tag=True):
    """The message recorded last is meant for `queue`."""

    queue: str


class MessageKept(msgspec.Struct, frozen=True, tag=True):
    ok: bool


class BookCallback(msgspec.Struct, frozen=True, tag=True):
    """Call the caller back at `number` ("": the number they call from), for `queue` ("": the one they wait in), with
    their place in it. `at`: "HHMM" of the site's day, "" as soon as it is their turn."""

    queue: str
    number: str = ""
    at: str = ""


class CallbackBooked(msgspec.Struct, frozen=True, tag=True):
    """Not ok: the number may not be called, or the queue takes no (more) callbacks."""

    ok: bool


HandOver: TypeAlias = Transfer | RecordMessage | KeepMessage | BookCallback
HandOverReport: TypeAlias = TransferResult | MessageRecorded | MessageKept | CallbackBooked
