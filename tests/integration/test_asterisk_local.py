"""`guichet asterisk` on a real Asterisk: starting, reloading, stopping, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acd.adapters.asterisk.folders import with_host_name
from acd.adapters.asterisk.install import Installation
from acd.adapters.asterisk.local import AsteriskInstance
from acd.adapters.asterisk.machine import InstallationError
from acd.adapters.asterisk.readiness import AsteriskError, LoginRefusedError, missing_modules
from acd.secrets import Secrets
from acd.settings import Settings, load_settings
from tests.integration.asterisk_fixture import TEST_DIALPLAN, RunningAsterisk, free_port, new_asterisk


@pytest.fixture
async def own(asterisk_installation: Installation, tmp_path: Path) -> AsyncIterator[RunningAsterisk]:
    """One for this test alone, to do with as it likes."""
    running = new_asterisk(tmp_path, asterisk_installation)
    try:
        await running.instance.up()
        yield running
    finally:
        await running.instance.down()


def settings_changed(settings: Settings, change: Mapping[str, Any]) -> Settings:
    data = settings.model_dump(mode="json")
    for section, values in change.items():
        if section == "asterisk":
            data["asterisk"] = {
                key: {**value, **values[key]} if key in values else value for key, value in data["asterisk"].items()
            }
        else:
            data[section] = values
    return Settings.model_validate(data)


def sibling(running: RunningAsterisk, settings: Settings) -> AsteriskInstance:
    """The same Asterisk as another process with other settings sees it."""
    return AsteriskInstance(
        running.home,
        settings,
        running.secrets,
        running.instance.installation,
        extra_files={"extensions_local.conf": TEST_DIALPLAN},
    )


async def test_it_starts_without_a_word_of_complaint(own: RunningAsterisk) -> None:
    status = await own.instance.status()
    assert (status.running, status.problem) == (True, None)
    assert status.pid == own.instance.pid()
    log = (own.home / "log/messages").read_text()
    assert [line for line in log.splitlines() if "ERROR" in line or "WARNING" in line] == []


async def test_up_again_leaves_it_alone(asterisk: RunningAsterisk) -> None:
    before = asterisk.instance.pid()
    await asterisk.instance.up()
    assert before is not None
    assert asterisk.instance.pid() == before


async def test_agents_phones_and_trunk_are_what_pjsip_knows(asterisk: RunningAsterisk) -> None:
    endpoints = await asterisk.cli("pjsip list endpoints")
    assert endpoints.count("agent-") >= 50
    assert "Match: 127.0.0.2/32" in await asterisk.cli("pjsip show identify trunk")
    assert "guichet-agents" in await asterisk.cli("pjsip show endpoint agent-1001")


async def test_music_is_there(asterisk: RunningAsterisk) -> None:
    assert (await asterisk.cli("moh show files")).count("File: ") >= 1


async def test_a_change_of_the_dialplan_is_reloaded_without_a_restart(own: RunningAsterisk) -> None:
    before = own.instance.pid()
    changed = {"numbers": {"100": {"flow": "hotline"}, "4242": {"flow": "hotline"}}}
    other = sibling(own, settings_changed(own.settings, changed))
    await other.up()
    assert other.pid() == before
    assert "4242" in await own.cli("dialplan show guichet-numbers")


async def test_a_new_ami_secret_is_reloaded_and_the_old_one_refused(own: RunningAsterisk) -> None:
    before = own.instance.pid()
    secrets = Secrets("another-ami-secret", own.secrets.agi_token, own.secrets.sip_secret)
    other = AsteriskInstance(own.home, own.settings, secrets, own.instance.installation)
    await other.up()
    assert other.pid() == before
    ami = own.settings.asterisk.ami
    with pytest.raises(LoginRefusedError, match="GUICHET_AMI_SECRET"):
        await missing_modules(ami, own.secrets, [])
    assert "refuses the manager user" in str((await own.instance.status()).problem)
    assert await missing_modules(ami, secrets, ["app_dial.so", "app_nosuch.so"]) == ["app_nosuch.so"]


async def test_a_change_of_the_sip_port_restarts(own: RunningAsterisk) -> None:
    before = own.instance.pid()
    port = free_port(socket.SOCK_DGRAM)
    sip = {**own.settings.asterisk.sip.model_dump(), "port": port}
    other = sibling(own, settings_changed(own.settings, {"asterisk": {"sip": sip}}))
    await other.up()
    assert other.pid() not in (None, before)
    assert f":{port}" in await own.cli("pjsip show transports")


async def test_what_the_administrator_keeps_in_local_files_stays(own: RunningAsterisk) -> None:
    local = own.instance.folders.etc / "pjsip_local.conf"
    local.write_text("; mine\n")
    leftover = own.instance.folders.etc / "old.conf"
    leftover.write_text("; of an earlier version\n")
    other = sibling(own, settings_changed(own.settings, {"numbers": {"7": {"flow": "hotline"}}}))
    await other.up()
    assert local.read_text() == "; mine\n"
    assert not leftover.exists()


async def test_its_files_are_for_its_owner_only(own: RunningAsterisk) -> None:
    for path in own.instance.folders.etc.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    assert own.instance.folders.run.stat().st_mode & 0o077 == 0


async def test_down_ends_it_and_twice_is_no_error(own: RunningAsterisk) -> None:
    await own.instance.down()
    assert own.instance.pid() is None
    await own.instance.down()
    status = await own.instance.status()
    assert (status.running, status.problem) == (False, "Asterisk is not running: `guichet asterisk up` starts it")
    with pytest.raises(AsteriskError, match="console does not answer"):
        await own.cli("core show version")


async def test_killed_hard_it_comes_up_again(own: RunningAsterisk) -> None:
    before = own.instance.pid()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    await own.instance.up()
    assert own.instance.pid() not in (None, before)


@pytest.mark.parametrize(("section", "kind"), [("ami", socket.SOCK_STREAM), ("sip", socket.SOCK_DGRAM)])
async def test_a_port_in_use_is_a_sentence(
    asterisk_installation: Installation, tmp_path: Path, section: str, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        running = new_asterisk(tmp_path, asterisk_installation)
        settings = settings_changed(running.settings, {"asterisk": {section: {"port": port}}})
        with pytest.raises(AsteriskError, match=rf"port {port} of 127.0.0.1 is in use.*asterisk\.{section}\.port"):
            await sibling(running, settings).up()
    assert running.instance.pid() is None


async def test_an_address_of_another_machine_is_a_sentence(asterisk_installation: Installation, tmp_path: Path) -> None:
    running = new_asterisk(tmp_path, asterisk_installation)
    settings = settings_changed(running.settings, {"asterisk": {"sip": {"host": "192.0.2.1"}}})
    with pytest.raises(AsteriskError, match=r"192\.0\.2\.1 is not an address of this machine"):
        await sibling(running, settings).up()


async def test_a_folder_that_cannot_be_written_is_a_sentence(
    asterisk_installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "asterisk").write_text("a file where the folder should be")
    running = new_asterisk(tmp_path, asterisk_installation)
    with pytest.raises(AsteriskError, match=r"cannot be written.*service\.data_dir"):
        await running.instance.up()


async def test_a_module_that_is_not_there_is_named(asterisk_installation: Installation, tmp_path: Path) -> None:
    few = tmp_path / "modules"
    few.mkdir()
    for module in asterisk_installation.modules.iterdir():
        if module.name != "res_agi.so":
            (few / module.name).symlink_to(module)
    running = new_asterisk(tmp_path, replace(asterisk_installation, modules=few))
    with pytest.raises(InstallationError, match=r"res_agi is not in .*asterisk-modules"):
        await running.instance.up()


async def test_a_module_that_does_not_load_is_named(asterisk_installation: Installation, tmp_path: Path) -> None:
    broken = tmp_path / "modules"
    broken.mkdir()
    for module in asterisk_installation.modules.iterdir():
        if module.name == "res_agi.so":
            (broken / module.name).write_bytes(b"no shared object")
        else:
            (broken / module.name).symlink_to(module)
    running = new_asterisk(tmp_path, replace(asterisk_installation, modules=broken))
    try:
        with pytest.raises(AsteriskError, match=r"without res_agi\.so"):
            await running.instance.up()
    finally:
        await running.instance.down()


async def test_a_very_long_folder_name_has_its_control_socket_elsewhere(
    asterisk_installation: Installation, tmp_path: Path
) -> None:
    home = tmp_path / ("long-" * 20)
    home.mkdir()
    running = new_asterisk(home, asterisk_installation)
    try:
        await running.instance.up()
        assert not running.instance.folders.run.is_relative_to(home)
        assert "Asterisk" in await running.cli("core show version")
    finally:
        await running.instance.down()
    shutil.rmtree(running.instance.folders.run)


async def test_without_music_files_a_soft_tone_is_made(asterisk_installation: Installation, tmp_path: Path) -> None:
    running = new_asterisk(tmp_path, replace(asterisk_installation, music=None))
    try:
        await running.instance.up()
        assert "guichet-tone" in await running.cli("moh show files")
    finally:
        await running.instance.down()


async def test_another_program_on_the_manager_port_is_told_from_asterisk() -> None:
    async def someone_else(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(someone_else, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        ami = load_settings(environment={}, overrides={"asterisk": {"ami": {"port": port}}}).asterisk.ami
        with pytest.raises(LoginRefusedError, match="is no Asterisk"):
            await missing_modules(ami, Secrets("12345678", "12345678", "12345678"), [])


async def test_a_host_name_nobody_knows_is_told_or_mended(own: RunningAsterisk, tmp_path: Path) -> None:
    said: list[str] = []
    command = with_host_name(["cat", "/etc/hosts"], own.instance.folders, said.append, "no-such-host.invalid")
    done = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=tmp_path)
    hosts = (await done.communicate())[0].decode()
    assert len(said) == 1
    assert "no-such-host.invalid does not resolve" in said[0]
    assert ("no-such-host.invalid" in hosts) == ("gets a hosts file of its own" in said[0])
