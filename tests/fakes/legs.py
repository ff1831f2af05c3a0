"""The legs of talks in the fake switch: who is with whom, at the desk or in a conference."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from acd.service.ports import JoinStatus, LegGone

if TYPE_CHECKING:
    from tests.fakes.switch import FakeChannel, FakeTelephony


class FakeLeg:
    """A phone in a call, besides the caller's own."""

    def __init__(self, linkedid: str, extension: str) -> None:
        self.linkedid, self.extension = linkedid, extension
        self.handle = f"{linkedid}/{extension}"
        self.partner: FakeChannel | None = None  # whose session it is with
        self.session: FakeChannel | None = None  # its own, at the desk
        self.is_watched = False
        self.is_muted = False
        self.digits = ""


class FakeLegs:
    def __init__(self, switch: FakeTelephony) -> None:
        self._switch = switch
        self.by_handle: dict[str, FakeLeg] = {}
        self.rooms: dict[str, list[FakeChannel]] = {}
        self.marked: dict[str, dict[str, str]] = {}
        self.caller_digits: dict[str, str] = {}
        self.at_desk: Callable[[FakeChannel], None] = lambda session: None  # the service's door; the test opens it

    def came(self, channel: FakeChannel, extension: str) -> FakeLeg:
        """`channel` rings it."""
        leg = self.by_handle[f"{channel.facts.linkedid}/{extension}"] = FakeLeg(channel.facts.linkedid, extension)
        leg.partner = channel
        leg.is_watched = bool(channel.facts.extension)
        return leg

    def of(self, channel: FakeChannel) -> FakeLeg | None:
        """Who is with this session."""
        return next((leg for leg in self.by_handle.values() if leg.partner is channel), None)

    def get(self, linkedid: str, extension: str) -> FakeLeg | None:
        return self.by_handle.get(f"{linkedid}/{extension}")

    def send_to_desk(self, handle: str) -> None:
        leg = self.by_handle.get(handle)
        if leg is None:
            return
        leg.is_watched = True
        self._leave(leg)
        leg.session = self._switch.new_session(leg)
        self.at_desk(leg.session)

    def hang_up(self, handle: str) -> None:
        """By whomever: the phone itself too."""
        leg = self.by_handle.pop(handle, None)
        if leg is None:
            return
        self._leave(leg)
        if leg.is_watched:
            self._switch.tell(LegGone(leg.linkedid, leg.extension))

    def _leave(self, leg: FakeLeg) -> None:
        """Out of where it is; the one it was with is alone."""
        partner, leg.partner = leg.partner, None
        session, leg.session = leg.session, None
        if partner is not None:
            partner.is_alone()
        if session is not None:
            for room in self.rooms.values():
                if session in room:
                    room.remove(session)
            companion = self.of(session)
            session.is_taken()
            if companion is not None:  # whom it rang or was with: to the desk, as Dial's and Bridge's option F says
                companion.partner = None
                self.send_to_desk(companion.handle)

    async def join(self, channel: FakeChannel, handle: str) -> JoinStatus:
        leg = self.by_handle.get(handle)
        if leg is None:
            return JoinStatus.GONE
        if any(leg.session in room for room in self.rooms.values()):
            return JoinStatus.NOT_YET
        session, leg.session = leg.session, None
        if session is not None:
            companion = self.of(session)
            session.is_taken()
            if companion is not None and companion.handle != handle:
                self.hang_up(companion.handle)
        elif leg.partner is not None:
            leg.partner.is_alone()
        leg.partner = channel
        try:
            await channel.until_alone()
        finally:
            if leg.partner is channel:
                leg.partner = None
        return JoinStatus.OVER

    async def confer(self, channel: FakeChannel, room: str) -> None:
        inside = self.rooms.setdefault(room, [])
        inside.append(channel)
        try:
            await channel.until_alone()
        finally:
            if channel in inside:
                inside.remove(channel)

    def end_conference(self, room: str) -> None:
        for channel in self.rooms.get(room, [])[:]:
            channel.is_alone()
