"""Events per second of the AMI client beside stock panoramisk: `python -m tests.bench.bench_ami`.

The method of the first measurements: 19,200 events, 24 per call, about 21 headers each, fed to each protocol in 64 KiB
reads and in reads of one TCP segment, with one callback for all events (stock: registered under 1, 5 or 20 patterns).
Prints the median of interleaved runs and ratios; asserts that every event arrived, and no time.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable

from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from acd.adapters.asterisk.ami import EVENTS_WANTED, AmiEvent
from acd.adapters.asterisk.ami.driver import AmiDriver, AmiProtocol

CALLS = 800
NAMES = (
    *("Newchannel", "Newstate", "NewCallerid", "NewConnectedLine", "DialBegin", "DialState", "DialEnd"),
    *("BridgeCreate", "BridgeEnter", "BridgeEnter", "BridgeLeave", "BridgeLeave", "BridgeDestroy", "Hangup"),
    *("MusicOnHoldStart", "MusicOnHoldStop", "DeviceStateChange", "DeviceStateChange", "HangupRequest"),
    *("Newchannel", "Newstate", "NewConnectedLine", "SoftHangupRequest", "Hangup"),
)
BANNER = b"Asterisk Call Manager/11.0.0\r\n"
SEGMENT = 1448
Run = Callable[[list[bytes]], int]


def stream(names: tuple[str, ...] = NAMES) -> bytes:
    """The events of CALLS calls as Asterisk would send them."""
    return b"".join(_event(name, call) for call in range(CALLS) for name in names)


def _event(name: str, call: int) -> bytes:
    lines = [f"Event: {name}", "Privilege: call,all", f"Channel: PJSIP/trunk-{call:08x}", "ChannelState: 6"]
    lines += ["ChannelStateDesc: Up", f"CallerIDNum: +3312345{call:04}", "CallerIDName: Müller"]
    lines += ["ConnectedLineNum: <unknown>", "ConnectedLineName: <unknown>", "Language: fr", "AccountCode: "]
    lines += ["Context: guichet-hotline", "Exten: s", "Priority: 3", f"Uniqueid: 1700000000.{call}"]
    lines += [f"Linkedid: 1700000000.{call}", "BridgeUniqueid: 6d1b0a2e-0000-4000-8000-00000000", "BridgeType: basic"]
    lines += ["BridgeTechnology: simple_bridge", "BridgeNumChannels: 2", "BridgeVideoSourceMode: none"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def stock(patterns: int) -> Run:
    """Stock panoramisk, one callback for every event and `patterns` - 1 more patterns that match nothing."""

    def run(reads: list[bytes]) -> int:
        seen: list[object] = []
        manager = Manager(loop=asyncio.get_running_loop())
        manager.register_event("*", lambda _manager, event: seen.append(event["Event"]))
        for number in range(patterns - 1):
            manager.register_event(f"Nothing{number}*", lambda _manager, event: None)
        protocol = AMIProtocol()
        protocol.connection_made(None)
        protocol.factory, protocol.encoding = manager, "utf8"
        for read in reads:
            protocol.data_received(read)
        return len(seen)

    return run


def ours(wanted: frozenset[str] | None) -> Run:
    """The client's own protocol and driver, without a socket."""

    def run(reads: list[bytes]) -> int:
        seen: list[str] = []

        def take(event: AmiEvent) -> None:
            seen.append(event["Event"])

        protocol = AmiProtocol(AmiDriver("127.0.0.1", 0, on_event=take, wanted=wanted), wanted)
        for read in reads:
            protocol.data_received(read)
        return len(seen)

    return run


def cut(wire: bytes, size: int) -> list[bytes]:
    wire = BANNER + wire
    return [wire[start : start + size] for start in range(0, len(wire), size)]


async def measure(rounds: int = 3) -> dict[str, float]:
    """Medians, events per CPU second."""
    rates = await rates_of(rounds)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    return {
        "ami_events.panoramisk.per_cpu_second": medians["panoramisk 1.4, 5 patterns"],
        "ami_events.guichet.per_cpu_second": medians["guichet"],
    }


async def rates_of(rounds: int) -> dict[str, list[float]]:
    wire = stream()
    expected = CALLS * len(NAMES)
    cases: dict[str, tuple[Run, list[bytes]]] = {
        f"panoramisk 1.4, {patterns} patterns": (stock(patterns), cut(wire, 65536)) for patterns in (1, 5, 20)
    }
    cases["guichet"] = (ours(EVENTS_WANTED), cut(wire, 65536))
    cases["panoramisk 1.4, 5 patterns, TCP segments"] = (stock(5), cut(wire, SEGMENT))
    cases["guichet, TCP segments"] = (ours(EVENTS_WANTED), cut(wire, SEGMENT))
    cases["guichet, nothing wanted"] = (ours(frozenset()), cut(wire, 65536))
    rates: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (run, reads) in cases.items():
            start = time.process_time()
            seen = run(reads)
            rates[name].append(expected / (time.process_time() - start))
            if seen != (0 if "nothing" in name else expected):
                raise SystemExit(f"{name}: {seen} of {expected} events arrived")
    return rates


async def _print(rounds: int) -> None:
    rates = await rates_of(rounds)
    events, base = CALLS * len(NAMES), statistics.median(rates["panoramisk 1.4, 5 patterns"])
    out = [f"{events} events, {len(stream()) // events} bytes each; events per CPU second, median of {rounds} (best)"]
    for name, found in rates.items():
        median = statistics.median(found)
        out.append(f"{name:42} {median:9,.0f} ({max(found):9,.0f})  {median / base:5.2f} x")
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    asyncio.run(_print(parser.parse_args().rounds))
