"""`announce`: tell of a major incident that concerns the caller, first of all; without one, go on at once.

outage:
  kind: announce
  services: [mail]              # incidents of these services too; those of the caller's site, and of everybody, always
  prompt:                       # {incident}: the sentence it was declared with
    fr: {text: "{incident}", without: "Nous connaissons une panne qui vous concerne."}
    en: {text: "{incident}", without: "We know of an outage that concerns you."}
  expected: {fr: "Retour prévu {incident_expected:when}.", en: "Expected back {incident_expected:when}."}
  offer: {fr: "Pour être prévenu de la fin, tapez 1.", en: "To be told when it is over, press 1."}
  key: "1"
  on_attached: noted            # their call is deflected: say so and hang up there
  next: main                    # who stays on the line

The sentence is heard to its end unless `barge_in: true`. Keys pressed before the offer do not count: nobody is sent
away by a key meant for a later menu. `offer` is made only to callers who can be rung.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final, Literal

from msgspec.structs import replace
from pydantic import Field, model_validator

from ivr.model import (
    INCIDENT,
    INCIDENT_EXPECTED,
    INCIDENT_TITLE,
    MAX_KEYS,
    Digits,
    Input,
    Play,
    Played,
    Session,
    Step,
    noted,
)
from ivr.nodes.base import Asking, Exit, Move, Name, Prompt, Retry, Said, keyed, refs
from ivr.self_service import AttachCaller, CallerAttached, FindIncident, IncidentFound

SERVICE: Final = "service"  # the attribute that says what the caller rings about

_TELLING, _TELLING_ONLY, _OFFERING, _ATTACHING = "telling", "telling_only", "offering", "attaching"


class Announce(Asking):
    is_question: ClassVar[bool] = False  # nobody wants to go back to it

    kind: Literal["announce"]
    services: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=20)] = ()
    barge_in: bool = False
    expected: Prompt | None = None
    offer: Prompt | None = None
    key: Annotated[str, Field(pattern=r"^[0-9*#]$")] = "1"
    on_attached: Name | None = None
    next: Name

    @model_validator(mode="after")
    def _whole(self) -> Announce:
        if (self.offer is None) != (self.on_attached is None):
            raise ValueError("`offer` and `on_attached` go together")
        if self.no_input != Retry() or self.no_match != Retry():
            raise ValueError("an announcement is not repeated: leave no_input and no_match out")
        return self

    def gives_up(self) -> str:
        return self.next

    def said(self) -> Iterator[Said]:
        for name, prompt in (("prompt", self.prompt), ("expected", self.expected), ("offer", self.offer)):
            if prompt is not None:
                yield Said((name,), prompt)

    def exits(self) -> Iterator[Exit]:
        yield Exit(("next",), self.next, when_silent=True)
        if self.on_attached is not None:
            yield Exit(("on_attached",), self.on_attached, label=self.key)

    def step(self, session: Session) -> Step:
        if session.phase == _ATTACHING:
            return AttachCaller(session.value)
        if not session.phase or INCIDENT_TITLE not in session.facts:  # the latter: in another process than before
            attribute = session.attributes.get(SERVICE, "")
            return FindIncident((*self.services, attribute) if attribute else self.services)
        if session.phase == _OFFERING and self.offer is not None:
            asked = self.collect(replace(session, retry=""), 1)
            return replace(asked, prompts=refs(self.offer, session), interruptible=True, is_retry=True)
        told = refs(self.prompt, session)
        if self.expected is not None and session.facts.get(INCIDENT_EXPECTED):
            told += refs(self.expected, session)
        return Play(told, session.language, interruptible=self.barge_in)

    def receive(self, session: Session, given: Input) -> Move:
        match given:
            case IncidentFound() if not session.phase or INCIDENT_TITLE not in session.facts:
                return self._found(session, given)
            case CallerAttached(ok=ok) if session.phase == _ATTACHING:
                if ok and self.on_attached is not None:
                    return replace(session, path=noted(session.path, exit_="attached")), self.on_attached
                return self._goes_on(session, "failed")
            case Digits() if session.phase == _OFFERING:
                return self._answered(session, keyed(given.digits))
            case Played() | Digits() if session.phase == _TELLING:
                return replace(session, phase=_OFFERING), None
            case Played() | Digits() if session.phase == _TELLING_ONLY:
                return self._goes_on(session, "heard")
        return session, None

    def _found(self, session: Session, given: IncidentFound) -> Move:
        if not given.incident_id:
            return self._goes_on(session, "nothing")
        sentence = given.sentences.get(session.language, "")
        facts = {**session.facts, INCIDENT: sentence, INCIDENT_TITLE: given.title, INCIDENT_EXPECTED: given.expected}
        phase = _TELLING if given.can_be_told and self.offer is not None else _TELLING_ONLY
        return replace(session, phase=phase, value=given.incident_id[:MAX_KEYS], facts=facts), None

    def _answered(self, session: Session, keys: str) -> Move:
        if keys == self.key:
            return replace(session, phase=_ATTACHING, path=noted(session.path, keys)), None
        if keys and (elsewhere := self.everywhere(session, keys)):
            return elsewhere
        return self._goes_on(replace(session, path=noted(session.path, keys)), "heard")

    def _goes_on(self, session: Session, how: str) -> Move:
        return replace(session, path=noted(session.path, exit_=how)), self.next
