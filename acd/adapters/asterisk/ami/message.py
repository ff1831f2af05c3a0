"""One AMI message as Python sees it, and the reader that cuts the byte stream into messages.

The wire format is in the Asterisk documentation, "AMI v2 specification": a banner line, then messages of
`Key: value` lines ended by an empty line. panoramisk's `Message` loses absent, empty and space-less headers
and cannot be copied, so it is not used.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from typing import TypeVar, overload

from acd.adapters.asterisk.ami.errors import AmiUnreachableError

_T = TypeVar("_T")

BANNER = "Asterisk Call Manager/"
# A `Command` may print megabytes (`core show channels` of thousands of calls); a stream that never ends a
# message is not AMI.
MESSAGE_LIMIT = 32 * 1024 * 1024
_BANNER_LIMIT = 200


class AmiEvent(Mapping[str, str]):
    """An event, or the reply to an action.

    `name` is the `Event` header, and the empty string for a reply. `headers` keeps Asterisk's order and
    spelling (`Uniqueid`); of a header sent several times it holds the first value, `get_all` gives every one.
    An absent header raises KeyError, an empty one is the empty string. Equal by value, picklable.
    """

    __slots__ = ("headers", "name", "repeated")

    def __init__(
        self, name: str, headers: dict[str, str], repeated: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.name = name
        self.headers = headers
        self.repeated = repeated

    def __getitem__(self, header: str) -> str:
        return self.headers[header]

    def __iter__(self) -> Iterator[str]:
        return iter(self.headers)

    def __len__(self) -> int:
        return len(self.headers)

    @overload
    def get(self, header: str, /) -> str | None: ...
    @overload
    def get(self, header: str, /, default: str | _T) -> str | _T: ...
    def get(self, header: str, /, default: object = None) -> object:
        """The header's first value, or `default`; Mapping's own would raise and catch on each absent header."""
        return self.headers.get(header, default)

    def __contains__(self, header: object) -> bool:
        return header in self.headers

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AmiEvent):
            return NotImplemented
        return (self.name, self.headers, self.repeated) == (other.name, other.headers, other.repeated)

    __hash__ = None  # type: ignore[assignment]  # mutable headers, as with dict

    def __repr__(self) -> str:
        # Values are callers' numbers and names: they stay out of logs and tracebacks.
        return f"<AmiEvent {self.name or 'reply'}: {', '.join(self.headers)}>"

    def get_all(self, header: str) -> tuple[str, ...]:
        """Every value of `header` in the order sent; empty if absent."""
        if self.repeated is not None and header in self.repeated:
            return self.repeated[header]
        return (self.headers[header],) if header in self.headers else ()

    def variables(self, header: str = "ChanVariable") -> dict[str, str]:
        """Channel variables of `header: NAME=value` lines (manager.conf `channelvars`, see also DestChanVariable)."""
        pairs = (value.partition("=") for value in self.get_all(header))
        return {name: value for name, _, value in pairs if name}


def parse_message(block: str) -> AmiEvent | None:
    """The message in `block` (lines without the closing empty one); None if it is neither event nor reply."""
    lines = block.split("\r\n")
    try:
        headers = dict([line.split(": ", 1) for line in lines])
    except ValueError:  # a line without ": "
        return _parse_carefully(lines)
    # Fewer headers than lines: one came twice. A colon inside a key: the line was `Key:value: more`.
    if len(headers) != len(lines) or ":" in "".join(headers):
        return _parse_carefully(lines)
    return _message(headers, None)


def _parse_carefully(lines: list[str]) -> AmiEvent | None:
    values: dict[str, list[str]] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and key:
            values.setdefault(key, []).append(value.removeprefix(" "))
    headers = {key: found[0] for key, found in values.items()}
    repeated = {key: tuple(found) for key, found in values.items() if len(found) > 1}
    return _message(headers, repeated or None)


def _message(headers: dict[str, str], repeated: dict[str, tuple[str, ...]] | None) -> AmiEvent | None:
    # The first header decides: OriginateResponse is an event that also has a `Response` header.
    kind = next(iter(headers), None)
    if kind == "Event":
        return AmiEvent(headers["Event"], headers, repeated)
    if kind == "Response":
        return AmiEvent("", headers, repeated)
    return None


class AmiReader:
    """Cuts the bytes of one connection into messages.

    UTF-8 is decoded across reads, so a character split by TCP survives; invalid bytes become U+FFFD.
    With `wanted`, events of other names are skipped before parsing unless they carry an ActionID (answers to
    list actions do). `malformed` counts messages that were neither event nor reply.
    """

    def __init__(self, wanted: frozenset[str] | None = None) -> None:
        self.version: str | None = None
        self.malformed = 0
        self._wanted = wanted
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._tail = ""
        self._parts: list[str] = []
        self._parts_size = 0

    def feed(self, data: bytes) -> list[AmiEvent]:
        """The messages completed by `data`, in order.

        Raises AmiUnreachableError if the peer does not greet as an Asterisk manager, or if a message
        outgrows MESSAGE_LIMIT.
        """
        text = self._decode(data)
        # A message of many reads (a long Command) is joined once, not searched again from its start each time.
        if "\r\n\r\n" not in self._tail + text and self.version is not None:
            self._keep(text)
            return []
        text = "".join([*self._parts, text])
        self._parts.clear()
        self._parts_size = 0
        self._tail = ""
        if self.version is None:
            text = self._take_banner(text)
        *blocks, rest = text.split("\r\n\r\n")
        self._keep(rest)
        return self._parse(blocks)

    def _keep(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self._parts_size += len(text)
            self._tail = (self._tail + text)[-3:]
        if self._parts_size > MESSAGE_LIMIT:
            raise AmiUnreachableError(f"a message of more than {MESSAGE_LIMIT} characters: not AMI")

    def _take_banner(self, text: str) -> str:
        banner, end, rest = text.partition("\r\n")
        if not banner.startswith(BANNER[: len(banner)]) or (not end and len(text) > _BANNER_LIMIT):
            raise AmiUnreachableError("the peer does not greet as an Asterisk manager: is this the AMI port?")
        if not end:
            return text
        if not banner.startswith(BANNER):
            raise AmiUnreachableError("the peer does not greet as an Asterisk manager: is this the AMI port?")
        self.version = banner.removeprefix(BANNER).strip()
        return rest

    def _parse(self, blocks: list[str]) -> list[AmiEvent]:
        wanted = self._wanted
        messages = []
        for block in blocks:
            if (
                wanted is not None
                and block.startswith("Event: ")
                and block.split("\r\n", 1)[0][7:] not in wanted
                and "\r\nActionID:" not in block
            ):
                continue
            message = parse_message(block)
            if message is not None:
                messages.append(message)
            elif block.strip():
                self.malformed += 1
        return messages
