"""`guichet ivr try` and `guichet ivr graph`, as typed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from acd.cli import app
from ticketing import api as ticketing

SITE = """\
service: {{data_dir: {folder}}}
flows: [desk.yaml]
calendars:
  office: {{time_zone: Europe/Paris, week: {{monday-friday: ["08:00-18:00"]}}, holidays: {{country: FR}}}}
"""
FLOW = """\
flow: desk
languages: [fr]
start: opening
fallback: people
nodes:
  opening: {kind: hours, calendar: office, open: who, closed: closed, opens_at: reopens}
  closed: {kind: say, prompt: {fr: "Fermé, revenez {reopens:when}."}, next: bye}
  who:
    kind: branch
    cases: [{when: vip, then: people}]
    otherwise: number
  number:
    kind: collect
    prompt: {fr: "Votre ticket ?"}
    digits: {max: 8}
    into: ticket
    check: ticket_of_caller
    on_valid: people
    on_invalid: bye
  people: {kind: queue, queue: support, priority: 1, skills: {support: 2}}
  bye: {kind: hangup, reason: over}
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "desk.yaml").write_text(FLOW, "utf-8")
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(folder=tmp_path), "utf-8")
    yield file


def run(site: Path, *arguments: str, typed: str = "") -> tuple[int, str]:
    outcome = CliRunner().invoke(app, ["ivr", *arguments, "--config", str(site)], input=typed)
    return outcome.exit_code, outcome.output


def test_open_with_a_ticket(site: Path) -> None:
    code, said = run(site, "try", "desk", "--at", "2026-11-23T10:00", typed="1042#\ny\n")
    assert code == 0, said
    for part in ("at Monday 2026-11-23 10:00", "[fr] Votre ticket ?", "ticket = 1042", "-> queue support, language fr"):
        assert part in said
    assert "   priority 1\n   skill support >= 2\n" in said


def test_closed_on_a_holiday(site: Path) -> None:
    code, said = run(site, "try", "desk", "--at", "2026-12-25T10:00")
    assert (code, "[fr] Fermé, revenez lundi à huit heures" in said, "-> hang up (over)" in said) == (0, True, True)


def test_as_a_caller_nobody_knows(site: Path) -> None:
    code, said = run(site, "try", "desk", "--at", "2026-11-23T10:00", "--as", "+33612340000", typed="1042#\n\n\n\n")
    assert code == 0, said
    assert "known = False" in said
    assert "check ticket_of_caller 1042: does not pass" in said
    assert "-> hang up (over)" in said


def test_hanging_up(site: Path) -> None:
    code, said = run(site, "try", "desk", "--at", "2026-11-23T10:00", typed="h\n")
    assert (code, "-> hang up (caller_gone)" in said) == (0, True)


def test_no_such_flow_and_no_such_time(site: Path) -> None:
    assert run(site, "try", "dekc") == (2, "there is no flow `dekc`; did you mean `desk`?\n")
    code, said = run(site, "try", "desk", "--at", "noon")
    assert (code, "is no time" in said) == (2, True)


def test_mermaid(site: Path) -> None:
    code, said = run(site, "graph", "desk", "--format", "mermaid")
    assert code == 0
    assert said.startswith("flowchart TD\n")
    assert '    n_who -->|"vip"| n_people\n' in said
    assert '    n_people(["people<br/>queue support"])\n' in said


def test_svg(site: Path) -> None:
    code, said = run(site, "graph", "desk")
    assert code == 0
    picture = ElementTree.fromstring(said)  # noqa: S314  # made by ourselves a moment ago
    texts = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {"opening", "closed", "who", "number", "people", "bye", "hours office", "vip"} <= texts


async def _record(folder: Path, *records: ticketing.InteractionRecord) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    async with (
        await ticketing.open_database(f"sqlite:///{folder / 'guichet.db'}") as database,
        ticketing.open_desk(database, lambda: now) as desk,
    ):
        await desk.record_interactions(records)


def _call(linkedid: str, started_at: datetime, *path: str) -> ticketing.InteractionRecord:
    return ticketing.InteractionRecord(
        linkedid=linkedid,
        as_of=started_at,
        flow="desk@0a1b2c3d4e5f",
        ivr_path=path,
        ivr_times=tuple(float(index) for index in range(len(path))),
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=9),
    )


def test_the_traffic_of_a_day_on_the_picture(site: Path) -> None:
    noon = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    calls = [
        _call("1.1", noon, "opening", "who", "number:12", "bye"),
        _call("2.1", noon, "opening", "who", "number"),
        _call("3.1", noon, "opening", "who", "people"),
        _call("4.1", noon - timedelta(days=1), "opening", "closed", "bye"),
        _call("5.1", noon + timedelta(days=1), "opening", "closed", "bye"),
    ]
    asyncio.run(_record(site.parent, *calls))
    code, text = run(site, "graph", "desk", "--format", "mermaid", "--traffic", "2026-11-20")
    assert code == 0, text
    assert 'n_opening -->|"open: 3"| n_who' in text
    assert "2 in, 1 gone" in text
    code, text = run(site, "graph", "desk", "--format", "mermaid", "--traffic", "2026-11-19..2026-11-20T12:30+00:00")
    assert 'n_opening -->|"closed: 1"| n_closed' in text
    code, text = run(site, "graph", "desk", "--traffic", "2026-11-01..2026-11-30")
    assert (code, ElementTree.fromstring(text).tag.endswith("svg")) == (0, True)  # noqa: S314  # our own
    assert "open: 3" in text


@pytest.mark.parametrize("span", ["yesterday", "2026-11-20..", "2026-11-21..2026-11-20", "2026-13-01"])
def test_a_span_that_is_none(site: Path, span: str) -> None:
    code, said = run(site, "graph", "desk", "--traffic", span)
    assert code == 2
    assert "--traffic" in said
