"""FastAGI on the real Asterisk: what its parsers make of hostile text, and how its replies really come.

Callers are Local channels: one half walks the dialplan into AGI, the other waits or keys digits.
"""

import asyncio
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from acd.adapters.asterisk.agi_quoting import MAX_COMMAND_BYTES, quote
from acd.adapters.asterisk.fastagi import (
    AgiCommandError,
    AgiConnectionLostError,
    AgiHangupError,
    AgiSession,
    FastAgiServer,
    GetData,
    SessionEnd,
    plain_text,
)
from tests.integration.asterisk_fixture import RunningAsterisk

CONTEXT = "guichet-fastagi-test"
TOKEN = "token-of-the-tests"
PATIENCE = 20.0
DIALPLAN = {
    "call": ["Answer()", "AGI(${TEST_FASTAGI_URL},${TEST_FASTAGI_TOKEN},one,two words)", "Wait(300)"],
    "forged": [
        "Answer()",
        "Set(CALLERID(name)=${URIDECODE(evil%0aagi_arg_1: forged)})",
        "AGI(${TEST_FASTAGI_URL},${TEST_FASTAGI_TOKEN})",
        "Wait(300)",
    ],
    "quiet": ["Answer()", "Wait(300)"],
    "ring": ["Ringing()", "Wait(300)"],
    "brief": ["Answer()", "Wait(0.3)", "Hangup()"],
    # Keys digits as soon as the test says which.
    "keys": [
        "Answer()",
        "Wait(0.1)",
        'GotoIf($["${TEST_FASTAGI_KEYS}" = ""]?2)',
        "SendDTMF(${TEST_FASTAGI_KEYS},80,80)",
        "Wait(300)",
    ],
}
HOSTILE = [
    '"; EXEC System(touch /tmp/broken)',
    "back\\slash \\",
    "Ünïcødé 名前 🙂",
    "a,b\"c'd=e(f]g",
    "tab\there",
    "  blanks  ",
    "x=y,GUICHET_STAGE=done",
    "a'b|c^d&e~;f$",
    "(((",
    '"',
    "\\",
    '\\"',
    "",
]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Waits for what happens in another process, with a deadline."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - nobody could set an event
            await asyncio.sleep(0.05)


async def _no_channels(asterisk: RunningAsterisk) -> bool:
    return not await asterisk.channels()


async def _rejected(server: FastAgiServer, reason: str) -> bool:
    return server.statistics.rejected == {reason: 1}


