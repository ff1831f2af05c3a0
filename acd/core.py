"""The core: the engine and the service round it, wired on whatever ports it is given. Tests give fakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from acd.domain import effects as fx
from acd.domain.commands import Command, ConfigureQueues
from acd.domain.engine import Engine
from acd.domain.metrics import QueueStatistics
from acd.domain.outgoing import FarEnd
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
from acd.service.ports import (
    Clock,
    Desk,
    Journal,
    Lookups,
    Messages,
    Prompts,
    Telephony,
    Timers,
)
from acd.service.restore import journal_keeper, take_up
from acd.service.screens import ScheduleFlush, Screens
from acd.service.survey_desk import SurveyServices
from acd.service.switchboard import Switchboard
from acd.service.tasks import BackgroundTasks
from acd.settings import Settings
from acd.site import LiveSite, Site


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
    statistics = QueueStatistics(live.site.settings.service.zone)
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
            menus=_menu_services(live, ports, dispatcher, incidents=incidents, far_end=far_end),
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

    _connect(dispatcher, switchboard, timers, writer)

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


def _connect(dispatcher: Dispatcher, switchboard: Switchboard, timers: Timers, writer: DeskWriter) -> None:
    """The engine's wishes, each to whoever carries it out."""
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


def _menu_services(
    live: LiveSite,
    ports: Ports,
    dispatcher: Dispatcher,
    *,
    incidents: IncidentBoard,
    far_end: Callable[[str, str], FarEnd | None],
) -> MenuServices:
    site = live.site
    return MenuServices(
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
            state=dispatcher.state,
            clock=ports.clock,
            zone=site.settings.service.zone,
            messages=ports.messages,
        ),
    )


def comments_folder(site: Site) -> Path:
    """Where Asterisk writes what callers say in surveys."""
    return site.settings.data_dir / "surveys"


def _limits(settings: Settings) -> Limits:
    overload = settings.overload
    return Limits(most_calls=overload.most_calls, most_lag=overload.most_lag_seconds, treatment=overload.treatment)
