"""Settings: frozen, checked whole, every problem named with file and line.

Layers, later ones win: `config/defaults.yaml` <- the site file <- `GUICHET_*` environment variables
(`GUICHET_HTTP__PORT=8081` sets `http.port`). Secrets never stand in YAML: see `acd.secrets`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from acd.callback_settings import OutgoingSettings
from acd.hotline_settings import CatalogueItemSettings, SurveySettings, SurveysSettings
from acd.people_settings import PeopleSettings
from acd.queue_settings import QueueSettings, RoutingSettings
from acd.record_settings import IntegrationSettings, RecordingSettings
from acd.routing_site import check_routing, refuse_what_has_moved
from acd.secrets import read_secret_file
from acd.setting_types import Language, MenuName, Name, Seconds, Section
from acd.shipped import shipped_config
from ivr.calendar import Calendar
from ivr.errors import ConfigurationError, Problem, did_you_mean
from ivr.source import Source, load, merge

Port = Annotated[int, Field(ge=1, le=65535)]


Extension = Annotated[str, Field(pattern=r"^[0-9]{2,8}$")]


class ServiceSettings(Section):
    node: Name
    data_dir: Path | None = None  # None: the user's data directory (see `Settings.data_dir`)
    region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    language: Language
    time_zone: str  # whose days and hours callers are told
    log_format: Literal["console", "json"]

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"unknown time zone `{name}` (write one such as Europe/Paris)") from None
        return name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class HttpSettings(Section):
    host: str
    port: Port
    session_time_seconds: Seconds
    secure_cookies: bool


class DatabaseSettings(Section):
    url: str | None = None  # None: SQLite in the data directory
    password_file: Path | None = None  # its content is put into `url`: passwords stand in no YAML and no environment

    @model_validator(mode="after")
    def _for_a_url(self) -> DatabaseSettings:
        if self.password_file is not None and "@" not in (self.url or ""):
            raise ValueError("password_file goes with a url that names a user: postgresql://guichet@host/guichet")
        return self


class JournalSettings(Section):
    on_disk: bool  # False: nothing outlasts the process but what callers' channels carry
    folder: Path | None = None  # None: `journal` in the data directory (see `Settings.journal_folder`)
    keep_hours: Annotated[float, Field(ge=0, le=24 * 366)]  # of events, for replay; a restart needs minutes
    most_megabytes: Annotated[int, Field(ge=64, le=1_000_000)]
    redis_url: str | None = None  # every event on a stream besides


class AmiSettings(Section):
    host: str
    port: Port
    username: Name
    deadline_seconds: Seconds
    ping_seconds: Seconds


class FastAgiSettings(Section):
    host: str  # where this node listens
    port: Port
    advertised_host: str | None = None  # where Asterisk finds it, when not the same


class SipSettings(Section):
    host: str
    port: Port
    rtp_first_port: Port
    rtp_last_port: Port
    external_address: str | None = None  # for an Asterisk behind NAT


class TrunkSettings(Section):
    name: Name
    match: tuple[str, ...]  # addresses or networks the carrier sends from
    contact: str | None = None  # "sip:carrier.example:5060", for outgoing calls
    qualify_seconds: Seconds = timedelta(seconds=60)  # how often the contact is asked whether it is there; 0: never


class AgentPhonesSettings(Section):
    first_extension: Extension
    last_extension: Extension

    @model_validator(mode="after")
    def _in_order(self) -> AgentPhonesSettings:
        count = int(self.last_extension) - int(self.first_extension)
        if len(self.first_extension) != len(self.last_extension) or not 0 <= count < 5000:
            raise ValueError("last_extension must follow first_extension, with as many digits, 5000 phones at most")
        return self

    @property
    def extensions(self) -> tuple[str, ...]:
        return tuple(str(n) for n in range(int(self.first_extension), int(self.last_extension) + 1))


class FallbackSettings(Section):
    without_service_seconds: Seconds
    extension: str | None = None  # "context,extension,priority" of a plain fallback, else apology and hang-up
    queue: Name | None = None  # for callers who have none yet: all go to Asterisk's own queues then

    @model_validator(mode="after")
    def _one_of_them(self) -> FallbackSettings:
        if self.extension is not None and self.queue is not None:
            raise ValueError("give `extension` or `queue`, not both")
        return self


class AsteriskSettings(Section):
    system_name: Name
    ami: AmiSettings
    fastagi: FastAgiSettings
    sip: SipSettings
    trunks: tuple[TrunkSettings, ...]
    agent_phones: AgentPhonesSettings
    fallback: FallbackSettings
    music_class: Name


class VoiceSettings(Section):
    voice: str
    words_per_minute: Annotated[int, Field(ge=80, le=300)]


class OverloadSettings(Section):
    """Above it new callers are not let in."""

    most_calls: Annotated[int, Field(ge=1)] | None = None  # inside at once
    most_lag_seconds: Seconds | None = None  # of the event loop, for a second on end
    treatment: Literal["announcement", "fallback"]


class PromptSettings(Section):
    engine: tuple[str, ...]  # command template: {voice} {wpm} {output}; the text comes on standard input
    voices: Mapping[Language, VoiceSettings]
    recordings: Path | None = None
    apology: Mapping[Language, str]  # before a caller is let go because no service answers
    busy: Mapping[Language, str]  # before a caller is let go because the service has too many


class NumberSettings(Section):
    """What happens to a called number. `survey`: in place of the queue's."""

    flow: Name
    label: str = ""
    language: Language | None = None
    survey: SurveySettings | None = None


