"""START READING HERE: how everything is built, from the outside in.

    open_guichet(site, secrets)             the whole of it on real adapters: Asterisk, database, HTTP
    acd.equipment                           those adapters, made as the site's settings want them
    acd.core.build_core(live, ports)        the engine and the service round it, on whatever ports it is given
    acd.records, integrations, stability    what stands beside the calls, each opened by a function of its own

The way of a call through it:

    adapters/asterisk/fastagi -> service/switchboard -> service/call_flow      a caller's channel and its story
        -> service/dispatcher -> domain/engine                                 commands in, events and effects out
        -> service/screens (events: pop, boards)   service/desk_writer (effects: interactions, tickets)
        -> service/switchboard (effect RingAgent) -> the caller's flow -> Dial
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import structlog

from acd.adapters.asterisk import dialplan
from acd.adapters.asterisk.ami import AmiLoginRefusedError, AmiUnreachableError
from acd.adapters.asterisk.caller import AgiCallerChannel
from acd.adapters.asterisk.fastagi import AgiSession, FastAgiServer
from acd.adapters.asterisk.telephony import AsteriskTelephony
from acd.adapters.bus.journal import open_journal
from acd.adapters.bus.opening import BothJournals, KeptJournal, open_kept_journal
from acd.adapters.clock import LoopTimers, SystemClock
from acd.adapters.control import control_socket
from acd.adapters.desk import TicketingDesk
from acd.adapters.lookups import HttpLookups, open_lookups
from acd.adapters.messages import MessageFolder
from acd.adapters.prompts import PromptLibrary
from acd.adapters.store.audit import SqlAuditLog
from acd.adapters.store.users import SqlUserDirectory
from acd.core import Core, Ports, build_core, comments_folder
from acd.domain.commands import RegisterAgent, RemoveAgent
from acd.equipment import ami_address, call_desk, hotline_stores, prepared_prompts
from acd.integrations import open_integrations
from acd.records import Records, open_records
from acd.reload import Reloader, lookup_services
from acd.secrets import Secrets
from acd.service.desk_writer import DeskWriter
from acd.service.hotline import Hotline
from acd.service.outgoing import Outgoing
from acd.service.ports import (
    Journal,
    Role,
    Telephony,
    TelephonyError,
)
from acd.service.restore import check_past
from acd.service.supervision import Supervision
from acd.service.tasks import BackgroundTasks
from acd.service.taste import profile_of
from acd.settings import Settings
from acd.site import LiveSite, Site
from acd.stability import keep_fallback, mend_prompts, watch_over
from acd.web.app import WebServices, build_app, serve
from acd.web.metrics import Metrics
from ticketing import api as ticketing

log = structlog.get_logger(__name__)

DRAIN_LIMIT = timedelta(seconds=10)  # at the end, for interactions and tickets not yet written


@dataclass(frozen=True, slots=True, kw_only=True)
class Guichet:
    """The running service, as the command line, the demo and the tests see it."""

    site: Site
    core: Core
    desk: ticketing.Desk
    users: SqlUserDirectory
    telephony: AsteriskTelephony
    reloader: Reloader
    started_at: datetime
    agi_port: int
    http_port: int


@asynccontextmanager
async def open_guichet(
    site: Site, secrets: Secrets, read_settings: Callable[[], Settings] | None = None
) -> AsyncIterator[Guichet]:
    """Start everything on real adapters, and end it in the opposite order. `read_settings`: again, for a reload.

    Raises what the adapters raise when they cannot start: JournalError and its kinds, DatabaseUnreachableError,
    PromptError, FastAgiBindError, HttpBindError, AmiLoginRefusedError, LookupConfigurationError. Each says what to
    mend. An Asterisk that is not there yet is waited for.
    """
    clock = SystemClock()
    started_at = clock.now()
    async with AsyncExitStack() as stack:
        parts = await _open_parts(stack, site, secrets, clock)
        live = parts.live
        core = build_core(live, parts.ports())
        records = await stack.enter_async_context(
            open_records(
                live,
                dispatcher=core.dispatcher,
                memory=core.memory,
                database=parts.database,
                link=parts.telephony.link,
                clock=clock,
                tasks=parts.tasks,
            )
        )
        await stack.enter_async_context(
            open_integrations(
                site.settings.integrations,
                dispatcher=core.dispatcher,
                database=parts.database,
                link=parts.telephony.link,
                clock=clock,
                tasks=parts.tasks,
            )
        )
        await _begin(stack, parts, core)
        fallback = keep_fallback(site.settings, core.dispatcher, core.switchboard, parts.telephony, parts.tasks)
        await stack.enter_async_context(parts.telephony.connected())
        await _find_asterisk(site, parts.telephony)
        # Callers come in when it is known who talks already: nobody is offered a second call.
        agi = await stack.enter_async_context(_agi_server(site, secrets, core, parts.telephony, parts.tasks))
        metrics = _metrics(core, parts)
        parts.tasks.start(mend_prompts(parts.prompts, live.site.prompts), "mend_prompts")
        watch_over(
            dispatcher=core.dispatcher,
            switchboard=core.switchboard,
            screens=core.screens,
            telephony=parts.telephony,
            clock=clock,
            metrics=metrics,
            fallback=fallback,
            troubles=lambda: [*_problems(core, parts), *parts.prompts.troubles()],
            tasks=parts.tasks,
        )
        app = build_app(_web_services(core, parts, metrics, records))
        http_port = await stack.enter_async_context(serve(app, site.settings.http.host, site.settings.http.port))
        stack.callback(core.screens.close)
        read = read_settings or (lambda: site.settings)
        reloader = Reloader(live, read, parts.prompts, parts.lookups, core.dispatcher.submit)
        await stack.enter_async_context(control_socket(site.settings.data_dir, lambda: _reloaded(reloader)))
        log.info("ready", http_port=http_port, agi_port=agi.port, queues=len(site.settings.queues))
        yield Guichet(
            site=site,
            core=core,
            desk=parts.desk,
            users=parts.users,
            telephony=parts.telephony,
            reloader=reloader,
            started_at=started_at,
            agi_port=agi.port,
            http_port=http_port,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The real adapters, opened."""

    live: LiveSite
    clock: SystemClock
    kept: KeptJournal
    tasks: BackgroundTasks
    database: ticketing.Database
    desk: ticketing.Desk
    users: SqlUserDirectory
    prompts: PromptLibrary
    lookups: HttpLookups
    journal: Journal
    hotline: Hotline
    telephony: AsteriskTelephony
    messages: MessageFolder

    def call_desk(self) -> TicketingDesk:
        return call_desk(lambda: self.live.site, self.desk)

    def ports(self) -> Ports:
        return Ports(
            clock=self.clock,
            timers=LoopTimers,
            desk=self.call_desk(),
            telephony=self.telephony,
            prompts=self.prompts,
            lookups=self.lookups,
            messages=self.messages,
            hotline=self.hotline,
            journal=self.journal,
            schedule=_call_later,
            tasks=self.tasks,
            past=self.kept.past,
        )


