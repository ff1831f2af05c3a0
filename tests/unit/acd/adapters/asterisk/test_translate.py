"""What is told of who talks, from the list of channels."""

from __future__ import annotations

import pytest

from acd.adapters.asterisk.ami import AmiEvent
from acd.adapters.asterisk.translate import talking_leg
from acd.service.ports import LegAnswered

TALKING = {
    "Channel": "PJSIP/agent-1001-0000002a",
    "ChannelStateDesc": "Up",
    "Uniqueid": "guichet-1.2",
    "Linkedid": "guichet-1.1",
    "BridgeId": "7f0c",
}


@pytest.mark.parametrize(
    ("changes", "is_talk"),
    [
        ({}, True),
        ({"ChannelStateDesc": "Ringing"}, False),
        ({"BridgeId": ""}, False),  # answered an announcement, not a caller
        ({"Channel": "PJSIP/trunk-0000002a"}, False),
        ({"Channel": "Local/1001@x-0000002a;1"}, False),
        ({"Uniqueid": "guichet-1.1"}, False),  # an agent's phone that calls the hotline is a caller
        ({"Linkedid": ""}, False),
    ],
)
def test_who_talks(changes: dict[str, str], is_talk: bool) -> None:
    leg = talking_leg(AmiEvent("CoreShowChannel", TALKING | changes))
    assert leg == (LegAnswered("guichet-1.1", "1001") if is_talk else None)


@pytest.mark.parametrize("missing", list(TALKING))
def test_a_header_that_is_missing_is_no_talk(missing: str) -> None:
    headers = {name: value for name, value in TALKING.items() if name != missing}
    leg = talking_leg(AmiEvent("CoreShowChannel", headers))
    assert leg is None or missing == "Uniqueid"
