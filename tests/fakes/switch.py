"""The switch as the service sees it, without one: callers' channels, agents' phones, and what AMI would tell of them.

The test is the caller and the agents: it keys, hangs up, cuts the session, lets phones ring and answers them. Sounds
take no time unless `sound_times` says how much; limits of keys and rings run out on the event loop's clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

from acd.domain.effects import CallAgentFirst
from acd.domain.ids import is_attempt
from acd.domain.outgoing import FarEnd
from acd.service.ports import (
    AgentNotReached,
    CallerChannel,
    CallerGone,
    CallerHungUpError,
    ChannelFacts,
    ControlLostError,
    DialStatus,
    DoNotDisturb,
    JoinStatus,
    Keyed,
    LegAnswered,
    LegRinging,
    LiveChannels,
    MonitorEnded,
    MonitorMode,
    PhoneReachable,
    Recorded,
    Telephony,
    TelephonyError,
    TelephonyFact,
)
from tests.fakes.legs import FakeLeg, FakeLegs

T = TypeVar("T")

_NO_TIME = timedelta(0)
_WRITABLE = frozenset(
    {"stage", "queue", "queued_at", "priority", "language", "ticket", "ivr_session", "reservation", "agent"}
)


class FakeTelephony(Telephony):
    """`hear` is what the service listens with: a test may also tell it facts of its own."""

    def __init__(self) -> None:
        self.hear: Callable[[TelephonyFact], None] = lambda fact: None
        self.stopped: list[str] = []
        self.called: list[CallAgentFirst] = []  # agents, on channels of their own
        self.without_phone: set[str] = set()  # extensions
        self.hung_up: list[str] = []
        self.stopped_playing: list[str] = []
        self.is_down = False  # the switch goes on, but neither tells nor does anything
        self._channels: dict[str, FakeChannel] = {}
        self._stops: set[str] = set()  # Linkedids whose next leg must not ring
        self.monitors: dict[str, tuple[str, MonitorMode]] = {}
        self._phones: dict[tuple[type, str], PhoneReachable | DoNotDisturb] = {}
        self.legs = FakeLegs(self)

    # the test's side

    def phone_answers(self, linkedid: str, extension: str) -> None:
        """One that is rung from the desk."""
        leg = self.legs.get(linkedid, extension)
        assert leg is not None and leg.partner is not None, "it does not ring"
        leg.partner.is_answered = True
        self.tell(LegAnswered(linkedid, extension))

    def phone_hangs_up(self, linkedid: str, extension: str) -> None:
        self.legs.hang_up(f"{linkedid}/{extension}")

    def new_session(self, leg: FakeLeg) -> FakeChannel:
        session = FakeChannel(leg.linkedid, channel=leg.handle, extension=leg.extension)
        session.switch = self
        return session

    def carry(self, channel: FakeChannel) -> None:
        """The channel is one of this switch from now on."""
        self._channels[channel.facts.linkedid] = channel
        channel.switch = self

    def phone(self, extension: str, *, is_reachable: bool = True, is_disturb_not: bool = False) -> None:
        """An agent's phone comes, goes, or wants not to be disturbed."""
        for fact in (PhoneReachable(extension, is_reachable), DoNotDisturb(extension, is_disturb_not)):
            if self._phones.get((type(fact), extension)) != fact:
                self._phones[type(fact), extension] = fact
                self.tell(fact)

    def channels(self) -> list[FakeChannel]:
        return list(self._channels.values())

    def log_in(self, observed_at: datetime) -> None:
        """The service is connected (again)."""
        self.is_down = False
        live = {linkedid: channel for linkedid, channel in self._channels.items() if not channel.has_ended}
        talking = frozenset(name for name, channel in live.items() if channel.leg is not None and channel.is_answered)
        self.hear(LiveChannels(frozenset(live), observed_at, talking))
        for linkedid, channel in live.items():
            if channel.leg is not None and channel.is_answered:
                self.hear(LegAnswered(linkedid, channel.leg))
        for fact in self._phones.values():
            self.hear(fact)

    # the channels' side

    def tell(self, fact: TelephonyFact) -> None:
        if not self.is_down:
            self.hear(fact)

    def takes_stop(self, linkedid: str) -> bool:
        """Whether the leg that begins now must not ring."""
        is_stopped = linkedid in self._stops
        self._stops.discard(linkedid)
        return is_stopped

    # the port

    @property
    def is_listening(self) -> bool:
        return not self.is_down

    def listen(self, hear: Callable[[TelephonyFact], None]) -> None:
        self.hear = hear

    async def stop_ringing(self, linkedid: str) -> None:
        self.stopped.append(linkedid)
        channel = self._channels.get(linkedid)
        if channel is None or channel.leg is None:
            self._stops.add(linkedid)
            return
        if self.is_down:
            raise TelephonyError("the switch cannot be asked")
        channel.end_leg()

    async def monitor(self, supervisor: str, agent: str, mode: MonitorMode) -> None:
        if self.is_down:
            raise TelephonyError("the switch cannot be asked")
        self.monitors[supervisor] = (agent, mode)

    async def end_monitor(self, supervisor: str) -> None:
        if self.is_down:
            raise TelephonyError("the switch cannot be asked")
        if self.monitors.pop(supervisor, None) is not None:
            self.tell(MonitorEnded(supervisor))

    def dial_is_over(self, linkedid: str) -> None:
        self._stops.discard(linkedid)

    async def call_agent(self, wish: CallAgentFirst) -> None:
        self._can_be_asked()
        self.called.append(wish)
        if wish.extension in self.without_phone:
            self.tell(AgentNotReached(wish.channel_id, DialStatus.UNREACHABLE))

    async def stop_playing(self, linkedid: str) -> None:
        self._can_be_asked()
        self.stopped_playing.append(linkedid)
        if channel := self._channels.get(linkedid):
            channel.stop_sound()

    @property
    def knows_legs(self) -> bool:
        return True

    def leg_of(self, linkedid: str, extension: str) -> str | None:
        leg = self.legs.get(linkedid, extension)
        return leg.handle if leg is not None else None

    async def mark(self, linkedid: str, **variables: str) -> None:
        self._can_be_asked()
        if channel := self._channels.get(linkedid):
            channel.state.update(variables)

    async def send_to_desk(self, leg: str) -> None:
        self._can_be_asked()
        self.legs.send_to_desk(leg)

    async def hang_up(self, leg: str) -> None:
        self._can_be_asked()
        if is_attempt(leg):
            if channel := self._channels.get(leg):
                channel.hang_up()
            return
        self.legs.hang_up(leg)

    async def end_conference(self, linkedid: str, room: str) -> None:
        self._can_be_asked()
        self.legs.end_conference(room)

    async def mute(self, leg: str, *, is_muted: bool) -> None:
        self._can_be_asked()
        if leg in self.legs.by_handle:
            self.legs.by_handle[leg].is_muted = is_muted

    async def play_digits(self, linkedid: str, leg: str | None, digits: str) -> None:
        self._can_be_asked()
        if leg is not None:
            self.legs.by_handle[leg].digits += digits
        else:
            self.legs.caller_digits[linkedid] = self.legs.caller_digits.get(linkedid, "") + digits

    def _can_be_asked(self) -> None:
        if self.is_down:
            raise TelephonyError("the switch cannot be asked")


