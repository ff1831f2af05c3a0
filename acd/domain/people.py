"""What is agreed about people at work: reasons for not being ready, how calls are offered, the word after a call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

Sentences = tuple[tuple[str, str], ...]  # language and sentence


class OfferMode(StrEnum):
    RING = "ring"
    ACCEPT = "accept"  # the phone rings once the agent has accepted on the screen
    AUTO_ANSWER = "auto_answer"  # the phone is asked to answer by itself


class ReasonPolicy(Struct, frozen=True, kw_only=True):
    """A reason for not being ready. Limits warn; they force nobody."""

    name: str
    label: str
    limit: timedelta | None = None  # each time
    shift_limit: timedelta | None = None  # all times since log-in together


class PeopleRules(Struct, frozen=True, kw_only=True):
    reasons: tuple[ReasonPolicy, ...] = ()  # none: agents may give any
    reject_reasons: tuple[tuple[str, str], ...] = ()  # with labels; suggestions, agents may give others
    group_modes: tuple[tuple[str, OfferMode], ...] = ()  # by skill; the first that an agent has counts
    agent_modes: tuple[tuple[str, OfferMode], ...] = ()  # by login, before the groups'
    vip_whisper: Sentences = ()  # said to the agent before the queue's words
    closed_announcement: Sentences = ()  # of a queue closed by hand, when the supervisor gives none

    @property
    def has_limits(self) -> bool:
        return any(reason.limit is not None or reason.shift_limit is not None for reason in self.reasons)

    def reason(self, name: str) -> ReasonPolicy | None:
        return next((reason for reason in self.reasons if reason.name == name), None)


class WrapUpCode(Struct, frozen=True, kw_only=True):
    code: str
    label: str


class WrapUpPolicy(Struct, frozen=True, kw_only=True):
    codes: tuple[WrapUpCode, ...] = ()  # none: any code may be given
    is_code_required: bool = False
    extension_time: timedelta = timedelta(seconds=60)  # what one extension adds, unless the agent asks for another time
    most_extension_time: timedelta = timedelta(seconds=300)  # all extensions of one wrap-up together; 0: none


class Whisper(Struct, frozen=True):
    """What the agent hears before the bridge, in one language."""

    language: str
    text: str


def whisper_of(queue: Sentences, vip: Sentences, language: str, *, is_vip: bool) -> Whisper | None:
    """In the caller's language, which tells the agent how to greet, where the words are there; else in the first."""
    parts = (*((vip,) if is_vip else ()), queue)
    said = [sentences for sentences in parts if sentences]
    if not said:
        return None
    spoken = language if all(language in dict(sentences) for sentences in said) else said[0][0][0]
    return Whisper(spoken, ". ".join(text for sentences in said if (text := dict(sentences).get(spoken))))


def every_whisper(queue: Sentences, vip: Sentences) -> Iterator[Whisper]:
    """All that `whisper_of` can give, to be made beforehand."""
    for language in dict.fromkeys(language for language, _ in (*queue, *vip)):
        for is_vip in (False, True):
            if whisper := whisper_of(queue, vip, language, is_vip=is_vip):
                yield whisper
