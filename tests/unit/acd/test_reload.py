"""A reload takes a good site over at once, and leaves everything as it was for a bad one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from acd.adapters.control import SOCKET, ControlError, ask_to_reload, control_socket
from acd.adapters.lookups import open_lookups
from acd.adapters.prompts import PromptError, PromptLibrary
from acd.domain.commands import Command, ConfigureQueues
from acd.reload import Reloader, ReloadReport
from acd.secrets import SecretError
from acd.settings import load_settings
from acd.site import LiveSite, load_site
from ivr.errors import ConfigurationError

FLOW = """\
flow: night
languages: [fr]
start: hello
fallback: support
nodes:
  hello: {kind: say, prompt: {fr: {file: hello}}, next: support}
  support: {kind: queue, queue: support}
"""


class Desk:
    """A site in a folder, and what a reload of it does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.overrides: dict[str, Any] = {"numbers": {"100": {"flow": "night"}}}
        self.commands: list[Command] = []
        self.write(FLOW)

    def write(self, flow: str) -> None:
        (self.folder / "night.yaml").write_text(flow, "utf-8")

    def settings(self) -> Any:
        flows = [str(self.folder / "night.yaml")]
        return load_settings(environment={}, overrides={"flows": flows, **self.overrides})

    @asynccontextmanager
    async def reloader(self) -> AsyncIterator[tuple[LiveSite, Reloader]]:
        live = LiveSite(load_site(self.settings()))
        prompts = _NoPrompts(self.folder, voices={})
        async with open_lookups({}) as lookups:
            yield live, Reloader(live, self.settings, prompts, lookups, self.commands.append)


class _NoPrompts(PromptLibrary):
    """Has every sound but that of a prompt that says so."""

    async def prepare(self, prompts: Any) -> dict[Any, str]:
        if any(prompt.recording == "missing" for prompt in prompts):
            raise PromptError("there is no recording `missing`")
        return {}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_new_callers_meet_the_new_flow_and_others_keep_theirs(desk: Desk) -> None:
    async with desk.reloader() as (live, reloader):
        before = live.route_of("100").flow
        desk.write(FLOW.replace("file: hello", "file: bonsoir"))
        report = await reloader.reload()
        after = live.route_of("100").flow
        assert report.flows == {"night": after.version}
        assert before.version != after.version
        assert before.nodes["hello"] != after.nodes["hello"]
        assert (await reloader.reload()).flows == {}


@pytest.mark.parametrize(
    ("flow", "overrides", "error"),
    [
        (FLOW.replace("next: support", "next: suport"), {}, ConfigurationError),
        (FLOW, {"numbers": {"100": {"flow": "nihgt"}}}, ConfigurationError),
        (FLOW.replace("file: hello", "file: missing"), {}, PromptError),
        (FLOW, {"lookups": {"cmdb": {"url": "http://x/", "token_file": "/nowhere/token"}}}, SecretError),
    ],
)
async def test_a_bad_site_changes_nothing(
    desk: Desk, flow: str, overrides: dict[str, Any], error: type[Exception]
) -> None:
    async with desk.reloader() as (live, reloader):
        before = live.site
        desk.write(flow)
        desk.overrides |= overrides
        with pytest.raises(error):
            await reloader.reload()
        assert live.site is before
        assert desk.commands == []


async def test_a_calendar_that_changes_reaches_queues_and_menus_alike(desk: Desk) -> None:
    desk.overrides["queues"] = {"support": {"hours": "office"}}
    async with desk.reloader() as (live, reloader):
        week = {"monday": ["08:00-12:00"]}
        desk.overrides["calendars"] = {"office": {"time_zone": "Europe/Paris", "week": week}}
        await reloader.reload()
        (command,) = desk.commands
        assert isinstance(command, ConfigureQueues)
        (support,) = (policy for policy in command.queues if policy.name == "support")
        menus = live.route_of("100").flow.calendars["office"]
        assert support.hours == menus.hours
        assert [len(windows) for windows in menus.hours.week] == [1, 0, 0, 0, 0, 0, 0]


async def test_queues_come_at_once_and_go_at_the_next_start(desk: Desk) -> None:
    async with desk.reloader() as (_, reloader):
        vip = {
            "label": "VIP",
            "offer_time_seconds": 1,
            "wrap_up_time_seconds": 1,
            "service_level_seconds": 1,
            "short_abandon_seconds": 1,
        }
        desk.overrides["queues"] = {"vip": vip}
        assert (await reloader.reload()).kept_queues == []
        desk.overrides["queues"] = {}
        assert (await reloader.reload()).kept_queues == ["vip"]
        (first,) = desk.commands
        assert isinstance(first, ConfigureQueues)
        assert {policy.name for policy in first.queues} == {"access", "support", "orders", "vip"}


async def test_what_needs_a_restart_is_told(desk: Desk) -> None:
    async with desk.reloader() as (_, reloader):
        desk.overrides["http"] = {"port": 8099}
        assert (await reloader.reload()).needs_restart == ["http"]


# by the socket ---------------------------------------------------------------------------------------------------


async def test_the_socket_gives_the_report_or_the_refusal(tmp_path: Path) -> None:
    answers: list[bytes | Exception] = [
        msgspec.json.encode(
            ReloadReport(flows={"a": "1"}, removed_flows=[], warnings=[], needs_restart=[], kept_queues=[])
        ),
        ConfigurationError([]),
        ValueError("a.yaml:1:1: wrong"),
    ]

    async def reload() -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with control_socket(tmp_path, reload):
        assert (tmp_path / SOCKET).stat().st_mode & 0o777 == 0o600
        assert msgspec.json.decode(await ask_to_reload(tmp_path), type=ReloadReport).flows == {"a": "1"}
        with pytest.raises(ControlError):
            await ask_to_reload(tmp_path)
        with pytest.raises(ControlError, match=r"a\.yaml:1:1: wrong"):
            await ask_to_reload(tmp_path)
    assert not (tmp_path / SOCKET).exists()


async def test_no_service_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no service answers"):
        await ask_to_reload(tmp_path)


async def test_a_socket_left_behind_is_replaced_and_a_long_path_is_done_without(tmp_path: Path) -> None:
    async def reload() -> bytes:
        return b"{}"

    for _ in range(2):
        async with control_socket(tmp_path, reload):
            assert await ask_to_reload(tmp_path) == b"{}"
    deep = tmp_path / ("x" * 120)
    async with control_socket(deep, reload):
        assert not (deep / SOCKET).exists()
