"""Other programs that are told what happens here, built: webhooks, Asterisk's queue_log, UserEvents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from acd.adapters.asterisk.ami import AmiLink
from acd.adapters.asterisk.dialplan import phone_endpoint
from acd.adapters.asterisk.reports import AmiReports
from acd.adapters.store.records import SqlWebhookOutbox
from acd.adapters.webhooks import open_webhook_transport
from acd.domain.agent import AgentProfile
from acd.domain.events import Event
from acd.domain.outside_events import OutsideEvent, outside_event
from acd.domain.queue_log import QueueLogLine, QueueLogTranslator
from acd.record_settings import IntegrationSettings, WebhookSettings
from acd.secrets import SecretError, read_secret_file
from acd.service.dispatcher import Dispatcher
from acd.service.ports import Clock
from acd.service.relay import Relay
from acd.service.reports import SwitchReports
from acd.service.tasks import BackgroundTasks
from acd.service.webhooks import Webhooks, WebhookTarget
from ticketing.api import Database

log = structlog.get_logger(__name__)

SHORTEST_SECRET = 16
DRAIN_LIMIT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrations:
    webhooks: Webhooks
    queue_log: Relay[QueueLogLine] | None
    user_events: Relay[OutsideEvent] | None


def targets_of(settings: IntegrationSettings) -> list[WebhookTarget]:
    """Raises SecretError."""
    return [_target(name, hook) for name, hook in settings.webhooks.items()]


def _target(name: str, hook: WebhookSettings) -> WebhookTarget:
    named_by = f"integrations.webhooks.{name}.secret_file"
    secret = read_secret_file(hook.secret_file, named_by)
    if len(secret) < SHORTEST_SECRET:
        raise SecretError(f"{named_by}: a secret has at least {SHORTEST_SECRET} characters")
    return WebhookTarget(
        name=name,
        url=hook.url,
        secret=secret,
        events=hook.events,
        with_personal=hook.caller_numbers,
        timeout=hook.timeout_seconds,
        keep=timedelta(days=hook.keep_days),
        most_pending=hook.most_pending,
        ca_file=hook.ca_file,
    )


def agent_name(agents_as: str) -> Callable[[AgentProfile], str]:
    """How agents are called in queue_log."""
    if agents_as == "name":
        return lambda profile: profile.name
    return lambda profile: f"PJSIP/{phone_endpoint(profile.extension)}"


def listen_for_queue_log(
    dispatcher: Dispatcher, reports: SwitchReports, name_of: Callable[[AgentProfile], str]
) -> Relay[QueueLogLine]:
    """Agents and queues known already are told to the translator, and not to the file."""
    translator = QueueLogTranslator(name_of)
    translator.take_up(dispatcher.state)
    relay = Relay("queue_log", reports.write_queue_log)
    dispatcher.add_listener(lambda events: relay.put(translator.lines(events)))
    return relay


def listen_for_user_events(dispatcher: Dispatcher, reports: SwitchReports) -> Relay[OutsideEvent]:
    relay = Relay("user_events", reports.send_user_event)

    def hear(events: Sequence[Event]) -> None:
        relay.put(told for event in events if (told := outside_event(event)) is not None)

    dispatcher.add_listener(hear)
    return relay


@asynccontextmanager
async def open_integrations(
    settings: IntegrationSettings,
    *,
    dispatcher: Dispatcher,
    database: Database,
    link: AmiLink,
    clock: Clock,
    tasks: BackgroundTasks,
) -> AsyncIterator[Integrations]:
    """At the end, what is owed to webhooks is in the outbox. Raises SecretError, WebhookConfigurationError."""
    targets = await asyncio.to_thread(targets_of, settings)
    reports = AmiReports(link)
    queue_log = user_events = None
    if settings.queue_log.enabled:
        queue_log = listen_for_queue_log(dispatcher, reports, agent_name(settings.queue_log.agents_as))
        tasks.start(queue_log.run(), "queue_log")
    if settings.user_events.enabled:
        user_events = listen_for_user_events(dispatcher, reports)
        tasks.start(user_events.run(), "user_events")
    async with open_webhook_transport(targets) as transport:
        webhooks = Webhooks(targets, SqlWebhookOutbox(database), transport, clock)
        if targets:
            dispatcher.add_listener(webhooks.hear)
            tasks.start(webhooks.run(), "webhooks")
        try:
            yield Integrations(webhooks=webhooks, queue_log=queue_log, user_events=user_events)
        finally:
            try:
                async with asyncio.timeout(DRAIN_LIMIT.total_seconds()):
                    await webhooks.drain()
            except TimeoutError:
                log.critical("webhook_events_lost")
