"""Which DTMF events are keys of a caller."""

from __future__ import annotations

import pytest

from acd.adapters.asterisk.ami import AmiEvent
from acd.adapters.asterisk.translate import translate
from acd.service.ports import KeyPressed

# As Asterisk 22.10 sends it.
PRESSED = {
    "Channel": "PJSIP/trunk-00000001",
    "Uniqueid": "guichet-1.1",
    "Linkedid": "guichet-1.1",
    "Digit": "5",
    "DurationMs": "100",
    "Direction": "Received",
}


def test_a_key_of_the_caller() -> None:
    assert translate(AmiEvent("DTMFEnd", PRESSED)) == KeyPressed("guichet-1.1", "5")


@pytest.mark.parametrize(
    "other",
    [
        {"Direction": "Sent"},  # to the caller: an agent's key, in the talk
        {"Uniqueid": "guichet-1.2"},  # another leg of the same call
    ],
)
def test_other_keys_are_not(other: dict[str, str]) -> None:
    assert translate(AmiEvent("DTMFEnd", PRESSED | other)) is None
