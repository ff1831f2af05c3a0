"""A real SIP phone (UDP, digest, RTP with G.711 and RFC 4733), used by the demo, the tests and the benchmark."""

from acd.phone.audio import Playback, Silence, Tone
from acd.phone.call import PhoneCall
from acd.phone.errors import CallRejectedError, PhoneError, PhoneTimeoutError, RegistrationError
from acd.phone.incoming import IncomingCall
from acd.phone.media import MediaClock, MediaMode, MediaOptions
from acd.phone.outgoing import OutgoingCall
from acd.phone.phone import Phone, PhoneAccount
from acd.phone.progress import CallEnd, CallState, EndedBy

__all__ = [
    "CallEnd",
    "CallRejectedError",
    "CallState",
    "EndedBy",
    "IncomingCall",
    "MediaClock",
    "MediaMode",
    "MediaOptions",
    "OutgoingCall",
    "Phone",
    "PhoneAccount",
    "PhoneCall",
    "PhoneError",
    "PhoneTimeoutError",
    "Playback",
    "RegistrationError",
    "Silence",
    "Tone",
]
