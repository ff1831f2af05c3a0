"""A real Asterisk for tests: its own folder, free ports, ended by its process id."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from acd.adapters.asterisk.install import Installation
from acd.adapters.asterisk.local import AsteriskInstance
from acd.secrets import Secrets, load_secrets
from acd.settings import Settings, load_settings

T = TypeVar("T")

CARRIER_HOST = "127.0.0.3"

# In [guichet-local], so that trunk callers (127.0.0.2) and agents' phones (127.0.0.1) both reach it.
# 602 enters AGI at ${TEST_AGI_URL} with ${TEST_AGI_ARGUMENTS}: channel variables of an originated channel, or
# globals set with `dialplan set global TEST_AGI_URL agi://127.0.0.1:PORT/call`.
TEST_DIALPLAN = """
[guichet-local](+)
include => guichet-test

[guichet-test]
exten => 600,1,Answer()
 same => n,Echo()
 same => n,Hangup()
exten => 601,1,Answer()
 same => n,Read(DIGITS,,4)
 same => n,UserEvent(TestDigits,Digits: ${DIGITS})
 same => n,SayDigits(${DIGITS})
 same => n,Hangup()
exten => 602,1,Answer()
 same => n,AGI(${TEST_AGI_URL},${TEST_AGI_ARGUMENTS})
 same => n,UserEvent(TestAgiReturned,AgiStatus: ${AGISTATUS})
 same => n,Hangup()
exten => 603,1,Answer()
 same => n,Milliwatt()
exten => 604,1,Answer()
 same => n,MusicOnHold()
exten => 605,1,Ringing()
 same => n,Wait(30)
exten => 606,1,Hangup(17)
exten => 607,1,Answer()
 same => n,Wait(300)
exten => _1XXX,1,Dial(PJSIP/agent-${EXTEN},20)
 same => n,Hangup()
exten => s,1,Wait(300)
"""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET, kind) as trial:
        trial.bind((host, 0))
        return int(trial.getsockname()[1])


def settings_for_tests(
    data_dir: Path, overrides: Mapping[str, object] | None = None, sections: Mapping[str, object] | None = None
) -> Settings:
    """The shipped defaults on free ports; `overrides` are sections of `asterisk`, `sections` those beside it."""
    first = random.randrange(12_000, 30_000, 2)
    asterisk: dict[str, object] = {
        "system_name": "guichet-test",
        "ami": {"port": free_port()},
        "fastagi": {"port": free_port()},
        "fallback": {"queue": "support"},
        "trunks": [
            {"name": "trunk", "match": ["127.0.0.2"]},
            {
                "name": "carrier",  # for calls that go out: a test's phone listens there
                "match": [CARRIER_HOST],
                "contact": f"sip:{CARRIER_HOST}:{free_port(socket.SOCK_DGRAM, CARRIER_HOST)}",
            },
        ],
        "sip": {"port": free_port(socket.SOCK_DGRAM), "rtp_first_port": first, "rtp_last_port": first + 1999},
    }
    contact = f"sip:127.0.0.2:{free_port(socket.SOCK_DGRAM, '127.0.0.2')}"
    asterisk["trunks"] = [{"name": "trunk", "match": ["127.0.0.2"], "contact": contact, "qualify_seconds": 0}]
    asterisk.update(overrides or {})
    service = {"data_dir": str(data_dir)}
    integrations = {"queue_log": {"enabled": True}}
    beside = {"integrations": integrations, **(sections or {})}
    return load_settings(environment={}, overrides={**beside, "service": service, "asterisk": asterisk})


def run_aside(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it to its end on an event loop of its own thread: session fixtures have no loop of their own."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, coroutine).result()


@dataclass(frozen=True)
class RunningAsterisk:
    """What tests need to know of it. Agents' phones come from 127.0.0.1, trunk callers from 127.0.0.2."""

    instance: AsteriskInstance

    @property
    def settings(self) -> Settings:
        return self.instance.settings

    @property
    def secrets(self) -> Secrets:
        return self.instance.secrets

    @property
    def home(self) -> Path:
        return self.instance.home

    @property
    def ami_port(self) -> int:
        return self.settings.asterisk.ami.port

    @property
    def ami_username(self) -> str:
        return self.settings.asterisk.ami.username

    @property
    def ami_secret(self) -> str:
        return self.secrets.ami_secret

    @property
    def agi_port(self) -> int:
        """Where the dialplan looks for the service; a test that wants calls listens there."""
        return self.settings.asterisk.fastagi.port

    @property
    def carrier_port(self) -> int:
        """Where the trunk `carrier` is called, on CARRIER_HOST."""
        contact = next(trunk.contact for trunk in self.settings.asterisk.trunks if trunk.contact)
        return int(contact.rpartition(":")[2])

    @property
    def sip_host(self) -> str:
        return self.settings.asterisk.sip.host

    @property
    def trunk_port(self) -> int:
        """Where whoever is called by the trunk is called: on 127.0.0.2."""
        return int((self.settings.asterisk.trunks[0].contact or "0").rpartition(":")[2])

    @property
    def sip_port(self) -> int:
        return self.settings.asterisk.sip.port

    def agent_secret(self, extension: str) -> str:
        return self.secrets.phone_password(extension)

    async def cli(self, line: str) -> str:
        return await self.instance.cli(line)

    async def restart(self) -> None:
        await self.instance.down()
        await self.instance.up()

    async def channels(self) -> list[str]:
        """Names of the channels that live now."""
        lines = (await self.cli("core show channels concise")).splitlines()
        return [line.split("!")[0] for line in lines if "!" in line]


def new_asterisk(
    home: Path,
    installation: Installation,
    overrides: Mapping[str, object] | None = None,
    extra_files: Mapping[str, str] | None = None,
    apology: str = "",
    *,
    sections: Mapping[str, object] | None = None,
) -> RunningAsterisk:
    """Not started yet: `await ….instance.up()`."""
    settings = settings_for_tests(home, overrides, sections)
    secrets = load_secrets(settings.data_dir, {})
    files = {"extensions_local.conf": TEST_DIALPLAN, **(extra_files or {})}
    return RunningAsterisk(
        AsteriskInstance(home / "asterisk", settings, secrets, installation, extra_files=files, apology=apology)
    )
