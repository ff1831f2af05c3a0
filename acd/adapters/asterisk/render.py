"""From settings and templates (`config/asterisk/*.j2`) to the text of Asterisk's configuration files. Pure.

Every value is checked before it stands in a line: in these files `;` starts a comment, `[` a section, `#` an
include that may run a command, `${` a variable. The settings come from people, but a slip must not become a rule.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from acd.adapters.asterisk import dialplan
from acd.adapters.asterisk.ami import EVENTS_LEFT_OUT
from acd.secrets import Secrets
from acd.settings import AsteriskSettings, Settings
from acd.shipped import shipped_config

PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8")
TONE_ZONES = {"FR": "fr", "GB": "uk", "US": "us"}
_UNSAFE = re.compile(r"[\x00-\x1f\x7f;\\`\"$|<>{}\[\]\u2028\u2029]|^[#\s]|\s$")
_HOST = re.compile(r"^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?){1,20}$")
_FALLBACK = re.compile(r"^[A-Za-z0-9_-]{1,40},[A-Za-z0-9*+_-]{1,40},[1-9][0-9]{0,3}$")
_CONTACT = re.compile(r"^sips?:(?:[A-Za-z0-9._+-]+@)?(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?$")
_SOUND_PATH = re.compile(r"^[\w./ +-]+$")


class RenderError(Exception):
    """A setting cannot stand in Asterisk's configuration; the text names it and says what is wanted."""

    error_id = "asterisk.settings"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where an Asterisk of our own keeps its things."""

    etc: Path
    lib: Path
    data: Path
    spool: Path
    run: Path
    log: Path
    modules: Path


@dataclass(frozen=True, slots=True)
class Layout:
    """What differs between our own Asterisk and one elsewhere.

    folders: None where the other Asterisk's own defaults hold. music: its folder of music on hold. sip_bind, ami_bind:
    addresses as Asterisk writes them. ami_permit: networks the manager port answers.
    """

    folders: Folders | None
    music: Path
    sip_bind: str
    ami_bind: str
    ami_permit: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    etc: Path | None = None  # where the other Asterisk finds these files, when not in /etc/asterisk


def layout_elsewhere(settings: Settings, etc: Path | None = None) -> Layout:
    """For an Asterisk in a container or on another machine of a private network, with Debian's usual folders.

    Its manager port listens on asterisk.ami.host and answers the machine that serves AGI: both are Guichet's.
    """
    asterisk = settings.asterisk
    manager = ipaddress.ip_address(asterisk.ami.host) if _is_address(asterisk.ami.host) else None
    guichet = asterisk.fastagi.advertised_host or asterisk.fastagi.host
    known = _is_address(guichet) and not ipaddress.ip_address(guichet).is_unspecified
    local = ("127.0.0.0/8", "::1/128")
    return Layout(
        folders=None,
        music=Path("/usr/share/asterisk/moh"),
        sip_bind=bracketed(asterisk.sip.host),
        ami_bind=str(manager or "0.0.0.0"),  # noqa: S104  (the permit lines say whom it answers)
        ami_permit=(guichet, *local) if known else (*PRIVATE_NETWORKS, "::1/128"),
        etc=etc,
    )


def bracketed(host: str) -> str:
    """An address as it stands before `:port`."""
    return f"[{host}]" if ":" in host else host


class _Verbatim(str):
    """Our own text that holds `${...}` on purpose."""

    __slots__ = ()


def render(
    settings: Settings,
    secrets: Secrets,
    layout: Layout,
    *,
    modules: tuple[str, ...],
    apology: str = "",
    extra_files: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """File name -> text of every file of Asterisk's configuration folder.

    `apology`: sound played before a caller without any service is let go, a path without ending, or "" for a
    built-in one; `busy` beside it is for those the service is too busy for. `extra_files` replace or add files
    (`extensions_local.conf`, `queues.conf`...).
    Raises RenderError.
    """
    values = _values(settings, secrets, layout, apology) | {"modules": modules}
    environment = _environment()
    names = sorted(name for name in environment.list_templates() if name.endswith(".conf.j2"))
    files = {name.removesuffix(".j2"): environment.get_template(name).render(values) for name in names}
    for name, text in (extra_files or {}).items():
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,60}\.conf", name):
            raise RenderError(f"{name!r} is no name of a configuration file (letters, digits, _ . -, ending in .conf)")
        files[name] = text
    return files


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(shipped_config() / "asterisk"),
        undefined=StrictUndefined,
        finalize=_checked,
        autoescape=False,  # noqa: S701  (no HTML here: `finalize` refuses what these files would misread)
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _checked(value: object) -> object:
    if isinstance(value, _Verbatim):
        return value
    text = str(value)
    if _UNSAFE.search(text):
        raise RenderError(f"{text!r} cannot stand in Asterisk's configuration: it has a character with a meaning there")
    return text


def _values(settings: Settings, secrets: Secrets, layout: Layout, apology: str) -> dict[str, object]:
    asterisk = settings.asterisk
    check(asterisk)
    if apology and not _SOUND_PATH.match(apology):
        raise RenderError(f"The path of the apology {apology!r} may have letters, digits, / . _ + - and spaces only")
    phones = [
        {
            "extension": extension,
            "endpoint": dialplan.phone_endpoint(extension),
            "password": secrets.phone_password(extension),
        }
        for extension in asterisk.agent_phones.extensions
    ]
    return {
        "asterisk": asterisk,
        "layout": layout,
        "secrets": secrets,
        "language": settings.service.language,
        "tone_zone": TONE_ZONES.get(settings.service.region, "fr"),
        "numbers": tuple(settings.numbers),
        "phones": phones,
        "private_networks": _behind_nat(asterisk.sip.external_address),
        "agi_url": agi_url(asterisk),
        "agi_arguments": _agi_arguments(secrets, dialplan.AGI_ARGUMENTS),
        "desk_url": agi_url(asterisk, dialplan.DESK_SCRIPT),
        "desk_arguments": _agi_arguments(secrets, dialplan.DESK_ARGUMENTS),
        "v": dialplan,
        "value_of": lambda name: _Verbatim("${" + name + "}"),
        "without_service_seconds": round(asterisk.fallback.without_service_seconds.total_seconds()),
        "fallback": asterisk.fallback.extension or "",
        "fallback_queue": asterisk.fallback.queue or "",
        "queues": _queues(settings),
        "apology": apology,
        "busy_announcement": str(Path(apology).with_name("busy")) if apology else "",
        "events_left_out": EVENTS_LEFT_OUT,
        "queue_log": settings.integrations.queue_log.enabled,
    }


def _queues(settings: Settings) -> list[dict[str, object]]:
    """Whole seconds, which is what app_queue takes."""
    return [
        {
            "name": name,
            "offer_seconds": max(1, round(queue.offer_time_seconds.total_seconds())),
            "wrap_up_seconds": round(queue.wrap_up_time_seconds.total_seconds()),
        }
        for name, queue in settings.queues.items()
    ]


def _behind_nat(external_address: str | None) -> tuple[str, ...]:
    """The networks Asterisk speaks to by its own address: not the one it is known in by `external_address`.

    In a container, that is the office's own network as soon as the phones are there.
    """
    if external_address is None or not _is_address(external_address):
        return PRIVATE_NETWORKS
    outside = ipaddress.ip_address(external_address)
    return tuple(network for network in PRIVATE_NETWORKS if outside not in ipaddress.ip_network(network))


def agi_url(asterisk: AsteriskSettings, script: str = dialplan.AGI_SCRIPT) -> str:
    """Where the dialplan finds the service, as AGI() wants it."""
    host = asterisk.fastagi.advertised_host or asterisk.fastagi.host
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  (compared, not bound)
    # `check` has seen to it that this is an address or a host name; brackets are what an IPv6 one needs.
    return _Verbatim(f"agi://{bracketed(host)}:{asterisk.fastagi.port}/{script}")


def _agi_arguments(secrets: Secrets, arguments: Sequence[tuple[str, str]]) -> _Verbatim:
    expressions = [expression for _name, expression in arguments]
    token = str(_checked(secrets.agi_token))
    return _Verbatim(",".join(token if expression == "@token@" else expression for expression in expressions))


def check(asterisk: AsteriskSettings) -> None:
    """Raise RenderError for the first setting that Asterisk could not use, by its name in the YAML."""
    _check_address("asterisk.sip.host", asterisk.sip.host)
    _check_rtp(asterisk)
    for name, host in (
        ("asterisk.fastagi.advertised_host", asterisk.fastagi.advertised_host),
        ("asterisk.fastagi.host", asterisk.fastagi.host),
        ("asterisk.sip.external_address", asterisk.sip.external_address),
    ):
        if host is not None and not _is_address(host) and not _HOST.match(host):
            raise RenderError(f"{name}: {host!r} is neither an address nor a host name")
    names = [trunk.name for trunk in asterisk.trunks]
    for position, trunk in enumerate(asterisk.trunks):
        where = f"asterisk.trunks[{position}]"
        if trunk.name.startswith("agent-") or trunk.name.startswith("guichet-") or names.count(trunk.name) > 1:
            raise RenderError(
                f"{where}.name: {trunk.name!r} is taken: choose another, not beginning with agent- or guichet-"
            )
        if trunk.name in {"global", "system"}:
            raise RenderError(f"{where}.name: {trunk.name!r} has a meaning of its own in pjsip.conf: choose another")
        for network in trunk.match:
            _check_network(f"{where}.match", network)
        if trunk.contact is not None and not _CONTACT.match(trunk.contact):
            raise RenderError(f"{where}.contact: {trunk.contact!r} is not like sip:carrier.example:5060")
    extension = asterisk.fallback.extension
    if extension is not None and not _FALLBACK.match(extension):
        raise RenderError(f"asterisk.fallback.extension: {extension!r} is not like context,extension,priority")


def _check_rtp(asterisk: AsteriskSettings) -> None:
    first, last = asterisk.sip.rtp_first_port, asterisk.sip.rtp_last_port
    if first < 1024 or last - first < 9:
        raise RenderError(
            f"asterisk.sip: RTP ports {first} to {last} are not enough: begin at 1024 or above and leave 10 at least"
            " (two per call leg)"
        )
    if first <= asterisk.sip.port <= last:
        raise RenderError(
            f"asterisk.sip.port: {asterisk.sip.port} is inside the RTP ports {first} to {last}: move one of them"
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_address(name: str, host: str) -> None:
    if not _is_address(host):
        raise RenderError(f"{name}: {host!r} is not an IP address of this machine (0.0.0.0 stands for all of them)")


def _check_network(name: str, network: str) -> None:
    try:
        found = ipaddress.ip_network(network, strict=False)
    except ValueError:
        raise RenderError(f"{name}: {network!r} is neither an address nor a network like 192.0.2.0/24") from None
    if found.prefixlen == 0:
        raise RenderError(f"{name}: {network!r} would make every stranger a carrier: name the carrier's own networks")
