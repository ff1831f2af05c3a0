"""The legs of talks: which channels belong to which call, and what AMI is asked to do with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from acd.adapters.asterisk import dialplan
from acd.adapters.asterisk.ami import AmiError, AmiEvent, AmiRefusedError
from acd.adapters.asterisk.caller import state_variables
from acd.adapters.asterisk.translate import extension_of
from acd.service.ports import LegGone, TelephonyError

Act = Callable[[str, Mapping[str, str]], Awaitable[object]]

_DIGIT_SECONDS = 0.16  # of the key itself; as much silence behind it
_NOT_THERE = ("no such channel", "channel does not exist", "channel not specified", "no channel by that name found")


class TalkLegs:
    """Channels by Linkedid, as DialBegin and Hangup tell of them and a list of all channels after each login.

    A caller's own channel is the first of its Linkedid. All legs that come of it carry the same Linkedid, also those
    that an agent's leg rings for a consultation, and keep their name and Uniqueid when they are moved between bridges
    (seen on 22.10).
    """

    def __init__(self, act: Act) -> None:
        self._act = act
        self.is_known = False
        self._callers: dict[str, str] = {}
        self._legs: dict[str, dict[str, str]] = {}  # Linkedid -> channel -> extension, in order of their coming
        self._watched: set[str] = set()  # channels that were at the desk, or were rung from there

    def begin_anew(self, channels: Sequence[AmiEvent]) -> None:
        self._callers.clear()
        self._legs.clear()
        self._watched.clear()
        for item in sorted(channels, key=lambda item: _age(item.get("Uniqueid") or "")):
            channel, linkedid = item.get("Channel") or "", item.get("Linkedid") or ""
            if item.get("Uniqueid") == linkedid:
                self._callers[linkedid] = channel
                continue
            self._legs.setdefault(linkedid, {})[channel] = extension_of(channel) or ""
            if item.get("Context") == dialplan.DESK_CONTEXT:
                self._watched.add(channel)
        self.is_known = True

    def hear(self, event: AmiEvent) -> LegGone | None:
        linkedid = event.get("Linkedid") or ""
        match event.name:
            case "DialBegin" if leg := event.get("DestChannel"):
                is_caller = event.get("Uniqueid") == linkedid
                if is_caller:
                    self._callers[linkedid] = event.get("Channel") or ""
                elif extension_of(event.get("Channel") or ""):
                    self._watched.add(leg)
                self._legs.setdefault(linkedid, {})[leg] = extension_of(leg) or ""
            case "Hangup" if event.get("Uniqueid") == linkedid:
                self._callers.pop(linkedid, None)
            case "Hangup":
                return self._gone(linkedid, event.get("Channel") or "")
        return None

    def _gone(self, linkedid: str, channel: str) -> LegGone | None:
        legs = self._legs.get(linkedid, {})
        extension = legs.pop(channel, None)
        if not legs:
            self._legs.pop(linkedid, None)
        was_watched = channel in self._watched
        self._watched.discard(channel)
        if extension is None or not was_watched or extension in legs.values():
            return None
        return LegGone(linkedid, extension)

    def leg_of(self, linkedid: str, extension: str) -> str | None:
        legs = self._legs.get(linkedid, {})
        return next((leg for leg, of in reversed(legs.items()) if of == extension), None)

    async def mark(self, linkedid: str, variables: Mapping[str, str]) -> None:
        channel = self._callers.get(linkedid)
        if channel is None:
            return
        for name, value in state_variables(variables).items():
            await self._do("Setvar", {"Channel": channel, "Variable": name, "Value": value})

    async def send_to_desk(self, leg: str) -> None:
        self._watched.add(leg)
        place = {"Context": dialplan.DESK_CONTEXT, "Exten": "s", "Priority": "1"}
        await self._do("Redirect", {"Channel": leg, **place})

    async def end_conference(self, linkedid: str, room: str) -> None:
        if channel := self._callers.get(linkedid):
            try:
                await self._act("ConfbridgeKick", {"Conference": room, "Channel": channel})
            except AmiRefusedError:
                return  # no such conference, or the caller is not in it: what was wanted
            except AmiError as error:
                raise TelephonyError(f"ConfbridgeKick: {error}") from error

    async def mute(self, leg: str, *, is_muted: bool) -> None:
        await self._do("MuteAudio", {"Channel": leg, "Direction": "in", "State": "on" if is_muted else "off"})

    async def play_digits(self, linkedid: str, leg: str | None, digits: str) -> None:
        channel = leg or self._callers.get(linkedid)
        if channel is None:
            raise TelephonyError("the switch does not know that channel")
        for digit in digits:
            milliseconds = str(round(_DIGIT_SECONDS * 1000))
            await self._do("PlayDTMF", {"Channel": channel, "Digit": digit, "Duration": milliseconds})
            await asyncio.sleep(2 * _DIGIT_SECONDS)

    async def _do(self, action: str, headers: Mapping[str, str]) -> None:
        try:
            await self._act(action, headers)
        except AmiRefusedError as error:
            if not error.message.lower().startswith(_NOT_THERE):
                raise TelephonyError(f"{action}: {error}") from error
        except AmiError as error:
            raise TelephonyError(f"{action}: {error}") from error


def _age(uniqueid: str) -> tuple[float, int]:
    """ "guichet-1795304658.12": seconds, and the count since Asterisk's start."""
    seconds, _, count = uniqueid.rpartition("-")[2].partition(".")
    return (float(seconds) if seconds.isdecimal() else 0.0, int(count) if count.isdecimal() else 0)
