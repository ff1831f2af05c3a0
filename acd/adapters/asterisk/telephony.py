"""The switch behind the Telephony port: AMI events in, AMI actions out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import structlog

from acd.adapters.asterisk import dialplan
from acd.adapters.asterisk.ami import AmiAddress, AmiError, AmiEvent, AmiLink, AmiRefusedError
from acd.adapters.asterisk.ami.action import caller_id
from acd.adapters.asterisk.fallback import call_talking, calls_over, is_in_queue
from acd.adapters.asterisk.monitoring import Monitoring
from acd.adapters.asterisk.talk_legs import TalkLegs
from acd.adapters.asterisk.translate import endpoint_state, extension_of, talking_leg, translate
from acd.domain.effects import CallAgentFirst
from acd.service.ports import (
    CallerGone,
    Clock,
    DoNotDisturb,
    LegAnswered,
    LiveChannels,
    MonitorMode,
    PhoneReachable,
    Stage,
    Telephony,
    TelephonyError,
    TelephonyFact,
)
from acd.service.tasks import BackgroundTasks

log = structlog.get_logger(__name__)


class AsteriskTelephony(Telephony):
    """All live channels are told after each login."""

    def __init__(
        self,
        address: AmiAddress,
        clock: Clock,
        tasks: BackgroundTasks,
        *,
        deadline: timedelta,
        ping_interval: timedelta,
    ) -> None:
        self._clock = clock
        self._tasks = tasks
        self._hear: Callable[[TelephonyFact], None] = _nobody
        self._link = AmiLink(
            address, on_event=self._on_event, resync=self._resync, deadline=deadline, ping_interval=ping_interval
        )
        self._monitoring = Monitoring(self._link, self._tell)
        self._talks = TalkLegs(self._link.action)
        self._legs: dict[str, str] = {}  # Linkedid -> the agent's channel that rings or talks
        self._stops: set[str] = set()  # Linkedids whose next leg must not ring

    @property
    def link(self) -> AmiLink:
        return self._link

    @property
    def is_listening(self) -> bool:
        return self._link.events_session.is_ready

    def listen(self, hear: Callable[[TelephonyFact], None]) -> None:
        self._hear = hear

    def connected(self) -> AbstractAsyncContextManager[AmiLink]:
        return self._link

    async def stop_ringing(self, linkedid: str) -> None:
        channel = self._legs.get(linkedid)
        if channel is None:
            self._stops.add(linkedid)
            return
        await self._hang_up(channel)

    def _tell(self, fact: TelephonyFact) -> None:
        self._hear(fact)

    async def monitor(self, supervisor: str, agent: str, mode: MonitorMode) -> None:
        await self._monitoring.monitor(supervisor, agent, mode)

    async def end_monitor(self, supervisor: str) -> None:
        await self._monitoring.end(supervisor)

    def dial_is_over(self, linkedid: str) -> None:
        self._stops.discard(linkedid)
        self._legs.pop(linkedid, None)

    async def call_agent(self, wish: CallAgentFirst) -> None:
        variables = {dialplan.STAGE: Stage.AGENT_FIRST, dialplan.RESERVATION: wish.reservation_id}
        target = f"PJSIP/{dialplan.phone_endpoint(wish.extension)}"
        headers = {
            "Context": dialplan.AGENT_FIRST,
            "Exten": "s",
            "Priority": "1",
            "ChannelId": wish.channel_id,
            "CallerID": caller_id("", wish.shown),
        }
        try:
            await self._link.originate(target, headers, variables=variables, ring_time=wish.offer_time)
        except AmiError as error:
            raise TelephonyError(f"Originate: {error}") from error

    async def stop_playing(self, linkedid: str) -> None:
        """A caller's own channel is the first of its Linkedid: that is its id."""
        try:
            await self._link.action("ControlPlayback", {"Channel": linkedid, "Control": "stop"})
        except AmiRefusedError:
            log.debug("nothing_played_any_more")
        except AmiError as error:
            raise TelephonyError(f"ControlPlayback: {error}") from error

    # a talk's legs

    @property
    def knows_legs(self) -> bool:
        return self._talks.is_known

    def leg_of(self, linkedid: str, extension: str) -> str | None:
        return self._talks.leg_of(linkedid, extension)

    async def mark(self, linkedid: str, **variables: str) -> None:
        await self._talks.mark(linkedid, variables)

    async def send_to_desk(self, leg: str) -> None:
        await self._talks.send_to_desk(leg)

    async def hang_up(self, leg: str) -> None:
        await self._hang_up(leg)

    async def end_conference(self, linkedid: str, room: str) -> None:
        await self._talks.end_conference(linkedid, room)

    async def mute(self, leg: str, *, is_muted: bool) -> None:
        await self._talks.mute(leg, is_muted=is_muted)

    async def play_digits(self, linkedid: str, leg: str | None, digits: str) -> None:
        await self._talks.play_digits(linkedid, leg, digits)

    async def _hang_up(self, channel: str) -> None:
        try:
            await self._link.action("Hangup", {"Channel": channel})
        except AmiRefusedError:
            log.debug("channel_gone_before_hangup")  # "No such channel": what was wanted has come about
        except AmiError as error:
            raise TelephonyError(f"Hangup: {error}") from error

    def _on_event(self, event: AmiEvent) -> None:
        if gone := self._talks.hear(event):
            self._hear(gone)
        if event.name == "DialBegin":
            self._dial_began(event)
            return
        self._monitoring.on_event(event)
        fact = translate(event)
        if fact is None:
            return
        if isinstance(fact, LegAnswered) and event.get("Context") == dialplan.FALLBACK_FAMILY:
            self._tasks.start(self._tell_served(fact), "tell_served")
            return
        if isinstance(fact, CallerGone):
            self.dial_is_over(fact.linkedid)  # also of a call that somebody else dialled for
        self._hear(fact)

    def _dial_began(self, event: AmiEvent) -> None:
        channel, linkedid = event.get("DestChannel") or "", event.get("Linkedid") or ""
        is_caller = event.get("Uniqueid") == linkedid  # else somebody is consulted
        if extension_of(channel) is None or not linkedid or not is_caller:
            return
        self._legs[linkedid] = channel
        if linkedid in self._stops:
            self._stops.discard(linkedid)
            self._tasks.start(self._hang_up(channel), "hang_up_leg")

    async def look(self) -> None:
        """Tell all live channels now, as after a login. Raises AmiError."""
        await self._resync()

    async def _resync(self) -> None:
        over = await calls_over(self._link)
        observed_at = self._clock.now()
        channels = await self._link.events_session.list_action("CoreShowChannels")
        live = frozenset(channel["Linkedid"] for channel in channels if channel.get("Linkedid"))
        self._monitoring.connected(frozenset(channel.get("Uniqueid") or "" for channel in channels))
        self._talks.begin_anew(channels)
        log.info("asterisk_resynchronised", channels=len(channels), calls=len(live), served_elsewhere=len(over))
        for call in over:  # before those that are gone are ended as such
            self._hear(call)
        legs = [(leg, channel) for channel in channels if (leg := talking_leg(channel))]
        self._hear(LiveChannels(live, observed_at, frozenset(leg.linkedid for leg, _ in legs)))
        queued = {channel["Linkedid"] for channel in channels if is_in_queue(channel)}
        for leg, channel in legs:  # answers given while nobody listened
            served = None
            if leg.linkedid in queued:
                seconds = _seconds(channel.get("Duration") or "")
                served = await call_talking(self._link, leg.linkedid, leg.extension, observed_at, seconds)
            self._hear(served or leg)
        await self._tell_phones()

    async def _tell_phones(self) -> None:
        """Calls come first: this may be a long list. An Asterisk that does not list one or the other tells changes."""
        for action, read in (("PJSIPShowEndpoints", endpoint_state), ("DeviceStateList", translate)):
            try:
                items = await self._link.events_session.list_action(action)
            except AmiRefusedError as error:
                log.info("phones_not_listed", action=action, error=str(error))
                continue
            for item in items:
                fact = read(item)
                if isinstance(fact, DoNotDisturb) or (isinstance(fact, PhoneReachable) and read is endpoint_state):
                    self._hear(fact)

    async def _tell_served(self, leg: LegAnswered) -> None:
        """The fallback queue goes on ringing for a moment after a service is back."""
        try:
            served = await call_talking(self._link, leg.linkedid, leg.extension, self._clock.now(), 0)
        except AmiError as error:
            log.warning("served_talk_not_told", error=str(error))  # the next resynchronisation tells of it
            return
        self._hear(served or leg)


def _seconds(duration: str) -> int:
    """Of "00:01:02", as CoreShowChannels says how old a channel is."""
    parts = duration.split(":")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        return 0
    hours, minutes, seconds = map(int, parts)
    return 3600 * hours + 60 * minutes + seconds


def _nobody(fact: TelephonyFact) -> None:
    """Before `listen`: nobody is there to hear."""