class FakeChannel(CallerChannel):
    """A caller's channel whose other end is the test."""

    def __init__(self, linkedid: str, number: str = "+33612345678", **facts: object) -> None:
        said: dict[str, object] = {
            "channel": f"PJSIP/trunk-{linkedid}",
            "caller_name": "",
            "called_number": "100",
            **facts,
        }
        self.facts = ChannelFacts(linkedid=linkedid, caller_number=number, **said)  # type: ignore[arg-type]  # real fields
        self.state: dict[str, str] = {}
        self.heard: list[str] = []
        self.sound_times: dict[str, timedelta] = {}
        self.speech = _NO_TIME
        self.recorded: list[str] = []
        self.has_music = False
        self.dialled: list[str] = []
        self.whispered: list[str] = []  # to the agents dialled, "" for nothing
        self.phones: dict[str, DialStatus] = {}  # those that end a ring by themselves
        self.leg: str | None = None  # the extension that rings or talks; it goes on when control is lost
        self.is_answered = False  # the phone dialled last
        self.is_finished = False
        self.shown = ""  # to whom it called out last
        self._sound: asyncio.Future[None] | None = None  # that plays now
        self._until: asyncio.Future[None] | None = None  # what cuts the sounds that play now
        self.turned_away: str | None = None
        self.has_ended = False
        self.switch: FakeTelephony | None = None
        loop = asyncio.get_running_loop()
        self._end: asyncio.Future[bool] = loop.create_future()  # of control; True: because the caller hung up
        self._entries: deque[str] = deque()
        self._pressed: deque[str] | None = None  # None: nobody collects, keys are lost but those the switch tells
        self._ahead: deque[str] = deque()  # told by the switch while nobody collected
        self._key_came: asyncio.Future[None] = loop.create_future()
        self._ring: asyncio.Future[DialStatus] | None = None
        self._alone: asyncio.Future[None] | None = None  # in a bridge or a conference: till when
        self._offer_limit: asyncio.TimerHandle | None = None

    # the caller

    def key(self, entry: str) -> None:
        """What the caller keys when asked the next time and the sounds are over; "" and a short entry run out of time.

        At once when they are asked now and have keyed nothing yet.
        """
        if self._pressed is None or self._pressed:
            self._entries.append(entry)
        else:
            self._press([*entry, ""])

    def press(self, keys: str) -> None:
        """Keys pressed now. Lost when nobody collects."""
        self._press([*keys])

    def hang_up(self, *, after_talk: bool = False) -> None:
        """`after_talk`: an agent had answered, though nobody told."""
        if self.has_ended:
            return
        self.has_ended = True
        self.is_answered |= after_talk
        self._lose_control(because_hung_up=True)
        self.leg = None
        if self._offer_limit is not None:
            self._offer_limit.cancel()
        if self.switch is not None and (leg := self.switch.legs.of(self)):
            leg.partner = None
            self.switch.legs.hang_up(leg.handle)
        if self.switch is not None and not self.facts.extension:
            self.switch.tell(CallerGone(self.facts.linkedid))

    # the session

    def cut(self) -> None:
        """The session dies, the channel lives; what was dialled goes on."""
        self._lose_control(because_hung_up=False)

    @property
    def is_controlled(self) -> bool:
        return not self._end.done()

    def again(self) -> FakeChannel:
        """The dialplan asks for the service once more: the same channel, with what was written on it."""
        assert self._end.done(), "it is still under control"
        assert self.leg is None, "the dialplan asks when Dial is over"
        assert not self.has_ended, "the caller is gone"
        known = {field.name: getattr(self.facts, field.name) for field in fields(ChannelFacts)}
        known.update(self.state, was_answered=self.is_answered)
        if queued_at := self.state.get("queued_at"):
            known["queued_at"] = datetime.fromtimestamp(float(queued_at), UTC)
        if "priority" in self.state:
            known["priority"] = int(self.state["priority"]) if self.state["priority"] else None
        back = FakeChannel(known.pop("linkedid"), known.pop("caller_number"), **known)
        back.state, back.sound_times, back.phones = self.state, self.sound_times, self.phones
        if self.switch is not None:
            self.switch.carry(back)
        return back

    # the agent's phone

    def phone_rings(self) -> None:
        self._tell_leg(LegRinging)

    def phone_answers(self) -> None:
        self.is_answered = True
        self._tell_leg(LegAnswered)

    def end_ring(self, status: DialStatus) -> None:
        """The leg is over, rung in vain or talked."""
        assert self.leg is not None, "nobody is being rung"
        if self.switch is not None and (leg := self.switch.legs.of(self)):
            leg.partner = None
            self.switch.legs.hang_up(leg.handle)
        self.leg, self.is_answered = None, status is DialStatus.ANSWERED
        if self._offer_limit is not None:
            self._offer_limit.cancel()
        if self._ring is not None and not self._ring.done():
            self._ring.set_result(status)

    def end_leg(self) -> None:
        """Somebody hangs up the agent's channel; to Dial a phone that rings is then unreachable (seen on 22.10)."""
        self.end_ring(DialStatus.ANSWERED if self.is_answered else DialStatus.UNREACHABLE)

    # the port

    async def set_state(self, **variables: str) -> None:
        self._check()
        if unknown := variables.keys() - _WRITABLE:
            raise KeyError(*unknown)
        self.state.update(variables)

    def key_pressed(self, key: str) -> None:
        if self._pressed is not None:
            self._press(key)
            return
        self._ahead.append(key)
        if not self._key_came.done():
            self._key_came.set_result(None)

    async def play(
        self, sounds: Sequence[str], *, interruptible: bool = False, until: asyncio.Future[None] | None = None
    ) -> None:
        self._check()
        self._key_came = asyncio.get_running_loop().create_future()
        self._until = until
        for sound in sounds:
            if until is not None and until.done():
                return
            if interruptible and self._ahead:
                return
            self.heard.append(sound)
            length = self.sound_times.get(sound, _NO_TIME)
            if interruptible and length:
                await self._happens_within(length, self._key_came)
            else:
                await self._passes(length)

    async def collect(
        self,
        sounds: Sequence[str],
        *,
        max_digits: int,
        terminator: str | None,
        timeout: timedelta,
        digit_timeout: timedelta,
        interruptible: bool = True,
        is_retry: bool = False,
        until: asyncio.Future[None] | None = None,
    ) -> Keyed:
        self._check()
        self._until = until
        if is_retry:
            self._ahead.clear()
        self._pressed, self._ahead = self._ahead, deque()
        try:
            key, digits = await self._first_key(sounds, timeout, interruptible=interruptible), ""
            while key:
                if key == terminator:
                    return Keyed(digits, is_complete=True)
                digits += key
                if len(digits) == max_digits:
                    return Keyed(digits, is_complete=True)
                key = await self._key_within(digit_timeout)
            return Keyed(digits, is_complete=False)
        finally:
            self._ahead, self._pressed = deque(key for key in self._pressed if key), None

    async def record(self, path: str, *, limit: timedelta, silence: timedelta) -> Recorded:
        """What the caller says is what the test has put into `speech`: so long, until a key, silence or the limit."""
        self._check()
        if self._ahead:
            return Recorded(_NO_TIME, self._ahead.popleft())
        self.recorded.append(path)
        length = min(self.speech, limit)
        self._key_came = asyncio.get_running_loop().create_future()
        if length:
            await self._happens_within(length, self._key_came)
        return Recorded(length, self._ahead.popleft() if self._ahead else "")

    async def start_music(self) -> None:
        self._check()
        self.has_music = True

    async def stop_music(self) -> None:
        self._check()
        self.has_music = False

    async def idle_until(self, happens: asyncio.Future[T]) -> T:
        await asyncio.wait((happens, self._end), return_when=asyncio.FIRST_COMPLETED)
        if not happens.done():
            raise self._gone()
        return happens.result()

    async def dial(
        self, extension: str, offer_time: timedelta, *, is_auto_answer: bool = False, whisper: str = ""
    ) -> DialStatus:
        self._check()
        self.whispered.append(whisper)
        if is_auto_answer:
            asyncio.get_running_loop().call_soon(self._answer_itself)
        return await self._dial(extension, offer_time, extension)

    async def _dial(self, extension: str, offer_time: timedelta, key: str) -> DialStatus:
        """`key`: under which the switch knows the leg."""
        self._check()
        self.has_music = False
        self.dialled.append(extension)
        self.leg, self.is_answered = extension, False
        loop = asyncio.get_running_loop()
        self._ring = loop.create_future()
        if self.switch is not None:
            self.switch.legs.came(self, key)
        self._offer_limit = loop.call_later(offer_time.total_seconds(), self._offer_is_over)
        if self.switch is not None and self.switch.takes_stop(self.facts.linkedid):
            self.end_leg()
        elif extension in self.phones:
            self.end_ring(self.phones[extension])
        try:
            return await self.idle_until(self._ring)
        finally:
            self._ring = None

    async def join(self, leg: str, *, comes_back: bool = False) -> JoinStatus:
        self._check()
        assert self.switch is not None
        return await self.switch.legs.join(self, leg)

    async def confer(self, room: str, *, leader: str = "") -> None:
        self._check()
        assert self.switch is not None
        await self.switch.legs.confer(self, room)

    def is_alone(self) -> None:
        """Whoever it was with has gone elsewhere."""
        if self.leg is not None and self._ring is not None:
            self.leg = None
            if self._offer_limit is not None:
                self._offer_limit.cancel()
            if not self._ring.done():
                self._ring.set_result(DialStatus.ANSWERED if self.is_answered else DialStatus.UNREACHABLE)
        elif self._alone is not None and not self._alone.done():
            self._alone.set_result(None)

    def is_taken(self) -> None:
        """Out of control: the leg was fetched, or hung up."""
        self._lose_control(because_hung_up=True)

    async def until_alone(self) -> None:
        self._alone = asyncio.get_running_loop().create_future()
        try:
            await self.idle_until(self._alone)
        finally:
            self._alone = None

    async def consult(self, to: FarEnd, limit: timedelta) -> DialStatus:
        return await self._dial(to.number, limit, "" if to.trunk else to.number)

    async def dial_out(
        self, to: FarEnd, limit: timedelta, *, detect_machines: bool = False, keep_status: bool = False
    ) -> DialStatus:
        self.shown = to.caller_number
        status = await self._dial(to.number, limit, "" if to.trunk else to.number)
        if keep_status:
            return status
        self.is_answered = False  # what comes back is not a caller an agent has spoken to
        return status

    def _answer_itself(self) -> None:
        if self.leg is not None and not self.is_answered:
            self.phone_rings()
            self.phone_answers()

    def heard_answer(self) -> None:
        self.is_answered = True

    async def turn_away(self, treatment: Literal["announcement", "fallback"]) -> None:
        """What the dialplan does then: an announcement and the end, or its fallback, where the caller stays."""
        self._check()
        self.turned_away = treatment
        self._lose_control(because_hung_up=False)
        if treatment == "announcement":
            self.is_finished = True
            self.hang_up()

    async def finish(self) -> None:
        self._check()
        self.is_finished = True
        self.hang_up()

    # inside

    def _check(self) -> None:
        if self._end.done():
            raise self._gone()

    def _gone(self) -> Exception:
        if self._end.result():
            return CallerHungUpError(after_talk=self._ring is not None and self.is_answered)
        return ControlLostError("the socket is gone")

    def _lose_control(self, *, because_hung_up: bool) -> None:
        if not self._end.done():
            self._end.set_result(because_hung_up)

    def _tell_leg(self, fact: type[LegRinging] | type[LegAnswered]) -> None:
        assert self.leg is not None, "nobody is being rung"
        if self.switch is not None:
            self.switch.tell(fact(self.facts.linkedid, self.leg))

    def _offer_is_over(self) -> None:
        if self.leg is not None and not self.is_answered:
            self.end_ring(DialStatus.NO_ANSWER)

    def _press(self, keys: Sequence[str]) -> None:
        if self._pressed is None:
            return
        self._pressed.extend(keys)
        if not self._key_came.done():
            self._key_came.set_result(None)

    async def _first_key(self, sounds: Sequence[str], timeout: timedelta, *, interruptible: bool) -> str:
        if self._pressed:
            return self._pressed.popleft()
        for sound in sounds:
            self.heard.append(sound)
            if not interruptible:
                await self._passes(self.sound_times.get(sound, _NO_TIME))
            elif key := await self._key_within(self.sound_times.get(sound, _NO_TIME)):
                return key
        if self._entries and not self._pressed:
            self._press([*self._entries.popleft(), ""])
        return await self._key_within(timeout)

    async def _key_within(self, limit: timedelta) -> str:
        """The next key, or "" when time is over."""
        assert self._pressed is not None
        if not self._pressed and limit:
            self._key_came = asyncio.get_running_loop().create_future()
            await self._happens_within(limit, self._key_came)
        return self._pressed.popleft() if self._pressed else ""

    async def _passes(self, time: timedelta) -> None:
        if time:
            self._sound = asyncio.get_running_loop().create_future()
            await self._happens_within(time, self._sound)
            self._sound = None

    def stop_sound(self) -> None:
        """From outside: the sound that plays now is over."""
        if self._sound is not None and not self._sound.done():
            self._sound.set_result(None)

    async def _happens_within(self, limit: timedelta, happens: asyncio.Future[None]) -> None:
        """Until it happens or time is over; raises as `idle_until`."""
        cut = self._until
        try:
            async with asyncio.timeout(limit.total_seconds()):
                if cut is None:
                    await self.idle_until(happens)
                else:
                    await asyncio.wait((happens, cut, self._end), return_when=asyncio.FIRST_COMPLETED)
                    self._check()
        except TimeoutError:
            return
