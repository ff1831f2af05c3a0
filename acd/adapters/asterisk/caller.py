"""A caller's channel over FastAGI, behind the CallerChannel port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

import structlog

from acd.adapters.asterisk import dialplan
from acd.adapters.asterisk.fastagi import (
    AgiCommandError,
    AgiConnectionLostError,
    AgiDeadlineError,
    AgiHangupError,
    AgiSession,
    SessionEnd,
)
from acd.adapters.asterisk.keys import KeyBuffer
from acd.adapters.asterisk.translate import extension_of
from acd.domain.outgoing import FarEnd
from acd.service.ports import (
    CallerChannel,
    CallerHungUpError,
    ChannelFacts,
    ControlLostError,
    DialStatus,
    JoinStatus,
    Keyed,
    Recorded,
)

log = structlog.get_logger(__name__)

T = TypeVar("T")

# After the time of the offer a phone has stopped ringing, and Dial has said so, within this time.
_LATE_SECONDS = 1.0

_NO_OPTION = frozenset(',:&^|()"\\')  # in the argument of one of Dial's options they would end it
ALL_KEYS = "0123456789*#"
_KEY_ON_ITS_WAY = 0.05  # seconds: AGI's own word of a key that AMI told; later, it fell between two commands

# DIALSTATUS of app_dial
_DIAL_STATUS = {
    "ANSWER": DialStatus.ANSWERED,
    "NOANSWER": DialStatus.NO_ANSWER,
    "BUSY": DialStatus.BUSY,
    "CHANUNAVAIL": DialStatus.UNREACHABLE,
    "CONGESTION": DialStatus.FAILED,
}

_VARIABLES = {
    "stage": dialplan.STAGE,
    "queue": dialplan.QUEUE,
    "queued_at": dialplan.QUEUED_AT,
    "priority": dialplan.PRIORITY,
    "language": dialplan.LANGUAGE,
    "ticket": dialplan.TICKET,
    "ivr_session": dialplan.IVR_SESSION,
    "reservation": dialplan.RESERVATION,
    "agent": dialplan.AGENT,
}


_TO_DESK = f"F({dialplan.DESK_CONTEXT}^s^1)"  # where Dial and Bridge send the other side when this one hangs up


def state_variables(fields: Mapping[str, str]) -> dict[str, str]:
    """Channel variables of fields of ChannelFacts. What an earlier Dial said is no word on the stage that begins."""
    variables = {_VARIABLES[name]: value for name, value in fields.items()}
    return variables | {"DIALSTATUS": ""} if "stage" in fields else variables


class AgiCallerChannel(CallerChannel):
    def __init__(
        self, session: AgiSession, music_class: str, stop_playing: Callable[[str], None] = lambda linkedid: None
    ) -> None:
        """`stop_playing`: ends the sound that plays to the caller of this Linkedid (AMI)."""
        self._stop_playing = stop_playing
        self._session = session
        self._music_class = music_class
        self._keys = KeyBuffer()
        self._spare_terminator = ""
        self._until: asyncio.Future[None] | None = None  # what cuts the sound that plays now
        self._is_answered = False  # the phone dialled last, as far as the switch has told
        self.facts = channel_facts(session)

    async def set_state(self, **variables: str) -> None:
        with self._call_errors():
            await self._session.set_variables({dialplan.SEEN: "1"} | state_variables(variables))

    def key_pressed(self, key: str) -> None:
        self._keys.heard(key)

    async def play(
        self, sounds: Sequence[str], *, interruptible: bool = False, until: asyncio.Future[None] | None = None
    ) -> None:
        with self._call_errors(), self._cut_by(until):
            if not interruptible:
                await self._play_all(sounds)
            elif key := self._keys.take() or await self._play_until_key(sounds):
                self._keys.put_back(key)

    async def _play_all(self, sounds: Sequence[str]) -> None:
        for sound in sounds:
            if not self._is_cut():
                await self._play_one(sound, "")

    async def _play_until_key(self, sounds: Sequence[str]) -> str:
        """The key that ended it, or nothing."""
        for sound in sounds:
            if self._is_cut():
                break
            key = await self._listen(lambda sound=sound: self._play_one(sound, ALL_KEYS))  # type: ignore[misc]
            if key:
                return key
        return ""

    async def _play_one(self, sound: str, interrupt_keys: str) -> str:
        try:
            return await self._session.stream_file(sound, interrupt_keys)
        except AgiCommandError as error:
            # A file that cannot be played must not end the call: the menu goes on without it.
            log.warning("prompt_not_played", sound=sound, error=str(error))
            return ""

    async def _listen(self, command: Callable[[], Awaitable[str]]) -> str:
        """The key a command ends with, or one that fell between two commands: AMI tells of it while this one waits for
        another, so it is given up."""
        if key := self._keys.take():
            return key
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as patience:
                self._keys.wake = lambda: _hurry(patience, loop)
                key = await command()
        except TimeoutError:
            return self._keys.take()
        finally:
            self._keys.wake = None
        return self._keys.returned(key) if key else self._keys.take()

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
        with self._call_errors(), self._cut_by(until):
            if is_retry:
                self._keys.forget()
            key = self._first_ahead()
            if not key:
                if interruptible:
                    key = await self._play_until_key(sounds)
                else:
                    await self._play_all(sounds)
            digits = ""
            if not key:
                key = await self._next_key(timeout)
            while key:
                if key == terminator:
                    return Keyed(digits, is_complete=True)
                digits += key
                if len(digits) >= max_digits:
                    self._spare_terminator = terminator or ""
                    return Keyed(digits, is_complete=True)
                key = await self._next_key(digit_timeout)
            return Keyed(digits, is_complete=False)

    async def record(self, path: str, *, limit: timedelta, silence: timedelta) -> Recorded:
        with self._call_errors():
            if key := self._keys.take():
                return Recorded(timedelta(0), key)
            key, length = await self._session.record_file(path, limit, silence)
            return Recorded(length, self._keys.returned(key) if key else "")

    def _first_ahead(self) -> str:
        """Who is asked for six digits and hash often keys the hash although six were enough."""
        spare, self._spare_terminator = self._spare_terminator, ""
        key = self._keys.take()
        return self._keys.take() if key and key == spare else key

    async def _next_key(self, timeout: timedelta) -> str:
        if self._until is not None:
            return await self._key_or_cut(timeout, self._until)
        return await self._listen(lambda: self._session.wait_for_digit(timeout))

    async def _key_or_cut(self, timeout: timedelta, until: asyncio.Future[None]) -> str:
        """No command of AGI runs meanwhile: it could not be ended when the time comes."""
        if key := self._keys.take():
            return key
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[None] = loop.create_future()
        self._keys.wake = lambda: None if heard.done() else heard.set_result(None)
        unsubscribe = self._session.on_end(lambda: None if heard.done() else heard.set_result(None))
        try:
            await asyncio.wait((heard, until), timeout=timeout.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._keys.wake = None
            unsubscribe()
        self._check_control()
        return "" if until.done() else self._keys.take()

    @contextmanager
    def _cut_by(self, until: asyncio.Future[None] | None) -> Iterator[None]:
        """A sound that plays is stopped from outside: AGI itself cannot be told to."""
        if until is None:
            yield
            return

        def stop(done: asyncio.Future[None]) -> None:
            del done
            self._stop_playing(self.facts.linkedid)

        self._until = until
        until.add_done_callback(stop)
        try:
            yield
        finally:
            self._until = None
            until.remove_done_callback(stop)

    def _is_cut(self) -> bool:
        return self._until is not None and self._until.done()

    async def start_music(self) -> None:
        with self._call_errors():
            await self._session.set_music(True, self._music_class)

    async def stop_music(self) -> None:
        with self._call_errors():
            await self._session.set_music(False)

    async def idle_until(self, happens: asyncio.Future[T]) -> T:
        """The session's own event and the wish are both futures of this loop: waiting costs no wake-up."""
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        unsubscribe = self._session.on_end(lambda: None if gone.done() else gone.set_result(None))
        try:
            await asyncio.wait((happens, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            unsubscribe()
            gone.cancel()
        if not happens.done():
            raise self._gone()
        return happens.result()

    async def dial(
        self, extension: str, offer_time: timedelta, *, is_auto_answer: bool = False, whisper: str = ""
    ) -> DialStatus:
        """`m` plays music to the caller while it rings (without it they would hear ringing after music), `g` lets the
        channel go on when the agent hangs up first. Dial's own bridge outlives this service."""
        target = f"PJSIP/{dialplan.phone_endpoint(extension)}"
        headers = f"b({dialplan.AUTO_ANSWER}^s^1)" if is_auto_answer else ""
        said = f"A({whisper})" if whisper and not _NO_OPTION.intersection(whisper) else ""
        return await self._dial(target, offer_time, f"gm({self._music_class}){headers}{said}")

    async def dial_out(
        self, to: FarEnd, limit: timedelta, *, detect_machines: bool = False, keep_status: bool = False
    ) -> DialStatus:
        """The state of a call that comes back must not be that of this dialling: DIALSTATUS is taken away after it."""
        shown = f"f({to.caller_number})" if to.caller_number else ""
        listen = f"U({dialplan.DETECT_MACHINES})" if detect_machines else ""
        status = await self._dial(dialplan.dial_target(to), limit, f"g{shown}{listen}")
        if keep_status:
            is_machine = detect_machines and status is not DialStatus.ANSWERED
            with self._call_errors():
                if is_machine and await self._session.get_variable(dialplan.FAR_END) == "machine":
                    return DialStatus.MACHINE
            return status
        with self._call_errors():
            await self._session.set_variable("DIALSTATUS", "")
        return status

    async def _dial(self, target: str, limit: timedelta, options: str) -> DialStatus:
        self._check_control()
        seconds = max(1, round(limit.total_seconds()))
        now = asyncio.get_running_loop().time
        cannot_ring_from = now() + seconds + _LATE_SECONDS
        self._is_answered = False
        try:
            await self._session.exec("Dial", target, str(seconds), options)
            # A round trip saved between an agent's hang-up and the next ring.
            status = "ANSWER" if self._is_answered else await self._session.get_variable("DIALSTATUS")
        except AgiHangupError:
            # DIALSTATUS cannot be asked for: the dialplan lets a channel that hung up leave AGI at once.
            raise CallerHungUpError(after_talk=self._is_answered or now() > cannot_ring_from) from None
        except (AgiConnectionLostError, AgiDeadlineError) as error:
            raise ControlLostError(str(error)) from error
        return _DIAL_STATUS.get(status or "", DialStatus.FAILED)

    async def join(self, leg: str, *, comes_back: bool = False) -> JoinStatus:
        with self._call_errors():
            await self._session.exec("Bridge", leg, _TO_DESK if comes_back else "")
            result = await self._session.get_variable("BRIDGERESULT")
        return {"SUCCESS": JoinStatus.OVER, "NONEXISTENT": JoinStatus.GONE}.get(result or "", JoinStatus.NOT_YET)

    async def confer(self, room: str, *, leader: str = "") -> None:
        with self._call_errors():
            if leader:
                await self._session.set_variables({dialplan.ROOM: room, dialplan.CALLER: leader})
            profile = "guichet-user" if leader else "guichet-leader"
            await self._session.exec("ConfBridge", room, "guichet-bridge", profile)
            if leader:
                await self._session.set_variables({dialplan.ROOM: ""})

    async def consult(self, to: FarEnd, limit: timedelta) -> DialStatus:
        shown = f"f({to.caller_number})" if to.caller_number and to.trunk else ""
        return await self._dial(dialplan.dial_target(to), limit, f"g{shown}{_TO_DESK}")

    def heard_answer(self) -> None:
        self._is_answered = True

    async def finish(self) -> None:
        with self._call_errors():
            await self._session.set_variable(dialplan.DONE, "1")
            await self._session.hangup()

    async def turn_away(self, treatment: Literal["announcement", "fallback"]) -> None:
        with self._call_errors():
            await self._session.set_variable(dialplan.OVERLOAD, treatment)
        self._session.close()

    @contextmanager
    def _call_errors(self) -> Iterator[None]:
        self._check_control()
        try:
            yield
        except AgiHangupError:
            raise CallerHungUpError from None
        except (AgiConnectionLostError, AgiDeadlineError) as error:
            raise ControlLostError(str(error)) from error

    def _check_control(self) -> None:
        """AGI may outlive the channel, and lets one set variables on it: success would hide that the caller is gone."""
        if self._session.ended is not None:
            raise self._gone()

    def _gone(self) -> Exception:
        if self._session.ended is SessionEnd.HANGUP:
            return CallerHungUpError()
        return ControlLostError("the AGI connection ended")


def _hurry(patience: asyncio.Timeout, loop: asyncio.AbstractEventLoop) -> None:
    """The first key counts: a timeout that has begun to expire cannot be changed."""
    if patience.when() is None:
        patience.reschedule(loop.time() + _KEY_ON_ITS_WAY)


def channel_facts(session: AgiSession) -> ChannelFacts:
    """What Asterisk says of the channel, and what the dialplan hands over (see `dialplan.AGI_ARGUMENTS`)."""
    names = [name for name, _ in dialplan.AGI_ARGUMENTS[1:]]  # the server took the token out
    said = dict.fromkeys(names, "") | dict(zip(names, session.arguments, strict=False))
    environment = session.environment
    return ChannelFacts(
        linkedid=said["linkedid"] or environment.get("agi_uniqueid", ""),
        channel=environment.get("agi_channel", ""),
        caller_number=_known(environment.get("agi_callerid", "")),
        caller_name=_known(environment.get("agi_calleridname", "")),
        called_number=said["called_number"] or environment.get("agi_extension", ""),
        stage=said["stage"],
        queue=said["queue"],
        queued_at=_instant(said["queued_at"]),
        started_at=_instant(said["started_at"]),
        priority=int(said["priority"]) if said["priority"].isdecimal() else None,
        language=said["language"],
        ticket=said["ticket"],
        ivr_session=said["ivr_session"],
        reservation=said["reservation"],
        agent=said["agent"],
        was_answered=said["dial_status"] == "ANSWER",
        answered_by=extension_of(said["dialled"]) or "",
        talk_time=timedelta(seconds=int(said["answered_time"])) if said["answered_time"].isdecimal() else timedelta(),
        extension=extension_of(environment.get("agi_channel", "")) or "",
    )


def _known(value: str) -> str:
    return "" if value == "unknown" else value  # Asterisk's word for nothing presented


def _instant(epoch: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(epoch), UTC) if epoch else None
    except (ValueError, OverflowError, OSError):
        return None
