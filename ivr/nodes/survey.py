"""`survey`: one question of a survey after the talk; a flow of such questions is a survey (`surveys` of the settings).

content:
  kind: survey
  measure: csat                 # 1 (bad) to 5 (good); nps: 0 to 10; resolved: yes or no; comment: spoken
  prompt: {fr: "De 1 à 5, êtes-vous satisfait ?", en: "From 1 to 5, are you content?"}
  next: recommend
settled: {kind: survey, measure: resolved, "yes": "1", "no": "2", prompt: {...}, next: words}
words: {kind: survey, measure: comment, seconds: 60, silence_seconds: 3, prompt: {...}, next: bye}

The answer is kept at once, and noted as the attribute `survey_csat`, `survey_nps` or `survey_resolved` (yes or no). Who
does not answer goes on to the next question. A comment ends with any key, a silence, or its time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal

from msgspec.structs import replace
from pydantic import Field, model_validator

from ivr.expression import Kind
from ivr.model import Digits, Input, Play, Played, Session, Step, noted
from ivr.nodes.base import Asking, Exit, Move, Name, keyed
from ivr.self_service import AnswerKept, KeepAnswer, RecordVoice, VoiceRecorded

Measure = Literal["csat", "nps", "resolved", "comment"]

_KEEPING: Final = "keeping"
_RECORDING: Final = "recording"
_NPS_DIGIT_TIMEOUT: Final = timedelta(seconds=2)  # 1 may become 10
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]


class AskSurvey(Asking):
    kind: Literal["survey"]
    measure: Measure
    yes: Key = "1"
    no: Key = "2"
    seconds: Annotated[float, Field(gt=0, le=300)] = 60.0
    silence_seconds: Annotated[float, Field(ge=1, le=20)] = 3.0
    next: Name

    @model_validator(mode="after")
    def _distinct(self) -> AskSurvey:
        if self.yes == self.no:
            raise ValueError("one key cannot mean yes and no")
        return self

    def gives_up(self) -> str:
        return self.next

    def exits(self) -> Iterator[Exit]:
        yield Exit(("next",), self.next, when_silent=True)
        yield from super().exits()

    def assigns(self) -> Mapping[str, Kind]:
        return {} if self.measure == "comment" else {f"survey_{self.measure}": Kind.TEXT}

    def step(self, session: Session) -> Step:
        if session.phase == _RECORDING:
            limit, silence = timedelta(seconds=self.seconds), timedelta(seconds=self.silence_seconds)
            return RecordVoice(session.node, limit, silence)
        if self.measure == "comment":
            return Play(self.question(session), session.language, interruptible=self.barge_in)
        if session.phase == _KEEPING:
            return KeepAnswer(self.measure, session.value)
        if self.measure == "nps":
            return replace(self.collect(session, 2, "#"), digit_timeout=_NPS_DIGIT_TIMEOUT)
        return self.collect(session, 1)

    def receive(self, session: Session, given: Input) -> Move:
        match given:
            case Played() | Digits() if self.measure == "comment" and not session.phase:
                return replace(session, phase=_RECORDING), None
            case VoiceRecorded(ok=ok) if session.phase == _RECORDING:
                return replace(session, path=noted(session.path, exit_="valid" if ok else "no_input")), self.next
            case AnswerKept() if session.phase == _KEEPING:
                return replace(session, path=noted(session.path, exit_="valid")), self.next
            case Digits() if not session.phase and self.measure != "comment":
                return self._answered(session, keyed(given.digits))
        return session, None

    def _answered(self, session: Session, keys: str) -> Move:
        if not keys:
            return self.silence(session)
        value = self._value_of(keys)
        if not value:
            return self.everywhere(session, keys) or self.mismatch(session, keys)
        attributes = {**session.attributes, f"survey_{self.measure}": value}
        path = noted(session.path, keys)
        return replace(session, attributes=attributes, path=path, phase=_KEEPING, value=value), None

    def _value_of(self, keys: str) -> str:
        """The answer these keys are, or nothing."""
        match self.measure:
            case "csat":
                return keys if keys in ("1", "2", "3", "4", "5") else ""
            case "nps":
                return str(int(keys)) if keys.isdecimal() and int(keys) <= 10 else ""
            case "resolved":
                return {self.yes: "yes", self.no: "no"}.get(keys, "")
        return ""
