"""START READING HERE: everything is built in this file, and nowhere else.

    build_core(live, ports)      the engine and the service round it, on whatever ports it is given (tests give fakes)
    open_guichet(site, secrets)  the whole of it on real adapters: Asterisk, database, HTTP

The way of a call through it:

    adapters/asterisk/fastagi -> service/switchboard -> service/call_flow      a caller's channel and its story
        -> service/dispatcher -> domain/engine                                 commands in, events and effects out
        -> service/screens (events: pop, boards)   service/desk_writer (effects: interactions, tickets)
        -> service/switchboard (effect RingAgent) -> the caller's flow -> Dial
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from acd.adapters.asterisk import dialplan
from acd.adapters.asterisk.ami import AmiAddress, AmiLoginRefusedError, AmiUnreachableError
from acd.adapters.asterisk.caller import AgiCallerChannel
from acd.adapters.asterisk.fastagi import AgiSession, FastAgiServer
from acd.adapters.asterisk.local import APOLOGY
from acd.adapters.asterisk.telephony import AsteriskTelephony
from acd.adapters.bus.journal import open_journal
from acd.adapters.bus.opening import BothJournals, KeptJournal, open_kept_journal
from acd.adapters.clock import LoopTimers, SystemClock
from acd.adapters.control import control_socket
from acd.adapters.desk import TicketingDesk
from acd.adapters.lookups import open_lookups
from acd.adapters.messages import MessageFolder
from acd.adapters.prompts import PromptError, PromptLibrary
from acd.adapters.store.audit import SqlAuditLog
from acd.adapters.store.users import SqlUserDirectory
from acd.domain import effects as fx
from acd.domain.commands import Command, ConfigureQueues, RegisterAgent, RemoveAgent
from acd.domain.engine import Engine
from acd.domain.metrics import QueueStatistics
from acd.domain.outgoing import FarEnd
from acd.integrations import open_integrations
from acd.records import open_records
from acd.reload import Reloader, lookup_services
from acd.secrets import Secrets
from acd.service.admission import Limits
from acd.service.call_flow import FlowServices
from acd.service.desk_writer import DeskWriter
from acd.service.dispatcher import Dispatcher
from acd.service.hand_over import HandOverServices
from acd.service.hotline import Hotline
from acd.service.hotline_steps import HotlineServices
from acd.service.incidents import IncidentBoard
from acd.service.ivr_figures import IvrFigures
from acd.service.memory import NO_PAST, Memory, Past, StateFold
from acd.service.menu import MenuServices
from acd.service.monitors import Monitors
from acd.service.notices import Notices
from acd.service.outgoing import Outgoing
from acd.service.ports import (
    Clock,
    Desk,
    Journal,
    Lookups,
    Messages,
    Prompts,
    Role,
    Telephony,
    TelephonyError,
    Timers,
)
from acd.service.restore import check_past, journal_keeper, take_up
from acd.service.screens import ScheduleFlush, Screens
from acd.service.supervision import Supervision
from acd.service.survey_desk import SurveyServices
from acd.service.switchboard import Switchboard
from acd.service.tasks import BackgroundTasks
from acd.service.taste import profile_of
from acd.settings import Settings
from acd.shipped import shipped_config
from acd.site import LiveSite, Site
from acd.stability import keep_fallback, mend_prompts, watch_over
from acd.web.app import WebServices, build_app, serve
from acd.web.metrics import Metrics
from ticketing import api as ticketing

log = structlog.get_logger(__name__)

DRAIN_LIMIT = timedelta(seconds=10)  # at the end, for interactions and tickets not yet written


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the core stands on."""

    clock: Clock
    timers: Callable[[Clock, Callable[[Command], None]], Timers]
    desk: Desk
    telephony: Telephony
    prompts: Prompts
    lookups: Lookups
    messages: Messages
    hotline: Hotline
    journal: Journal
    schedule: ScheduleFlush
    tasks: BackgroundTasks
    past: Past = NO_PAST  # what the journal gave back


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    dispatcher: Dispatcher
    engine: Engine
    statistics: QueueStatistics
    screens: Screens
    switchboard: Switchboard
    monitors: Monitors
    writer: DeskWriter
    ivr_figures: IvrFigures
    far_end: Callable[[str, str], FarEnd | None]
    memory: Memory
    incidents: IncidentBoard


