"""Events as bytes and back: one JSON object each, its type under `type`. New fields get defaults, names stay."""

from __future__ import annotations

from typing import Union

import msgspec

from acd.domain.events import Event

_EVERY_EVENT = tuple(Event.__subclasses__())

encode_event = msgspec.json.Encoder().encode
decode_event = msgspec.json.Decoder(Union[_EVERY_EVENT]).decode  # noqa: UP007
