"""What was: calls with their segments and recordings, agents' days; and the recording of the call at hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from aiohttp import web

from acd.domain import commands as cmd
from acd.domain.ids import AgentId, CallId, QueueName, RecordingId, call_id_of
from acd.domain.segments import AgentSegment, Segment, segments_of_instants
from acd.service.records import Recording, RecordingState, ShelfError
from acd.service.views import AgentView
from acd.web import agents
from acd.web.endpoint import AGENTS, SUPERVISORS, Exchange, Input, NoBody, Parameter, endpoint
from acd.web.errors import ApiError
from ticketing.api import Interaction

_CALL = Parameter("call_id", "path", "The call's id, as in /api/v1/calls", r"^call_[A-Za-z0-9_.-]{1,195}$")
_AGENT = Parameter("agent_id", "path", "The agent's id, as in /api/v1/agents", r"^agent_[a-z0-9][a-z0-9._-]{0,39}$")
_RECORDING = Parameter("recording_id", "path", "The recording's id", r"^rec_[A-Za-z0-9_.-]{1,205}$")
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})$"
_SINCE = Parameter("since", "query", "An instant; a day ago without it", _INSTANT, is_required=False)
_UNTIL = Parameter("until", "query", "An instant; now without it", _INSTANT, is_required=False)
_DAY = timedelta(days=1)
_LONGEST = timedelta(days=31)
_MOST_CALLS = 200


class SegmentView(msgspec.Struct, frozen=True, kw_only=True):
    """`ends_at` and `seconds` are null for what is under way."""

    kind: str
    begins_at: datetime
    ends_at: datetime | None
    seconds: float | None
    queue: str | None
    agent_id: str | None


class RecordingView(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: recording, done, missing, deleted. `name`: the file's, below the recordings' folder."""

    recording_id: str
    call_id: str
    state: str
    mode: str
    name: str
    queue: str
    agent_id: str | None
    started_at: datetime
    ended_at: datetime | None
    size: int | None
    seconds: float | None
    sha256: str
    is_paused: bool
    deleted_at: datetime | None
    problem: str