def build_core(live: LiveSite, ports: Ports) -> Core:
    """Wire the service. Nothing runs yet but what the caller starts: `writer.run()`, and calls that come in."""
    engine = Engine()
    dispatcher = Dispatcher(engine, ports.clock)
    statistics = QueueStatistics()
    screens = Screens(engine.state, statistics, ports.clock, ports.schedule)
    writer = DeskWriter(ports.desk, dispatcher.submit, ports.journal.took)
    ivr_figures = IvrFigures()
    memory = Memory()
    for name, fold in (("state", StateFold(engine)), ("statistics", statistics), ("ivr_figures", ivr_figures)):
        memory.join(name, fold)
    site = live.site
    timers = ports.timers(ports.clock, dispatcher.submit)
    incidents = IncidentBoard(
        ports.hotline.incidents, ports.prompts, ports.clock, ports.tasks, site.settings.service.zone
    )

    def far_end(number: str, shown: str) -> FarEnd | None:
        return live.site.outgoing.far_end(number, ports.desk.classify(number, "").e164, shown)

    switchboard = Switchboard(
        FlowServices(
            submit=dispatcher.submit,
            state=engine.state,
            clock=ports.clock,
            desk=ports.desk,
            menus=MenuServices(
                submit=dispatcher.submit,
                clock=ports.clock,
                prompts=ports.prompts,
                lookups=ports.lookups,
                hotline=HotlineServices(
                    submit=dispatcher.submit,
                    clock=ports.clock,
                    stores=ports.hotline,
                    board=incidents,
                    surveys=SurveyServices(
                        submit=dispatcher.submit,
                        clock=ports.clock,
                        tasks=ports.tasks,
                        store=ports.hotline.surveys,
                        plan_of=live.survey_plan,
                        folder=comments_folder(site),
                    ),
                    catalogue=live.catalogue,
                ),
                zone=site.settings.service.zone,
                hand_over=HandOverServices(
                    order=dispatcher.order,
                    far_end=far_end,
                    classify=ports.desk.classify,
                    state=engine.state,
                    clock=ports.clock,
                    zone=site.settings.service.zone,
                    messages=ports.messages,
                ),
            ),
            telephony=ports.telephony,
            tasks=ports.tasks,
            route_of=live.route_of,
            flow_named=live.flow_named,
            default_language=site.settings.service.language,
            limits=_limits(site.settings),
        ),
        writer.drain,
    )
    ports.telephony.listen(switchboard.hear)

    dispatcher.keep_in(journal_keeper(ports.journal))
    dispatcher.add_listener(statistics.hear)
    dispatcher.add_listener(ivr_figures.hear)
    notices = Notices(engine.state, screens)
    dispatcher.add_listener(screens.hear)  # the screen-pop goes out here, before the effect rings the phone
    dispatcher.add_listener(notices.hear)
    dispatcher.add_listener(switchboard.phones.hear)
    monitors = Monitors(engine.state, ports.telephony, screens, ports.clock)
    switchboard.on_monitor_ended = monitors.hear_switch

    dispatcher.carry_out(fx.RingAgent, switchboard.ring)
    dispatcher.carry_out(fx.TurnAway, switchboard.turn_away)
    dispatcher.carry_out(fx.StopRinging, switchboard.stop_ringing)
    dispatcher.carry_out(fx.CallAgentFirst, switchboard.agent_first.call_agent)
    dispatcher.carry_out(fx.Announce, switchboard.announce)
    dispatcher.carry_out(fx.ArrangeTalk, switchboard.arrange)
    dispatcher.carry_out(fx.MuteAgent, switchboard.mute)
    dispatcher.carry_out(fx.PlayDigits, switchboard.play_digits)
    dispatcher.carry_out(fx.StartTimer, lambda wish: timers.start(wish.key, wish.due_at, wish.command))
    dispatcher.carry_out(fx.CancelTimer, lambda wish: timers.cancel(wish.key))
    dispatcher.carry_out(fx.RecordInteraction, writer.record)
    dispatcher.carry_out(fx.CommitTicket, writer.commit)

    take_up(ports.past, memory, engine, dispatcher=dispatcher, writer=writer, timers=timers, clock=ports.clock)
    dispatcher.submit(ConfigureQueues(queues=site.queue_policies(), rules=site.routing_rules()))
    return Core(
        dispatcher=dispatcher,
        engine=engine,
        statistics=statistics,
        screens=screens,
        switchboard=switchboard,
        monitors=monitors,
        writer=writer,
        ivr_figures=ivr_figures,
        far_end=far_end,
        memory=memory,
        incidents=incidents,
    )


