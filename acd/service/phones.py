"""Agents' phones: what the switch tells of them, told on to the engine for whoever has that phone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from acd.domain import commands as cmd
from acd.domain import events as ev
from acd.domain.agent import NotReadyReason
from acd.domain.ids import AgentId
from acd.domain.state import State
from acd.service.ports import DoNotDisturb, PhoneReachable


class PhoneWatch:
    """Hears the switch, and the dispatcher: an agent who becomes known has a phone that may be away already."""

    def __init__(self, state: State, submit: Callable[[cmd.Command], None]) -> None:
        self._state = state
        self._submit = submit
        self._away: set[str] = set()  # extensions
        self._disturb_not: set[str] = set()

    def trouble_of(self, extension: str) -> str:
        if extension in self._away:
            return NotReadyReason.PHONE_UNREGISTERED
        return NotReadyReason.DO_NOT_DISTURB if extension in self._disturb_not else ""

    def hear_switch(self, fact: PhoneReachable | DoNotDisturb) -> None:
        before = self.trouble_of(fact.extension)
        match fact:
            case PhoneReachable(extension, is_reachable):
                _put(self._away, extension, is_in=not is_reachable)
            case DoNotDisturb(extension, is_on):
                _put(self._disturb_not, extension, is_in=is_on)
        if self.trouble_of(fact.extension) == before:
            return  # each call changes a device's state several times
        for agent in tuple(self._state.agents.values()):
            if agent.profile.extension == fact.extension:
                self._report(agent.agent_id, fact.extension)

    def hear(self, events: Sequence[ev.Event]) -> None:
        for event in events:
            if isinstance(event, ev.AgentRegistered):
                self._report(event.profile.agent_id, event.profile.extension)

    def _report(self, agent_id: AgentId, extension: str) -> None:
        agent = self._state.agents.get(agent_id)
        if agent is not None and agent.phone_trouble != self.trouble_of(extension):
            self._submit(cmd.ReportPhone(agent_id=agent_id, trouble=self.trouble_of(extension)))


def _put(extensions: set[str], extension: str, *, is_in: bool) -> None:
    if is_in:
        extensions.add(extension)
    else:
        extensions.discard(extension)
