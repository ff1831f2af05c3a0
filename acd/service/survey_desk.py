"""After the talk some callers are asked how content they are; the agent is free of them, and wraps up meanwhile.

Who is asked depends on the call's id and on when the number was last asked, which the database knows. Whatever fails,
the caller is let go as if there were no survey.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zlib import crc32

import structlog

from acd.domain import commands as cmd
from acd.domain.call import Call
from acd.domain.ids import CallId
from acd.service.ports import CallerChannel, CallerHungUpError, Clock, ControlLostError
from acd.service.tasks import BackgroundTasks
from ivr.schema import Flow
from ivr.self_service import AnswerKept, KeepAnswer, RecordVoice, VoiceRecorded
from ticketing.api import DatabaseError, SurveyAnswers, Surveys, SurveyStart

log = structlog.get_logger(__name__)

ASK_LIMIT = timedelta(seconds=1.5)  # of asking the database whether to ask: the caller hears nothing meanwhile
RETRIES = (0.0, 1.0, 5.0, 30.0)  # seconds before each try to keep an answer
SHORTEST_COMMENT = timedelta(seconds=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyPlan:
    """What the settings say for a call: which survey, for what share of calls, not again within which time."""

    flow: Flow
    share: float
    not_again_within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyServices:
    """The same for all callers. `plan_of`: by queue and called number; None: nobody is asked. `folder`: where Asterisk
    writes comments."""

    submit: Callable[[cmd.Command], None]
    clock: Clock
    tasks: BackgroundTasks
    store: Surveys
    plan_of: Callable[[str, str], SurveyPlan | None]
    folder: Path


def is_chosen(call_id: CallId, share: float) -> bool:
    """By the call's id alone: the same call is chosen or not on every node, and after every restart."""
    return crc32(call_id.encode()) < share * 2**32


class SurveyDesk:
    """One caller's."""

    def __init__(self, channel: CallerChannel, services: SurveyServices, call_id: CallId) -> None:
        self._channel = channel
        self._services = services
        self._call_id = call_id
        self._linkedid = channel.facts.linkedid

    async def plan_for(self, call: Call) -> SurveyPlan | None:
        """The survey this caller is asked, noted as begun; None: they are let go."""
        plan = self._services.plan_of(call.queue or "", call.called_number)
        number = call.caller.e164
        if call.plan is not None:  # a call that we placed
            return None
        if plan is None or number is None or call.answered_at is None or not is_chosen(call.call_id, plan.share):
            return None
        now = self._services.clock.now()
        start = SurveyStart(
            linkedid=self._linkedid,
            number=number,
            asked_at=now,
            flow=f"{plan.flow.name}@{plan.flow.version}",
            queue=call.queue or "",
            agent_id=call.agent_id or "",
            language=call.language,
        )
        try:
            async with asyncio.timeout(ASK_LIMIT.total_seconds()):
                is_asked = await self._services.store.begin(start, not_since=now - plan.not_again_within)
        except (DatabaseError, TimeoutError) as error:
            log.warning("survey_not_begun", call_id=self._call_id, error=type(error).__name__)
            return None
        return plan if is_asked else None

    def keep(self, step: KeepAnswer) -> AnswerKept:
        answers = {
            "csat": lambda: SurveyAnswers(csat=int(step.value)),
            "nps": lambda: SurveyAnswers(nps=int(step.value)),
            "resolved": lambda: SurveyAnswers(is_resolved=step.value == "yes"),
        }[step.measure]()
        self._keep(answers)
        self._services.submit(cmd.AnswerSurvey(call_id=self._call_id, measure=step.measure, value=step.value))
        return AnswerKept()

    async def record(self, step: RecordVoice) -> VoiceRecorded:
        """The prompts have been played."""
        name = f"{_file_name(self._linkedid)}-{step.name}"
        path = self._services.folder / name
        try:
            recorded = await self._channel.record(str(path), limit=step.limit, silence=step.silence)
        except (CallerHungUpError, ControlLostError):
            self._keep_comment(f"{name}.wav", None)  # said, and hung up: the usual end of a comment
            raise
        if recorded.length < SHORTEST_COMMENT:
            return VoiceRecorded(False)
        self._keep_comment(f"{name}.wav", recorded.length)
        return VoiceRecorded(True)

    def _keep_comment(self, file: str, length: timedelta | None) -> None:
        self._keep(SurveyAnswers(comment=file, comment_time=length))
        self._services.submit(cmd.AnswerSurvey(call_id=self._call_id, measure="comment", value="recorded"))

    def _keep(self, answers: SurveyAnswers) -> None:
        self._services.tasks.start(self._write(answers), "keep_survey_answer")

    async def _write(self, answers: SurveyAnswers) -> None:
        for pause in RETRIES:
            await asyncio.sleep(pause)
            try:
                await self._services.store.answer(self._linkedid, answers)
            except DatabaseError as error:
                log.warning("survey_answer_not_kept", call_id=self._call_id, error=type(error).__name__)
            else:
                return


def _file_name(linkedid: str) -> str:
    """A Linkedid has no slash or dots in a row on our Asterisk; another one's is not trusted."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "_" for char in linkedid)[:100]