class InteractionView(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    started_at: datetime | None
    ended_at: datetime | None
    queue: str | None
    agent_id: str | None
    number: str | None
    caller_name: str | None
    result: str | None
    reason: str | None
    wait_seconds: float | None
    talk_seconds: float
    wrap_up_code: str | None
    ticket_number: str | None


class InteractionDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A call with all that is known of it. `is_over`: nothing will be added to its segments."""

    interaction: InteractionView
    segments: list[SegmentView]
    recordings: list[RecordingView]
    is_over: bool


class AgentSegmentView(msgspec.Struct, frozen=True, kw_only=True):
    """`activity`: what kind of talk, where it is not a plain one."""

    state: str
    reason: str
    activity: str
    call_id: str | None
    shift_at: datetime
    begins_at: datetime
    ends_at: datetime | None
    seconds: float | None


class RecordingInput(Input, frozen=True, kw_only=True):
    action: Literal["start", "pause", "resume", "stop"]


@endpoint(
    "GET",
    "/api/v1/interactions",
    summary="Calls of a time, newest first",
    body=NoBody,
    answer=list[InteractionView],
    access=SUPERVISORS,
    parameters=(_SINCE,),
)
async def list_interactions(exchange: Exchange[NoBody]) -> list[InteractionView]:
    since, _ = _span(exchange)
    found = await exchange.services.desk.interactions_since(since, limit=10 * _MOST_CALLS)
    return [_interaction(each) for each in reversed(found[-_MOST_CALLS:])]


@endpoint(
    "GET",
    "/api/v1/interactions/{call_id}",
    summary="A call with its segments and recordings",
    body=NoBody,
    answer=InteractionDetail,
    access=SUPERVISORS,
    parameters=(_CALL,),
    errors={404: "Nothing is known of this call"},
)
async def show_interaction(exchange: Exchange[NoBody]) -> InteractionDetail:
    call_id = CallId(exchange.request.match_info["call_id"])
    interaction = await _known(exchange, call_id)
    segments, is_over = await _segments(exchange, call_id, interaction)
    recordings = await exchange.services.records.store.of_call(call_id)
    return InteractionDetail(
        interaction=_interaction(interaction),
        segments=[_segment(each) for each in segments],
        recordings=[_recording(each) for each in recordings],
        is_over=is_over,
    )


@endpoint(
    "GET",
    "/api/v1/interactions/{call_id}/segments",
    summary="What every second of a call was spent on",
    body=NoBody,
    answer=list[SegmentView],
    access=SUPERVISORS,
    parameters=(_CALL,),
    errors={404: "Nothing is known of this call"},
)
async def show_segments(exchange: Exchange[NoBody]) -> list[SegmentView]:
    call_id = CallId(exchange.request.match_info["call_id"])
    timeline = exchange.services.records.book.timeline(call_id)
    interaction = None if timeline else await _known(exchange, call_id)
    segments, _ = await _segments(exchange, call_id, interaction)
    return [_segment(each) for each in segments]


@endpoint(
    "GET",
    "/api/v1/recordings/{recording_id}",
    summary="A recording: file name, length, checksum",
    body=NoBody,
    answer=RecordingView,
    access=SUPERVISORS,
    parameters=(_RECORDING,),
    errors={404: "There is no such recording"},
)
async def show_recording(exchange: Exchange[NoBody]) -> RecordingView:
    return _recording(await _find(exchange))


@endpoint(
    "GET",
    "/api/v1/recordings/{recording_id}/audio",
    summary="Hear a recording; ranges can be asked for. Who heard it is written to the audit log",
    body=NoBody,
    answer=bytes,
    access=SUPERVISORS,
    parameters=(_RECORDING,),
    errors={
        206: "The part that was asked for",
        404: "There is no such recording",
        410: "Its file has been deleted, or is not there",
        409: "It is not over yet",
        416: "The recording has no such part",
    },
)
async def play_recording(exchange: Exchange[NoBody]) -> web.StreamResponse:
    recording = await _find(exchange)
    if recording.state is RecordingState.RECORDING:
        raise ApiError(409, "recording.under_way", "This call is still being recorded.")
    records = exchange.services.records
    try:
        path = records.path_of(recording.name)
    except ShelfError as error:
        raise ApiError(410, error.error_id, "The recording's file cannot be reached.") from error
    if recording.state is not RecordingState.DONE or not path.is_file():
        raise ApiError(410, "recording.gone", "The recording's file is not there any more.")
    if _is_first_part(exchange.request):  # a player asks for one part after the other: that is one listening
        await records.note_listening(exchange.session.user.login, recording)
    headers = {"Content-Type": "audio/wav", "Content-Disposition": f'inline; filename="{path.name}"'}
    return web.FileResponse(path, headers=headers)


@endpoint(
    "GET",
    "/api/v1/agents/{agent_id}/segments",
    summary="What an agent's time was spent on: a shift from log-in to log-out, state by state",
    body=NoBody,
    answer=list[AgentSegmentView],
    access=SUPERVISORS,
    parameters=(_AGENT, _SINCE, _UNTIL),
)
async def show_agent_segments(exchange: Exchange[NoBody]) -> list[AgentSegmentView]:
    since, until = _span(exchange)
    agent_id = AgentId(exchange.request.match_info["agent_id"])
    found = await exchange.services.records.segments.of_agent(agent_id, since, until)
    return [_agent_segment(each) for each in found]


@endpoint(
    "POST",
    "/api/v1/agents/me/recording",
    summary="Start, pause, resume or stop the recording of one's call. What has come about is told by the feed",
    body=RecordingInput,
    answer=AgentView,
    access=AGENTS,
    errors={409: "Nobody is talked with, nothing is recorded, or the queue does not allow it"},
)
async def see_to_recording(exchange: Exchange[RecordingInput]) -> AgentView:
    agent_id = exchange.session.agent_id
    commands: dict[str, cmd.Command] = {
        "start": cmd.StartRecording(agent_id=agent_id),
        "pause": cmd.PauseRecording(agent_id=agent_id),
        "resume": cmd.ResumeRecording(agent_id=agent_id),
        "stop": cmd.StopRecording(agent_id=agent_id),
    }
    agents.be_logged_in(exchange.services, exchange.session)
    exchange.services.dispatcher.order(commands[exchange.body.action])
    return agents.view_of(exchange.services, exchange.session)


# what they have in common --------------------------------------------------------------------------------------


async def _known(exchange: Exchange[NoBody], call_id: CallId) -> Interaction:
    found = await exchange.services.desk.interaction(call_id.removeprefix("call_"))
    if found is None:
        raise ApiError(404, "interaction.not_found", "Nothing is known of this call.")
    return found


async def _segments(
    exchange: Exchange[NoBody], call_id: CallId, interaction: Interaction | None
) -> tuple[tuple[Segment, ...], bool]:
    """Of a call under way as they stand, of one that is over as written; of one whose service died with them, what
    the interaction's own instants tell."""
    records = exchange.services.records
    if (timeline := records.book.timeline(call_id)) is not None:
        return timeline.segments, timeline.is_over
    if written := await records.segments.of_call(call_id):
        return written, True
    if interaction is None or interaction.started_at is None:
        return (), True
    segments = segments_of_instants(
        started_at=interaction.started_at,
        queued_at=interaction.queued_at,
        offered_at=interaction.offered_at,
        answered_at=interaction.answered_at,
        talk_ended_at=interaction.talk_ended_at,
        ended_at=interaction.ended_at,
        queue=QueueName(interaction.queue) if interaction.queue else None,
        agent_id=AgentId(interaction.agent_id) if interaction.agent_id else None,
    )
    return segments, interaction.ended_at is not None


async def _find(exchange: Exchange[NoBody]) -> Recording:
    recording_id = RecordingId(exchange.request.match_info["recording_id"])
    found = await exchange.services.records.store.find(recording_id)
    if found is None:
        raise ApiError(404, "recording.not_found", "There is no such recording.")
    return found


def _is_first_part(request: web.Request) -> bool:
    """Whether the beginning is asked for, or anything in a form nobody foresaw."""
    wanted = request.headers.get("Range", "")
    return not wanted.startswith("bytes=") or wanted.startswith("bytes=0-") or "," in wanted


def _span(exchange: Exchange[NoBody]) -> tuple[datetime, datetime]:
    """From `since` to `until`. Raises ApiError 400."""
    query = exchange.request.query
    until = _instant(query["until"]) if "until" in query else exchange.services.clock.now()
    since = _instant(query["since"]) if "since" in query else until - _DAY
    if not timedelta() <= until - since <= _LONGEST:
        raise ApiError(400, "parameter.invalid", "since: at most 31 days before `until`, and not after it")
    return since, until


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ApiError(400, "parameter.invalid", "since, until: there is no such instant") from None


def _seconds(begins_at: datetime, ends_at: datetime | None) -> float | None:
    return None if ends_at is None else (ends_at - begins_at).total_seconds()


def _segment(segment: Segment) -> SegmentView:
    return SegmentView(
        kind=segment.kind,
        begins_at=segment.begins_at,
        ends_at=segment.ends_at,
        seconds=_seconds(segment.begins_at, segment.ends_at),
        queue=segment.queue,
        agent_id=segment.agent_id,
    )


def _agent_segment(segment: AgentSegment) -> AgentSegmentView:
    return AgentSegmentView(
        state=segment.state,
        reason=segment.reason,
        activity=segment.activity,
        call_id=segment.call_id,
        shift_at=segment.shift_at,
        begins_at=segment.begins_at,
        ends_at=segment.ends_at,
        seconds=_seconds(segment.begins_at, segment.ends_at),
    )


def _recording(recording: Recording) -> RecordingView:
    return RecordingView(
        recording_id=recording.recording_id,
        call_id=recording.call_id,
        state=recording.state,
        mode=recording.mode,
        name=recording.name,
        queue=recording.queue,
        agent_id=recording.agent_id,
        started_at=recording.started_at,
        ended_at=recording.ended_at,
        size=recording.size,
        seconds=recording.seconds,
        sha256=recording.sha256,
        is_paused=recording.is_paused,
        deleted_at=recording.deleted_at,
        problem=recording.problem,
    )


def _interaction(known: Interaction) -> InteractionView:
    return InteractionView(
        call_id=call_id_of(known.linkedid),
        started_at=known.started_at,
        ended_at=known.ended_at,
        queue=known.queue,
        agent_id=known.agent_id,
        number=known.caller_e164 or known.caller_given,
        caller_name=known.caller_name,
        result=known.termination_result,
        reason=known.termination_reason,
        wait_seconds=None if known.wait_time is None else known.wait_time.total_seconds(),
        talk_seconds=known.conversation_time.total_seconds(),
        wrap_up_code=known.wrap_up_code,
        ticket_number=known.ticket_number,
    )


ENDPOINTS = (
    list_interactions,
    show_interaction,
    show_segments,
    show_recording,
    play_recording,
    show_agent_segments,
    see_to_recording,
)
