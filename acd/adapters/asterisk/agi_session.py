"""One caller's channel under AGI control: typed commands over one connection, one at a time.

How a session ends (`AgiSession.ended`): HANGUP when Asterisk said so; CONNECTION_LOST when the socket ended without
that line (Asterisk sends it before it closes, also on hang-up, so a bare end of file is a loss and the channel may
live); CLOSED when we closed it.

**A command given up.** When the task awaiting a command is cancelled, the session stays usable, and the next command
first brings the reply stream back in step. How many replies are owed cannot be known: EXEC will answer when done,
STREAM FILE and GET DATA answer only if they had just finished, WAIT FOR DIGIT always does (seen on 22.10.1). So
counting or skipping one would sooner or later shift every reply. Instead the next command first sends `GET FULL
VARIABLE guichet-sync-…`, which Asterisk echoes, and drops every reply up to that echo. One round trip, only after a
cancellation; it also stops a prompt or a digit collection in its tracks, so an agent who becomes free while the
caller hears an announcement rings at once. If the request for the echo reached Asterisk in one read with the command
given up, it lies in a buffer that nobody looks into until more bytes come (seen too): so it is repeated, with a new
echo, at once when a late reply comes and else after 20 ms, 40 ms, … A given-up EXEC cannot be stopped this way: the
next command waits for its end, within its own deadline (end a Dial from outside, by AMI).
"""

import asyncio
import enum
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from acd.adapters.asterisk.agi_errors import (
    AgiBusyError,
    AgiCommandError,
    AgiConnectionLostError,
    AgiDeadlineError,
    AgiError,
    AgiHangupError,
    AgiInvalidArgumentError,
)
from acd.adapters.asterisk.agi_protocol import AgiReply
from acd.adapters.asterisk.agi_quoting import (
    application_name,
    encode_command,
    escape_application_argument,
    mset_commands,
    refuse_expansion,
    variable_name,
)

_ECHO_PREFIX = "guichet-sync-"
_FIRST_REPEAT_SECONDS = 0.02
_LONGEST_REPEAT_SECONDS = 5.0
ALL_DIGITS = "0123456789*#"
_GET_VARIABLE_CUT = 1023  # bytes: GET VARIABLE reads into a buffer of 1,024 (res_agi.c), GET FULL VARIABLE does not


class SessionEnd(enum.Enum):
    """Why a session is over; see the module's docstring."""

    HANGUP = "hangup"
    CONNECTION_LOST = "connection_lost"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class GetData:
    """Digits keyed, without the closing `#`; `timed_out` if the caller stopped before `#` or the last digit allowed."""

    digits: str
    timed_out: bool