async def _open_parts(stack: AsyncExitStack, site: Site, secrets: Secrets, clock: SystemClock) -> _Parts:
    """The journal first: one that this version cannot read must be said before anything is touched."""
    settings = site.settings
    kept = await stack.enter_async_context(open_kept_journal(settings, clock))
    check_past(kept.past)
    tasks = await stack.enter_async_context(BackgroundTasks())
    database = await stack.enter_async_context(await ticketing.open_database(settings.database_url))
    desk = await stack.enter_async_context(ticketing.open_desk(database, clock.now))
    users = await SqlUserDirectory.open(database)
    prompts = await prepared_prompts(site)
    lookups = await stack.enter_async_context(open_lookups(lookup_services(settings.lookups)))
    journal = await stack.enter_async_context(_journal(settings, kept, tasks))
    await asyncio.to_thread(comments_folder(site).mkdir, parents=True, exist_ok=True)
    return _Parts(
        live=LiveSite(site),
        clock=clock,
        kept=kept,
        tasks=tasks,
        database=database,
        desk=desk,
        users=users,
        prompts=prompts,
        lookups=lookups,
        journal=journal,
        hotline=hotline_stores(database),
        telephony=AsteriskTelephony(
            ami_address(site, secrets),
            clock,
            tasks,
            deadline=settings.asterisk.ami.deadline_seconds,
            ping_interval=settings.asterisk.ami.ping_seconds,
        ),
        messages=MessageFolder(settings.data_dir / "voicemail"),
    )


async def _begin(stack: AsyncExitStack, parts: _Parts, core: Core) -> None:
    """What must run before the first caller: the journal's pictures, agents, outages, writing behind the calls."""
    parts.kept.begin(core.memory.picture, parts.tasks)
    await core.incidents.refresh()
    parts.tasks.start(core.incidents.keep_fresh(), "incidents")
    await _register_agents(core, parts.users)
    parts.tasks.start(core.writer.run(), "desk_writer")
    stack.push_async_callback(_write_what_is_left, core.writer)


def _metrics(core: Core, parts: _Parts) -> Metrics:
    metrics = Metrics()
    metrics.watch(core.screens)
    metrics.watch_menus(core.ivr_figures)
    metrics.watch_desk(lambda: len(core.writer), lambda: core.writer.set_aside)
    metrics.watch_journal(parts.kept.figures)
    core.dispatcher.add_listener(metrics.hear)
    return metrics


