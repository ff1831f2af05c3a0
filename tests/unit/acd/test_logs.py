"""Logs: one line an event on standard error, readable by machines where asked for."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from acd.logs import set_up_logging


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_is_one_object_a_line_with_level_and_utc(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("json")
    log = structlog.get_logger("test")
    forged = 'Zoë\n{"event": "forged"}'
    log.info("call_started", call_id="call_1.1", name=forged)
    log.debug("too_small")
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("failed")
    said = capsys.readouterr()
    assert said.out == ""
    first, second = [json.loads(line) for line in said.err.splitlines()]
    assert (first["event"], first["level"], first["call_id"], first["name"]) == (
        *("call_started", "info", "call_1.1", forged),
    )
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["level"]) == ("failed", "error")
    assert "ValueError: broken" in second["exception"]


def test_on_the_console_an_event_is_one_line_whatever_the_caller_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("console")
    structlog.get_logger("test").warning("event_of_ours", name="x\n2026-01-01 [error] forged \x1b[31m")
    (line,) = capsys.readouterr().err.splitlines()
    assert "event_of_ours" in line
    assert "\x1b" not in line  # no colours outside a terminal, and none of the caller's


def test_libraries_that_log_by_themselves_are_heard_from_warnings_on(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger().handlers.clear()  # pytest's own: with any there, nothing is set up
    set_up_logging("console")
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("trouble")
    said = capsys.readouterr().err
    assert "WARNING some.library trouble" in said
    assert "chatter" not in said