class LookupSettings(Section):
    """An HTTP service that menus may ask. A flow names it and a path; where it is stands here."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=500)]  # no secrets in it
    token_file: Path | None = None  # sent as `Authorization: Bearer ...`
    ca_file: Path | None = None  # of a certificate authority of one's own


class Settings(Section):
    service: ServiceSettings
    http: HttpSettings
    database: DatabaseSettings
    journal: JournalSettings
    asterisk: AsteriskSettings
    prompts: PromptSettings
    overload: OverloadSettings
    numbers: Mapping[Annotated[str, Field(pattern=r"^\+?[0-9]{1,18}$")], NumberSettings]
    queues: Mapping[Name, QueueSettings]
    routing: RoutingSettings = RoutingSettings()
    people: PeopleSettings = PeopleSettings()
    outgoing: OutgoingSettings = OutgoingSettings()
    calendars: Mapping[MenuName, Calendar] = {}
    lookups: Mapping[MenuName, LookupSettings] = {}
    surveys: SurveysSettings = SurveysSettings()
    catalogue: Mapping[MenuName, CatalogueItemSettings] = {}
    recording: RecordingSettings = RecordingSettings()
    integrations: IntegrationSettings = IntegrationSettings()
    flows: tuple[Path, ...] = ()  # IVR files besides the shipped ones, beside the site file

    @field_validator("numbers", "queues", "calendars", "lookups", "catalogue", mode="before")
    @classmethod
    def _without_the_dropped(cls, value: object) -> object:
        """`"100": null` in a site file takes a shipped number (or queue) away."""
        return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _fallback_queue_exists(self) -> Settings:
        queue = self.asterisk.fallback.queue
        if queue is not None and queue not in self.queues:
            raise ValueError(f"asterisk.fallback.queue: there is no queue `{queue}`")
        return self

    @property
    def data_dir(self) -> Path:
        """Where Guichet keeps what it owns: database, prompts, secrets, Asterisk's rendered configuration."""
        if self.service.data_dir is not None:
            return self.service.data_dir.expanduser()
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
        return Path(base).expanduser() / "guichet"

    @property
    def journal_folder(self) -> Path:
        return self.journal.folder.expanduser() if self.journal.folder else self.data_dir / "journal"

    @property
    def cache_dir(self) -> Path:
        """What can be made again: prompts, a prepared Asterisk. Shared by all installations of a user."""
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "guichet"

    @property
    def database_url(self) -> str:
        """With the password where there is one: never log it. Raises `acd.secrets.SecretError`."""
        if self.database.url is None:
            return f"sqlite:///{self.data_dir / 'guichet.db'}"
        if self.database.password_file is None:
            return self.database.url
        password = read_secret_file(self.database.password_file, "database.password_file")
        scheme, separator, rest = self.database.url.partition("://")
        user, _, place = rest.partition("@")
        return f"{scheme}{separator}{user.partition(':')[0]}:{quote(password, safe='')}@{place}"

    @property
    def recordings_dir(self) -> Path:
        return self.recording.folder or self.data_dir / "recordings"

    @property
    def flow_files(self) -> tuple[Path, ...]:
        return (*sorted((shipped_config() / "ivr").glob("*.yaml")), *self.flows)


