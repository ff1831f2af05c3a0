"""What the benchmark runs on: one Asterisk, one set of phones, and the systems that take turns on it.

    700        plain dialplan: Answer, Dial(the first agent)
    701, 702   app_queue: Answer, Queue; Answer, Read(a key), Queue
    100, 101   Guichet: a flow with only a `queue`; a menu with the same prompt and key, then the queue

Only the system whose turn it is runs: app_queue is loaded for its turn and unloaded after it, the service is started
for its turn and ended after it. So neither pays for the other (device states, AMI events).
"""

from __future__ import annotations

import os
import random
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from string import Template

from acd.adapters.asterisk.install import find_installation
from acd.adapters.asterisk.local import AsteriskInstance
from acd.adapters.clock import SystemClock
from acd.adapters.store.users import SqlUserDirectory
from acd.demo.screens_process import Person, Pop, Report, Rules, ScreensProcess, Trouble
from acd.demo.service_process import running_service
from acd.equipment import prompts_of
from acd.secrets import load_secrets
from acd.service.ports import Role, User
from acd.settings import Settings, load_settings
from acd.site import load_site
from ivr import interpreter
from ivr.model import CallerFacts, Collect
from tests.bench.phones_process import PhonesProcess, Register
from ticketing import api as ticketing

AGENTS = tuple(str(number) for number in range(1001, 1051))
DIAL, QUEUE, QUEUE_MENU = "700", "701", "702"
GUICHET, GUICHET_MENU = "100", "101"
KEY = "1"
FIRST_NUMBER = 33_2_55_00_00_00
KNOWN_CALLERS = 500
READY_LIMIT = 90.0

SITE = Template("""
service: {data_dir: $home}
http: {host: 127.0.0.1, port: $http}
asterisk:
  system_name: guichet-bench
  ami: {port: $ami}
  fastagi: {port: $agi}
  sip: {port: $sip, rtp_first_port: $rtp, rtp_last_port: $rtp_last}
numbers:
  "100": {flow: bench_queue}
  "101": {flow: bench_menu}
queues:
  bench:
    label: Bench
    offer_time_seconds: 15
    wrap_up_time_seconds: 0
    service_level_seconds: 20
    short_abandon_seconds: 5
flows: [$home/bench_queue.yaml, $home/bench_menu.yaml]
""")

QUEUE_FLOW = """
flow: bench_queue
languages: [fr]
start: bench
fallback: bench
nodes:
  bench: {kind: queue, queue: bench}
"""

MENU_FLOW = """
flow: bench_menu
languages: [fr]
start: main
fallback: bench
no_input: {fr: "Je n'ai pas reçu votre choix."}
no_match: {fr: "Ce choix n'est pas proposé."}
nodes:
  main:
    kind: menu
    prompt: {fr: "Pour signaler un incident, tapez 1. Pour une demande ou une commande, tapez 2."}
    choices: {"1": bench, "2": bench}
    otherwise: bench
  bench: {kind: queue, queue: bench}
"""

DIALPLAN = Template("""
[guichet-local](+)
exten => 700,1,Answer()
 same => n,Dial(PJSIP/agent-1001,15)
 same => n,Hangup()
exten => 701,1,Answer()
 same => n,Queue(bench,,,,300)
 same => n,Hangup()
exten => 702,1,Answer()
 same => n,Read(KEY,$prompt,1,,3,5)
 same => n,Queue(bench,,,,300)
 same => n,Hangup()
""")

QUEUES = """
[general]
persistentmembers = no
autofill = yes
shared_lastcall = yes

[bench]
strategy = leastrecent
musicclass = default
timeout = 15
retry = 1
wrapuptime = 0
autofill = yes
ringinuse = no
joinempty = yes
leavewhenempty = no
announce-frequency = 0
"""


@dataclass(frozen=True, slots=True)
class World:
    home: Path
    settings: Settings
    asterisk: AsteriskInstance
    phones: PhonesProcess
    tokens: dict[str, str]  # of each agent's web session, by login
    say: Callable[[str], None]

    @property
    def asterisk_pid(self) -> int:
        pid = self.asterisk.pid()
        if pid is None:
            raise RuntimeError("Asterisk is gone")
        return pid


class Turn(ABC):
    """A system while it is its turn."""

    name: str
    number: str
    menu_number: str
    has_screens = False

    @abstractmethod
    def taken(self, world: World, agents: int) -> AbstractAsyncContextManager[Running]:
        """Start the system with so many agents, and end it with the block."""


@dataclass(slots=True)
class Running:
    """`pids`: every process of the system; `screens`: of those who look on. `pops`: what the screens saw."""

    pids: tuple[int, ...]
    screens: tuple[int, ...]
    pops: list[Pop]
    troubles: list[str]


class AppQueue(Turn):
    name, number, menu_number = "app_queue", QUEUE, QUEUE_MENU

    @asynccontextmanager
    async def taken(self, world: World, agents: int) -> AsyncIterator[Running]:
        members = "".join(f"member => PJSIP/agent-{extension}\n" for extension in AGENTS[:agents])
        (world.asterisk.folders.etc / "queues.conf").write_text(QUEUES + members)
        await world.asterisk.cli("module load app_queue.so")
        try:
            yield Running((world.asterisk_pid,), (), [], [])
        finally:
            await world.asterisk.cli("module unload app_queue.so")