class AgiSession:
    """A caller's channel. Made by `FastAgiServer`; every method may raise the errors of `agi_errors`.

    `environment` is what Asterisk sent, without the installation token; `script` the path of the agi:// URL without
    its slash ("call"); `arguments` those after the token. `hung_up` is set as soon as the channel or the socket is
    gone, also while no command runs; `ended` then says which.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        environment: Mapping[str, str],
        arguments: Sequence[str],
        *,
        command_deadline: timedelta,
        media_deadline: timedelta,
    ) -> None:
        self.environment = environment
        self.script = environment.get("agi_network_script", "")
        self.arguments = tuple(arguments)
        self.hung_up = asyncio.Event()
        self.ended: SessionEnd | None = None
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._command_deadline = command_deadline
        self._media_deadline = media_deadline
        self._busy = False
        self._reply: asyncio.Future[AgiReply] | None = None
        self._out_of_step = False
        self._awaited_echo: str | None = None
        self._repeat_timer: asyncio.TimerHandle | None = None
        self._end_callbacks: set[Callable[[], None]] = set()

    # Raw commands

    async def command(self, *words: str, deadline: timedelta | None) -> AgiReply:
        """Sends one command and returns its reply, whatever its code and result. `deadline` None: wait for ever.

        Words are quoted as needed. `GET FULL VARIABLE` expands `${…}`: never pass it foreign text. Works after a
        hang-up too, for what Asterisk permits there (GET VARIABLE, SET VARIABLE, NOOP, EXEC); the rest answers 511.
        Raises AgiBusyError while another command runs; AgiHangupError or AgiConnectionLostError when the socket is
        gone; AgiDeadlineError, after which the session is closed; AgiInvalidArgumentError before anything is sent.
        """
        line = encode_command(words)
        if self._busy:
            raise AgiBusyError(f"{words[0]}: another command is running on this session")
        if self._transport.is_closing():
            raise self._gone()
        self._busy = True
        timer = None if deadline is None else self._loop.call_later(deadline.total_seconds(), self._expire, words[0])
        try:
            if self._out_of_step:
                await self._get_back_in_step()
            return await self._exchange(line)
        finally:
            self._busy = False
            if timer is not None:
                timer.cancel()

    async def _exchange(self, line: bytes) -> AgiReply:
        reply: asyncio.Future[AgiReply] = self._loop.create_future()
        self._reply = reply
        self._transport.write(line)
        try:
            return await reply
        finally:
            self._reply = None
            if reply.cancelled():
                self._out_of_step = True

    async def _get_back_in_step(self) -> None:
        self._repeat_echo_request(_FIRST_REPEAT_SECONDS)
        try:
            await self._exchange(b"")
        finally:
            self._stop_echo_requests()
        self._out_of_step = False
        if self._transport.is_closing():
            raise self._gone()

    def _repeat_echo_request(self, seconds: float) -> None:
        self._request_echo()
        longer = min(seconds * 2, _LONGEST_REPEAT_SECONDS)
        self._repeat_timer = self._loop.call_later(seconds, self._repeat_echo_request, longer)

    def _request_echo(self) -> None:
        # Random, so that no variable's value can pass for it; new each time, so that only the last one counts.
        self._awaited_echo = _ECHO_PREFIX + secrets.token_hex(8)
        self._transport.write(encode_command(("GET", "FULL", "VARIABLE", self._awaited_echo)))

    def _stop_echo_requests(self) -> None:
        self._awaited_echo = None
        if self._repeat_timer is not None:
            self._repeat_timer.cancel()
            self._repeat_timer = None

    def _expire(self, command: str) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(AgiDeadlineError(f"{command}: no reply in time; session closed"))
            self._abort()

    def _gone(self) -> AgiError:
        if self.ended is SessionEnd.HANGUP:
            return AgiHangupError("the channel has left AGI")
        return AgiConnectionLostError("the AGI connection is closed")

    # What the connection reports (called by FastAgiServer only)

    def reply_received(self, reply: AgiReply) -> bool:
        """Hands a reply to the command awaiting it. False: nobody owes one, so the stream cannot be trusted."""
        awaiting = self._reply
        if self._awaited_echo is not None:
            if reply.data != self._awaited_echo:
                if not reply.data.startswith(_ECHO_PREFIX):
                    self._request_echo()
                return True
            # Here, not when the command resumes: a repeat due in this very turn of the loop would be one too many.
            self._stop_echo_requests()
        if awaiting is None or awaiting.done():
            return self._out_of_step or (awaiting is not None and awaiting.cancelled())
        awaiting.set_result(reply)
        return True

    def hangup_received(self) -> None:
        """The HANGUP line. A running command still gets its reply: Asterisk sends one."""
        self._end(SessionEnd.HANGUP)

    def connection_lost(self) -> None:
        """The socket is gone."""
        self._end(SessionEnd.CONNECTION_LOST)
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(self._gone())

    def _end(self, end: SessionEnd) -> None:
        if self.ended is not None:
            return
        self.ended = end
        self.hung_up.set()
        for callback in tuple(self._end_callbacks):
            callback()

    def on_end(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when the session ends, at once if it has: a wait without a task. Returns its removal."""
        self._end_callbacks.add(callback)
        if self.ended is not None:
            callback()
        return lambda: self._end_callbacks.discard(callback)

    def _abort(self) -> None:
        self._end(SessionEnd.CLOSED)
        self._transport.abort()

    # The session as a whole

    def close(self) -> None:
        """Gives the channel back to the dialplan, which goes on after AGI(). A running EXEC ends first."""
        self._end(SessionEnd.CLOSED)
        self._transport.close()

    async def wait_hangup(self) -> SessionEnd:
        """Returns as soon as the channel has left AGI, the connection is lost or the session is closed."""
        await self.hung_up.wait()
        assert self.ended is not None  # noqa: S101 - set together with the event
        return self.ended

    # Typed commands

    async def answer(self) -> None:
        """ANSWER. May take seconds: Asterisk waits for media."""
        await self._do("ANSWER", deadline=self._media_deadline)

    async def hangup(self) -> None:
        """HANGUP of this channel; a channel already gone is no error."""
        try:
            await self._do("HANGUP", deadline=self._command_deadline)
        except AgiHangupError:
            return

    async def noop(self) -> None:
        """One round trip without effect."""
        await self._do("NOOP", deadline=self._command_deadline)

    async def verbose(self, message: str, level: int = 3) -> None:
        """A line in Asterisk's own log: nothing personal belongs there."""
        await self._do("VERBOSE", message, str(level), deadline=self._command_deadline)

    async def set_variable(self, name: str, value: str) -> None:
        """SET VARIABLE; raises AgiInvalidArgumentError on `${` and `$[` (see `plain_text`)."""
        words = ("SET", "VARIABLE", variable_name(name), refuse_expansion(value))
        await self._do(*words, deadline=self._command_deadline)

    async def set_variables(self, variables: Mapping[str, str]) -> None:
        """All of them, in order, in one round trip (EXEC MSet); in several past 20 pairs or some 2,000 bytes."""
        for words in mset_commands(variables):
            reply = await self._do(*words, deadline=self._command_deadline)
            if reply.result != "0":
                raise AgiCommandError("EXEC MSet", reply.code, f"result={reply.result}")

    async def get_variable(self, name: str) -> str | None:
        """A variable's or function's value; None if unset. Text that is not UTF-8 comes with U+FFFD."""
        reply = await self._do("GET", "VARIABLE", variable_name(name), deadline=self._command_deadline)
        if reply.result == "0":
            return None
        if len(reply.data.encode()) < _GET_VARIABLE_CUT:
            return reply.data
        whole = await self._do("GET", "FULL", "VARIABLE", f"${{{name}}}", deadline=self._command_deadline)
        return whole.data

    async def get_variables(self, *names: str) -> dict[str, str]:
        """Several values in one round trip (GET FULL VARIABLE); "" for what is unset or empty."""
        separator = f"|{secrets.token_hex(6)}|"  # a value cannot hold what nobody could foresee
        expression = separator.join(f"${{{variable_name(name)}}}" for name in names)
        reply = await self._do("GET", "FULL", "VARIABLE", expression, deadline=self._command_deadline)
        return dict(zip(names, reply.data.split(separator), strict=True))

    async def stream_file(self, path: str, interrupt_digits: str = "", offset: int = 0) -> str:
        """Plays a prompt (no extension) from `offset` samples; the digit of `interrupt_digits` that ended it, or ""."""
        words = ("STREAM", "FILE", path, interrupt_digits, str(offset))
        return _digit(words, await self._do(*words, deadline=self._media_deadline))

    async def wait_for_digit(self, timeout: timedelta) -> str:
        """The next digit, or "" when `timeout` ran out."""
        deadline = timeout + self._command_deadline
        words = ("WAIT", "FOR", "DIGIT", _milliseconds(timeout))
        return _digit(words, await self._do(*words, deadline=deadline))

    async def get_data(self, prompt_paths: Sequence[str], timeout: timedelta, max_digits: int) -> GetData:
        """Plays the prompts and collects digits: up to `max_digits`, or to `#`, or until `timeout` passes without one.

        A digit ends the prompts at once and counts. GET DATA takes a single prompt on 22.10 (no `&`), so all but the
        last are played by STREAM FILE.
        """
        if max_digits < 1 or timeout <= timedelta(0):
            raise AgiInvalidArgumentError("GET DATA needs at least one digit and a timeout above zero")
        keyed = ""
        for path in prompt_paths[:-1]:
            keyed = await self.stream_file(path, ALL_DIGITS)
            if keyed:
                break
        if keyed == "#":
            return GetData("", timed_out=False)
        if len(keyed) == max_digits:
            return GetData(keyed, timed_out=False)
        prompt = prompt_paths[-1] if prompt_paths and not keyed else ""
        wanted = max_digits - len(keyed)
        words = ("GET", "DATA", prompt, _milliseconds(timeout), str(wanted))
        reply = await self._do(*words, deadline=self._media_deadline + timeout * (wanted + 1))
        return GetData(keyed + reply.result, timed_out=reply.data == "timeout")

    async def record_file(self, path: str, limit: timedelta, silence: timedelta) -> tuple[str, timedelta]:
        """A beep, then what is heard into `path`.wav until any key, so long a silence, or the limit: the key, or "",
        and the length without that silence."""
        seconds = max(1, round(silence.total_seconds()))
        words = ("RECORD", "FILE", path, "wav", ALL_DIGITS, _milliseconds(limit), "0", "BEEP", f"s={seconds}")
        reply = await self._do(*words, deadline=limit + self._media_deadline)
        samples = int(reply.fields.get("endpos") or 0)
        return _digit(words, reply), timedelta(seconds=max(0, samples) / 8000)

    async def set_music(self, on: bool, klass: str = "") -> None:
        """SET MUSIC: music on hold while no command runs. An unknown class is Asterisk's warning, not an error."""
        words = ("SET", "MUSIC", "ON", klass) if on and klass else ("SET", "MUSIC", "ON" if on else "OFF")
        await self._do(*words, deadline=self._command_deadline)

    async def exec(self, application: str, *arguments: str, deadline: timedelta | None = None) -> int:
        """Runs a dialplan application; arguments are escaped, so none can become two. No deadline by default.

        The application's result: 0 is fine; -1 is what Dial gives after an answered call without its option `g`, too,
        so it is returned while the channel lives and becomes AgiHangupError when it does not. Not sent at all once the
        channel has left. Raises AgiCommandError if there is no such application.
        """
        if self.hung_up.is_set():
            raise self._gone()
        data = ",".join([escape_application_argument(argument) for argument in arguments])
        words = ("EXEC", application_name(application), data)
        reply = _accepted(words, await self.command(*words, deadline=deadline))
        if reply.result == "-2":
            raise AgiCommandError(f"EXEC {application}", reply.code, "no such application")
        if reply.result == "-1":
            await self._check_alive()
        try:
            return int(reply.result)
        except ValueError:
            raise AgiCommandError(f"EXEC {application}", reply.code, "the result is not a number") from None

    # Judging replies

    async def _do(self, *words: str, deadline: timedelta) -> AgiReply:
        reply = _accepted(words, await self.command(*words, deadline=deadline))
        if reply.result == "-1":
            await self._check_alive()
            raise AgiCommandError(_name(words), reply.code, "failed on a live channel (a missing file?)")
        return reply

    async def _check_alive(self) -> None:
        """Tells a hang-up from a failure; both answer -1. Raises AgiHangupError.

        Asterisk sends HANGUP before it reads our next command, so after a NOOP's reply the line has come or never will.
        """
        if not self.hung_up.is_set():
            await self.command("NOOP", deadline=self._command_deadline)
        if self.hung_up.is_set():
            raise self._gone()


def _accepted(words: Sequence[str], reply: AgiReply) -> AgiReply:
    if reply.code == 200:
        return reply
    if reply.code == 511:
        raise AgiHangupError("the channel has left AGI")
    raise AgiCommandError(_name(words), reply.code, reply.data)


def _name(words: Sequence[str]) -> str:
    """The command's name without its arguments; for EXEC with the application."""
    if words[0] == "EXEC":
        return " ".join(words[:2])
    leading = {"GET": 2, "SET": 2, "STREAM": 2, "RECORD": 2, "WAIT": 3}.get(words[0], 1)
    return " ".join(words[: 3 if words[1:2] == ("FULL",) else leading])


def _digit(words: Sequence[str], reply: AgiReply) -> str:
    """The key as a character; Asterisk gives its ASCII code, 0 for none."""
    if reply.result == "0":
        return ""
    if reply.result.isascii() and reply.result.isdigit() and int(reply.result) < 128:
        return chr(int(reply.result))
    raise AgiCommandError(_name(words), reply.code, "the result is not a digit")


def _milliseconds(duration: timedelta) -> str:
    return str(round(duration / timedelta(milliseconds=1)))
