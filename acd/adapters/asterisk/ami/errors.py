"""What can go wrong on the way to Asterisk's manager interface.

AmiError
├── AmiUnreachableError      no connection, or what answers is not AMI
├── AmiLoginRefusedError     Asterisk answered and said no: wrong secret, unknown user, ACL
├── AmiLinkLostError         the link dropped; the action may or may not have been done, it is never sent again
├── AmiDeadlineError         no answer in time; the action may or may not have been done
├── AmiRefusedError          Asterisk answered `Response: Error`
├── AmiInvalidValueError     refused here, before a byte was written
└── AmiResyncError           the hook that runs after each login failed
"""

from __future__ import annotations


class AmiError(Exception):
    """Base of every error of this package."""

    error_id = "ami.error"


class AmiUnreachableError(AmiError):
    """No TCP connection, no AMI banner, or no readiness in time. The text says which."""

    error_id = "ami.unreachable"


class AmiLoginRefusedError(AmiError):
    """Asterisk refused the login; retrying quickly would only get the address banned."""

    error_id = "ami.login_refused"


class AmiLinkLostError(AmiError):
    """The link is down. An action that was waiting fails with this and is never replayed."""

    error_id = "ami.link_lost"


class AmiDeadlineError(AmiError):
    """No answer within the action's deadline; its pending entry is already forgotten."""

    error_id = "ami.deadline"


class AmiRefusedError(AmiError):
    """Asterisk answered the action with `Response: Error`.

    `action` is the action's name, `message` is Asterisk's own text (`No such channel`).
    """

    error_id = "ami.refused"

    def __init__(self, action: str, message: str) -> None:
        super().__init__(f"{action}: {message or 'refused without a message'}")
        self.action = action
        self.message = message

    def __reduce__(self) -> tuple[type[AmiRefusedError], tuple[str, str]]:
        return type(self), (self.action, self.message)


class AmiInvalidValueError(AmiError, ValueError):
    """A header that AMI cannot carry safely. The text names the header, never its value."""

    error_id = "ami.invalid_value"


class AmiResyncError(AmiError):
    """The hook that runs after a login raised; the login is dropped and tried again later."""

    error_id = "ami.resync_failed"