def comments_folder(site: Site) -> Path:
    """Where Asterisk writes what callers say in surveys."""
    return site.settings.data_dir / "surveys"


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
    settings, clock = site.settings, SystemClock()
    started_at = clock.now()
    async with AsyncExitStack() as stack:
        kept = await stack.enter_async_context(open_kept_journal(settings, clock))
        check_past(kept.past)
        tasks = await stack.enter_async_context(BackgroundTasks())
        database = await stack.enter_async_context(await ticketing.open_database(settings.database_url))
        desk = await stack.enter_async_context(ticketing.open_desk(database, clock.now))
        users = await SqlUserDirectory.open(database)
        prompts = await _prepared_prompts(site)
        lookups = await stack.enter_async_context(open_lookups(lookup_services(settings.lookups)))
        journal = await stack.enter_async_context(_journal(settings, kept, tasks))
        hotline = _hotline(database)
        await asyncio.to_thread(comments_folder(site).mkdir, parents=True, exist_ok=True)
        telephony = AsteriskTelephony(
            _ami_address(site, secrets),
            clock,
            tasks,
            deadline=settings.asterisk.ami.deadline_seconds,
            ping_interval=settings.asterisk.ami.ping_seconds,
        )
        live = LiveSite(site)
        messages = MessageFolder(settings.data_dir / "voicemail")
        core = build_core(
            live,
            Ports(
                clock=clock,
                timers=LoopTimers,
                desk=call_desk(lambda: live.site, desk),
                telephony=telephony,
                prompts=prompts,
                lookups=lookups,
                messages=messages,
                hotline=hotline,
                journal=journal,
                schedule=_call_later,
                tasks=tasks,
                past=kept.past,
            ),
        )
        records = await stack.enter_async_context(
            open_records(
                live,
                dispatcher=core.dispatcher,
                memory=core.memory,
                database=database,
                link=telephony.link,
                clock=clock,
                tasks=tasks,
            )
        )
        await stack.enter_async_context(
            open_integrations(
                settings.integrations,
                dispatcher=core.dispatcher,
                database=database,
                link=telephony.link,
                clock=clock,
                tasks=tasks,
            )
        )
        kept.begin(core.memory.picture, tasks)
        reloader = Reloader(live, read_settings or (lambda: settings), prompts, lookups, core.dispatcher.submit)
        await core.incidents.refresh()
        tasks.start(core.incidents.keep_fresh(), "incidents")
        await _register_agents(site, core, users)
        tasks.start(core.writer.run(), "desk_writer")
        stack.push_async_callback(_write_what_is_left, core.writer)
        fallback = keep_fallback(settings, core.dispatcher, core.switchboard, telephony, tasks)
        await stack.enter_async_context(telephony.connected())
        await _find_asterisk(site, telephony)
        # Callers come in when it is known who talks already: nobody is offered a second call.
        agi = await stack.enter_async_context(_agi_server(site, secrets, core, telephony, tasks))
        metrics = Metrics()
        metrics.watch(core.screens)
        metrics.watch_menus(core.ivr_figures)
        metrics.watch_desk(lambda: len(core.writer), lambda: core.writer.set_aside)
        metrics.watch_journal(kept.figures)
        core.dispatcher.add_listener(metrics.hear)
        tasks.start(mend_prompts(prompts, live.site.prompts), "mend_prompts")
        watch_over(
            dispatcher=core.dispatcher,
            switchboard=core.switchboard,
            screens=core.screens,
            telephony=telephony,
            clock=clock,
            metrics=metrics,
            fallback=fallback,
            troubles=lambda: [*_problems(core, telephony, journal, kept), *prompts.troubles()],
            tasks=tasks,
        )
        app = build_app(
            WebServices(
                dispatcher=core.dispatcher,
                screens=core.screens,
                why_waiting=core.engine.why_waiting,
                outlook=core.engine.outlook,
                outgoing=Outgoing(
                    state=core.engine.state,
                    desk=call_desk(lambda: live.site, desk),
                    far_end=core.far_end,
                    message_file=messages.path_of,
                ),
                monitors=core.monitors,
                supervision=Supervision(core.dispatcher, SqlAuditLog(database), clock, prompts, users),
                users=users,
                desk=desk,
                clock=clock,
                settings=settings,
                readiness=lambda: _problems(core, telephony, journal, kept),
                metrics=metrics,
                ivr_figures=core.ivr_figures,
                flow_names=lambda: live.site.in_use,
                records=records.access,
                hotline=hotline,
                incidents=core.incidents,
            )
        )
        http_port = await stack.enter_async_context(serve(app, settings.http.host, settings.http.port))
        stack.callback(core.screens.close)
        await stack.enter_async_context(control_socket(settings.data_dir, lambda: _reloaded(reloader)))
        log.info("ready", http_port=http_port, agi_port=agi.port, queues=len(settings.queues))
        yield Guichet(
            site=site,
            core=core,
            desk=desk,
            users=users,
            telephony=telephony,
            reloader=reloader,
            started_at=started_at,
            agi_port=agi.port,
            http_port=http_port,
        )


