"""Wiring of what keeps the service up and says how it is: fallback queues, limits, health, looks at the switch."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Iterable
from datetime import timedelta

import structlog

from acd.adapters.asterisk.ami import AmiError
from acd.adapters.asterisk.fallback import AsteriskFallbackQueues
from acd.adapters.asterisk.telephony import AsteriskTelephony
from acd.adapters.clock import SystemClock
from acd.adapters.prompts import PromptLibrary
from acd.domain.call import CallStage
from acd.service.dispatcher import Dispatcher
from acd.service.fallback import Fallback
from acd.service.health import Health
from acd.service.ports import TelephonyError
from acd.service.screens import Screens
from acd.service.switchboard import Switchboard
from acd.service.tasks import BackgroundTasks
from acd.settings import Settings
from acd.web.metrics import Metrics
from acd.web.stability_metrics import watch_stability
from ivr.model import PromptRef

log = structlog.get_logger(__name__)

LOOK_AGAIN = timedelta(seconds=30)
MEND_PROMPTS = timedelta(seconds=60)
MOST_FILES = 65_536


def keep_fallback(
    settings: Settings,
    dispatcher: Dispatcher,
    switchboard: Switchboard,
    telephony: AsteriskTelephony,
    tasks: BackgroundTasks,
) -> Fallback | None:
    """Asterisk's own queues are ready for the time without this service, where the site wants them. What the dialplan
    keeps of calls that were served, or ended, without this service is forgotten once it is accounted for."""
    queues = AsteriskFallbackQueues(telephony.link)

    async def forget(linkedid: str) -> None:
        try:
            await queues.forget(linkedid)
        except TelephonyError as error:
            log.warning("fallback_account_kept", error=str(error))  # told again after the next connection

    def forget_soon(linkedid: str) -> None:
        tasks.start(forget(linkedid), "forget_served")

    switchboard.served_elsewhere.forget = forget_soon
    if settings.asterisk.fallback.queue is None:
        return None
    fallback = Fallback(queues, dispatcher.state)
    dispatcher.add_listener(fallback.hear)
    switchboard.on_live_channels = fallback.connected
    tasks.start(fallback.run(), "fallback_queues")
    return fallback


def watch_over(
    *,
    dispatcher: Dispatcher,
    switchboard: Switchboard,
    screens: Screens,
    telephony: AsteriskTelephony,
    clock: SystemClock,
    metrics: Metrics,
    fallback: Fallback | None,
    troubles: Callable[[], list[str]],
    tasks: BackgroundTasks,
) -> None:
    """Begin to measure, to tell supervisors, and to look after calls that nobody holds."""
    health = Health(switchboard.admission, troubles)
    screens.health = health.view
    watch_stability(metrics.registry, switchboard.admission, switchboard.reconciliation, fallback)
    metrics.watch_clock(clock.seconds_behind)
    tasks.start(switchboard.admission.lag.measure(), "loop_lag")
    tasks.start(health.tell(screens), "health")
    tasks.start(look_after_calls(dispatcher, telephony, fallback, switchboard), "look_after_calls")


async def look_after_calls(
    dispatcher: Dispatcher, telephony: AsteriskTelephony, fallback: Fallback | None, switchboard: Switchboard
) -> None:
    """Calls that no session holds are known to end by AMI alone: an event that was lost must not keep one for ever.
    And callers whom overload sent to the fallback queues come back when there is room."""
    shed = 0
    while True:
        await asyncio.sleep(LOOK_AGAIN.total_seconds())
        live = [call for call in dispatcher.state.calls.values() if call.stage is not CallStage.ENDED]
        if telephony.link.is_ready and any(not call.is_controlled for call in live):
            try:
                await telephony.look()
            except AmiError as error:
                log.warning("switch_not_looked_at", error=str(error))
        admission = switchboard.admission
        if fallback is not None and admission.shed.total() != shed and admission.obstacle is None:
            shed = admission.shed.total()
            fallback.connected()


async def mend_prompts(prompts: PromptLibrary, wanted: Callable[[], Iterable[PromptRef]]) -> None:
    """Until the synthesiser is there again: prompts that were replaced by a recording get their own words."""
    while prompts.trouble is not None:
        await asyncio.sleep(MEND_PROMPTS.total_seconds())
        await prompts.prepare_or_stand_in(wanted())


def allow_many_sockets() -> None:
    """As many open files as this user may have: a screen, a caller and a port scanner cost one each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
