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


HandOver: TypeAlias = Transfer
HandOverReport: TypeAlias = TransferResult