@pytest.fixture
async def dialplan(asterisk: RunningAsterisk) -> AsyncIterator[RunningAsterisk]:
    """The dialplan of these tests; afterwards neither it nor a channel is left."""
    for extension, applications in DIALPLAN.items():
        for priority, application in enumerate(applications, start=1):
            # The CLI splits its line as AGI does.
            what = quote(f"{extension},{priority},{application}")
            told = await asterisk.cli(f"dialplan add extension {what} into {CONTEXT}")
            assert "added into" in told, told
    await asterisk.cli(f"dialplan set global TEST_FASTAGI_TOKEN {TOKEN}")
    yield asterisk
    await asterisk.cli("channel request hangup all")
    await until(lambda: _no_channels(asterisk))
    await asterisk.cli(f"dialplan remove context {CONTEXT}")


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `short` (0.2 s) and `long` (60 s): silence, as Asterisk plays it."""
    folder = tmp_path_factory.mktemp("prompts")
    folder.chmod(0o755)
    for name, seconds in (("short", 0.2), ("long", 60.0)):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(int(16000 * seconds)))
    return folder


class Caller:
    """A server of ours, and the session of the caller who reached it."""

    def __init__(self, asterisk: RunningAsterisk) -> None:
        self.asterisk = asterisk
        self.sessions: asyncio.Queue[AgiSession] = asyncio.Queue()
        self.done = asyncio.Event()

    async def handle(self, session: AgiSession) -> None:
        self.sessions.put_nowait(session)
        await self.done.wait()

    async def session(self) -> AgiSession:
        async with asyncio.timeout(PATIENCE):
            return await self.sessions.get()

    async def hang_up(self, session: AgiSession) -> None:
        await self.asterisk.cli(f"channel request hangup {session.environment['agi_channel']}")

    async def key(self, digits: str) -> None:
        await self.asterisk.cli(f"dialplan set global TEST_FASTAGI_KEYS {digits}")

    async def application(self, session: AgiSession) -> str:
        """What the dialplan runs on the channel."""
        told = await self.asterisk.cli(f"core show channel {session.environment['agi_channel']}")
        return next((line.split(":")[1].strip() for line in told.splitlines() if "Application:" in line), "")

    async def reaches(self, session: AgiSession, application: str) -> None:
        async def reached() -> bool:
            return await self.application(session) == application

        await until(reached)


@asynccontextmanager
async def listening(asterisk: RunningAsterisk) -> AsyncIterator[tuple[Caller, FastAgiServer]]:
    caller = Caller(asterisk)
    async with FastAgiServer("127.0.0.1", 0, caller.handle, token=TOKEN) as server:
        await asterisk.cli('dialplan set global TEST_FASTAGI_KEYS ""')
        await asterisk.cli(f"dialplan set global TEST_FASTAGI_URL agi://127.0.0.1:{server.port}/call")
        yield caller, server
        caller.done.set()


async def originate(asterisk: RunningAsterisk, extension: str = "call", peer: str = "quiet") -> None:
    told = await asterisk.cli(f"channel originate Local/{extension}@{CONTEXT}/n extension {peer}@{CONTEXT}")
    assert "rror" not in told, told


@asynccontextmanager
async def call(asterisk: RunningAsterisk, peer: str = "quiet") -> AsyncIterator[tuple[AgiSession, Caller]]:
    """One caller under control."""
    async with listening(asterisk) as (caller, _):
        await originate(asterisk, peer=peer)
        yield await caller.session(), caller


async def test_environment(dialplan: RunningAsterisk) -> None:
    async with call(dialplan) as (session, _):
        assert session.script == "call"
        assert session.arguments == ("one", "two words")
        assert session.environment["agi_context"] == CONTEXT
        assert TOKEN not in session.environment.values()


async def test_hostile_values_arrive_as_they_are(dialplan: RunningAsterisk) -> None:
    async with call(dialplan) as (session, _):
        for value in [*HOSTILE, "x" * 2000]:
            await session.set_variable("X", value)
            assert await session.get_variable("X") == value


async def test_hostile_values_arrive_by_mset(dialplan: RunningAsterisk) -> None:
    async with call(dialplan) as (session, _):
        variables = {f"V{index}": value for index, value in enumerate(HOSTILE)}
        await session.set_variables({**variables, "LAST": "1", "CHANNEL(language)": "fr"})
        assert await session.get_variables(*variables, "LAST") == variables | {"LAST": "1"}
        assert await session.get_variable("CHANNEL(language)") == "fr"
        assert await session.get_variable("GUICHET_STAGE") is None
        many = {f"M{index}": f'{index},"' for index in range(50)}
        await session.set_variables(many)
        assert await session.get_variables(*many) == many


async def test_the_longest_line_is_read_whole(dialplan: RunningAsterisk) -> None:
    async with call(dialplan) as (session, _):
        value = " " * (MAX_COMMAND_BYTES - len('SET VARIABLE X ""'))
        await session.set_variable("X", value)
        assert await session.get_variable("X") == value
        await session.noop()


async def test_commands_do_not_expand_unless_told_to(dialplan: RunningAsterisk) -> None:
    """The facts behind `refuse_expansion`."""
    deadline = timedelta(seconds=10)
    async with call(dialplan) as (session, _):
        await session.command("SET", "VARIABLE", "X", "$[1+1] ${CONTEXT}", deadline=deadline)
        assert await session.get_variable("X") == "$[1+1] ${CONTEXT}"
        await session.command("EXEC", "Set", "Y=$[1+1]", deadline=deadline)
        assert await session.get_variable("Y") == "$[1+1]"
        await session.set_variable("AGIEXECFULL", "yes")
        await session.command("EXEC", "Set", "Y=$[1+1]", deadline=deadline)
        assert await session.get_variable("Y") == "2"
        await session.set_variable("X", plain_text("$[1+1] ${CONTEXT}"))
        assert await session.get_variable("X") == "[1+1] {CONTEXT}"


async def test_a_value_with_line_breaks_does_not_shift_the_replies(dialplan: RunningAsterisk) -> None:
    async with call(dialplan) as (session, _):
        await session.set_variable("AGIEXECFULL", "yes")
        await session.command(
            "EXEC", "Set", "X=${URIDECODE(a%0a200 result=1%0aHANGUP%0ab)}", deadline=timedelta(seconds=10)
        )
        assert await session.get_variable("X") == "a\n200 result=1\nHANGUP\nb"
        assert await session.get_variable("NOT_SET") is None
        assert session.ended is None


async def test_refusals(dialplan: RunningAsterisk) -> None:
    async with call(dialplan) as (session, _):
        reply = await session.command("FOO", deadline=timedelta(seconds=10))
        assert (reply.code, reply.data) == (510, "Invalid or unknown command")
        reply = await session.command("GET", "DATA", deadline=timedelta(seconds=10))
        assert reply.code == 520
        assert "receive DTMF" in reply.data
        with pytest.raises(AgiCommandError, match="no such application"):
            await session.exec("NoSuchApplication")
        with pytest.raises(AgiCommandError, match="STREAM FILE"):
            await session.stream_file("/no/such/file")
        await session.noop()


async def test_prompts_without_a_digit(dialplan: RunningAsterisk, prompts: Path) -> None:
    short = str(prompts / "short")
    tenth = timedelta(seconds=0.1)
    async with call(dialplan) as (session, _):
        assert await session.stream_file(short, "12") == ""
        assert await session.wait_for_digit(tenth) == ""
        assert await session.get_data([short], tenth, 3) == GetData("", timed_out=True)
        assert await session.get_data([short, short], tenth, 3) == GetData("", timed_out=True)
        assert await session.get_data([], tenth, 3) == GetData("", timed_out=True)
        await session.set_music(True)
        await session.set_music(False)


@pytest.mark.parametrize(
    ("keyed", "prompt_count", "expected"),
    [
        ("12#", 1, (9, GetData("12", timed_out=False))),
        ("12#", 2, (9, GetData("12", timed_out=False))),
        ("#", 1, (9, GetData("", timed_out=False))),
        ("#", 2, (9, GetData("", timed_out=False))),
        ("45", 1, (2, GetData("45", timed_out=False))),
        ("4*", 2, (2, GetData("4*", timed_out=False))),
        ("7", 2, (1, GetData("7", timed_out=False))),
        ("12", 1, (9, GetData("12", timed_out=True))),
        ("12", 3, (9, GetData("12", timed_out=True))),
    ],
)
async def test_digits(
    dialplan: RunningAsterisk, prompts: Path, keyed: str, prompt_count: int, expected: tuple[int, GetData]
) -> None:
    """`expected`: the most digits asked for, and what comes."""
    max_digits, result = expected
    async with call(dialplan, peer="keys") as (session, caller), asyncio.TaskGroup() as group:
        paths = [str(prompts / "long")] * prompt_count
        collecting = group.create_task(session.get_data(paths, timedelta(seconds=1.5), max_digits))
        await caller.key(keyed)
        assert await collecting == result


async def test_one_digit(dialplan: RunningAsterisk, prompts: Path) -> None:
    async with call(dialplan, peer="keys") as (session, caller), asyncio.TaskGroup() as group:
        playing = group.create_task(session.stream_file(str(prompts / "long"), "5"))
        await caller.key("95")
        assert await playing == "5"


async def test_hangup_is_seen_while_idle(dialplan: RunningAsterisk) -> None:
    async with call(dialplan) as (session, caller):
        await session.set_music(True)
        await caller.hang_up(session)
        async with asyncio.timeout(PATIENCE):
            assert await session.wait_hangup() is SessionEnd.HANGUP
        assert await session.get_variable("NOT_SET") is None  # permitted on a dead channel
        await session.set_variables({"GUICHET_STAGE": "left"})
        with pytest.raises(AgiHangupError):
            await session.answer()
        with pytest.raises(AgiHangupError):
            await session.exec("Dial", f"Local/ring@{CONTEXT}")


async def exec_dial(session: AgiSession, prompt: str) -> object:
    return await session.exec("Dial", f"Local/ring@{CONTEXT}", "60")


async def stream_file(session: AgiSession, prompt: str) -> object:
    return await session.stream_file(prompt)


async def get_data(session: AgiSession, prompt: str) -> object:
    return await session.get_data([prompt], timedelta(seconds=5), 4)


async def wait_for_digit(session: AgiSession, prompt: str) -> object:
    return await session.wait_for_digit(timedelta(seconds=60))


@pytest.mark.parametrize("command", [exec_dial, stream_file, get_data, wait_for_digit])
async def test_hangup_during_a_command(
    dialplan: RunningAsterisk, prompts: Path, command: Callable[[AgiSession, str], Awaitable[object]]
) -> None:
    async def run(session: AgiSession) -> None:
        with pytest.raises(AgiHangupError):
            await command(session, str(prompts / "long"))

    async with call(dialplan) as (session, caller), asyncio.TaskGroup() as group:
        group.create_task(run(session))
        await caller.hang_up(session)
        assert await session.wait_hangup() is SessionEnd.HANGUP


async def test_dial_results(dialplan: RunningAsterisk) -> None:
    """Brackets and commas of Dial's own arguments survive the escaping (`S(1)` ends the talk after a second)."""
    async with call(dialplan) as (session, _):
        assert await session.exec("Dial", f"Local/ring@{CONTEXT}/n", "1") == 0
        assert await session.get_variable("DIALSTATUS") == "NOANSWER"
        assert await session.exec("Dial", f"Local/quiet@{CONTEXT}/n", "30", "gS(1)") == 0
        assert await session.get_variable("DIALSTATUS") == "ANSWER"
        assert await session.exec("Dial", f"Local/brief@{CONTEXT}/n", "30") == -1  # without `g`, the caller lives on
        assert await session.get_variable("DIALSTATUS") == "ANSWER"
        assert session.ended is None


