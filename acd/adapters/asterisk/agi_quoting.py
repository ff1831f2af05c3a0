r"""Writing AGI commands that no hostile text can break out of. Pure: no I/O.

Three parsers read what we send, one inside the other; each has its own escape here:

1. the line: `parse_args` of res_agi.c (blank-separated words, "…", backslash)       -> `quote`
2. the data of EXEC: `AST_STANDARD_APP_ARGS` (commas, quotes, (), [], backslash)      -> `escape_application_argument`
3. expansion of `${…}` and `$[…]`                                                    -> `refuse_expansion`, `plain_text`

Tried on Asterisk 22.10.1:

- `SET VARIABLE`, `EXEC Set`, `EXEC MSet` and every other EXEC do **not** expand `${…}` or `$[…]`…
- …unless the channel (or global) variable `AGIEXECFULL` is true: then `EXEC Set Y=${SHELL(id)}` ran the shell.
  The dialplan must never set it; values with `${` or `$[` are refused here all the same.
- `GET FULL VARIABLE` always expands: its argument must never contain foreign text.
- A value holding `${SHELL(id)}` is not expanded again when the dialplan reads it (`${X}`), but is when used in
  `$[…]` or EVAL: hence `plain_text` for whatever a caller can influence.
- `MSet` takes off exactly one level of escapes; a value may hold `=`.
- A line longer than Asterisk's buffer (8,192 bytes on 22, 2,048 on older releases) is **cut, and its tail runs as
  a command of its own**: seen with `SET VARIABLE`. Hence `MAX_COMMAND_BYTES`.
- Two commands in one TCP segment: the second lies unseen until a third arrives. So never pipeline.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from acd.adapters.asterisk.agi_errors import AgiInvalidArgumentError

MAX_COMMAND_BYTES = 2046
"""Longest line without its newline that fits the smallest buffer known (`AGI_BUF_LEN` 2048, with newline and NUL)."""

MAX_COMMAND_WORDS = 100
"""`parse_args` keeps 128 words and writes beyond them when a quote opens the next one."""

MAX_PAIRS = 20
"""`MSet` in older releases splits no more than 24 pairs and leaves the last one unescaped."""

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:@+-]+")
_UNSENDABLE = re.compile(r"[\r\n\0\ud800-\udfff]")
_EXPANSION = re.compile(r"\$[{\[]")
_EXPANSION_DOLLARS = re.compile(r"\$+(?=[{\[])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_APPLICATION_SPECIAL = re.compile(r'([\\",()\[\]])')
_APPLICATION_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_VARIABLE_NAME = re.compile(r"_{0,2}[A-Za-z][A-Za-z0-9_]*(?:\([A-Za-z0-9_.:/-]*\))?")


def quote(argument: str) -> str:
    """One word for the AGI line, always in double quotes.

    Raises AgiInvalidArgumentError on CR, LF, NUL and lone surrogates.
    """
    if _UNSENDABLE.search(argument):
        raise AgiInvalidArgumentError("an AGI argument holds CR, LF, NUL or text that is not Unicode")
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def encode_command(words: Sequence[str]) -> bytes:
    """The line for these words, newline included, as UTF-8.

    Raises AgiInvalidArgumentError when a word cannot be sent or the line is too long for every Asterisk.
    """
    if not words or not words[0].isalpha() or words[0].lower() == "failure":
        # res_agi.c takes a line that begins with "failure" for the end of the script.
        raise AgiInvalidArgumentError("an AGI line must begin with a command name")
    if len(words) > MAX_COMMAND_WORDS:
        raise AgiInvalidArgumentError(f"an AGI line has {len(words)} words, {MAX_COMMAND_WORDS} are allowed")
    line = " ".join([word if _PLAIN_WORD.fullmatch(word) else quote(word) for word in words]).encode()
    if len(line) > MAX_COMMAND_BYTES:
        raise AgiInvalidArgumentError(
            f"{words[0].upper()}: the AGI line has {len(line)} bytes, {MAX_COMMAND_BYTES} are allowed"
        )
    return line + b"\n"


def plain_text(text: str, limit: int = 120) -> str:
    """Foreign text made harmless for a channel variable: `limit` characters at most.

    Control characters become one space, and `$` is taken away before `{` and `[`. Lossy on purpose: for caller
    names and the like, which must never make a call fail.
    """
    return _EXPANSION_DOLLARS.sub("", _CONTROL.sub(" ", text))[:limit]


def refuse_expansion(value: str) -> str:
    """The value itself; raises AgiInvalidArgumentError if the dialplan could expand it."""
    if _EXPANSION.search(value):
        raise AgiInvalidArgumentError(
            "a value holds ${ or $[, which a dialplan could expand: pass it through plain_text()"
        )
    return value


def escape_application_argument(argument: str) -> str:
    """One argument of a dialplan application, so that it stays one argument whatever it holds."""
    return _APPLICATION_SPECIAL.sub(r"\\\1", refuse_expansion(argument))


def application_name(name: str) -> str:
    """The name itself; raises AgiInvalidArgumentError unless it can be a dialplan application's name."""
    if not _APPLICATION_NAME.fullmatch(name):
        raise AgiInvalidArgumentError("not the name of a dialplan application")
    return name


def variable_name(name: str) -> str:
    """The name itself: a variable (`X`, `_X`, `__X`) or a function with one plain argument (`CHANNEL(language)`).

    Raises AgiInvalidArgumentError on anything else.
    """
    if not _VARIABLE_NAME.fullmatch(name):
        raise AgiInvalidArgumentError("not the name of a channel variable")
    return name


def mset_commands(variables: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """`EXEC MSet` for all the variables in order: one command, or as many as the limits ask for.

    Raises AgiInvalidArgumentError, before the first command, on a bad name or value or one too long for any line.
    """
    pairs = [f"{variable_name(name)}={escape_application_argument(value)}" for name, value in variables.items()]
    for pair in pairs:
        encode_command(("EXEC", "MSet", pair))
    return _packed(pairs)


def _packed(pairs: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    overhead = len('EXEC MSet ""')
    batch: list[str] = []
    used = overhead
    for pair in pairs:
        # Escaping for the line works character by character, so lengths add up.
        size = len(quote(pair).encode()) - 2 + 1
        if batch and (used + size > MAX_COMMAND_BYTES or len(batch) >= MAX_PAIRS):
            yield ("EXEC", "MSet", ",".join(batch))
            batch, used = [], overhead
        batch.append(pair)
        used += size
    if batch:
        yield ("EXEC", "MSet", ",".join(batch))
