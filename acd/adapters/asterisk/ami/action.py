"""Building actions that cannot say more than they were asked to.

AMI has no quoting: a line end in a value starts a new header, an empty line a new action. Asterisk 22 also cuts
a line of more than 1,023 bytes and may read the rest as a header of its own (seen), and refuses more than 128
headers. Everything is checked before the first byte is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from panoramisk.actions import Action
from panoramisk.utils import IdGenerator

from acd.adapters.asterisk.ami.errors import AmiInvalidValueError, AmiRefusedError
from acd.adapters.asterisk.ami.message import AmiEvent

HeaderValues = str | Sequence[str]

LINE_LIMIT_BYTES = 1023
HEADERS_LIMIT = 128

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.()/-]*")
_VARIABLE = re.compile(r"_{0,2}[A-Za-z][A-Za-z0-9_]*")
_SEPARATORS = re.compile(r'[\\,"()\[\]]')
# Lists that PJSIP reports as an error when they are empty ("No Contacts found").
_EMPTY_LIST = re.compile(r"No [A-Za-z ]+ found\.?\s*")


class AmiAction(Action):  # type: ignore[misc]  # panoramisk is untyped
    """One action, its encoded bytes and the future of its reply.

    The future gets one AmiEvent, or with `as_list` the list's items without the closing event. Whether an
    answer is a list is never guessed from its text: that guess is faults 1 to 3 of panoramisk.
    """

    action_id_generator = IdGenerator("guichet")

    def __init__(self, name: str, headers: Mapping[str, HeaderValues], *, as_list: bool) -> None:
        own = {"Action": name, **headers}
        if len(own) != len({key.lower() for key in own}):
            raise AmiInvalidValueError(f"action {_shown(name)}: a header is given twice")
        super().__init__(own, as_list=as_list)
        self.name = name
        self.wire = encode(dict(self.items()))

    @property
    def id(self) -> str:
        return str(self["ActionID"])

    @property
    def multi(self) -> bool:
        return bool(self.as_list)

    def add_message(self, message: AmiEvent) -> bool:
        """Take a reply or list item; true when the action is finished and can be forgotten."""
        if self.future.done():
            return True
        if not message.name and message.get("Response") == "Error":
            return self._refuse(message)
        if not self.multi:
            self.future.set_result(message)
            return True
        if message.name:
            return self._add_item(message)
        # "will follow" without EventList: DBGet and its like.
        if message.get("EventList") != "start" and "follow" not in message.get("Message", ""):
            self.future.set_result([])
            return True
        return False

    def _refuse(self, message: AmiEvent) -> bool:
        text = message.get("Message", "")
        if self.multi and _EMPTY_LIST.fullmatch(text):
            self.future.set_result([])
            return True
        output = message.get_all("Output")
        self.future.set_exception(AmiRefusedError(self.name, " ".join(output) if output else text))
        return True

    def _add_item(self, message: AmiEvent) -> bool:
        # Asterisk says "Complete", or "cancelled" when the list was broken off.
        if "EventList" in message:
            if message["EventList"].lower() == "complete":
                self.future.set_result(self.responses)
            else:
                self.future.set_exception(AmiRefusedError(self.name, "Asterisk broke the list off"))
            return True
        self.responses.append(message)
        return False


def encode(headers: Mapping[str, HeaderValues]) -> bytes:
    """The action's bytes, `Action` first.

    Raises AmiInvalidValueError, naming the header, for a key that is not a plain word, a value that is not text
    or holds CR, LF or NUL, a line longer than Asterisk reads, or too many headers.
    """
    lines: list[bytes] = []
    for key, values in headers.items():
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise AmiInvalidValueError(f"header {_shown(key)}: not a header name")
        lines.extend(_encode_line(key, value) for value in ((values,) if isinstance(values, str) else values))
    if len(lines) > HEADERS_LIMIT:
        raise AmiInvalidValueError(f"{len(lines)} headers: Asterisk takes {HEADERS_LIMIT}")
    return b"\r\n".join([*lines, b"", b""])


def _encode_line(key: str, value: object) -> bytes:
    if not isinstance(value, str):
        raise AmiInvalidValueError(f"header {key}: a {type(value).__name__} is not text")
    if "\r" in value or "\n" in value or "\0" in value:
        raise AmiInvalidValueError(f"header {key}: holds a line end or NUL")
    try:
        line = f"{key}: {value}".encode()
    except UnicodeEncodeError:
        raise AmiInvalidValueError(f"header {key}: holds a lone surrogate") from None
    if len(line) > LINE_LIMIT_BYTES:
        raise AmiInvalidValueError(f"header {key}: {len(line)} bytes, Asterisk reads {LINE_LIMIT_BYTES}")
    return line


def variable_headers(variables: Mapping[str, str]) -> list[str]:
    """The values of `Variable` headers, one variable each, for Originate and its like.

    Asterisk splits such a header at commas and takes quotes, brackets and backslashes as its own, so a caller's
    name could set further variables: those characters are escaped. Raises AmiInvalidValueError for a name that is
    not a plain variable (a function such as `SHELL(...)` would be written to).
    """
    headers = []
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(name):
            raise AmiInvalidValueError(f"variable {_shown(name)}: not a plain variable name")
        headers.append(f"{name}={_SEPARATORS.sub(lambda found: chr(92) + found[0], value)}")
    return headers


def caller_id(name: str, number: str) -> str:
    """A `CallerID` header that Asterisk reads back as just this name and number.

    Quotes, angle brackets and backslashes have no reliable escape there and are dropped from the name, as are line
    ends and control characters; of the number only digits, `+`, `*` and `#` stay.
    """
    plain_name = "".join(letter for letter in name if letter.isprintable() and letter not in '"<>\\')
    plain_number = "".join(letter for letter in number if letter in "+*#0123456789")
    return f'"{plain_name}" <{plain_number}>'


def _shown(name: object) -> str:
    """A name fit for an error text: short and printable."""
    return repr(name)[:60]