class PlainDial(Turn):
    name, number, menu_number = "dial", DIAL, DIAL

    @asynccontextmanager
    async def taken(self, world: World, agents: int) -> AsyncIterator[Running]:
        yield Running((world.asterisk_pid,), (), [], [])


class Guichet(Turn):
    name, number, menu_number = "guichet", GUICHET, GUICHET_MENU
    has_screens = True

    @asynccontextmanager
    async def taken(self, world: World, agents: int) -> AsyncIterator[Running]:
        running = Running((), (), [], [])

        def hear(report: Report) -> None:
            if isinstance(report, Pop):
                running.pops.append(report)
            elif isinstance(report, Trouble):
                running.troubles.append(report.text)

        people = [Person(login, token=token) for login, token in list(world.tokens.items())[:agents]]
        url = f"http://{world.settings.http.host}:{world.settings.http.port}"
        config = world.home / "site.yaml"
        async with running_service(url, {}, world.home / "guichet.log", config) as pid:
            running.pids = (world.asterisk_pid, pid)
            async with ScreensProcess(url, people, Rules(wrap_up_seconds=None, missed_seconds=0.5), hear) as screens:
                running.screens = (screens.pid,)
                await screens.all_ready(READY_LIMIT)
                yield running


APP_QUEUE, PLAIN_DIAL, GUICHET_ITSELF = AppQueue(), PlainDial(), Guichet()


@asynccontextmanager
async def open_world(home: Path, say: Callable[[str], None]) -> AsyncIterator[World]:
    """Asterisk with both dialplans, the desk with people and contacts, the phones registered."""
    settings = _settings(home)
    prompt = await _prepared_prompt(settings)
    tokens = await _fill_desk(settings)
    secrets = load_secrets(home)
    asterisk = AsteriskInstance(
        home / "asterisk",
        settings,
        secrets,
        find_installation(progress=say),
        extra_files={"extensions_local.conf": DIALPLAN.substitute(prompt=prompt), "queues.conf": QUEUES},
        progress=say,
    )
    try:
        await asterisk.up()
        await asterisk.cli("module unload app_queue.so")
        async with PhonesProcess() as phones:
            registrar = f"{settings.asterisk.sip.host}:{settings.asterisk.sip.port}"
            agents = {extension: secrets.phone_password(extension) for extension in AGENTS}
            await phones.do(Register(registrar=registrar, agents=agents))
            yield World(home, settings, asterisk, phones, tokens, say)
    finally:
        await asterisk.down()


def _settings(home: Path) -> Settings:
    rtp = random.randrange(14_000, 24_000, 2)
    ports = {"http": _free(), "ami": _free(), "agi": _free(), "sip": _free(socket.SOCK_DGRAM)}
    text = SITE.substitute(home=home, rtp=rtp, rtp_last=rtp + 3999, **ports)
    (home / "site.yaml").write_text(text)
    (home / "bench_queue.yaml").write_text(QUEUE_FLOW)
    (home / "bench_menu.yaml").write_text(MENU_FLOW)
    return load_settings(home / "site.yaml", environment={})


def _free(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


async def _prepared_prompt(settings: Settings) -> str:
    """The sounds of the menu's question, as dialplan applications take them; the service plays the same files."""
    site = load_site(settings)
    prompts = prompts_of(site)
    await prompts.prepare(prompt for flow in site.flows.values() for prompt in flow.prompts())
    _, step = interpreter.begin(site.flows["bench_menu"], CallerFacts())
    if not isinstance(step, Collect):
        raise TypeError("the menu does not begin with a question")
    return "&".join(prompts.sounds_of(step.prompts))


async def _fill_desk(settings: Settings) -> dict[str, str]:
    """Agents with open web sessions, whose tokens are returned by login, and contacts for half of the callers."""
    clock = SystemClock()
    tokens: dict[str, str] = {}
    async with (
        await ticketing.open_database(settings.database_url) as database,
        ticketing.open_desk(database, clock.now) as desk,
    ):
        users = await SqlUserDirectory.open(database, clock)
        for extension in AGENTS:
            user = User(
                login=f"agent{extension}",
                name=f"Agent {extension}",
                roles=frozenset({Role.AGENT}),
                extension=extension,
            )
            await users.save(user, None)
            tokens[user.login] = await users.open_session(user.login, clock.now() + timedelta(hours=12))
        await desk.import_contacts(
            [
                ticketing.ContactDraft(
                    name=f"Caller {number}", phone_numbers=(f"+{FIRST_NUMBER + number}",), external_id=f"bench-{number}"
                )
                for number in range(0, 2 * KNOWN_CALLERS, 2)
            ]
        )
    return tokens


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all threads, in seconds (proc(5), stat fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine_seconds() -> float:
    """Time all cores of the machine were busy: all but idle and waiting for disks (proc(5), stat)."""
    with Path("/proc/stat").open() as stat:
        fields = [int(field) for field in stat.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
