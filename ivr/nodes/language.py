"""`language`: choose the language of all that follows; every language is spoken by its own voice.

language:
  kind: language
  prompt: {fr: "Pour le français, tapez 1.", en: "For English, press 2."}
  choices: {"1": fr, "2": en}
  from_caller: true             # do not ask a caller whose language is known
  default: fr                   # after too many tries
  next: main
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal

from msgspec.structs import replace
from pydantic import Field

from ivr.model import Digits, Input, PromptRef, Session, Step, noted
from ivr.nodes.base import Asking, Exit, Keys, Language, Move, Name, Spoken, keyed, refs


class ChooseLanguage(Asking):
    kind: Literal["language"]
    choices: Annotated[dict[Keys, Language], Field(min_length=1)]
    default: Language
    from_caller: bool = False
    next: Name

    def gives_up(self) -> str:
        return self.next

    def exits(self) -> Iterator[Exit]:
        yield Exit(("next",), self.next, when_silent=self.no_input.then is None)
        yield from super().exits()

    @cached_property
    def longest_key(self) -> int:
        return max(map(len, self.choices))

    def enter(self, session: Session) -> Move:
        if self.from_caller and session.language_known:
            return replace(session, path=noted(session.path, exit_="known")), self.next
        return session, None

    def step(self, session: Session) -> Step:
        return self.collect(session, self.longest_key)

    def question(self, session: Session) -> tuple[PromptRef, ...]:
        retry = {"no_input": self.no_input, "no_match": self.no_match}.get(session.retry)
        if retry is None or retry.prompt is None:
            return self._in_all(session, self.prompt)
        question = self._in_all(session, self.prompt) if retry.repeat else ()
        return self._in_all(session, retry.prompt) + question

    def receive(self, session: Session, given: Input) -> Move:
        if not isinstance(given, Digits):
            return session, None
        keys = keyed(given.digits)
        language = self.choices.get(keys)
        if language is None:
            if keys and (elsewhere := self.everywhere(session, keys)):
                return elsewhere
            moved, target = self.mismatch(session, keys) if keys else self.silence(session)
            return (moved if target is None else self._speaking(moved, self.default)), target
        chosen = replace(session, path=noted(session.path, keys, keys), language_known=True)
        return self._speaking(chosen, language), self.next

    def _speaking(self, session: Session, language: str) -> Session:
        return replace(session, language=language) if language in session.flow.languages else session

    def _in_all(self, session: Session, prompt: dict[str, Spoken]) -> tuple[PromptRef, ...]:
        return tuple(ref for language in session.flow.languages for ref in refs(prompt, session, language))