def _web_services(core: Core, parts: _Parts, metrics: Metrics, records: Records) -> WebServices:
    live = parts.live
    return WebServices(
        dispatcher=core.dispatcher,
        screens=core.screens,
        why_waiting=core.engine.why_waiting,
        outlook=core.engine.outlook,
        outgoing=Outgoing(
            state=core.engine.state,
            desk=parts.call_desk(),
            far_end=core.far_end,
            message_file=parts.messages.path_of,
        ),
        monitors=core.monitors,
        supervision=Supervision(core.dispatcher, SqlAuditLog(parts.database), parts.clock, parts.prompts, parts.users),
        users=parts.users,
        desk=parts.desk,
        clock=parts.clock,
        settings=live.site.settings,
        readiness=lambda: _problems(core, parts),
        metrics=metrics,
        ivr_figures=core.ivr_figures,
        flow_names=lambda: live.site.in_use,
        records=records.access,
        hotline=parts.hotline,
        incidents=core.incidents,
    )


async def _find_asterisk(site: Site, telephony: AsteriskTelephony) -> None:
    """A refused login is for somebody to mend; an Asterisk that is not there yet is waited for while all else works."""
    ami = site.settings.asterisk.ami
    where = f"Asterisk's manager interface at {ami.host}:{ami.port}"
    try:
        await telephony.link.ready(ami.deadline_seconds)
    except AmiLoginRefusedError as error:
        raise AmiLoginRefusedError(
            f"{where} refuses user {ami.username} ({error}): give both sides the same secret; this side takes it from"
            " GUICHET_AMI_SECRET, GUICHET_AMI_SECRET_FILE or the data directory, Asterisk from manager.conf"
            " (`guichet asterisk config --print` shows what belongs there)"
        ) from error
    except AmiUnreachableError as error:
        log.warning("asterisk_not_there", where=where, error=str(error), hint="`guichet asterisk up` starts one")


async def _reloaded(reloader: Reloader) -> bytes:
    return msgspec.json.encode(await reloader.reload())


def _agi_server(
    site: Site, secrets: Secrets, core: Core, telephony: Telephony, tasks: BackgroundTasks
) -> FastAgiServer:
    asterisk = site.settings.asterisk

    def stop_playing(linkedid: str) -> None:
        tasks.start(_stopped(telephony, linkedid), "stop_playing")

    async def take(session: AgiSession) -> None:
        channel = AgiCallerChannel(session, asterisk.music_class, stop_playing)
        is_leg = session.script == dialplan.DESK_SCRIPT
        await (core.switchboard.take_leg(channel) if is_leg else core.switchboard.take_call(channel))

    return FastAgiServer(asterisk.fastagi.host, asterisk.fastagi.port, take, token=secrets.agi_token)


async def _stopped(telephony: Telephony, linkedid: str) -> None:
    try:
        await telephony.stop_playing(linkedid)
    except TelephonyError as error:
        log.warning("sound_not_stopped", error=str(error))  # it plays to its end; the agent's phone rings after it


@asynccontextmanager
async def _journal(settings: Settings, kept: KeptJournal, tasks: BackgroundTasks) -> AsyncIterator[Journal]:
    async with open_journal(settings.journal.redis_url, tasks) as followed:
        yield BothJournals(kept.journal, followed) if kept.journal is not None else followed


async def _register_agents(core: Core, users: SqlUserDirectory) -> None:
    agents = [user for user in await users.all() if Role.AGENT in user.roles and user.extension is not None]
    profiles = [profile_of(user) for user in agents]
    for gone in core.engine.state.agents.keys() - {profile.agent_id for profile in profiles}:
        core.dispatcher.submit(RemoveAgent(agent_id=gone))  # while the service was down
    for profile in profiles:
        core.dispatcher.submit(RegisterAgent(profile=profile))


def _problems(core: Core, parts: _Parts) -> list[str]:
    """Why this node is not fit for work, for /readyz."""
    troubles = (core.writer.trouble, parts.kept.trouble, getattr(parts.journal, "trouble", None))
    return [*parts.telephony.link.problems(), *(trouble for trouble in troubles if trouble)]


async def _write_what_is_left(writer: DeskWriter) -> None:
    try:
        async with asyncio.timeout(DRAIN_LIMIT.total_seconds()):
            await writer.drain()
    except TimeoutError:
        log.critical("records_not_written", pending=len(writer))


def _call_later(delay: timedelta, callback: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(delay.total_seconds(), callback)
