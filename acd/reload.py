"""`guichet reload`: a changed site is read and checked whole, then taken over at once; a faulty one changes nothing.

Callers inside a menu finish it as they entered it. What cannot be changed in a running service (ports, database,
Asterisk) is told of, and left as it is until the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec
import structlog

from acd.adapters.lookups import HttpLookups, LookupService
from acd.adapters.prompts import PromptLibrary
from acd.domain.commands import Command, ConfigureQueues
from acd.domain.queue import QueuePolicy
from acd.secrets import read_secret_file
from acd.settings import LookupSettings, Settings
from acd.site import LiveSite, Site, load_site

log = structlog.get_logger(__name__)

_LIVE_SECTIONS = frozenset(
    {"numbers", "queues", "routing", "calendars", "lookups", "surveys", "catalogue", "flows", "outgoing", "people"}
    | {"recording"}
)


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload changed. `flows`: version of each flow that is new or changed. `needs_restart`: sections of the
    settings that changed but are used as they were. `kept_queues`: gone from the settings, kept for calls in them."""

    flows: dict[str, str]
    removed_flows: list[str]
    warnings: list[str]
    needs_restart: list[str]
    kept_queues: list[str]


class Reloader:
    """`read` reads the settings again; raises ConfigurationError."""

    def __init__(
        self,
        live: LiveSite,
        read: Callable[[], Settings],
        prompts: PromptLibrary,
        lookups: HttpLookups,
        submit: Callable[[Command], None],
    ) -> None:
        self._live = live
        self._read = read
        self._prompts = prompts
        self._lookups = lookups
        self._submit = submit
        self._one_at_a_time = asyncio.Lock()
        self._queues: dict[str, QueuePolicy] = {policy.name: policy for policy in live.site.queue_policies()}
        self._rules = live.site.routing_rules()

    async def reload(self) -> ReloadReport:
        """Raises ConfigurationError, PromptError, SecretError, LookupConfigurationError; nothing has changed then."""
        async with self._one_at_a_time:
            before = self._live.site
            site = load_site(await asyncio.to_thread(self._read))
            services = await asyncio.to_thread(lookup_services, site.settings.lookups)
            await self._prompts.prepare(site.prompts())
            self._lookups.configure(services)
            self._live.site = site
            kept = self._configure_queues(site)
            report = _report(before, site, kept)
            log.info("reloaded", flows=list(report.flows), needs_restart=report.needs_restart)
            return report

    def _configure_queues(self, site: Site) -> list[str]:
        wanted: dict[str, QueuePolicy] = {policy.name: policy for policy in site.queue_policies()}
        # A queue that is gone may still have callers, and a caller in an older menu may be led into it.
        kept = sorted(self._queues.keys() - wanted.keys())
        queues, rules = {**self._queues, **wanted}, site.routing_rules()
        if (queues, rules) != (self._queues, self._rules):
            self._submit(ConfigureQueues(queues=tuple(queues.values()), rules=rules))
        self._queues, self._rules = queues, rules
        return kept


def lookup_services(settings: Mapping[str, LookupSettings]) -> dict[str, LookupService]:
    """Raises SecretError."""
    return {
        name: LookupService(
            url=lookup.url,
            token=read_secret_file(lookup.token_file, f"lookups.{name}.token_file") if lookup.token_file else "",
            ca_file=lookup.ca_file,
        )
        for name, lookup in settings.items()
    }


def _report(before: Site, now: Site, kept_queues: list[str]) -> ReloadReport:
    versions = {name: flow.version for name, flow in before.flows.items()}
    sections = [name for name in type(now.settings).model_fields if name not in _LIVE_SECTIONS]
    return ReloadReport(
        flows={name: flow.version for name, flow in now.flows.items() if versions.get(name) != flow.version},
        removed_flows=sorted(before.flows.keys() - now.flows.keys()),
        warnings=[str(warning) for warning in now.warnings],
        needs_restart=[name for name in sections if getattr(before.settings, name) != getattr(now.settings, name)],
        kept_queues=kept_queues,
    )
