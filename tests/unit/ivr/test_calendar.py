"""Opening hours: by the wall clock, over midnight, on the days the clocks change, on holidays and days off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calendar import Calendar
from ivr.errors import ConfigurationError
from ivr.source import load

OFFICE = """\
time_zone: Europe/Paris
week:
  monday-thursday: ["08:00-12:30", "13:30-18:00"]
  friday: ["08:00-17:00"]
  saturday: ["22:00-02:00"]
holidays: {country: FR}
exceptions:
  "2026-12-24": ["08:00-12:00"]
  "2026-12-28..2026-12-31": []
  "2026-05-01": ["10:00-11:00"]
"""


def calendar_of(text: str) -> Calendar:
    return load(text, "office").validate(Calendar)


@pytest.fixture(scope="module")
def office() -> Calendar:
    return calendar_of(OFFICE)


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2026-11-23T07:59+01:00", "closed"),  # a Monday
        ("2026-11-23T08:00+01:00", "open"),
        ("2026-11-23T07:00+00:00", "open"),  # the same instant
        ("2026-11-23T12:30+01:00", "closed"),
        ("2026-11-23T13:30+01:00", "open"),
        ("2026-11-23T18:00+01:00", "closed"),
        ("2026-11-27T17:30+01:00", "closed"),  # Friday
        ("2026-11-28T12:00+01:00", "closed"),  # Saturday
        ("2026-11-28T22:00+01:00", "open"),
        ("2026-11-29T01:59+01:00", "open"),  # Sunday, in Saturday's window
        ("2026-11-29T02:00+01:00", "closed"),
        ("2026-11-11T10:00+01:00", "holiday"),
        ("2026-12-25T10:00+01:00", "holiday"),
        ("2026-12-24T11:00+01:00", "open"),
        ("2026-12-24T14:00+01:00", "closed"),
        ("2026-12-29T10:00+01:00", "closed"),
        ("2026-05-01T10:30+02:00", "open"),  # an exception wins over a holiday
        ("2026-05-01T12:00+02:00", "holiday"),
        ("2027-03-29T00:30+02:00", "holiday"),  # Easter Monday
        # Clocks go forward on 29 March 2026, back on 25 October 2026, both a Sunday night.
        ("2026-03-28T23:30+01:00", "open"),
        ("2026-03-29T00:59+00:00", "open"),  # 01:59 in Paris
        ("2026-03-29T01:00+00:00", "closed"),  # 03:00: two o'clock did not happen
        ("2026-10-24T23:59+00:00", "open"),  # 01:59
        ("2026-10-25T00:00+00:00", "closed"),  # 02:00, for the first time
        ("2026-10-26T08:00+01:00", "open"),
        ("2026-03-30T08:00+02:00", "open"),
    ],
)
def test_status(office: Calendar, at: str, status: str) -> None:
    assert office.status(datetime.fromisoformat(at)) == status


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-23T12:45+01:00", "2026-11-23T13:30+01:00"),
        ("2026-11-27T18:00+01:00", "2026-11-28T22:00+01:00"),
        ("2026-11-29T12:00+01:00", "2026-11-30T08:00+01:00"),
        ("2026-12-24T13:00+01:00", "2026-12-26T22:00+01:00"),  # a Saturday
        ("2026-12-27T13:00+01:00", "2027-01-02T22:00+01:00"),  # not on the days off, nor on New Year
        ("2026-03-29T12:00+02:00", "2026-03-30T08:00+02:00"),
    ],
)
def test_next_opening(office: Calendar, at: str, opens: str) -> None:
    found = office.opens_at(datetime.fromisoformat(at))
    assert found is not None
    assert found.isoformat(timespec="minutes") == opens


def test_it_can_be_written_and_read_again(office: Calendar) -> None:
    for mode in ("json", "python"):
        written = office.model_dump(mode=mode)
        assert written["week"]["saturday"] == ("22:00-02:00",) if mode == "python" else ["22:00-02:00"]
        assert Calendar.model_validate(written) == office
    always = calendar_of('time_zone: UTC\nweek: {monday-sunday: ["00:00-24:00"]}\n')
    assert Calendar.model_validate_json(always.model_dump_json()) == always


def test_never_open() -> None:
    closed = calendar_of("time_zone: UTC\nweek: {}\n")
    assert closed.opens_at(datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert closed.status(datetime(2026, 1, 1, tzinfo=UTC)) == "closed"


@given(
    st.integers(0, 15 * 366 * 24 * 60).map(
        lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    )
)
def test_it_is_open_when_it_says_it_opens(at: datetime) -> None:
    office = calendar_of(OFFICE)
    opens = office.opens_at(at)
    assert opens is not None
    assert opens > at
    assert office.status(opens) == "open" or opens.utcoffset() != (opens - timedelta(hours=1)).utcoffset()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Europe/Paris", "Europe/Pari", "o:1:12: `time_zone`: unknown time zone `Europe/Pari`"),
        ("Europe/Paris", "../../etc/passwd", "o:1:12: `time_zone`: unknown time zone"),
        ('"08:00-17:00"', '"8-17"', "o:4:12: `friday`: no window: write it as 08:00-12:30"),
        ('"08:00-17:00"', '"25:00-26:00"', "o:4:12: `friday`: a day ends at 24:00"),
        ('"08:00-17:00"', '"08:00-08:00"', "o:4:12: `friday`: this window is empty"),
        ('["08:00-17:00"]', "08:00-17:00", "o:4:11: `friday`: must be a list"),
        ("  friday:", "  freitag:", "o:4:3: the key `freitag`: no day of the week"),
        ("  friday:", "  thursday:", "o:3:3: `week`: thursday is written twice"),
        ("country: FR", "country: XX", "no holidays are known for the country `XX`"),
        ("country: FR", 'country: FR, subdivision: "99"', "no holidays are known for `99` in FR"),
        ('"2026-12-24"', '"24.12.2026"', "o:8:3: the key `24.12.2026`: no date"),
        (
            "2026-12-28..2026-12-31",
            "2026-12-31..2026-12-28",
            "o:9:3: the key `2026-12-31..2026-12-28`: the last day must follow the first",
        ),
        ("exceptions:", "exeptions:", "unknown key `exeptions`; did you mean `exceptions`?"),
    ],
)
def test_a_slip_is_told(old: str, new: str, message: str) -> None:
    assert OFFICE.count(old) >= 1
    with pytest.raises(ConfigurationError) as refusal:
        load(OFFICE.replace(old, new, 1), "o").validate(Calendar)
    assert message in str(refusal.value)


@given(st.recursive(st.none() | st.text(max_size=8) | st.integers(), lambda inner: st.lists(inner, max_size=3)))
def test_anything_in_place_of_windows_is_refused(value: Any) -> None:
    if value == []:
        return
    with pytest.raises(ConfigurationError):
        load(f"time_zone: UTC\nweek: {{monday: {value!r}}}\n".replace("None", "null"), "o").validate(Calendar)