def _hotline(database: ticketing.Database) -> Hotline:
    return Hotline(
        incidents=ticketing.SqlMajorIncidents(database),
        surveys=ticketing.SqlSurveys(database),
        pins=ticketing.SqlContactPins(database),
        requests=ticketing.SqlServiceRequests(database),
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


def prompts_of(site: Site) -> PromptLibrary:
    settings = site.settings.prompts
    return PromptLibrary(
        site.settings.cache_dir / "prompts",
        voices=settings.voices,
        recordings_dir=settings.recordings,
        engine=settings.engine,
        stand_ins=shipped_config() / "prompts",
    )


async def _prepared_prompts(site: Site) -> PromptLibrary:
    """No caller waits for synthesis: everything a flow can say is there before the first call."""
    prompts = prompts_of(site)
    await prompts.prepare_or_stand_in(site.prompts())
    for name, sentences in (("apology", site.settings.prompts.apology), ("busy", site.settings.prompts.busy)):
        for language, text in sentences.items():
            place = (site.settings.data_dir / APOLOGY).with_name(name)
            try:
                sound = Path(f"{await prompts.render(text, language)}.wav")
            except PromptError as error:
                log.warning("sentence_not_made", sentence=name, error=str(error))  # Asterisk has words of its own
                continue
            await asyncio.to_thread(_put_apology, sound, place, language)
    return prompts


def _put_apology(sound: Path, path: Path, language: str) -> None:
    """Where the dialplan looks for it, in the language of the channel, when no service is there to say a word."""
    target = path.parent / language / f"{path.name}.wav"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sound, target)


def _limits(settings: Settings) -> Limits:
    overload = settings.overload
    return Limits(most_calls=overload.most_calls, most_lag=overload.most_lag_seconds, treatment=overload.treatment)


def _ami_address(site: Site, secrets: Secrets) -> AmiAddress:
    ami = site.settings.asterisk.ami
    return AmiAddress(host=ami.host, port=ami.port, username=ami.username, secret=secrets.ami_secret)


def call_desk(site: Callable[[], Site], desk: ticketing.Desk) -> TicketingDesk:
    """`site`: the present one, whose queues have names for people."""
    settings = site().settings
    extensions = frozenset(settings.asterisk.agent_phones.extensions)

    def label(name: str) -> str:
        queues = site().settings.queues
        return queues[name].label if name in queues else name

    return TicketingDesk(
        desk,
        region=settings.service.region,
        is_internal=extensions.__contains__,
        queue_label=label,
    )


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


async def _register_agents(site: Site, core: Core, users: SqlUserDirectory) -> None:
    agents = [user for user in await users.all() if Role.AGENT in user.roles and user.extension is not None]
    profiles = [profile_of(user) for user in agents]
    for gone in core.engine.state.agents.keys() - {profile.agent_id for profile in profiles}:
        core.dispatcher.submit(RemoveAgent(agent_id=gone))  # while the service was down
    for profile in profiles:
        core.dispatcher.submit(RegisterAgent(profile=profile))


def _problems(core: Core, telephony: AsteriskTelephony, journal: Journal, kept: KeptJournal) -> list[str]:
    """Why this node is not fit for work, for /readyz."""
    found = telephony.link.problems()
    found += [trouble for trouble in (core.writer.trouble, kept.trouble, getattr(journal, "trouble", None)) if trouble]
    return found


async def _write_what_is_left(writer: DeskWriter) -> None:
    try:
        async with asyncio.timeout(DRAIN_LIMIT.total_seconds()):
            await writer.drain()
    except TimeoutError:
        log.critical("records_not_written", pending=len(writer))


def _call_later(delay: timedelta, callback: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(delay.total_seconds(), callback)