def _environment_layer(environment: Mapping[str, str]) -> Source:
    data: dict[str, object] = {}
    for key, value in environment.items():
        if not key.startswith("GUICHET_") or "__" not in key:
            continue  # GUICHET_CONFIG and the secrets have no section and are read elsewhere
        *sections, last = key.removeprefix("GUICHET_").lower().split("__")
        target = data
        for section in sections:
            child = target.setdefault(section, {})
            if not isinstance(child, dict):
                raise ConfigurationError((Problem("environment", 0, 0, key, "is set beside a part of itself"),))
            target = child
        target[last] = value
    return Source.of_data(data, "environment ({path})")


def load_settings(
    site_file: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Read all layers and return checked settings.

    `overrides` is a last, innermost layer for the command line and tests (nested mapping).
    Raises `ivr.source.ConfigurationError` with every problem as file:line:column.
    """
    environment = os.environ if environment is None else environment
    defaults = shipped_config() / "defaults.yaml"
    layers = [load(defaults.read_text("utf-8"), str(defaults))]
    chosen = site_file or (Path(environment["GUICHET_CONFIG"]) if environment.get("GUICHET_CONFIG") else None)
    if chosen is not None:
        try:
            text = chosen.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError((Problem(str(chosen), 0, 0, "", f"cannot be read: {error}"),)) from error
        layers.append(load(text, str(chosen)))
    layers.append(_environment_layer(environment))
    if overrides:
        layers.append(Source.of_data(dict(overrides), "command line"))
    source = merge(layers, whole=("calendars",))  # half a calendar of each would be neither
    refuse_what_has_moved(source)
    settings = source.validate(Settings)
    checked = check_routing(settings.queues, settings.routing, settings.calendars, source)
    if problems := (*checked, *_outgoing(settings, source)):
        raise ConfigurationError(problems)
    return settings if chosen is None else _beside(chosen.absolute().parent, settings)


def _outgoing(settings: Settings, source: Source) -> Iterator[Problem]:
    trunk = settings.outgoing.trunk
    known = {each.name: each for each in settings.asterisk.trunks}
    if trunk is None:
        return
    if trunk not in known:
        yield source.problem(("outgoing", "trunk"), f"there is no trunk `{trunk}`{did_you_mean(trunk, known)}")
    elif known[trunk].contact is None:
        yield source.problem(("outgoing", "trunk"), f"the trunk `{trunk}` has no `contact`: nobody can be called by it")


def _beside(folder: Path, settings: Settings) -> Settings:
    """Paths in a site file are meant from where it stands."""
    recordings = settings.prompts.recordings
    prompts = settings.prompts.model_copy(update={"recordings": recordings and folder / recordings.expanduser()})
    flows = tuple(folder / path.expanduser() for path in settings.flows)
    lookups = {name: _lookup_beside(folder, lookup) for name, lookup in settings.lookups.items()}
    beside = {"flows": flows, "prompts": prompts, "lookups": lookups}
    return settings.model_copy(update=beside | _records_beside(folder, settings))


def _records_beside(folder: Path, settings: Settings) -> dict[str, object]:
    shelf = settings.recording.folder
    hooks = {
        name: hook.model_copy(
            update={
                "secret_file": folder / hook.secret_file.expanduser(),
                "ca_file": hook.ca_file and folder / hook.ca_file.expanduser(),
            }
        )
        for name, hook in settings.integrations.webhooks.items()
    }
    return {
        "integrations": settings.integrations.model_copy(update={"webhooks": hooks}),
        "recording": settings.recording.model_copy(update={"folder": shelf and folder / shelf.expanduser()}),
    }


def _lookup_beside(folder: Path, lookup: LookupSettings) -> LookupSettings:
    files = {"token_file": lookup.token_file, "ca_file": lookup.ca_file}
    return lookup.model_copy(update={name: file and folder / file.expanduser() for name, file in files.items()})
