"""What can be wrong with a configuration text or a flow, always with its place.

    IvrError
    ├── ConfigurationError     one text or several, every problem listed
    └── SessionStateError      a dumped session that this flow cannot take up again

No message repeats a value from the text: it may be a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import ClassVar, Literal

import msgspec

__all__ = ["ConfigurationError", "IvrError", "Problem", "SessionStateError", "did_you_mean", "dotted"]


class Problem(msgspec.Struct, frozen=True, order=True):
    """One fault at one place. `line` and `column` count from 1; 0: the value has no text (environment)."""

    file: str
    line: int
    column: int
    path: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """`file:line:column: message`, as compilers and editors write it."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        note = "warning: " if self.severity == "warning" else ""
        return f"{place}: {note}{self.message}"


class IvrError(Exception):
    """Base of what this package raises."""

    error_id: ClassVar[str] = "ivr"


class ConfigurationError(IvrError):
    """A configuration that cannot be used. `problems` holds all of them, in the order of the text."""

    error_id: ClassVar[str] = "configuration_invalid"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SessionStateError(IvrError):
    """A dumped session that is damaged, of another format, or of a node the flow no longer has."""

    error_id: ClassVar[str] = "ivr_session_unusable"


def dotted(path: Sequence[str | int]) -> str:
    """`("nodes", "start", 0)` as `nodes.start[0]`; empty at the top."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean `x`?` for the closest of `known`, or nothing."""
    close = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""
