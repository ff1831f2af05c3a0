"""The phone's errors.

PhoneError
+-- PhoneTimeoutError      what was awaited did not happen in time
+-- CallRejectedError      the far end refused the call (status, reason)
+-- CallStateError         the call is past the state in which this can be done
+-- RegistrationError      the registrar refused or did not answer (status, reason)
+-- SipParseError          a datagram is not a SIP message one can act upon
+-- SdpError               a session description is unusable
+-- InvalidSipValueError   a value given by the caller of this library cannot go into a SIP message
+-- AudioFormatError       a sound is not what telephony carries: 8 kHz, mono, 16 bits
"""

from __future__ import annotations


class PhoneError(Exception):
    """Anything that goes wrong with a phone."""

    error_id = "phone.error"


class PhoneTimeoutError(PhoneError):
    """What was awaited did not happen in time; the text says what and how long."""

    error_id = "phone.timeout"


class CallRejectedError(PhoneError):
    """The call ended before it was answered: `status` is the SIP status (408 when nobody replied)."""

    error_id = "phone.call_rejected"

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the call was not answered: {status} {reason}")
        self.status = status
        self.reason = reason


class CallStateError(PhoneError):
    """The call is past the state in which this can be done."""

    error_id = "phone.call_state"


class RegistrationError(PhoneError):
    """The registrar refused (`status` is its SIP status) or did not answer (`status` 408)."""

    error_id = "phone.registration"

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"registration failed: {status} {reason}")
        self.status = status
        self.reason = reason


class SipParseError(PhoneError):
    """A datagram is not a SIP message one can act upon; `status` is what a reply would carry."""

    error_id = "phone.sip_parse"

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class SdpError(PhoneError):
    """A session description is unusable: malformed, or no G.711 audio in it."""

    error_id = "phone.sdp"


class InvalidSipValueError(PhoneError, ValueError):
    """A value cannot go into a SIP message (line break, NUL, reserved header)."""

    error_id = "phone.invalid_value"


class AudioFormatError(PhoneError):
    """A sound is not 8 kHz, mono, 16 bits, or too short for what was asked."""

    error_id = "phone.audio_format"
