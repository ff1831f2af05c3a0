"""Menus on a real Asterisk, from RTP: key to the next prompt's first audio, barge-in, and gaps in what callers hear.

    python -m tests.bench.bench_menus [--callers 100] [--listeners 300] [--json]

The service is a process of its own, the phones are all in this one. A key counts from its end (RFC 4733), as Asterisk
takes it; arrival is when this process reads the packet, every 20 ms: figures are up to 20 ms too long, never too short.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from acd.adapters.asterisk.install import find_installation
from acd.phone import MediaOptions, OutgoingCall, Phone, PhoneAccount
from acd.phone.media import MediaMode
from tests.integration.asterisk_fixture import new_asterisk
from tests.integration.hearing import SAME, heard_so_far, match, opening, since
from tests.integration.house import House, open_house

FLOW = """\
flow: bench
languages: [fr]
start: long
fallback: end
max_steps: 1000
nodes:
  long:
    kind: menu
    prompt: {fr: "Ceci est une longue phrase que personne ne veut entendre jusqu'au bout, et qui continue encore."}
    choices: {"1": short, "2": endless}
    timeout_seconds: 60
    otherwise: end
  short: {kind: menu, prompt: {fr: "Tapez un."}, choices: {"1": short, "2": long}, timeout_seconds: 60, otherwise: end}
  endless:
    kind: menu
    prompt: {fr: "ENDLESS"}
    choices: {"1": end}
    otherwise: end
  end: {kind: hangup}
"""
ENDLESS = "Cette phrase est répétée sans fin, pour que l'on entende s'il manque un morceau du son. " * 8
SAMPLE = 20  # listeners whose packets are read as they come; all others only count what was lost
KEYS = 12  # per caller
KEY_SECONDS, GAP_SECONDS = 0.1, 0.04
# The packet that ends a key is sent three times, 20 ms apart, and the next heartbeat tells of it; the first one counts.
END_REPEATED_SECONDS = 0.06


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[House]:
    asterisk = new_asterisk(folder / "asterisk", find_installation())
    (folder / "bench.yaml").write_text(FLOW.replace("ENDLESS", ENDLESS), "utf-8")
    overrides = {"flows": ["bench.yaml"], "numbers": {"100": {"flow": "bench"}}}
    await asterisk.instance.up()
    try:
        async with open_house(asterisk, folder, overrides) as house, house.service():
            yield house
    finally:
        await asterisk.instance.down()


@asynccontextmanager
async def _callers(
    house: House, count: int, *, record: bool, mode: MediaMode = MediaMode.ON
) -> AsyncIterator[list[OutgoingCall]]:
    async with AsyncExitStack() as stack:
        calls = []
        for _ in range(count):
            address = f"127.0.0.1:{house.asterisk.sip_port}"
            account = PhoneAccount(house.new_number(), None, address, "", local_ip="127.0.0.2")
            media = MediaOptions(mode=mode, record=record)
            phone = await stack.enter_async_context(Phone(account, media=media))
            call = await phone.call("100")
            await call.answered(20)
            calls.append(call)
        yield calls


async def key_to_audio(house: House, count: int) -> list[float]:
    """Milliseconds, of every key of every caller."""
    async with _callers(house, count, record=False) as calls:
        await asyncio.gather(*(call.send_digits("1") for call in calls))
        await asyncio.sleep(3)
        answers = await asyncio.gather(*(_keys(call, index / count) for index, call in enumerate(calls)))
    return [took for each in answers for took in each]


async def _keys(call: OutgoingCall, share: float) -> list[float]:
    loop, media, found = asyncio.get_running_loop(), call.media, []
    await asyncio.sleep(3 * share)
    for _ in range(KEYS):
        media.first_sound_at = None  # the line is quiet: the question waits
        await call.send_digits("1", duration=KEY_SECONDS, gap=GAP_SECONDS)
        ended_at = loop.time() - GAP_SECONDS - END_REPEATED_SECONDS
        await asyncio.sleep(2.5)
        found.append(1000 * ((_sound_at(call) or loop.time()) - ended_at))
    return found


def _sound_at(call: OutgoingCall) -> float | None:
    return call.media.first_sound_at


async def barge_in(house: House) -> list[float]:
    """Milliseconds of audio from the end of a key pressed in the middle of a prompt to the beginning of the next: by
    then at the latest the first is cut off."""
    found: list[float] = []
    following = opening(house.sound_of("Tapez un"), 0.3)
    async with _callers(house, 1, record=True) as (call,):
        for _ in range(20):
            await asyncio.sleep(1.5)
            mark = heard_so_far(call)
            await call.send_digits("1", duration=KEY_SECONDS, gap=0.0)
            await asyncio.sleep(1.5)
            score, at = match(since(call, mark), following)
            if score > SAME:
                found.append(1000 * (at - KEY_SECONDS))
            await call.send_digits("2")
    return found


async def gaps(house: House, count: int) -> tuple[float, int, int]:
    """The longest time without a packet (ms) while a prompt is heard over and over, packets lost, packets received."""
    async with (
        _callers(house, count - SAMPLE, record=False, mode=MediaMode.OFF) as others,
        _callers(house, SAMPLE, record=False) as sample,
    ):
        calls = [*others, *sample]
        await asyncio.gather(*(call.send_digits("2") for call in calls))
        await asyncio.sleep(3)
        before = sum(call.media.statistics.received for call in calls)
        for call in sample:
            call.media.statistics.longest_gap_seconds = 0.0
        await asyncio.sleep(15)
        received = sum(call.media.statistics.received for call in calls) - before
        lost = sum(call.media.statistics.lost for call in calls)
        return 1000 * max(call.media.statistics.longest_gap_seconds for call in sample), lost, received


async def measure(callers: int, listeners: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with _opened(folder) as house:
            cut = sorted(await barge_in(house))
            figures |= {"ivr.barge_in.p50_ms": statistics.median(cut), "ivr.barge_in.max_ms": cut[-1]}
            taken = sorted(await key_to_audio(house, callers))
            for name_, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
                figures[f"ivr.key_to_audio_{callers}.{name_}_ms"] = taken[min(len(taken) - 1, int(share * len(taken)))]
            longest, lost, received = await gaps(house, listeners)
            figures |= {
                f"ivr.gaps_{listeners}.longest_ms": longest,
                f"ivr.gaps_{listeners}.lost": lost,
                f"ivr.gaps_{listeners}.received": received,
            }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--callers", type=int, default=100)
    parser.add_argument("--listeners", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.callers, arguments.listeners))
    if arguments.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:<36} {value:>10,.1f}\n")


if __name__ == "__main__":
    main()
