"""What callers do without an agent, to be looked at: surveys, requests; and their PINs, to be given."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from aiohttp import web

from acd.web.endpoint import ANYBODY, SUPERVISORS, Exchange, Input, NoBody, Parameter, endpoint
from acd.web.errors import ApiError
from ticketing.api import ContactId, Survey, SurveyFigures, TicketNumber, survey_figures

MOST_SURVEYS = 5000
USUAL_TIME = timedelta(days=7)
_SINCE = Parameter("since", "query", "Asked since this instant (ISO 8601); a week without it", r"^[0-9T:.+Z -]{0,40}$")
_CALL = Parameter("linkedid", "path", "Of the call", r"^[A-Za-z0-9_.:-]{1,200}$")


class SurveyView(msgspec.Struct, frozen=True, kw_only=True):
    """`csat` 1 to 5, `nps` 0 to 10; null where the question was not answered. `comment`: whether one was spoken."""

    linkedid: str
    asked_at: datetime
    flow: str
    queue: str
    agent_id: str
    language: str
    csat: int | None
    nps: int | None
    is_resolved: bool | None
    has_comment: bool
    comment_seconds: float | None
    ticket_number: str | None


class QueueSurveyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """`queue` empty: of all. See `ticketing.domain.survey.SurveyFigures`."""

    queue: str
    asked: int
    answered: int
    csat: float | None
    csat_mean: float | None
    nps: float | None
    first_contact_resolution: float | None
    comments: int


class GivePin(Input, frozen=True, kw_only=True):
    """`pin`: 4 to 12 digits, not easily guessed; null takes it away."""

    pin: str | None


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    item: str
    answers: dict[str, str]
    proof: str
    requested_at: datetime


@endpoint(
    "GET",
    "/api/v1/surveys",
    summary="Surveys after the talk, latest first",
    body=NoBody,
    answer=list[SurveyView],
    access=SUPERVISORS,
    parameters=(_SINCE,),
)
async def list_surveys(exchange: Exchange[NoBody]) -> list[SurveyView]:
    return [_view(survey) for survey in await _surveys(exchange)]


@endpoint(
    "GET",
    "/api/v1/surveys/figures",
    summary="How content callers are, of all and by queue",
    body=NoBody,
    answer=list[QueueSurveyFigures],
    access=SUPERVISORS,
    parameters=(_SINCE,),
)
async def show_figures(exchange: Exchange[NoBody]) -> list[QueueSurveyFigures]:
    surveys = await _surveys(exchange)
    queues = sorted({survey.queue for survey in surveys})
    by_queue = [(name, survey_figures(one for one in surveys if one.queue == name)) for name in queues]
    return [_figures(name, figures) for name, figures in [("", survey_figures(surveys)), *by_queue]]


@endpoint(
    "GET",
    "/api/v1/surveys/{linkedid}/comment",
    summary="What the caller said, as WAV",
    body=NoBody,
    answer=None,
    access=SUPERVISORS,
    parameters=(_CALL,),
    errors={200: "The recording", 404: "Nothing was said in that call, or the recording is gone"},
)
async def play_comment(exchange: Exchange[NoBody]) -> web.StreamResponse:
    survey = await exchange.services.hotline.surveys.survey(exchange.request.match_info["linkedid"])
    name = survey.comment if survey is not None else None
    path = exchange.services.settings.data_dir / "surveys" / Path(name or "-").name
    if not await asyncio.to_thread(path.is_file):
        raise ApiError(404, "survey.no_comment", "There is no such recording.")
    return web.FileResponse(path, headers={"Content-Type": "audio/wav"})


@endpoint(
    "PUT",
    "/api/v1/contacts/{contact_id}/pin",
    summary="Give a contact a PIN for the keypad, or take it away",
    body=GivePin,
    answer=None,
    access=SUPERVISORS,
    parameters=(Parameter("contact_id", "path", "The contact's id", r"^contact_[0-9]{1,18}$"),),
    errors={404: "There is no contact of this id"},
)
async def give_pin(exchange: Exchange[GivePin]) -> None:
    contact_id = ContactId(exchange.request.match_info["contact_id"])
    await exchange.services.hotline.pins.set_pin(contact_id, exchange.body.pin)


@endpoint(
    "GET",
    "/api/v1/tickets/{number}/request",
    summary="What was asked for on the keypad by this ticket",
    body=NoBody,
    answer=RequestView,
    access=ANYBODY,
    parameters=(Parameter("number", "path", "The ticket's number", r"^[0-9]{1,20}$"),),
    errors={404: "This ticket is no request of the catalogue"},
)
async def show_request(exchange: Exchange[NoBody]) -> RequestView:
    number = TicketNumber(exchange.request.match_info["number"])
    request = await exchange.services.hotline.requests.request_of(number)
    if request is None:
        raise ApiError(404, "request.not_found", "This ticket is no request of the catalogue.")
    return RequestView(
        item=request.item, answers=request.answers, proof=request.proof, requested_at=request.requested_at
    )


async def _surveys(exchange: Exchange[NoBody]) -> tuple[Survey, ...]:
    given = exchange.request.query.get("since", "").replace(" ", "+")  # a plus sign that nobody encoded
    try:
        since = datetime.fromisoformat(given) if given else exchange.services.clock.now() - USUAL_TIME
    except ValueError:
        raise ApiError(400, "parameter.invalid", "since: is no instant, such as 2026-11-21T09:00:00Z") from None
    if since.tzinfo is None:
        raise ApiError(400, "parameter.invalid", "since: an instant without time zone")
    return await exchange.services.hotline.surveys.surveys_since(since, MOST_SURVEYS)


def _view(survey: Survey) -> SurveyView:
    return SurveyView(
        linkedid=survey.linkedid,
        asked_at=survey.asked_at,
        flow=survey.flow,
        queue=survey.queue,
        agent_id=survey.agent_id,
        language=survey.language,
        csat=survey.csat,
        nps=survey.nps,
        is_resolved=survey.is_resolved,
        has_comment=survey.comment is not None,
        comment_seconds=survey.comment_time.total_seconds() if survey.comment_time is not None else None,
        ticket_number=survey.ticket_number,
    )


def _figures(queue: str, figures: SurveyFigures) -> QueueSurveyFigures:
    return QueueSurveyFigures(queue=queue, **msgspec.structs.asdict(figures))


ENDPOINTS = (list_surveys, show_figures, play_comment, give_pin, show_request)
