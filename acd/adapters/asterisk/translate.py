"""AMI events into the facts the service understands. Channel, Uniqueid and interface names stop here."""

from __future__ import annotations

import re

from acd.adapters.asterisk.ami import AmiEvent
from acd.domain.ids import is_attempt
from acd.service.ports import (
    AgentNotReached,
    CallerGone,
    DialStatus,
    DoNotDisturb,
    FarEndAnswered,
    KeyPressed,
    LegAnswered,
    LegHeld,
    LegRinging,
    PhoneReachable,
    TelephonyFact,
)

UNREACHABLE = DialStatus.UNREACHABLE
# Reason of OriginateResponse: AST_CONTROL_RINGING (3) when it rang in vain, AST_CONTROL_BUSY (5)
_ORIGINATE_REASON = {"3": DialStatus.NO_ANSWER, "5": DialStatus.BUSY}
# "PJSIP/agent-1001-0000002a": the channel of an agent's phone
_PHONE = re.compile(r"^PJSIP/agent-([0-9]{2,8})$")
_DND = re.compile(r"^Custom:DND([0-9]{2,8})$")  # as FreePBX names it; our own dialplan sets it by *78 and *79
_AGENT_CHANNEL = re.compile(r"^PJSIP/agent-([0-9]{2,8})-[0-9a-f]+$")


def extension_of(channel: str) -> str | None:
    found = _AGENT_CHANNEL.match(channel)
    return found.group(1) if found else None


def translate(event: AmiEvent) -> TelephonyFact | None:
    """None for events that tell the service nothing.

    A caller's own channel is the first of its Linkedid, so its Uniqueid is the Linkedid.
    """
    match event.name:
        case "DialState" if event.get("DialStatus") == "RINGING":
            return _leg(event, LegRinging)
        case "DialEnd" if is_attempt(event.get("DestLinkedid") or ""):
            return _agent_first(event)
        case "DialEnd" if event.get("DialStatus") == "ANSWER":
            return _leg(event, LegAnswered) or _outside_answered(event)
        case "OriginateResponse" if is_attempt(event.get("Uniqueid") or "") and event.get("Response") == "Failure":
            return AgentNotReached(event["Uniqueid"], _ORIGINATE_REASON.get(event.get("Reason") or "", UNREACHABLE))
        case "Hold" | "Unhold" if event.get("Uniqueid") != event.get("Linkedid"):
            extension = extension_of(event.get("Channel") or "")
            return LegHeld(event["Linkedid"], extension, event.name == "Hold") if extension else None
        case "DTMFEnd" if event.get("Direction") == "Received" and event.get("Uniqueid") == event.get("Linkedid"):
            return KeyPressed(event["Linkedid"], event.get("Digit") or "")
        case "Hangup" if event.get("Uniqueid") == event.get("Linkedid"):
            return CallerGone(event["Linkedid"])
        case "DeviceStateChange":
            return device_state(event.get("Device") or "", event.get("State") or "")
    return None


def _agent_first(event: AmiEvent) -> TelephonyFact | None:
    """An agent's channel, which has the id of its Linkedid, or the far end that it called. That the agent answered is
    known when the channel comes under control."""
    linkedid, status = event["DestLinkedid"], event.get("DialStatus")
    is_agent = event.get("DestUniqueid") == linkedid
    if is_agent:
        return AgentNotReached(linkedid, DialStatus.BUSY) if status == "BUSY" else None
    return FarEndAnswered(linkedid) if status == "ANSWER" else None


def device_state(device: str, state: str) -> PhoneReachable | DoNotDisturb | None:
    """Of DeviceStateChange. UNAVAILABLE is an endpoint without a contact that answers."""
    if found := _PHONE.match(device):
        return PhoneReachable(found.group(1), state != "UNAVAILABLE")
    if found := _DND.match(device):
        return DoNotDisturb(found.group(1), state in {"INUSE", "BUSY", "ONHOLD"})
    return None


def endpoint_state(item: AmiEvent) -> PhoneReachable | None:
    """An item of PJSIPShowEndpoints: those that were never registered are among them."""
    found = _PHONE.match(f"PJSIP/{item.get('ObjectName') or ''}")
    return PhoneReachable(found.group(1), item.get("DeviceState") != "Unavailable") if found else None


def talking_leg(channel: AmiEvent) -> LegAnswered | None:
    """An item of CoreShowChannels: an agent's phone in conversation, as the callee. The caller's own channel, which
    may be an agent's phone too, is the first of its Linkedid."""
    extension, linkedid = extension_of(channel.get("Channel") or ""), channel.get("Linkedid")
    is_callee = channel.get("Uniqueid") != linkedid
    is_talking = channel.get("ChannelStateDesc") == "Up" and bool(channel.get("BridgeId"))
    return LegAnswered(linkedid, extension) if extension and linkedid and is_callee and is_talking else None


def _leg(event: AmiEvent, fact: type[LegRinging] | type[LegAnswered]) -> TelephonyFact | None:
    extension = extension_of(event.get("DestChannel") or "")
    linkedid = event.get("Linkedid") or event.get("DestLinkedid")
    return fact(linkedid, extension) if extension and linkedid else None


def _outside_answered(event: AmiEvent) -> LegAnswered | None:
    """A number that an agent's phone rang for a consultation: the agent's channel is not the first of its Linkedid."""
    linkedid = event.get("Linkedid")
    is_consult = bool(extension_of(event.get("Channel") or "")) and event.get("Uniqueid") != linkedid
    return LegAnswered(linkedid, "") if linkedid and is_consult else None
