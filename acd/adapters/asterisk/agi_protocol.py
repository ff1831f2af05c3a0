"""AGI without I/O: bytes from Asterisk in, events out. Source: res_agi.c, and Asterisk 22.10.1 itself.

A connection begins with the environment, `agi_name: value` lines up to an empty one. Then each command gets a reply:

    200 result=1                                   200 result=12 (timeout)         (digits keyed in time)
    200 result=1 (a variable's value)              200 result=49 endpos=5760
    510 Invalid or unknown command                 511 Command Not Permitted on a dead channel or intercept routine
    520-Invalid command syntax.  Proper usage follows: … 520 End of proper usage.

and `HANGUP` may stand between any two of them.

What was seen on 22.10.1:

- A line break in a caller's name or number goes into the environment unfiltered: it can forge `agi_arg_1`, or end
  the environment early. So a repeated name, or a line that is not `agi_…`, is a violation.
- A line break in a variable goes into the reply of GET VARIABLE unfiltered: such a reply is read on to its `)`.
- STREAM FILE and GET DATA are ended by the arrival of the next command and then send **no** reply, WAIT FOR DIGIT
  does, EXEC runs on and answers when done: after a command was given up, nobody can count the replies owed
  (see `AgiSession`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

MAX_ENVIRONMENT_BYTES = 65_536
MAX_ENVIRONMENT_LINES = 256
MAX_REPLY_BYTES = 131_072

_NO_FIELDS: Mapping[str, str] = MappingProxyType({})
_RESULT = re.compile(r"(\d{3}) result=(\S*)(?: \((.*)\))?((?: [a-z_]+=\S*)*) ?", re.DOTALL)
_OPEN_VALUE = re.compile(r"\d{3} result=\S* \(")
_USAGE_BEGINS = re.compile(r"(5\d\d)-(.*)")
_REFUSAL = re.compile(r"(\d{3}) (?!result=)(.*)")
_USAGE_ENDS = "End of proper usage."
_ENVIRONMENT_LINE = re.compile(r"(agi_[a-z0-9_]+): ?(.*)", re.DOTALL)
_ENVIRONMENT_PREFIX = b"agi_"


@dataclass(frozen=True, slots=True)
class AgiReply:
    """One reply. `result` is what stands after `result=` (digits keyed, a number, or nothing); `data` what stands in
    parentheses ("timeout", a variable's value), or the text of a refusal; `fields` the rest (`endpos`)."""

    code: int
    result: str = ""
    data: str = ""
    fields: Mapping[str, str] = field(default_factory=lambda: _NO_FIELDS)


@dataclass(frozen=True, slots=True)
class AgiEnvironment:
    """What Asterisk tells about the channel: "agi_channel", "agi_uniqueid", "agi_callerid", "agi_arg_1" …"""

    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AgiHangup:
    """The HANGUP line: the channel has left AGI (hang-up, redirect or transfer)."""


@dataclass(frozen=True, slots=True)
class AgiViolation:
    """Bytes no Asterisk sends. Always the last event; `reason` is a stable word, free of the bytes themselves."""

    reason: str


AgiEvent = AgiEnvironment | AgiReply | AgiHangup | AgiViolation

_HANGUP = AgiHangup()
_FREQUENT: Mapping[bytes, AgiEvent] = MappingProxyType(
    {b"200 result=0": AgiReply(200, "0"), b"200 result=1": AgiReply(200, "1"), b"HANGUP": _HANGUP}
)


class AgiParser:
    """Turns the bytes of one connection into events; after a violation it stays silent."""

    def __init__(self) -> None:
        self._buffer = b""
        self._environment: dict[str, str] | None = {}
        self._environment_bytes = 0
        self._open_lines: list[str] = []
        self._open_bytes = 0
        self._usage_code = ""
        self._violated = False

    def receive_data(self, data: bytes) -> list[AgiEvent]:
        """Events completed by these bytes, in order."""
        if self._violated:
            return []
        events: list[AgiEvent] = []
        *lines, self._buffer = (self._buffer + data).split(b"\n") if self._buffer else data.split(b"\n")
        for raw in lines:
            event = self._line(raw)
            if event is not None:
                events.append(event)
                if isinstance(event, AgiViolation):
                    return events
        rest = self._check_rest()
        if rest is not None:
            events.append(rest)
        return events

    def _line(self, raw: bytes) -> AgiEvent | None:
        if self._environment is not None:
            return self._environment_line(raw, self._environment)
        if not self._open_lines and (frequent := _FREQUENT.get(raw)) is not None:
            return frequent
        # A name in Latin-1 must not end the call; what cannot be read becomes U+FFFD.
        line = raw.decode("utf-8", "replace")
        if self._open_lines:
            return self._continued(line)
        if len(raw) > MAX_REPLY_BYTES:
            return self._violate("reply_too_long")
        return self._reply(line)

    def _environment_line(self, raw: bytes, environment: dict[str, str]) -> AgiEvent | None:
        self._environment_bytes += len(raw) + 1
        if self._environment_bytes > MAX_ENVIRONMENT_BYTES or len(environment) >= MAX_ENVIRONMENT_LINES:
            return self._violate("environment_too_large")
        if not raw:
            if not environment:
                return self._violate("not_agi")
            self._environment = None
            return AgiEnvironment(MappingProxyType(environment))
        match = _ENVIRONMENT_LINE.fullmatch(raw.decode("utf-8", "replace"))
        if match is None:
            return self._violate("environment_malformed" if environment else "not_agi")
        name, value = match.groups()
        if name in environment:
            return self._violate("environment_forged")
        environment[name] = value
        return None

    def _check_rest(self) -> AgiViolation | None:
        """Garbage and floods are dropped on their first bytes, not at the end of a line that never comes."""
        rest = self._buffer
        if self._environment is None:
            return self._violate("reply_too_long") if len(rest) > MAX_REPLY_BYTES else None
        if rest and rest[:4] != _ENVIRONMENT_PREFIX[: len(rest)]:
            return self._violate("environment_malformed" if self._environment else "not_agi")
        if self._environment_bytes + len(rest) > MAX_ENVIRONMENT_BYTES:
            return self._violate("environment_too_large")
        return None

    def _reply(self, line: str) -> AgiEvent | None:
        match = _RESULT.fullmatch(line)
        if match is not None:
            return _result(match)
        if _OPEN_VALUE.match(line):
            self._open(line)
            return None
        usage = _USAGE_BEGINS.fullmatch(line)
        if usage is not None:
            self._usage_code = usage[1]
            self._open(usage[2])
            return None
        refusal = _REFUSAL.fullmatch(line)
        if refusal is None:
            return self._violate("reply_malformed")
        if refusal[1][0] == "1":  # provisional ("100 Trying…"): the reply is still to come
            return None
        return AgiReply(int(refusal[1]), data=refusal[2])

    def _open(self, line: str) -> None:
        self._open_lines.append(line)
        self._open_bytes = len(line)

    def _continued(self, line: str) -> AgiEvent | None:
        self._open_lines.append(line)
        self._open_bytes += len(line) + 1
        if self._open_bytes > MAX_REPLY_BYTES:
            return self._violate("reply_too_long")
        if self._usage_code:
            if not line.endswith(_USAGE_ENDS):
                return None
            reply = AgiReply(int(self._usage_code), data="\n".join(self._open_lines[:-1]))
        else:
            # Only a line that ends like a reply can complete it; the rest is not worth a match over the whole text.
            match = _RESULT.fullmatch("\n".join(self._open_lines)) if ")" in line else None
            if match is None:
                return None
            reply = _result(match)
        self._open_lines, self._open_bytes, self._usage_code = [], 0, ""
        return reply

    def _violate(self, reason: str) -> AgiViolation:
        self._violated = True
        self._buffer = b""
        return AgiViolation(reason)


def _result(match: re.Match[str]) -> AgiReply:
    code, result, data, rest = match.groups()
    fields = dict(item.split("=", 1) for item in rest.split()) if rest else _NO_FIELDS
    return AgiReply(int(code), result, data or "", fields)
