"""The dialplan's promises on a real Asterisk: a call is never lost because the service is.

Callers are Local channels: one half walks the dialplan as a trunk call would, the other records what the caller hears.
"""

from __future__ import annotations

import array
import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from acd.adapters.asterisk.dialplan import AGI_ARGUMENTS
from acd.adapters.asterisk.install import Installation
from tests.integration.asterisk_fixture import RunningAsterisk, new_asterisk, run_aside

RATE = 8000  # samples per second of .sln recordings, 16 bits each


class AgiCall:
    """One AGI session, bare: what the dialplan said, and commands by hand."""

    def __init__(self, environment: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.environment = environment
        self.reader = reader
        self.writer = writer

    @property
    def arguments(self) -> dict[str, str]:
        return {
            name: self.environment.get(f"agi_arg_{position}", "")
            for position, (name, _expression) in enumerate(AGI_ARGUMENTS, 1)
        }

    async def command(self, line: str) -> str:
        self.writer.write(f"{line}\n".encode())
        await self.writer.drain()
        return (await self.reader.readline()).decode().strip()

    async def set(self, name: str, value: str) -> None:
        assert await self.command(f'SET VARIABLE {name} "{value}"') == "200 result=1"


Answer = Callable[[AgiCall], Awaitable[None]]


@asynccontextmanager
async def service(port: int, answer: Answer) -> AsyncIterator[list[AgiCall]]:
    """A service that gives every call to `answer`, then closes its socket. Leaving ends it with all its sockets."""
    calls: list[AgiCall] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        environment: dict[str, str] = {}
        try:
            while (line := (await reader.readline()).decode().strip()) != "":
                key, _colon, value = line.partition(":")
                environment[key] = value.strip()
            call = AgiCall(environment, reader, writer)
            calls.append(call)
            await answer(call)
        except ConnectionError:
            pass  # the caller left; the test sees it elsewhere
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield calls
    finally:
        server.close()
        for call in calls:
            call.writer.transport.abort()


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 20.0) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110  (what is waited for happens in another process)
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what}") from None


async def no_channels(asterisk: RunningAsterisk) -> None:
    async def none_left() -> bool:
        return await asterisk.channels() == []

    await until(none_left, "no channel lingers")


async def caller(
    asterisk: RunningAsterisk, recording: Path, number: str = "100", context: str = "guichet-trunk"
) -> None:
    recording.parent.mkdir(exist_ok=True)
    # /n: the two halves stay, as the caller of a trunk would. q: no beep of Record's own.
    told = await asterisk.cli(f"channel originate Local/{number}@{context}/n application Record {recording},0,0,qk")
    assert "rror" not in told


async def hang_up(asterisk: RunningAsterisk) -> None:
    await asterisk.cli("channel request hangup all")
    await no_channels(asterisk)


