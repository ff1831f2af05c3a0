"""One caller's session against a scripted Asterisk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from acd.adapters.asterisk import agi_session
from acd.adapters.asterisk.fastagi import (
    AgiBusyError,
    AgiCommandError,
    AgiConnectionLostError,
    AgiDeadlineError,
    AgiHangupError,
    AgiInvalidArgumentError,
    AgiSession,
    FastAgiServer,
    GetData,
    SessionEnd,
)
from tests.fakes.agi_client import PATIENCE, TOKEN, FakeAgiClient, until

SOON = timedelta(milliseconds=50)
LONG = timedelta(seconds=PATIENCE)


@asynccontextmanager
async def caller(
    handler: Callable[[AgiSession], Awaitable[None]], **about: str
) -> AsyncIterator[tuple[FastAgiServer, FakeAgiClient]]:
    """A server with this handler and one caller connected to it."""
    async with (
        FastAgiServer("127.0.0.1", 0, handler, token=TOKEN) as server,
        await FakeAgiClient.connect(server.port, **about) as client,
    ):
        yield server, client
        assert await client.closed()


class Outcome:
    """Runs steps in a handler and keeps what they return or raise."""

    def __init__(self, step: Callable[[AgiSession], Awaitable[object]]) -> None:
        self._step = step
        self.result: object = None
        self.error: BaseException | None = None

    async def __call__(self, session: AgiSession) -> None:
        try:
            self.result = await self._step(session)
        except Exception as error:
            self.error = error
            raise


async def outcome_of(
    step: Callable[[AgiSession], Awaitable[object]], *exchange: tuple[list[str], list[str]]
) -> Outcome:
    """Runs one step against scripted exchanges: (words expected, lines answered)."""
    outcome = Outcome(step)
    async with caller(outcome) as (_, client):
        for words, answers in exchange:
            await client.expect(words, *answers)
    return outcome


def words(text: str) -> list[str]:
    return text.split(" ")


OK = ["200 result=0"]
DEAD = ["511 Command Not Permitted on a dead channel or intercept routine"]


class TestTypedCommands:
    @pytest.mark.parametrize(
        ("step", "sent", "answer", "result"),
        [
            (lambda s: s.answer(), ["ANSWER"], "200 result=0", None),
            (lambda s: s.noop(), ["NOOP"], "200 result=0", None),
            (lambda s: s.hangup(), ["HANGUP"], "200 result=1", None),
            (lambda s: s.hangup(), ["HANGUP"], DEAD[0], None),
            (lambda s: s.verbose('say "x"'), ["VERBOSE", 'say "x"', "3"], "200 result=1", None),
            (lambda s: s.set_variable("X", 'a"b\\'), ["SET", "VARIABLE", "X", 'a"b\\'], "200 result=1", None),
            (lambda s: s.get_variable("X"), words("GET VARIABLE X"), "200 result=1 (a (b))", "a (b)"),
            (lambda s: s.get_variable("X"), words("GET VARIABLE X"), "200 result=1 ()", ""),
            (lambda s: s.get_variable("X"), words("GET VARIABLE X"), "200 result=0", None),
            (lambda s: s.stream_file("hi"), ["STREAM", "FILE", "hi", "", "0"], "200 result=0 endpos=9", ""),
            (
                lambda s: s.stream_file("hi", "12#", 80),
                ["STREAM", "FILE", "hi", "12#", "80"],
                "200 result=35 endpos=9",
                "#",
            ),
            (
                lambda s: s.wait_for_digit(timedelta(seconds=1.5)),
                words("WAIT FOR DIGIT 1500"),
                "200 result=42",
                "*",
            ),
            (lambda s: s.wait_for_digit(timedelta(seconds=1)), words("WAIT FOR DIGIT 1000"), "200 result=0", ""),
            (lambda s: s.set_music(True), words("SET MUSIC ON"), "200 result=0", None),
            (lambda s: s.set_music(True, "jazz"), words("SET MUSIC ON jazz"), "200 result=0", None),
            (lambda s: s.set_music(False), words("SET MUSIC OFF"), "200 result=0", None),
            (
                lambda s: s.exec("Dial", "PJSIP/1,2", "30", "gS(1)"),
                ["EXEC", "Dial", "PJSIP/1\\,2,30,gS\\(1\\)"],
                "200 result=0",
                0,
            ),
            (
                lambda s: s.set_variables({"A": "1,2", "_B": "x=y"}),
                ["EXEC", "MSet", "A=1\\,2,_B=x=y"],
                "200 result=0",
                None,
            ),
        ],
    )
    async def test_words_and_results(
        self,
        step: Callable[[AgiSession], Awaitable[object]],
        sent: list[str],
        answer: str,
        result: object,
    ) -> None:
        outcome = await outcome_of(step, (sent, [answer]))
        assert outcome.error is None
        assert outcome.result == result

    @pytest.mark.parametrize(
        ("answer", "result"),
        [
            ("200 result=123", GetData("123", timed_out=False)),
            ("200 result=12 (timeout)", GetData("12", timed_out=True)),
            ("200 result= (timeout)", GetData("", timed_out=True)),
            ("200 result=", GetData("", timed_out=False)),
        ],
    )
    async def test_get_data(self, answer: str, result: GetData) -> None:
        outcome = await outcome_of(
            lambda s: s.get_data(["menu"], timedelta(seconds=3), 5), (words("GET DATA menu 3000 5"), [answer])
        )
        assert outcome.result == result

    async def test_get_data_with_several_prompts(self) -> None:
        outcome = await outcome_of(
            lambda s: s.get_data(["a", "b", "c"], timedelta(seconds=3), 2),
            (words("STREAM FILE a 0123456789*# 0"), OK),
            (words("STREAM FILE b 0123456789*# 0"), OK),
            (words("GET DATA c 3000 2"), ["200 result=45"]),
        )
        assert outcome.result == GetData("45", timed_out=False)

    async def test_a_digit_during_an_early_prompt_counts_and_ends_the_prompts(self) -> None:
        outcome = await outcome_of(
            lambda s: s.get_data(["a", "b", "c"], timedelta(seconds=3), 3),
            (words("STREAM FILE a 0123456789*# 0"), ["200 result=55 endpos=1"]),
            (["GET", "DATA", "", "3000", "2"], ["200 result=8 (timeout)"]),
        )
        assert outcome.result == GetData("78", timed_out=True)

    @pytest.mark.parametrize(("code", "digits"), [(55, "7"), (35, "")])
    async def test_the_only_digit_or_the_hash_during_an_early_prompt(self, code: int, digits: str) -> None:
        outcome = await outcome_of(
            lambda s: s.get_data(["a", "b"], timedelta(seconds=3), 1),
            (words("STREAM FILE a 0123456789*# 0"), [f"200 result={code} endpos=1"]),
        )
        assert outcome.result == GetData(digits, timed_out=False)

    async def test_several_variables_in_one_round_trip(self) -> None:
        outcome = Outcome(lambda s: s.get_variables("A", "B", "CHANNEL(language)"))
        async with caller(outcome) as (_, client):
            *verb, expression = await client.next_command()
            assert verb == ["GET", "FULL", "VARIABLE"]
            value = expression.replace("${A}", "1|2").replace("${B}", "").replace("${CHANNEL(language)}", "fr")
            client.send(f"200 result=1 ({value})")
        assert outcome.result == {"A": "1|2", "B": "", "CHANNEL(language)": "fr"}

    async def test_a_value_that_get_variable_cuts_is_read_whole(self) -> None:
        outcome = await outcome_of(
            lambda s: s.get_variable("X"),
            (words("GET VARIABLE X"), [f"200 result=1 ({'x' * 1023})"]),
            (words("GET FULL VARIABLE ${X}"), [f"200 result=1 ({'x' * 1500})"]),
        )
        assert outcome.result == "x" * 1500

    @pytest.mark.parametrize(
        "step",
        [
            lambda s: s.set_variable("X", "${SHELL(id)}"),
            lambda s: s.set_variable("X", "a\nHANGUP"),
            lambda s: s.set_variable("X Y", "a"),
            lambda s: s.set_variable("X", "a" * 3000),
            lambda s: s.set_variables({"X": "$[1]"}),
            lambda s: s.exec("System(id)"),
            lambda s: s.exec("Dial", "a\rb"),
            lambda s: s.get_variable("X)${Y}"),
            lambda s: s.stream_file("a\nEXEC System"),
            lambda s: s.get_data([], timedelta(seconds=1), 0),
            lambda s: s.get_data([], timedelta(0), 1),
        ],
    )
    async def test_what_is_refused_before_a_byte_is_written(
        self, step: Callable[[AgiSession], Awaitable[object]]
    ) -> None:
        outcome = await outcome_of(step)
        assert isinstance(outcome.error, AgiInvalidArgumentError)


class TestErrors:
    async def test_refused_command_names_the_command_not_its_arguments(self) -> None:
        outcome = await outcome_of(
            lambda s: s.set_variable("X", "secret"),
            (
                words("SET VARIABLE X secret"),
                ["520-Invalid command syntax.  Proper usage follows:", "Sets a variable", "520 End of proper usage."],
            ),
        )
        assert isinstance(outcome.error, AgiCommandError)
        assert (outcome.error.command, outcome.error.code) == ("SET VARIABLE", 520)
        assert "Sets a variable" in outcome.error.usage
        assert "secret" not in str(outcome.error)

    async def test_no_such_application(self) -> None:
        outcome = await outcome_of(lambda s: s.exec("Dail", "x"), (words("EXEC Dail x"), ["200 result=-2"]))
        assert isinstance(outcome.error, AgiCommandError)
        assert outcome.error.command == "EXEC Dail"

    async def test_dead_channel(self) -> None:
        outcome = await outcome_of(lambda s: s.answer(), (["ANSWER"], DEAD))
        assert isinstance(outcome.error, AgiHangupError)

    async def test_minus_one_on_a_live_channel_is_a_failure(self) -> None:
        outcome = await outcome_of(
            lambda s: s.stream_file("missing"),
            (["STREAM", "FILE", "missing", "", "0"], ["200 result=-1 endpos=0"]),
            (["NOOP"], OK),
        )
        assert isinstance(outcome.error, AgiCommandError)
        assert outcome.error.command == "STREAM FILE"

    async def test_minus_one_and_then_hangup_is_a_hangup(self) -> None:
        outcome = await outcome_of(
            lambda s: s.stream_file("long"),
            (["STREAM", "FILE", "long", "", "0"], ["200 result=-1 endpos=800"]),
            (["NOOP"], ["HANGUP", "200 result=0"]),
        )
        assert isinstance(outcome.error, AgiHangupError)

    async def test_dial_gives_minus_one_while_the_caller_stays(self) -> None:
        outcome = await outcome_of(
            lambda s: s.exec("Dial", "x"), (words("EXEC Dial x"), ["200 result=-1"]), (["NOOP"], OK)
        )
        assert outcome.result == -1

    @pytest.mark.parametrize("answer", ["200 result=", "200 result=abc", "200 result=999"])
    async def test_a_result_that_is_no_digit(self, answer: str) -> None:
        outcome = await outcome_of(
            lambda s: s.wait_for_digit(timedelta(seconds=1)), (words("WAIT FOR DIGIT 1000"), [answer])
        )
        assert isinstance(outcome.error, AgiCommandError)

    async def test_deadline_closes_the_session(self) -> None:
        async def step(session: AgiSession) -> None:
            with pytest.raises(AgiDeadlineError):
                await session.command("EXEC", "Wait", "5", deadline=SOON)
            assert session.ended is SessionEnd.CLOSED
            with pytest.raises(AgiConnectionLostError):
                await session.noop()

        outcome = Outcome(step)
        async with caller(outcome) as (_, client):
            assert await client.next_command() == words("EXEC Wait 5")
        assert outcome.error is None

    async def test_two_commands_at_once(self) -> None:
        async def step(session: AgiSession) -> None:
            async with asyncio.TaskGroup() as group:
                first = group.create_task(session.noop())
                await asyncio.sleep(0)
                with pytest.raises(AgiBusyError):
                    await session.noop()
                await first
            await session.noop()

        outcome = await outcome_of(step, (["NOOP"], OK), (["NOOP"], OK))
        assert outcome.error is None


class TestHangup:
    async def test_seen_while_no_command_runs(self) -> None:
        outcome = Outcome(lambda s: s.wait_hangup())
        async with caller(outcome) as (server, client):
            await until(lambda: server.active_sessions == 1)
            client.hang_up()
        assert outcome.result is SessionEnd.HANGUP

    async def test_before_a_reply_does_not_shift_the_replies(self) -> None:
        async def step(session: AgiSession) -> None:
            assert await session.get_variable("A") == "a"
            assert session.hung_up.is_set()
            assert await session.get_variable("B") == "b"

        outcome = await outcome_of(
            step,
            (words("GET VARIABLE A"), ["HANGUP", "200 result=1 (a)"]),
            (words("GET VARIABLE B"), ["200 result=1 (b)"]),
        )
        assert outcome.error is None

    async def test_during_exec(self) -> None:
        outcome = await outcome_of(lambda s: s.exec("Dial", "x"), (words("EXEC Dial x"), ["200 result=-1", "HANGUP"]))
        assert isinstance(outcome.error, AgiHangupError)

    async def test_no_phone_rings_for_a_caller_who_left(self) -> None:
        async def step(session: AgiSession) -> None:
            await session.wait_hangup()
            await session.exec("Dial", "PJSIP/1")

        outcome = Outcome(step)
        async with caller(outcome) as (_, client):
            client.hang_up()
        assert isinstance(outcome.error, AgiHangupError)

    async def test_then_end_of_file_is_a_hangup(self) -> None:
        outcome = Outcome(lambda s: s.command("EXEC", "Dial", "x", deadline=LONG))
        async with caller(outcome) as (server, client):
            await client.next_command()
            client.hang_up()
            client.vanish()
            await until(lambda: outcome.error is not None)
        assert isinstance(outcome.error, AgiHangupError)
        assert server.statistics.connections_lost == 0

    @pytest.mark.parametrize("end", [FakeAgiClient.vanish, FakeAgiClient.reset])
    async def test_end_of_file_alone_is_a_loss(self, end: Callable[[FakeAgiClient], None]) -> None:
        outcome = Outcome(lambda s: s.command("EXEC", "Dial", "x", deadline=LONG))
        async with caller(outcome) as (server, client):
            await client.next_command()
            end(client)
            await until(lambda: outcome.error is not None)
        assert isinstance(outcome.error, AgiConnectionLostError)
        assert server.statistics.connections_lost == 1

    async def test_on_end_tells_once_and_at_once_if_too_late(self) -> None:
        told: list[str] = []

        async def step(session: AgiSession) -> None:
            session.on_end(lambda: told.append("first"))
            session.on_end(lambda: told.append("removed"))()
            await session.noop()
            await session.wait_hangup()
            session.on_end(lambda: told.append("late"))

        outcome = Outcome(step)
        async with caller(outcome) as (_, client):
            await client.expect(["NOOP"], "200 result=0", "HANGUP")
            client.vanish()
            await until(lambda: "late" in told)
        assert outcome.error is None
        assert told == ["first", "late"]

    async def test_loss_while_idle(self) -> None:
        outcome = Outcome(lambda s: s.wait_hangup())
        async with caller(outcome) as (_, client):
            client.vanish()
            await until(lambda: outcome.result is not None)
        assert outcome.result is SessionEnd.CONNECTION_LOST


async def give_up(session: AgiSession, *command: str) -> None:
    """Starts a command and cancels it once it is on its way."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(session.command(*command, deadline=None))
        await asyncio.sleep(0)
        task.cancel()


