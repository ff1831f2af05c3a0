"""`menu`: press a key to choose.

main:
  kind: menu
  prompt: {fr: "Pour un incident, tapez 1.", en: "For an incident, press 1."}
  choices: {"1": incident}
  no_input: {prompt: {...}, tries: 2}
  otherwise: support            # after too many tries
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal

from msgspec.structs import replace
from pydantic import Field

from ivr.model import Digits, Input, Session, Step, noted
from ivr.nodes.base import Asking, Exit, Keys, Move, Name, keyed


class Menu(Asking):
    kind: Literal["menu"]
    choices: Annotated[dict[Keys, Name], Field(min_length=1)]
    otherwise: Name

    def gives_up(self) -> str:
        return self.otherwise

    def exits(self) -> Iterator[Exit]:
        for key, target in self.choices.items():
            yield Exit(("choices", key), target, label=key)
        yield Exit(("otherwise",), self.otherwise, when_silent=self.no_input.then is None, label="otherwise")
        yield from super().exits()

    @cached_property
    def longest_key(self) -> int:
        return max(map(len, self.choices))

    def step(self, session: Session) -> Step:
        return self.collect(session, self.longest_key)

    def receive(self, session: Session, given: Input) -> Move:
        if not isinstance(given, Digits):
            return session, None
        keys = keyed(given.digits)
        if not keys:
            return self.silence(session)
        target = self.choices.get(keys)
        if target is None:
            return self.everywhere(session, keys) or self.mismatch(session, keys)
        return replace(session, path=noted(session.path, keys, keys)), target