def loudness(recording: Path, window: float = 0.1) -> list[float]:
    """RMS of each window, 0 to 32767."""
    samples = array.array("h")
    data = recording.read_bytes()
    samples.frombytes(data[: len(data) // 2 * 2])
    size = int(RATE * window)
    return [
        math.sqrt(sum(s * s for s in samples[at : at + size]) / size) for at in range(0, len(samples) - size + 1, size)
    ]


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


async def heard(recording: Path, seconds: float) -> None:
    async def long_enough() -> bool:
        return size_of(recording) >= seconds * RATE * 2

    await until(long_enough, f"{seconds} s of sound in {recording.name}", seconds + 15)


@pytest.fixture(scope="module")
def brief(asterisk_installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAsterisk]:
    """An Asterisk that gives up after two seconds without a service."""
    home = tmp_path_factory.mktemp("brief")
    running = new_asterisk(home, asterisk_installation, {"fallback": {"without_service_seconds": 2}})
    try:
        run_aside(running.instance.up())
        yield running
    finally:
        run_aside(running.instance.down())


async def test_call_enters_agi_and_done_ends_it(asterisk: RunningAsterisk, tmp_path: Path) -> None:
    async def answer(call: AgiCall) -> None:
        await call.set("GUICHET_SEEN", "1")
        await call.set("GUICHET_DONE", "1")

    async with service(asterisk.agi_port, answer) as calls:
        await caller(asterisk, tmp_path / "heard.sln")

        async def asked() -> bool:
            return bool(calls)

        await until(asked, "the service is asked")
        await no_channels(asterisk)
        assert len(calls) == 1
    arguments = calls[0].arguments
    assert calls[0].environment["agi_network_script"] == "call"
    assert arguments["token"] == asterisk.secrets.agi_token
    assert arguments["called_number"] == "100"
    assert arguments["stage"] == ""
    assert arguments["linkedid"].startswith("guichet-test-")
    assert int(arguments["started_at"]) > 1_700_000_000


async def test_a_service_that_dies_is_asked_again_with_the_stage_it_had_reached(
    asterisk: RunningAsterisk, tmp_path: Path
) -> None:
    async def dies(call: AgiCall) -> None:
        await call.set("GUICHET_SEEN", "1")
        await call.set("GUICHET_STAGE", "wait")
        await call.set("GUICHET_QUEUE", "support")
        await call.set("GUICHET_QUEUED_AT", "1790000000.25")

    async with service(asterisk.agi_port, dies) as calls:
        await caller(asterisk, tmp_path / "heard.sln")

        async def twice() -> bool:
            return len(calls) >= 2

        await until(twice, "the service is asked again")
    second = calls[1].arguments
    assert (second["stage"], second["queue"], second["queued_at"]) == ("wait", "support", "1790000000.25")
    assert second["started_at"] == calls[0].arguments["started_at"]
    assert len(await asterisk.channels()) == 2  # both halves of the Local channel: the caller is still there
    await hang_up(asterisk)


async def _music_on_and_gone(call: AgiCall) -> None:
    """What a service does for a waiting caller, and then it dies."""
    await call.set("GUICHET_SEEN", "1")
    assert (await call.command("SET MUSIC ON default")).startswith("200")
    await asyncio.sleep(0.7)


async def _no_service_at_all(call: AgiCall) -> None:
    call.writer.transport.abort()


@pytest.mark.parametrize("answer", [_no_service_at_all, _music_on_and_gone])
async def test_until_a_service_comes_the_music_plays_on_without_gaps_or_jumps(
    asterisk: RunningAsterisk, tmp_path: Path, answer: Answer
) -> None:
    recording = tmp_path / "music.sln"
    async with service(asterisk.agi_port, answer) as calls:
        await caller(asterisk, recording)
        await heard(recording, 6)
        await hang_up(asterisk)
        assert len(calls) >= 3  # it was asked again and again meanwhile
    played = array.array("h")
    played.frombytes(recording.read_bytes())
    first = next(n for n, sample in enumerate(played) if abs(sample) > 200)
    assert min(loudness(recording)[first // (RATE // 10) + 1 : 55]) > 20  # no tenth of a second is silent
    music = _first_piece(asterisk)
    start = _best_offset(music, played[first : first + 2000], range(4 * RATE))
    assert start is not None
    for second in range(1, 5):  # every later second is found about that much later in the same piece
        at = first + second * RATE
        around = start + second * RATE
        offset = _best_offset(music, played[at : at + 2000], range(around - 1600, around + 1600))
        assert offset is not None, f"after {second} s something else was heard"


def _first_piece(asterisk: RunningAsterisk) -> array.array[int]:
    folder = asterisk.instance.installation.music
    assert folder is not None
    piece = min(path for path in folder.iterdir() if path.suffix == ".wav")
    samples = array.array("h")
    samples.frombytes(piece.read_bytes()[44 : 44 + 14 * RATE * 2])
    return samples


def _best_offset(music: array.array[int], part: array.array[int], offsets: range) -> int | None:
    """Where in the music this part is (normalised correlation over 0.9), None where it is not."""
    energy = math.sqrt(sum(s * s for s in part))
    best, where = 0.0, None
    for offset in _coarse_then_fine(music, part, offsets):
        piece = music[offset : offset + len(part)]
        norm = math.sqrt(sum(s * s for s in piece)) * energy
        score = sum(map(int.__mul__, piece, part)) / norm if norm else 0.0
        if score > best:
            best, where = score, offset
    return where if best > 0.9 else None


def _coarse_then_fine(music: array.array[int], part: array.array[int], offsets: range) -> list[int]:
    """The few offsets worth a full look: those where every 16th sample agrees best."""
    few = part[::16]
    scored = [(sum(map(int.__mul__, music[o : o + len(part) : 16], few)), o) for o in offsets if o >= 0]
    return [offset for _score, offset in sorted(scored, reverse=True)[:40]]


async def test_after_the_limit_without_any_service_there_is_an_apology_and_the_end(
    brief: RunningAsterisk, tmp_path: Path
) -> None:
    recording = tmp_path / "apology.sln"
    await caller(brief, recording)
    await no_channels(brief)
    played = array.array("h")
    played.frombytes(recording.read_bytes())
    spoken = array.array("h")
    sounds = brief.instance.installation.sounds["fr"]
    spoken.frombytes((sounds / "please-try-call-later.wav").read_bytes()[44:])
    middle = spoken[len(spoken) // 2 : len(spoken) // 2 + 2000]
    offset = _best_offset(played, middle, range(RATE, len(played) - 2000))
    assert offset is not None, "the caller has not heard the apology"
    assert offset > 2 * RATE  # after two seconds of music


async def test_the_limit_counts_from_when_the_service_was_last_seen(brief: RunningAsterisk, tmp_path: Path) -> None:
    """Longer than the limit with a service that comes and goes: the caller stays."""
    count = 6

    async def comes_and_goes(call: AgiCall) -> None:
        await call.set("GUICHET_SEEN", "1")

    async with service(brief.agi_port, comes_and_goes) as calls:
        await caller(brief, tmp_path / "heard.sln")

        async def often() -> bool:
            return len(calls) >= count

        await until(often, "asked again and again")
        assert len(await brief.channels()) == 2
    await no_channels(brief)  # and now nobody answers: over within the limit


async def test_a_service_that_hangs_up_on_everyone_does_not_count_as_seen(
    brief: RunningAsterisk, tmp_path: Path
) -> None:
    async def refuses(call: AgiCall) -> None:
        del call

    async with service(brief.agi_port, refuses) as calls:
        await caller(brief, tmp_path / "heard.sln")

        async def asked() -> bool:
            return bool(calls)

        await until(asked, "the service is asked")
        await no_channels(brief)


async def test_the_configured_fallback_extension_takes_the_caller(
    asterisk_installation: Installation, tmp_path: Path
) -> None:
    overrides = {"fallback": {"without_service_seconds": 1, "extension": "guichet-test,607,1"}}
    running = new_asterisk(tmp_path, asterisk_installation, overrides)
    await running.instance.up()
    try:
        await caller(running, tmp_path / "out/heard.sln")

        async def at_fallback() -> bool:
            return "!guichet-test!607!" in await running.cli("core show channels concise")

        await until(at_fallback, "the caller is at the fallback extension")
        await hang_up(running)
    finally:
        await running.instance.down()


async def test_own_apology_is_played_when_there_is_one(asterisk_installation: Installation, tmp_path: Path) -> None:
    apology = tmp_path / "apology"
    with (tmp_path / "apology.sln").open("wb") as written:
        for n in range(2 * RATE):
            written.write(int(8000 * math.sin(2 * math.pi * 1000 * n / RATE)).to_bytes(2, "little", signed=True))
    overrides = {"fallback": {"without_service_seconds": 1}}
    running = new_asterisk(tmp_path, asterisk_installation, overrides, apology=str(apology))
    await running.instance.up()
    recording = tmp_path / "out/heard.sln"
    try:
        await caller(running, recording)
        await no_channels(running)
    finally:
        await running.instance.down()
    tone = [level for level in loudness(recording) if 5400 < level < 5900]  # 8000 / sqrt(2), as long as it was
    assert 18 <= len(tone) <= 21


async def test_a_caller_who_hangs_up_is_told_to_the_service_and_nothing_lingers(
    asterisk: RunningAsterisk, tmp_path: Path
) -> None:
    said: list[str] = []

    async def listens(call: AgiCall) -> None:
        await call.set("GUICHET_SEEN", "1")
        await asterisk.cli("channel request hangup all")
        while line := await call.reader.readline():
            said.append(line.decode().strip())

    async with service(asterisk.agi_port, listens) as calls:
        await caller(asterisk, tmp_path / "heard.sln")

        async def told() -> bool:
            return "HANGUP" in said

        await until(told, "the service hears HANGUP")
        await no_channels(asterisk)
        assert len(calls) == 1


async def test_a_call_that_the_service_had_connected_goes_on_without_it(
    asterisk: RunningAsterisk, tmp_path: Path
) -> None:
    """EXEC Dial runs on when the socket dies, and when the talk is over the service is asked with what became of it."""

    async def connects(call: AgiCall) -> None:
        await call.set("GUICHET_SEEN", "1")
        if call.arguments["stage"] == "talking":
            await call.set("GUICHET_DONE", "1")
            return
        await call.set("GUICHET_STAGE", "talking")
        call.writer.write(b"EXEC Dial Local/607@guichet-test/n\n")
        await call.writer.drain()

        async def bridged() -> bool:
            return "simple_bridge" in await asterisk.cli("bridge show all")

        await until(bridged, "the two talk")

    async with service(asterisk.agi_port, connects) as calls:
        await caller(asterisk, tmp_path / "heard.sln")

        async def first_over() -> bool:
            return bool(calls) and calls[0].writer.is_closing()

        await until(first_over, "the first session has died")
        before = sorted(await asterisk.channels())
        assert len(before) == 4
        agent = next(name for name in before if "607@" in name and name.endswith(";2"))
        await asterisk.cli(f"channel request hangup {agent}")

        async def again() -> bool:
            return len(calls) == 2

        await until(again, "asked again after the talk")
        await no_channels(asterisk)
    assert (calls[1].arguments["stage"], calls[1].arguments["dial_status"]) == ("talking", "ANSWER")


@pytest.mark.parametrize(
    "name",
    ['") + SHELL(id) + ("', "${SHELL(id)}", '1" = "1"]?done', "a,b;c|d", '\\"; drop', "@token@", "x" * 300],
)
async def test_a_hostile_caller_name_changes_nothing(asterisk: RunningAsterisk, tmp_path: Path, name: str) -> None:
    async def names(call: AgiCall) -> None:
        if not call.arguments["stage"]:
            escaped = name.replace("\\", "\\\\").replace('"', '\\"')
            call.writer.write(f'SET VARIABLE CALLERID(all) "{escaped}"\n'.encode())
            await call.writer.drain()
            await call.reader.readline()
            await call.set("GUICHET_SEEN", "1")
            await call.set("GUICHET_STAGE", "wait")
            return
        await call.set("GUICHET_DONE", "1")

    async with service(asterisk.agi_port, names) as calls:
        await caller(asterisk, tmp_path / "heard.sln")

        async def again() -> bool:
            return len(calls) >= 2

        await until(again, "asked again")
        await no_channels(asterisk)
    assert len(calls) == 2
    assert calls[1].arguments["called_number"] == "100"
    assert calls[1].arguments["token"] == asterisk.secrets.agi_token
