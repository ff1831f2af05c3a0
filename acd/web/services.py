"""What the web layer is given. bootstrap fills it; tests fill it with fakes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from acd.domain.estimates import Outlook
from acd.domain.ids import CallId
from acd.service.dispatcher import Dispatcher
from acd.service.hotline import Hotline
from acd.service.incidents import IncidentBoard
from acd.service.ivr_figures import IvrFigures
from acd.service.monitors import Monitors
from acd.service.outgoing import Outgoing
from acd.service.ports import Clock, UserDirectory
from acd.service.screens import Screens
from acd.service.supervision import Supervision
from acd.settings import Settings
from acd.web.metrics import Metrics
from acd.web.record_access import RecordAccess
from ticketing.api import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class WebServices:
    """`readiness` gives the reasons why the service cannot do its work, none when it can. `why_waiting` is the
    engine's: one line per agent; raises UnknownCallError, UnknownQueueError. `outlook` likewise."""

    dispatcher: Dispatcher
    screens: Screens
    supervision: Supervision
    monitors: Monitors
    outgoing: Outgoing
    users: UserDirectory
    desk: Desk
    clock: Clock
    settings: Settings
    readiness: Callable[[], list[str]]
    why_waiting: Callable[[CallId], Sequence[str]]
    outlook: Callable[[CallId], Outlook]
    metrics: Metrics
    ivr_figures: IvrFigures
    records: RecordAccess
    hotline: Hotline
    incidents: IncidentBoard
    flow_names: Callable[[], Collection[str]] = frozenset  # that callers can be sent to


SERVICES: Final = web.AppKey("services", WebServices)
