"""What systemd is told, on a real socket, and the units it is given."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from acd.adapters.systemd import Notifier

UNITS = sorted((Path(__file__).parents[4] / "deploy" / "systemd").glob("*.service"))


@pytest.fixture(params=["path", "abstract"])
def listening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        name = str(tmp_path / "notify") if request.param == "path" else f"@guichet-test-{os.getpid()}"
        ear.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        ear.settimeout(10)
        yield name, ear


def test_ready_alive_and_stopping_are_told(listening: tuple[str, socket.socket]) -> None:
    name, ear = listening
    notifier = Notifier({"NOTIFY_SOCKET": name})
    for tell, said in (
        (notifier.ready, b"READY=1"),
        (notifier.alive, b"WATCHDOG=1"),
        (notifier.stopping, b"STOPPING=1"),
    ):
        tell()
        assert ear.recv(1000).split(b"\n")[0] == said


async def test_a_watched_loop_says_that_it_turns(listening: tuple[str, socket.socket]) -> None:
    name, ear = listening
    notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid())})
    assert notifier.interval == timedelta(milliseconds=10)
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(notifier.keep_alive())
        for _ in range(3):
            assert await asyncio.to_thread(ear.recv, 1000) == b"WATCHDOG=1"
        keeping.cancel()


@pytest.mark.parametrize(
    "given", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}]
)
async def test_nobody_is_told_what_nobody_watches(given: dict[str, str]) -> None:
    notifier = Notifier(given)
    assert notifier.interval is None
    await notifier.keep_alive()  # returns at once


def test_a_socket_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    Notifier({}).ready()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_are_what_systemd_wants(unit: Path, tmp_path: Path) -> None:
    """Read by systemd itself where it is installed; by the rules of its files everywhere."""
    text = unit.read_text()
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line
        elif line and not line.startswith("#"):
            assert section, line
            assert line.partition("=")[1], line
    assert "/opt/guichet/.venv/bin/guichet" in text
    if analyser := shutil.which("systemd-analyze"):
        copy = tmp_path / unit.name
        copy.write_text(text.replace("/opt/guichet/.venv/bin/guichet", "/bin/true").replace("=guichet\n", "=root\n"))
        done = subprocess.run([analyser, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False)
        about_it = [line for line in done.stderr.splitlines() if unit.name in line]
        assert about_it == []
