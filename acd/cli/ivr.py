"""`guichet ivr try` and `guichet ivr graph`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from acd.adapters.clock import SystemClock
from acd.adapters.lookups import open_lookups
from acd.cli.failures import clear_failures
from acd.cli.ivr_traffic import span_of, traffic_in
from acd.domain.commands import Command
from acd.domain.ids import CallId
from acd.equipment import call_desk, prompts_of
from acd.reload import lookup_services
from acd.service.hotline_steps import site_of
from acd.service.identification import Identification
from acd.service.incidents import IncidentBoard
from acd.service.ports import Lookups
from acd.service.tasks import BackgroundTasks
from acd.settings import load_settings
from acd.site import Site, load_site
from ivr import graph as pictures
from ivr.errors import did_you_mean
from ivr.hand_over import (
    BookCallback,
    CallbackBooked,
    KeepMessage,
    MessageKept,
    MessageRecorded,
    RecordMessage,
    Transfer,
    TransferResult,
)
from ivr.interpreter import advance, begin
from ivr.model import (
    CallerFacts,
    CallerGone,
    Check,
    CheckResult,
    Collect,
    Digits,
    EnterQueue,
    HangUp,
    Identified,
    Identify,
    Input,
    Lookup,
    LookupResult,
    Play,
    Played,
    PromptRef,
    Session,
)
from ivr.schema import Flow
from ivr.self_service import (
    AnswerKept,
    AttachCaller,
    CallerAttached,
    FindIncident,
    IncidentFound,
    KeepAnswer,
    OpenRequest,
    RecordVoice,
    RequestOpened,
    VoiceRecorded,
)
from ticketing import api as ticketing

app = typer.Typer(help="Menus: walk through one, draw one.", no_args_is_help=True)

FlowName = Annotated[str, typer.Argument(help="Name of a flow, as written in its file.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="Site file; else $GUICHET_CONFIG.")]


class Format(StrEnum):
    SVG = "svg"
    MERMAID = "mermaid"


@app.command()
def graph(
    flow: FlowName,
    form: Annotated[Format, typer.Option("--format", help="svg or mermaid")] = Format.SVG,
    traffic: Annotated[
        str, typer.Option("--traffic", help="FROM..TO: arrows as thick as the traffic then: 2026-11-20..2026-11-21")
    ] = "",
    config: ConfigFile = None,
) -> None:
    """The flow as a picture, on standard output."""
    with clear_failures():
        site = load_site(load_settings(config))
        chosen = _flow_of(site, flow)
        taken = None
        if traffic:
            taken = asyncio.run(traffic_in(site, chosen, *span_of(traffic, site.settings.service.zone)))
    typer.echo(pictures.svg(chosen, taken) if form is Format.SVG else pictures.mermaid(chosen, taken), nl=False)


@app.command("try")
def try_flow(
    flow: FlowName,
    caller: Annotated[str, typer.Option("--as", help="Number of the caller, looked up in the desk.")] = "",
    at: Annotated[str, typer.Option("--at", help="Local time of the call: 2026-12-25T10:30")] = "",
    config: ConfigFile = None,
) -> None:
    """Walk through a menu with typed keys. An empty line is a caller who keys nothing, `h` one who hangs up.

    Lookups are really asked. Without --as nobody is looked up, and you say yourself whether a check passes.
    """
    with clear_failures():
        site = load_site(load_settings(config))
        chosen = _flow_of(site, flow)
        zone = site.settings.service.zone
        asyncio.run(_walk(site, chosen, caller, _instant(at, zone) if at else SystemClock().now()))


def _flow_of(site: Site, name: str) -> Flow:
    flow = site.flows.get(name)
    if flow is None:
        typer.echo(f"there is no flow `{name}`{did_you_mean(name, site.flows)}", err=True)
        raise typer.Exit(2)
    return flow


def _instant(text: str, zone: ZoneInfo) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=at.tzinfo or zone)
    except ValueError:
        raise typer.BadParameter(f"`{text}` is no time: write 2026-12-25T10:30", param_hint="--at") from None


async def _walk(site: Site, flow: Flow, number: str, at: datetime) -> None:
    async with AsyncExitStack() as stack:
        lookups = await stack.enter_async_context(open_lookups(lookup_services(site.settings.lookups)))
        identification, board = await _identified(stack, site, number) if number else (None, None)
        local = at.astimezone(site.settings.service.zone)
        typer.echo(f"flow {flow.name}, version {flow.version}, at {local:%A %Y-%m-%d %H:%M}")
        facts = CallerFacts(called_number=_number_of(site, flow), caller_number=number)
        session, step = begin(flow, facts, at)
        shown: dict[str, str | float | bool] = {}
        while True:
            shown = _show_changes(session, shown)
            match step:
                case EnterQueue():
                    _show_queue(step)
                    return
                case HangUp():
                    typer.echo(f"-> hang up ({step.reason})")
                    return
                case Identify():
                    known = identification.facts(at, site.settings.service.zone) if identification else {}
                    if board is not None and identification is not None:
                        incident = board.foremost(site_of(identification.caller), step.services)
                        known["active_major_incident"] = incident is not None
                    given: Input = Identified(known)
                case FindIncident():
                    given = await _incident_found(step, board, identification)
                case KeepAnswer() | RecordVoice() | OpenRequest():
                    given = _served(step)
                case AttachCaller():
                    typer.echo(f"   would be told when {step.incident_id} is over")
                    given = CallerAttached(True)
                case Lookup():
                    given = await _looked_up(step, lookups)
                case Check():
                    given = await _checked(step, identification, site)
                case Play() | Collect():
                    given = _asked(step)
                case Transfer():
                    given = _transferred(step, site)
                case RecordMessage() | KeepMessage() | BookCallback():
                    given = _handed_over(step)
            session, step = advance(session, given, at)


async def _identified(stack: AsyncExitStack, site: Site, number: str) -> tuple[Identification, IncidentBoard]:
    database = await stack.enter_async_context(await ticketing.open_database(site.settings.database_url))
    desk = await stack.enter_async_context(ticketing.open_desk(database, SystemClock().now))
    port = call_desk(lambda: site, desk)
    ignore: Callable[[Command], None] = lambda command: None  # noqa: E731  # nothing is recorded of a trial
    identification = Identification(port, port.classify(number, ""), CallId("call_trial"), ignore)
    await identification.find("")
    tasks = await stack.enter_async_context(BackgroundTasks())
    incidents = ticketing.SqlMajorIncidents(database)
    board = IncidentBoard(incidents, prompts_of(site), SystemClock(), tasks, site.settings.service.zone)
    await board.refresh()
    return identification, board


def _number_of(site: Site, flow: Flow) -> str:
    return next((number for number, entry in site.settings.numbers.items() if entry.flow == flow.name), "")


# what one sees ---------------------------------------------------------------------------------------------------


def _show_changes(session: Session, shown: dict[str, str | float | bool]) -> dict[str, str | float | bool]:
    now = session.known()
    for name, value in now.items():
        if value != "" and shown.get(name) != value:
            typer.echo(f"   {name} = {value}")
    return now


def _say(prompts: tuple[PromptRef, ...]) -> None:
    for prompt in prompts:
        recording = f" [{prompt.recording}]" if prompt.recording else ""
        typer.echo(f"[{prompt.language}]{recording} {prompt.text}")


def _asked(step: Play | Collect) -> Input:
    _say(step.prompts)
    if isinstance(step, Play):
        return Played()
    until = f", {step.terminator} ends" if step.terminator else ""
    try:
        typed = input(f"keys (at most {step.max_digits}{until}): ").strip()
    except EOFError:
        typer.echo()
        return CallerGone()
    if typed == "h":
        return CallerGone()
    digits, ending, _ = typed.partition(step.terminator) if step.terminator else (typed, "", "")
    ended, digits = bool(ending), digits[: step.max_digits]
    return Digits(digits, "complete" if ended or len(digits) == step.max_digits else "timeout")


async def _incident_found(
    step: FindIncident, board: IncidentBoard | None, identification: Identification | None
) -> IncidentFound:
    if board is None or identification is None:
        is_there = await asyncio.to_thread(typer.confirm, "does an active major incident concern the caller?")
        return IncidentFound("incident_trial", "Trial", can_be_told=True) if is_there else IncidentFound()
    incident = board.foremost(site_of(identification.caller), step.services)
    typer.echo(f"   major incident: {incident.title if incident else 'none'}")
    if incident is None:
        return IncidentFound()
    return IncidentFound(incident.id, incident.title, incident.sentences, board.expected(incident), can_be_told=True)


def _served(step: KeepAnswer | RecordVoice | OpenRequest) -> Input:
    """Nothing is kept of a trial."""
    match step:
        case KeepAnswer():
            typer.echo(f"   would keep {step.measure} = {step.value}")
            return AnswerKept()
        case RecordVoice():
            typer.echo(f"   would record for at most {step.limit.total_seconds():g} s")
            return VoiceRecorded(True)
        case OpenRequest():
            typer.echo(f"   would open a ticket for {step.item}, proof {step.proof}")
            return RequestOpened(True, "1000015")


async def _looked_up(step: Lookup, lookups: Lookups) -> LookupResult:
    typer.echo(f"   asks {step.service}: {step.path}")
    values = await lookups.ask(step.service, step.path, step.into, deadline=step.timeout, tries=step.tries)
    typer.echo(f"   {'answered' if values is not None else 'no good answer'}")
    return LookupResult(values is not None, values or {})


async def _checked(step: Check, identification: Identification | None, site: Site) -> CheckResult:
    what = f"check {step.kind}{'' if step.secret else f' {step.value}'}"
    if identification is None or step.kind != "ticket_of_caller":
        return CheckResult(await asyncio.to_thread(typer.confirm, f"{what}: does it pass?"))
    passes = await identification.is_their_ticket(step.value)
    typer.echo(f"   {what}: {'passes' if passes else 'does not pass'}")
    learnt = identification.ticket_attributes(site.settings.service.zone) if passes else {}
    return CheckResult(passes, attributes=learnt)


def _transferred(step: Transfer, site: Site) -> TransferResult:
    typer.echo(f"-> rings {step.to} for {step.timeout.total_seconds():g} s")
    if not site.outgoing.may_dial(step.to):
        typer.echo("   not allowed by `outgoing`")
        return TransferResult("failed")
    try:
        typed = input("what comes of it (done, busy, no_answer, failed): ").strip()
    except EOFError:
        typed = ""
    return TransferResult(_RESULTS.get(typed, "failed"))


def _handed_over(step: RecordMessage | KeepMessage | BookCallback) -> Input:
    """In a trial nothing is recorded and nobody called back: it is said that it was."""
    match step:
        case RecordMessage():
            typer.echo(f"-> beep, records a message for {step.queue}, {step.limit.total_seconds():g} s at most")
            return MessageRecorded(True)
        case KeepMessage():
            typer.echo(f"-> the message is kept for {step.queue}")
            return MessageKept(True)
    typer.echo(f"-> callback for queue {step.queue or 'they wait in'}, at {step.at or 'their turn'}")
    return CallbackBooked(True)


_RESULTS: dict[str, Literal["done", "busy", "no_answer", "failed"]] = {
    "done": "done",
    "busy": "busy",
    "no_answer": "no_answer",
}


def _show_queue(step: EnterQueue) -> None:
    typer.echo(f"-> queue {step.queue}, language {step.language}")
    if step.priority is not None:
        typer.echo(f"   priority {step.priority}")
    for skill, level in step.skills.items():
        typer.echo(f"   skill {skill} >= {level}")
