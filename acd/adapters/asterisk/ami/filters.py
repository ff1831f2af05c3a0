"""Which events the service asks Asterisk for: the one place, for the client and for manager.conf.

Asterisk drops EVENTS_LEFT_OUT before they are sent: they are most of its events, and a client that does not
take its data within `writetimeout` is cut off. A short deny-list costs Asterisk less per event than an
allow-list of sixty names. What passes and is not in EVENTS_WANTED is skipped by the client before parsing.
"""

from __future__ import annotations

# Per variable, per dialplan step, per RTCP report, per AGI command: floods nobody here reads.
# Variables come as ChanVariable headers instead (manager.conf `channelvars`).
EVENTS_LEFT_OUT: tuple[str, ...] = (
    "VarSet",
    "Newexten",
    "RTCPSent",
    "RTCPReceived",
    "DTMFBegin",
    "AGIExecStart",
    "AGIExecEnd",
    "ChallengeSent",
    "SuccessfulAuth",
    "Cdr",
    "CEL",
)

EVENTS_WANTED: frozenset[str] = frozenset(
    {
        # channels
        "Newchannel",
        "Newstate",
        "NewCallerid",
        "NewConnectedLine",
        "Rename",
        "HangupRequest",
        "SoftHangupRequest",
        "Hangup",
        "Hold",
        "Unhold",
        "DTMFEnd",
        "MusicOnHoldStart",
        "MusicOnHoldStop",
        # dialling
        "DialBegin",
        "DialState",
        "DialEnd",
        "OriginateResponse",
        # bridges and transfers
        "BridgeCreate",
        "BridgeEnter",
        "BridgeLeave",
        "BridgeDestroy",
        "BridgeMerge",
        "AttendedTransfer",
        "BlindTransfer",
        "Pickup",
        "LocalBridge",
        "LocalOptimizationEnd",
        "ParkedCall",
        "ParkedCallGiveUp",
        "ParkedCallSwap",
        "ParkedCallTimeOut",
        "UnParkedCall",
        # asynchronous AGI
        "AsyncAGIStart",
        "AsyncAGIExec",
        "AsyncAGIEnd",
        # agents' devices
        "DeviceStateChange",
        "ContactStatus",
        "PeerStatus",
        "PresenceStateChange",
        # supervision
        "ChanSpyStart",
        "ChanSpyStop",
        "MixMonitorStart",
        "MixMonitorStop",
        "MixMonitorMute",
        # an app_queue beside us
        "QueueCallerJoin",
        "QueueCallerLeave",
        "QueueCallerAbandon",
        "QueueMemberStatus",
        "QueueMemberPause",
        "QueueMemberAdded",
        "QueueMemberRemoved",
        "QueueMemberPenalty",
        "AgentCalled",
        "AgentConnect",
        "AgentRingNoAnswer",
        "AgentComplete",
        "AgentDump",
        # the system, and what the dialplan tells us itself
        "FullyBooted",
        "Shutdown",
        "Reload",
        "UserEvent",
    }
)

# For the `Filter` action's MatchCriteria and for manager.conf's eventfilter(...). Asterisk before 20.11, 21.6 and
# 22.1 does not know this form and lets everything pass, which only costs.
EVENT_FILTER: tuple[str, ...] = tuple(f"action(exclude),name({name})" for name in EVENTS_LEFT_OUT)

# What the two logins need. `system` on the events login carries FullyBooted and allows Filter. `command` is left out on
# purpose: it runs any CLI line, and only `AmiSession.command` would need it.
EVENTS_READ_PERMISSIONS = "system,call,agent,user,dtmf,agi"
EVENTS_WRITE_PERMISSIONS = "system"
ACTIONS_READ_PERMISSIONS = "system,call,reporting"
ACTIONS_WRITE_PERMISSIONS = "system,call,originate,agi,agent,reporting,user"


def eventfilter_lines() -> list[str]:
    """The same filters as lines of a user's section in manager.conf."""
    return [f"eventfilter({criteria}) =" for criteria in EVENT_FILTER]
