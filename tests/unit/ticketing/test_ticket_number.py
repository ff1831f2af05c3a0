"""Numbers a caller can key, and the mistakes people make keying them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.domain.errors import InvalidTicketNumberError
from ticketing.domain.ticket_number import LAST_SERIAL, damm_digit, is_ticket_number, number_of_serial, serial_of_number

serials = st.integers(min_value=1, max_value=LAST_SERIAL)


def test_the_damm_digit_of_the_published_example() -> None:
    assert damm_digit("572") == 4  # Damm 2004; the example of Wikipedia's article
    assert damm_digit("5724") == 0


@given(serials)
def test_a_number_leads_back_to_its_serial(serial: int) -> None:
    number = number_of_serial(serial)
    assert number.isascii() and number.isdigit() and len(number) >= 7
    assert serial_of_number(number) == serial


@given(serials, st.data())
def test_one_wrong_digit_is_noticed(serial: int, data: st.DataObject) -> None:
    number = number_of_serial(serial)
    position = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[position]]))
    assert not is_ticket_number(number[:position] + wrong + number[position + 1 :])


@given(serials, st.data())
def test_two_neighbours_swapped_are_noticed(serial: int, data: st.DataObject) -> None:
    number = number_of_serial(serial)
    at = data.draw(st.integers(0, len(number) - 2))
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assert swapped == number or not is_ticket_number(swapped)


@given(st.one_of(st.text(), st.text(alphabet="0123456789", max_size=40), st.text(alphabet="٠١٢٣٤²", min_size=6)))
def test_any_text_is_judged_without_raising(text: str) -> None:
    if is_ticket_number(text):
        assert number_of_serial(serial_of_number(text)) == text
    else:
        with pytest.raises(InvalidTicketNumberError):
            serial_of_number(text)


@pytest.mark.parametrize("serial", [0, -1, LAST_SERIAL + 1])
def test_serials_out_of_range_are_refused(serial: int) -> None:
    with pytest.raises(InvalidTicketNumberError, match=str(serial)):
        number_of_serial(serial)
