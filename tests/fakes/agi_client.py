"""A scripted Asterisk on the other side of FastAGI, which can also misbehave.

    async with await FakeAgiClient.connect(server.port) as client:
        assert await client.next_command() == ["ANSWER"]
        client.send("200 result=0")

Commands are split as Asterisk splits them (`parse_args`), so a quoting fault shows as wrong words.
"""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

TOKEN = "token-of-the-tests"
PATIENCE = 10.0  # seconds before a test that hangs fails


def parse_args(line: str) -> list[str]:
    """The words Asterisk sees in a command line: a port of the rules of res_agi.c's `parse_args`."""
    words: list[str] = []
    quoted = escaped = False
    between_words = True
    for character in line:
        if character == '"' and not escaped:
            quoted = not quoted
            if quoted and between_words:
                words.append("")
                between_words = False
        elif character in " \t" and not quoted and not escaped:
            between_words = True
        elif character == "\\" and not escaped:
            escaped = True
        else:
            if between_words:
                words.append("")
                between_words = False
            words[-1] += character
            escaped = False
    return words


def split_application_arguments(data: str, delimiter: str = ",") -> list[str]:
    """The arguments a dialplan application sees: the rules of `AST_STANDARD_APP_ARGS`."""
    arguments = [""]
    brackets = parentheses = 0
    quoted = escaped = False
    for character in data:
        if escaped:
            arguments[-1] += character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == delimiter and not (quoted or brackets or parentheses):
            arguments.append("")
        else:
            brackets = max(0, brackets + (character == "[") - (character == "]"))
            parentheses = max(0, parentheses + (character == "(") - (character == ")"))
            arguments[-1] += character
    return arguments


def environment(*arguments: str, token: str = TOKEN, script: str = "call", **extra: str) -> bytes:
    """The header lines Asterisk 22.10 sends, with the empty line; `extra` replaces or adds (agi_callerid="…")."""
    values = {
        "agi_network": "yes",
        "agi_network_script": script,
        "agi_request": f"agi://127.0.0.1/{script}",
        "agi_channel": "PJSIP/trunk-0000002a",
        "agi_language": "en",
        "agi_type": "PJSIP",
        "agi_uniqueid": "1700000000.42",
        "agi_version": "22.10.1",
        "agi_callerid": "0033123456789",
        "agi_calleridname": "unknown",
        "agi_dnid": "100",
        "agi_context": "guichet-hotline",
        "agi_extension": "s",
        "agi_accountcode": "",
    }
    values |= extra
    values |= {f"agi_arg_{index}": value for index, value in enumerate((token, *arguments), start=1)}
    return "".join(f"{name}: {value}\n" for name, value in values.items()).encode() + b"\n"


class FakeAgiClient:
    """One caller's AGI connection, from Asterisk's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int, *arguments: str, **about: str) -> Self:
        """Connects to a FastAGI server on loopback and sends the environment (see `environment`)."""
        client = await cls.connect_silently(port)
        client.send_raw(environment(*arguments, **about))
        return client

    @classmethod
    async def connect_silently(cls, port: int) -> Self:
        """Connects and says nothing."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.vanish()

    async def next_line(self) -> str:
        """The next command as sent; "" at the end of the connection."""
        try:
            raw = await asyncio.wait_for(self._reader.readline(), PATIENCE)
        except ConnectionResetError:
            return ""
        return raw.decode().removesuffix("\n")

    async def next_command(self) -> list[str]:
        """The next command's words as Asterisk reads them; [] at the end of the connection."""
        return parse_args(await self.next_line())

    def send(self, *lines: str) -> None:
        """Whole lines, in one write."""
        self.send_raw("".join(f"{line}\n" for line in lines).encode())

    def send_raw(self, data: bytes) -> None:
        self._writer.write(data)

    async def send_in_pieces(self, data: bytes, size: int = 1) -> None:
        """In as many TCP segments as the loop lets through."""
        for start in range(0, len(data), size):
            self._writer.write(data[start : start + size])
            await self._writer.drain()
            await asyncio.sleep(0)

    async def serve(self, reply: Callable[[list[str]], str | None]) -> list[list[str]]:
        """Answers every command with `reply(words)` (None: no answer) until the server closes; the commands seen."""
        seen: list[list[str]] = []
        while words := await self.next_command():
            seen.append(words)
            answer = reply(words)
            if answer is not None:
                self.send(answer)
        return seen

    async def next_after_echoes(self) -> list[str]:
        """Echoes every GET FULL VARIABLE, as Asterisk does with a text without `${`; the command after them."""
        while (words := await self.next_command())[:3] == ["GET", "FULL", "VARIABLE"]:
            self.send(f"200 result=1 ({words[3]})")
        return words

    async def expect(self, expected: Sequence[str], *replies: str) -> None:
        """The next command must be this one; answers it."""
        words = await self.next_command()
        assert words == list(expected), words
        self.send(*replies)

    async def closed(self) -> bool:
        """True once the server has closed; False if it sends something instead."""
        return await self.next_line() == ""

    def hang_up(self) -> None:
        self.send("HANGUP")

    def vanish(self) -> None:
        """Ends the socket without a word, as a dying Asterisk does."""
        self._writer.close()

    def reset(self) -> None:
        """Ends the socket with a reset."""
        self._writer.transport.abort()


async def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition, with a deadline."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the conditions are counters, which tell nobody
            await asyncio.sleep(0.005)