class TestGivenUpCommand:
    @pytest.mark.parametrize(
        "late",
        [
            [],
            ["200 result=1"],
            ["200 result=1 (wrong)", "200 result=0"],
            ["HANGUP", "200 result=-1"],
            ["520-Usage:", "x", "520 End of proper usage."],
        ],
    )
    async def test_however_many_replies_come_late_the_next_one_is_right(self, late: list[str]) -> None:
        async def step(session: AgiSession) -> str | None:
            await give_up(session, "STREAM", "FILE", "music")
            return await session.get_variable("X")

        outcome = Outcome(step)
        async with caller(outcome) as (_, client):
            assert await client.next_command() == words("STREAM FILE music")
            *_, echo = await client.next_command()
            client.send(*late, f"200 result=1 ({echo})")
            assert await client.next_after_echoes() == words("GET VARIABLE X")
            client.send("200 result=1 (right)")
        assert outcome.result == "right"

    async def test_a_reply_that_comes_while_idle_is_dropped(self) -> None:
        given_up = asyncio.Event()
        replied = asyncio.Event()

        async def step(session: AgiSession) -> str | None:
            await give_up(session, "EXEC", "Wait", "1")
            given_up.set()
            await replied.wait()
            return await session.get_variable("X")

        outcome = Outcome(step)
        async with caller(outcome) as (server, client):
            assert await client.next_command() == words("EXEC Wait 1")
            await given_up.wait()
            client.send("200 result=0")
            replied.set()
            assert await client.next_after_echoes() == words("GET VARIABLE X")
            client.send("200 result=1 (right)")
        assert outcome.result == "right"
        assert not server.statistics.rejected

    @pytest.mark.parametrize(("late", "repeat_seconds"), [([], 0.02), (["200 result=0"], 3600.0)])
    async def test_an_echo_request_that_lies_unseen_is_repeated(
        self, late: list[str], repeat_seconds: float, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As when it came in one read with the command given up; a late reply does not wait for the time."""
        monkeypatch.setattr(agi_session, "_FIRST_REPEAT_SECONDS", repeat_seconds)

        async def step(session: AgiSession) -> str | None:
            await give_up(session, "STREAM", "FILE", "music")
            return await session.get_variable("X")

        outcome = Outcome(step)
        async with caller(outcome) as (_, client):
            assert await client.next_command() == words("STREAM FILE music")
            *_, first = await client.next_command()
            client.send(*late)
            *_, second = await client.next_command()
            assert first != second
            client.send(f"200 result=1 ({first})", f"200 result=1 ({second})")
            assert await client.next_after_echoes() == words("GET VARIABLE X")
            client.send("200 result=1 (right)")
        assert outcome.result == "right"

    async def test_giving_up_twice(self) -> None:
        async def step(session: AgiSession) -> str | None:
            await give_up(session, "EXEC", "Wait", "1")
            await give_up(session, "NOOP")
            return await session.get_variable("X")

        outcome = Outcome(step)
        async with caller(outcome) as (_, client):
            assert await client.next_command() == words("EXEC Wait 1")
            client.send("200 result=0")
            assert await client.next_after_echoes() == words("GET VARIABLE X")
            client.send("200 result=1 (right)")
        assert outcome.result == "right"

    async def test_an_exec_that_goes_on_ends_in_the_next_commands_deadline(self) -> None:
        async def step(session: AgiSession) -> None:
            await give_up(session, "EXEC", "Dial", "x")
            await session.command("NOOP", deadline=SOON)

        outcome = Outcome(step)
        async with caller(outcome) as (server, client):
            assert await client.next_command() == words("EXEC Dial x")
            while (await client.next_command())[:3] == words("GET FULL VARIABLE"):
                pass
        assert isinstance(outcome.error, AgiDeadlineError)
        assert server.statistics.deadlines == 1
