"""Who listens in to whom. The switch holds the line; here is what screens show of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from acd.domain.agent import AgentState
from acd.domain.errors import WrongStateError
from acd.domain.ids import AgentId
from acd.domain.state import State
from acd.service.ports import Clock, MonitorEnded, MonitorMode, Telephony, TelephonyError
from acd.service.screens import Screens


@dataclass(frozen=True, slots=True)
class Monitor:
    supervisor: str  # login
    extension: str
    agent_id: AgentId
    mode: MonitorMode
    since: datetime


class Monitors:
    """One per supervisor."""

    def __init__(self, state: State, telephony: Telephony, screens: Screens, clock: Clock) -> None:
        self._state = state
        self._telephony = telephony
        self._screens = screens
        self._clock = clock
        self._monitors: dict[str, Monitor] = {}  # by the supervisor's login

    def of(self, login: str) -> Monitor | None:
        return self._monitors.get(login)

    def all(self) -> list[Monitor]:
        return list(self._monitors.values())

    async def begin(self, login: str, extension: str, agent_id: AgentId, mode: MonitorMode) -> Monitor:
        """Ring the supervisor's phone, or change what is under way. Raises DomainError, TelephonyError."""
        agent = self._state.agent(agent_id)
        if agent.state is not AgentState.TALKING:
            raise WrongStateError(f"{agent.profile.name} is {agent.state}: there is nothing to hear")
        if agent.profile.extension == extension:
            raise WrongStateError("nobody can listen in to their own phone")
        before = self._monitors.get(login)
        monitor = Monitor(login, extension, agent_id, mode, self._clock.now())
        self._monitors[login] = monitor  # first: that the phone is not there may be told before the switch's reply
        self._tell(login)
        try:
            await self._telephony.monitor(extension, agent.profile.extension, mode)
        except TelephonyError:
            if before is None:
                self._monitors.pop(login, None)
            else:
                self._monitors[login] = before
            self._tell(login)
            raise
        return monitor

    async def end(self, login: str) -> None:
        """Raises TelephonyError."""
        monitor = self._monitors.get(login)
        if monitor is not None:
            await self._telephony.end_monitor(monitor.extension)

    def hear_switch(self, fact: MonitorEnded) -> None:
        for login, monitor in tuple(self._monitors.items()):
            if monitor.extension == fact.extension:
                del self._monitors[login]
                self._tell(login)

    def _tell(self, login: str) -> None:
        monitor = self._monitors.get(login)
        data = {
            "supervisor": login,
            "agent_id": monitor.agent_id if monitor else None,
            "mode": monitor.mode if monitor else None,
        }
        self._screens.supervisors.publish("monitor", data)
