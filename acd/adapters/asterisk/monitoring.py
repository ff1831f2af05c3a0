"""Supervisors who listen in: their phone is rung and put into ChanSpy on the agent's channel.

The channel carries the whole of it: which agent (a variable) and how (the extension of guichet-supervise it runs), so
another way of listening is a redirection of that channel, and its end the end of it all.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from acd.adapters.asterisk import dialplan
from acd.adapters.asterisk.ami import AmiError, AmiEvent, AmiLink
from acd.service.ports import MonitorEnded, MonitorMode, TelephonyError


class Monitoring:
    """One monitor per supervisor's extension."""

    def __init__(self, link: AmiLink, hear: Callable[[MonitorEnded], None]) -> None:
        self._link = link
        self._hear = hear
        self._channels: dict[str, str] = {}  # extension to ChannelId

    async def monitor(self, supervisor: str, agent: str, mode: MonitorMode) -> None:
        channel_id = self._channels.get(supervisor)
        if channel_id is None:
            await self._ring(supervisor, agent, mode)
            return
        spied = {"Channel": channel_id, "Variable": dialplan.SPIED, "Value": _spied(agent)}
        await self._act("Setvar", spied)
        await self._act(
            "Redirect", {"Channel": channel_id, "Context": dialplan.SUPERVISE, "Exten": mode.value, "Priority": "1"}
        )

    async def end(self, supervisor: str) -> None:
        channel_id = self._channels.get(supervisor)
        if channel_id is not None:
            await self._act("Hangup", {"Channel": channel_id})

    def on_event(self, event: AmiEvent) -> None:
        """Hangup and OriginateResponse end a monitor; others are nothing to it."""
        if event.name == "Hangup":
            self._over(self._who_has(event.get("Uniqueid")))
        elif event.name == "OriginateResponse" and event.get("Response") == "Failure":
            self._over(self._who_has(event.get("ActionID")))

    def connected(self, uniqueids: frozenset[str]) -> None:
        """After a login: what was heard of nobody while the connection was down."""
        for who, channel in tuple(self._channels.items()):
            if channel not in uniqueids:
                self._over(who)

    async def _ring(self, supervisor: str, agent: str, mode: MonitorMode) -> None:
        channel_id = f"guichet-monitor-{secrets.token_hex(6)}"
        self._channels[supervisor] = channel_id
        headers = {
            "Context": dialplan.SUPERVISE,
            "Exten": mode.value,
            "Priority": "1",
            "ChannelId": channel_id,
            "ActionID": channel_id,  # a phone that is not there is told of by it alone, maybe before the reply
            "CallerID": f'"{agent}" <{agent}>',
        }
        try:
            await self._link.originate(
                f"PJSIP/{dialplan.phone_endpoint(supervisor)}", headers, variables={dialplan.SPIED: _spied(agent)}
            )
        except AmiError as error:
            self._channels.pop(supervisor, None)
            raise TelephonyError(f"Originate: {error}") from error

    async def _act(self, name: str, headers: dict[str, str]) -> None:
        try:
            await self._link.action(name, headers)
        except AmiError as error:
            raise TelephonyError(f"{name}: {error}") from error

    def _who_has(self, channel_id: str | None) -> str | None:
        return next((who for who, channel in self._channels.items() if channel == channel_id), None)

    def _over(self, supervisor: str | None) -> None:
        if supervisor is not None and self._channels.pop(supervisor, None) is not None:
            self._hear(MonitorEnded(supervisor))


def _spied(agent: str) -> str:
    """The beginning of the names of that phone's channels: with the dash, 1001 is not 10011."""
    return f"PJSIP/{dialplan.phone_endpoint(agent)}-"
