"""What is told to people beside their calls: limits passed, words from supervisors, offers accepted.

Frames: `warning` (agent and supervisors), `broadcast` (each agent it is for, and supervisors), `call` (the offer the
agent accepted, as it is now).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from acd.domain import events as ev
from acd.domain.ids import AgentId
from acd.domain.state import State
from acd.service.screens import Screens


class Notices:
    """A listener of the dispatcher, after the screens."""

    def __init__(self, state: State, screens: Screens) -> None:
        self._state = state
        self._screens = screens

    def hear(self, events: Sequence[ev.Event]) -> None:
        for event in events:
            match event:
                case ev.ReasonLimitPassed():
                    self._warn(event)
                case ev.TextBroadcast():
                    self._broadcast(event)
                case ev.OfferAccepted(agent_id=agent_id):
                    snapshot = self._screens.agent_snapshot(agent_id)
                    self._screens.agent_feed(agent_id).publish("call", snapshot["call"])

    def _warn(self, event: ev.ReasonLimitPassed) -> None:
        policy = self._state.rules.people.reason(event.reason)
        warning: dict[str, Any] = {
            "agent_id": event.agent_id,
            "name": self._name_of(event.agent_id),
            "reason": event.reason,
            "label": policy.label if policy else event.reason,
            "limit": event.limit,
            "seconds": event.seconds,
        }
        self._screens.agent_feed(event.agent_id).publish("warning", warning)
        self._screens.supervisors.publish("warning", warning)

    def _broadcast(self, event: ev.TextBroadcast) -> None:
        text: dict[str, Any] = {
            "text": event.text,
            "sender": event.sender,
            "queue": event.queue,
            "at": event.at,
            "readers": len(event.agents),
        }
        for agent_id in event.agents:
            self._screens.agent_feed(agent_id).publish("broadcast", text)
        self._screens.supervisors.publish("broadcast", text)

    def _name_of(self, agent_id: AgentId) -> str:
        agent = self._state.agents.get(agent_id)
        return agent.profile.name if agent else agent_id
