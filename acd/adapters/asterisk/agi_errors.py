"""What can go wrong on an AGI session. Pure: no I/O.

    AgiError
    ├── AgiHangupError            the channel has left AGI: the caller hung up, or was redirected or transferred
    ├── AgiConnectionLostError    the socket is gone; the channel may live on (the dialplan re-enters AGI)
    ├── AgiDeadlineError          no reply in time; the session has been closed, the channel may live on
    ├── AgiCommandError           Asterisk refused the command (510, 520) or it failed on a live channel
    └── AgiInvalidArgumentError   refused here, before a byte was written
    AgiBusyError (RuntimeError)   a second command while one runs: a programming error

Messages name the AGI command, never its arguments: those may be personal data.
"""

from typing import ClassVar


class AgiError(Exception):
    """Base of everything an AGI session raises on purpose."""

    error_id: ClassVar[str] = "agi"


class AgiHangupError(AgiError):
    """The channel has left AGI: hung up, or taken elsewhere by an AMI Redirect or a transfer.

    Asterisk 22.10 sends the same HANGUP line for both, and a redirected channel goes on **only after the AGI
    socket is closed**: so return from the session at once.
    """

    error_id: ClassVar[str] = "agi_hangup"


class AgiConnectionLostError(AgiError):
    """The socket ended without HANGUP, or sent what no Asterisk sends: the channel may still live."""

    error_id: ClassVar[str] = "agi_connection_lost"


class AgiDeadlineError(AgiError):
    """No reply within the deadline; the session is closed, because a late reply would be taken for the next one."""

    error_id: ClassVar[str] = "agi_deadline"


class AgiCommandError(AgiError):
    """Asterisk refused a command or could not do it on a live channel.

    `command` is the name alone ("STREAM FILE"), `code` the AGI code (200 when the result was -1), `usage` the
    text Asterisk sent with it.
    """

    error_id: ClassVar[str] = "agi_command"

    def __init__(self, command: str, code: int, usage: str) -> None:
        super().__init__(f"{command}: {code} {usage}")
        self.command = command
        self.code = code
        self.usage = usage


class AgiInvalidArgumentError(AgiError):
    """An argument that cannot be sent safely. The message tells what is wrong, never the value."""

    error_id: ClassVar[str] = "agi_invalid_argument"


class AgiBusyError(RuntimeError):
    """A command was given while another one runs on the same session: AGI does one at a time."""

    error_id: ClassVar[str] = "agi_busy"
