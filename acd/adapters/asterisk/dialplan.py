"""The agreement between the dialplan and the service: names of channel variables and order of AGI arguments.

`config/asterisk/extensions.conf.j2` is rendered from these names, the FastAGI side reads them: one place for both,
because the channel carries the call's state across a restart of the service.
"""

from __future__ import annotations

from acd.domain.outgoing import NUMBER, FarEnd

AGI_SCRIPT = "call"
DESK_SCRIPT = "desk"  # an agent's leg, or a consulted one, that is with nobody just now
DESK_CONTEXT = "guichet-desk"
DESK_ARGUMENTS: tuple[tuple[str, str], ...] = (("token", "@token@"), ("linkedid", "${CHANNEL(linkedid)}"))

# Arguments of AGI(agi://host:port/call,...) in order. The first is the installation token. "expression" is what
# the dialplan writes there; the service finds the value under the name.
AGI_ARGUMENTS: tuple[tuple[str, str], ...] = (
    ("token", "@token@"),
    ("linkedid", "${CHANNEL(linkedid)}"),
    ("called_number", "${GUICHET_DID}"),
    ("stage", "${GUICHET_STAGE}"),
    ("queue", "${GUICHET_QUEUE}"),
    ("queued_at", "${GUICHET_QUEUED_AT}"),
    ("started_at", "${GUICHET_STARTED_AT}"),
    ("priority", "${GUICHET_PRIORITY}"),
    ("language", "${GUICHET_LANGUAGE}"),
    ("ticket", "${GUICHET_TICKET}"),
    ("ivr_session", "${GUICHET_IVR}"),
    ("reservation", "${GUICHET_RESERVATION}"),
    ("agent", "${GUICHET_AGENT}"),
    ("dial_status", "${DIALSTATUS}"),
    ("answered_time", "${ANSWEREDTIME}"),
    ("dialled", "${DIALEDPEERNAME}"),
)

STAGE = "GUICHET_STAGE"
QUEUE = "GUICHET_QUEUE"
QUEUED_AT = "GUICHET_QUEUED_AT"
STARTED_AT = "GUICHET_STARTED_AT"
PRIORITY = "GUICHET_PRIORITY"
LANGUAGE = "GUICHET_LANGUAGE"
TICKET = "GUICHET_TICKET"
IVR_SESSION = "GUICHET_IVR"
RESERVATION = "GUICHET_RESERVATION"
AGENT = "GUICHET_AGENT"
ROOM = "GUICHET_ROOM"  # the conference a leg of the desk is in
CALLER = "GUICHET_CALLER"  # the caller's channel, on a leg in a conference
SEEN = "GUICHET_SEEN"  # "1": a service has taken this call up since the dialplan last asked for one
FAR_END = "GUICHET_FAR_END"  # "machine": what answered an agent's call is no person
AGENT_FIRST = "guichet-agent-first"  # context of agents' own channels
DETECT_MACHINES = "guichet-far-end"  # where a far end that answered is listened to
SPIED = "GUICHET_SPIED"  # on a supervisor's channel: the beginning of the names of the channels listened in to
SUPERVISE = "guichet-supervise"
AUTO_ANSWER = "guichet-auto-answer"
DONE = "GUICHET_DONE"  # "1": only the service sets it; AGISTATUS says nothing about it (see design.md section 2)

OVERLOAD = "GUICHET_OVERLOAD"  # "announcement" or "fallback": the service is too busy for this caller
FALLBACK = "GUICHET_FALLBACK"  # what is to be known of a caller in a fallback queue: see [guichet-fallback]
FALLBACK_FAMILY = "guichet-fallback"  # in Asterisk's database: what became of them, by Linkedid; the context, too


def fallback_queue(queue: str) -> str:
    """Asterisk's queue that stands in for one of ours."""
    return f"guichet-{queue}"


def phone_endpoint(extension: str) -> str:
    """The PJSIP endpoint of an agent's phone. Never a bare number: a caller's From header cannot collide with it."""
    return f"agent-{extension}"


def dial_target(to: FarEnd) -> str:
    """What Dial takes for it. Raises ValueError for what is no number: it stands in a dialplan expression."""
    if not NUMBER.fullmatch(to.number):
        raise ValueError("not a number that can be dialled")
    return f"PJSIP/{to.number}@{to.trunk}" if to.trunk else f"PJSIP/{phone_endpoint(to.number)}"