async def test_a_redirected_caller_goes_on_when_the_session_closes(dialplan: RunningAsterisk) -> None:
    async with call(dialplan) as (session, caller):
        channel = session.environment["agi_channel"]
        await dialplan.cli(f"channel redirect {channel} {CONTEXT},quiet,1")
        async with asyncio.timeout(PATIENCE):
            assert await session.wait_hangup() is SessionEnd.HANGUP
        assert await caller.application(session) == "AGI"
        caller.done.set()
        await caller.reaches(session, "Wait")


async def test_a_given_up_command_does_not_shift_the_replies(dialplan: RunningAsterisk, prompts: Path) -> None:
    long = str(prompts / "long")
    deadline = timedelta(seconds=10)
    async with call(dialplan) as (session, _):
        await session.set_variable("X", "right")
        for words in (
            ("STREAM", "FILE", long, "123"),
            ("GET", "DATA", long, "5000", "4"),
            ("GET", "DATA", "", "5000", "4"),
            ("WAIT", "FOR", "DIGIT", "60000"),
            ("EXEC", "Wait", "0.5"),
            ("GET", "VARIABLE", "NOT_SET"),
            ("SET", "VARIABLE"),
            ("NOOP",),
        ):
            for pause in (0.0, 0.2):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(pause):
                        await session.command(*words, deadline=None)
                        raise TimeoutError  # answered in time: as good a start for what follows
                reply = await session.command("GET", "VARIABLE", "X", deadline=deadline)
                assert reply.data == "right", words
                assert await session.get_variable("X") == "right", words


async def test_closing_the_session_gives_the_channel_back(dialplan: RunningAsterisk) -> None:
    async with call(dialplan) as (session, caller):
        caller.done.set()
        await caller.reaches(session, "Wait")
        with pytest.raises(AgiConnectionLostError):
            await session.noop()


async def test_a_wrong_token_lets_the_call_go_on_in_the_dialplan(dialplan: RunningAsterisk) -> None:
    await dialplan.cli("dialplan set global TEST_FASTAGI_TOKEN wrong")
    async with listening(dialplan) as (caller, server):
        await originate(dialplan)
        await until(lambda: _rejected(server, "token"))
        assert caller.sessions.empty()


async def test_a_caller_name_with_a_line_break_is_refused(dialplan: RunningAsterisk) -> None:
    async with listening(dialplan) as (caller, server):
        await originate(dialplan, "forged")
        await until(lambda: _rejected(server, "environment_forged"))
        assert caller.sessions.empty()
